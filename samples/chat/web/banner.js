// SPDX-License-Identifier: MIT
/** The line that says how the connection is, while that is worth saying. */

const byId = (id) => document.getElementById(id);
let timer = 0;

/** Takes the banner away. */
export function hideBanner() {
    clearInterval(timer);
    byId('banner').hidden = true;
}

/**
 * Shows the banner. Its text is read out to those who listen; the seconds
 * that count down are not.
 * @param {'quiet'|'bad'|'good'} kind good news go away by themselves
 * @param {string} text
 * @param {number} [more.wait] ms until the next try
 * @param {{label: string, run: function(): void}} [more.action] a button
 */
export function showBanner(kind, text, { wait = null, action = null } = {}) {
    const due = Date.now() + wait;
    const button = byId('banner-action');
    const count = () => {
        const seconds = Math.ceil((due - Date.now()) / 1000);
        byId('banner-wait').textContent = wait === null ? ''
            : seconds > 0 ? `Trying again in ${seconds} s.` : 'Trying now…';
    };
    clearInterval(timer);
    timer = kind === 'good' ? setTimeout(hideBanner, 3000)
        : setInterval(count, 250);
    count();
    byId('banner').dataset.kind = kind;
    byId('banner').hidden = false;
    byId('banner-text').textContent = text;
    button.hidden = action === null;
    button.textContent = action?.label ?? '';
    button.onclick = action?.run ?? null;
}
