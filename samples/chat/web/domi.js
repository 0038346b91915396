// SPDX-License-Identifier: MIT
/**
 * domi's client for browsers and Node.js 18 or newer, without dependencies.
 *
 *     const connection = connect('ws://localhost:8080/ws', {
 *         opened: () => connection.send(50),
 *         lost: (error, wait) => console.log(error.message, wait),
 *     });
 *     connection.handle(50, (data) => {
 *         connection.sendToGroup(data, 51, 'hello');
 *     });
 *
 * A connection keeps itself alive: it sends heartbeats, counts as lost when
 * nothing arrives for a while, and connects again until close() is called.
 * It does not remember what was sent or joined: that is for `opened`.
 */

import {
    decode, decodeNotice, DomiError, encode, encodeToGroup, MAGIC, NOTICE,
    TYPE,
} from './frame.js';

export * from './frame.js';

const LONGEST_TIMER = 0x7fffffff;
const CLOSE_PATIENCE = 1000;

/*
 * A link is one transport connection. Every kind tells the same events:
 * opened(session id or null), arrived(function that reads what arrived),
 * frame(frame), gone(error). send(bytes) sends; end(bytes, done) sends a
 * last frame and closes; drop() closes at once.
 */
function openWebSocket(url, options, events) {
    const socket = new options.WebSocket(url);
    socket.binaryType = 'arraybuffer';
    socket.onopen = () => {
        socket.send(MAGIC);
        events.opened(null);
    };
    socket.onmessage = ({ data }) => events.arrived(() => {
        if (typeof data === 'string') {
            throw new DomiError('bad-frame', 'a text message');
        }
        if (data.byteLength > options.maxReceived) {
            throw new DomiError('bad-frame',
                `a message of ${data.byteLength} bytes `
                + `(at most ${options.maxReceived})`);
        }
        events.frame(decode(new Uint8Array(data)));
    });
    /* An error is always followed by close, which knows as much. */
    socket.onerror = () => {};
    socket.onclose = ({ code }) => events.gone(
        new DomiError('lost', `the WebSocket closed (code ${code})`));
    return {
        send: (bytes) => socket.send(bytes),
        end: (bytes, done) => {
            socket.onclose = done;
            socket.send(bytes);
            socket.close();
        },
        drop: () => socket.close(),
    };
}

/** Runs a function in so many ms. @returns {function(): void} cancels it */
export function after(ms, fn) {
    const timer = setTimeout(fn, ms);
    return () => clearTimeout(timer);
}

const DEFAULTS = Object.freeze({
    heartbeat: 5000,
    silence: 10000,
    firstWait: 500,
    longestWait: 15000,
    maxSent: 1 << 16,
    maxReceived: 1 << 20,
    WebSocket: globalThis.WebSocket,
    after,
});

/**
 * Connects, and connects again whenever the connection is lost.
 * @param {string} url ws://, wss://, or in Node.js tcp://host:port
 * @param {object} [options]
 * @param {function(bigint|null): void} [options.opened] a connection is
 *     there; given the session id (TCP), or null (WebSocket does not tell)
 * @param {function(DomiError, number): void} [options.lost] the connection
 *     is gone or could not be made; the next try follows in so many ms
 * @param {function(object): void} [options.notice] see decodeNotice()
 * @param {number} [options.heartbeat] ms between heartbeats
 * @param {number} [options.silence] ms without a byte until it counts as lost
 * @param {number} [options.firstWait] ms before the first new try; doubled
 *     at each further one, cut down at random by up to a half
 * @param {number} [options.longestWait] ms at which the doubling ends
 * @param {number} [options.maxSent] bytes of the longest frame to send
 * @param {number} [options.maxReceived] bytes of the longest frame to accept
 * @param {Function} [options.WebSocket] constructor, if none is global
 * @param {function(number, Function): Function} [options.after] in place of
 *     after(): browsers slow down the timers of hidden pages, and a page may
 *     know of better ones
 * @returns {Connection}
 * @throws {TypeError} not such a url, or no WebSocket constructor for it
 */
export function connect(url, options = {}) {
    return new Connection(url, options);
}

/** A lasting connection to a gateway; made by connect(). */
export class Connection {
    #url;
    #options;
    #handlers = new Map();
    #state = 'waiting';
    /* The link, and a mark by which its events are known as ours. */
    #link = null;
    #attempt = null;
    #timers = new Map();
    /* Tries in vain, when a byte last arrived, when to come back. */
    #tries = 0;
    #heard = 0;
    #returnAt = 0;
    #closed = null;

    constructor(url, options) {
        this.#options = { ...DEFAULTS, ...options };
        this.url = url;
        this.#open();
    }

    /** 'connecting', 'open', 'waiting' (to connect again) or 'closed'. */
    get state() {
        return this.#state;
    }

    /**
     * Where to connect. A new value counts from the next try on; so a
     * handler of a COME_BACK notice may follow the address in it. It is not
     * followed by itself, as it is only what a peer says.
     * @throws {TypeError} as connect()
     */
    get url() {
        return this.#url;
    }

    set url(url) {
        const { protocol, port } = new URL(url);
        if (!['ws:', 'wss:', 'tcp:'].includes(protocol)) {
            throw new TypeError(`cannot connect to a ${protocol} address`);
        }
        if (protocol === 'tcp:' && port === '') {
            throw new TypeError('a tcp: address needs a port');
        }
        if (protocol !== 'tcp:' && !this.#options.WebSocket) {
            throw new TypeError('there is no WebSocket constructor here');
        }
        this.#url = url;
    }

    /**
     * Sets the function called with each frame of a type; frames without one
     * are ignored. If it throws a DomiError, for data that it cannot read,
     * the connection counts as lost; other exceptions are not caught.
     * @param {number} type
     * @param {function(Uint8Array, Uint8Array): void} handler (data, extend)
     */
    handle(type, handler) {
        this.#handlers.set(type, handler);
    }

    /**
     * Sends a frame to the gateway.
     * @param {number} type 50 or above
     * @param {string|Uint8Array} [data]
     * @returns {boolean} false: not connected; nothing is kept for later
     * @throws {RangeError} a type out of range, or a frame above maxSent
     * @throws {TypeError} data of another kind
     */
    send(type, data) {
        this.#checkType(type);
        return this.#send(encode(type, data));
    }

    /**
     * Sends a frame to a group.
     * @param {Uint8Array} address 16 bytes, as in the answer to a join
     * @param {number} type 50 or above; what the group gets it as
     * @param {string|Uint8Array} [data]
     * @returns {boolean} as send()
     * @throws {RangeError|TypeError} as send(), or a wrong address
     */
    sendToGroup(address, type, data) {
        this.#checkType(type);
        return this.#send(encodeToGroup(address, type, data));
    }

    /** While waiting to connect again: tries at once. Else does nothing. */
    retry() {
        if (this.#state === 'waiting') {
            this.#open();
        }
    }

    /**
     * Says goodbye and stays away. Nothing is called any more after this.
     * @returns {Promise<void>} kept when the connection is really gone,
     *     within about a second
     */
    close() {
        if (this.#closed === null) {
            const open = this.#state === 'open';
            this.#state = 'closed';
            this.#closed = this.#leave(open);
        }
        return this.#closed;
    }

    #checkType(type) {
        if (!(type >= TYPE.FIRST_FREE)) {
            throw new RangeError(`types below ${TYPE.FIRST_FREE} are domi's`);
        }
    }

    #send(bytes) {
        if (bytes.length > this.#options.maxSent) {
            throw new RangeError(`a frame of ${bytes.length} bytes `
                + `(at most ${this.#options.maxSent})`);
        }
        if (this.#state !== 'open') {
            return false;
        }
        this.#link.send(bytes);
        return true;
    }

    async #open() {
        const url = this.#url;
        const attempt = this.#attempt = Symbol(url);
        const ours = (fn) => (argument) => {
            if (this.#attempt === attempt) {
                fn(argument);
            }
        };
        const gone = ours((error) => this.#lose(error));
        this.#stop();
        this.#state = 'connecting';
        this.#heard = performance.now();
        this.#watch();
        try {
            const open = url.startsWith('tcp:')
                ? (await import('./tcp.js')).openTcp : await openWebSocket;
            ours(() => {
                this.#link = open(url, this.#options, {
                    opened: ours((session) => this.#opened(session)),
                    arrived: ours((readIt) => this.#arrived(readIt, gone)),
                    frame: ours((frame) => this.#deliver(frame)),
                    gone,
                });
            })();
        } catch (cause) {
            gone(new DomiError('lost', cause.message, { cause }));
        }
    }

    #opened(session) {
        this.#state = 'open';
        /* Only a connection that lasts ends the doubling of the waits:
           else a gateway that accepts and then cuts would be hammered. */
        this.#after('lasting', this.#options.silence, () => {
            this.#tries = 0;
        });
        this.#beat();
        this.#options.opened?.(session);
    }

    #beat() {
        this.#send(encode(TYPE.HEARTBEAT));
        this.#after('beat', this.#options.heartbeat, () => this.#beat());
    }

    #watch() {
        const left = this.#heard + this.#options.silence - performance.now();
        if (left <= 0) {
            this.#lose(new DomiError('silent',
                `nothing arrived for ${this.#options.silence} ms`));
            return;
        }
        this.#after('watch', left, () => this.#watch());
    }

    #arrived(readIt, gone) {
        this.#heard = performance.now();
        try {
            readIt();
        } catch (error) {
            if (!(error instanceof DomiError)) {
                throw error;
            }
            gone(error);
        }
    }

    #deliver({ type, data, extend }) {
        if (type === TYPE.NOTICE) {
            this.#notice(decodeNotice(data));
        }
        this.#handlers.get(type)?.(data, extend);
    }

    #notice(notice) {
        this.#options.notice?.(notice);
        if (notice.notice !== NOTICE.COME_BACK || this.#state !== 'open') {
            return;
        }
        /* Up to a tenth later than asked, so that not all come at once. */
        const wait = Math.min(notice.wait * (1 + Math.random() / 10),
            LONGEST_TIMER);
        this.#returnAt = performance.now() + wait;
        this.#after('return', wait, () => {
            this.#leave(true);
            this.#lose(new DomiError('moved', 'asked to come back later'));
        });
    }

    #lose(error) {
        const wait = this.#nextWait();
        this.#leave(false);
        this.#state = 'waiting';
        this.#after('retry', wait, () => this.#open());
        this.#options.lost?.(error, wait);
    }

    /* Lets go of the link, with a goodbye or without. */
    #leave(politely) {
        const link = this.#link;
        this.#stop();
        this.#attempt = null;
        this.#link = null;
        if (!politely) {
            link?.drop();
            return Promise.resolve();
        }
        return new Promise((resolve) => {
            const cancel = this.#options.after(CLOSE_PATIENCE, () => {
                link.drop();
                resolve();
            });
            link.end(encode(TYPE.EXIT), () => {
                cancel();
                resolve();
            });
        });
    }

    #nextWait() {
        if (this.#returnAt > 0) {
            const asked = this.#returnAt - performance.now();
            this.#returnAt = 0;
            return Math.max(asked, 0);
        }
        const { firstWait, longestWait } = this.#options;
        const whole = Math.min(firstWait * 2 ** this.#tries, longestWait);
        this.#tries += 1;
        return whole * (0.5 + Math.random() / 2);
    }

    #after(name, ms, fn) {
        this.#timers.get(name)?.();
        this.#timers.set(name, this.#options.after(ms, fn));
    }

    #stop() {
        this.#timers.forEach((cancel) => cancel());
        this.#timers.clear();
    }
}
