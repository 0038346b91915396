# SPDX-License-Identifier: MIT
"""A WebSocket client that sends any bytes, right or wrong, and tells what it
is answered."""
import base64
import errno
import os
import select
import socket
import struct
import time

from support import DEADLINE, HEARTBEAT, JOIN, MAGIC, MESSAGE, NOTICE, TO_ZONE
from support import frame, u64

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
MASK = bytes.fromhex('37fa213d')
BEAT = frame(HEARTBEAT)


def masked(payload):
    size = len(payload)
    mask = (MASK * (size // 4 + 1))[:size]
    both = int.from_bytes(payload, 'big') ^ int.from_bytes(mask, 'big')
    return both.to_bytes(size, 'big')


def head(opcode, size, fin=True, rsv=0, form=None):
    """The head of a frame; `form` is 1, 2 or 8, the bytes of its length."""
    form = form or (1 if size < 126 else 2 if size < 65536 else 8)
    first = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
    if form == 1:
        return first + bytes([0x80 | size]) + MASK
    if form == 2:
        return first + b'\xfe' + struct.pack('>H', size) + MASK
    return first + b'\xff' + struct.pack('>Q', size) + MASK


def wire(opcode, payload=b'', fin=True, rsv=0):
    """One frame as a client must send it."""
    return head(opcode, len(payload), fin, rsv) + masked(payload)


class Client:
    """A connection. What comes is kept in `events`: ('echo', data), ('beat',),
    ('joined', group), ('frame', type), ('ping', data), ('pong', data),
    ('close', code, reason), and at last ('end',) or ('reset',); notices, such
    as the one before a close, in `notices`: what, and the reason."""

    def __init__(self, port, headers=''):
        self.socket = socket.create_connection(('127.0.0.1', port), DEADLINE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            f'GET /ws HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n'
            'Upgrade: websocket\r\nConnection: Upgrade\r\n'
            f'Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n'
            f'{headers}\r\n'.encode())
        self.pending = b''
        self.events = []
        self.notices = []
        self.answer = self._head()
        assert self.answer.startswith('HTTP/1.1 101 '), self.answer
        self.socket.setblocking(False)

    def _head(self):
        while b'\r\n\r\n' not in self.pending:
            more = self.socket.recv(4096)
            assert more, f'no whole answer: {self.pending}'
            self.pending += more
        answer, self.pending = self.pending.split(b'\r\n\r\n', 1)
        return answer.decode()

    def join(self, group):
        self.send(wire(BINARY, MAGIC) + wire(BINARY, frame(JOIN, u64(group))))
        self.until(1)
        assert self.events.pop() == ('joined', u64(group))
        return self

    def said(self, size):
        """A message of this size as a whole, which the room echoes."""
        return frame(TO_ZONE, b'*' * (size - 26),
                     self.target + struct.pack('<H', MESSAGE))

    def ended(self):
        return bool(self.events) and self.events[-1] in (('end',), ('reset',))

    # ---- out and in

    def send(self, data):
        """Sends all of it, or until the other side has ended; reads on."""
        view = memoryview(data)
        until = time.monotonic() + DEADLINE
        while view and not self.ended():
            readable, writable, _ = select.select(
                [self.socket], [self.socket], [], until - time.monotonic())
            assert readable or writable, 'neither takes nor gives anything'
            if readable:
                self._read()
            if writable and not self.ended():
                try:
                    view = view[self.socket.send(view[:1 << 18]):]
                except OSError as error:
                    assert error.errno in (errno.EPIPE, errno.ECONNRESET)
                    # What it said before is still to be read.
                    return self.until_end()
        return None

    def _read(self):
        try:
            more = self.socket.recv(1 << 18)
        except (ConnectionResetError, BrokenPipeError):
            self.events.append(('reset',))
            return
        self.pending += more
        while self._take():
            pass
        if not more:
            assert not self.pending, 'half a frame at the end'
            self.events.append(('end',))

    def _take(self):
        """Takes one frame out of what is pending; False if none is whole."""
        data = self.pending
        if len(data) < 2:
            return False
        size, begin = data[1], 2
        assert not size & 0x80, 'frames of a server have no mask'
        if size == 126:
            begin = 4
            size = int.from_bytes(data[2:4], 'big')
            assert len(data) < 4 or size >= 126, 'not the shortest length'
        elif size == 127:
            begin = 10
            size = int.from_bytes(data[2:10], 'big')
            assert len(data) < 10 or size >= 65536, 'not the shortest length'
        if len(data) < begin + size:
            return False
        payload, self.pending = data[begin:begin + size], data[begin + size:]
        assert ('close' not in [event[0] for event in self.events]), \
            'a frame behind the close frame'
        self._keep(data[0], payload)
        return True

    def _keep(self, first, payload):
        if first == 0x80 | BINARY:
            self._keep_message(payload)
        elif first == 0x80 | CLOSE:
            assert len(payload) != 1 and len(payload) < 126
            code = int.from_bytes(payload[:2], 'big') if payload else None
            self.events.append(('close', code, payload[2:].decode()))
        elif first in (0x80 | PING, 0x80 | PONG):
            assert len(payload) < 126
            self.events.append(('ping' if first & 15 == PING else 'pong',
                                payload))
        else:
            raise AssertionError(f'a frame that begins with {first:#x}')

    def _keep_message(self, payload):
        length, extend, kind = struct.unpack('<IHH', payload[:8])
        assert length == len(payload) and extend == 0
        if kind == HEARTBEAT:
            self.events.append(('beat',))
        elif kind == MESSAGE:
            self.events.append(('echo', payload[8:]))
        elif kind == JOIN:
            self.target = payload[8:24]
            self.events.append(('joined', payload[16:24]))
        elif kind == NOTICE:
            self.notices.append(struct.unpack('<HH', payload[8:12]))
        else:
            self.events.append(('frame', kind))

    def until(self, count, seconds=DEADLINE):
        """Reads until there are so many events, or the end has come."""
        until = time.monotonic() + seconds
        while len(self.events) < count and not self.ended():
            left = until - time.monotonic()
            if left <= 0 or not select.select([self.socket], [], [], left)[0]:
                return False
            self._read()
        return True

    def until_end(self):
        return self.until(1 << 30)

    def close(self):
        self.socket.close()
