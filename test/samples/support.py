# SPDX-License-Identifier: MIT
"""What the tests of the samples share: programs, users, and waiting."""
import base64
import os
import re
import select
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
import unittest

DEADLINE = 15  # seconds; nothing that a test waits for takes longer

MAGIC = bytes.fromhex('fb080000')
HEARTBEAT, EXIT, TO_ZONE, NOTICE = 1, 2, 8, 40
JOIN, MESSAGE, NAME, HERE, GONE, SPEAKER, GUESTS, LEAVE = range(50, 58)
CLOSING, ZONE_LOST, LEFT, COME_BACK = 1, 2, 3, 4  # notices
E_OPTION, E_ZONE_LOST = -20005, -20008
STOPPING = 7  # a reason
GROUP = 666


def u64(number):
    return struct.pack('<Q', number)


def no_room(group, code):
    """The answer to a join that had no room."""
    return struct.pack('<QQi', 0, group, code)


def frame(kind, data=b'', extend=b''):
    return struct.pack('<IHH', 8 + len(data) + len(extend), len(extend),
                       kind) + data + extend


def wait_for(condition, what, seconds=DEADLINE):
    """Looks at a condition until it holds, and returns what it returned."""
    until = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > until:
            raise AssertionError(f'waited in vain for {what}')
        time.sleep(0.01)


def environment(**more):
    """This one's, without the operator's own Consul and secrets."""
    mine = {name: value for name, value in os.environ.items()
            if not name.startswith(('CONSUL_', 'DOMI_CLUSTER_KEY'))
            and name != 'DOMI_ADMIN_TOKEN'}
    return mine | more


class Program:
    """A sample that runs. Its output is kept, line by line."""

    def __init__(self, name, *options, stdin=subprocess.DEVNULL, path=None,
                 variables=None, errors=None):
        path = path or os.path.join(os.environ['DOMI_SAMPLES'], name)
        self.errors = tempfile.TemporaryFile()
        self.lines = []
        self.process = subprocess.Popen(
            [path, *options], stdin=stdin, stdout=subprocess.PIPE,
            stderr=errors or self.errors, text=True, bufsize=1,
            env=environment(**(variables or {})))
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(line.rstrip('\n'))

    def stderr(self):
        # The program writes where the file stands, so that stays untouched.
        return os.pread(self.errors.fileno(), 1 << 20, 0).decode()

    def line(self, pattern, seconds=DEADLINE):
        """Waits for a line that matches, and returns the match."""
        def find():
            for line in list(self.lines):
                match = re.fullmatch(pattern, line)
                if match:
                    return match
            if self.process.poll() is not None and not self.reader.is_alive():
                raise AssertionError(f'ended without a line {pattern}: '
                                     f'{self.lines} {self.stderr()}')
            return None
        return wait_for(find, f'a line {pattern}', seconds)

    def ready(self):
        match = self.line(r'ready id=(\d+)(?: tcp=127\.0\.0\.1:(\d+))?'
                          r'(?: http=127\.0\.0\.1:(\d+))?')
        self.id, self.tcp, self.http = (int(n or 0) for n in match.groups())
        return self

    def is_alive(self):
        return self.process.poll() is None

    def signal(self, number):
        self.process.send_signal(number)

    def status(self, seconds=DEADLINE):
        """Waits for the end; the status, negative for a signal."""
        return self.process.wait(seconds)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def close(self):
        if self.is_alive():
            self.kill()
        self.reader.join(DEADLINE)
        self.process.stdout.close()
        if self.process.stdin:
            self.process.stdin.close()
        errors = self.stderr()
        self.errors.close()
        if re.search('Sanitizer|runtime error:', errors):
            raise AssertionError(errors)


class Closed(Exception):
    """The other side has closed the connection."""


class Connection:
    """A TCP connection, byte by byte."""

    def __init__(self, port):
        self.socket = socket.create_connection(('127.0.0.1', port), DEADLINE)
        self.pending = b''

    def send(self, data):
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass  # What the other side did shows when it is read from.

    def receive(self, size, seconds=DEADLINE, keep=False):
        """The next bytes; to be received once more if `keep`."""
        until = time.monotonic() + seconds
        while len(self.pending) < size:
            left = until - time.monotonic()
            if left <= 0 or not self.is_readable(left):
                raise AssertionError(f'{size} bytes did not come, only '
                                     f'{self.pending[-64:].hex()}')
            try:
                more = self.socket.recv(1 << 20)
            except ConnectionResetError:
                more = b''
            if not more:
                raise Closed()
            self.pending += more
        if keep:
            return self.pending[:size]
        data, self.pending = self.pending[:size], self.pending[size:]
        return data

    def is_readable(self, seconds):
        # Not by select, which cannot watch descriptors above 1,023.
        poll = select.poll()
        poll.register(self.socket, select.POLLIN)
        return bool(poll.poll(seconds * 1000))

    def closed(self, seconds=DEADLINE):
        """Waits for the end and returns what came before it."""
        until = time.monotonic() + seconds
        try:
            while True:
                self.receive(len(self.pending) + 1, until - time.monotonic(),
                             keep=True)
        except Closed:
            return self.pending

    def close(self):
        self.socket.close()


class User(Connection):
    """A user of a gateway, over TCP."""

    def __init__(self, port):
        super().__init__(port)
        self.send(MAGIC)
        self.id = struct.unpack('<Q', self.receive(8))[0]

    def send_frame(self, *parts):
        self.send(frame(*parts))

    def frame(self, seconds=DEADLINE):
        """The next frame but heartbeats: its type and its data."""
        while True:
            header = self.receive(8, seconds)
            length, extend, kind = struct.unpack('<IHH', header)
            data = self.receive(length - 8, seconds)
            if kind != HEARTBEAT:
                assert extend == 0, 'users get no extend'
                return kind, data

    def until(self, kind, seconds=DEADLINE):
        """The data of the next frame of this type; others are passed over."""
        until = time.monotonic() + seconds
        while True:
            found, data = self.frame(until - time.monotonic())
            if found == kind:
                return data

    def ask(self, group=None):
        """Asks for a room; the answer: 16 bytes, or 20 for none and why."""
        self.send_frame(JOIN, b'' if group is None else u64(group))
        answer = self.until(JOIN)
        assert len(answer) == (16 if answer[:8] != bytes(8) else 20)
        return answer

    def join(self, group=None):
        """Joins a room, which must be there."""
        self.target = self.ask(group)
        assert self.target[:8] != bytes(8), 'no room could be had'
        return self

    def post(self, kind, data=b'', target=None):
        self.send_frame(TO_ZONE, data,
                        (target or self.target) + struct.pack('<H', kind))

    def say(self, text):
        self.post(MESSAGE, text)

    def heard(self, seconds=DEADLINE):
        return self.until(MESSAGE, seconds)


class Browser:
    """A user over WebSocket: just enough of it."""

    def __init__(self, port):
        self.connection = Connection(port)
        key = base64.b64encode(os.urandom(16)).decode()
        self.connection.send(
            f'GET /ws HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n'
            'Upgrade: websocket\r\nConnection: Upgrade\r\n'
            f'Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n'
            .encode())
        answer = b''
        while not answer.endswith(b'\r\n\r\n'):
            answer += self.connection.receive(1)
        assert answer.startswith(b'HTTP/1.1 101 '), answer

    def send(self, message):
        """One binary message, masked with zeros."""
        size = len(message)
        if size < 126:
            header = bytes([0x82, 0x80 | size])
        else:
            header = bytes([0x82, 0x80 | 126]) + struct.pack('>H', size)
        self.connection.send(header + bytes(4) + message)

    def receive(self):
        """The next binary message."""
        while True:
            first, size = self.connection.receive(2)
            if size == 126:
                size, = struct.unpack('>H', self.connection.receive(2))
            message = self.connection.receive(size)
            if first == 0x82:
                return message
            if first == 0x88:
                raise Closed()

    def close(self):
        self.connection.close()


class TestCase(unittest.TestCase):
    """Ends what a test has started, and shows what it wrote if it failed."""

    def start(self, name, *options, **more):
        program = Program(name, *options, **more)
        self.addCleanup(program.close)
        return program

    def start_chat(self, *options):
        return self.start('chat/chat', '--tcp-port', '0', '--http-port', '0',
                          *options).ready()

    def start_room(self, *options):
        return self.start('chat/chat-room', '--http-port', '0',
                          *(options or ('--tcp-port', '0'))).ready()

    def start_gateway(self, *rooms, tcp_port=0):
        zones = [f'--zone=room=127.0.0.1:{room.tcp}' for room in rooms]
        return self.start('chat/chat-gateway', '--tcp-port', str(tcp_port),
                          '--http-port', '0', *zones).ready()

    def connect(self, program, kind=User):
        connection = kind(program.http if kind is Browser else program.tcp)
        self.addCleanup(connection.close)
        return connection

    def join(self, program, group=None):
        return self.connect(program).join(group)

    def assert_stops(self, program, number=signal.SIGTERM):
        program.signal(number)
        self.assertEqual(program.status(8), 0, program.stderr())

    def assert_they_chat(self, *users):
        """Each says something, and all of them hear it."""
        for user in users:
            text = os.urandom(8).hex().encode()
            user.say(text)
            for other in users:
                while other.heard() != text:
                    pass


def main():
    unittest.main(verbosity=2)
