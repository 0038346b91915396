# SPDX-License-Identifier: MIT
"""Programs end in order when they are asked to, and by force when not."""
import os
import signal
import struct
import time

import support
from support import CLOSING, NOTICE, STOPPING


class InOrder(support.TestCase):
    def test_without_users(self):
        for number in signal.SIGTERM, signal.SIGINT:
            room = self.start_room()
            gateway = self.start_gateway(room)
            for program in self.start_chat(), gateway, room:
                self.assert_stops(program, number)

    def test_users_are_told(self):
        chat = self.start_chat()
        room = self.start_room()
        gateway = self.start_gateway(room)
        for program in chat, gateway:
            users = [self.join(program) for _ in range(3)]
            self.assert_they_chat(*users)
            self.assert_stops(program)
            for user in users:
                notice = user.until(NOTICE)
                self.assertEqual(struct.unpack('<HH', notice[:4]),
                                 (CLOSING, STOPPING))
                user.closed()
        self.assert_stops(room)

    def test_a_room_with_users_ends_first(self):
        room = self.start_room()
        gateway = self.start_gateway(room)
        user = self.join(gateway)
        self.assert_they_chat(user)
        self.assert_stops(room)
        notice = user.until(NOTICE)
        self.assertIn(struct.unpack('<H', notice[:2])[0],
                      (support.ZONE_LOST, support.LEFT))
        self.assert_stops(gateway)

    def test_a_user_who_does_not_read_does_not_hold_it_up(self):
        chat = self.start_chat()
        deaf, user = self.join(chat), self.join(chat)
        for _ in range(100):
            user.say(b'x' * 4096)
            user.heard()
        self.assert_stops(chat)
        deaf.close()


class ByForce(support.TestCase):
    def start_stubborn(self):
        program = self.start('stubborn', path=os.environ['DOMI_STUBBORN'])
        program.line('ready')
        return program

    def test_a_second_signal_ends_at_once(self):
        for first, second in ((signal.SIGTERM, signal.SIGINT),
                              (signal.SIGINT, signal.SIGINT),
                              (signal.SIGINT, signal.SIGTERM)):
            program = self.start_stubborn()
            program.signal(first)
            program.line('asked')
            program.signal(second)
            self.assertEqual(program.status(4), 128 + second)

    def test_eight_seconds_are_enough(self):
        program = self.start_stubborn()
        begin = time.monotonic()
        program.signal(signal.SIGTERM)
        self.assertEqual(program.status(20), 128 + signal.SIGTERM)
        self.assertGreater(time.monotonic() - begin, 7.5)


if __name__ == '__main__':
    support.main()
