# SPDX-License-Identifier: MIT
"""The HTTP port before strangers: each request of hostile_http.py gets the
answer that it deserves, however it is cut, and leaves no trace."""
import os
import re
import select
import socket
import sys
import tempfile
import time

import support
from hostile_http import CASES, NODE, get
from support import DEADLINE, wait_for

SANITIZED = os.environ.get('DOMI_TEST_SLOWNESS', '1') != '1'
PROBE = get('/probe', 'Connection: close')
QUIET_SECONDS = 0.03
SMALL = 400           # bytes; up to here a request is sent byte by byte too
GROWTH = 1 << 20      # bytes of memory that a second round may cost
HEADERS = {'date', 'content-type', 'content-length', 'etag', 'cache-control',
           'allow', 'retry-after', 'upgrade', 'sec-websocket-version',
           'x-content-type-options', 'x-frame-options', 'referrer-policy',
           'content-security-policy', 'connection'}
POLICY = re.compile(
    r"default-src 'self'; (?:connect-src 'self' ws://([\w.:\[\]-]+)"
    r" wss://\1; )?frame-ancestors 'none'")


def check_head(status, headers):
    """What each answer must have, and all that it may have."""
    assert set(headers) <= HEADERS, headers
    assert headers['x-content-type-options'] == 'nosniff'
    assert headers['x-frame-options'] == 'DENY'
    assert POLICY.fullmatch(headers['content-security-policy']), headers
    assert ('allow' in headers) == (status == '405'), headers


def take_answer(data):
    """The status of the first answer, with a + if more may follow, and what
    comes behind it."""
    head, end, rest = data.partition(b'\r\n\r\n')
    assert end, f'half an answer: {data}'
    first, *lines = head.decode('ascii').split('\r\n')
    status = re.fullmatch(r'HTTP/1\.1 (\d{3}) [A-Za-z ]+', first).group(1)
    pairs = [line.split(': ', 1) for line in lines]
    headers = {name.lower(): value for name, value in pairs}
    assert len(headers) == len(pairs), 'a header twice'
    if status == '101':
        assert set(headers) == {'upgrade', 'connection',
                                'sec-websocket-accept'}, headers
        return status, b''
    check_head(status, headers)
    size = int(headers.get('content-length', 0))
    if rest[:5] == b'HTTP/':
        size = 0  # to HEAD
    assert len(rest) >= size or status == '200', 'half a body'
    keeps = '+' if headers['connection'] == 'keep-alive' else ''
    return status + keeps, rest[size:]


class Exchange:
    """A connection on which bytes go out in parts, while others come in."""

    def __init__(self, port):
        self.socket = socket.create_connection(('127.0.0.1', port), DEADLINE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.received = b''
        self.ended = False

    def _read(self):
        try:
            more = self.socket.recv(1 << 18)
        except (ConnectionResetError, BrokenPipeError):
            more = b''
        self.received += more
        self.ended = not more

    def send(self, data):
        view = memoryview(data)
        while view and not self.ended:
            readable, writable, _ = select.select(
                [self.socket], [self.socket], [], DEADLINE)
            assert readable or writable, 'neither takes nor gives anything'
            if readable:
                self._read()
            elif writable:
                try:
                    view = view[self.socket.send(view):]
                except (BrokenPipeError, ConnectionResetError):
                    return

    def is_quiet(self):
        return not select.select([self.socket], [], [], QUIET_SECONDS)[0]

    def until_end(self):
        until = time.monotonic() + DEADLINE
        while not self.ended:
            left = until - time.monotonic()
            assert left > 0 and select.select(
                [self.socket], [], [], left)[0], f'no end: {self.received}'
            self._read()

    def until(self, text):
        until = time.monotonic() + DEADLINE
        while text not in self.received and not self.ended:
            left = until - time.monotonic()
            assert left > 0 and select.select([self.socket], [], [], left)[0]
            self._read()

    def close(self):
        self.socket.close()


def parts_of(data):
    """Ways to send it: as it is, byte by byte, and cut in two."""
    yield [data]
    if len(data) <= SMALL:
        yield [data[at:at + 1] for at in range(len(data))]
    else:
        yield [data[at:at + 1460] for at in range(0, len(data), 1460)]
    for place in 1, 2, 3:
        at = len(data) * place // 4
        yield [data[:at], data[at:]]


def answers(port, parts, expected):
    """The statuses that come, as hostile_http.py writes them."""
    exchange = Exchange(port)
    try:
        for i, part in enumerate(parts):
            if 0 < i < 4:
                time.sleep(0.0005)  # so that they come apart
            exchange.send(part)
        statuses = []
        if expected.endswith('waits'):
            for _ in expected.split()[:-1]:
                exchange.until(b'\r\n\r\n')
            if not exchange.received:
                statuses = ['waits'] if exchange.is_quiet() else []
            exchange.socket.shutdown(socket.SHUT_WR)
        elif expected.endswith('101'):
            exchange.until(b' 101 ')
            exchange.send(bytes.fromhex('8882000000 0003e8'))
        elif expected.endswith('+'):
            exchange.send(PROBE)
        exchange.until_end()
        rest = exchange.received
        while rest:
            status, rest = take_answer(rest)
            statuses.insert(len(statuses) - (statuses[-1:] == ['waits']),
                            status)
    finally:
        exchange.close()
    if expected.endswith('+') and statuses[-1:] == ['404']:
        statuses.pop()  # of the probe
    if expected.endswith(' waits'):
        statuses.append('waits')
    return ' '.join(statuses) or 'none'


class HostileHttp(support.TestCase):
    def setUp(self):
        web = tempfile.TemporaryDirectory()
        self.addCleanup(web.cleanup)
        os.mkdir(f'{web.name}/sub')
        for name in ('index.html', 'sub/file.txt', '.hidden', 'sub/.hidden'):
            with open(f'{web.name}/{name}', 'w', encoding='ascii') as file:
                file.write('hello')
        os.symlink('index.html', f'{web.name}/link')
        self.chat = self.start_chat('--web', web.name)
        self.user = self.join(self.chat)

    def bytes_of(self, data):
        return data.replace(NODE.encode(), str(self.chat.id).encode())

    def check(self, what, parts, expected):
        try:
            seen = answers(self.chat.http, parts, expected)
        except AssertionError as error:
            seen = str(error)
        self.assertTrue(self.chat.is_alive(), f'{what}: {self.chat.stderr()}')
        return None if seen in expected.split('|') else seen

    def memory(self):
        with open(f'/proc/{self.chat.process.pid}/status',
                  encoding='ascii') as status:
            return next(int(line.split()[1]) * 1024 for line in status
                        if line.startswith('VmRSS'))

    def files(self):
        return len(os.listdir(f'/proc/{self.chat.process.pid}/fd'))

    def test_each_gets_what_it_deserves_however_it_is_cut(self):
        self.assertGreaterEqual(len(CASES), 225)
        files = self.files()
        memory = 0
        failed = []
        for way in range(5):
            for what, data, expected in CASES:
                parts = list(parts_of(self.bytes_of(data)))[way]
                seen = self.check(what, parts, expected)
                if seen:
                    failed.append(f'{what}, way {way}: expected {expected},'
                                  f' seen {seen}')
            self.assert_they_chat(self.user)
            self.assertEqual(self.check('a page', [get('/')], '200+'), None)
            wait_for(lambda: self.files() <= files, 'closed connections')
            if way == 0:
                memory = self.memory()
        print(f'{len(CASES)} requests in 5 ways', file=sys.stderr)
        self.assertEqual(failed, [])
        if not SANITIZED:
            self.assertLess(self.memory() - memory, GROWTH)
        self.assert_stops(self.chat)


if __name__ == '__main__':
    support.main()
