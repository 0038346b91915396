// SPDX-License-Identifier: MIT
/** What has been said in one room, as elements. */

import { element } from './element.js';
import { avatarOf } from './people.js';

/* Turns kept in a log, messages in a turn. */
const LONGEST_LOG = 200;
const LONGEST_TURN = 20;
const SAME_TURN_MS = 5 * 60 * 1000;

const timeFormat = new Intl.DateTimeFormat(undefined,
    { hour: '2-digit', minute: '2-digit' });
const dayFormat = new Intl.DateTimeFormat(undefined,
    { weekday: 'long', day: 'numeric', month: 'long' });

/** The log of one room. */
export class Log {
    /** What to put into the page. */
    root;
    #turns = element('ol', { className: 'turns' });
    #pending = element('ol', { className: 'pending' });
    #day = '';
    #open = null;

    /**
     * @param {string} room its name, for screen readers
     * @param {Node} empty shown until something is there
     */
    constructor(room, empty) {
        const live = element('div', { role: 'log', ariaLive: 'polite',
            ariaLabel: `Messages in ${room}` }, this.#turns);
        this.root = element('div', { className: 'log-room' },
            empty, live, this.#pending);
    }

    /**
     * Adds a message. Those of one speaker within some minutes make a turn;
     * guests cannot be told apart, so each of theirs stands alone.
     * @param {{text: string, name: string, key: string,
     *     from: 'me'|'person'|'guest', at: Date}} message
     */
    addMessage({ text, name, key, from, at }) {
        if (from === 'me') {
            this.#confirm(text);
        }
        this.#startDay(at);
        const open = this.#open;
        if (from === 'guest' || open?.key !== key || open.name !== name
            || open.count === LONGEST_TURN || at - open.at > SAME_TURN_MS) {
            this.#startTurn({ name, key, from, at });
        }
        this.#open.at = at;
        this.#open.count += 1;
        this.#open.body.append(element('p', { className: 'message', dir: 'auto',
            title: timeFormat.format(at),
            data: { message: '', from, speaker: name } }, text));
    }

    /** Whether nothing has been said or noted yet. */
    get isEmpty() {
        return this.#turns.children.length === 0;
    }

    /** Adds a line about what happened. */
    addNote(...children) {
        this.#open = null;
        this.#append(element('li', { className: 'note' }, ...children));
    }

    /** Shows a message on its way, until it arrives or fails. */
    addPending(text) {
        this.#pending.append(element('li', { data: { state: 'sending' } },
            element('p', { className: 'message', dir: 'auto' }, text)));
    }

    /**
     * What is still on its way may be lost: leaves that to the reader.
     * @param {function(string): boolean} say sends again, if it can
     */
    failPending(say) {
        const sending = this.#pending.querySelectorAll('[data-state=sending]');
        for (const item of sending) {
            const text = item.firstChild.textContent;
            const again = element('button', { type: 'button',
                className: 'small', textContent: 'Send again' });
            const drop = element('button', { type: 'button',
                className: 'small quiet', textContent: 'Discard' });
            item.dataset.state = 'unsure';
            item.append(element('p', { className: 'unsure' },
                'This may not have arrived.', again, drop));
            drop.onclick = () => item.remove();
            again.onclick = () => {
                if (say(text)) {
                    item.remove();
                }
            };
        }
    }

    #confirm(text) {
        for (const item of this.#pending.children) {
            if (item.dataset.state === 'sending'
                && item.firstChild.textContent === text) {
                item.remove();
                return;
            }
        }
    }

    #startDay(at) {
        const day = dayFormat.format(at);
        if (this.#day !== '' && this.#day !== day) {
            this.addNote(element('time', {}, day));
        }
        this.#day = day;
    }

    #startTurn({ name, key, from, at }) {
        const body = element('div', { className: 'turn-body' });
        const head = element('p', { className: 'turn-head' },
            element('bdi', { className: 'speaker' }, name));
        if (from === 'me') {
            head.append(element('span', { className: 'tag' }, 'you'));
        }
        head.append(element('time', { dateTime: at.toISOString() },
            timeFormat.format(at)));
        body.append(head);
        const avatar = avatarOf(name);
        if (from === 'guest') {
            avatar.dataset.hue = 'none';
        }
        this.#append(element('li', { className: 'turn', data: { from } },
            avatar, body));
        this.#open = { key, name, body, at, count: 0 };
    }

    #append(item) {
        this.#turns.append(item);
        while (this.#turns.children.length > LONGEST_LOG) {
            this.#turns.firstChild.remove();
        }
    }
}
