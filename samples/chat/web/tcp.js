// SPDX-License-Identifier: MIT
/** The link over TCP, for Node.js alone: browsers never load this file. */

import { connect } from 'node:net';
import { Decoder, DomiError, MAGIC, readId } from './frame.js';

/** Opens a link as domi.js describes it; the server names the session. */
export function openTcp(url, options, events) {
    const { hostname, port } = new URL(url);
    const decoder = new Decoder(options.maxReceived);
    let session = null;
    let cause;

    const socket = connect({
        host: hostname.replace(/^\[|\]$/g, ''),
        port: Number(port),
        noDelay: true,
    });
    socket.on('connect', () => socket.write(MAGIC));
    socket.on('data', (bytes) => events.arrived(() => {
        decoder.push(bytes);
        if (session === null) {
            const id = decoder.take(8);
            if (!id) {
                return;
            }
            session = readId(id);
            events.opened(session);
        }
        for (let frame; (frame = decoder.next());) {
            events.frame(frame);
        }
    }));
    socket.on('error', (error) => { cause = error; });
    socket.on('close', () => events.gone(new DomiError('lost',
        `the TCP connection closed${cause ? `: ${cause.message}` : ''}`,
        { cause })));
    return {
        send: (bytes) => socket.write(bytes),
        end: (bytes, done) => {
            socket.once('close', done);
            socket.end(bytes);
        },
        drop: () => socket.destroy(),
    };
}
