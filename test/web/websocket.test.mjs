// SPDX-License-Identifier: MIT
/**
 * The client over WebSocket, as far as a browser's server cannot be made to
 * misbehave: the constructor given here stands for the browser's.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect, encode, TYPE } from '../../samples/chat/web/domi.js';
import { hex, Queue } from './support.mjs';

/** Makes a WebSocket constructor, and a queue of what it has made. */
function makeWebSocket() {
    const made = new Queue();
    class Socket {
        sent = new Queue();
        isClosed = false;

        constructor(url) {
            this.url = url;
            made.push(this);
        }

        send(data) {
            this.sent.push(hex(data));
        }

        close() {
            this.isClosed = true;
            queueMicrotask(() => this.onclose?.({ code: 1000 }));
        }

        receive(data) {
            this.onmessage({ data });
        }
    }
    return { WebSocket: Socket, made };
}

async function opened(t, options = {}) {
    const { WebSocket, made } = makeWebSocket();
    const lost = new Queue();
    const connection = connect('ws://127.0.0.1/ws', { WebSocket,
        firstWait: 1, lost: (error) => lost.push(error), ...options });
    t.after(() => connection.close());
    const socket = await made.next('a WebSocket');
    socket.onopen();
    assert.equal(await socket.sent.next('the magic'), 'fb080000');
    assert.equal(await socket.sent.next('a heartbeat'), '0800000000000100');
    return { connection, socket, made, lost };
}

test('asks for binary messages and sends the magic first', async (t) => {
    const { connection, socket } = await opened(t);
    assert.equal(socket.url, 'ws://127.0.0.1/ws');
    assert.equal(socket.binaryType, 'arraybuffer');
    connection.send(50);
    assert.equal(await socket.sent.next('a join'), '0800000000003200');
});

test('hears a frame in each message', async (t) => {
    const { connection, socket, lost } = await opened(t);
    const heard = [];
    connection.handle(51, (data) => heard.push(hex(data)));
    socket.receive(encode(51, 'hello').buffer);
    socket.receive(encode(51).buffer);
    assert.deepEqual(heard, ['68656c6c6f', '']);
    assert.equal(lost.length, 0);
});

for (const [name, data] of [
    ['text', 'hello'],
    ['an empty message', new ArrayBuffer(0)],
    ['half a frame', encode(51, 'hello').slice(0, 10).buffer],
    ['two frames', Uint8Array.of(...encode(51), ...encode(51)).buffer],
    ['a message above the limit', encode(51, new Uint8Array(57)).buffer]]) {
    test(`closes for ${name} and connects again`, async (t) => {
        const { connection, socket, made, lost } = await opened(t,
            { maxReceived: 64 });
        const heard = [];
        connection.handle(51, (message) => heard.push(message));
        socket.receive(data);
        assert.equal((await lost.next('a refusal')).code, 'bad-frame');
        assert.ok(socket.isClosed);
        socket.receive(encode(51).buffer);
        assert.deepEqual(heard, []);
        await made.next('another try');
    });
}

test('closes with an exit frame, and only once', async (t) => {
    const { connection, socket, lost, made } = await opened(t);
    await connection.close();
    assert.equal(await socket.sent.next('a goodbye'), hex(encode(TYPE.EXIT)));
    await connection.close();
    assert.equal(socket.sent.length + lost.length + made.length, 0);
});

test('tells of a constructor that throws as of a loss', async (t) => {
    const lost = new Queue();
    const connection = connect('ws://127.0.0.1/ws', {
        lost: (error) => lost.push(error),
        WebSocket: class {
            constructor() {
                throw new Error('not from a page with TLS');
            }
        },
    });
    t.after(() => connection.close());
    const error = await lost.next('a loss');
    assert.equal(error.code, 'lost');
    assert.match(error.message, /not from a page with TLS/);
});
