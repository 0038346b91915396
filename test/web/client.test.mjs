// SPDX-License-Identifier: MIT
/** The client over TCP against a real server, with short times. */

import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { test } from 'node:test';
import {
    connect, DomiError, encode, groupAddress, NOTICE, TYPE,
} from '../../samples/chat/web/domi.js';
import { bytes, hex, Queue, startGateway } from './support.mjs';

/* Timers may fire a little early against another clock. */
const EARLY = 5;

function client(t, url, options = {}) {
    const opened = new Queue();
    const lost = new Queue();
    const notices = new Queue();
    const connection = connect(url, {
        firstWait: 20,
        opened: (session) => opened.push(session),
        lost: (error, wait) => lost.push({ error, wait }),
        notice: (notice) => notices.push(notice),
        ...options,
    });
    t.after(() => connection.close());
    return { connection, opened, lost, notices };
}

function noticeFrame(notice, wait, text = '') {
    const data = new Uint8Array(24 + text.length);
    const fields = new DataView(data.buffer);
    fields.setUint16(0, notice, true);
    fields.setUint32(4, wait, true);
    data.set(new TextEncoder().encode(text), 24);
    return encode(TYPE.NOTICE, data);
}

test('greets with the magic and learns its session id', async (t) => {
    const gateway = await startGateway(t);
    const { connection, opened } = client(t, gateway.url);
    assert.equal(connection.state, 'connecting');
    assert.equal(connection.send(50), false);
    const session = await gateway.session();
    assert.equal(await opened.next('the id'), 0x78fa801000n);
    assert.equal(hex(session.magic), 'fb080000');
    assert.equal(connection.state, 'open');
});

test('sends to the gateway and to a group', async (t) => {
    const gateway = await startGateway(t);
    const { connection, opened } = client(t, gateway.url);
    const session = await gateway.session();
    await opened.next('the id');
    assert.equal(connection.send(50, bytes('9a02000000000000')), true);
    assert.equal(hex((await session.next(50)).data), '9a02000000000000');
    const address = groupAddress(0x79adc00000n, 666n);
    assert.equal(connection.sendToGroup(address, 51, '你好'), true);
    const { data, extend } = await session.next(TYPE.TO_GROUP);
    assert.equal(new TextDecoder().decode(data), '你好');
    assert.equal(hex(extend), '0000c0ad790000009a020000000000003300');
});

test('refuses to send what a gateway would not take', async (t) => {
    const gateway = await startGateway(t);
    const { connection, opened } = client(t, gateway.url, { maxSent: 64 });
    const session = await gateway.session();
    await opened.next('the id');
    const address = new Uint8Array(16);
    assert.throws(() => connection.send(49), RangeError);
    assert.throws(() => connection.send(undefined), RangeError);
    assert.throws(() => connection.sendToGroup(address, 10), RangeError);
    assert.throws(() => connection.sendToGroup('lobby', 51), TypeError);
    assert.throws(() => connection.send(51, new Uint8Array(57)), RangeError);
    connection.send(51, new Uint8Array(56));
    assert.equal((await session.next(51)).data.length, 56);
});

test('hears frames whatever way they are cut', async (t) => {
    const gateway = await startGateway(t, { greet: false });
    const { connection, opened } = client(t, gateway.url);
    const heard = new Queue();
    connection.handle(51, (data) => heard.push(new TextDecoder().decode(data)));
    const session = await gateway.session();
    const stream = Buffer.concat([bytes('001080fa78000000'),
        encode(51, 'one'), encode(99, 'nobody listens'), encode(51, ''),
        encode(51, 'three')]);
    for (const byte of stream) {
        session.write(Uint8Array.of(byte));
        await new Promise(setImmediate);
    }
    await opened.next('the id');
    assert.deepEqual([await heard.next('one'), await heard.next('an empty one'),
        await heard.next('three')], ['one', '', 'three']);
});

test('beats at once and at every interval', async (t) => {
    const gateway = await startGateway(t);
    client(t, gateway.url, { heartbeat: 30 });
    const session = await gateway.session();
    const first = await session.next(TYPE.HEARTBEAT);
    await session.next(TYPE.HEARTBEAT);
    const third = await session.next(TYPE.HEARTBEAT);
    assert.ok(third.at - first.at >= 60 - 2 * EARLY);
});

test('counts silence as a lost connection, heartbeats as life', async (t) => {
    const gateway = await startGateway(t);
    const { lost } = client(t, gateway.url, { heartbeat: 60, silence: 1000 });
    const session = await gateway.session();
    let last;
    for (let beats = 0; beats < 20; beats += 1) {
        await session.next(TYPE.HEARTBEAT);
        last = performance.now();
        session.write(encode(TYPE.HEARTBEAT));
    }
    assert.equal(lost.length, 0);
    const { error } = await lost.next('the silence to be noticed');
    assert.equal(error.code, 'silent');
    assert.ok(performance.now() - last >= 1000 - EARLY);
    await session.closed;
});

test('counts a server that never answers as lost', async (t) => {
    const gateway = await startGateway(t, { greet: false });
    const { lost, opened } = client(t, gateway.url, { silence: 50 });
    assert.equal((await lost.next('a loss')).error.code, 'silent');
    assert.equal(opened.length, 0);
});

test('connects again after waits that double, with jitter', async (t) => {
    const gateway = await startGateway(t);
    const { lost } = client(t, gateway.url,
        { firstWait: 8, longestWait: 30, silence: 5000 });
    const seen = [];
    for (const whole of [8, 16, 30, 30]) {
        const session = await gateway.session();
        if (seen.length > 0) {
            const { at, wait } = seen.at(-1);
            assert.ok(session.at - at >= wait - EARLY);
        }
        session.cut();
        const { error, wait } = await lost.next('a loss');
        assert.equal(error.code, 'lost');
        assert.ok(wait >= whole / 2 && wait <= whole, `${wait} of ${whole}`);
        seen.push({ at: performance.now(), wait, whole });
    }
    assert.ok(seen.some(({ wait, whole }) => wait < whole));
});

test('starts with the first wait again after a lasting time', async (t) => {
    const gateway = await startGateway(t);
    const { lost } = client(t, gateway.url, { firstWait: 10, silence: 1000,
        heartbeat: 150 });
    for (let losses = 0; losses < 3; losses += 1) {
        (await gateway.session()).cut();
        await lost.next('a loss');
    }
    const session = await gateway.session();
    for (let beats = 0; beats < 8; beats += 1) {
        await session.next(TYPE.HEARTBEAT);
        session.write(encode(TYPE.HEARTBEAT));
    }
    session.cut();
    assert.ok((await lost.next('a loss')).wait <= 10);
});

test('tries again when nobody listens there', async (t) => {
    const blocker = createServer();
    await new Promise((resolve) => blocker.listen(0, '127.0.0.1', resolve));
    const { port } = blocker.address();
    await new Promise((resolve) => blocker.close(resolve));
    const { lost, connection } = client(t, `tcp://127.0.0.1:${port}`);
    const { error } = await lost.next('a refusal');
    assert.equal(error.code, 'lost');
    assert.match(error.message, /ECONNREFUSED/);
    await lost.next('a second refusal');
    const gateway = await startGateway(t);
    connection.url = gateway.url;
    await gateway.session();
});

test('retries at once when asked to', async (t) => {
    const gateway = await startGateway(t);
    const { connection, lost } = client(t, gateway.url,
        { firstWait: 1e6, longestWait: 1e6 });
    (await gateway.session()).cut();
    await lost.next('a loss');
    assert.equal(connection.state, 'waiting');
    connection.retry();
    await gateway.session();
});

test('comes back after the wait that a notice asks for', async (t) => {
    const gateway = await startGateway(t);
    const { lost, notices } = client(t, gateway.url);
    const session = await gateway.session();
    const before = performance.now();
    session.write(noticeFrame(NOTICE.COME_BACK, 100, 'elsewhere'));
    const notice = await notices.next('the notice');
    assert.equal(notice.wait, 100);
    assert.equal(notice.text, 'elsewhere');
    await session.next(TYPE.EXIT);
    assert.equal((await lost.next('the leave')).error.code, 'moved');
    const { at } = await gateway.session();
    assert.ok(at - before >= 100 - EARLY);
});

test('keeps to that wait if the gateway closes first', async (t) => {
    const gateway = await startGateway(t);
    const { lost, notices } = client(t, gateway.url, { firstWait: 1 });
    const session = await gateway.session();
    const before = performance.now();
    session.write(noticeFrame(NOTICE.COME_BACK, 120));
    await notices.next('the notice');
    session.cut();
    await lost.next('a loss');
    const { at } = await gateway.session();
    assert.ok(at - before >= 120 - EARLY);
    assert.equal(gateway.sessions.length, 0);
});

test('goes where a handler of the notice points it', async (t) => {
    const [old, other] = [await startGateway(t), await startGateway(t)];
    const { connection } = client(t, old.url, {
        notice: ({ text }) => { connection.url = text; },
    });
    (await old.session()).write(
        noticeFrame(NOTICE.COME_BACK, 1, other.url));
    await other.session();
});

for (const [name, frame] of [['a length of 7', '0700000000003300'],
    ['a length above the limit', 'ffffffff00003300'],
    ['an extend beyond its frame', '0800000012003300'],
    ['a notice cut short', '0a000000000028000400']]) {
    test(`closes for ${name}, after what came before`, async (t) => {
        const gateway = await startGateway(t);
        const { connection, lost } = client(t, gateway.url);
        const heard = new Queue();
        connection.handle(51, () => heard.push('before'));
        const session = await gateway.session();
        session.write(Buffer.concat([encode(51), bytes(frame), encode(51)]));
        const { error } = await lost.next('the refusal');
        assert.equal(error.code, 'bad-frame');
        assert.ok(error instanceof DomiError);
        await session.closed;
        assert.equal(await heard.next('the good frame'), 'before');
        assert.equal(heard.length, 0);
        await gateway.session();
    });
}

test('closes when a handler cannot read the data', async (t) => {
    const gateway = await startGateway(t);
    const { connection, lost } = client(t, gateway.url);
    connection.handle(60, () => {
        throw new DomiError('bad-frame', 'no such thing');
    });
    const session = await gateway.session();
    session.write(encode(60));
    assert.equal((await lost.next('a loss')).error.message, 'no such thing');
    await session.closed;
});

test('says goodbye on close and stays away', async (t) => {
    const gateway = await startGateway(t);
    const { connection, opened, lost } = client(t, gateway.url,
        { firstWait: 1, heartbeat: 5 });
    const session = await gateway.session();
    const heard = [];
    connection.handle(51, (data) => heard.push(data));
    await opened.next('the id');
    const gone = connection.close();
    session.write(encode(51, 'too late'));
    assert.equal(connection.close(), gone);
    await session.next(TYPE.EXIT);
    session.end();
    await gone;
    assert.equal(connection.state, 'closed');
    assert.equal(connection.send(50), false);
    connection.retry();
    assert.equal(connection.state, 'closed');
    assert.equal(lost.length + heard.length + gateway.sessions.length, 0);
});

test('can be closed by a handler, whatever follows', async (t) => {
    const gateway = await startGateway(t);
    const { connection, lost } = client(t, gateway.url);
    const heard = [];
    const closed = new Promise((resolve) => {
        connection.handle(51, () => {
            heard.push(51);
            connection.close().then(resolve);
        });
    });
    const session = await gateway.session();
    session.write(Buffer.concat([encode(51), encode(51), bytes('00000000')]));
    await session.next(TYPE.EXIT);
    session.end();
    await closed;
    assert.deepEqual(heard, [51]);
    assert.equal(connection.state, 'closed');
    assert.equal(lost.length, 0);
});

test('closes in any state', async (t) => {
    const gateway = await startGateway(t, { greet: false });
    const early = client(t, gateway.url);
    await early.connection.close();
    const connecting = client(t, gateway.url);
    const session = await gateway.session();
    await connecting.connection.close();
    await session.closed;
    const waiting = client(t, gateway.url, { firstWait: 1e6,
        longestWait: 1e6 });
    (await gateway.session()).cut();
    await waiting.lost.next('a loss');
    await waiting.connection.close();
    assert.equal(gateway.sessions.length, 0);
});

test('does not connect to what it does not know', () => {
    for (const url of ['nonsense', 'http://localhost/', 'tcp://localhost']) {
        assert.throws(() => connect(url), TypeError, url);
    }
    assert.throws(() => connect('ws://localhost/ws',
        { WebSocket: undefined }), TypeError);
});
