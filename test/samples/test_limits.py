# SPDX-License-Identifier: MIT
"""Strangers in great numbers: what they may use is bounded, and the users who
are there do not notice."""
import fcntl
import os
import resource
import select
import socket
import struct
import time

import support
from support import (CLOSING, Connection, HEARTBEAT, LEFT, MAGIC, NOTICE,
                     frame, u64)

TOO_MANY, RATE, ADDRESS_SESSIONS = 27, 31, 32  # reasons
PING = 3

# What a TCP port hears from those who look for something else.
JUNK = {
    'TLS': bytes.fromhex('1603010200010001fc0303') + bytes(64),
    'SMB': bytes.fromhex('00000085ff534d4272000000001853c8') + bytes(64),
    'HTTP': b'GET / HTTP/1.1\r\nHost: example.com\r\n\r\n',
    'SSH': b'SSH-2.0-OpenSSH_9.2\r\n',
    'zeros': bytes(512),
}


class Stranger(Connection):
    """Comes from an address of its own on this machine."""

    def __init__(self, port, address='127.0.0.1'):
        self.socket = socket.create_connection(
            ('127.0.0.1', port), support.DEADLINE, (address, 0))
        self.pending = b''


def notice(data):
    """What a notice says, and why."""
    return struct.unpack_from('<HH', data)


class Limits(support.TestCase):
    def setUp(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE,
                        (soft, hard))
        if hard < 4000:
            self.skipTest('so many connections need 4,000 descriptors')

    def start_with(self, *options):
        self.chat = self.start_chat(*options)
        self.users = [self.join(self.chat) for _ in range(2)]
        self.assert_they_chat(*self.users)

    def stranger(self, port=None, address='127.0.0.2'):
        connection = Stranger(port or self.chat.tcp, address)
        self.addCleanup(connection.close)
        return connection

    def delays(self, count):
        """How long what the users say takes to both, sorted."""
        delays = []
        for number in range(count):
            text = f'{number}'.encode()
            begin = time.monotonic()
            self.users[number % 2].say(text)
            for user in self.users:
                self.assertEqual(user.heard(), text)
            delays.append(time.monotonic() - begin)
        return sorted(delays)

    def assert_nobody_waits(self):
        # A hundred times what it takes, for machines that do more than this.
        self.assertLess(self.delays(200)[197], 0.5)

    def test_two_thousand_who_say_nothing(self):
        self.start_with()
        begin = time.monotonic()
        silent = []
        for number in range(2000):
            address = f'127.0.{number // 250 + 1}.{number % 250 + 1}'
            if number % 4 == 0:
                connection = self.stranger(self.chat.http, address)
                connection.send(b'GET / HTTP/1.1\r\nHo')
            else:
                connection = self.stranger(address=address)
                connection.send(MAGIC[:number % 4 - 1])
            silent.append(connection)
        self.assert_nobody_waits()
        for number, connection in enumerate(silent):
            if number % 100 == 0:
                self.assert_they_chat(*self.users)
            # Users who say nothing either would be cut as well.
            while not connection.is_readable(1):
                self.assert_they_chat(*self.users)
            answer = connection.closed()
            self.assertEqual(answer[:12], b'HTTP/1.1 408' if number % 4 == 0
                             else b'')
        # Five seconds for a handshake, ten for a request.
        self.assertLess(time.monotonic() - begin, 30)
        self.assert_they_chat(*self.users)

    def test_more_than_may_come_of_one_address(self):
        self.start_with('--limit-loopback', 'yes', '--sessions-per-address',
                        '20', '--handshakes-per-address', '10')
        unfinished = [self.stranger() for _ in range(40)]
        for connection in unfinished[10:]:
            self.assertEqual(connection.closed(4), b'')
        self.assert_nobody_waits()
        for _ in range(20):
            friend = self.stranger(address='127.0.0.3')
            friend.send(MAGIC)
            friend.receive(8)
        one_more = self.stranger(address='127.0.0.3')
        one_more.send(MAGIC)
        told = one_more.closed()
        self.assertEqual(struct.unpack_from('<IHHHH', told, 8)[2:],
                         (NOTICE, CLOSING, ADDRESS_SESSIONS))
        self.assert_they_chat(*self.users)

    def test_more_than_may_come_at_all(self):
        self.start_with('--sessions', '4')
        told = 0
        for _ in range(10):
            crowd = [self.stranger() for _ in range(300)]
            for connection in crowd:
                connection.send(MAGIC)
            answers = [connection.closed() for connection in crowd[4:]]
            told += sum(len(answer) == 8 + 8 + 24 and notice(answer[16:]) ==
                        (CLOSING, TOO_MANY) for answer in answers)
            for connection in crowd:
                connection.close()
            self.assert_nobody_waits()
        self.assertGreater(told, 0)

        def comes_in():
            try:
                return self.join(self.chat)
            except support.Closed:
                return None
        self.assert_they_chat(*self.users, support.wait_for(comes_in, 'room'))

    def test_a_flood_is_read_no_faster_and_then_cut(self):
        self.start_with('--frame-rate', '200')
        for name, data in (('pings', frame(PING)),
                           ('heartbeats', frame(HEARTBEAT))):
            with self.subTest(name):
                flooder = self.connect(self.chat)
                flooder.socket.setblocking(False)
                begin = time.monotonic()
                ended = False
                while not ended:
                    self.assertLess(time.monotonic() - begin, 40)
                    try:
                        flooder.socket.send(data * 1000)
                    except BlockingIOError:
                        pass
                    except ConnectionError:
                        ended = True
                    try:
                        ended |= not flooder.socket.recv(1 << 20)
                    except BlockingIOError:
                        pass
                    except ConnectionError:
                        ended = True
                    self.assertLess(self.delays(2)[1], 1)
                    time.sleep(0.02)
                self.assertGreater(time.monotonic() - begin, 8)
        self.assertIn('kept sending more than it may', self.chat.stderr())

    def test_rooms_without_end(self):
        self.start_with('--groups', '10')
        user = self.connect(self.chat)
        refused = 0
        for group in range(1000, 1030):
            user.send_frame(support.JOIN, u64(group))
        # The room that the others are in is the tenth.
        while refused < 30 - 9:
            kind, data = user.frame()
            if kind == NOTICE:
                self.assertEqual(notice(data), (LEFT, TOO_MANY))
                refused += 1
        self.assert_they_chat(*self.users)

    def test_a_log_that_nobody_reads(self):
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 8192)
        self.chat = support.Program(
            'chat/chat', '--tcp-port', '0', '--http-port', '0', errors=writer)
        self.addCleanup(self.chat.close)
        os.close(writer)
        self.chat.ready()
        self.users = [self.join(self.chat) for _ in range(2)]
        for _ in range(5):
            for _ in range(40):
                stranger = self.stranger()
                stranger.send(b'junk')
                stranger.closed()
                stranger.close()
            self.assert_they_chat(*self.users)
            time.sleep(1)
        os.read(reader, 1 << 16)

        def says_how_many():
            stranger = self.stranger()
            stranger.send(b'junk')
            stranger.closed()
            stranger.close()
            return (select.select([reader], [], [], 0)[0] and
                    b'lines were dropped' in os.read(reader, 1 << 16))
        support.wait_for(says_how_many, 'how many lines were dropped')
        self.assert_they_chat(*self.users)

    def test_who_looks_for_something_else(self):
        self.start_with()
        before = self.chat.stderr().count('\n')
        begin = time.monotonic()
        for _ in range(100):
            for data in JUNK.values():
                stranger = self.stranger()
                stranger.send(data)
                self.assertEqual(stranger.closed(), b'')
                stranger.close()
        seconds = time.monotonic() - begin
        lines = self.chat.stderr().count('\n') - before
        # Twenty in a second, one that counts the rest.
        self.assertLess(lines, 21 * (seconds + 2))
        self.assertLess(lines, 500)
        self.assert_they_chat(*self.users)


if __name__ == '__main__':
    support.main()
