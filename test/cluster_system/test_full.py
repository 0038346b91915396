# SPDX-License-Identifier: MIT
"""New groups go to the zone with the most memory to give, while any has."""
import os
import tempfile

import consul
import stand
from stand import within


class Memory(stand.TestCase):
    def setUp(self):
        super().setUp()
        self.agent = self.keep(consul.start_dev())
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.rooms = []
        for percent in 50, 30, 70:
            self.add_room(percent)
        self.gateways = [self.gateway(self.agent) for _ in range(2)]
        within(lambda: len(self.agent.passing('room')) == 3, 'three rooms')

    def add_room(self, percent):
        path = os.path.join(self.folder.name, str(len(self.rooms)))
        self.write(path, percent)
        room = self.start('room', '--tcp-port=0', '--http-port=0',
                          '--consul', self.agent.url,
                          path=os.environ['DOMI_ZONE_WITH_LOAD'],
                          variables={'DOMI_TEST_MEMORY': path}).ready()
        room.memory = path
        self.rooms.append(room)

    def write(self, path, percent):
        """At once, so that nobody reads half of it."""
        with open(path + '.new', 'w', encoding='ascii') as file:
            print(percent, file=file)
        os.rename(path + '.new', path)

    def set_all(self, percent):
        for room in self.rooms:
            self.write(room.memory, percent)

    def place_of_newcomers(self, gateway):
        one, = self.newcomers(1, [gateway.tcp])
        return one.zone(one.groups[0])

    def refusals(self, gateway):
        """Whether a newcomer at this gateway is refused: its answer has no
        target."""
        self.new_group = getattr(self, 'new_group', 1000) + 1
        user = self.connect(gateway)
        try:
            return user.ask(self.new_group)[:8] == bytes(8)
        finally:
            user.close()

    def test_new_groups_go_where_most_is_left_and_nowhere_when_all_are_full(
            self):
        for gateway in self.gateways:
            self.assertEqual(self.place_of_newcomers(gateway),
                             self.rooms[1].id)
        self.write(self.rooms[1].memory, 80)
        for gateway in self.gateways:
            within(lambda: self.place_of_newcomers(gateway)
                   == self.rooms[0].id, 'the other room to be chosen', 4)
        self.set_all(95)
        for gateway in self.gateways:
            within(lambda: self.refusals(gateway), 'newcomers to be refused',
                   4)
        # Groups that exist are open as before.
        old = self.crowd.persons[0]
        self.crowd.wait_joined([self.crowd.add(self.ports(1), old.groups)])
        self.set_all(88)
        self.talk_on(2)
        self.assertTrue(self.refusals(self.gateways[0]),
                        'it flutters about the limit')
        self.set_all(84)
        for gateway in self.gateways:
            within(lambda: not self.refusals(gateway),
                   'newcomers to be taken again', 4)
        self.talk_on(0.5)
        self.assert_history()

    def test_a_burst_between_two_readings_is_spread(self):
        self.set_all(40)
        gateway = self.gateways[0]
        within(lambda: len({self.place_of_newcomers(gateway)
                            for _ in range(6)}) == 3, 'equal rooms', 10)
        persons = [self.crowd.add([gateway.tcp], [group], rate=0)
                   for group in range(1, 61)]
        self.crowd.wait_joined(persons)
        shares = [sum(person.zone(person.groups[0]) == room.id
                      for person in persons) for room in self.rooms]
        self.assertGreater(min(shares), 10, shares)


if __name__ == '__main__':
    stand.main()
