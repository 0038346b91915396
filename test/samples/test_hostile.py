# SPDX-License-Identifier: MIT
"""What strangers may try: they are closed or refused, and nobody else
notices. Inputs are as recorded where they once did harm."""
import struct
import time

import support
from support import (Browser, Connection, GROUP, MAGIC, MESSAGE, TO_ZONE,
                     frame, u64)


class Hostile(support.TestCase):
    def setUp(self):
        self.room = self.start_room()
        self.gateway = self.start_gateway(self.room)
        self.users = [self.join(self.gateway) for _ in range(2)]
        self.assert_they_chat(*self.users)

    def assert_all_is_well(self):
        self.assertTrue(self.gateway.is_alive(), self.gateway.stderr())
        self.assertTrue(self.room.is_alive(), self.room.stderr())
        self.assert_they_chat(*self.users)
        self.assert_they_chat(*self.users, self.join(self.gateway))

    def assert_closed(self, name, data):
        """A member who sends this is closed; nobody hears of it."""
        with self.subTest(name):
            attacker = self.join(self.gateway)
            if callable(data):
                data = data(attacker)
            attacker.send(data)
            attacker.closed(5)
            for user in self.users:
                user.say(b'next')
                self.assertEqual(user.frame(), (MESSAGE, b'next'), name)
                other, = (u for u in self.users if u is not user)
                self.assertEqual(other.frame(), (MESSAGE, b'next'), name)

    def test_frames_that_are_none(self):
        for name, data in (
                ('length 0 type 0', '0000000000000000'),
                ('length 0 type 1', '0000000000000100'),
                ('length 0 type 51', '0000000000003300'),
                ('length 7', '0700000000003300'),
                ('length 0xffffffff', 'ffffffff00003300616263'),
                ('length above the limit', '0100010000003300'),
                ('extend larger than the frame', '0800000012000800'),
                ('extend 0xffff', '08000000ffff0800')):
            self.assert_closed(name, bytes.fromhex(data))
        self.assert_all_is_well()

    def test_types_that_are_not_a_users(self):
        for kind in (0, 4, 5, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 40,
                     49):
            self.assert_closed(f'type {kind}', frame(kind))
            self.assert_closed(
                f'type {kind} with an extend',
                lambda user, kind=kind: frame(
                    kind, b'abc', u64(self.users[0].id) + u64(GROUP)
                    + struct.pack('<H', MESSAGE)))
        self.assert_all_is_well()

    def test_types_without_a_handler(self):
        for kind in 51, 77, 65535:
            self.assert_closed(f'type {kind}', frame(kind, b'abc'))
        self.assert_all_is_well()

    def test_frames_made_to_look_like_a_rooms(self):
        victim = u64(self.users[1].id)
        for inner in 51, 2:
            self.assert_closed(
                f'type 9, inner {inner}',
                frame(9, b'forged', victim + u64(GROUP)
                      + struct.pack('<H', inner)))
        self.assert_closed('type 9 to an unknown user', bytes.fromhex(
            '1a0000001200090015cd5b07000000009a020000000000003300'))
        self.assert_closed('type 9 without extend', bytes.fromhex(
            '0b00000000000900616263'))
        self.assert_closed('type 9 to the room', lambda user: frame(
            9, b'x' + u64(GROUP), user.target[:8] + u64(GROUP)
            + struct.pack('<H', 51)))
        self.assert_all_is_well()

    def test_targets_that_are_not_ones_own(self):
        for name, target in (
                ('a user', u64(self.users[1].id) + u64(GROUP)),
                ('nobody', u64(123456789) + u64(GROUP)),
                ('zero', u64(0) + u64(GROUP)),
                ('a group not joined', self.users[0].target[:8] + u64(7))):
            self.assert_closed(name, frame(
                TO_ZONE, b'direct', target + struct.pack('<H', MESSAGE)))
        self.assert_all_is_well()

    def test_a_target_before_joining(self):
        stranger = self.connect(self.gateway)
        stranger.post(MESSAGE, b'boo', self.users[0].target)
        stranger.closed(5)
        self.assert_all_is_well()

    def test_inner_types_that_are_not_a_users(self):
        for inner in 0, 1, 2, 8, 9, 10, 13, 14, 17, 40, 49, 50, 57:
            self.assert_closed(f'inner {inner}', lambda user, inner=inner:
                               frame(TO_ZONE, u64(self.users[1].id)
                                     + user.target[:8], user.target
                                     + struct.pack('<H', inner)))
        self.assert_all_is_well()

    def test_extends_of_a_wrong_size(self):
        for size in 0, 1, 16, 17, 19, 26:
            self.assert_closed(f'extend {size}', lambda user, size=size:
                               frame(TO_ZONE, b'abc',
                                     (user.target + bytes(16))[:size]))
        self.assert_closed('length 2048', frame(TO_ZONE, b'z' * 2040))
        self.assert_all_is_well()

    def test_frames_of_former_limits_pass(self):
        for size in 2015, 2023, 2048, 4096:
            self.users[0].say(b'q' * size)
            for user in self.users:
                self.assertEqual(user.heard(), b'q' * size)
        self.assert_all_is_well()

    def test_an_inner_type_without_a_handler_is_dropped(self):
        self.users[0].post(99, b'?')
        self.assert_all_is_well()

    def test_bad_magic(self):
        for data in 'fc080000', 'fb080001', '00000000', '474554202f':
            connection = self.connect(self.gateway, Connection)
            connection.send(bytes.fromhex(data))
            self.assertEqual(connection.closed(5), b'')
        self.assert_all_is_well()

    def test_a_magic_in_pieces_is_one(self):
        for cut in 1, 2, 3:
            connection = self.connect(self.gateway, Connection)
            connection.send(MAGIC[:cut])
            self.assert_they_chat(self.users[0])
            connection.send(MAGIC[cut:] + frame(support.HEARTBEAT))
            connection.receive(8)
            self.assertEqual(connection.receive(8), frame(support.HEARTBEAT))
        self.assert_all_is_well()

    def test_a_browsers_frame_of_former_limits_passes(self):
        browser = self.connect(self.gateway, Browser)
        browser.send(MAGIC)
        browser.send(frame(support.JOIN))
        target = browser.receive()[8:24]
        for size in 2015, 2025, 4096:
            browser.send(frame(TO_ZONE, b'q' * size,
                               target + struct.pack('<H', MESSAGE)))
            for user in self.users:
                self.assertEqual(user.heard(), b'q' * size)
            self.assertEqual(browser.receive(), frame(MESSAGE, b'q' * size))
        self.assert_all_is_well()

    def test_those_who_say_nothing_are_closed(self):
        begin = time.monotonic()
        silent = self.connect(self.gateway, Connection)
        halfway = self.connect(self.gateway, Connection)
        halfway.send(MAGIC[:2])
        idle = self.join(self.gateway)
        self.assertEqual(silent.closed(8), b'')
        self.assertEqual(halfway.closed(8), b'')
        self.assertLess(time.monotonic() - begin, 9)
        while time.monotonic() < begin + 8:
            self.assert_they_chat(*self.users)
            time.sleep(1)
        idle.closed(7)
        self.assert_all_is_well()

    def test_a_user_who_does_not_read_holds_nobody_up(self):
        deaf = self.join(self.gateway)
        text = b'x' * 4096

        def is_closed():
            deaf.send(frame(support.HEARTBEAT))
            for _ in range(50):
                self.users[0].say(text)
            for user in self.users:
                for _ in range(50):
                    self.assertEqual(user.heard(5), text)
            return 'reads too slowly' in self.gateway.stderr()
        support.wait_for(is_closed, 'the end of the one who does not read', 60)
        deaf.closed()
        self.assert_all_is_well()

    def test_strangers_at_the_port_of_the_room(self):
        victim = self.users[0]
        link = victim.target[:8]
        for name, data in (
                ('short', bytes.fromhex('10000000000033009a02000000000000')),
                ('inject', frame(MESSAGE, b'injected',
                                 u64(1) + u64(GROUP))),
                ('inject as a member', frame(MESSAGE, b'injected',
                                             u64(victim.id) + u64(GROUP))),
                ('kick', frame(10, link, u64(victim.id) + u64(GROUP))),
                ('users gone', frame(17, u64(victim.id),
                                     struct.pack('<H', 2))),
                ('broadcast', frame(15, b'x', u64(GROUP)
                                    + struct.pack('<H', 51))),
                ('type 9', frame(9, b'x', u64(victim.id) + u64(GROUP)
                                 + struct.pack('<H', 51))),
                ('length 0', bytes(8)),
                ('a long one', struct.pack('<IHH', 2**31, 16, 51)),
                ('hello cut short', frame(11, b'', bytes(16)))):
            with self.subTest(name):
                stranger = self.connect(self.room, Connection)
                stranger.send(MAGIC)
                stranger.receive(8)
                stranger.send(data + frame(support.HEARTBEAT))
                try:
                    # Closed, or passed over.
                    self.assertEqual(stranger.receive(8),
                                     frame(support.HEARTBEAT))
                except support.Closed:
                    pass
                stranger.close()
                # What the stranger said would come before.
                self.users[0].say(b'after it')
                for user in self.users:
                    self.assertEqual(user.heard(), b'after it')
        self.assert_all_is_well()

    def test_browsers_that_send_no_frame(self):
        for name, message in (('three bytes', b'abc'), ('nothing', b''),
                              ('two frames', frame(1) + frame(1)),
                              ('half a frame', frame(TO_ZONE, b'ab')[:9]),
                              ('length 0', bytes(8))):
            with self.subTest(name):
                browser = self.connect(self.gateway, Browser)
                browser.send(MAGIC)
                browser.send(message)
                with self.assertRaises(support.Closed):
                    while True:
                        browser.receive()
        for first in b'abc', MAGIC + b'\0', frame(support.JOIN):
            browser = self.connect(self.gateway, Browser)
            browser.send(first)
            with self.assertRaises(support.Closed):
                while True:
                    browser.receive()
        self.assert_all_is_well()
        self.assert_stops(self.gateway)
        self.assert_stops(self.room)


if __name__ == '__main__':
    support.main()
