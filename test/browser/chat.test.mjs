// SPDX-License-Identifier: MIT
/**
 * People in real browsers talk through the real chat program.
 *
 * Environment: DOMI_CHAT, the path of the chat program (required);
 * DOMI_CHROMIUM, the browser, if it is not /usr/bin/chromium.
 */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { connect } from '../../samples/chat/web/domi.js';
import { EVENT } from '../../samples/chat/web/events.js';

const WEB = fileURLToPath(new URL('../../samples/chat/web', import.meta.url));
const PATIENCE = 30000;
const DESKTOP = { width: 1200, height: 800 };
const PHONE = { width: 390, height: 844 };

let browser;

before(async () => {
    assert.ok(process.env.DOMI_CHAT, 'DOMI_CHAT names the chat program');
    browser = await chromium.launch({
        executablePath: process.env.DOMI_CHROMIUM ?? '/usr/bin/chromium',
        args: ['--headless', '--no-sandbox', '--disable-gpu',
            '--disable-quic', '--no-first-run', '--no-proxy-server',
            '--disable-background-networking', '--disable-component-update',
            '--disable-sync'],
    });
});

after(() => browser?.close());

/** The chat program, started; ports of an earlier one, or free ones. */
async function startChat(t, { httpPort = 0, tcpPort = 0 } = {}) {
    const child = spawn(process.env.DOMI_CHAT, ['--host', '127.0.0.1',
        '--http-port', httpPort, '--tcp-port', tcpPort, '--web', WEB],
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
        throw new Error(`the chat ended before it was ready: `
            + `${code ?? signal}`);
    });
    const ready = (async () => {
        for await (const line of createInterface({ input: child.stdout })) {
            const found = /^ready .*tcp=(\S+):(\d+) http=(\S+):(\d+)/
                .exec(line);
            if (found) {
                return found;
            }
        }
        return gone;
    })();
    gone.catch(() => {});
    const [, host, tcp, , http] = await within(Promise.race([ready, gone]),
        'the chat to be ready');
    /* Whatever else it prints is of no interest, but must not block it. */
    child.stdout.resume();
    return { kill, pause: () => child.kill('SIGSTOP'),
        resume: () => child.kill('SIGCONT'),
        tcpPort: Number(tcp), httpPort: Number(http),
        page: `http://${host}:${http}/`, tcp: `tcp://${host}:${tcp}` };
}

async function within(promise, what) {
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

/** A person at a page of their own; any error in the page fails the test. */
async function person(t, chat, name, { hash = '', viewport = DESKTOP } = {}) {
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
        if (!request.url().startsWith(chat.page)) {
            foreign.push(request.url());
        }
    });
    t.after(async () => {
        await context.close();
        assert.deepEqual(faults, [], `errors in the page of ${name}`);
        assert.deepEqual(foreign, [], `requests to others by ${name}`);
    });
    await page.goto(chat.page + hash);
    await page.fill('#name-input', name);
    await page.click('#name-save');
    await joined(page, hash ? decodeURIComponent(hash.slice(1)) : 'lobby');
    return page;
}

const joined = (page, room) => page.waitForSelector(
    `body[data-connection=online][data-room="${room}"]`);
const present = (page, name) => page.waitForSelector(
    `#people [data-person="${name}"]`, { state: 'attached' });
const absent = (page, name) => page.waitForSelector(
    `#people [data-person="${name}"]`, { state: 'detached' });
const shown = (page, text) => page.locator('#log [data-message]',
    { hasText: text }).first().waitFor();
const readLog = (page) => page.locator('#log [data-message]')
    .evaluateAll((all) => all.map(({ textContent, dataset }) =>
        [dataset.from, dataset.speaker, textContent]));

async function say(page, text) {
    await page.fill('#composer-input', text);
    await page.press('#composer-input', 'Enter');
    await shown(page, text);
}

/** A guest without a browser: joins over TCP and keeps what is said. */
async function guest(t, chat) {
    const heard = [];
    let wake = () => {};
    let address;
    const connection = connect(chat.tcp, {
        opened: () => connection.send(EVENT.JOIN),
    });
    t.after(() => connection.close());
    connection.handle(EVENT.MESSAGE, (data) => {
        heard.push(new TextDecoder().decode(data));
        wake();
    });
    await within(new Promise((resolve) => {
        connection.handle(EVENT.JOIN, (data) => {
            address = data;
            resolve();
        });
    }), 'a guest to join');
    return {
        heard,
        say: (text) => connection.sendToGroup(address, EVENT.MESSAGE, text),
        hears: (text) => within((async () => {
            while (!heard.includes(text)) {
                await new Promise((resolve) => { wake = resolve; });
            }
        })(), `a guest to hear ${text}`),
    };
}

test('people with names talk, and each message has its speaker', async (t) => {
    const chat = await startChat(t);
    const ada = await person(t, chat, 'Ada');
    const ben = await person(t, chat, 'Ben');
    await present(ada, 'Ben');
    await present(ben, 'Ada');
    assert.deepEqual(await ben.locator('#people [data-me]')
        .evaluateAll((all) => all.map(({ dataset }) => dataset.person)),
    ['Ben']);
    await say(ada, 'good morning');
    await shown(ben, 'good morning');
    await say(ben, 'and to you: 你好');
    await shown(ada, '你好');
    assert.deepEqual(await readLog(ada), [['me', 'Ada', 'good morning'],
        ['person', 'Ben', 'and to you: 你好']]);
    assert.deepEqual(await readLog(ben), [['person', 'Ada', 'good morning'],
        ['me', 'Ben', 'and to you: 你好']]);
    await ben.context().close();
    await absent(ada, 'Ben');
});

test('a plain client without a name talks with both as a guest', async (t) => {
    const chat = await startChat(t);
    const ada = await person(t, chat, 'Ada');
    const ben = await person(t, chat, 'Ben');
    const plain = await guest(t, chat);
    await ada.waitForSelector('#guests:not([hidden])');
    plain.say('hello from a terminal');
    await shown(ada, 'hello from a terminal');
    await shown(ben, 'hello from a terminal');
    await say(ben, 'hello terminal');
    await plain.hears('hello terminal');
    assert.deepEqual(await readLog(ben),
        [['guest', 'Guest', 'hello from a terminal'],
            ['me', 'Ben', 'hello terminal']]);
    assert.deepEqual(plain.heard, ['hello from a terminal', 'hello terminal']);
});

test('markup in names, messages and rooms stays text', async (t) => {
    const chat = await startChat(t);
    const attack = '<img src=x onerror="window.hit=1">';
    const name = '<b onclick=hit=1>Eve</b>';
    const eve = await person(t, chat, name);
    const ada = await person(t, chat, 'Ada');
    const plain = await guest(t, chat);
    await say(eve, attack);
    await shown(ada, attack);
    plain.say(`${attack} from a guest`);
    await shown(ada, `${attack} from a guest`);
    await present(ada, name);
    await ada.fill('#room-input', attack);
    await ada.press('#room-input', 'Enter');
    await ada.locator('#rooms [data-room-link]', { hasText: '<img' })
        .waitFor();
    await ada.waitForSelector('body[data-connection=online]');
    for (const page of [ada, eve]) {
        assert.equal(await page.evaluate(() => window.hit), undefined);
        assert.equal(await page.locator('img, b').count(), 0);
    }
});

test('rooms are apart, and their links can be shared', async (t) => {
    const chat = await startChat(t);
    const ada = await person(t, chat, 'Ada');
    const ben = await person(t, chat, 'Ben');
    await present(ada, 'Ben');
    await ada.fill('#room-input', ' Garden  PARTY ');
    await ada.press('#room-input', 'Enter');
    await joined(ada, 'garden party');
    await absent(ben, 'Ada');
    await absent(ada, 'Ben');
    await say(ada, 'only for the garden');
    const carl = await person(t, chat, 'Carl', { hash: '#garden%20party' });
    assert.equal(ada.url(), carl.url());
    await present(ada, 'Carl');
    await say(carl, 'lovely garden');
    await shown(ada, 'lovely garden');
    await ada.click('#rooms [data-room-link=lobby]');
    await joined(ada, 'lobby');
    await present(ben, 'Ada');
    await absent(carl, 'Ada');
    await say(ada, 'back in the lobby');
    await shown(ben, 'back in the lobby');
    assert.deepEqual(await readLog(ben),
        [['person', 'Ada', 'back in the lobby']]);
    assert.deepEqual(await readLog(carl), [['me', 'Carl', 'lovely garden']]);
});

test('a name can be changed and is remembered', async (t) => {
    const chat = await startChat(t);
    const ada = await person(t, chat, 'Ada');
    const ben = await person(t, chat, 'Ben');
    await ada.click('#rename');
    await ada.fill('#name-input', 'ä'.repeat(17));
    await ada.click('#name-save');
    await ada.locator('#name-note', { hasText: 'too long' }).waitFor();
    await ada.fill('#name-input', 'Countess');
    await ada.click('#name-save');
    await present(ben, 'Countess');
    await absent(ben, 'Ada');
    await ada.reload();
    await joined(ada, 'lobby');
    await present(ada, 'Countess');
    assert.equal(await ada.locator('#name-dialog[open]').count(), 0);
});

test('a message above 4 KiB is refused in words, 4 KiB goes', async (t) => {
    const chat = await startChat(t);
    const ada = await person(t, chat, 'Ada');
    const ben = await person(t, chat, 'Ben');
    await ada.fill('#composer-input', 'é'.repeat(2049));
    await ada.locator('#composer-note', { hasText: '4 KiB' }).waitFor();
    assert.ok(await ada.locator('#send').isDisabled());
    await ada.press('#composer-input', 'Enter');
    assert.equal((await ada.inputValue('#composer-input')).length, 2049);
    await say(ada, 'é'.repeat(2048));
    await shown(ben, 'é'.repeat(2048));
    assert.equal(await ada.inputValue('#composer-input'), '');
});

test('a phone shows the chat without scrolling sideways', async (t) => {
    const chat = await startChat(t);
    const ada = await person(t, chat, 'Ada', { viewport: PHONE });
    await say(ada, 'https://example.org/'.repeat(20));
    const fits = () => ada.evaluate(() => {
        const { scrollWidth } = document.scrollingElement;
        const { right, bottom } = document.querySelector('#send')
            .getBoundingClientRect();
        const log = document.querySelector('#log');
        return { sideways: scrollWidth - innerWidth,
            logSideways: log.scrollWidth - log.clientWidth,
            composer: right <= innerWidth && bottom <= innerHeight };
    });
    const good = { sideways: 0, logSideways: 0, composer: true };
    assert.deepEqual(await fits(), good);
    assert.ok(!await ada.isVisible('#people'));
    await ada.click('#people-toggle');
    await ada.locator('#people [data-person=Ada]').waitFor();
    await ada.keyboard.press('Escape');
    await ada.locator('#people').waitFor({ state: 'hidden' });
    await ada.click('#rooms-toggle');
    await ada.locator('#room-input').waitFor();
    assert.deepEqual(await fits(), good);
});

test('a lost connection is shown, and all is back after it', async (t) => {
    const first = await startChat(t);
    const ada = await person(t, first, 'Ada', { hash: '#harbour' });
    const ben = await person(t, first, 'Ben', { hash: '#harbour' });
    await present(ada, 'Ben');
    await say(ada, 'before');
    await first.kill();
    for (const page of [ada, ben]) {
        await page.waitForSelector('body[data-connection=lost]');
        await page.locator('#banner', { hasText: 'lost' }).waitFor();
    }
    await ada.fill('#composer-input', 'typed while away');
    await ada.press('#composer-input', 'Enter');
    assert.equal(await ada.inputValue('#composer-input'), 'typed while away');
    await startChat(t, first);
    for (const page of [ada, ben]) {
        await joined(page, 'harbour');
        await present(page, 'Ada');
        await present(page, 'Ben');
        await page.locator('#banner').waitFor({ state: 'hidden' });
    }
    await ada.press('#composer-input', 'Enter');
    await shown(ben, 'typed while away');
    await say(ben, 'after');
    await shown(ada, 'after');
    assert.deepEqual(await readLog(ben), [['person', 'Ada', 'before'],
        ['person', 'Ada', 'typed while away'], ['me', 'Ben', 'after']]);
});

test('a server that falls silent counts as lost, words are kept', async (t) => {
    const chat = await startChat(t);
    const ada = await person(t, chat, 'Ada');
    chat.pause();
    await ada.fill('#composer-input', 'is anybody there?');
    await ada.press('#composer-input', 'Enter');
    await ada.waitForSelector('body[data-connection=lost]');
    /* Its timers run in a Worker, so that hidden pages keep time too. */
    assert.equal(ada.workers().length, 1);
    await ada.locator('#log [data-state=unsure]',
        { hasText: 'is anybody there?' }).waitFor();
    chat.resume();
    await joined(ada, 'lobby');
    await ada.click('#log [data-state=unsure] button >> nth=0');
    await shown(ada, 'is anybody there?');
    await ada.locator('#log [data-state]').waitFor({ state: 'detached' });
});
