// SPDX-License-Identifier: MIT
/** The wire format: frames into bytes and back. No sockets, no timers. */

/** Types that domi itself uses; applications use FIRST_FREE and up. */
export const TYPE = Object.freeze({
    HEARTBEAT: 1, EXIT: 2, TO_GROUP: 8, NOTICE: 40, FIRST_FREE: 50,
});

/** What a notice of the gateway is about. */
export const NOTICE = Object.freeze({
    CLOSING: 1, ZONE_LOST: 2, LEFT: 3, COME_BACK: 4,
});

/** The reasons in notices that call for something to be done. */
export const REASON = Object.freeze({ DRAINING: 28 });

/** The codes of domi's errors that people are told of. */
export const ERROR = Object.freeze({ FULL: -20016 });

/** The first bytes that a client sends; not a frame. */
export const MAGIC = Uint8Array.of(0xfb, 0x08, 0x00, 0x00);

const HEADER = 8;
const EMPTY = new Uint8Array(0);

/**
 * What ends a connection. `code` is 'bad-frame' (the peer broke the format),
 * 'silent' (nothing arrived in time), 'lost' (the peer or the network closed
 * it, or it could not be reached) or 'moved' (left because the gateway asked
 * to come back later).
 */
export class DomiError extends Error {
    constructor(code, message, options) {
        super(message, options);
        this.name = 'DomiError';
        this.code = code;
    }
}

function view(bytes) {
    return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function toBytes(data) {
    if (typeof data === 'string') {
        return new TextEncoder().encode(data);
    }
    if (data instanceof Uint8Array) {
        return data;
    }
    throw new TypeError('data must be a string or a Uint8Array');
}

/**
 * The 8 bytes of a session, target or group id.
 * @param {bigint|Uint8Array} id 0 to 2^64 - 1, or its 8 bytes already
 * @returns {Uint8Array}
 * @throws {TypeError} neither a BigInt nor 8 bytes
 * @throws {RangeError} negative or 2^64 and above
 */
export function idBytes(id) {
    if (id instanceof Uint8Array && id.length === 8) {
        return id;
    }
    if (typeof id !== 'bigint') {
        throw new TypeError('an id must be a BigInt or 8 bytes');
    }
    if (BigInt.asUintN(64, id) !== id) {
        throw new RangeError('an id must fit in 64 bits without a sign');
    }
    const bytes = new Uint8Array(8);
    view(bytes).setBigUint64(0, id, true);
    return bytes;
}

/**
 * The id that starts at `offset` of some bytes.
 * @param {Uint8Array} bytes
 * @param {number} [offset]
 * @returns {bigint}
 * @throws {DomiError} 'bad-frame': fewer than 8 bytes there
 */
export function readId(bytes, offset = 0) {
    if (bytes.length - offset < 8) {
        throw new DomiError('bad-frame', 'an id is cut short');
    }
    return view(bytes).getBigUint64(offset, true);
}

/**
 * The code of an error that starts at `offset` of some bytes.
 * @param {Uint8Array} bytes
 * @param {number} [offset]
 * @returns {number}
 * @throws {DomiError} 'bad-frame': fewer than 4 bytes there
 */
export function readCode(bytes, offset = 0) {
    if (bytes.length - offset < 4) {
        throw new DomiError('bad-frame', 'a code is cut short');
    }
    return view(bytes).getInt32(offset, true);
}

/**
 * The 16 bytes that address a group, as the answer to a join holds them.
 * @param {bigint|Uint8Array} target id of the zone's link
 * @param {bigint|Uint8Array} group id of the group
 * @returns {Uint8Array}
 * @throws {TypeError|RangeError} as idBytes()
 */
export function groupAddress(target, group) {
    const bytes = new Uint8Array(16);
    bytes.set(idBytes(target), 0);
    bytes.set(idBytes(group), 8);
    return bytes;
}

/**
 * The bytes of one frame.
 * @param {number} type 0 to 65535
 * @param {string|Uint8Array} [data] a string becomes UTF-8
 * @param {Uint8Array} [extend] at most 65535 bytes
 * @returns {Uint8Array}
 * @throws {TypeError} data or extend is of another kind
 * @throws {RangeError} type or extend is out of range
 */
export function encode(type, data = EMPTY, extend = EMPTY) {
    const body = toBytes(data);
    const tail = toBytes(extend);
    if (!Number.isInteger(type) || type < 0 || type > 0xffff) {
        throw new RangeError(`a type must be 0 to 65535, not ${type}`);
    }
    if (tail.length > 0xffff) {
        throw new RangeError('an extend has at most 65535 bytes');
    }
    const frame = new Uint8Array(HEADER + body.length + tail.length);
    const header = view(frame);
    header.setUint32(0, frame.length, true);
    header.setUint16(4, tail.length, true);
    header.setUint16(6, type, true);
    frame.set(body, HEADER);
    frame.set(tail, HEADER + body.length);
    return frame;
}

/**
 * The bytes of a frame to a group: the gateway passes it on as `type`.
 * @param {Uint8Array} address 16 bytes, as in the answer to a join
 * @param {number} type what the group gets it as
 * @param {string|Uint8Array} [data]
 * @returns {Uint8Array}
 * @throws {TypeError|RangeError} as encode(), or a wrong address
 */
export function encodeToGroup(address, type, data) {
    if (!(address instanceof Uint8Array) || address.length !== 16) {
        throw new TypeError('the address of a group has 16 bytes');
    }
    const extend = new Uint8Array(18);
    extend.set(address);
    view(extend).setUint16(16, type, true);
    return encode(TYPE.TO_GROUP, data, extend);
}

/**
 * The one frame that these bytes are, no more and no less.
 * @param {Uint8Array} bytes
 * @returns {{type: number, data: Uint8Array, extend: Uint8Array}} copies
 * @throws {DomiError} 'bad-frame': lengths that do not add up
 */
export function decode(bytes) {
    const decoder = new Decoder(bytes.length);
    decoder.push(bytes);
    const frame = decoder.next();
    if (!frame || decoder.size > 0) {
        throw new DomiError('bad-frame',
            `${bytes.length} bytes are not one whole frame`);
    }
    return frame;
}

/** Takes bytes in pieces of any size and gives back whole frames. */
export class Decoder {
    #bytes = EMPTY;
    #start = 0;
    #end = 0;
    #limit;

    /** @param {number} [limit] the longest frame accepted, header included */
    constructor(limit = 1 << 20) {
        this.#limit = limit;
    }

    /** How many bytes wait to become part of a frame. */
    get size() {
        return this.#end - this.#start;
    }

    /** Adds bytes, which are copied. @param {Uint8Array} piece */
    push(piece) {
        if (this.#end + piece.length > this.#bytes.length) {
            const old = this.#bytes.subarray(this.#start, this.#end);
            const need = old.length + piece.length;
            /* Twice the need, so that tiny pieces do not copy every time. */
            this.#bytes = new Uint8Array(need * 2);
            this.#bytes.set(old);
            this.#start = 0;
            this.#end = old.length;
        }
        this.#bytes.set(piece, this.#end);
        this.#end += piece.length;
    }

    /** The next `count` bytes, good until push(); null if not all are here. */
    take(count) {
        if (this.size < count) {
            return null;
        }
        this.#start += count;
        return this.#bytes.subarray(this.#start - count, this.#start);
    }

    /**
     * The next frame, or null if more bytes are needed.
     * @returns {{type: number, data: Uint8Array, extend: Uint8Array}|null}
     * @throws {DomiError} 'bad-frame': a length below 8 or above the limit,
     *     or an extend longer than its frame; the decoder is of no use then
     */
    next() {
        if (this.size < 4) {
            return null;
        }
        const header = view(this.#bytes.subarray(this.#start, this.#end));
        const length = header.getUint32(0, true);
        if (length < HEADER || length > this.#limit) {
            throw new DomiError('bad-frame', `a frame of ${length} bytes `
                + `(${HEADER} to ${this.#limit} are allowed)`);
        }
        if (this.size < HEADER) {
            return null;
        }
        const extendSize = header.getUint16(4, true);
        if (extendSize > length - HEADER) {
            throw new DomiError('bad-frame',
                `an extend of ${extendSize} in a frame of ${length} bytes`);
        }
        const type = header.getUint16(6, true);
        const frame = this.take(length);
        return frame && {
            type,
            data: frame.slice(HEADER, length - extendSize),
            extend: frame.slice(length - extendSize),
        };
    }
}

/**
 * What a frame of type NOTICE says.
 * @param {Uint8Array} data
 * @returns {{notice: number, reason: number, wait: number, target: bigint,
 *     group: bigint, text: string}} `wait` in milliseconds; `text` is for
 *     people, or with COME_BACK an address; often empty
 * @throws {DomiError} 'bad-frame': fewer than 24 bytes
 */
export function decodeNotice(data) {
    if (data.length < 24) {
        throw new DomiError('bad-frame', 'a notice is cut short');
    }
    const fields = view(data);
    return {
        notice: fields.getUint16(0, true),
        reason: fields.getUint16(2, true),
        wait: fields.getUint32(4, true),
        target: readId(data, 8),
        group: readId(data, 16),
        text: new TextDecoder().decode(data.subarray(24)),
    };
}
