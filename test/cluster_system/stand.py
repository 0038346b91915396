# SPDX-License-Identifier: MIT
"""The stand: Consul, gateways and rooms as processes, and a crowd that talks
all the time."""
import os
import signal
import time
import unittest
import urllib.error
import urllib.request

import history
import support
from consul import SLOWNESS
from crowd import Crowd
from support import wait_for

# What the bystanders of every fault are promised. A machine that is busy with
# other tests is granted what the crowd itself was late, at each of the hops
# from user to gateway, zone, gateway, and user.
LATENCY_S = 0.1
HOPS = 4

TOLD_S = 0.2  # until users hear that a room has died

GROUPS = 12
PERSONS_EACH = 5
SOON = 15  # seconds; for what has no limit of its own

is_long = bool(os.environ.get('DOMI_TEST_LONG'))


def within(condition, what, seconds=SOON):
    """Waits until the condition holds, and returns how long it took."""
    begin = time.monotonic()
    wait_for(condition, what, seconds * SLOWNESS)
    return time.monotonic() - begin


def ask(port, path, method='GET', headers=None):
    """Status, text and headers that a node's HTTP port answers; 0 for the
    status where there is no answer."""
    request = urllib.request.Request(
        f'http://127.0.0.1:{port}{path}', method=method,
        headers=headers or {}, data=b'' if method == 'POST' else None)
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status, answer.read().decode(), answer.headers
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read().decode(), refused.headers
    except OSError:
        return 0, '', {}


def is_stale(program):
    """Whether a node says that Consul does not answer it."""
    status, _, headers = ask(program.http, f'/{program.id}/weight')
    return status == 200 and 'stale' in headers.get('Domi-Registry', '')


def exit_node(program, headers=None):
    """Asks a node to drain; the status of its answer."""
    return ask(program.http, f'/{program.id}/exit', 'POST', headers)[0]


class TestCase(support.TestCase):
    """With helpers that start what a cluster is made of."""

    def setUp(self):
        self.crowd = Crowd()
        self.addCleanup(self.crowd.close)

    def keep(self, closable):
        self.addCleanup(closable.close)
        return closable

    # ---- programs ----------------------------------------------------------

    def room(self, agent, *options, ready=True):
        return self.node('room', agent, options, ready)

    def gateway(self, agent, *options, ready=True):
        return self.node('gateway', agent, options, ready)

    def node(self, kind, agent, options, ready):
        """A node that finds the others through this agent; a static one with
        None."""
        where = ('--consul', agent.url) if agent else ()
        program = self.start(f'chat/chat-{kind}', '--tcp-port=0',
                             '--http-port=0', *where, *options)
        return program.ready() if ready else program

    def cluster(self, agent, gateways=2, rooms=3, room_options=(),
                gateway_options=()):
        self.rooms = [self.room(agent, *room_options, ready=False)
                      for _ in range(rooms)]
        self.gateways = [self.gateway(agent, *gateway_options, ready=False)
                         for _ in range(gateways)]
        for program in self.rooms + self.gateways:
            program.ready()
        self.assert_distinct_ids(self.rooms + self.gateways)
        within(lambda: len(agent.passing('room')) == rooms,
               'all rooms to be healthy')

    def ports(self, first=0):
        """The ports of the gateways, this one first."""
        ports = [gateway.tcp for gateway in self.gateways]
        return ports[first:] + ports[:first]

    # ---- the crowd ---------------------------------------------------------

    def populate(self, groups=GROUPS, each=PERSONS_EACH, **more):
        """Persons of each group at all gateways, who begin to talk."""
        for number in range(groups * each):
            group = number % groups + 1
            first = number // groups % len(self.gateways)
            self.crowd.add(self.ports(first), [group], **more)
        self.crowd.wait_joined()
        self.spread()
        return self.crowd.persons

    def spread(self):
        """Adds groups until one room has not got them all: that of equal ones
        each gets its share does not mean that so few are shared."""
        for _ in range(50):
            if len(self.rooms) < 2 or len({
                    person.zone(group) for person in self.crowd.persons
                    for group in person.groups}) > 1:
                return
            self.newcomers()
        self.fail('all groups are in one room')

    def groups_of(self, room):
        """The groups that live in this room, as their members know."""
        return {group for person in self.crowd.persons
                for group in person.groups if person.zone(group) == room.id}

    def users_of(self, room):
        """The numbers of the persons who have a group in this room."""
        return {person.number for person in self.crowd.persons
                if any(person.zone(group) == room.id
                       for group in person.groups)}

    def users_at(self, gateway):
        return {person.number for person in self.crowd.persons
                if person.socket and person.gateway == gateway.tcp}

    def busiest_room(self):
        """The room with most users."""
        return max(self.rooms, key=lambda room: len(self.users_of(room)))

    def newcomers(self, count=2, gateways=None, **more):
        """New persons in a new group; waits until they are in it."""
        self.new_group = getattr(self, 'new_group', 1000) + 1
        persons = [self.crowd.add(self.ports(number % len(self.gateways))
                                  if gateways is None else gateways,
                                  [self.new_group], **more)
                   for number in range(count)]
        self.crowd.wait_joined(persons)
        return persons

    def talk_on(self, seconds):
        """Lets the crowd talk, so that there is something to be lost."""
        count = len(self.crowd.history.events)
        until = time.monotonic() + seconds
        self.crowd.wait(
            lambda: time.monotonic() > until
            and len(self.crowd.history.events) > count,
            'the crowd to talk', seconds + SOON)

    def wait_moved(self, is_there):
        """Waits until nobody is there any more, and all are elsewhere."""
        self.crowd.wait(lambda: not is_there(), 'all to move')
        self.crowd.wait_joined()

    def told(self):
        """The persons who were told that they are out of a group."""
        return {event.person for event in
                self.crowd.history.of(history.TOLD)}

    def kill_room(self, room):
        """kill -9, of which its users are told at once. Who they were."""
        users = self.users_of(room)
        begin = time.monotonic()
        room.kill()
        within(lambda: users <= self.told(), 'its users to be told', 2)
        took = max(event.time for event in
                   self.crowd.history.of(history.TOLD)) - begin
        self.assertLess(took, TOLD_S * SLOWNESS + self.crowd.lag(0.99))
        self.wait_moved(lambda: self.users_of(room))
        return users

    # ---- what must hold ----------------------------------------------------

    def assert_distinct_ids(self, programs):
        ids = [program.id for program in programs]
        self.assertEqual(len(set(ids)), len(ids), ids)

    def assert_history(self, touched=()):
        """Nothing is lost, repeated or out of order for those who are not
        touched, and no member of one group is in two places."""
        self.assert_one_place_each()
        verdict = self.crowd.check(touched)
        self.assertFalse(verdict.faults, str(verdict))
        if len(touched) == len(self.crowd.persons):
            return
        self.assertTrue(verdict.latencies, 'nobody has heard anything')
        p99 = verdict.latency(0.99)
        print(f'{self.id()}: {len(verdict.latencies)} deliveries, '
              f'p99 {p99 * 1000:.1f} ms, '
              f'own lag {self.crowd.lag(0.99) * 1000:.1f} ms', flush=True)
        self.assertLess(p99, self.latency_granted())

    def latency_granted(self):
        return LATENCY_S * SLOWNESS + HOPS * self.crowd.lag(0.99)

    def assert_one_place_each(self):
        places = {}
        for person in self.crowd.persons:
            for group in person.groups:
                if person.zone(group) >= 0:
                    places.setdefault(group, set()).add(person.zone(group))
        twice = {group: zones for group, zones in places.items()
                 if len(zones) > 1}
        self.assertFalse(twice, 'groups in two zones')

    def assert_alive(self, *programs):
        for program in programs:
            self.assertTrue(program.is_alive(), program.stderr())

    def assert_stops_in_time(self, program, number=signal.SIGTERM):
        begin = time.monotonic()
        self.assert_stops(program, number)
        return time.monotonic() - begin



def main():
    unittest.main(verbosity=2)
