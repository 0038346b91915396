# SPDX-License-Identifier: MIT
"""Node ids: distinct, however many ask, whoever crashes, whatever leads."""
import random
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
    """Nodes come and crash; at no time do two hold one id."""

    SECONDS = 600 if stand.is_long else 40
    POOL = 60 if stand.is_long else 24
    NODES = 50 if stand.is_long else 16

    def begin(self):
        room = self.room(self.agent, *LIGHT, '--claim-ttl', '1', ready=False)
        self.waiting.append(room)

    def look(self):
        """Takes note of who has come to be ready."""
        for room in list(self.waiting):
            if any(line.startswith('ready') for line in room.lines):
                self.waiting.remove(room)
                room.ready()
                self.tenures[room] = time.monotonic()
            elif not room.is_alive():
                # No id was free; others may go on.
                self.waiting.remove(room)
                self.refused += 1

    def crash(self, room):
        begin = self.tenures.pop(room)
        self.log.append((room.id, room.process.pid, begin, time.monotonic()))
        room.kill()

    def test_two_never_hold_one_id(self):
        servers = self.keep(consul.Servers().start())
        self.agent = servers.agents[0]
        fill_ids(self.agent, range(self.POOL, IDS))
        dice = random.Random(int(self.SECONDS))
        self.waiting, self.tenures, self.log = [], {}, []
        self.refused = kills = 0
        until = time.monotonic() + self.SECONDS
        leader_until = time.monotonic() + 5
        killed = None
        while time.monotonic() < until:
            self.look()
            if len(self.tenures) + len(self.waiting) < self.NODES:
                self.begin()
            elif self.tenures and dice.random() < 0.3:
                self.crash(dice.choice(list(self.tenures)))
            # A leader dies, and another may only when all three vote again.
            if not killed and time.monotonic() > leader_until:
                killed = servers.leader()
                if killed in (None, self.agent):
                    killed = None
                else:
                    killed.kill()
                    leader_until = time.monotonic() + 5
            elif killed and time.monotonic() > leader_until:
                killed.start()
                servers.wait_whole()
                kills += 1
                killed = None
                leader_until = time.monotonic() + 5
            time.sleep(0.05)
        for room in list(self.tenures):
            self.crash(room)
        print(f'{len(self.log)} tenures, {self.refused} refused, '
              f'{kills} leaders killed')
        self.assertGreater(len(self.log), self.NODES)
        self.assertEqual(history.overlaps(self.log), [])


if __name__ == '__main__':
    stand.main()
