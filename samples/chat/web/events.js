// SPDX-License-Identifier: MIT
/** The chat's events: their numbers, their limits, and what their data says. */

import { DomiError, readId } from './frame.js';

/** The types of the chat's frames. */
export const EVENT = Object.freeze({
    JOIN: 50, MESSAGE: 51, NAME: 52, HERE: 53, GONE: 54, SPEAKER: 55,
    GUESTS: 56, LEAVE: 57,
});

/** The room that everybody finds, and its group. */
export const LOBBY = 'lobby';
export const LOBBY_GROUP = 666n;

/** Limits in bytes of UTF-8. */
export const MESSAGE_LIMIT = 4096;
export const NAME_LIMIT = 32;
export const ROOM_LIMIT = 64;

const utf8 = new TextEncoder();

/** How many bytes a text has in UTF-8. */
export function byteLength(text) {
    return utf8.encode(text).length;
}

/** A text as others will read it: what UTF-8 cannot hold is replaced. */
export function wellFormed(text) {
    return decodeText(utf8.encode(text));
}

/** The text that these bytes are, whole: a leading U+FEFF belongs to it. */
export function decodeText(bytes) {
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
}

/** As much of a text as fits, never half a character. */
export function cutToBytes(text, limit) {
    const room = new Uint8Array(limit);
    return text.slice(0, utf8.encodeInto(text, room).read);
}

/** A text without odd spaces, for names. */
export function tidy(text) {
    return wellFormed(text).trim().replace(/\s+/gu, ' ');
}

/**
 * A room's name as everybody writes it: lower case, single spaces, not too
 * long; the lobby if nothing is left.
 */
export function roomName(text) {
    return cutToBytes(tidy(text).toLowerCase(), ROOM_LIMIT).trimEnd() || LOBBY;
}

/** The group of a room: 64-bit FNV-1a of its lower-cased name in UTF-8. */
export function groupOf(room) {
    const name = room.toLowerCase();
    if (name === LOBBY) {
        return LOBBY_GROUP;
    }
    let hash = 0xcbf29ce484222325n;
    for (const byte of utf8.encode(name)) {
        hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
    }
    return hash;
}

/**
 * Who is here, from the data of HERE.
 * @returns {Array<{id: bigint, name: string}>}
 * @throws {DomiError} 'bad-frame': an entry is cut short
 */
export function readPeople(data) {
    const people = [];
    for (let at = 0; at < data.length;) {
        const id = readId(data, at);
        const start = at + 9;
        at = start + data[at + 8];
        /* Also true for a missing length byte, which makes `at` NaN. */
        if (!(at <= data.length)) {
            throw new DomiError('bad-frame', 'a list of people is cut short');
        }
        people.push({ id, name: decodeText(data.subarray(start, at)) });
    }
    return people;
}

/**
 * How many have no name, from the data of GUESTS.
 * @throws {DomiError} 'bad-frame': fewer than 4 bytes
 */
export function readGuests(data) {
    if (data.length < 4) {
        throw new DomiError('bad-frame', 'a number of guests is cut short');
    }
    return new DataView(data.buffer, data.byteOffset).getUint32(0, true);
}
