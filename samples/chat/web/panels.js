// SPDX-License-Identifier: MIT
/**
 * The panels at the sides. On a narrow page they are drawers: opened by a
 * button, closed by Escape, by a tap beside them or by their own button.
 */

const byId = (id) => document.getElementById(id);

/** Makes the panels work. @returns {function(): void} closes an open one */
export function startPanels() {
    const main = document.querySelector('main');
    const scrim = byId('scrim');
    let opener = null;

    const close = () => {
        if (opener) {
            const button = opener;
            opener = null;
            delete byId(button.getAttribute('aria-controls')).dataset.open;
            button.setAttribute('aria-expanded', 'false');
            scrim.hidden = true;
            main.inert = false;
            button.focus({ preventScroll: true });
        }
    };
    const open = (button) => {
        const panel = byId(button.getAttribute('aria-controls'));
        opener = button;
        panel.dataset.open = '';
        button.setAttribute('aria-expanded', 'true');
        scrim.hidden = false;
        main.inert = true;
        panel.querySelector('[data-close]').focus();
    };

    for (const button of [byId('rooms-toggle'), byId('people-toggle')]) {
        button.onclick = () => open(button);
    }
    for (const button of document.querySelectorAll('[data-close]')) {
        button.onclick = close;
    }
    scrim.onclick = close;
    addEventListener('keydown', ({ key }) => {
        if (key === 'Escape') {
            close();
        }
    });
    /* The widths at which style.css turns the panels into drawers. */
    for (const width of ['720px', '1000px']) {
        matchMedia(`(min-width: ${width})`).onchange = close;
    }
    return close;
}
