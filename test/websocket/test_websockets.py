# SPDX-License-Identifier: MIT
"""python3-websockets, an independent client, talks with the chat: it checks
what it is sent, and offers compression, which it does not get."""
import asyncio
import os
import struct

import support
from support import HEARTBEAT, JOIN, MAGIC, MESSAGE, TO_ZONE, frame
import websockets

LIMIT = 65536  # bytes of one message


class Talker:
    """A user by way of websockets."""

    def __init__(self, socket):
        self.socket = socket

    async def join(self):
        await self.socket.send(MAGIC)
        await self.socket.send(frame(JOIN))
        self.target = (await self.message())[8:24]
        return self

    async def message(self):
        return await asyncio.wait_for(self.socket.recv(), support.DEADLINE)

    def of_size(self, size):
        """A message for the group that is of this size as a whole."""
        return frame(TO_ZONE, b'*' * (size - 26),
                     self.target + struct.pack('<H', MESSAGE))

    async def closed(self):
        """Waits for the end; its code and reason."""
        while True:
            try:
                await self.message()
            except websockets.ConnectionClosed:
                return self.socket.close_code, self.socket.close_reason


class Websockets(support.TestCase):
    def setUp(self):
        self.chat = self.start_chat()

    def run_with(self, talk, program=None):
        async def run():
            url = f'ws://127.0.0.1:{(program or self.chat).http}/ws'
            async with websockets.connect(url, max_size=None) as socket:
                await talk(await Talker(socket).join())
        asyncio.run(run())

    def test_it_talks_and_closes(self):
        async def talk(user):
            self.assertEqual(user.socket.extensions, [])
            self.assertIsNone(user.socket.subprotocol)
            await user.socket.send(frame(HEARTBEAT))
            self.assertEqual(await user.message(), frame(HEARTBEAT))
            await user.socket.send(user.of_size(30))
            self.assertEqual(await user.message(), frame(MESSAGE, b'****'))
            await user.socket.close(4001, 'as I like')
            self.assertEqual(user.socket.close_code, 4001)
        self.run_with(talk)

    def test_it_sends_fragments(self):
        async def talk(user):
            message = user.of_size(1000)
            await user.socket.send([message[at:at + 7]
                                    for at in range(0, 1000, 7)])
            self.assertEqual(await user.message(), frame(MESSAGE, b'*' * 974))
        self.run_with(talk)

    def test_its_pings_are_answered(self):
        async def talk(user):
            for payload in b'', b'ping', bytes(range(125)):
                await asyncio.wait_for(await user.socket.ping(payload),
                                       support.DEADLINE)
        self.run_with(talk)

    def test_it_is_told_why_it_is_closed(self):
        for message, code in ((b'abc', 1002), (b'', 1002), ('text', 1002),
                              (frame(2), 1000), (frame(9), 1008)):
            async def talk(user, message=message, code=code):
                await user.socket.send(message)
                self.assertEqual(await user.closed(), (code, ''))
            self.run_with(talk)

        async def talk_to_the_end(user):
            self.chat.signal(support.signal.SIGTERM)
            self.assertEqual(await user.closed(), (1001, ''))
        self.run_with(talk_to_the_end)
        self.assertEqual(self.chat.status(8), 0)

    def test_messages_up_to_the_limit(self):
        echo = self.start('chat', '--tcp-port', '0', '--http-port', '0',
                          path=os.environ['DOMI_ECHO']).ready()

        async def talk(user):
            for size in 125, 126, 127, 65535, LIMIT:
                await user.socket.send(user.of_size(size))
                self.assertEqual(await user.message(),
                                 frame(MESSAGE, b'*' * (size - 26)))
            await user.socket.send(user.of_size(LIMIT + 1))
            self.assertEqual(await user.closed(), (1009, ''))
        self.run_with(talk, echo)


if __name__ == '__main__':
    support.main()
