#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Many zones in one process, as a gateway and Consul see them: links that say
hello and tell a load, and health checks.

    many.py FIRST COUNT

Zones with the ids FIRST and so on, each at a loopback address of its own,
answer until standard input ends. Its lines are "health FIRST COUNT 200" or
503, and "load FIRST COUNT 99". First it prints the port of the health checks
and one line "ID HOST PORT" for each zone.
"""
import os
import selectors
import socket
import struct
import sys
import time

MAGIC = bytes.fromhex('fb080000')
HEARTBEAT, HELLO, HELLO_ANSWER, LOAD, GROUPS_END, PLACE, PLACED = \
    1, 11, 12, 19, 21, 22, 23
FEATURES = 1 | 2 | 4  # as lib/frame/frame.h has them
FULL = 99  # so that no group goes where there is none


def frame(kind, data=b''):
    return struct.pack('<IHH', 8 + len(data), 0, kind) + data


class Zone:
    """A zone: where it listens, and what it says of itself."""

    def __init__(self, number, port):
        self.id = number
        self.health = 200
        self.load = FULL
        self.port = port
        mine = os.getpid() & 63
        self.host = f'127.{128 + mine}.{number >> 8}.{number & 255}'


class Link:
    """A gateway's link to a zone."""

    def __init__(self, many, zone, connection):
        self.many = many
        self.zone = zone
        self.connection = connection
        self.input = b''
        self.greeted = False

    def send(self, data):
        try:
            self.connection.sendall(data)
        except OSError:
            pass  # Its end is seen when it is read from.

    def tell_load(self):
        if self.greeted:
            self.send(frame(LOAD, struct.pack('<HHI', self.zone.load, 0, 0)))

    def read(self):
        try:
            data = self.connection.recv(1 << 16)
        except OSError:
            data = b''
        if not data:
            self.many.drop(self)
            return
        self.input += data
        if self.input.startswith(MAGIC):
            # A session id has the node's in it, and is told once.
            self.many.sessions += 1
            self.send(struct.pack('<Q', self.many.sessions << 22
                                  | self.zone.id << 12))
            self.input = self.input[4:]
        while len(self.input) >= 8:
            length, extend, kind = struct.unpack_from('<IHH', self.input)
            if len(self.input) < length:
                break
            self.take(kind, self.input[8:length - extend])
            self.input = self.input[length:]

    def take(self, kind, data):
        if kind == HEARTBEAT:
            self.send(frame(HEARTBEAT))
        elif kind == HELLO:
            self.send(frame(HELLO_ANSWER, struct.pack(
                '<HHIQ', 1, 0, FEATURES, self.zone.id)) + frame(GROUPS_END))
            self.greeted = True
            self.tell_load()
        elif kind == PLACE:
            self.send(frame(PLACED, data[:16]))


class Check:
    """One request of a health check."""

    def __init__(self, many, connection):
        self.many = many
        self.connection = connection

    def read(self):
        try:
            request = self.connection.recv(4096)
            if request:
                zone = self.many.zones[int(request.split(b'/', 2)[1])]
                self.connection.sendall(
                    f'HTTP/1.1 {zone.health} \r\nContent-Length: 0\r\n'
                    'Connection: close\r\n\r\n'.encode())
        except OSError:
            pass
        self.many.drop(self)


class Many:
    """The loop."""

    def __init__(self, first, count):
        self.selector = selectors.DefaultSelector()
        self.sessions = 0
        self.links = set()
        self.zones = {}
        for number in range(first, first + count):
            zone = Zone(number, 0)
            self.zones[number] = zone
            zone.port = self.listen(
                zone.host, lambda c, zone=zone: Link(self, zone, c))
        self.http = self.listen('127.0.0.1', lambda c: Check(self, c))
        os.set_blocking(0, False)
        self.selector.register(0, selectors.EVENT_READ, self)
        self.is_open = True
        self.lines = b''

    def listen(self, host, make):
        listener = socket.create_server((host, 0), backlog=1024)
        listener.setblocking(False)

        class Listener:
            """Makes something of each connection."""

            def read(_):
                self.accept(listener, make)
        self.selector.register(listener, selectors.EVENT_READ, Listener())
        return listener.getsockname()[1]

    def accept(self, listener, make):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connection.setblocking(False)
            peer = make(connection)
            if isinstance(peer, Link):
                self.links.add(peer)
            self.selector.register(connection, selectors.EVENT_READ, peer)

    def drop(self, peer):
        self.selector.unregister(peer.connection)
        peer.connection.close()
        self.links.discard(peer)

    def read(self):
        data = os.read(0, 4096)
        self.is_open = bool(data)
        *lines, self.lines = (self.lines + data).split(b'\n')
        for line in lines:
            what, first, count, value = line.split()
            for number in range(int(first), int(first) + int(count)):
                setattr(self.zones[number], what.decode(), int(value))

    def run(self):
        due = time.monotonic()
        while self.is_open:
            for key, _ in self.selector.select(
                    max(0, due - time.monotonic())):
                key.data.read()
            if time.monotonic() >= due:
                due += 1
                for link in list(self.links):
                    link.tell_load()


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    many = Many(int(sys.argv[1]), int(sys.argv[2]))
    print(many.http)
    for zone in many.zones.values():
        print(zone.id, zone.host, zone.port)
    sys.stdout.flush()
    many.run()


if __name__ == '__main__':
    main()
