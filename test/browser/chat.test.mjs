// SPDX-License-Identifier: MIT
/**
 * People in real browsers talk through the real chat program.
 *
 * Environment: DOMI_CHAT, the path of the chat program (required);
 * DOMI_CHROMIUM, the browser, if it is not /usr/bin/chromium.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
    absent, guest, joined, person, PHONE, present, readLog, say, shown,
    startProgram, useBrowser, WEB,
} from './support.mjs';

useBrowser();

/** The chat program, started; ports of an earlier one, or free ones. */
const startChat = (t, { httpPort = 0, tcpPort = 0 } = {}) =>
    startProgram(t, 'DOMI_CHAT', ['--http-port', httpPort,
        '--tcp-port', tcpPort, '--web', WEB]);

test('people with names talk, and each message has its speaker', async (t) => {
    const chat = await startChat(t);
    const ada = await person(t, chat, 'Ada');
    const ben = await person(t, chat, 'Ben');
    await present(ada, 'Ben');
    await present(ben, 'Ada');
    assert.deepEqual(await ben.locator('#people [data-me]')
        .evaluateAll((all) => all.map(({ dataset }) => dataset.person)),
    ['Ben']);
    await say(ada, 'good morning');
    await shown(ben, 'good morning');
    await say(ben, 'and to you: 你好');
    await shown(ada, '你好');
    assert.deepEqual(await readLog(ada), [['me', 'Ada', 'good morning'],
        ['person', 'Ben', 'and to you: 你好']]);
    assert.deepEqual(await readLog(ben), [['person', 'Ada', 'good morning'],
        ['me', 'Ben', 'and to you: 你好']]);
    await ben.context().close();
    await absent(ada, 'Ben');
});

test('a plain client without a name talks with both as a guest', async (t) => {
    const chat = await startChat(t);
    const ada = await person(t, chat, 'Ada');
    const ben = await person(t, chat, 'Ben');
    const plain = await guest(t, chat);
    await ada.waitForSelector('#guests:not([hidden])');
    plain.say('hello from a terminal');
    await shown(ada, 'hello from a terminal');
    await shown(ben, 'hello from a terminal');
    await say(ben, 'hello terminal');
    await plain.hears('hello terminal');
    assert.deepEqual(await readLog(ben),
        [['guest', 'Guest', 'hello from a terminal'],
            ['me', 'Ben', 'hello terminal']]);
    assert.deepEqual(plain.heard, ['hello from a terminal', 'hello terminal']);
});

test('markup in names, messages and rooms stays text', async (t) => {
    const chat = await startChat(t);
    const attack = '<img src=x onerror="window.hit=1">';
    const name = '<b onclick=hit=1>Eve</b>';
    const eve = await person(t, chat, name);
    const ada = await person(t, chat, 'Ada');
    const plain = await guest(t, chat);
    await say(eve, attack);
    await shown(ada, attack);
    plain.say(`${attack} from a guest`);
    await shown(ada, `${attack} from a guest`);
    await present(ada, name);
    await ada.fill('#room-input', attack);
    await ada.press('#room-input', 'Enter');
    await ada.locator('#rooms [data-room-link]', { hasText: '<img' })
        .waitFor();
    await ada.waitForSelector('body[data-connection=online]');
    for (const page of [ada, eve]) {
        assert.equal(await page.evaluate(() => window.hit), undefined);
        assert.equal(await page.locator('img, b').count(), 0);
    }
});

test('rooms are apart, and their links can be shared', async (t) => {
    const chat = await startChat(t);
    const ada = await person(t, chat, 'Ada');
    const ben = await person(t, chat, 'Ben');
    await present(ada, 'Ben');
    await ada.fill('#room-input', ' Garden  PARTY ');
    await ada.press('#room-input', 'Enter');
    await joined(ada, 'garden party');
    await absent(ben, 'Ada');
    await absent(ada, 'Ben');
    await say(ada, 'only for the garden');
    const carl = await person(t, chat, 'Carl', { hash: '#garden%20party' });
    assert.equal(ada.url(), carl.url());
    await present(ada, 'Carl');
    await say(carl, 'lovely garden');
    await shown(ada, 'lovely garden');
    await ada.click('#rooms [data-room-link=lobby]');
    await joined(ada, 'lobby');
    await present(ben, 'Ada');
    await absent(carl, 'Ada');
    await say(ada, 'back in the lobby');
    await shown(ben, 'back in the lobby');
    assert.deepEqual(await readLog(ben),
        [['person', 'Ada', 'back in the lobby']]);
    assert.deepEqual(await readLog(carl), [['me', 'Carl', 'lovely garden']]);
});

test('a name can be changed and is remembered', async (t) => {
    const chat = await startChat(t);
    const ada = await person(t, chat, 'Ada');
    const ben = await person(t, chat, 'Ben');
    await ada.click('#rename');
    await ada.fill('#name-input', 'ä'.repeat(17));
    await ada.click('#name-save');
    await ada.locator('#name-note', { hasText: 'too long' }).waitFor();
    await ada.fill('#name-input', 'Countess');
    await ada.click('#name-save');
    await present(ben, 'Countess');
    await absent(ben, 'Ada');
    await ada.reload();
    await joined(ada, 'lobby');
    await present(ada, 'Countess');
    assert.equal(await ada.locator('#name-dialog[open]').count(), 0);
});

test('a message above 4 KiB is refused in words, 4 KiB goes', async (t) => {
    const chat = await startChat(t);
    const ada = await person(t, chat, 'Ada');
    const ben = await person(t, chat, 'Ben');
    await ada.fill('#composer-input', 'é'.repeat(2049));
    await ada.locator('#composer-note', { hasText: '4 KiB' }).waitFor();
    assert.ok(await ada.locator('#send').isDisabled());
    await ada.press('#composer-input', 'Enter');
    assert.equal((await ada.inputValue('#composer-input')).length, 2049);
    await say(ada, 'é'.repeat(2048));
    await shown(ben, 'é'.repeat(2048));
    assert.equal(await ada.inputValue('#composer-input'), '');
});

test('a phone shows the chat without scrolling sideways', async (t) => {
    const chat = await startChat(t);
    const ada = await person(t, chat, 'Ada', { viewport: PHONE });
    await say(ada, 'https://example.org/'.repeat(20));
    const fits = () => ada.evaluate(() => {
        const { scrollWidth } = document.scrollingElement;
        const { right, bottom } = document.querySelector('#send')
            .getBoundingClientRect();
        const log = document.querySelector('#log');
        return { sideways: scrollWidth - innerWidth,
            logSideways: log.scrollWidth - log.clientWidth,
            composer: right <= innerWidth && bottom <= innerHeight };
    });
    const good = { sideways: 0, logSideways: 0, composer: true };
    assert.deepEqual(await fits(), good);
    assert.ok(!await ada.isVisible('#people'));
    await ada.click('#people-toggle');
    await ada.locator('#people [data-person=Ada]').waitFor();
    await ada.keyboard.press('Escape');
    await ada.locator('#people').waitFor({ state: 'hidden' });
    await ada.click('#rooms-toggle');
    await ada.locator('#room-input').waitFor();
    assert.deepEqual(await fits(), good);
});

test('a lost connection is shown, and all is back after it', async (t) => {
    const first = await startChat(t);
    const ada = await person(t, first, 'Ada', { hash: '#harbour' });
    const ben = await person(t, first, 'Ben', { hash: '#harbour' });
    await present(ada, 'Ben');
    await say(ada, 'before');
    await first.kill();
    for (const page of [ada, ben]) {
        await page.waitForSelector('body[data-connection=lost]');
        await page.locator('#banner', { hasText: 'lost' }).waitFor();
    }
    await ada.fill('#composer-input', 'typed while away');
    await ada.press('#composer-input', 'Enter');
    assert.equal(await ada.inputValue('#composer-input'), 'typed while away');
    await startChat(t, first);
    for (const page of [ada, ben]) {
        await joined(page, 'harbour');
        await present(page, 'Ada');
        await present(page, 'Ben');
        await page.locator('#banner').waitFor({ state: 'hidden' });
    }
    await ada.press('#composer-input', 'Enter');
    await shown(ben, 'typed while away');
    await say(ben, 'after');
    await shown(ada, 'after');
    assert.deepEqual(await readLog(ben), [['person', 'Ada', 'before'],
        ['person', 'Ada', 'typed while away'], ['me', 'Ben', 'after']]);
});

test('a server that falls silent counts as lost, words are kept', async (t) => {
    const chat = await startChat(t);
    const ada = await person(t, chat, 'Ada');
    chat.pause();
    await ada.fill('#composer-input', 'is anybody there?');
    await ada.press('#composer-input', 'Enter');
    await ada.waitForSelector('body[data-connection=lost]');
    /* Its timers run in a Worker, so that hidden pages keep time too. */
    assert.equal(ada.workers().length, 1);
    await ada.locator('#log [data-state=unsure]',
        { hasText: 'is anybody there?' }).waitFor();
    chat.resume();
    await joined(ada, 'lobby');
    await ada.click('#log [data-state=unsure] button >> nth=0');
    await shown(ada, 'is anybody there?');
    await ada.locator('#log [data-state]').waitFor({ state: 'detached' });
});
