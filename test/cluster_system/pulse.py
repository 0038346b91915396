#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How long a gateway's loop lets a user wait: heartbeats, one every 10 ms.

    pulse.py PORT

Each line of standard input ends a measurement, and is answered by one line: the
99th percentile and the longest of the times from when a heartbeat was due until
its answer was there, and the 99th percentile of what this program was late
itself; in seconds. A time in which the gateway stands still counts for all
heartbeats that were due in it.
"""
import select
import socket
import struct
import sys
import time

MAGIC = bytes.fromhex('fb080000')
HEARTBEAT = struct.pack('<IHH', 8, 0, 1)
EVERY_S = 0.01


def receive(connection, size):
    data = b''
    while len(data) < size:
        more = connection.recv(size - len(data))
        if not more:
            sys.exit('pulse: the gateway has closed the connection')
        data += more
    return data


def percentile(values, share):
    """0 of none: who is asked at once has not been late yet."""
    return sorted(values)[int(share * (len(values) - 1))] if values else 0.0


def measure(connection):
    """Beats until there is a line to be read."""
    waits, late = [], []
    due = time.monotonic()
    while True:
        ahead = due - time.monotonic()
        if select.select([0], [], [], max(0, ahead))[0]:
            return waits, late
        if ahead > 0:
            late.append(time.monotonic() - due)
        connection.sendall(HEARTBEAT)
        receive(connection, len(HEARTBEAT))
        waits.append(time.monotonic() - due)
        due += EVERY_S


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    connection = socket.create_connection(('127.0.0.1', int(sys.argv[1])))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.sendall(MAGIC)
    receive(connection, 8)
    while True:
        waits, late = measure(connection)
        if not sys.stdin.readline():
            return
        print(percentile(waits, 0.99), percentile(waits, 1),
              percentile(late, 0.99), flush=True)


if __name__ == '__main__':
    main()
