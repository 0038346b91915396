# SPDX-License-Identifier: MIT
"""Three Consul servers, of which one or two are lost."""
import consul
import stand
from stand import within


class Quorum(stand.TestCase):
    def setUp(self):
        super().setUp()
        self.servers = self.keep(consul.Servers().start())

    def begin(self, agent):
        self.cluster(agent)
        self.populate()
        self.talk_on(0.5)

    def assert_whole_again(self, agent):
        """New nodes find their way in, and the old ones are all there."""
        room = self.room(agent)
        self.rooms = [one for one in self.rooms if one.is_alive()] + [room]
        self.assert_distinct_ids(self.rooms + self.gateways)
        within(lambda: set(agent.passing('room'))
               == {str(one.id) for one in self.rooms}, 'all rooms', 10)

    def test_the_leader_is_killed(self):
        leader = self.servers.wait_leader()
        agent = next(one for one in self.servers.agents if one is not leader)
        self.begin(agent)
        leader.kill()
        self.newcomers()
        self.talk_on(1)
        self.servers.wait_leader(10)
        self.assert_whole_again(agent)
        self.newcomers()
        leader.start()
        self.servers.wait_whole()
        self.assert_history()

    def test_a_room_dies_while_there_is_no_quorum(self):
        agent, *others = self.servers.agents
        self.begin(agent)
        for other in others:
            other.kill()
        within(lambda: not agent.leader(), 'the end of the quorum')
        self.newcomers()
        victim = self.busiest_room()
        touched = self.kill_room(victim)
        self.newcomers()
        self.talk_on(1)
        for other in others:
            other.start()
        self.servers.wait_whole()
        self.assert_whole_again(agent)
        self.newcomers()
        self.assert_history(touched)


if __name__ == '__main__':
    stand.main()
