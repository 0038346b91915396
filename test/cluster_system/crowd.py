# SPDX-License-Identifier: MIT
"""A crowd of chat users over TCP, all in one thread, whose history is kept.

A person lives longer than its connections: it comes back when it is told to,
and when its room or its gateway is lost, as a good client does.
"""
import heapq
import itertools
import re
import selectors
import socket
import struct
import threading
import time

import history
from consul import SLOWNESS
from support import (CLOSING, COME_BACK, GONE, HEARTBEAT, HERE, JOIN, LEAVE,
                     LEFT, MAGIC, MESSAGE, NAME, NOTICE, TO_ZONE, ZONE_LOST,
                     frame, u64, wait_for)

HEARTBEAT_S = 3
PULSE_S = 0.01
AGAIN_S = 0.1  # before a refused wish is uttered again
MESSAGE_FORM = re.compile(rb'(\d+):(\d+):(\d+)')


class Place:
    """A person's place in a group."""

    def __init__(self):
        self.target = None  # 16 bytes, once it has joined


class Person:
    """Somebody who wants to be in some groups, and talks there."""

    def __init__(self, crowd, number, gateways, groups, rate, named, faithful):
        self.crowd = crowd
        self.number = number
        self.gateways = list(gateways)  # the first is where it goes next
        self.groups = list(groups)
        self.rate = rate          # messages a second, to each group
        self.named = named
        self.faithful = faithful  # comes back, whatever happens
        self.places = {}          # Place by group
        self.next_number = {group: 0 for group in groups}
        self.wait = 0             # seconds, before it comes back
        self.beats = 0            # heartbeats that wait for their answer
        self.leaving = []         # groups, with the beats to wait for
        self.socket = None
        self.id = None

    def is_joined(self):
        return all(group in self.places and self.places[group].target
                   for group in self.groups)

    def zone(self, group):
        """The node id of the zone that the group is in; -1: not joined."""
        place = self.places.get(group)
        if not place or not place.target:
            return -1
        return struct.unpack('<Q', place.target[:8])[0] >> 12 & 1023

    def note(self, kind, group=None, other=None, number=None):
        self.crowd.history.add(time.monotonic(), kind, self.number, group,
                               other, number)

    # ---- the connection ----------------------------------------------------

    def connect(self):
        if self.socket or not self.gateways:
            return
        gateway = self.gateways[0]
        try:
            self.socket = socket.create_connection(('127.0.0.1', gateway), 5)
        except OSError:
            self.come_back()
            return
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.gateway = gateway
        self.input = bytearray()
        self.output = bytearray()
        self.id = None
        self.beats = 0
        self.crowd.selector.register(self.socket, selectors.EVENT_READ, self)
        self.send(MAGIC)
        self.crowd.after(HEARTBEAT_S, self.beat, self.socket)

    def come_back(self):
        """Tries the next gateway, if it is one who does."""
        if self.faithful:
            self.gateways.append(self.gateways.pop(0))
            self.crowd.after(self.wait or AGAIN_S, self.connect)
            self.wait = 0

    def send(self, data):
        if not self.socket:
            return
        self.output += data
        self.flush()

    def flush(self):
        try:
            while self.output:
                del self.output[:self.socket.send(self.output)]
        except BlockingIOError:
            pass
        except OSError:
            return  # Reading from it tells what happened.
        self.crowd.selector.modify(
            self.socket, selectors.EVENT_READ
            | (selectors.EVENT_WRITE if self.output else 0), self)

    def receive(self):
        try:
            data = self.socket.recv(1 << 16)
        except BlockingIOError:
            return
        except OSError:
            data = b''
        if not data:
            self.lost()
            return
        self.input += data
        if self.id is None:
            if len(self.input) < 8:
                return
            self.id, = struct.unpack_from('<Q', self.input)
            del self.input[:8]
            self.note(history.ONLINE, number=self.id)
            for group in self.groups:
                self.ask(group)
        self.take_frames()

    def take_frames(self):
        begin = 0
        while len(self.input) - begin >= 8:
            length, _, kind = struct.unpack_from('<IHH', self.input, begin)
            if len(self.input) - begin < length:
                break
            self.take(kind, bytes(self.input[begin + 8:begin + length]))
            begin += length
        del self.input[:begin]

    def drop(self):
        if self.socket:
            self.crowd.selector.unregister(self.socket)
            self.socket.close()
        self.socket = None
        self.places.clear()
        self.leaving.clear()

    def lost(self):
        self.drop()
        self.note(history.CLOSED)
        self.come_back()

    def beat(self, connection):
        if self.socket is connection:
            self.send_beat()
            self.crowd.after(HEARTBEAT_S, self.beat, connection)

    def send_beat(self):
        self.beats += 1
        self.send(frame(HEARTBEAT))

    # ---- what it does ------------------------------------------------------

    def ask(self, group):
        if self.id is None or group in self.places:
            return
        self.places[group] = Place()
        self.note(history.ASKED, group)
        self.send(frame(JOIN, u64(group)))

    def talk(self, group, place, talks):
        """Says one thing, and the next in a while; until this place is lost or
        the crowd's talks have ended."""
        if self.places.get(group) is place and self.crowd.talks == talks:
            self.say(group)
            self.crowd.after(1 / self.rate, self.talk, group, place, talks)

    def begin_to_talk(self, group, place):
        if self.rate and self.crowd.talks:
            # Not all at once.
            self.crowd.after(self.number % 10 / 10 / self.rate, self.talk,
                             group, place, self.crowd.talks)

    def say(self, group):
        number = self.next_number[group]
        self.next_number[group] += 1
        self.note(history.SENT, group, number=number)
        self.post(group, MESSAGE,
                  f'{self.number}:{group}:{number}'.encode())

    def post(self, group, kind, data):
        self.send(frame(TO_ZONE, data, self.places[group].target
                        + struct.pack('<H', kind)))

    def leave(self, group):
        """Leaves; the answer to the heartbeat shows that it is done."""
        self.note(history.LEAVING, group)
        self.groups.remove(group)
        self.send(frame(LEAVE, self.places.pop(group).target))
        self.send_beat()
        self.leaving.append([self.beats, group])

    # ---- what it is told ---------------------------------------------------

    def take(self, kind, data):
        if kind == MESSAGE:
            self.take_message(data)
        elif kind == JOIN:
            self.take_join(data)
        elif kind == NOTICE:
            self.take_notice(data)
        elif kind == HERE:
            while data:
                self.note(history.HERE, self.groups[0],
                          number=struct.unpack('<Q', data[:8])[0])
                data = data[9 + data[8]:]
        elif kind == GONE:
            self.note(history.GONE, self.groups[0],
                      number=struct.unpack('<Q', data)[0])
        elif kind == HEARTBEAT:
            self.take_beat()

    def take_beat(self):
        self.beats -= 1
        for entry in self.leaving:
            entry[0] -= 1
        while self.leaving and self.leaving[0][0] == 0:
            self.note(history.LEFT, self.leaving.pop(0)[1])

    def take_message(self, data):
        match = MESSAGE_FORM.fullmatch(data)
        if match:
            sender, group, number = map(int, match.groups())
            self.note(history.RECEIVED, group, sender, number)
        else:
            self.note(history.GARBLED, other=data)

    def take_join(self, data):
        target, group = struct.unpack_from('<QQ', data)
        place = self.places.get(group)
        if not place:
            return
        if target == 0:
            del self.places[group]
            self.note(history.REFUSED, group)
            if self.faithful:
                self.crowd.after(AGAIN_S, self.ask, group)
            return
        place.target = data[:16]
        self.note(history.JOINED, group, number=target)
        if self.named:
            self.post(group, NAME, f'user {self.number}'.encode())
        self.begin_to_talk(group, place)

    def take_notice(self, data):
        kind, reason, wait, target, group = struct.unpack('<HHIQQ', data[:24])
        self.note(history.NOTICE, group, (reason, wait, data[24:]), kind)
        if kind == COME_BACK:
            self.wait = wait / 1000
        elif kind in (ZONE_LOST, LEFT):
            for place_group, place in list(self.places.items()):
                if place.target and place.target[:8] == u64(target) and (
                        kind == ZONE_LOST or group == place_group):
                    self.out_of(place_group, kind, reason)
        elif kind != CLOSING:
            self.note(history.GARBLED, other=data)

    def out_of(self, group, kind, reason):
        del self.places[group]
        self.note(history.TOLD, group, reason, kind)
        if self.faithful and group in self.groups:
            self.ask(group)


class Crowd:
    """The thread in which all persons live."""

    def __init__(self):
        self.history = history.History()
        self.persons = []
        self.selector = selectors.DefaultSelector()
        self.lock = threading.RLock()
        self.timers = []
        self.order = itertools.count()
        self.talks = 1  # another number for each time; 0: all are silent
        self.failure = None
        self.lags = []  # seconds that the thread was late
        self.pulse(time.monotonic())
        self.is_open = True
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    # ---- the thread --------------------------------------------------------

    def run(self):
        try:
            while self.is_open:
                self.turn()
        except Exception as failure:  # The test's thread shows it.
            self.failure = failure
            raise

    def turn(self):
        with self.lock:
            now = time.monotonic()
            while self.timers and self.timers[0][0] <= now:
                _, _, call, arguments = heapq.heappop(self.timers)
                call(*arguments)
            due = self.timers[0][0] - now if self.timers else 1
        # What other threads add is seen within this time.
        for key, events in self.selector.select(max(0, min(due, 0.02))):
            with self.lock:
                person = key.data
                if events & selectors.EVENT_WRITE and person.socket:
                    person.flush()
                if events & selectors.EVENT_READ and person.socket:
                    person.receive()

    def pulse(self, due):
        """Finds out how late the machine is, busy as it may be."""
        now = time.monotonic()
        self.lags.append(now - due)
        self.after(PULSE_S, self.pulse, now + PULSE_S)

    def lag(self, share):
        """Seconds that this share of the crowd's own steps were late."""
        return history.quantile(sorted(self.lags), share)

    def after(self, seconds, call, *arguments):
        heapq.heappush(self.timers, (time.monotonic() + seconds,
                                     next(self.order), call, arguments))

    # ---- for the test's thread ---------------------------------------------

    def add(self, gateways, groups, rate=5, named=False, faithful=True):
        """A person who uses the first of the gateways, and the others when it
        has to."""
        with self.lock:
            person = Person(self, len(self.persons), gateways, groups, rate,
                            named, faithful)
            self.persons.append(person)
            person.connect()
        return person

    def wait(self, condition, what, seconds=15):
        """Waits for a condition, while the crowd is well."""
        def looked_at():
            if self.failure:
                raise AssertionError(f'the crowd failed: {self.failure!r}')
            with self.lock:
                return condition()
        return wait_for(looked_at, what, seconds * SLOWNESS)

    def wait_joined(self, persons=None, seconds=15):
        self.wait(lambda: all(person.is_joined()
                              for person in persons or self.persons),
                  'all persons to be in their groups', seconds)

    def do(self, call, *arguments):
        with self.lock:
            return call(*arguments)

    def hush(self):
        """Nobody says anything any more."""
        with self.lock:
            self.talks = 0

    def speak(self):
        """All talk again."""
        with self.lock:
            self.talks = next(self.order) + 2
            for person in self.persons:
                for group, place in person.places.items():
                    if place.target:
                        person.begin_to_talk(group, place)

    def check(self, touched=(), seconds=5):
        """The verdict once all is quiet: what is on its way arrives."""
        self.hush()
        until = time.monotonic() + seconds * SLOWNESS
        while True:
            with self.lock:
                events = list(self.history.events)
            verdict = history.check(events, touched)
            if not verdict.faults or time.monotonic() > until:
                return verdict
            time.sleep(0.1)

    def close(self):
        self.is_open = False
        self.thread.join(5)
        for person in self.persons:
            person.drop()
        self.selector.close()
