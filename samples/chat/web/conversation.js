// SPDX-License-Identifier: MIT
/**
 * One person's place in one room at a time, kept over lost connections.
 *
 * The way in: connected, ask to join, joined, give the name, told who is
 * here. From there: enter() another room; the zone or the connection is lost,
 * or the room moves to another zone, and the way in begins anew; the room shows
 * this person out.
 */

import {
    after, connect, DomiError, idBytes, NOTICE, readCode, readId, REASON,
} from './domi.js';
import {
    decodeText, EVENT, LOBBY_GROUP, readGuests, readPeople,
} from './events.js';

const FIRST_WAIT = 1000;
const LONGEST_WAIT = 10000;
/* What a gateway may ask for while a room moves; it asks for 5 s at most. */
const LONGEST_MOVE = 60000;

/**
 * What a conversation tells, each optional:
 * - joined(): in the room; who is here follows
 * - noRoom(wait, code): no zone has room for it; the next try follows in `wait`
 *   ms; `code` says why, see ERROR, or is 0
 * - zoneLost(): the zone is gone; joining again
 * - moved(wait): the room moves to another zone; joining again in `wait` ms
 * - shownOut(text): no longer a member; enter() to try again
 * - here(people, self): the list so far; `self` is an id
 * - arrived(person), renamed(person, old), gone(person): it changed so
 * - guests(count): how many have no name
 * - message(text, speaker): speaker null is a guest
 * - opened(), lost(error, wait), notice(notice): as of connect()
 */
export class Conversation {
    #tell;
    #connection;
    #after;
    #name;
    /* The room wished for, or null: shown out, and not to come by itself. */
    #group;
    /* What the 16 bytes of the join's answer address, once joined. */
    #address = null;
    #asking = false;
    #cancelRetry = () => {};
    #tries = 0;
    #people = new Map();
    #self = null;
    #speaker = null;

    /**
     * @param {string} url
     * @param {{name: string, group: bigint}} who
     * @param {object} tell see above
     * @param {object} [options] further ones of connect()
     */
    constructor(url, { name, group }, tell, options = {}) {
        this.#tell = tell;
        this.#name = name;
        this.#group = group;
        this.#after = options.after ?? after;
        this.#connection = connect(url, {
            ...options,
            opened: () => this.#opened(),
            lost: (error, wait) => this.#lost(error, wait),
            notice: (notice) => this.#notice(notice),
        });
        this.#handle();
    }

    /** Whether messages can be said right now. */
    get isJoined() {
        return this.#address !== null;
    }

    /** Goes to a room, also to the same one again after being shown out. */
    enter(group) {
        this.#leave();
        this.#group = group;
        this.#ask();
    }

    /** Takes another name, here and in every room from now on. */
    rename(name) {
        this.#name = name;
        this.#sayName();
    }

    /** Says something. @returns {boolean} false: not in the room now */
    say(text) {
        return this.isJoined
            && this.#connection.sendToGroup(this.#address, EVENT.MESSAGE, text);
    }

    /** Tries to connect or to join at once instead of waiting. */
    retry() {
        this.#connection.retry();
        this.#ask();
    }

    /** Ends it. @returns {Promise<void>} as close() of a connection */
    close() {
        this.#cancelRetry();
        return this.#connection.close();
    }

    #handle() {
        const inRoom = (type, handler) => {
            this.#connection.handle(type, (data) => {
                /* What is still on its way from a room left is not for us. */
                if (this.isJoined) {
                    handler(data);
                }
            });
        };
        this.#connection.handle(EVENT.JOIN, (data) => this.#answered(data));
        inRoom(EVENT.HERE, (data) => this.#here(readPeople(data)));
        inRoom(EVENT.GONE, (data) => this.#gone(readId(data)));
        inRoom(EVENT.SPEAKER, (data) => { this.#speaker = readId(data); });
        inRoom(EVENT.GUESTS, (data) => this.#tell.guests?.(readGuests(data)));
        inRoom(EVENT.MESSAGE, (data) => this.#said(data));
    }

    #opened() {
        this.#tries = 0;
        this.#tell.opened?.();
        if (this.#group === null) {
            this.#tell.shownOut?.('');
        }
        this.#ask();
    }

    #lost(error, wait) {
        this.#forget();
        this.#asking = false;
        this.#cancelRetry();
        this.#tell.lost?.(error, wait);
    }

    #notice(notice) {
        const here = this.isJoined ? this.#address : new Uint8Array(16);
        this.#tell.notice?.(notice);
        if (notice.notice === NOTICE.ZONE_LOST
            && notice.target === readId(here)) {
            this.#forget();
            this.#tell.zoneLost?.();
            this.#ask();
        } else if (notice.notice === NOTICE.LEFT
            && notice.group === readId(here, 8)) {
            this.#forget();
            if (notice.reason === REASON.DRAINING) {
                this.#askLater(notice.wait);
                this.#tell.moved?.(notice.wait);
            } else {
                this.#group = null;
                this.#tell.shownOut?.(notice.text);
            }
        }
    }

    /* One question at a time: the answer tells when the wish has changed. */
    #ask() {
        this.#cancelRetry();
        if (this.#asking || this.isJoined || this.#group === null) {
            return;
        }
        const group = this.#group === LOBBY_GROUP
            ? new Uint8Array(0) : idBytes(this.#group);
        this.#asking = this.#connection.send(EVENT.JOIN, group);
    }

    #askLater(wait) {
        this.#cancelRetry = this.#after(Math.min(wait, LONGEST_MOVE),
            () => this.#ask());
    }

    #answered(data) {
        const noRoom = readId(data) === 0n;
        if (data.length !== 16 && !(noRoom && data.length === 20)) {
            throw new DomiError('bad-frame',
                `an answer to a join has ${data.length} bytes`);
        }
        if (!this.#asking) {
            return;
        }
        this.#asking = false;
        if (readId(data, 8) !== this.#group) {
            this.#address = noRoom ? null : data;
            this.#leave();
            this.#ask();
        } else if (noRoom) {
            this.#waitForRoom(data.length === 20 ? readCode(data, 16) : 0);
        } else {
            this.#tries = 0;
            this.#address = data;
            this.#tell.joined?.();
            this.#sayName();
        }
    }

    #waitForRoom(code) {
        const whole = Math.min(FIRST_WAIT * 2 ** this.#tries, LONGEST_WAIT);
        const wait = whole * (0.5 + Math.random() / 2);
        this.#tries += 1;
        this.#askLater(wait);
        this.#tell.noRoom?.(wait, code);
    }

    #leave() {
        if (this.isJoined) {
            this.#connection.send(EVENT.LEAVE, this.#address);
        }
        this.#forget();
    }

    #forget() {
        this.#address = null;
        this.#people.clear();
        this.#self = null;
        this.#speaker = null;
    }

    #sayName() {
        if (this.isJoined) {
            this.#connection.sendToGroup(this.#address, EVENT.NAME, this.#name);
        }
    }

    #here(entries) {
        const atFirst = this.#self === null;
        if (atFirst && entries.length > 0) {
            this.#self = entries[0].id;
        }
        /* One entry in a later frame is a newcomer or a new name; more are
           the rest of a long list. */
        const [only] = entries;
        const old = this.#people.get(only?.id);
        const isNews = !atFirst && entries.length === 1;
        for (const person of entries) {
            this.#people.set(person.id, person);
        }
        this.#tell.here?.([...this.#people.values()], this.#self);
        if (isNews && !old) {
            this.#tell.arrived?.(only);
        } else if (isNews && old.name !== only.name) {
            this.#tell.renamed?.(only, old.name);
        }
    }

    #gone(id) {
        const person = this.#people.get(id);
        if (person) {
            this.#people.delete(id);
            this.#tell.here?.([...this.#people.values()], this.#self);
            this.#tell.gone?.(person);
        }
    }

    #said(data) {
        const text = decodeText(data);
        const id = this.#speaker;
        const speaker = id === null ? null
            : this.#people.get(id) ?? { id, name: '' };
        this.#speaker = null;
        this.#tell.message?.(text, speaker);
    }
}
