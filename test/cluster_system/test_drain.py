# SPDX-License-Identifier: MIT
"""Nodes that are sent away: slowly, by request, or at once, by a signal."""
import resource
import signal
import time

import consul
import history
import stand
from consul import SLOWNESS
from stand import exit_node, within
from support import CLOSING, COME_BACK

RATE = 20
CROWD = 5000 if stand.is_long else 500


class Drain(stand.TestCase):
    def setUp(self):
        super().setUp()
        self.agent = self.keep(consul.start_dev())

    def notices(self, kind):
        return [event for event in self.crowd.history.of(history.NOTICE)
                if event.number == kind]

    def assert_paced(self, times, rate):
        """No second has many more than the rate."""
        times = sorted(times)
        for index, begin in enumerate(times):
            count = sum(begin <= other < begin + 1 for other in times[index:])
            self.assertLessEqual(count, 2 * rate + 1)

    def assert_ends(self, program, seconds):
        self.assertEqual(program.status(seconds * SLOWNESS), 0,
                         program.stderr())

    def test_users_of_a_gateway_come_back_elsewhere_one_by_one(self):
        self.cluster(self.agent, gateway_options=['--drain-rate', str(RATE)])
        self.populate()
        self.talk_on(0.5)
        gateway = self.gateways[0]
        leavers = self.users_at(gateway)
        self.assertEqual(exit_node(gateway), 200)
        self.assertEqual(exit_node(gateway), 200)
        self.assert_ends(gateway, len(leavers) / RATE * 2 + 10)
        self.wait_moved(lambda: self.users_at(gateway))
        told = self.notices(COME_BACK)
        self.assertEqual(sorted(event.person for event in told),
                         sorted(leavers))
        self.assert_paced([event.time for event in told], RATE)
        self.assertEqual(exit_node(self.gateways[1], {'Host': 'evil.test'}),
                         403)
        self.talk_on(0.5)
        self.assert_history(leavers)

    def test_groups_of_a_room_are_made_anew_elsewhere(self):
        self.cluster(self.agent, room_options=['--drain-rate', str(RATE)])
        self.populate()
        self.talk_on(0.5)
        room = self.busiest_room()
        leavers = self.users_of(room)
        self.assertEqual(exit_node(room), 200)
        self.assert_ends(room, len(leavers) / RATE * 2 + 10)
        self.wait_moved(lambda: self.users_of(room))
        self.talk_on(0.5)
        self.assert_history(leavers)

    def test_without_a_rate_all_stay_as_long_as_they_like(self):
        self.cluster(self.agent)
        self.populate()
        room = self.busiest_room()
        groups = self.groups_of(room)
        self.assertEqual(exit_node(room), 200)
        self.talk_on(1)
        for _ in range(4):
            self.newcomers()
        self.assertEqual(self.groups_of(room), groups, 'it took new groups')
        self.assert_alive(room)
        for person in self.crowd.persons:
            if person.groups and person.groups[0] in groups:
                self.crowd.do(person.leave, person.groups[0])
        self.assert_ends(room, 10)
        self.assert_history()

    def test_a_drain_goes_on_when_consul_dies(self):
        self.cluster(self.agent, room_options=['--drain-rate', str(RATE)],
                     gateway_options=['--drain-rate', str(RATE)])
        self.populate()
        gateway, room = self.gateways[0], self.busiest_room()
        touched = self.users_at(gateway) | self.users_of(room)
        for node in gateway, room:
            self.assertEqual(exit_node(node), 200)
        self.agent.kill()
        for node in gateway, room:
            self.assert_ends(node, 20)
        self.wait_moved(lambda: self.users_at(gateway) or self.users_of(room))
        self.talk_on(0.5)
        self.assert_history(touched)


class Stop(stand.TestCase):
    def setUp(self):
        super().setUp()
        self.agent = self.keep(consul.start_dev())
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE,
                        (soft, hard))

    def fill(self):
        self.cluster(self.agent, rooms=1)
        gateway = self.gateways[0]
        for number in range(CROWD):
            self.crowd.add([gateway.tcp], [number % 50], rate=0,
                           faithful=False)
        self.crowd.wait_joined(seconds=60)
        return gateway

    def assert_all_told(self):
        told = {event.person for event in
                self.crowd.history.of(history.NOTICE)
                if event.number == CLOSING}
        within(lambda: len(self.crowd.history.of(history.CLOSED)) == CROWD,
               'all to be closed')
        self.assertEqual(len(told), CROWD)

    def test_a_gateway_full_of_users_ends_in_time(self):
        for number in signal.SIGTERM, signal.SIGINT:
            with self.subTest(number):
                gateway = self.fill()
                took = self.assert_stops_in_time(gateway, number)
                print(f'{CROWD} users: ended within {took:.2f} s')
                self.assert_all_told()
                self.assertNotIn(str(gateway.id), self.agent.nodes('gate'))
                self.crowd.close()
                self.crowd = self.keep(stand.Crowd())
                for program in self.rooms + self.gateways[1:]:
                    self.assert_stops(program)

    def test_it_does_so_without_consul(self):
        for away in self.agent.kill, self.agent.freeze:
            with self.subTest(away.__name__):
                gateway = self.fill()
                away()
                self.assert_stops_in_time(gateway)
                self.assert_all_told()
                self.assert_stops(self.rooms[0], signal.SIGINT)
                self.assert_stops(self.gateways[1])
                self.crowd.close()
                self.crowd = self.keep(stand.Crowd())
                self.agent.close()
                self.agent = self.keep(consul.start_dev())

    def test_a_node_that_waits_for_consul_ends_too(self):
        self.agent.kill()
        room = self.room(self.agent, ready=False)
        time.sleep(0.3)
        self.assert_stops(room)


if __name__ == '__main__':
    stand.main()
