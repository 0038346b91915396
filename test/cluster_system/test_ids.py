# SPDX-License-Identifier: MIT
"""Node ids: distinct, however many ask, whoever crashes, whatever leads."""
import datetime
import random
import re
import signal
import time

import consul
import history
import stand
from consul import SLOWNESS
from stand import within

LIGHT = '--workers', '0'
IDS = 1023
TXN_MAX = 64  # operations that Consul takes in one transaction


def fill_ids(agent, ids):
    """Locks the keys of these ids, as running nodes would."""
    session = agent.put('/v1/session/create',
                        {'NodeChecks': [], 'LockDelay': '0s'})['ID']
    ids = list(ids)
    for first in range(0, len(ids), TXN_MAX):
        agent.put('/v1/txn', [
            {'KV': {'Verb': 'lock', 'Key': f'domi/nodes/{number}',
                    'Value': 'dGFrZW4=', 'Session': session}}
            for number in ids[first:first + TXN_MAX]])


class Ids(stand.TestCase):
    def test_fifty_nodes_that_start_at_once_get_fifty_ids(self):
        agent = self.keep(consul.start_dev())
        begin = time.monotonic()
        rooms = [self.room(agent, *LIGHT, ready=False) for _ in range(50)]
        for room in rooms:
            room.ready()
        took = time.monotonic() - begin
        print(f'50 nodes ready after {took:.2f} s')
        self.assert_distinct_ids(rooms)
        within(lambda: set(agent.passing('room'))
               == {str(room.id) for room in rooms}, 'all to be known')
        for room in rooms:
            room.signal(signal.SIGTERM)
        for room in rooms:
            self.assertEqual(room.status(8 * SLOWNESS), 0, room.stderr())
        self.assertEqual(agent.keys('domi/nodes/'), [])

    def test_the_last_free_id_is_found_and_the_next_node_refused(self):
        agent = self.keep(consul.start_dev())
        fill_ids(agent, (number for number in range(IDS) if number != 512))
        self.assertEqual(self.room(agent, *LIGHT).id, 512)
        room = self.room(agent, *LIGHT, ready=False)
        self.assertEqual(room.status(4 * SLOWNESS), 1)
        self.assertRegex(room.stderr(), 'no free node id')
        self.assertEqual(len(agent.keys('domi/nodes/')), IDS)


class Tenure(stand.TestCase):
    """Nodes come and crash, and Consul's leaders with them; at no time do two
    nodes hold one id."""

    SECONDS = 600 if stand.is_long else 40
    NODES = 50 if stand.is_long else 10
    POOL = 120 if stand.is_long else 24  # ids; soon all have been used
    STEP_S = 0.05
    CRASHES = 1 if not stand.is_long else 3  # a second

    def setUp(self):
        super().setUp()
        self.servers = self.keep(consul.Servers().start())
        fill_ids(self.servers.agents[0], range(self.POOL, IDS))
        self.dice = random.Random(self.SECONDS)
        self.starting = []
        self.holding = {}  # since when, by node
        self.tenures = []
        self.refused = self.leaders = 0
        self.killed = None
        self.next_death = time.monotonic() + 5

    # ---- nodes -------------------------------------------------------------

    def begin_one(self):
        agent = self.dice.choice(self.servers.alive())
        room = self.room(agent, *LIGHT, '--claim-ttl', '1', ready=False)
        room.agent = agent
        self.starting.append(room)

    def look(self):
        """Takes note of who is ready, and who found no id."""
        for room in list(self.starting):
            if any(line.startswith('ready') for line in room.lines):
                self.starting.remove(room)
                self.holding[room.ready()] = time.time()
            elif not room.is_alive():
                self.starting.remove(room)
                self.assertRegex(room.stderr(), 'no free node id')
                self.refused += 1

    def crash(self, room):
        """The end of a node; its registration is soon taken out, as Consul
        itself would a minute later."""
        number, begin = room.id, self.holding.pop(room)
        end = time.time()
        room.kill()
        for line in room.stderr().splitlines():
            change = re.match(r'(\S+Z) .* its node id is (lost|\d+)', line)
            if change:
                when = datetime.datetime.fromisoformat(
                    change[1].replace('Z', '+00:00')).timestamp()
                if number is not None:
                    self.tenures.append((number, room, begin, when))
                number = None if change[2] == 'lost' else int(change[2])
                begin = when
        if number is not None:
            self.tenures.append((number, room, begin, end))
        try:
            room.agent.put(f'/v1/agent/service/deregister/{room.id}')
        except (OSError, consul.Refused):
            pass  # Its agent is dead as well.

    # ---- leaders -----------------------------------------------------------

    def trouble_servers(self):
        """A leader dies, and comes back; the next one only when all vote."""
        if time.monotonic() < self.next_death:
            return
        if self.killed:
            self.killed.start()
            self.servers.wait_whole()
            self.killed = None
        else:
            self.killed = self.servers.leader()
            if self.killed:
                self.killed.kill()
                self.leaders += 1
        self.next_death = time.monotonic() + 5

    def test_two_never_hold_one_id(self):
        until = time.monotonic() + self.SECONDS
        while time.monotonic() < until:
            self.look()
            if len(self.holding) + len(self.starting) < self.NODES:
                self.begin_one()
            if (self.holding
                    and self.dice.random() < self.CRASHES * self.STEP_S):
                self.crash(self.dice.choice(list(self.holding)))
            self.trouble_servers()
            time.sleep(self.STEP_S)
        for room in list(self.holding):
            self.crash(room)
        used = [number for number, *_ in self.tenures]
        print(f'{len(used)} tenures of {len(set(used))} ids, '
              f'{self.refused} refused, {self.leaders} leaders killed')
        self.assertGreater(len(used), len(set(used)), 'no id was used twice')
        self.assertGreater(self.leaders, 2)
        self.assertEqual(history.overlaps(self.tenures), [])


if __name__ == '__main__':
    stand.main()
