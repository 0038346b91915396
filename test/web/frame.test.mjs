// SPDX-License-Identifier: MIT
/** The wire format, against bytes recorded from real connections. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
    decode, decodeNotice, Decoder, DomiError, encode, encodeToGroup,
    groupAddress, idBytes, readId, TYPE,
} from '../../samples/chat/web/domi.js';
import { bytes, hex } from './support.mjs';

const GROUP = '0000c0ad790000009a02000000000000';
const TO_MESSAGES = `${GROUP}3300`;
const ALL_THREE = hex(new TextEncoder().encode('你好, all three'));

/* Name, whole frame, type, data, extend. */
const RECORDED = [
    ['heartbeat', '0800000000000100', 1, '', ''],
    ['exit', '0800000000000200', 2, '', ''],
    ['ping', '0c0000000000030070696e67', 3, '70696e67', ''],
    ['join', '0800000000003200', 50, '', ''],
    ['join-reply', `1800000000003200${GROUP}`, 50, GROUP, ''],
    ['message-to-room', `1f0000001200080068656c6c6f${TO_MESSAGES}`, 8,
        '68656c6c6f', TO_MESSAGES],
    ['message-to-room-utf8', `2b00000012000800${ALL_THREE}${TO_MESSAGES}`, 8,
        ALL_THREE, TO_MESSAGES],
    ['message-empty', `1a00000012000800${TO_MESSAGES}`, 8, '', TO_MESSAGES],
    ['delivered', '0d0000000000330068656c6c6f', 51, '68656c6c6f', ''],
    ['delivered-utf8', `1900000000003300${ALL_THREE}`, 51, ALL_THREE, ''],
    ['delivered-empty', '0800000000003300', 51, '', ''],
];
const STREAM = bytes(RECORDED.map(([, frame]) => frame).join(''));

const isBadFrame = (error) => error instanceof DomiError
    && error.code === 'bad-frame';
const plain = ({ type, data, extend }) => [type, hex(data), hex(extend)];

function decodeAll(pieces) {
    const decoder = new Decoder();
    const frames = [];
    for (const piece of pieces) {
        decoder.push(piece);
        for (let frame; (frame = decoder.next());) {
            frames.push(plain(frame));
        }
    }
    assert.equal(decoder.size, 0);
    return frames;
}

for (const [name, frame, type, data, extend] of RECORDED) {
    test(`encodes and decodes ${name}`, () => {
        assert.equal(hex(encode(type, bytes(data), bytes(extend))), frame);
        assert.deepEqual(plain(decode(bytes(frame))), [type, data, extend]);
    });
}

test('addresses a group as recorded', () => {
    const [, frame] = RECORDED.find(([name]) => name === 'message-to-room');
    const address = groupAddress(bytes('0000c0ad79000000'), 666n);
    assert.equal(hex(address), GROUP);
    assert.equal(hex(encodeToGroup(address, 51, 'hello')), frame);
});

test('decodes the same frames at every cut', () => {
    const whole = RECORDED.map(([, , ...fields]) => fields);
    for (let cut = 0; cut <= STREAM.length; cut += 1) {
        assert.deepEqual(decodeAll(
            [STREAM.subarray(0, cut), STREAM.subarray(cut)]), whole);
    }
    assert.deepEqual(decodeAll([...STREAM].map((byte) =>
        Uint8Array.of(byte))), whole);
});

test('waits for a whole frame', () => {
    const decoder = new Decoder();
    for (const byte of bytes('0d0000000000330068656c6c')) {
        decoder.push(Uint8Array.of(byte));
        assert.equal(decoder.next(), null);
    }
    decoder.push(Uint8Array.of(0x6f));
    assert.equal(hex(decoder.next().data), '68656c6c6f');
});

test('hands out bytes that later frames do not change', () => {
    const decoder = new Decoder();
    decoder.push(encode(51, 'first'));
    const { data } = decoder.next();
    decoder.push(encode(51, 'other'));
    decoder.next();
    assert.equal(new TextDecoder().decode(data), 'first');
});

test('refuses lengths that cannot be', () => {
    const limit = 2048;
    for (const header of ['0000000000000000', '0700000000003300',
        '00000000', '07000000', '01080000', 'ffffffff',
        'ffffffff00003300616263',
        '0800000012000800', '0900000002003300ff']) {
        const decoder = new Decoder(limit);
        decoder.push(bytes(header));
        assert.throws(() => decoder.next(), isBadFrame, header);
    }
});

test('accepts the longest frame and an extend that fills its frame', () => {
    const decoder = new Decoder(2048);
    decoder.push(encode(51, new Uint8Array(2040)));
    assert.equal(decoder.next().data.length, 2040);
    decoder.push(bytes('0900000001003300ff'));
    assert.deepEqual(plain(decoder.next()), [51, '', 'ff']);
});

test('takes bytes for one frame only if they are just that', () => {
    for (const wrong of ['', '08', '08000000000033', '080000000000330000',
        '09000000000033', '08000000000033000800000000003300']) {
        assert.throws(() => decode(bytes(wrong)), isBadFrame, wrong);
    }
});

test('carries ids of all 64 bits', () => {
    for (const id of [0n, 1n, 666n, 2n ** 63n, 2n ** 64n - 1n]) {
        assert.equal(readId(idBytes(id)), id);
    }
    assert.equal(hex(idBytes(666n)), '9a02000000000000');
    assert.throws(() => idBytes(-1n), RangeError);
    assert.throws(() => idBytes(2n ** 64n), RangeError);
    assert.throws(() => idBytes(666), TypeError);
    assert.throws(() => idBytes(new Uint8Array(7)), TypeError);
    assert.throws(() => readId(new Uint8Array(7)), isBadFrame);
});

test('reads a notice, with text and without', () => {
    const fixed = '04000200b80b0000' + '0000c0ad79000000' + '9a02000000000000';
    assert.deepEqual(decodeNotice(bytes(`${fixed}6f6b`)), { notice: 4,
        reason: 2, wait: 3000, target: 0x79adc00000n, group: 666n,
        text: 'ok' });
    assert.equal(decodeNotice(bytes(fixed)).text, '');
    assert.throws(() => decodeNotice(bytes(fixed.slice(2))), isBadFrame);
});

test('refuses to encode what does not fit', () => {
    assert.throws(() => encode(65536), RangeError);
    assert.throws(() => encode(-1), RangeError);
    assert.throws(() => encode(51.5), RangeError);
    assert.throws(() => encode(51, '', new Uint8Array(65536)), RangeError);
    assert.throws(() => encode(51, [1, 2]), TypeError);
    assert.throws(() => encodeToGroup(new Uint8Array(15), 51), TypeError);
    assert.equal(encode(TYPE.NOTICE).length, 8);
});
