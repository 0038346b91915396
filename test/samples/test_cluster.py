# SPDX-License-Identifier: MIT
"""Gateways and rooms in processes of their own: what is lost, and found."""
import select
import struct

import support
from support import GONE, HERE, NAME, NOTICE, ZONE_LOST, u64


class TwoRooms(support.TestCase):
    def setUp(self):
        self.rooms = [self.start_room(), self.start_room()]
        self.gateway = self.start_gateway(*self.rooms)

    def groups_apart(self):
        """Two groups that are in different rooms."""
        user = self.connect(self.gateway)
        first = user.ask(1)
        for group in range(2, 100):
            if user.ask(group)[:8] != first[:8]:
                user.close()
                return 1, group
        raise AssertionError('all groups are in one room')

    def test_groups_are_spread_and_users_meet(self):
        for group in self.groups_apart():
            self.assert_they_chat(self.join(self.gateway, group),
                                  self.join(self.gateway, group))

    def test_gateways_agree_where_a_group_is(self):
        other = self.start_gateway(*reversed(self.rooms))
        for group in self.groups_apart():
            self.assert_they_chat(self.join(self.gateway, group),
                                  self.join(other, group))

    def test_users_of_a_room_that_dies_are_told(self):
        users = [self.join(self.gateway, group)
                 for group in self.groups_apart()]
        self.assert_they_chat(users[0])
        self.assert_they_chat(users[1])
        self.rooms[0].kill()
        lost, kept = self.who_is_told(users)
        self.assert_they_chat(kept)

    def who_is_told(self, users):
        """The user who is told that its room is lost, and the other."""
        sockets = {user.socket: user for user in users}
        ready = select.select(list(sockets), [], [], 8)[0]
        self.assertEqual(len(ready), 1, 'one user is told within 8 s')
        lost = sockets.pop(ready[0])
        notice = lost.until(NOTICE)
        self.assertEqual(struct.unpack('<H', notice[:2]), (ZONE_LOST,))
        self.assertEqual(notice[8:16], lost.target[:8])
        return lost, sockets.popitem()[1]

    def test_users_return_to_a_room_that_returns(self):
        users = [self.join(self.gateway, group)
                 for group in self.groups_apart()]
        self.rooms[0].kill()
        lost, kept = self.who_is_told(users)
        group, = struct.unpack('<Q', lost.target[8:])
        self.assertEqual(lost.ask(group),
                         support.no_room(group, support.E_ZONE_LOST))
        self.start_room('--tcp-port', str(self.rooms[0].tcp))

        def rejoined():
            answer = lost.ask(group)
            return answer if answer[:8] != bytes(8) else None
        answer = support.wait_for(rejoined, 'the room')
        self.assertNotEqual(answer, lost.target)
        lost.target = answer
        self.assert_they_chat(lost, self.join(self.gateway, group))
        self.assert_they_chat(kept)

    def test_a_gateway_that_dies_takes_its_users_along(self):
        other = self.start_gateway(*self.rooms)
        stays, goes = self.join(self.gateway, 1), self.join(other, 1)
        for user, name in (stays, b'Ada'), (goes, b'Ben'):
            user.post(NAME, name)
            user.until(HERE)
        other.kill()
        self.assertEqual(stays.until(GONE), u64(goes.id))
        self.assert_they_chat(stays)

    def test_rooms_may_start_after_the_gateway(self):
        room = self.start_room()
        port = room.tcp
        self.assert_stops(room)
        gateway = self.start('chat/chat-gateway', '--tcp-port=0',
                             '--http-port=0',
                             f'--zone=room=127.0.0.1:{port}').ready()
        user = self.connect(gateway)
        self.assertEqual(user.ask(), support.no_room(support.GROUP,
                                                     support.E_ZONE_LOST))
        self.start_room('--tcp-port', str(port))
        support.wait_for(lambda: user.ask()[:8] != bytes(8), 'the room')

    def test_many_users_come_to_a_fresh_gateway_at_once(self):
        users = [self.connect(self.gateway) for _ in range(20)]
        for user in users:
            user.send_frame(support.JOIN)
        for user in users:
            user.target = user.until(support.JOIN)
        self.assertEqual(len({user.target for user in users}), 1)
        self.assert_they_chat(*users)

    def test_the_last_one_leaves_and_the_next_one_comes(self):
        for _ in range(20):
            user = self.join(self.gateway)
            user.close()
        self.assert_they_chat(self.join(self.gateway))


class NoRoom(support.TestCase):
    def test_a_gateway_without_zones_has_no_room(self):
        user = self.connect(self.start_gateway())
        user.send(bytes.fromhex('0800000000003200'))
        self.assertEqual(
            user.receive(24).hex(),
            '180000000000320000000000000000009a02000000000000')
        user.send_frame(support.HEARTBEAT)
        self.assertEqual(user.receive(8), support.frame(support.HEARTBEAT))


if __name__ == '__main__':
    support.main()
