// SPDX-License-Identifier: MIT
/** Programs, people at pages and plain clients, in the hand of a test. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { after, before } from 'node:test';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { connect, idBytes, readId } from '../../samples/chat/web/domi.js';
import { EVENT, groupOf, LOBBY } from '../../samples/chat/web/events.js';

export const WEB = fileURLToPath(
    new URL('../../samples/chat/web', import.meta.url));
export const PHONE = { width: 390, height: 844 };
const DESKTOP = { width: 1200, height: 800 };
const PATIENCE = 30000;

let browser;

/** Gives the tests of this file a browser. */
export function useBrowser() {
    before(async () => {
        browser = await chromium.launch({
            executablePath: process.env.DOMI_CHROMIUM ?? '/usr/bin/chromium',
            args: ['--headless', '--no-sandbox', '--disable-gpu',
                '--disable-quic', '--no-first-run', '--no-proxy-server',
                '--disable-background-networking',
                '--disable-component-update', '--disable-sync'],
        });
    });
    after(() => browser?.close());
}

/** A browser's context of its own, until the test ends. */
export async function useContext(t) {
    const context = await browser.newContext({ viewport: DESKTOP });
    t.after(() => context.close());
    return context;
}

/** What a promise gives; fails with `what` if that takes too long. */
export async function within(promise, what) {
    let timer;
    const late = new Promise((resolve, reject) => {
        timer = setTimeout(reject, PATIENCE, new Error(`waited for ${what}`));
    });
    try {
        return await Promise.race([promise, late]);
    } finally {
        clearTimeout(timer);
    }
}

/** Starts the program that an environment variable names; waits for it. */
export async function startProgram(t, variable, args) {
    const path = process.env[variable];
    assert.ok(path, `${variable} names a program`);
    const child = spawn(path, ['--host', '127.0.0.1', ...args],
        { stdio: ['ignore', 'pipe', 'inherit'] });
    const kill = async () => {
        if (child.exitCode === null && child.signalCode === null) {
            const ended = once(child, 'exit');
            child.kill('SIGKILL');
            await ended;
        }
    };
    t.after(kill);
    const gone = once(child, 'exit').then(([code, signal]) => {
        throw new Error(`${path} ended before it was ready: `
            + `${code ?? signal}`);
    });
    const ready = (async () => {
        for await (const line of createInterface({ input: child.stdout })) {
            const found = /^ready id=(\d+) tcp=(\S+:(\d+)) http=(\S+:(\d+))/
                .exec(line);
            if (found) {
                return found;
            }
        }
        return gone;
    })();
    gone.catch(() => {});
    const [, id, tcp, tcpPort, http, httpPort] = await within(
        Promise.race([ready, gone]), `${path} to be ready`);
    /* Whatever else it prints is of no interest, but must not block it. */
    child.stdout.resume();
    return { kill, pause: () => child.kill('SIGSTOP'),
        resume: () => child.kill('SIGCONT'),
        stop: () => child.kill('SIGTERM'),
        id: Number(id), tcpPort: Number(tcpPort), httpPort: Number(httpPort),
        address: tcp, tcp: `tcp://${tcp}`, page: `http://${http}/` };
}

/** A port that nobody has, and that no connection gets by chance. */
async function freePort() {
    for (;;) {
        const port = 20000 + Math.floor(Math.random() * 12000);
        const server = createServer();
        const isFree = once(server, 'listening').then(() => true,
            () => false);
        server.listen(port, '127.0.0.1');
        if (await isFree) {
            server.close();
            await once(server, 'close');
            return port;
        }
    }
}

/** Starts the Consul that DOMI_CONSUL names. @returns {string} its URL */
export async function startConsul(t) {
    const path = process.env.DOMI_CONSUL;
    assert.ok(path, 'DOMI_CONSUL names a program');
    const port = await freePort();
    const child = spawn(path, ['agent', '-dev', '-node=domi',
        '-bind=127.0.0.1', `-http-port=${port}`,
        `-server-port=${await freePort()}`,
        `-serf-lan-port=${await freePort()}`, '-serf-wan-port=-1',
        '-grpc-port=-1', '-dns-port=-1'], { stdio: 'ignore' });
    let hasEnded = false;
    const ended = once(child, 'exit').then(([code, signal]) => {
        hasEnded = true;
        throw new Error(`${path} has ended: ${code ?? signal}`);
    });
    ended.catch(() => {});
    t.after(async () => {
        child.kill('SIGKILL');
        await ended.catch(() => {});
    });
    const url = `http://127.0.0.1:${port}`;
    const hasLeader = async () => {
        try {
            const answer = await fetch(`${url}/v1/status/leader`);
            return (await answer.text()).includes(':');
        } catch {
            return false;
        }
    };
    await within(Promise.race([ended, (async () => {
        while (!hasEnded && !await hasLeader()) {
            await new Promise((resolve) => setTimeout(resolve, 50));
        }
    })()]), `${path} to answer`);
    return url;
}

/** A person at a page of their own; any error in the page fails the test. */
export async function person(t, server, name,
    { hash = '', viewport = DESKTOP } = {}) {
    const context = await browser.newContext({ viewport });
    const page = await context.newPage();
    const faults = [];
    const foreign = [];
    page.setDefaultTimeout(PATIENCE);
    page.on('pageerror', (error) => faults.push(error.stack));
    page.on('console', (line) => {
        /* The browser itself reports that a server cannot be reached. */
        const isExpected = line.text().includes('WebSocket connection to');
        if (line.type() === 'error' && !isExpected) {
            faults.push(line.text());
        }
    });
    page.on('request', (request) => {
        if (!request.url().startsWith(server.page)) {
            foreign.push(request.url());
        }
    });
    t.after(async () => {
        await context.close();
        assert.deepEqual(faults, [], `errors in the page of ${name}`);
        assert.deepEqual(foreign, [], `requests to others by ${name}`);
    });
    await page.goto(server.page + hash);
    await page.fill('#name-input', name);
    await page.click('#name-save');
    await joined(page, hash ? decodeURIComponent(hash.slice(1)) : LOBBY);
    return page;
}

export const joined = (page, room) => page.waitForSelector(
    `body[data-connection=online][data-room="${room}"]`);
export const present = (page, name) => page.waitForSelector(
    `#people [data-person="${name}"]`, { state: 'attached' });
export const absent = (page, name) => page.waitForSelector(
    `#people [data-person="${name}"]`, { state: 'detached' });
export const shown = (page, text) => page.locator('#log [data-message]',
    { hasText: text }).first().waitFor();
export const readLog = (page) => page.locator('#log [data-message]')
    .evaluateAll((all) => all.map(({ textContent, dataset }) =>
        [dataset.from, dataset.speaker, textContent]));

export async function say(page, text) {
    await page.fill('#composer-input', text);
    await page.press('#composer-input', 'Enter');
    await shown(page, text);
}

/** A guest without a browser: joins over TCP and keeps what it is told. */
export async function guest(t, server, room) {
    const news = new EventEmitter();
    const heard = [];
    const notices = [];
    const answers = [];
    let address;
    const until = (isSo, what) => within((async () => {
        while (!isSo()) {
            await once(news, 'news');
        }
    })(), what);
    const keep = (list, item) => {
        list.push(item);
        news.emit('news');
    };
    /* The target of the room's zone, which is 0 if no room can be had. */
    const join = async (wished) => {
        connection.send(EVENT.JOIN, wished && idBytes(groupOf(wished)));
        await until(() => answers.length > 0, 'a guest to join');
        address = answers.shift();
        return readId(address);
    };
    const opened = new EventEmitter();
    const connection = connect(server.tcp, {
        opened: () => opened.emit('opened'),
        notice: (notice) => keep(notices, notice),
    });
    t.after(() => connection.close());
    connection.handle(EVENT.JOIN, (data) => keep(answers, data));
    connection.handle(EVENT.MESSAGE,
        (data) => keep(heard, new TextDecoder().decode(data)));
    await within(once(opened, 'opened'), 'a guest to connect');
    const target = await join(room);
    return {
        heard,
        notices,
        target,
        join,
        leave: () => connection.send(EVENT.LEAVE, address),
        say: (text) => connection.sendToGroup(address, EVENT.MESSAGE, text),
        hears: (text) => until(() => heard.includes(text),
            `a guest to hear ${text}`),
        isTold: (notice) => until(
            () => notices.some((one) => one.notice === notice),
            `a guest to be given notice ${notice}`),
    };
}
