// SPDX-License-Identifier: MIT
/** The chat's events: rooms, names, and what data says. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DomiError, idBytes } from '../../samples/chat/web/domi.js';
import {
    byteLength, cutToBytes, decodeText, groupOf, readGuests, readPeople,
    roomName, tidy, wellFormed,
} from '../../samples/chat/web/events.js';
import { bytes } from './support.mjs';

const isBadFrame = (error) => error instanceof DomiError
    && error.code === 'bad-frame';

test('finds the group of a room by FNV-1a of its lower-cased name', () => {
    assert.equal(groupOf('lobby'), 666n);
    assert.equal(groupOf('LOBBY'), 666n);
    assert.equal(groupOf('a'), 0xaf63dc4c8601ec8cn);
    assert.equal(groupOf('FooBar'), 0x85944171f73967e8n);
    assert.equal(groupOf('ä'), groupOf('Ä'));
    assert.notEqual(groupOf('ä'), groupOf('a'));
});

test('tidies the name of a room', () => {
    assert.equal(roomName('  Garden \t PARTY '), 'garden party');
    assert.equal(roomName(' \n'), 'lobby');
    assert.equal(byteLength(roomName('x'.repeat(500))), 64);
    assert.equal(roomName('ä'.repeat(40)), 'ä'.repeat(32));
    assert.equal(roomName(`${'x'.repeat(63)} y`), 'x'.repeat(63));
    const odd = roomName('A\ud800');
    assert.equal(roomName(odd), odd);
});

test('counts and cuts by bytes of UTF-8', () => {
    assert.equal(byteLength('aä你😀'), 1 + 2 + 3 + 4);
    assert.equal(cutToBytes('aä😀x', 6), 'aä');
    assert.equal(cutToBytes('aä😀x', 7), 'aä😀');
    assert.equal(tidy(' Ada \n Lovelace '), 'Ada Lovelace');
});

test('makes a text what its reader will see', () => {
    const odd = '\ufeffhalf \ud800';
    const sent = new TextEncoder().encode(odd);
    assert.equal(decodeText(sent), '\ufeffhalf \ufffd');
    assert.equal(wellFormed(odd), decodeText(sent));
});

test('reads who is here', () => {
    const data = Uint8Array.of(...idBytes(7n), 3, 0x41, 0x64, 0x61,
        ...idBytes(2n ** 63n), 2, 0xc3, 0xa4);
    assert.deepEqual(readPeople(data),
        [{ id: 7n, name: 'Ada' }, { id: 2n ** 63n, name: 'ä' }]);
    assert.deepEqual(readPeople(new Uint8Array(0)), []);
    for (let cut = 1; cut < data.length; cut += 1) {
        if (cut !== 12) {
            assert.throws(() => readPeople(data.subarray(0, cut)), isBadFrame);
        }
    }
});

test('reads how many guests there are', () => {
    assert.equal(readGuests(bytes('03000000')), 3);
    assert.throws(() => readGuests(bytes('030000')), isBadFrame);
});
