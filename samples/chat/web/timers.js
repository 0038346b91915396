// SPDX-License-Identifier: MIT
/**
 * Timers that keep time while the page is hidden. Browsers let a hidden
 * page's timers run once a minute, too seldom for heartbeats: its reader
 * would leave and join all the time. A Worker's timers are left alone.
 */

/** A function for the option `after` of connect(). */
export function steadyTimers() {
    const waiting = new Map();
    let worker = null;
    let last = 0;

    const fire = (id) => {
        const fn = waiting.get(id)?.fn;
        waiting.delete(id);
        fn?.();
    };
    const start = (id, wait) => {
        if (worker) {
            worker.postMessage({ id, wait });
        } else {
            setTimeout(fire, wait, id);
        }
    };
    try {
        worker = new Worker(new URL('clock.js', import.meta.url));
        worker.onmessage = ({ data: id }) => fire(id);
        /* Without it, the page's own timers are better than none. */
        worker.onerror = () => {
            worker = null;
            waiting.forEach(({ wait }, id) => start(id, wait));
        };
    } catch {
        worker = null;
    }
    return (wait, fn) => {
        last += 1;
        const id = last;
        waiting.set(id, { fn, wait });
        start(id, wait);
        return () => waiting.delete(id);
    };
}
