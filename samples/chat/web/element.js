// SPDX-License-Identifier: MIT
/**
 * Elements with text in them. Strings become text nodes, and nowhere does
 * the page turn a string into markup: so what others write stays text.
 */

/**
 * @param {string} tag
 * @param {object} [properties] `data` holds those of its dataset
 * @param {...(Node|string)} children
 * @returns {HTMLElement}
 */
export function element(tag, { data, ...properties } = {}, ...children) {
    const made = Object.assign(document.createElement(tag), properties);
    Object.assign(made.dataset, data);
    made.append(...children);
    return made;
}
