# SPDX-License-Identifier: MIT
"""Cluster keys between processes, and who sits between them without one."""
import hmac
import os
import re
import select
import socket
import struct
import tempfile
import threading

import support
from support import E_ZONE_LOST, MAGIC, frame, no_room, u64

USER_LEAVE, HELLO, ANSWER, PROVE = 10, 11, 12, 24
HELLO_GROUP = (1 << 64) - 1
NO_PROOF = 'no proof of the cluster key'
BAD_PROOF = 'a wrong proof of the cluster key'


class Relay:
    """A machine between gateways and a room, which keeps what goes by.

    `change` may be given; it gets the direction, 'out' from the gateway and
    'in' from the room, and the bytes of one read, and returns what goes on.
    """

    def __init__(self, port, change=None):
        self.port = port
        self.change = change or (lambda direction, data: data)
        self.kept = []  # of each connection: its bytes by direction
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.tcp = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while True:
            try:
                gateway, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(gateway,),
                             daemon=True).start()

    def _carry(self, gateway):
        room = socket.create_connection(('127.0.0.1', self.port))
        kept = {'out': b'', 'in': b''}
        self.kept.append(kept)
        ways = {gateway: (room, 'out'), room: (gateway, 'in')}
        try:
            while True:
                for source in select.select(list(ways), [], [])[0]:
                    target, direction = ways[source]
                    data = source.recv(65536)
                    if not data:
                        return
                    kept[direction] += data
                    target.sendall(self.change(direction, data))
        except OSError:
            pass
        finally:
            gateway.close()
            room.close()

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()


class Link(support.Connection):
    """A gateway by hand, up to the id of its link."""

    def __init__(self, port):
        super().__init__(port)
        self.send(MAGIC)
        self.id = self.receive(8)

    def next_frame(self):
        length, _, kind = struct.unpack('<IHH', self.receive(8))
        return kind, self.receive(length - 8)

    def greet(self):
        """Says hello with a challenge, and returns it and the answer."""
        hello = struct.pack('<HHIQ', 1, 0, 15, 3) + os.urandom(32)
        self.send(frame(HELLO, hello, bytes(8) + u64(HELLO_GROUP)))
        kind, answer = self.next_frame()
        assert kind == ANSWER, kind
        return hello, answer


def proof(key, role, link, hello, answer):
    """As lib/cluster/proof.h has it, told once more."""
    said = b'domi link proof\0' + role + link + hello + answer[:48]
    return hmac.new(key, said, 'sha256').digest()


class Keys(support.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.secrets = []

    def key(self):
        """A new key: the option that names its file, and the key."""
        secret = os.urandom(24).hex()
        path = os.path.join(self.folder, secret[:8])
        with open(path, 'w', encoding='ascii') as file:
            file.write(secret + '\n')
        self.secrets.append(secret)
        return path, secret.encode()

    def room(self, *options, **more):
        return self.start('chat/chat-room', '--http-port=0', '--tcp-port=0',
                          *options, **more).ready()

    def gateway(self, room, *options, **more):
        return self.start('chat/chat-gateway', '--http-port=0', '--tcp-port=0',
                          f'--zone=room=127.0.0.1:{room.tcp}', *options,
                          **more).ready()

    def relay(self, room, change=None):
        relay = Relay(room.tcp, change)
        self.addCleanup(relay.close)
        return relay

    def assert_served(self, gateway):
        self.assert_they_chat(self.join(gateway), self.join(gateway))

    def assert_not_served(self, gateway):
        user = self.connect(gateway)
        self.assertEqual(user.ask(support.GROUP),
                         no_room(support.GROUP, E_ZONE_LOST))

    def assert_says(self, program, text):
        support.wait_for(lambda: text in program.stderr(), text)
        for secret in self.secrets:
            self.assertNotIn(secret, program.stderr())

    def assert_tells_of(self, gateway, room, reason):
        self.assert_says(gateway, f'link to room 127.0.0.1:{room.tcp} could '
                                  f'not be opened: {reason}')

    def test_both_have_the_key(self):
        path, _ = self.key()
        room = self.room(f'--cluster-key-file={path}')
        gateway = self.gateway(room, f'--cluster-key-file={path}')
        self.assert_served(gateway)
        for program in (room, gateway):
            self.assertNotIn('proof', program.stderr())
            self.assertNotIn(self.secrets[0], program.stderr())

    def test_a_key_may_come_from_the_environment(self):
        path, key = self.key()
        room = self.room(f'--cluster-key-file={path}')
        gateway = self.gateway(room,
                               variables={'DOMI_CLUSTER_KEY': key.decode()})
        self.assert_served(gateway)

    def test_another_key_is_none(self):
        room = self.room(f'--cluster-key-file={self.key()[0]}')
        gateway = self.gateway(room, f'--cluster-key-file={self.key()[0]}')
        self.assert_not_served(gateway)
        self.assert_tells_of(gateway, room, BAD_PROOF)

    def test_a_room_without_a_key_gets_no_users(self):
        room = self.room()
        gateway = self.gateway(room, f'--cluster-key-file={self.key()[0]}')
        self.assert_not_served(gateway)
        self.assert_tells_of(gateway, room, NO_PROOF)

    def test_a_gateway_without_a_key_is_cut(self):
        room = self.room(f'--cluster-key-file={self.key()[0]}')
        gateway = self.gateway(room)
        user = self.connect(gateway)
        user.ask(support.GROUP)
        self.assert_says(room, NO_PROOF)

    def test_one_node_after_the_other_changes_its_key(self):
        """In any order, and never without service."""
        old, new = self.key()[0], self.key()[0]
        only_old = [f'--cluster-key-file={old}']
        both = [f'--cluster-key-file={new}', f'--cluster-key-old-file={old}']
        only_new = [f'--cluster-key-file={new}']
        for rooms, gateways in ((only_old, both), (both, only_old),
                                (both, both), (both, only_new),
                                (only_new, both)):
            room = self.room(*rooms)
            self.assert_served(self.gateway(room, *gateways))

    def test_a_proof_is_what_is_written_down(self):
        path, key = self.key()
        room = self.room(f'--cluster-key-file={path}')
        link = Link(room.tcp)
        self.addCleanup(link.close)
        hello, answer = link.greet()
        self.assertEqual(answer[48:], proof(key, b'z', link.id, hello, answer))
        link.send(frame(PROVE, proof(key, b'g', link.id, hello, answer)))
        kind, _ = link.next_frame()
        self.assertEqual(kind, 19, 'the load comes first')

    def test_a_recorded_gateway_is_nobody(self):
        path, _ = self.key()
        room = self.room(f'--cluster-key-file={path}')
        relay = self.relay(room)
        gateway = self.gateway(relay, f'--cluster-key-file={path}')
        self.assert_served(gateway)
        recorded = relay.kept[0]['out']
        self.assertEqual(recorded[:4], MAGIC)
        link = support.Connection(room.tcp)
        self.addCleanup(link.close)
        link.send(recorded)
        # The id of the link and the answer to hello, and no more.
        self.assertEqual(len(link.closed()), 8 + 8 + 80)
        self.assert_says(room, BAD_PROOF)
        self.assert_served(gateway)

    def test_a_recorded_room_is_nobody(self):
        path, _ = self.key()
        room = self.room(f'--cluster-key-file={path}')
        relay = self.relay(room)
        self.assert_served(self.gateway(relay, f'--cluster-key-file={path}'))
        recorded = relay.kept[0]['in']
        with socket.create_server(('127.0.0.1', 0)) as fake:
            port = fake.getsockname()[1]
            gateway = self.start(
                'chat/chat-gateway', '--http-port=0', '--tcp-port=0',
                f'--zone=room=127.0.0.1:{port}',
                f'--cluster-key-file={path}').ready()
            user = self.connect(gateway)
            user.send_frame(support.JOIN)
            link, _ = fake.accept()
            with link:
                link.sendall(recorded)
                heard = b''
                while data := link.recv(65536):
                    heard += data
            # The magic, hello, and goodbye.
            self.assertEqual(len(heard), 4 + 8 + 48 + 16 + 8, heard)
        self.assert_says(gateway, BAD_PROOF)

    def test_a_mirror_is_nobody(self):
        path, _ = self.key()
        room = self.room(f'--cluster-key-file={path}')
        link = Link(room.tcp)
        self.addCleanup(link.close)
        _, answer = link.greet()
        link.send(frame(PROVE, answer[48:]))
        self.assertEqual(link.closed(), b'')
        self.assert_says(room, BAD_PROOF)

    def test_a_room_cannot_be_asked_to_sign_for_a_gateway(self):
        """The challenge of one link is another's, given back to the room."""
        path, _ = self.key()
        room = self.room(f'--cluster-key-file={path}')
        first, second = Link(room.tcp), Link(room.tcp)
        for link in (first, second):
            self.addCleanup(link.close)
        _, answer = first.greet()
        second.send(frame(HELLO, answer[:48], bytes(8) + u64(HELLO_GROUP)))
        _, signed = second.next_frame()
        first.send(frame(PROVE, signed[48:]))
        self.assertEqual(first.closed(), b'')

    def test_who_changes_features_breaks_the_link(self):
        path, _ = self.key()
        room = self.room(f'--cluster-key-file={path}')
        hello = struct.pack('<HH', 16, HELLO) + struct.pack('<HH', 1, 0)
        answer = struct.pack('<HH', 0, ANSWER) + struct.pack('<HH', 1, 0)
        for direction, head in (('out', hello), ('in', answer)):
            changed = []

            def change(way, data, direction=direction, head=head,
                       changed=changed):
                at = data.find(head)
                if way == direction and at >= 0:
                    at += len(head)
                    changed.append(data[at])
                    data = data[:at] + bytes([data[at] & ~1]) + data[at + 1:]
                return data

            relay = self.relay(room, change)
            gateway = self.gateway(relay, f'--cluster-key-file={path}')
            self.assert_not_served(gateway)
            self.assertTrue(changed and changed[0] & 1)
            self.assert_tells_of(gateway, relay, BAD_PROOF)

    def test_nothing_is_taken_before_the_proof(self):
        room = self.room(f'--cluster-key-file={self.key()[0]}')
        for first in (frame(51, b'hello', u64(1) + u64(support.GROUP)),
                      frame(50, bytes(16), u64(1) + u64(support.GROUP)),
                      frame(USER_LEAVE, bytes(8), bytes(16)),
                      frame(support.TO_ZONE, b'', bytes(18))):
            for greets in (False, True):
                link = Link(room.tcp)
                self.addCleanup(link.close)
                if greets:
                    link.greet()
                link.send(first)
                self.assertEqual(link.closed(), b'')

    def test_silence_is_cut_in_time(self):
        room = self.room(f'--cluster-key-file={self.key()[0]}')
        link = Link(room.tcp)
        self.addCleanup(link.close)
        link.greet()
        self.assertEqual(link.closed(6), b'')
        self.assert_says(room, NO_PROOF)

    def test_a_room_that_is_open_to_all_says_so(self):
        path, _ = self.key()
        for options, expected in ((('--host=0.0.0.0',), 1),
                                  (('--host=0.0.0.0',
                                    f'--cluster-key-file={path}'), 0),
                                  ((), 0)):
            room = self.start('chat/chat-room', '--http-port=0',
                              '--tcp-port=0', '--advertise=127.0.0.1',
                              *options)
            room.line('ready .*')
            found = re.findall('listens on .* without a cluster_key',
                               room.stderr())
            self.assertEqual(len(found), expected, room.stderr())

    def test_short_keys_are_refused(self):
        path = os.path.join(self.folder, 'short')
        with open(path, 'w', encoding='ascii') as file:
            file.write('hunter2 hunter2')
        room = self.start('chat/chat-room', '--http-port=0', '--tcp-port=0',
                          f'--cluster-key-file={path}')
        self.assertEqual(room.status(), 1)
        self.assertIn('option cluster_key must have 16 to 256 bytes',
                      room.stderr())
        self.assertNotIn('hunter2', room.stderr())


if __name__ == '__main__':
    support.main()
