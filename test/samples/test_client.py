# SPDX-License-Identifier: MIT
"""chat-client, as people use it."""
import subprocess
import time

import support


class Client(support.TestCase):
    def setUp(self):
        self.chat = self.start_chat()

    def start_client(self, text, *options, **more):
        return self.start('chat/chat-client', f'127.0.0.1:{self.chat.tcp}',
                          text, *options, **more)

    def start_typist(self, text, *options):
        return self.start_client(text, *options, stdin=subprocess.PIPE)

    def type_line(self, client, line):
        client.process.stdin.write(line + '\n')
        client.process.stdin.flush()

    def test_it_ends_with_its_input_when_its_word_has_come_back(self):
        client = self.start_client('hello')
        self.assertEqual(client.status(), 0)
        client.line('hello')

    def test_it_prints_what_others_say(self):
        client = self.start_typist('first')
        client.line('first')
        user = self.join(self.chat)
        user.say('ein Gruß'.encode())
        client.line('ein Gruß')
        self.assertEqual(client.lines, ['first', 'ein Gruß'])

    def test_lines_of_its_input_are_messages(self):
        user = self.join(self.chat)
        client = self.start_typist('first')
        client.line('first')
        self.type_line(client, 'second')
        self.type_line(client, '')
        self.type_line(client, 'third')
        client.process.stdin.close()
        self.assertEqual([user.heard() for _ in range(4)],
                         [b'first', b'second', b'', b'third'])
        self.assertEqual(client.status(), 0)

    def test_names_stand_before_what_is_said(self):
        ada = self.start_typist('I am Ada', '--name', 'Ada')
        ada.line('Ada: I am Ada')
        ben = self.start_typist('I am Ben', '--name', 'Ben')
        ada.line('Ben: I am Ben')
        self.type_line(ada, 'welcome')
        ben.line('Ada: welcome')
        self.join(self.chat).say(b'just a guest')
        ben.line('just a guest')

    def test_control_characters_are_made_visible(self):
        client = self.start_typist('first')
        client.line('first')
        self.join(self.chat).say(b'\x1b[2J\x07\x9b1m\xc2\x9b\ttab')
        client.line(r'\\x1b\[2J\\x07\\x9b1m\\xc2\\x9b\\x09tab')

    def test_it_stays_as_long_as_it_was_told(self):
        begin = time.monotonic()
        client = self.start_client('hello', '--seconds', '2')
        self.assertEqual(client.status(), 0)
        self.assertGreater(time.monotonic() - begin, 1.9)

    def test_rooms_are_chosen_by_number(self):
        inside, outside = self.join(self.chat, 5), self.join(self.chat, 6)
        client = self.start_client('hello', '--group', '5')
        self.assertEqual(inside.heard(), b'hello')
        self.assertEqual(client.status(), 0)
        outside.say(b'nobody else')
        self.assertEqual(outside.heard(), b'nobody else')

    def test_it_is_gone_for_the_others_when_it_ends(self):
        user = self.join(self.chat)
        user.post(support.NAME, b'Ada')
        user.until(support.HERE)
        self.assertEqual(self.start_client('hi', '--name', 'Ben').status(), 0)
        user.until(support.GONE)

    def test_it_says_when_nobody_is_there(self):
        port = self.chat.tcp
        self.assert_stops(self.chat)
        client = self.start('chat/chat-client', f'127.0.0.1:{port}', 'hello',
                            '--seconds', '1')
        self.assertEqual(client.status(), 1)
        self.assertIn('not connected', client.stderr())

    def test_it_comes_back_to_a_gateway_that_was_away(self):
        client = self.start_typist('first')
        client.line('first')
        self.chat.kill()
        self.chat = self.start('chat/chat', '--http-port', '0', '--tcp-port',
                               str(self.chat.tcp)).ready()
        user = self.join(self.chat)

        def comes_back():
            user.say(b'anybody?')
            return 'anybody?' in client.lines
        support.wait_for(comes_back, 'the client to come back')


if __name__ == '__main__':
    support.main()
