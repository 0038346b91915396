# SPDX-License-Identifier: MIT
"""The script samples/chat/cluster, with programs that are built already."""
import os
import re
import signal
import struct
import subprocess
import tempfile

import support
from support import LEFT, NOTICE, ZONE_LOST

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                      '../../samples/chat/cluster')
ROW = re.compile(r' +([\w-]+) +(\d+) +(\d+) +127\.0\.0\.1:(\d+)'
                 r' +127\.0\.0\.1:(\d+)')
START = 60  # seconds, for Consul and five programs


class Row:
    """What the script tells of a node."""

    def __init__(self, match):
        self.name = match[1]
        self.pid, self.id, self.tcp, self.http = map(int, match.groups()[1:])


def runs(pid):
    try:
        with open(f'/proc/{pid}/stat', encoding='ascii') as stat:
            return stat.read().rpartition(')')[2].split()[0] != 'Z'
    except (FileNotFoundError, ProcessLookupError):
        return False


class Script(support.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def options(self, folder):
        programs = os.path.join(os.environ['DOMI_SAMPLES'], 'chat')
        return ['--folder', folder or self.folder, '--programs', programs]

    def variables(self):
        consul = os.path.dirname(os.environ['DOMI_CONSUL'])
        return {'PATH': f'{consul}:{os.environ["PATH"]}'}

    def start_script(self, *options, folder=None, **variables):
        return self.start('cluster', *self.options(folder), *options,
                          path=SCRIPT, variables=self.variables() | variables)

    def start_cluster(self, *options, **more):
        """The script, the nodes by name, and all process ids by name."""
        script = self.start_script('--own-consul', *options, **more)
        script.line('Logs are in .*', START)
        rows = [Row(match) for match in map(ROW.fullmatch, script.lines)
                if match]
        nodes = {row.name: row for row in rows}
        pids = {row.name: row.pid for row in rows}
        for line in script.lines:
            if match := re.fullmatch(r' +consul +(\d+)', line):
                pids['consul'] = int(match[1])
        self.assertEqual(list(pids), ['gateway-1', 'gateway-2', 'room-1',
                                      'room-2', 'room-3', 'consul'])
        return script, nodes, pids

    def run_script(self, *options, folder=None, **variables):
        return subprocess.run(
            [SCRIPT, *self.options(folder), *options],
            stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=START,
            env=support.environment(**self.variables() | variables))

    def assert_nothing_is_left(self, pids):
        for name, pid in pids.items():
            support.wait_for(lambda pid=pid: not runs(pid), f'{name}, {pid}')

    def assert_refused(self, result, *says):
        self.assertEqual(result.returncode, 1, result)
        for text in says:
            self.assertIn(text, result.stderr)

    def room_of(self, nodes, user):
        """The room that the user is in."""
        return {node.id: node for node in nodes.values()}[self.id_of(user)]

    def id_of(self, user):
        """Of the node that the user's room is in, which is in the target."""
        return struct.unpack('<Q', user.target[:8])[0] >> 12 & 1023

    def rejoin(self, *users):
        """Each asks until there is a room again."""
        for user in users:
            def answer(user=user):
                found = user.ask()
                return found if found[:8] != bytes(8) else None
            user.target = support.wait_for(answer, 'a room')


class Cluster(Script):
    def test_what_it_says_to_try_works(self):
        script, nodes, pids = self.start_cluster()
        users = [self.join(nodes[name]) for name in ('gateway-1', 'gateway-2')]
        self.assert_they_chat(*users)

        dead = self.room_of(nodes, users[0])
        os.kill(dead.pid, signal.SIGKILL)
        for user in users:
            notice = user.until(NOTICE)
            self.assertIn(struct.unpack('<H', notice[:2])[0],
                          (ZONE_LOST, LEFT))
        self.rejoin(*users)
        self.assert_they_chat(*users)
        script.line(f'{dead.name} has ended, by signal 9; .*{dead.name}.log')

        kept = self.room_of(nodes, users[0])
        drained, = (node for name, node in nodes.items() if 'room' in name
                    and node not in (dead, kept))
        self.assertEqual(self.run_script('drain', drained.name).stdout,
                         f'{drained.name} drains\n')
        script.line(f'{drained.name} has ended, with status 0; .*')
        self.assert_they_chat(*users)

        newer = self.start_script('room', '--version', '2').ready()
        support.wait_for(lambda: 'drains' in self.log(kept.name),
                         'version 1 to drain')
        self.assert_they_chat(*users)
        for user in users:
            user.close()
        script.line(f'{kept.name} has ended, with status 0; .*')
        user = self.connect(nodes['gateway-1'])
        self.rejoin(user)
        self.assertEqual(self.id_of(user), newer.id)
        older = self.run_script('room')
        self.assert_refused(older, 'a newer version of the service is in force')
        self.assertEqual(older.stdout, '')

        script.signal(signal.SIGINT)
        self.assertEqual(script.status(20), 0, script.stderr())
        self.assertEqual(script.stderr(), '')
        self.assert_nothing_is_left(pids)
        self.assertTrue(newer.is_alive(), 'it was started by somebody else')
        self.assert_stops(newer)

    def log(self, name):
        with open(os.path.join(self.folder, f'{name}.log'),
                  encoding='utf-8') as log:
            return log.read()

    def test_nothing_outlives_it(self):
        for number in signal.SIGTERM, signal.SIGHUP, signal.SIGKILL:
            script, _, pids = self.start_cluster()
            script.signal(number)
            script.status(20)
            self.assert_nothing_is_left(pids)

    def test_it_tells_when_no_node_is_left(self):
        script, nodes, pids = self.start_cluster()
        for node in nodes.values():
            os.kill(node.pid, signal.SIGTERM)
        script.line('No node is left.')
        self.assertEqual(script.status(20), 0)
        self.assert_nothing_is_left(pids)

    def test_consul_may_die(self):
        script, nodes, pids = self.start_cluster()
        gateways = nodes['gateway-1'], nodes['gateway-2']
        users = [self.join(gateway) for gateway in gateways]
        os.kill(pids['consul'], signal.SIGKILL)
        script.line('consul has ended, by signal 9; .*')
        self.assert_they_chat(*users, *map(self.join, gateways))
        script.signal(signal.SIGINT)
        self.assertEqual(script.status(20), 0)
        self.assert_nothing_is_left(pids)

    def test_one_that_is_there_is_used_and_left_alone(self):
        first, _, pids = self.start_cluster()
        consul, = re.findall(r'http://127\.0\.0\.1:\d+(?=/ui/)',
                             '\n'.join(first.lines))
        with tempfile.TemporaryDirectory() as folder:
            second = self.start_script(folder=folder, CONSUL_HTTP_ADDR=consul)
            second.line('Logs are in .*', START)
            self.assertIn(f'    {consul}/ui/', second.lines)
            second.signal(signal.SIGINT)
            self.assertEqual(second.status(20), 0, second.stderr())
        for name, pid in pids.items():
            self.assertTrue(runs(pid), name)


class Refusals(Script):
    def test_a_second_start_beside_the_first(self):
        _, _, pids = self.start_cluster()
        self.assert_refused(self.run_script('--own-consul'),
                            'a cluster runs already')
        for name, pid in pids.items():
            self.assertTrue(runs(pid), name)

    def test_additions_to_nothing(self):
        for verb in ('room',), ('gateway',), ('drain', 'room-1'):
            self.assert_refused(self.run_script(*verb), 'no cluster runs')

    def test_a_node_that_ends_early_is_shown(self):
        result = self.run_script('--own-consul', '--version=0')
        self.assert_refused(
            result, 'gateway-1 has ended before it was ready',
            f'{self.folder}/gateway-1.log', '--version: "0" is not allowed')
        self.assertEqual(result.stdout, '')

    def test_a_consul_that_is_not_there(self):
        self.assert_refused(self.run_script(CONSUL_HTTP_ADDR='127.0.0.1:1'),
                            'no Consul answers at CONSUL_HTTP_ADDR',
                            '127.0.0.1:1')

    def test_words_that_mean_nothing(self):
        self.assert_refused(self.run_script('start'), "'start'", '--help')
        self.assert_refused(self.run_script('--folder'), 'needs a value')

    def test_help(self):
        result = self.run_script('--help')
        self.assertEqual(result.returncode, 0)
        for word in 'room', 'gateway', 'drain', '--own-consul', '--folder':
            self.assertIn(f' {word} ', result.stdout)
        self.assertNotIn('set -e', result.stdout)


if __name__ == '__main__':
    support.main()
