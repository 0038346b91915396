# SPDX-License-Identifier: MIT
"""One Consul agent that dies, freezes, forgets; and what nodes keep in it."""
import consul
import stand
from consul import SLOWNESS
from stand import is_stale, within

OTHER = '0d9fdf4c-6c6a-4d0c-9d25-000000000000'  # somebody else's claim
AWAY_S = 10 if stand.is_long else 3


class Agent(stand.TestCase):
    def begin(self, agent, **more):
        self.agent = self.keep(agent)
        self.cluster(agent, **more)
        self.populate()
        self.talk_on(0.5)
        self.nodes = self.rooms + self.gateways

    def assert_served_while_away(self):
        """Everybody sees that Consul is away, and goes on; so do new users
        and new groups."""
        within(lambda: all(map(is_stale, self.nodes)),
                      'all nodes to see it', 10)
        self.newcomers()
        self.talk_on(AWAY_S)
        self.newcomers()

    def registrations(self):
        return {name: set(self.agent.passing(name))
                for name in ('room', 'gate')}

    def wait_whole(self, seconds):
        """Until each node is registered with the id that it had, and holds
        its key, and the versions are known."""
        wanted = {'room': {str(room.id) for room in self.rooms},
                  'gate': {str(gateway.id) for gateway in self.gateways}}

        def whole():
            try:
                return (self.registrations() == wanted
                        and all(self.holds_key(node) for node in self.nodes)
                        and all(map(self.has_version, wanted))
                        and not any(map(is_stale, self.nodes)))
            except (OSError, consul.Refused):
                return False
        return within(whole, 'registrations, keys and state', seconds)

    def has_version(self, name):
        entry = self.agent.key(name + 'Version')
        return entry is not None and entry['Value'] == b'1'

    def holds_key(self, node):
        entry = self.agent.key(f'domi/nodes/{node.id}')
        return entry is not None and entry.get('Session')

    def test_nobody_notices_that_it_was_killed(self):
        self.begin(consul.server().start().wait_ready())
        before = self.creations()
        self.agent.kill()
        self.assert_served_while_away()
        self.agent.start().wait_ready()
        self.wait_whole(5)
        self.assertEqual(self.creations(), before, 'registered anew')
        self.newcomers()
        self.assert_history()

    def creations(self):
        """When the instances were made: the same for the same instance."""
        return {number: entry['Service']['CreateIndex']
                for name in ('room', 'gate')
                for number, entry in self.agent.nodes(name).items()}

    def test_all_that_it_lost_is_made_again(self):
        self.begin(consul.start_dev())
        self.agent.kill()
        self.assert_served_while_away()
        self.agent.start().wait_ready()
        self.newcomers()
        self.wait_whole(5)
        self.newcomers()
        self.assert_history()

    def test_nobody_waits_for_one_that_is_frozen(self):
        self.begin(consul.start_dev())
        self.agent.freeze()
        self.addCleanup(self.agent.thaw)
        self.newcomers()
        self.talk_on(10 if stand.is_long else 5)
        self.newcomers()
        self.agent.thaw()
        self.wait_whole(5)
        self.newcomers()
        self.assert_history()

    def test_a_registration_that_was_removed_comes_back(self):
        self.begin(consul.start_dev(), rooms=2, gateways=1)
        for node in self.nodes:
            self.agent.put(f'/v1/agent/service/deregister/{node.id}')
        self.wait_whole(5)
        self.newcomers()
        self.assert_history()


class Key(stand.TestCase):
    """The claim on a node id, when somebody writes over it."""

    def setUp(self):
        super().setUp()
        self.agent = self.keep(consul.start_dev())

    def take_key(self, node):
        self.agent.put_key(f'domi/nodes/{node.id}', OTHER + ' 192.0.2.1 0')

    def registered(self, name):
        return {int(number) for number in self.agent.passing(name)}

    def test_a_node_takes_another_id(self):
        self.cluster(self.agent, rooms=2, gateways=1)
        gateway, = self.gateways
        self.populate(groups=4, each=2)
        for node, name in (gateway, 'gate'), (self.rooms[0], 'room'):
            others = self.registered(name) - {node.id}
            self.take_key(node)
            within(lambda: node.id not in self.registered(name)
                   and len(self.registered(name) - others) == 1,
                   f'another id of {name}', 5)
        fresh, = self.registered('gate')
        self.newcomers()
        # Session ids tell the node that made them.
        self.assertEqual({person.id >> 12 & 1023
                          for person in self.crowd.persons[-2:]}, {fresh})
        self.assert_alive(gateway, *self.rooms)
        self.assert_history()

    def test_a_node_ends_if_it_is_told_so(self):
        gateway = self.gateway(self.agent, '--lost-id', 'stop')
        self.take_key(gateway)
        self.assertEqual(gateway.status(5 * SLOWNESS), 1)
        self.assertIn(OTHER, gateway.stderr())
        within(lambda: not self.registered('gate'), 'Consul to see it', 3)


class Reference(stand.TestCase):
    """Nodes of the reference implementation, and ours, in one Consul."""

    def setUp(self):
        super().setUp()
        self.agent = self.keep(consul.start_dev())

    def test_a_room_of_the_reference_is_found(self):
        room = self.room(None, '--id', '7')
        self.agent.put('/v1/agent/service/register', {
            'ID': '7', 'Name': 'room', 'Address': '127.0.0.1',
            'Port': room.tcp, 'Check': {
                'HTTP': f'http://127.0.0.1:{room.http}/7/health',
                'Interval': '1s', 'Timeout': '1s',
                'DeregisterCriticalServiceAfter': '30s'}})
        within(lambda: '7' in self.agent.passing('room'), 'its health')
        self.rooms, self.gateways = [room], [self.gateway(self.agent)]
        self.populate(groups=2, each=3)
        self.talk_on(0.5)
        self.assert_history()
        self.assertNotEqual(self.gateways[0].id, 7)

    def test_ours_look_as_the_reference_expects(self):
        room = self.room(self.agent)
        within(lambda: self.agent.passing('room'), 'its health')
        entry, = self.agent.nodes('room').values()
        service = entry['Service']
        self.assertEqual((service['ID'], service['Service'],
                          service['Address'], service['Port']),
                         (str(room.id), 'room', '127.0.0.1', room.tcp))
        within(lambda: self.agent.key('roomVersion'), 'the version')
        self.assertEqual(self.agent.key('roomVersion')['Value'], b'1')
        status, weight, _ = stand.ask(room.http, f'/{room.id}/weight')
        self.assertEqual(status, 200)
        self.assertRegex(weight, r'\A\d+\n\Z')

    def test_a_stop_leaves_nothing_behind(self):
        room = self.room(self.agent)
        within(lambda: self.agent.passing('room'), 'its health')
        self.assert_stops(room)
        self.assertEqual(self.agent.nodes('room'), {})
        self.assertEqual(self.agent.keys('domi/nodes/'), [])
        self.assertEqual(
            [session for session in self.agent.get('/v1/session/list')], [])


if __name__ == '__main__':
    stand.main()
