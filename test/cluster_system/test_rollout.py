# SPDX-License-Identifier: MIT
"""A newer version of a service comes, crashes, or goes away again."""
import consul
import stand
from stand import within


class Rollout(stand.TestCase):
    def setUp(self):
        super().setUp()
        self.agent = self.keep(consul.start_dev())
        self.cluster(self.agent, rooms=2)
        self.populate(groups=6, each=4)
        self.talk_on(0.5)
        self.old_ids = {room.id for room in self.rooms}

    def version(self):
        entry = self.agent.key('roomVersion')
        return entry and entry['Value']

    def drains(self, room):
        entry = self.agent.nodes('room').get(str(room.id))
        return entry and entry['Service']['Meta'].get('state') == 'drain'

    def zones_of(self, persons):
        return {person.zone(group) for person in persons
                for group in person.groups}

    def start_new(self):
        room = self.room(self.agent, '--version', '2')
        within(lambda: self.version() == b'2', 'the version to be raised')
        within(lambda: all(map(self.drains, self.rooms)),
               'the old rooms to drain', 2)
        return room

    def test_users_stay_and_newcomers_meet_the_new_version(self):
        new = self.start_new()
        before = list(self.crowd.persons)
        within(lambda: self.zones_of(self.newcomers()) == {new.id},
               'new groups to go to the new version', 5)
        # Those who came in between may have been sent on.
        between = self.numbers_but(before)
        self.talk_on(1)
        # Those of the old rooms leave, and then their rooms end by themselves.
        stayed = [person for person in before
                  if self.zones_of([person]) <= self.old_ids]
        self.assertTrue(stayed)
        for person in stayed:
            self.crowd.do(person.leave, person.groups[0])
        for room in self.rooms:
            self.assertEqual(room.status(), 0, room.stderr())
        self.assert_alive(new, *self.gateways)
        self.talk_on(0.5)
        self.assert_history(between)

    def test_an_older_version_does_not_start(self):
        new = self.start_new()
        room = self.room(self.agent, ready=False)
        self.assertEqual(room.status(), 1)
        self.assertRegex(room.stderr(), '(?i)version')
        self.assert_alive(new, *self.rooms)
        self.assert_history()

    def test_a_new_version_that_crashes_at_once_leaves_somebody_to_serve(self):
        new = self.room(self.agent, '--version', '2')
        new.kill()
        self.talk_on(1)
        self.newcomers()
        # Consul has noticed, and still there is somebody.
        within(lambda: str(new.id) not in self.agent.passing('room'),
               'Consul to see it')
        self.newcomers()
        self.talk_on(4)
        self.newcomers()
        self.assert_alive(*self.rooms)
        self.assert_history()

    def test_a_new_version_that_is_taken_away_leaves_somebody_to_serve(self):
        self.assert_stops(self.start_new())
        self.assert_old_ones_serve()

    def test_a_new_version_that_crashes_later_leaves_somebody_to_serve(self):
        self.start_new().kill()
        self.assert_old_ones_serve()

    def assert_old_ones_serve(self):
        before = list(self.crowd.persons)
        self.newcomers()
        self.talk_on(2)
        between = self.numbers_but(before)
        self.newcomers()
        self.assert_alive(*self.rooms)
        self.assert_history(between)

    def numbers_but(self, persons):
        """All but those."""
        return {person.number for person in self.crowd.persons} \
            - {person.number for person in persons}

    def test_a_lower_number_set_by_hand_drains_nobody(self):
        new = self.start_new()
        self.agent.put_key('roomVersion', b'1')
        self.talk_on(2)
        self.assertFalse(self.drains(new))
        self.newcomers()
        self.assert_history()


if __name__ == '__main__':
    stand.main()
