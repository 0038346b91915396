# SPDX-License-Identifier: MIT
"""Nodes that have a Consul agent of their own, as on machines of their own,
and lose it, while nothing else is wrong."""
import consul
import stand
from stand import within

CUT_S = 40 if stand.is_long else 12  # more than it takes Consul to notice


class OwnAgents(stand.TestCase):
    def setUp(self):
        super().setUp()
        self.server = self.keep(consul.server().start().wait_ready())

    def own_agent(self):
        agent = self.keep(consul.client_of([self.server]).start())
        return agent.wait_ready()

    def begin(self):
        """A room and a gateway at agents of their own, the rest at the
        server."""
        self.room_agent, self.gateway_agent = \
            self.own_agent(), self.own_agent()
        self.rooms = [self.room(self.room_agent), self.room(self.server),
                      self.room(self.server)]
        self.gateways = [self.gateway(self.gateway_agent),
                         self.gateway(self.server)]
        self.assert_distinct_ids(self.rooms + self.gateways)
        within(lambda: len(self.server.passing('room')) == 3, 'three rooms')
        self.populate()
        self.talk_on(0.5)

    def is_healthy(self, node, name):
        return str(node.id) in self.server.passing(name)

    def assert_back(self, node, name, seconds=20):
        within(lambda: self.is_healthy(node, name), 'it to be healthy',
               seconds)
        within(lambda: self.holds_key(node), 'its key to be locked', seconds)

    def holds_key(self, node):
        return 'Session' in self.server.key(f'domi/nodes/{node.id}')

    def test_a_room_cut_off_from_consul_keeps_its_groups(self):
        self.begin()
        room = self.rooms[0]
        self.room_agent.freeze()
        self.addCleanup(self.room_agent.thaw)
        within(lambda: not self.is_healthy(room, 'room'),
               'Consul to find it missing', 15)
        self.talk_on(1)
        before = self.groups_of(room)
        for _ in range(6):
            self.newcomers()
        self.assertEqual(self.groups_of(room), before,
                         'it was given new groups')
        self.talk_on(max(0, CUT_S - 8))
        self.room_agent.thaw()
        self.assert_back(room, 'room')
        self.assertEqual(self.crowd.do(self.groups_of, room), before)
        self.newcomers()
        self.assert_history()

    def test_a_gateway_cut_off_from_consul_serves_what_it_knows(self):
        self.begin()
        gateway = self.gateways[0]
        self.gateway_agent.freeze()
        self.addCleanup(self.gateway_agent.thaw)
        within(lambda: not self.is_healthy(gateway, 'gate'),
               'Consul to find it missing', 15)
        self.newcomers(gateways=[gateway.tcp])
        victim = self.rooms[1]
        touched = self.kill_room(victim)
        self.newcomers(gateways=[gateway.tcp])
        self.gateway_agent.thaw()
        self.assert_back(gateway, 'gate')
        self.newcomers(gateways=[gateway.tcp])
        self.assert_history(touched)

    def test_an_agent_that_leaves_and_returns(self):
        self.agent = self.own_agent()
        self.cluster(self.agent)
        self.populate()
        nodes = self.rooms + self.gateways
        # A young agent still tells the servers all that it has, and would do
        # so while it leaves.
        self.talk_on(3.5)
        self.agent.stop()
        within(lambda: not any(map(self.holds_key, nodes)),
               'all claims to be gone')
        self.newcomers()
        self.talk_on(2)
        self.agent.start()
        for room in self.rooms:
            self.assert_back(room, 'room')
        for gateway in self.gateways:
            self.assert_back(gateway, 'gate')
        self.assertEqual(set(self.server.passing('room')),
                         {str(room.id) for room in self.rooms})
        self.assert_alive(*nodes)
        self.newcomers()
        self.assert_history()


if __name__ == '__main__':
    stand.main()
