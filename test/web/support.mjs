// SPDX-License-Identifier: MIT
/**
 * A gateway in the hand of a test: a real TCP server that says what it is
 * told to, and keeps what it is sent.
 */

import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { Decoder, TYPE } from '../../samples/chat/web/domi.js';

const PATIENCE = 5000;

export const bytes = (hex) => Uint8Array.from(Buffer.from(hex, 'hex'));
export const hex = (data) => Buffer.from(data).toString('hex');

/** Items that come in one by one, and a wait for the next. */
export class Queue {
    #items = [];
    #waiting = [];

    get length() {
        return this.#items.length;
    }

    push(item) {
        const next = this.#waiting.shift();
        if (next) {
            next(item);
        } else {
            this.#items.push(item);
        }
    }

    /** The next item; fails with `what` if none comes in time. */
    next(what) {
        if (this.#items.length > 0) {
            return Promise.resolve(this.#items.shift());
        }
        return new Promise((resolve, reject) => {
            const late = setTimeout(() => reject(
                new Error(`waited in vain for ${what}`)), PATIENCE);
            this.#waiting.push((item) => {
                clearTimeout(late);
                resolve(item);
            });
        });
    }
}

/** One connection of a client, as the gateway sees it. */
class Session {
    #socket;
    #frames = new Queue();
    #decoder = new Decoder();
    magic = null;
    at = performance.now();

    /** `greeted` is called once the magic is here and has its answer. */
    constructor(socket, greet, greeted) {
        this.#socket = socket;
        this.closed = new Promise((resolve) => socket.on('close', resolve));
        socket.on('error', () => {});
        socket.on('data', (data) => {
            this.#decoder.push(data);
            if (this.magic === null) {
                this.magic = this.#decoder.take(4);
                if (this.magic) {
                    this.write(bytes(greet ? '001080fa78000000' : ''));
                    greeted(this);
                }
            }
            for (let frame; this.magic && (frame = this.#decoder.next());) {
                this.#frames.push({ ...frame, at: performance.now() });
            }
        });
    }

    write(data) {
        this.#socket.write(data);
    }

    end() {
        this.#socket.end();
    }

    cut() {
        this.#socket.destroy();
    }

    /** The next frame, heartbeats aside, which must be of this type. */
    async next(type) {
        let frame;
        do {
            frame = await this.#frames.next(`a frame of type ${type}`);
        } while (frame.type === TYPE.HEARTBEAT && type !== TYPE.HEARTBEAT);
        assert.equal(frame.type, type);
        return frame;
    }
}

/** Starts a gateway. `greet` false: it never tells the session's id. */
export async function startGateway(t, { greet = true } = {}) {
    const sessions = new Queue();
    const open = new Set();
    const server = createServer((socket) => {
        open.add(socket);
        socket.on('close', () => open.delete(socket));
        new Session(socket, greet, (session) => sessions.push(session));
    });
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    t.after(() => {
        open.forEach((socket) => socket.destroy());
        server.close();
    });
    return {
        url: `tcp://127.0.0.1:${server.address().port}`,
        session: () => sessions.next('a connection'),
        sessions,
    };
}
