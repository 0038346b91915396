# SPDX-License-Identifier: MIT
"""Rooms and gateways that die, and where new groups go."""
import consul
import history
import stand
from stand import within


class Deaths(stand.TestCase):
    def setUp(self):
        super().setUp()
        self.agent = self.keep(consul.start_dev())

    def test_groups_of_a_room_that_dies_are_made_anew_elsewhere(self):
        self.cluster(self.agent)
        self.populate()
        self.talk_on(0.5)
        victim = self.busiest_room()
        touched = self.kill_room(victim)
        within(lambda: str(victim.id) not in self.agent.passing('room'),
               'Consul to see it', 3)
        self.newcomers()
        self.talk_on(1)
        self.assert_history(touched)

    def test_a_gateway_that_dies_is_noticed_once_by_all_others(self):
        self.cluster(self.agent)
        self.populate(named=True)
        self.talk_on(0.5)
        victim = self.gateways[0]
        touched = self.users_at(victim)
        ids = {person.id for person in self.crowd.persons
               if person.number in touched}
        victim.kill()
        # That each is heard of no more than once, the checker sees.
        within(lambda: ids <= {event.number for event in
                               self.crowd.history.of(history.GONE)},
               'the others to hear of it', 1)
        self.wait_moved(lambda: self.users_at(victim))
        self.talk_on(1)
        self.assert_history(touched)

    def test_a_room_that_dies_is_replaced(self):
        self.cluster(self.agent, rooms=1)
        self.populate(groups=3, each=4)
        everybody = {person.number for person in self.crowd.persons}
        for _ in range(3):
            old, = self.rooms
            old.kill()
            self.crowd.wait(lambda: not self.users_of(old), 'all to be out')
            self.rooms = [self.room(self.agent)]
            self.crowd.wait_joined()
        self.talk_on(0.5)
        self.assert_history(everybody)


class NewGroups(stand.TestCase):
    def setUp(self):
        super().setUp()
        self.agent = self.keep(consul.start_dev())

    def test_two_gateways_that_ask_at_once_agree(self):
        self.cluster(self.agent)
        # In no particular state of links: these are the very first users.
        persons = [self.crowd.add([gateway.tcp], [group], rate=2)
                   for group in range(1, 101) for gateway in self.gateways]
        self.crowd.wait_joined(persons, 20)
        self.assert_one_place_each()
        places = {person.zone(group) for person in persons
                  for group in person.groups}
        self.assertEqual(len(places), 3, 'all rooms take their share')
        self.talk_on(2)
        self.assert_history()

    def test_two_gateways_that_ask_at_once_agree_again_and_again(self):
        self.cluster(self.agent)
        for group in range(1, 31):
            pair = [self.crowd.add([gateway.tcp], [group], rate=2)
                    for gateway in self.gateways]
            self.crowd.wait_joined(pair)
        self.talk_on(1)
        self.assert_history()


if __name__ == '__main__':
    stand.main()
