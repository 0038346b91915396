# SPDX-License-Identifier: MIT
"""slowhttptest against the HTTP port, with slow heads, slow bodies and slow
readers at once: ordinary users notice nothing, and nothing is left of it."""
import os
import re
import subprocess
import sys
import tempfile
import time

import support
from support import Connection, frame, wait_for

SANITIZED = os.environ.get('DOMI_TEST_SLOWNESS', '1') != '1'
SECONDS = 13        # for all modes at once; a request may take domi's 10 s
CONNECTIONS = 70    # of each mode
P99 = 0.05          # seconds that an ordinary user may wait, beside
SHARE = 0.2         # of one processor that all this may cost
PAGE = b'GET /index.html HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n'

MODES = {
    'slow heads': ('-H', '-i', '1', '-x', '24'),
    'slow bodies': ('-B', '-i', '1', '-s', '8192', '-x', '24'),
    'slow readers': ('-X', '-n', '2', '-z', '16', '-w', '512', '-y', '1024',
                     '-k', '3'),
}


def percentile(values, share):
    return sorted(values)[int((len(values) - 1) * share)]


class SlowHttp(support.TestCase):
    def setUp(self):
        web = tempfile.TemporaryDirectory()
        self.addCleanup(web.cleanup)
        for name, size in ('index.html', 5), ('big.txt', 4 << 20):
            with open(f'{web.name}/{name}', 'wb') as file:
                file.write(b'x' * size)
        self.chat = self.start_chat('--web', web.name)
        self.user = self.join(self.chat)

    def attack(self, *options):
        process = subprocess.Popen(
            ['slowhttptest', *options, '-c', str(CONNECTIONS), '-r', '100',
             '-l', str(SECONDS), '-v', '1', '-p', '5',
             '-u', f'http://127.0.0.1:{self.chat.http}/big.txt'],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def say(self):
        """How long a word takes to the group and back."""
        begin = time.monotonic()
        self.user.say(b'ordinary')
        self.assertEqual(self.user.heard(), b'ordinary')
        return time.monotonic() - begin

    def visit(self):
        """How long a page takes on a connection of its own."""
        begin = time.monotonic()
        connection = self.connect(self.chat, lambda port: Connection(
            self.chat.http))
        connection.send(PAGE)
        answer = connection.closed(5)
        connection.close()
        self.assertTrue(answer.startswith(b'HTTP/1.1 200 '), answer)
        return time.monotonic() - begin

    def measure(self, seconds):
        """The 99th percentiles of both, taken for so long."""
        words, visits = [], []
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            words.extend(self.say() for _ in range(4))
            visits.append(self.visit())
            time.sleep(0.02)
        self.user.send(frame(support.HEARTBEAT))
        return percentile(words, 0.99), percentile(visits, 0.99)

    def cpu(self):
        """Seconds of processor time that the program has used."""
        with open(f'/proc/{self.chat.process.pid}/stat',
                  encoding='ascii') as stat:
            used = stat.read().rpartition(')')[2].split()[11:13]
        return sum(map(int, used)) / os.sysconf('SC_CLK_TCK')

    def files(self):
        return len(os.listdir(f'/proc/{self.chat.process.pid}/fd'))

    def limit(self):
        """A busy machine makes everybody wait, whatever domi does."""
        busy = os.getloadavg()[0] > 2 * os.cpu_count()
        return 20 * P99 if busy else P99

    def test_ordinary_users_notice_nothing(self):
        files = self.files()
        before = self.measure(2)
        attacks = {name: self.attack(*options)
                   for name, options in MODES.items()}
        wait_for(lambda: self.files() >= files + 2 * CONNECTIONS,
                 'the slow ones to be there')
        cpu = self.cpu()
        during = self.measure(SECONDS - 3)
        cpu = self.cpu() - cpu
        print('p99 of a word and of a page, in ms: before',
              *(f'{1000 * t:.1f}' for t in before), 'during',
              *(f'{1000 * t:.1f}' for t in during),
              f'processor time {cpu:.2f} s', file=sys.stderr)
        for name, attack in attacks.items():
            with self.subTest(name):
                output = attack.communicate(timeout=SECONDS + 10)[0]
                output = re.sub(r'\x1b\[[0-9;]*m', '', output)
                available = re.findall(r'service available:\s*(\w+)', output)
                self.assertEqual(set(available), {'YES'}, output)
        wait_for(lambda: self.files() <= files, 'the end of the slow ones')
        if not SANITIZED:
            for one, other in zip(before, during):
                self.assertLess(other, self.limit() + 10 * one)
            self.assertLess(cpu, SHARE * (SECONDS - 3))
        self.assert_they_chat(self.user)
        self.assert_stops(self.chat)


if __name__ == '__main__':
    support.main()
