#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Many nodes in one real Consul: what they cost a gateway, and how soon it
knows what has changed. Prints one Markdown table.

    test/cluster_system/scale [--nodes N] [--seconds N] [--flap N]

Most of the nodes are entries in Consul whose links and health checks one small
program answers; two of them are real chat-rooms, where people talk all the
time, so that a gateway that is held up shows in how long their messages take.
What the registry tells, and when, a program beside the gateway writes down;
another measures how long the gateway's loop lets a user wait.
Beside each figure stands the one that was measured with Consul alone, at 1,023
nodes: what a watcher cannot be better than, or was expected to be.
"""
import argparse
import json
import os
import subprocess
import sys
import threading
import time

import consul
import history
import stand
from support import wait_for

NODES = 1023
TICKS = os.sysconf('SC_CLK_TCK')


class Many:
    """The program that answers for all nodes but the real ones."""

    def __init__(self, first, count):
        self.process = subprocess.Popen(
            [sys.executable,
             os.path.join(os.path.dirname(__file__), 'many.py'),
             str(first), str(count)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.http = int(self.process.stdout.readline())
        self.zones = [self.process.stdout.readline().split()
                      for _ in range(count)]

    def entries(self):
        for number, host, port in self.zones:
            yield {'ID': number, 'Name': 'room', 'Address': host,
                   'Port': int(port), 'Meta': {'version': '1'},
                   'Check': {
                       'HTTP': f'http://127.0.0.1:{self.http}/{number}/health',
                       'Interval': '1s', 'Timeout': '1s',
                       'Status': 'passing'}}

    def set(self, what, first, count, value):
        print(what, first, count, value, file=self.process.stdin, flush=True)

    def close(self):
        self.process.kill()
        self.process.communicate()


class Watch:
    """What the registry tells, as it tells it."""

    def __init__(self, url):
        self.snapshots = []  # time, nodes, suspects
        self.process = subprocess.Popen(
            [os.environ['DOMI_REGISTRY_WATCH'], url],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        for line in self.process.stdout:
            milliseconds, nodes, suspects = map(int, line.split())
            self.snapshots.append((milliseconds / 1000, nodes, suspects))

    def wait(self, condition, what, seconds=60):
        """Waits for a snapshot of so many healthy nodes; its time."""
        def find():
            if self.process.poll() is not None:
                raise AssertionError('registry-watch has ended')
            if self.snapshots:
                when, nodes, suspects = self.snapshots[-1]
                return when if condition(nodes - suspects) else None
            return None
        return wait_for(find, what, seconds * consul.SLOWNESS)

    def close(self):
        self.process.kill()
        self.process.wait()
        self.thread.join()
        self.process.stdout.close()


class Pulse:
    """How long a gateway's loop lets a user wait."""

    def __init__(self, port):
        self.process = subprocess.Popen(
            [sys.executable,
             os.path.join(os.path.dirname(__file__), 'pulse.py'), str(port)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def take(self):
        """Since it was taken last: the 99th percentile, the longest, and how
        late the program was itself."""
        print(file=self.process.stdin, flush=True)
        return [float(word) for word in
                self.process.stdout.readline().split()]

    def close(self):
        self.process.kill()
        self.process.communicate()


def cpu(pid):
    """Seconds of processor time that a process has used."""
    with open(f'/proc/{pid}/stat', encoding='ascii') as file:
        fields = file.read().rpartition(')')[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def memory(pid):
    """Bytes of memory that a process has."""
    with open(f'/proc/{pid}/statm', encoding='ascii') as file:
        return int(file.read().split()[1]) * os.sysconf('SC_PAGE_SIZE')


def peak_memory(pid):
    """The most that it ever had."""
    with open(f'/proc/{pid}/status', encoding='ascii') as file:
        for line in file:
            if line.startswith('VmHWM:'):
                return int(line.split()[1]) * 1024
    raise AssertionError('the kernel tells no VmHWM')


def descriptors(pid):
    return len(os.listdir(f'/proc/{pid}/fd'))


class Scale:
    """A Consul full of nodes, a gateway, two rooms, and what is asked of them.
    `test` starts programs and ends them; figures are seconds, bytes, and
    shares of a core."""

    REAL = 3  # programs among the nodes

    def __init__(self, test, nodes, seconds, flap):
        self.test = test
        self.nodes = nodes
        self.seconds = seconds
        self.flap = flap
        self.figures = {}

    def run(self):
        test = self.test
        self.agent = test.keep(consul.server().start().wait_ready())
        test.rooms = [test.room(self.agent) for _ in range(self.REAL - 1)]
        test.gateways = [test.gateway(self.agent)]
        self.gateway = test.gateways[0].process.pid
        test.populate(groups=6, each=4, rate=10)
        self.figures['memory alone'] = memory(self.gateway)
        self.figures['cpu alone'] = self.share_of_core(self.gateway)
        self.watch = test.keep(Watch(self.agent.url))
        self.register()
        self.measure_rest()
        self.measure_burst('death', 503)
        self.measure_burst('return', 200)
        self.measure_flapping()
        self.measure_one_death()
        self.figures['peak memory'] = peak_memory(self.gateway)
        return self.figures

    def register(self):
        taken = {program.id for program in
                 self.test.rooms + self.test.gateways}
        self.ids = [number for number in range(self.nodes)
                    if number not in taken][:self.nodes - self.REAL]
        self.many = self.test.keep(Many(0, self.nodes))
        begin = time.monotonic()
        for entry in self.many.entries():
            if int(entry['ID']) in self.ids:
                self.agent.put('/v1/agent/service/register',
                               json.dumps(entry))
        self.figures['registered'] = time.monotonic() - begin
        known = self.watch.wait(self.healthy_rooms(self.nodes - 1),
                                'all nodes to be known')
        self.figures['known'] = max(0.0, known - begin
                                    - self.figures['registered'])

    def healthy_rooms(self, count):
        return lambda healthy: healthy == count

    def share_of_core(self, pid):
        begin, used = time.monotonic(), cpu(pid)
        self.test.talk_on(self.seconds)
        return (cpu(pid) - used) / (time.monotonic() - begin)

    def measure_rest(self):
        """With all nodes there, linked, and nothing to be done."""
        self.test.newcomers(rate=10)
        self.test.talk_on(min(5, self.seconds))
        self.figures['memory'] = memory(self.gateway)
        self.figures['descriptors'] = descriptors(self.gateway)
        self.figures['cpu'] = self.share_of_core(self.gateway)
        self.figures['agent cpu'] = self.share_of_core(
            self.agent.process.pid)

    def changing(self):
        """All of the many but a few."""
        return self.ids[:-max(1, len(self.ids) // 50)]

    def measure_burst(self, name, status):
        """All but a few change their health at once."""
        changing = self.changing()
        wanted = self.nodes - 1 - (len(changing) if status != 200 else 0)
        used, begin = cpu(self.gateway), time.monotonic()
        first = len(self.watch.snapshots)
        for number in changing:
            self.many.set('health', number, 1, status)
        end = self.watch.wait(self.healthy_rooms(wanted),
                              f'{len(changing)} nodes to change')
        self.figures[name] = end - begin
        self.test.talk_on(1)
        self.figures[name + ' cpu'] = cpu(self.gateway) - used
        self.figures[name + ' snapshots'] = len(self.watch.snapshots) - first

    def measure_flapping(self):
        """All but a few change their health each second; the first of them is
        a change to ill, the last one to well."""
        pulse = self.test.keep(Pulse(self.test.gateways[0].tcp))
        self.test.talk_on(1)
        pulse.take()
        held = descriptors(self.gateway), memory(self.gateway)
        used, begin = cpu(self.gateway), time.monotonic()
        first = len(self.watch.snapshots)
        for second in range(2 * (self.flap // 2)):
            for number in self.changing():
                self.many.set('health', number, 1, 200 if second % 2 else 503)
            self.test.talk_on(max(0, begin + second + 1 - time.monotonic()))
        (self.figures['flap lag'], self.figures['flap worst lag'],
         self.figures['own lag']) = pulse.take()
        self.figures['flap cpu'] = ((cpu(self.gateway) - used)
                                    / (time.monotonic() - begin))
        self.figures['flap snapshots'] = len(self.watch.snapshots) - first
        self.watch.wait(self.healthy_rooms(self.nodes - 1),
                        'all nodes to settle')
        self.figures['flap descriptors'] = descriptors(self.gateway) - held[0]
        self.figures['flap memory'] = memory(self.gateway) - held[1]

    def measure_one_death(self):
        """Of a room among the many: when its users are told, and when the
        registry tells. Then the history is looked at."""
        victim = self.test.rooms[0]
        touched = self.test.users_of(victim)
        begin = time.monotonic()
        victim.kill()
        wait_for(lambda: touched <= self.test.told(), 'the users to be told')
        told = [event.time for event in
                self.test.crowd.history.of(history.TOLD)]
        self.figures['told'] = max(told, default=begin) - begin
        self.figures['one death'] = self.watch.wait(
            self.healthy_rooms(self.nodes - 2), 'one death') - begin
        self.test.crowd.wait_joined()
        self.test.talk_on(1)
        self.verdict = self.test.crowd.check(touched)
        self.figures['faults'] = len(self.verdict.faults)
        self.figures['p99'] = self.verdict.latency(0.99)
        self.figures['worst'] = self.verdict.latency(1)


# What is measured, how it is shown, and what Consul alone took at 1,023 nodes.
ROWS = [
    ('memory alone', 'gateway: memory, without the many', 'MB', '-'),
    ('memory', 'gateway: memory, with all nodes and links', 'MB',
     '10 MB for the JSON tree alone'),
    ('peak memory', 'gateway: memory, the most of all', 'MB', '-'),
    ('descriptors', 'gateway: descriptors, with all nodes and links', '', '-'),
    ('cpu alone', 'gateway: CPU, without the many', '%', '-'),
    ('cpu', 'gateway: CPU, with all nodes and links', '%', '-'),
    ('agent cpu', 'agent: CPU, one health check a second each', '%',
     '34 % of a core'),
    ('registered', 'to register all, one after the other', 's', '8.4 s'),
    ('known', 'until the registry tells of the last of them', 's', '-'),
    ('told', 'one room killed: until its users are told', 's', '-'),
    ('one death', 'one room killed: until the registry tells', 's',
     '0.6 s, at most 1.0 s'),
    ('death', 'nearly all unhealthy at once: until the registry tells', 's',
     '2.4 s'),
    ('death cpu', 'the same: CPU time of the gateway', 's', '-'),
    ('death snapshots', 'the same: times that it told', '', '3 replies'),
    ('return', 'nearly all healthy again: until trusted, 3 s of it on'
     ' purpose', 's', '-'),
    ('return cpu', 'the same: CPU time of the gateway', 's', '-'),
    ('flap cpu', 'nearly all change each second: CPU of the gateway', '%', '-'),
    ('flap lag', 'the same: a heartbeat at the gateway, p99', 'ms', '-'),
    ('flap worst lag', 'the same: the slowest', 'ms', '-'),
    ('own lag', 'the same: what the stand was late itself, p99', 'ms', '-'),
    ('flap snapshots', 'the same: times that the registry told', '', '-'),
    ('flap memory', 'the same: memory that is not given back', 'MB', '-'),
    ('flap descriptors', 'the same: descriptors that are left', '', '-'),
    ('p99', 'bystanders\' messages meanwhile, p99', 'ms', '-'),
    ('worst', 'bystanders\' messages meanwhile, the slowest', 'ms', '-'),
    ('faults', 'bystanders\' messages lost, repeated, disordered', '', '-'),
]


def show(value, unit):
    if value is None:
        return '-'
    scale, form = {'MB': (1e-6, '.1f'), '%': (100, '.1f'), 's': (1, '.2f'),
                   'ms': (1000, '.1f'), '': (1, '.0f')}[unit]
    return f'{value * scale:{form}} {unit}'.strip()


def print_table(nodes, figures):
    print(f'| {nodes} nodes | domi | Consul alone, 1,023 nodes |')
    print('| :-- | --: | --: |')
    for name, title, unit, facts in ROWS:
        print(f'| {title} | {show(figures.get(name), unit)} | {facts} |')


class ByHand(stand.TestCase):
    """What starts and ends the programs."""

    def runTest(self):
        """Nothing; the script asks for what it wants."""


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--nodes', type=int, default=NODES)
    parser.add_argument('--seconds', type=float, default=10,
                        help='of each measurement of CPU; %(default)s')
    parser.add_argument('--flap', type=int, default=300,
                        help='seconds in which health changes all the time; '
                        '%(default)s')
    options = parser.parse_args()
    if options.flap < 2:
        parser.error('--flap is at least 2')
    if not 10 <= options.nodes <= NODES:
        parser.error(f'--nodes is from 10 to {NODES}')
    by_hand = ByHand()
    by_hand.setUp()
    try:
        scale = Scale(by_hand, options.nodes, options.seconds, options.flap)
        figures = scale.run()
    finally:
        by_hand.doCleanups()
    print_table(options.nodes, figures)
    if figures['faults']:
        print(scale.verdict, file=sys.stderr)
    return 1 if figures['faults'] else 0


if __name__ == '__main__':
    sys.exit(main())
