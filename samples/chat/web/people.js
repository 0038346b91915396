// SPDX-License-Identifier: MIT
/** The list of those who are here. */

import { element } from './element.js';

const SHOWN = 200;
const HUES = 8;

/** A name's round picture: its first letter on a colour of its own. */
export function fillAvatar(avatar, name) {
    let sum = 0;
    for (const letter of name) {
        sum = (sum * 31 + letter.codePointAt(0)) % 65521;
    }
    avatar.textContent = [...name][0]?.toUpperCase() ?? '?';
    avatar.dataset.hue = sum % HUES;
    return avatar;
}

/** The same as a new element. */
export function avatarOf(name) {
    return fillAvatar(
        element('span', { className: 'avatar', ariaHidden: 'true' }), name);
}

/**
 * Fills the list: oneself first, then all by name; a long list is cut.
 * @param {HTMLElement} list
 * @param {Array<{id: bigint, name: string}>} people
 * @param {bigint|null} self
 */
export function fillPeople(list, people, self) {
    const sorted = [...people].sort((a, b) => (b.id === self) - (a.id === self)
        || a.name.localeCompare(b.name));
    const rows = sorted.slice(0, SHOWN).map(({ id, name }) => {
        const row = element('li', { data: { person: name } }, avatarOf(name),
            element('bdi', { className: 'person-name' }, name));
        if (id === self) {
            row.dataset.me = '';
            row.append(element('span', { className: 'tag' }, 'you'));
        }
        return row;
    });
    if (people.length > SHOWN) {
        rows.push(element('li', { className: 'muted' },
            `and ${(people.length - SHOWN).toLocaleString()} more`));
    }
    list.replaceChildren(...rows);
}
