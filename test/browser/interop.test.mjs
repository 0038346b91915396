// SPDX-License-Identifier: MIT
/**
 * Two WebSockets that others have written, npm's ws and a browser's own, talk
 * with domi: the same steps for both, by the same words.
 *
 * Environment: DOMI_CHAT, the chat program, and DOMI_ECHO, one whose room
 * takes messages of any size; DOMI_CHROMIUM as in chat.test.mjs.
 */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { test } from 'node:test';
import WebSocket from 'ws';
import { guest, startProgram, useBrowser, useContext, WEB, within }
    from './support.mjs';

const LIMIT = 65536;
const HEAD = 26; /* of a message to a group */
const HEARTBEAT = [8, 0, 0, 0, 0, 0, 1, 0];

useBrowser();

const start = (t, variable, ...more) => startProgram(t, variable,
    ['--http-port', '0', '--tcp-port', '0', '--web', WEB, ...more]);

/**
 * One user; runs here, with ws, and in a page, so it uses nothing from around.
 * Each step is an array: ['send', bytes], ['say', size], a message for the
 * group whose whole is of that size, ['fragments', size], ['close', code,
 * reason], or ['wait'], until the server closes. Returns what came.
 */
async function talk(Socket, url, steps) {
    const seen = { extensions: null, heard: [], close: null };
    const socket = new Socket(url);
    const queue = [];
    let wake = () => {};
    let target;
    socket.binaryType = 'arraybuffer';
    socket.onmessage = ({ data }) => {
        queue.push(new Uint8Array(data));
        wake();
    };
    const closed = new Promise((resolve) => {
        socket.onerror = () => {};
        socket.onclose = ({ code, reason, wasClean }) => {
            seen.close = { code, reason, wasClean };
            wake();
            resolve();
        };
    });
    const next = async () => {
        while (queue.length === 0 && !seen.close) {
            await new Promise((resolve) => {
                wake = resolve;
            });
        }
        return queue.shift();
    };
    const frame = (type, data, extend = []) => {
        const bytes = new Uint8Array(8 + data.length + extend.length);
        const view = new DataView(bytes.buffer);
        view.setUint32(0, bytes.length, true);
        view.setUint16(4, extend.length, true);
        view.setUint16(6, type, true);
        bytes.set(data, 8);
        bytes.set(extend, 8 + data.length);
        return bytes;
    };
    await new Promise((resolve) => {
        socket.onopen = resolve;
        closed.then(resolve);
    });
    if (seen.close) {
        return seen;
    }
    seen.extensions = socket.extensions;
    socket.send(new Uint8Array([0xfb, 8, 0, 0]));
    socket.send(frame(50, []));
    target = (await next()).slice(8);
    for (const [what, ...values] of steps) {
        if (what === 'send') {
            socket.send(new Uint8Array(values[0]));
            seen.heard.push(Array.from((await next()) ?? []));
        } else if (what === 'say' || what === 'fragments') {
            const message = frame(8, new Uint8Array(values[0] - 26).fill(42),
                [...target, 51, 0]);
            if (what === 'say') {
                socket.send(message);
            } else {
                for (let at = 0; at < message.length; at += 100) {
                    socket.send(message.slice(at, at + 100),
                        { fin: at + 100 >= message.length });
                }
            }
            const back = await next();
            seen.heard.push(back && back.slice(8).every((b) => b === 42)
                ? back.length - 8 : null);
        } else if (what === 'close') {
            socket.close(...values);
            await closed;
        } else {
            await closed;
        }
    }
    return seen;
}

const socketOf = (server) => `${server.page.replace('http', 'ws')}ws`;

async function pageAt(t, url) {
    const page = await (await useContext(t)).newPage();
    await page.goto(url);
    return page;
}

const talkIn = (page, server, steps) => within(page.evaluate(
    `(${talk})(WebSocket, '${socketOf(server)}', ${JSON.stringify(steps)})`),
'the page to have talked');

/** The clients: each runs `talk`, where and with what it can. */
const CLIENTS = {
    'npm ws': async (t, server) => (steps) => within(
        talk(WebSocket, socketOf(server), steps), 'ws to have talked'),
    'a browser': async (t, server) => {
        /* Any file will do, and this one has no script. */
        const page = await pageAt(t, `${server.page}style.css`);
        return (steps) => talkIn(page, server, steps);
    },
};

for (const [name, client] of Object.entries(CLIENTS)) {
    test(`${name} connects, talks and closes`, async (t) => {
        const chat = await start(t, 'DOMI_CHAT');
        const run = await client(t, chat);
        const seen = await run([['send', HEARTBEAT], ['say', HEAD],
            ['say', 1000], ['close', 1000, 'done']]);
        assert.deepEqual(seen, { extensions: '', heard: [HEARTBEAT, 0, 974],
            close: { code: 1000, reason: '', wasClean: true } });
    });

    test(`${name} gets its own close code back`, async (t) => {
        const chat = await start(t, 'DOMI_CHAT');
        const run = await client(t, chat);
        for (const code of [1000, 3000, 4999]) {
            const { close } = await run([['close', code, 'é']]);
            assert.deepEqual(close, { code, reason: '', wasClean: true });
        }
    });

    test(`${name} is told why it is closed`, async (t) => {
        const chat = await start(t, 'DOMI_CHAT');
        const run = await client(t, chat);
        for (const [bytes, code] of [[[1, 2, 3], 1002], /* no frame */
            [[8, 0, 0, 0, 0, 0, 2, 0], 1000], /* exit */
            [[8, 0, 0, 0, 0, 0, 9, 0], 1008]]) { /* not a user's */
            const { close } = await run([['send', bytes], ['wait']]);
            assert.equal(close.code, code);
            assert.ok(close.wasClean);
        }
        const listener = await guest(t, chat);
        const ended = run([['say', HEAD + 3], ['wait']]);
        await listener.hears('***');
        chat.stop();
        assert.equal((await ended).close.code, 1001);
    });

    test(`${name} sends messages up to the limit`, async (t) => {
        const echo = await start(t, 'DOMI_ECHO');
        const sizes = [125, 126, 127, 65535, LIMIT];
        const run = await client(t, echo);
        const seen = await run([
            ...sizes.map((size) => ['say', size]),
            ['say', LIMIT + 1], ['wait']]);
        assert.deepEqual(seen.heard.slice(0, -1),
            sizes.map((size) => size - HEAD));
        assert.equal(seen.close.code, 1009);
    });
}

test('npm ws sends fragments, and pings', async (t) => {
    const chat = await start(t, 'DOMI_CHAT');
    const run = await CLIENTS['npm ws'](t, chat);
    const seen = await run([['fragments', 1000], ['close', 1000]]);
    assert.deepEqual(seen.heard, [974]);
    const socket = new WebSocket(socketOf(chat));
    t.after(() => socket.terminate());
    const pong = new Promise((resolve) => {
        socket.on('pong', resolve);
        socket.on('open', () => socket.ping('are you there?'));
    });
    assert.equal(String(await within(pong, 'a pong')), 'are you there?');
});

/** Somebody else's server, with one page; its origin. */
async function elsewhere(t, body = '<title>elsewhere</title>') {
    const server = createServer((request, response) => {
        response.setHeader('Content-Type', 'text/html');
        response.end(body);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => {
        server.close();
        server.closeAllConnections();
    });
    return `http://127.0.0.1:${server.address().port}`;
}

test('a page of another origin gets no WebSocket, unless listed', async (t) => {
    const origin = await elsewhere(t);
    const page = await pageAt(t, origin);
    const closeCode = async (...options) => {
        const chat = await start(t, 'DOMI_CHAT', ...options);
        return (await talkIn(page, chat, [['close', 1000]])).close.code;
    };
    assert.equal(await closeCode(), 1006);
    assert.equal(await closeCode('--origin', 'http://friend.example'), 1006);
    assert.equal(await closeCode('--origin', 'http://friend.example',
        '--origin', origin), 1000);
});

test('a page of another origin cannot frame the chat', async (t) => {
    const chat = await start(t, 'DOMI_CHAT');
    const page = await pageAt(t, await elsewhere(t));
    const refused = page.waitForEvent('console', (line) =>
        /X-Frame-Options|frame-ancestors/.test(line.text()));
    await page.setContent(`<iframe src="${chat.page}"></iframe>`);
    await within(refused, 'the browser to refuse the frame');
    assert.equal(await page.frames().at(-1).locator('#composer-input')
        .count(), 0);
});
