// SPDX-License-Identifier: MIT
/** A person's place in a room, against a gateway in the hand of the test. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
    encode, ERROR, groupAddress, idBytes, NOTICE, readId, REASON, TYPE,
} from '../../samples/chat/web/domi.js';
import { EVENT } from '../../samples/chat/web/events.js';
import { Conversation } from '../../samples/chat/web/conversation.js';
import { Queue, startGateway } from './support.mjs';

const ZONE = 0x7700n;
const LOBBY = 666n;
const GARDEN = 4711n;
const [ADA, BEN] = [10n, 20n];

/** A conversation and everything it tells, as [what, ...about]. */
function converse(t, url, group = LOBBY) {
    const told = new Queue();
    const tell = {};
    for (const what of ['joined', 'noRoom', 'zoneLost', 'moved', 'shownOut',
        'here', 'arrived', 'renamed', 'gone', 'guests', 'message', 'opened', 'lost']) {
        tell[what] = (...about) => told.push([what, ...about]);
    }
    const conversation = new Conversation(url, { name: 'Ada', group }, tell,
        { firstWait: 1 });
    t.after(() => conversation.close());
    /** What is told next of this kind, passing over the rest. */
    const next = async (what) => {
        for (;;) {
            const [is, ...about] = await told.next(`being told ${what}`);
            if (is === what) {
                return about;
            }
        }
    };
    return { conversation, next, told };
}

const here = (...people) => encode(EVENT.HERE, Buffer.concat(
    people.map(([id, name]) => Buffer.concat(
        [idBytes(id), Uint8Array.of(name.length), Buffer.from(name)]))));
const speaker = (id) => encode(EVENT.SPEAKER, idBytes(id));
const answer = (group, zone = ZONE) =>
    encode(EVENT.JOIN, groupAddress(zone, group));

function notice(kind,
    { reason = 0, wait = 0, target = 0n, group = 0n, text = '' }) {
    const data = Buffer.alloc(24 + text.length);
    data.writeUInt16LE(kind, 0);
    data.writeUInt16LE(reason, 2);
    data.writeUInt32LE(wait, 4);
    data.set(groupAddress(target, group), 8);
    data.write(text, 24);
    return encode(TYPE.NOTICE, data);
}

/** Lets the conversation in, once it has asked for this group. */
async function letIn(session, group) {
    const { data } = await session.next(EVENT.JOIN);
    assert.equal(data.length === 0 ? LOBBY : readId(data), group);
    session.write(answer(group));
    const named = await session.next(TYPE.TO_GROUP);
    assert.deepEqual([readId(named.extend), readId(named.extend, 8),
        Buffer.from(named.extend).readUInt16LE(16),
        Buffer.from(named.data).toString()],
    [ZONE, group, EVENT.NAME, 'Ada']);
}

/** As far as being in the lobby with Ben. */
async function together(t) {
    const gateway = await startGateway(t);
    const talk = converse(t, gateway.url);
    const session = await gateway.session();
    await letIn(session, LOBBY);
    session.write(here([ADA, 'Ada'], [BEN, 'Ben']));
    const [people, self] = await talk.next('here');
    assert.deepEqual(people.map(({ name }) => name), ['Ada', 'Ben']);
    assert.equal(self, ADA);
    return { ...talk, gateway, session };
}

test('joins, gives its name and says things', async (t) => {
    const { conversation, session } = await together(t);
    assert.equal(conversation.say('hello'), true);
    const { data, extend } = await session.next(TYPE.TO_GROUP);
    assert.equal(Buffer.from(data).toString(), 'hello');
    assert.equal(Buffer.from(extend).readUInt16LE(16), EVENT.MESSAGE);
});

test('knows the speaker of each message, and guests', async (t) => {
    const { session, next } = await together(t);
    session.write(Buffer.concat([speaker(BEN), encode(EVENT.MESSAGE, 'one'),
        encode(EVENT.MESSAGE, 'two'), speaker(99n),
        encode(EVENT.HERE), encode(EVENT.MESSAGE, 'three')]));
    assert.deepEqual(await next('message'), ['one', { id: BEN, name: 'Ben' }]);
    assert.deepEqual(await next('message'), ['two', null]);
    assert.deepEqual(await next('message'), ['three', { id: 99n, name: '' }]);
});

test('tells who comes, is renamed and goes, and counts guests', async (t) => {
    const { session, next } = await together(t);
    session.write(here([30n, 'Carl']));
    assert.deepEqual(await next('arrived'), [{ id: 30n, name: 'Carl' }]);
    session.write(here([BEN, 'Benno']));
    assert.deepEqual(await next('renamed'),
        [{ id: BEN, name: 'Benno' }, 'Ben']);
    session.write(encode(EVENT.GONE, idBytes(30n)));
    assert.deepEqual((await next('here'))[0].map(({ name }) => name),
        ['Ada', 'Benno']);
    assert.deepEqual(await next('gone'), [{ id: 30n, name: 'Carl' }]);
    session.write(encode(EVENT.GUESTS, Uint8Array.of(2, 0, 0, 0)));
    assert.deepEqual(await next('guests'), [2]);
});

test('leaves one room for another and ignores what is late', async (t) => {
    const { conversation, session, next, told } = await together(t);
    conversation.enter(GARDEN);
    assert.equal(conversation.say('to nobody'), false);
    const { data } = await session.next(EVENT.LEAVE);
    assert.deepEqual([readId(data), readId(data, 8)], [ZONE, LOBBY]);
    session.write(Buffer.concat([speaker(BEN),
        encode(EVENT.MESSAGE, 'late'), here([40n, 'Late'])]));
    await letIn(session, GARDEN);
    await next('joined');
    session.write(here([ADA, 'Ada']));
    assert.deepEqual((await next('here'))[0].map(({ name }) => name),
        ['Ada']);
    session.write(encode(EVENT.MESSAGE, 'in time'));
    assert.deepEqual(await next('message'), ['in time', null]);
    assert.equal(told.length, 0);
});

test('ends in the room wished for last', async (t) => {
    const gateway = await startGateway(t);
    const { conversation, next } = converse(t, gateway.url);
    const session = await gateway.session();
    await session.next(EVENT.JOIN);
    conversation.enter(1n);
    conversation.enter(GARDEN);
    session.write(answer(LOBBY));
    assert.equal(readId((await session.next(EVENT.LEAVE)).data, 8), LOBBY);
    await letIn(session, GARDEN);
    await next('joined');
});

test('joins again after the zone was lost', async (t) => {
    const { session, next } = await together(t);
    session.write(notice(NOTICE.ZONE_LOST, { target: 1n }));
    session.write(encode(EVENT.MESSAGE, 'that was another zone'));
    await next('message');
    session.write(notice(NOTICE.ZONE_LOST, { target: ZONE }));
    await next('zoneLost');
    await letIn(session, LOBBY);
    await next('joined');
});

test('follows a room that moves, after its wait, with its name', async (t) => {
    const { conversation, session, next, told } = await together(t);
    const before = performance.now();
    session.write(notice(NOTICE.LEFT, { reason: REASON.DRAINING, wait: 150,
        target: ZONE, group: LOBBY }));
    assert.deepEqual(await next('moved'), [150]);
    assert.equal(conversation.isJoined, false);
    await letIn(session, LOBBY);
    assert.ok(performance.now() - before >= 145);
    await next('joined');
    session.write(here([ADA, 'Ada']));
    await next('here');
    assert.equal(told.length, 0);
});

test('need not wait for a room that moves when told to try', async (t) => {
    const { conversation, session, next } = await together(t);
    session.write(notice(NOTICE.LEFT, { reason: REASON.DRAINING,
        wait: 0xffffffff, target: ZONE, group: LOBBY }));
    await next('moved');
    conversation.retry();
    await letIn(session, LOBBY);
    await next('joined');
});

test('is back in its room after the gateway sent it away', async (t) => {
    const { session, next, gateway } = await together(t);
    session.write(notice(NOTICE.COME_BACK, { reason: REASON.DRAINING,
        wait: 20 }));
    session.end();
    const [, wait] = await next('lost');
    assert.ok(wait <= 22);
    await letIn(await gateway.session(), LOBBY);
    await next('joined');
});

test('asks again if the connection is lost before the answer', async (t) => {
    const gateway = await startGateway(t);
    const { next } = converse(t, gateway.url);
    const session = await gateway.session();
    await session.next(EVENT.JOIN);
    session.cut();
    await letIn(await gateway.session(), LOBBY);
    await next('joined');
});

test('ignores an answer to what it did not ask', async (t) => {
    const { conversation, session, next } = await together(t);
    session.write(Buffer.concat([answer(GARDEN),
        encode(EVENT.MESSAGE, 'still in the lobby')]));
    await next('message');
    conversation.say('hello');
    const { extend } = await session.next(TYPE.TO_GROUP);
    assert.equal(readId(extend, 8), LOBBY);
});

test('asks again until there is room', async (t) => {
    const gateway = await startGateway(t);
    const { conversation, next } = converse(t, gateway.url);
    const session = await gateway.session();
    await session.next(EVENT.JOIN);
    session.write(answer(LOBBY, 0n));
    const [wait, code] = await next('noRoom');
    assert.ok(wait >= 500 && wait <= 1000);
    assert.equal(code, 0);
    assert.equal(conversation.isJoined, false);
    conversation.retry();
    await letIn(session, LOBBY);
    await next('joined');
});

test('tells why there is no room', async (t) => {
    const gateway = await startGateway(t);
    const { conversation, next } = converse(t, gateway.url);
    const session = await gateway.session();
    for (const code of [ERROR.FULL, -12]) {
        await session.next(EVENT.JOIN);
        const why = Buffer.alloc(4);
        why.writeInt32LE(code);
        session.write(encode(EVENT.JOIN,
            Buffer.concat([groupAddress(0n, LOBBY), why])));
        assert.equal((await next('noRoom'))[1], code);
        conversation.retry();
    }
});

test('stays out when shown out, until it enters again', async (t) => {
    const { conversation, session, next, gateway, told } = await together(t);
    session.write(notice(NOTICE.LEFT, { group: GARDEN }));
    session.write(notice(NOTICE.LEFT, { group: LOBBY, text: 'be nice' }));
    assert.deepEqual(await next('shownOut'), ['be nice']);
    conversation.retry();
    session.cut();
    await next('lost');
    const again = await gateway.session();
    await next('shownOut');
    conversation.enter(LOBBY);
    await letIn(again, LOBBY);
    await next('joined');
    assert.equal(told.length, 0);
});

test('is back in its room after a lost connection', async (t) => {
    const { conversation, session, next, gateway } = await together(t);
    conversation.rename('Ada');
    session.cut();
    await next('lost');
    assert.equal(conversation.say('to nobody'), false);
    await letIn(await gateway.session(), LOBBY);
    await next('joined');
});

test('gives a new name to the room', async (t) => {
    const { conversation, session } = await together(t);
    conversation.rename('Countess');
    const { data } = await session.next(TYPE.TO_GROUP);
    assert.equal(Buffer.from(data).toString(), 'Countess');
});

test('does not believe an answer of a wrong size', async (t) => {
    const gateway = await startGateway(t);
    const { next } = converse(t, gateway.url);
    const place = Buffer.concat([groupAddress(ZONE, LOBBY), Buffer.alloc(4)]);
    for (const data of [new Uint8Array(15), new Uint8Array(19), place]) {
        const session = await gateway.session();
        await session.next(EVENT.JOIN);
        session.write(encode(EVENT.JOIN, data));
        assert.equal((await next('lost'))[0].code, 'bad-frame');
    }
});
