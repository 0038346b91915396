// SPDX-License-Identifier: MIT
/** Runs in a Worker: says when a time has passed, also for hidden pages. */

onmessage = ({ data: { id, wait } }) => {
    setTimeout(() => postMessage(id), wait);
};
