// SPDX-License-Identifier: MIT
/** The chat's page: what its parts show, and what a reader can do. */

import { ERROR, NOTICE } from './domi.js';
import {
    byteLength, groupOf, LOBBY, MESSAGE_LIMIT, NAME_LIMIT, roomName, tidy,
    wellFormed,
} from './events.js';
import { hideBanner, showBanner } from './banner.js';
import { Conversation } from './conversation.js';
import { element } from './element.js';
import { Log } from './log.js';
import { recall, remember } from './memory.js';
import { startPanels } from './panels.js';
import { fillAvatar, fillPeople } from './people.js';
import { steadyTimers } from './timers.js';

/* In a larger room, comings and goings would drown what is said. */
const SMALL_ROOM = 30;
const ROOMS_KEPT = 30;

const byId = (id) => document.getElementById(id);
const many = (count, one, more) =>
    `${count.toLocaleString()} ${count === 1 ? one : more}`;
const roomHash = (room) => `#${encodeURIComponent(room)}`;
const roomLink = (room) => location.href.replace(/#.*|$/, roomHash(room));

const composer = byId('composer-input');
const logFrame = byId('log');
const closePanels = startPanels();
const logs = new Map();
let conversation = null;
let name = '';
let room = LOBBY;
let rooms = [];
let people = [];
let guests = 0;
let self = null;
/* 'new' until this room has been joined, then 'joined' or 'lost'. */
let standing = 'new';
let isConnected = false;
let farewell = '';
let atEnd = true;
let unread = 0;

/* ---- Connection: the banner and whether one can send. ---- */

function setConnection(state) {
    document.body.dataset.connection = state;
    document.body.dataset.room = state === 'online' ? room : '';
    showComposerNote();
}

const tryNow = { label: 'Try now', run: () => conversation.retry() };

function cutOff(state, text, options) {
    withLog((log) => log.failPending(say));
    setConnection(state);
    showPeople([], null);
    showGuests(0);
    showBanner('bad', text, options);
}

function showJoined() {
    setConnection('online');
    if (standing === 'lost') {
        note('You are connected again');
        showBanner('good', 'Connected again.');
    } else {
        hideBanner();
    }
    standing = 'joined';
}

function showLost(error, wait) {
    const isNews = standing === 'joined';
    const text = farewell || (standing === 'new'
        ? 'The chat cannot be reached.' : 'Connection lost.');
    farewell = '';
    isConnected = false;
    if (isNews) {
        standing = 'lost';
        note('The connection was lost');
    }
    cutOff('lost', text, { wait, action: tryNow });
}

function showZoneLost() {
    standing = 'lost';
    note('The server of this room was lost');
    cutOff('lost', 'The server of this room was lost. Joining again…');
}

function showMoved() {
    standing = 'lost';
    note('This room moves to another server');
    cutOff('lost', 'This room moves to another server. Joining again…');
}

function showNoRoom(wait, code) {
    cutOff('lost', code === ERROR.FULL ? 'All rooms are full just now.'
        : 'No room can be had just now.', { wait, action: tryNow });
}

/* What the gateway says of its own accord explains the loss that follows. */
function hearNotice({ notice, text }) {
    if (notice === NOTICE.CLOSING) {
        farewell = text;
    } else if (notice === NOTICE.COME_BACK) {
        farewell = 'This server is being replaced. Changing to another…';
    }
}

function showShownOut(text) {
    standing = 'new';
    cutOff('out', text || 'You are no longer in this room.',
        { action: { label: 'Join again', run: enterRoom } });
}

/* ---- Who is here. ---- */

function showSummary() {
    const parts = [many(people.length, 'person', 'people')];
    if (guests > 0) {
        parts.push(many(guests, 'guest', 'guests'));
    }
    byId('room-summary').textContent = self === null
        ? 'not connected' : parts.join(', ');
    byId('people-count').textContent = people.length + guests || '';
    byId('people-toggle').setAttribute('aria-label',
        `People here: ${people.length + guests}`);
    showEmptyHint();
}

function showPeople(list, me) {
    people = list;
    self = me;
    fillPeople(byId('people'), people, self);
    showSummary();
}

function showGuests(count) {
    guests = count;
    byId('guests').hidden = count === 0;
    byId('guests').textContent = `${many(count, 'guest', 'guests')} without `
        + 'a name';
    showSummary();
}

/* ---- What is said. ---- */

function currentLog() {
    if (!logs.has(room)) {
        const copy = element('button', { type: 'button', className: 'small' },
            'Copy the link to this room');
        const hint = element('p', { className: 'muted empty-hint' });
        copy.onclick = () => copyLink(copy);
        logs.set(room, new Log(room, element('div', { className: 'empty' },
            element('p', { className: 'empty-hash', ariaHidden: 'true' }, '#'),
            element('h2', {}, 'Quiet in ', element('bdi', {}, room)),
            hint, copy)));
    }
    return logs.get(room);
}

function showEmptyHint() {
    const others = people.filter(({ id }) => id !== self).length + guests;
    const hint = currentLog().root.querySelector('.empty-hint');
    hint.textContent = others === 0
        ? 'You are the first one here. Share the link, and people who open '
            + 'it come straight to this room.'
        : `${many(others, 'other is', 'others are')} here. Say hello.`;
}

/* Adds to the log; stays at its end, unless the reader has scrolled up. */
function withLog(add, { isOwn = false, isMessage = false } = {}) {
    add(currentLog());
    if (isOwn || atEnd) {
        scrollToEnd();
    } else if (isMessage) {
        byId('newest').hidden = false;
    }
}

function scrollToEnd() {
    atEnd = true;
    logFrame.scrollTop = logFrame.scrollHeight;
    byId('newest').hidden = true;
}

function note(...children) {
    withLog((log) => log.addNote(...children));
}

function noteAbout({ name: who }, ...what) {
    if (people.length <= SMALL_ROOM) {
        note(element('bdi', {}, who), ' ', ...what);
    }
}

function showMessage(text, speaker) {
    const from = speaker === null ? 'guest'
        : speaker.id === self ? 'me' : 'person';
    const shown = from === 'guest' ? 'Guest' : speaker.name || 'Someone';
    withLog((log) => log.addMessage({ text, from, name: shown,
        key: String(speaker?.id), at: new Date() }),
    { isOwn: from === 'me', isMessage: true });
    if (document.hidden) {
        unread += 1;
        showTitle();
    }
}

function showTitle() {
    document.title = `${unread > 0 ? `(${unread}) ` : ''}#${room} · domi chat`;
}

/* ---- Saying something. ---- */

function composerProblem() {
    const size = byteLength(composer.value.trim());
    if (size > MESSAGE_LIMIT) {
        const limit = MESSAGE_LIMIT.toLocaleString();
        return `Too long: ${size.toLocaleString()} bytes, and a message has `
            + `at most ${limit} (4 KiB).`;
    }
    return conversation?.isJoined || size === 0 ? ''
        : 'Not connected. Your text stays here until you are.';
}

function showComposerNote() {
    const problem = composerProblem();
    const size = byteLength(composer.value.trim());
    const isNear = size > MESSAGE_LIMIT * 3 / 4;
    const text = problem || (isNear ? `${size.toLocaleString()} of `
        + `${MESSAGE_LIMIT.toLocaleString()} bytes` : '');
    const noteLine = byId('composer-note');
    if (noteLine.textContent !== text) {
        noteLine.textContent = text;
    }
    noteLine.dataset.kind = problem ? 'bad' : 'quiet';
    byId('send').disabled = problem !== '' || size === 0;
    composer.setAttribute('aria-invalid', String(size > MESSAGE_LIMIT));
    composer.style.height = 'auto';
    composer.style.height = `${composer.scrollHeight}px`;
}

function say(text) {
    const isSaid = conversation.say(text);
    if (isSaid) {
        withLog((log) => log.addPending(text), { isOwn: true });
    }
    return isSaid;
}

byId('composer').onsubmit = (event) => {
    const text = wellFormed(composer.value.trim());
    event.preventDefault();
    if (text !== '' && composerProblem() === '' && say(text)) {
        composer.value = '';
    }
    showComposerNote();
    composer.focus();
};
composer.oninput = showComposerNote;
composer.onkeydown = (event) => {
    /* While a word is being composed, Enter belongs to the input method. */
    if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        byId('composer').requestSubmit();
    }
};

/* ---- Rooms. ---- */

function roomFromLocation() {
    const hash = location.hash.slice(1);
    try {
        return roomName(decodeURIComponent(hash));
    } catch {
        return roomName(hash);
    }
}

function showRooms() {
    const items = rooms.map((known) => {
        const link = element('a', { href: roomHash(known),
            data: { roomLink: known } },
        element('span', { className: 'hash', ariaHidden: 'true' }, '#'),
        element('bdi', {}, known));
        const item = element('li', {}, link);
        if (known === room) {
            link.setAttribute('aria-current', 'page');
        } else if (known !== LOBBY) {
            const forget = element('button', { type: 'button',
                className: 'quiet forget', ariaLabel: `Forget room ${known}` },
            '×');
            forget.onclick = () => {
                rooms = rooms.filter((one) => one !== known);
                remember('rooms', rooms);
                showRooms();
                byId('room-input').focus();
            };
            item.append(forget);
        }
        return item;
    });
    byId('rooms').replaceChildren(...items);
}

/* Shows a room's log and asks to join it. */
function showRoom(next) {
    if (conversation) {
        currentLog().failPending(say);
    }
    room = next;
    const recent = rooms.filter((one) => one !== LOBBY && one !== room);
    rooms = [LOBBY, ...recent.slice(0, ROOMS_KEPT),
        ...(room === LOBBY ? [] : [room])];
    remember('rooms', rooms);
    history.replaceState(null, '', roomHash(room));
    byId('room-title').textContent = room;
    composer.placeholder = `Message #${room}`;
    logFrame.replaceChildren(currentLog().root);
    if (!currentLog().isEmpty) {
        note('You are back. What was said meanwhile is not kept.');
    }
    showRooms();
    showPeople([], null);
    showGuests(0);
    showTitle();
    scrollToEnd();
}

function enterRoom() {
    if (isConnected) {
        standing = 'new';
        setConnection('connecting');
        hideBanner();
    }
    conversation?.enter(groupOf(room));
}

addEventListener('hashchange', () => {
    const next = roomFromLocation();
    if (next !== room) {
        showRoom(next);
        enterRoom();
        closePanels();
        focusComposer();
    } else {
        history.replaceState(null, '', roomHash(room));
    }
});
byId('room-form').onsubmit = (event) => {
    const field = byId('room-input');
    event.preventDefault();
    if (field.value.trim() !== '') {
        location.hash = roomHash(roomName(field.value));
        field.value = '';
    }
    closePanels();
};

async function copyLink(label) {
    const usual = label.dataset.usual ?? label.textContent;
    label.dataset.usual = usual;
    try {
        await navigator.clipboard.writeText(roomLink(room));
        label.textContent = 'Copied';
    } catch {
        /* Browsers refuse on pages that came without TLS. */
        label.textContent = 'Copy it from the address bar';
    }
    setTimeout(() => { label.textContent = usual; }, 2000);
}

byId('copy-link').onclick = () => copyLink(byId('copy-link-label'));

/* On a touch screen, focus would push up the keyboard unasked. */
function focusComposer() {
    if (matchMedia('(hover: hover)').matches) {
        composer.focus();
    }
}

/* ---- Name. ---- */

function nameProblem(text) {
    if (text === '') {
        return 'Please type a name.';
    }
    return byteLength(text) <= NAME_LIMIT ? ''
        : `That is too long: a name has at most ${NAME_LIMIT} bytes, and `
            + 'letters other than a to z take two to four.';
}

function askName() {
    byId('name-input').value = name;
    byId('name-note').textContent = '';
    byId('name-cancel').hidden = name === '';
    byId('name-save').textContent = name === '' ? 'Join' : 'Save';
    byId('name-dialog').showModal();
    byId('name-input').select();
}

function useName(text) {
    name = text;
    byId('self-name').textContent = name;
    fillAvatar(byId('self-avatar'), name);
    if (conversation) {
        conversation.rename(name);
    } else {
        start();
    }
}

byId('rename').onclick = askName;
byId('name-cancel').onclick = () => byId('name-dialog').close();
byId('name-form').onsubmit = (event) => {
    const text = tidy(byId('name-input').value);
    const problem = nameProblem(text);
    event.preventDefault();
    byId('name-note').textContent = problem;
    if (problem === '') {
        remember('name', text);
        useName(text);
        byId('name-dialog').close();
        focusComposer();
    }
};
/* Escape may close it, but without a name there is nothing behind it. */
byId('name-dialog').onclose = () => {
    if (name === '') {
        askName();
    }
};

/* ---- Start. ---- */

function start() {
    const scheme = location.protocol === 'https:' ? 'wss:' : 'ws:';
    setConnection('connecting');
    showBanner('quiet', 'Connecting…');
    conversation = new Conversation(`${scheme}//${location.host}/ws`,
        { name, group: groupOf(room) }, {
            opened: () => { isConnected = true; },
            joined: showJoined,
            lost: showLost,
            zoneLost: showZoneLost,
            moved: showMoved,
            noRoom: showNoRoom,
            shownOut: showShownOut,
            notice: hearNotice,
            here: showPeople,
            guests: showGuests,
            arrived: (person) => noteAbout(person, 'joined'),
            gone: (person) => noteAbout(person, 'left'),
            renamed: (person, old) => noteAbout({ name: old },
                'is now ', element('bdi', {}, person.name)),
            message: showMessage,
        }, { after: steadyTimers() });
}

logFrame.onscroll = () => {
    const left = logFrame.scrollHeight - logFrame.scrollTop;
    atEnd = left - logFrame.clientHeight < 40;
    if (atEnd) {
        byId('newest').hidden = true;
    }
};
byId('newest').onclick = scrollToEnd;
new ResizeObserver(() => {
    if (atEnd) {
        scrollToEnd();
    }
}).observe(logFrame);
addEventListener('online', () => conversation?.retry());
document.onvisibilitychange = () => {
    if (!document.hidden) {
        conversation?.retry();
        unread = 0;
        showTitle();
    }
};

const known = recall('rooms');
rooms = Array.isArray(known) ? [...new Set(known.map(String).map(roomName))]
    : [];
showRoom(roomFromLocation());
const kept = tidy(String(recall('name') ?? ''));
if (nameProblem(kept) === '') {
    useName(kept);
    focusComposer();
} else {
    askName();
}
