// SPDX-License-Identifier: MIT
/**
 * People in real browsers talk through gateways, in rooms that are held by
 * other processes, which are killed, drained, and come back.
 *
 * Environment: DOMI_CHAT_GATEWAY, DOMI_CHAT_ROOM and DOMI_CONSUL, the paths of
 * the programs (required); DOMI_CHROMIUM as in chat.test.mjs.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NOTICE } from '../../samples/chat/web/domi.js';
import {
    guest, joined, person, present, readLog, say, shown, startConsul,
    startProgram, useBrowser, WEB,
} from './support.mjs';

/* Within this time a page says that its room is lost. */
const SIGN_PATIENCE = 10000;
/* Two processes share the names evenly: this many tries do not fail. */
const NAMES_TRIED = 64;

useBrowser();

/* The ids are given, for those made from addresses may be the same. */
const startRooms = (t, id, { httpPort = 0, tcpPort = 0 } = {}) =>
    startProgram(t, 'DOMI_CHAT_ROOM', ['--id', id,
        '--http-port', httpPort, '--tcp-port', tcpPort]);

/** The node that made this id of a link. */
const nodeOf = (target) => Number(target >> 12n & 0x3ffn);
const hashOf = (room) => `#${encodeURIComponent(room)}`;

/**
 * A gateway and two processes with rooms behind it.
 * @returns {object} the gateway; `first` and `second`, the name of a room in
 *     either process; `kill` and `restart`, for the second
 */
async function startCluster(t) {
    const holders = [await startRooms(t, 1), await startRooms(t, 2)];
    const gateway = await startProgram(t, 'DOMI_CHAT_GATEWAY', ['--id', 3,
        '--http-port', 0, '--tcp-port', 0, '--web', WEB,
        ...holders.flatMap(({ address }) => ['--zone', `room=${address}`])]);
    const names = await findRooms(await guest(t, gateway));
    return {
        gateway,
        first: names.get(1),
        second: names.get(2),
        kill: holders[1].kill,
        restart: () => startRooms(t, 2, holders[1]),
    };
}

/** Tries names until each of both nodes has a room. */
async function findRooms(scout) {
    const names = new Map();
    for (let tried = 1; names.size < 2; tried += 1) {
        assert.ok(tried <= NAMES_TRIED, 'all rooms are in one process');
        const name = `table ${tried}`;
        const node = nodeOf(await scout.join(name));
        assert.ok([1, 2].includes(node), `there is no node ${node}`);
        names.set(node, names.get(node) ?? name);
        scout.leave();
    }
    return names;
}

const banner = (page, text, options) => page.locator('#banner',
    { hasText: text }).waitFor(options);

/** Waits for the sign that the room is lost, though not the connection. */
async function isLost(page) {
    const options = { timeout: SIGN_PATIENCE };
    await page.waitForSelector('body[data-connection=lost]', options);
    await banner(page, 'The server of this room was lost', options);
}

/** A person and a guest who talk by turns, without a pause, until stop(). */
function converse(page, name, plain) {
    const log = [];
    let isOver = false;
    const talk = (async () => {
        for (let turn = 1; !isOver; turn += 1) {
            const ask = `${turn}: still there?`;
            const answer = `${turn}: yes`;
            plain.say(ask);
            await shown(page, ask);
            await say(page, answer);
            await plain.hears(answer);
            log.push(['guest', 'Guest', ask], ['me', name, answer]);
        }
    })();
    /* A failure is reported by stop(). */
    talk.catch(() => {});
    return {
        stop: async () => {
            isOver = true;
            await talk;
            return log;
        },
    };
}

/** Keeps each further state of the page's connection in window.states. */
const watchConnection = (page) => page.evaluate(() => {
    window.states = [];
    new MutationObserver(() => {
        window.states.push(document.body.dataset.connection);
    }).observe(document.body, { attributeFilter: ['data-connection'] });
});

test('people talk in rooms of both processes', async (t) => {
    const { gateway, first, second } = await startCluster(t);
    const ada = await person(t, gateway, 'Ada', { hash: hashOf(first) });
    const ben = await person(t, gateway, 'Ben', { hash: hashOf(first) });
    for (const room of [first, second]) {
        for (const page of [ada, ben]) {
            await page.fill('#room-input', room);
            await page.press('#room-input', 'Enter');
            await joined(page, room);
        }
        const plain = await guest(t, gateway, room);
        await present(ada, 'Ben');
        await present(ben, 'Ada');
        await say(ada, 'good morning');
        await plain.hears('good morning');
        plain.say('hello from a terminal');
        await shown(ben, 'hello from a terminal');
        await say(ben, 'and to you');
        await shown(ada, 'and to you');
        await plain.hears('and to you');
        assert.deepEqual(await readLog(ada), [['me', 'Ada', 'good morning'],
            ['guest', 'Guest', 'hello from a terminal'],
            ['person', 'Ben', 'and to you']]);
        assert.deepEqual(plain.heard,
            ['good morning', 'hello from a terminal', 'and to you']);
    }
});

test('a killed process loses its rooms alone, until it is back', async (t) => {
    const { gateway, first, second, kill, restart } = await startCluster(t);
    const carl = await person(t, gateway, 'Carl', { hash: hashOf(first) });
    const other = await guest(t, gateway, first);
    const ada = await person(t, gateway, 'Ada', { hash: hashOf(second) });
    const ben = await person(t, gateway, 'Ben', { hash: hashOf(second) });
    const plain = await guest(t, gateway, second);
    await present(ada, 'Ben');
    await say(ada, 'before');
    await shown(ben, 'before');
    await watchConnection(carl);
    const talk = converse(carl, 'Carl', other);

    await kill();
    await Promise.all([ada, ben].map(isLost));
    await plain.isTold(NOTICE.ZONE_LOST);
    assert.equal(plain.notices[0].target, plain.target);
    /* They have asked for the room again, in vain, and will do so again. */
    const [refusal] = await Promise.all([plain.join(second),
        ...[ada, ben].map((page) => banner(page, 'No room can be had'))]);
    assert.equal(refusal, 0n);

    await restart();
    for (const page of [ada, ben]) {
        await joined(page, second);
        await present(page, 'Ada');
        await present(page, 'Ben');
        await page.locator('#banner').waitFor({ state: 'hidden' });
    }
    const target = await plain.join(second);
    assert.equal(nodeOf(target), 2);
    assert.notEqual(target, plain.target);
    await say(ada, 'after');
    await shown(ben, 'after');
    plain.say('the guest as well');
    await shown(ben, 'the guest as well');
    assert.deepEqual(await readLog(ben), [['person', 'Ada', 'before'],
        ['person', 'Ada', 'after'], ['guest', 'Guest', 'the guest as well']]);
    assert.deepEqual(plain.heard, ['before', 'after', 'the guest as well']);

    const said = await talk.stop();
    assert.deepEqual(other.heard, said.map(([, , text]) => text));
    /* The page keeps the last part only. */
    const kept = await readLog(carl);
    assert.deepEqual(kept, said.slice(-kept.length));
    assert.deepEqual(await carl.evaluate(() => window.states), []);
    assert.deepEqual(other.notices, []);
});

test('who has lost a room can go to another', async (t) => {
    const { gateway, first, second, kill } = await startCluster(t);
    const ada = await person(t, gateway, 'Ada', { hash: hashOf(second) });
    await kill();
    await isLost(ada);
    await ada.fill('#room-input', first);
    await ada.press('#room-input', 'Enter');
    await joined(ada, first);
    await ada.locator('#banner').waitFor({ state: 'hidden' });
    await say(ada, 'here instead');
    assert.equal(await ada.locator('#log', { hasText: 'again' }).count(), 0);
});

test('people at two gateways of a cluster stay together', async (t) => {
    const ports = ['--http-port', 0, '--tcp-port', 0];
    const options = ['--consul', await startConsul(t), ...ports];
    const startGateway = () => startProgram(t, 'DOMI_CHAT_GATEWAY',
        [...options, '--web', WEB]);
    const holders = await Promise.all([1, 2, 3].map(() =>
        startProgram(t, 'DOMI_CHAT_ROOM', [...options, '--drain-rate', 100])));
    const gateways = [await startGateway(), await startGateway()];
    const ada = await person(t, gateways[0], 'Ada');
    const ben = await person(t, gateways[1], 'Ben');

    const meet = async (text) => {
        await Promise.all([present(ada, 'Ben'), present(ben, 'Ada')]);
        await say(ada, text);
        await shown(ben, text);
    };
    const findHolder = async () => {
        const { target } = await guest(t, gateways[0]);
        return holders.find(({ id }) => id === nodeOf(target));
    };
    /* The list of people is empty from the note on, until they meet again. */
    const areTold = (text) => Promise.all([ada, ben].map((page) =>
        page.locator('#log', { hasText: text }).waitFor()));

    await meet('good morning');
    await (await findHolder()).kill();
    await areTold('The server of this room was lost');
    await meet('after its death');

    const { page, id } = await findHolder();
    const answer = await fetch(`${page}${id}/exit`, { method: 'POST' });
    assert.equal(answer.status, 200);
    await areTold('This room moves to another server');
    await meet('after its drain');
    assert.notEqual((await findHolder()).id, id);
    assert.deepEqual((await readLog(ben)).map(([, , text]) => text),
        ['good morning', 'after its death', 'after its drain']);
});
