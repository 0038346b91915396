# SPDX-License-Identifier: MIT
"""The chat in one process, to the byte."""
import struct
import urllib.error
import urllib.request

import support
from support import (Browser, GONE, GUESTS, HERE, JOIN, LEAVE,
                     MAGIC, MESSAGE, NAME, SPEAKER, frame, u64)


def entry(user, name):
    return u64(user.id) + bytes([len(name)]) + name


class Wire(support.TestCase):
    """Frames exactly as they were recorded; ids are filled in."""

    def setUp(self):
        self.chat = self.start_chat()
        self.user = self.connect(self.chat)

    def join_by_bytes(self):
        self.user.send(bytes.fromhex('0800000000003200'))
        header = self.user.receive(8)
        self.assertEqual(header.hex(), '1800000000003200')
        target = self.user.receive(16)
        self.assertNotEqual(target[:8], bytes(8))
        self.assertEqual(target[8:].hex(), '9a02000000000000')
        return target

    def test_the_id_follows_the_magic(self):
        self.assertNotEqual(self.user.id, 0)
        self.assertNotEqual(self.connect(self.chat).id, self.user.id)

    def test_a_heartbeat_comes_back(self):
        self.user.send(bytes.fromhex('0800000000000100'))
        self.assertEqual(self.user.receive(8).hex(), '0800000000000100')

    def test_a_message_comes_back_to_its_sender(self):
        target = self.join_by_bytes()
        self.user.send(bytes.fromhex('1f0000001200080068656c6c6f') + target
                       + bytes.fromhex('3300'))
        self.assertEqual(self.user.receive(13).hex(),
                         '0d0000000000330068656c6c6f')

    def test_an_empty_message_is_a_message(self):
        target = self.join_by_bytes()
        self.user.send(bytes.fromhex('1a00000012000800') + target
                       + bytes.fromhex('3300'))
        self.assertEqual(self.user.receive(8).hex(), '0800000000003300')

    def test_text_is_passed_on_as_it_is(self):
        target = self.join_by_bytes()
        text = 'e4bda0e5a5bd2c20616c6c207468726565'
        self.user.send(bytes.fromhex('2b00000012000800' + text) + target
                       + bytes.fromhex('3300'))
        self.assertEqual(self.user.receive(25).hex(),
                         '1900000000003300' + text)

    def test_the_magic_may_come_in_pieces(self):
        connection = self.connect(self.chat, support.Connection)
        for byte in MAGIC:
            connection.send(bytes([byte]))
        self.assertEqual(len(connection.receive(8)), 8)

    def test_frames_may_follow_the_magic_at_once(self):
        connection = self.connect(self.chat, support.Connection)
        connection.send(MAGIC + frame(JOIN))
        connection.receive(8)
        self.assertEqual(connection.receive(8).hex(), '1800000000003200')

    def test_an_exit_closes(self):
        self.user.send(bytes.fromhex('0800000000000200'))
        self.user.closed()

    def test_a_browser_talks_to_others(self):
        other = self.join(self.chat)
        browser = self.connect(self.chat, Browser)
        browser.send(MAGIC)
        browser.send(frame(JOIN))
        target = browser.receive()[8:]
        self.assertEqual(target, other.target)
        browser.send(frame(support.TO_ZONE, b'from-ws',
                           target + struct.pack('<H', MESSAGE)))
        self.assertEqual(browser.receive().hex(),
                         '0f0000000000330066726f6d2d7773')
        self.assertEqual(other.heard(), b'from-ws')

    def test_the_node_answers_health_checks(self):
        base = f'http://127.0.0.1:{self.chat.http}/{self.chat.id}/'
        for name, body in (('health', b'consul healthy check!\n'),
                           ('ping', b'pong\n'), ('version', b'1\n')):
            with urllib.request.urlopen(base + name, timeout=10) as answer:
                self.assertEqual(answer.read(), body)
        with self.assertRaises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(base + 'nothing', timeout=10)
        self.assertEqual(caught.exception.code, 404)
        caught.exception.close()


class Rooms(support.TestCase):
    options = ()

    def setUp(self):
        self.chat = self.start_chat(*self.options)

    def test_everybody_hears_everybody(self):
        self.assert_they_chat(*(self.join(self.chat) for _ in range(4)))

    def test_messages_keep_their_order(self):
        first, second = self.join(self.chat), self.join(self.chat)
        self.assert_they_chat(first, second)
        texts = [b'%d' % i for i in range(1000)]
        extend = first.target + struct.pack('<H', MESSAGE)
        first.send(b''.join(frame(support.TO_ZONE, text, extend)
                            for text in texts))
        for user in first, second:
            self.assertEqual([user.heard() for _ in texts], texts)

    def test_rooms_are_apart(self):
        here, there = self.join(self.chat, 1), self.join(self.chat, 2)
        here.say(b'here')
        there.say(b'there')
        self.assertEqual(here.heard(), b'here')
        self.assertEqual(there.heard(), b'there')

    def test_one_user_may_be_in_two_rooms(self):
        user, other = self.join(self.chat, 1), self.join(self.chat, 1)
        first = user.target
        user.join(2)
        self.assertNotEqual(user.target, first)
        other.say(b'in the first')
        self.assertEqual(user.heard(), b'in the first')
        user.say(b'in the second')
        self.assertEqual(user.heard(), b'in the second')

    def test_joining_twice_is_harmless(self):
        user, other = self.join(self.chat), self.join(self.chat)
        user.join()
        other.say(b'once')
        other.say(b'end')
        self.assertEqual(user.heard(), b'once')
        self.assertEqual(user.heard(), b'end')

    def test_who_has_left_hears_nothing(self):
        gone, stays = self.join(self.chat), self.join(self.chat)
        self.assert_they_chat(gone, stays)
        gone.send_frame(LEAVE, gone.target)
        gone.say(b'too late')
        gone.join(2)
        stays.say(b'unheard')
        self.assertEqual(stays.heard(), b'unheard')
        gone.say(b'elsewhere')
        self.assertEqual(gone.heard(), b'elsewhere')

    def test_who_has_left_may_come_back(self):
        user, other = self.join(self.chat), self.join(self.chat)
        for _ in range(20):
            user.send_frame(LEAVE, user.target)
            user.join()
        self.assert_they_chat(user, other)

    def test_the_largest_number_is_no_room(self):
        user = self.connect(self.chat)
        self.assertEqual(user.ask(2**64 - 1),
                         support.no_room(2**64 - 1, support.E_OPTION))
        self.assertEqual(user.ask(2**64 - 2)[8:], u64(2**64 - 2))

    def test_a_join_of_another_size_closes(self):
        user = self.connect(self.chat)
        user.send_frame(JOIN, b'1234')
        user.closed()

    def test_a_text_may_have_4096_bytes_and_no_more(self):
        user = self.join(self.chat)
        user.say(b'x' * 4097)
        user.say(b'y' * 4096)
        self.assertEqual(user.heard(), b'y' * 4096)

    def test_a_hundred_users_come_at_once(self):
        users = [self.connect(self.chat) for _ in range(100)]
        for user in users:
            user.send_frame(JOIN)
        for user in users:
            user.target = user.until(JOIN)
        users[0].say(b'hello')
        for user in users:
            self.assertEqual(user.heard(), b'hello')


class RoomsOnTheLoop(Rooms):
    """The same without worker threads."""
    options = ('--workers', '0')


class Names(support.TestCase):
    def setUp(self):
        self.chat = self.start_chat()
        self.ada = self.join(self.chat)
        self.ada.post(NAME, b'Ada')
        self.assertEqual(self.ada.until(HERE), entry(self.ada, b'Ada'))

    def join_as(self, name):
        user = self.join(self.chat)
        user.post(NAME, name)
        return user

    def test_the_newcomer_is_told_of_all_itself_first(self):
        ben = self.join_as(b'Ben')
        self.assertEqual(ben.until(HERE),
                         entry(ben, b'Ben') + entry(self.ada, b'Ada'))
        self.assertEqual(self.ada.until(HERE), entry(ben, b'Ben'))

    def test_the_speaker_is_told_right_before_the_message(self):
        ben = self.join_as(b'Ben')
        ben.until(HERE)
        ben.say(b'hi')
        kind, data = self.ada.frame()
        while kind != SPEAKER:
            kind, data = self.ada.frame()
        self.assertEqual(data, u64(ben.id))
        self.assertEqual(self.ada.frame(), (MESSAGE, b'hi'))

    def test_a_guest_speaks_without_a_name(self):
        guest = self.join(self.chat)
        guest.say(b'hi')
        kind, _ = self.ada.frame()
        while kind != MESSAGE:
            self.assertNotEqual(kind, SPEAKER)
            kind, _ = self.ada.frame()

    def test_guests_are_told_of_nothing_but_messages(self):
        guest = self.join(self.chat)
        guest.say(b'hi')
        self.assertEqual(guest.frame(), (MESSAGE, b'hi'))
        self.ada.say(b'hello')
        self.assertEqual(guest.frame(), (MESSAGE, b'hello'))
        self.ada.close()
        guest.say(b'bye')
        self.assertEqual(guest.frame(), (MESSAGE, b'bye'))

    def test_guests_are_counted(self):
        counts = []

        def wait_for_count(count):
            while not counts or counts[-1] != count:
                counts.append(struct.unpack('<I', self.ada.until(GUESTS))[0])

        guests = [self.join(self.chat) for _ in range(3)]
        wait_for_count(3)
        guests[0].close()
        wait_for_count(2)
        guests[1].post(NAME, b'Ben')
        wait_for_count(1)
        guests[2].send_frame(LEAVE, guests[2].target)
        wait_for_count(0)

    def test_the_others_are_told_who_is_gone(self):
        for leave in (lambda user: user.close(),
                      lambda user: user.send_frame(support.EXIT),
                      lambda user: user.send_frame(LEAVE, user.target)):
            ben = self.join_as(b'Ben')
            ben.until(HERE)
            leave(ben)
            self.assertEqual(self.ada.until(GONE), u64(ben.id))

    def test_a_new_name_is_told_to_all(self):
        ben = self.join_as(b'Ben')
        ben.until(HERE)
        self.ada.until(HERE)
        ben.post(NAME, b'Benjamin')
        for user in ben, self.ada:
            self.assertEqual(user.until(HERE), entry(ben, b'Benjamin'))

    def test_bad_names_are_passed_over(self):
        ben = self.join(self.chat)
        for name in (b'', b'x' * 33, b'a\nb', b'\x7f', b'\xc2\x85', b'\xff',
                     b'\xc3', b'\xed\xa0\x80', b'\xc0\xaf', b'a\x00b',
                     b'\xf4\x90\x80\x80'):
            ben.post(NAME, name)
        ben.post(NAME, 'Ünïcödé 你好 🎉'.encode())
        self.assertTrue(ben.until(HERE).startswith(
            entry(ben, 'Ünïcödé 你好 🎉'.encode())))

    def test_a_long_list_comes_in_several_frames(self):
        users = [self.connect(self.chat) for _ in range(250)]
        for number, user in enumerate(users):
            user.join()
            user.post(NAME, b'%032d' % number)
        last = users[-1]
        seen = last.until(HERE)
        self.assertTrue(seen.startswith(entry(last, b'%032d' % 249)))
        more = 0
        size = sum(9 + 32 for _ in users) + 9 + 3
        while len(seen) < size:
            seen += last.until(HERE)
            more += 1
        self.assertGreater(more, 0)
        self.assertEqual(len(seen), size)


if __name__ == '__main__':
    support.main()
