#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tests the chat with TLS: its users, its page, and links between nodes."""
import json
import os
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import tempfile
import threading
import unittest

import support
from support import (EXIT, Browser, Closed, Connection, Program, User,
                     frame, u64, wait_for)

CERTIFICATES = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                            os.pardir, 'tls', 'certificates')


class TlsCase(support.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp()
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        subprocess.run([CERTIFICATES, cls.folder], check=True)

    def path(self, name):
        return os.path.join(self.folder, name)

    def files(self, name, prefix='--tls', authority=None):
        """The options for a certificate, and for an authority if given."""
        options = []
        if name:
            options += [f'{prefix}-cert', self.path(name + '.pem'),
                        f'{prefix}-key', self.path(name + '.key')]
        if authority:
            options += [f'{prefix}-ca', self.path(authority + '.pem')]
        return options

    def renew(self, name, live):
        """A certificate takes the place of another."""
        for kind in ('.key', '.pem'):
            shutil.copy(self.path(name + kind), self.path(live + kind))

    def client(self, authority='ca', certificate=None):
        context = ssl.create_default_context(
            cafile=self.path(authority + '.pem'))
        if certificate:
            context.load_cert_chain(self.path(certificate + '.pem'),
                                    self.path(certificate + '.key'))
        return context

    def secure(self, program, kind=User, **how):
        port = program.http if kind is not User else program.tcp
        connection = kind(port, self.client(**how))
        self.addCleanup(connection.close)
        return connection


class Users(TlsCase):
    def test_users_chat_over_tcp_and_wss(self):
        chat = self.start_chat(*self.files('node'))
        ann, ben = self.secure(chat).join(), self.secure(chat).join()
        self.assert_they_chat(ann, ben)
        browser = self.secure(chat, Browser)
        browser.send(support.MAGIC)
        browser.send(frame(support.JOIN, u64(support.GROUP)))
        answer = browser.receive()
        self.assertEqual(struct.unpack('<IHH', answer[:8]), (24, 0, 50))
        ann.say(b'x' * 4000)
        self.assertEqual(browser.receive(), frame(51, b'x' * 4000))
        self.assertEqual(ann.socket.version(), 'TLSv1.3')

    def test_the_page_comes_by_https(self):
        web = self.path('web')
        os.makedirs(web, exist_ok=True)
        page = os.urandom(1 << 20)
        with open(os.path.join(web, 'index.html'), 'wb') as file:
            file.write(page)
        chat = self.start_chat('--web', web, *self.files('node'))
        got = self.secure(chat, Connection)
        request = b'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'
        got.send(request + request)  # The second waits for the first.
        for _ in range(2):
            head = b''
            while not head.endswith(b'\r\n\r\n'):
                head += got.receive(1)
            self.assertTrue(head.startswith(b'HTTP/1.1 200 '), head)
            self.assertEqual(got.receive(len(page)), page)

    def test_another_implementation_gets_https(self):
        chat = self.start_chat(*self.files('node'))
        script = f"""
            const page = await fetch('https://127.0.0.1:{chat.http}/0/health');
            const text = await page.text();
            console.log(JSON.stringify([page.status, text.length > 0]));
        """
        done = subprocess.run(
            ['node', '--input-type=module', '-e', script],
            env={**os.environ, 'NODE_EXTRA_CA_CERTS': self.path('ca.pem')},
            capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(json.loads(done.stdout), [200, True])

    def test_http_1_1_is_what_the_page_speaks(self):
        chat = self.start_chat(*self.files('node'))
        context = self.client()
        context.set_alpn_protocols(['h2', 'http/1.1'])
        got = Connection(chat.http, context)
        self.addCleanup(got.close)
        self.assertEqual(got.socket.selected_alpn_protocol(), 'http/1.1')
        context.set_alpn_protocols(['h2'])
        with self.assertRaises(ssl.SSLError):
            Connection(chat.http, context)

    def test_1_2_is_the_oldest_version(self):
        chat = self.start_chat(*self.files('node'))
        hello = (b'\x03\x02' + bytes(32) + b'\0' + b'\0\x02\xc0\x13'
                 + b'\x01\0')
        hello = b'\x01\0' + struct.pack('>H', len(hello)) + hello
        ancient = Connection(chat.tcp)
        self.addCleanup(ancient.close)
        ancient.send(b'\x16\x03\x01' + struct.pack('>H', len(hello)) + hello)
        # A fatal alert about the version.
        self.assertEqual(ancient.closed()[5:], b'\x02\x46')
        old = self.client()
        old.minimum_version = ssl.TLSVersion.TLSv1_2
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        user = User(chat.tcp, old)
        self.addCleanup(user.close)
        self.assertEqual(user.socket.version(), 'TLSv1.2')
        self.assert_they_chat(user.join())

    def test_a_plain_peer_is_cut_with_a_line(self):
        chat = self.start_chat(*self.files('node'))
        for port in (chat.tcp, chat.http):
            plain = Connection(port)
            self.addCleanup(plain.close)
            plain.send(b'GET / HTTP/1.1\r\nHost: h\r\n\r\n')
            self.assertEqual(plain.closed(2), b'')
        wait_for(lambda: chat.stderr().count('it does not speak TLS') == 2,
                 'both lines')

    def test_tls_at_a_plain_port_is_cut_with_a_line(self):
        chat = self.start_chat()
        for port in (chat.tcp, chat.http):
            with self.assertRaises(OSError):
                Connection(port, self.client())
        wait_for(lambda: chat.stderr().count('speaks TLS to a port') == 2,
                 'both lines')

    def test_users_show_certificates_where_that_is_asked(self):
        chat = self.start_chat(*self.files('node', authority='ca'))
        self.secure(chat, certificate='second').join()
        for certificate in (None, 'forged', 'expired'):
            with self.assertRaises((ssl.SSLError, Closed)):
                stranger = self.secure(chat, Connection,
                                       certificate=certificate)
                stranger.receive(1)

    def test_a_silent_handshake_is_cut(self):
        chat = self.start_chat(*self.files('node'))
        silent = [Connection(port) for port in (chat.tcp, chat.http)]
        user = self.secure(chat).join()
        for connection in silent:
            self.addCleanup(connection.close)
            connection.send(b'\x16')
        for connection in silent:
            self.assertEqual(connection.closed(8), b'')
        self.assert_they_chat(user)

    def test_the_end_is_said_in_tls(self):
        chat = self.start_chat(*self.files('node'))
        user = self.secure(chat).join()
        user.socket.suppress_ragged_eofs = False
        user.send(frame(EXIT))
        user.closed()
        browser = self.secure(chat, Browser)
        browser.connection.socket.suppress_ragged_eofs = False
        browser.send(b'no magic')
        with self.assertRaises(Closed):
            browser.receive()
        browser.connection.closed()

    def test_the_client_talks_tls(self):
        chat = self.start_chat(*self.files('node'))
        client = self.start('chat/chat-client', f'127.0.0.1:{chat.tcp}',
                            'hello', '--tls-ca', self.path('ca.pem'))
        client.line('hello')
        other = self.start('chat/chat-client', f'127.0.0.1:{chat.tcp}',
                           'hello', '--tls-ca', self.path('stranger.pem'))
        wait_for(lambda: 'TLS: a file cannot' in other.stderr(),
                 'the refusal')


class Reload(TlsCase):
    def subject(self, program):
        with socket.create_connection(('127.0.0.1', program.tcp)) as plain:
            with self.client().wrap_socket(
                    plain, server_hostname='127.0.0.1') as tls:
                return tls.getpeercert()['subject'][0][0][1]

    def test_nobody_is_dropped_under_load(self):
        self.renew('node', 'live')
        chat = self.start_chat(*self.files('live'))
        users = [self.secure(chat).join() for _ in range(8)]
        failures, over = [], threading.Event()

        def talk():
            try:
                number = 0
                while not over.is_set() or number < 100:
                    text = b'%d' % number + b'.' * 3000
                    users[0].say(text)
                    for user in users:
                        while user.heard() != text:
                            raise AssertionError('lost or out of order')
                    number += 1
            except Exception as error:  # pylint: disable=broad-except
                failures.append(repr(error))

        talker = threading.Thread(target=talk)
        talker.start()
        self.assertEqual(self.subject(chat), 'node')
        for turn in range(10):
            name = 'second' if turn % 2 == 0 else 'node'
            self.renew(name, 'live')
            chat.signal(signal.SIGHUP)
            wait_for(lambda: self.subject(chat) == name, 'the new one')
        over.set()
        talker.join()
        self.assertEqual(failures, [])

    def test_rubbish_leaves_the_old_in_force(self):
        self.renew('node', 'live')
        chat = self.start_chat(*self.files('live'))
        user = self.secure(chat).join()
        with open(self.path('live.pem'), 'w', encoding='ascii') as file:
            file.write('rubbish\n')
        chat.signal(signal.SIGHUP)
        wait_for(lambda: 'live.pem cannot be used' in chat.stderr(),
                 'the line')
        self.assertEqual(self.subject(chat), 'node')
        self.assert_they_chat(user, self.secure(chat).join())

    def test_a_start_with_rubbish_fails(self):
        with open(self.path('bad.pem'), 'w', encoding='ascii') as file:
            file.write('rubbish\n')
        shutil.copy(self.path('node.key'), self.path('bad.key'))
        chat = Program('chat/chat', '--tcp-port', '0', '--http-port', '0',
                       *self.files('bad'))
        self.addCleanup(chat.close)
        self.assertEqual(chat.status(), 1)
        self.assertIn('bad.pem cannot be used', chat.stderr())


class Links(TlsCase):
    def room(self, *options):
        return self.start_room('--tcp-port', '0', *options)

    def gateway(self, room, *options):
        return self.start(
            'chat/chat-gateway', '--tcp-port', '0', '--http-port', '0',
            f'--zone=room=127.0.0.1:{room.tcp}', *options).ready()

    def test_both_ends_prove_themselves(self):
        room = self.room(*self.files('node', '--link-tls', 'ca'))
        gateway = self.gateway(room, *self.files('second', '--link-tls', 'ca'))
        ann, ben = (self.connect(gateway).join() for _ in range(2))
        self.assert_they_chat(ann, ben)

    def test_gateways_without_the_right_certificate_get_no_room(self):
        room = self.room(*self.files('node', '--link-tls', 'ca'))
        for name in (None, 'forged'):
            gateway = self.gateway(room, *self.files(name, '--link-tls', 'ca'))
            user = self.connect(gateway)
            self.assertEqual(user.ask()[:8], bytes(8), name)
        self.assertNotIn(': open', room.stderr())

    def test_a_gateway_without_tls_gets_no_room(self):
        room = self.room(*self.files('node', '--link-tls', 'ca'))
        user = self.connect(self.gateway(room))
        self.assertEqual(user.ask()[:8], bytes(8))
        wait_for(lambda: 'it does not speak TLS' in room.stderr(), 'the line')

    def test_a_gateway_believes_only_rooms_of_its_authority(self):
        for name, why in (('forged', 'issuer'),
                          ('elsewhere', 'address mismatch')):
            room = self.room(*self.files(name, '--link-tls'))
            gateway = self.gateway(room, *self.files('second', '--link-tls',
                                                     'ca'))
            user = self.connect(gateway)
            self.assertEqual(user.ask()[:8], bytes(8), name)
            self.assertIn(why, gateway.stderr())

    def test_a_gateway_believes_a_name_instead_of_an_address(self):
        room = self.room(*self.files('node', '--link-tls', 'ca'))
        gateway = self.gateway(room, '--link-tls-name', 'domi.test',
                               *self.files('second', '--link-tls', 'ca'))
        self.assert_they_chat(self.connect(gateway).join())

    def test_links_live_on_when_certificates_are_renewed(self):
        self.renew('node', 'live')
        room = self.room(*self.files('live', '--link-tls', 'ca'))
        gateway = self.gateway(room, *self.files('second', '--link-tls', 'ca'))
        user = self.connect(gateway).join()
        self.renew('expired', 'live')
        room.signal(signal.SIGHUP)
        gateway.signal(signal.SIGHUP)
        for program in (room, gateway):
            wait_for(lambda p=program: 'have been read again' in p.stderr(),
                     'the line')
        self.assert_they_chat(user)
        late = self.gateway(room, *self.files('second', '--link-tls', 'ca'))
        self.assertEqual(self.connect(late).ask()[:8], bytes(8))
        self.assert_they_chat(user)


if __name__ == '__main__':
    unittest.main(verbosity=2)
