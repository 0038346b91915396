// SPDX-License-Identifier: MIT
/**
 * What the browser keeps for the page. It may refuse, for privacy or for
 * want of space; then things are forgotten with the page, which is no harm.
 */

/** What was remembered under a key, or null; it may be of any kind. */
export function recall(key) {
    try {
        return JSON.parse(localStorage.getItem(`domi.chat.${key}`));
    } catch {
        return null;
    }
}

/** Remembers a value under a key. */
export function remember(key, value) {
    try {
        localStorage.setItem(`domi.chat.${key}`, JSON.stringify(value));
    } catch {
        /* See above. */
    }
}
