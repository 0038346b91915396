# SPDX-License-Identifier: MIT
"""WebSocket, as RFC 6455 says, to the letter: the table of cases.py against
the real chat program."""
import collections
import itertools
import os
import sys
import time

import cases
import support
from cases import CASES, FRAMES, HEARD, QUIET, SUITE, TOGETHER, Said
from client import BINARY, PING, CLOSE, Client, wire

SANITIZED = os.environ.get('DOMI_TEST_SLOWNESS', '1') != '1'
QUIET_SECONDS = 0.03
CHAT_MAX = 4096 + 26  # bytes of a message that the chat's room passes on
SMALL = 1024        # bytes; cases up to here are sent octet by octet as well
GROWTH = 8 << 20    # bytes of memory that the limits of one peer allow


def show(events):
    """Events in words, short ones."""
    words = []
    for name, *values in events:
        if name == 'close':
            words.append(' '.join(['close', *(str(v) for v in values if v)]))
        elif values and isinstance(values[0], bytes):
            words.append(f'{name} of {len(values[0])}')
        else:
            words.append(' '.join([name, *map(str, values)]))
    counted = []
    for word in words:
        if counted and counted[-1][0] == word:
            counted[-1][1] += 1
        else:
            counted.append([word, 1])
    return ', '.join(word if n == 1 else f'{n} x {word}'
                     for word, n in counted) or 'nothing'


class Run:
    """One case on a connection of its own."""

    def __init__(self, port, case, cut, group):
        self.case = case
        self.cut = cut
        self.heard = 0
        self.client = Client(port).join(group)

    def _send(self, data):
        if self.cut in (TOGETHER, FRAMES):
            self.client.send(data)
            return
        for at in range(0, len(data), self.cut):
            if not self.client.ended():
                self.client.send(data[at:at + self.cut])

    def _say(self, step):
        message = self.client.said(step.size)
        part = step.part or step.size
        data = b''.join(cases.fragments(BINARY, message, part))
        for _ in range(step.times):
            self._send(data)
            if step.times > 1:
                self.heard += 1
                self.client.until(self.heard)

    def _step(self, step):
        if step == QUIET:
            self.client.until(self.heard + 1, QUIET_SECONDS)
        elif step == HEARD:
            self.heard += 1
            self.client.until(self.heard)
        elif isinstance(step, Said):
            self._say(step)
        else:
            self._send(step)

    def _steps(self):
        """The steps, of which frames may have to be sent as one."""
        for are_bytes, steps in itertools.groupby(
                self.case.steps, lambda step: isinstance(step, bytes)):
            if are_bytes and self.cut == TOGETHER:
                yield b''.join(steps)
            else:
                yield from steps

    def events(self):
        """Does it, and returns what came."""
        client = self.client
        expected = self.case.expected
        for step in self._steps():
            if client.ended():
                break
            self._step(step)
        if all(event[0] != 'close' for event in expected):
            # Nothing more may come before the answer to this.
            client.until(len(expected))
            client.send(wire(PING, b'end') + wire(CLOSE, b'\x03\xe8'))
            expected = expected + [('pong', b'end'), ('close', 1000, '')]
        client.until_end()
        client.close()
        self.expected = expected + [('end',)]
        return client.events


class Conformance(support.TestCase):
    def setUp(self):
        self.chat = self.start_chat()
        self.echo = self.start('chat', '--tcp-port', '0', '--http-port', '0',
                               path=os.environ['DOMI_ECHO']).ready()
        self.groups = 10000

    def seen(self, case, cut):
        is_long = any(isinstance(step, Said) and step.size > CHAT_MAX
                      for step in case.steps)
        program = self.echo if is_long else self.chat
        self.groups += 1
        run = Run(program.http, case, cut, self.groups)
        events = run.events()
        self.assertTrue(program.is_alive(), program.stderr())
        return events == run.expected, events

    def check(self, case):
        good, events = self.seen(case, case.cut)
        steps = [s for s in case.steps if isinstance(s, bytes)]
        if (good and len(steps) == len(case.steps)
                and sum(map(len, steps)) <= SMALL):
            good, events = self.seen(case, 1)
        return good, events[:-1] if events[-1:] == [('end',)] else events

    def test_all_cases(self):
        failed = []
        begin = time.monotonic()
        rows = []
        for case in CASES:
            good, events = self.check(case)
            rows.append((case.id, case.what, show(case.expected),
                         show(events), 'ok' if good else 'NO'))
            if not good:
                failed.append(case.id)
        for row in [('case', 'what', 'expected', 'seen', 'ok'), *rows]:
            print('{:7} {:62} {:44} {:44} {}'.format(*row))
        print(f'{len(rows)} cases, {len(failed)} failed,'
              f' {time.monotonic() - begin:.1f} s', file=sys.stderr)
        self.assertEqual(failed, [])
        self.assert_stops(self.chat)
        self.assert_stops(self.echo)

    def test_no_case_of_the_suite_is_left_out(self):
        count = collections.Counter(case.id.split('.')[0] for case in CASES)
        count.pop('D')
        self.assertEqual(dict(count), SUITE)
        self.assertEqual(sum(SUITE.values()), 301)
        self.assertEqual(len({case.id for case in CASES}), len(CASES))

    def test_compression_is_offered_in_vain(self):
        client = Client(self.chat.http, 'Sec-WebSocket-Extensions: '
                        'permessage-deflate; client_max_window_bits\r\n')
        self.addCleanup(client.close)
        self.assertNotIn('extensions', client.answer.lower())

    def test_big_messages_cost_no_memory(self):
        memory = self.memory()
        files = self.files()
        for case in CASES:
            if case.id.startswith(('9.2.', '9.4.')):
                self.seen(case, case.cut)
        support.wait_for(lambda: self.files() <= files, 'closed connections')
        if not SANITIZED:
            self.assertLess(self.memory() - memory, GROWTH)

    def memory(self):
        """The most that the program has ever had."""
        with open(f'/proc/{self.echo.process.pid}/status',
                  encoding='ascii') as status:
            return next(int(line.split()[1]) * 1024 for line in status
                        if line.startswith('VmHWM'))

    def files(self):
        return len(os.listdir(f'/proc/{self.echo.process.pid}/fd'))


if __name__ == '__main__':
    support.main()
