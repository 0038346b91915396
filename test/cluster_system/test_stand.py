# SPDX-License-Identifier: MIT
"""The stand itself, and its crowd, on a cluster that needs no Consul."""
import stand
from stand import within


class WithoutConsul(stand.TestCase):
    def setUp(self):
        super().setUp()
        self.rooms = [self.room(None) for _ in range(3)]
        zones = [f'--zone=room=127.0.0.1:{room.tcp}' for room in self.rooms]
        self.gateways = [self.gateway(None, *zones) for _ in range(2)]

    def test_a_crowd_that_is_left_alone_loses_nothing(self):
        self.populate()
        self.talk_on(2)
        self.assert_history()

    def test_who_leaves_hears_no_more(self):
        leaver, *_ = self.populate(groups=1, rate=50)
        self.talk_on(0.5)
        self.crowd.do(leaver.leave, 1)
        self.talk_on(0.5)
        self.assertEqual(len(self.crowd.history.of('left')), 1)
        self.assert_history()

    def test_those_in_a_room_that_dies_are_told_and_come_back(self):
        self.populate()
        victim = self.busiest_room()
        touched = self.users_of(victim)
        victim.kill()
        within(lambda: self.told() == touched, 'its users to be told', 0.5)
        # Its place is fixed: the groups return with it.
        self.start('chat/chat-room', '--http-port=0',
                   f'--tcp-port={victim.tcp}').ready()
        self.crowd.wait_joined()
        self.talk_on(1)
        self.assert_history(touched)

    def test_those_at_a_gateway_that_dies_go_to_the_other(self):
        self.populate(named=True)
        victim = self.gateways[0]
        touched = self.users_at(victim)
        victim.kill()
        self.wait_moved(lambda: self.users_at(victim))
        self.talk_on(1)
        self.assert_history(touched)


if __name__ == '__main__':
    stand.main()
