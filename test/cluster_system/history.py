# SPDX-License-Identifier: MIT
"""The history of a crowd, and the checker that finds in it what must not be.

Pure: a list of events goes in, a list of faults comes out. Each person sends
numbered messages to the groups it is in, so the history shows what was lost,
repeated, out of order, or heard by somebody who was no member.
"""
import collections

# What may happen to a person. `group`, `other` and `number` are None where
# nothing else is said.
ONLINE = 'online'      # connected; number: the session id
ASKED = 'asked'        # for `group`
JOINED = 'joined'      # `group`; number: the target id
REFUSED = 'refused'    # `group` could not be had
SENT = 'sent'          # to `group`; number: of the message
RECEIVED = 'received'  # from `other` in `group`; number: of the message
GARBLED = 'garbled'    # received what nobody sends; other: the bytes
LEAVING = 'leaving'    # said so to the gateway
LEFT = 'left'          # `group`, and the gateway has taken note
TOLD = 'told'          # that it is out of `group`; number: the notice,
                       # other: the reason
NOTICE = 'notice'      # any notice; number: which, other: reason and wait
CLOSED = 'closed'      # the connection has ended
HERE = 'here'          # told that the session `number` is in `group`, named
GONE = 'gone'          # told that the session `number` has left

Event = collections.namedtuple('Event', 'time kind person group other number')


class History:
    """Events in the order in which they took place."""

    def __init__(self):
        self.events = []

    def add(self, time, kind, person, group=None, other=None, number=None):
        self.events.append(Event(time, kind, person, group, other, number))

    def of(self, kind, person=None):
        return [event for event in list(self.events) if event.kind == kind
                and (person is None or event.person == person)]


Fault = collections.namedtuple('Fault', 'kind text')


class Stay:
    """A person's time in a group, from the question to the end."""

    def __init__(self, person, group, begin):
        self.person = person
        self.group = group
        self.begin = begin
        self.heard = None    # when it first heard itself: a member for sure
        self.leaving = None
        self.end = None
        self.got = collections.defaultdict(set)  # numbers by sender


def quantile(numbers, share):
    """The number that this share of these sorted ones are below; None for no
    numbers."""
    last = len(numbers) - 1
    return numbers[min(last, int(share * len(numbers)))] if numbers else None


class Verdict:
    """Faults of a history, and how long messages took."""

    def __init__(self, faults, latencies):
        self.faults = faults
        self.latencies = sorted(latencies)

    def of(self, kind):
        return [fault for fault in self.faults if fault.kind == kind]

    def latency(self, share):
        """Seconds within which this share of the messages arrived."""
        return quantile(self.latencies, share)

    def __str__(self):
        counts = collections.Counter(fault.kind for fault in self.faults)
        lines = [f'{count} x {kind}' for kind, count in counts.items()]
        lines += [fault.text for fault in self.faults[:20]]
        return '\n'.join(lines) or 'no faults'


class Checker:
    """Goes once through a history.

    What concerns `touched` persons may be lost, and they may be told and
    closed; nobody may hear a thing twice, out of order, or as a non-member.
    A message sent less than `grace` seconds before its reader began to leave
    need not have reached it.
    """

    def __init__(self, touched=(), grace=0.5):
        self.touched = frozenset(touched)
        self.grace = grace
        self.faults = []
        self.latencies = []
        self.sent = {}      # time by sender, group, number
        self.stays = []
        self.current = {}   # stay by person, group
        self.newest = {}    # number by reader, sender, group
        self.sessions = {}  # person by session id
        self.here = collections.defaultdict(set)  # ids by person, group

    def blame(self, kind, event, text):
        self.faults.append(Fault(
            kind, f'{event.time:.3f} {kind}: {event.person} {text}'))

    # ---- one event each ----------------------------------------------------

    def take(self, event):
        handler = getattr(self, 'take_' + event.kind, None)
        if handler:
            handler(event)

    def take_online(self, event):
        if event.number in self.sessions:
            self.blame('session id twice', event,
                       f'has {event.number}, as had '
                       f'{self.sessions[event.number]}')
        self.sessions[event.number] = event.person

    def take_asked(self, event):
        stay = Stay(event.person, event.group, event.time)
        self.stays.append(stay)
        self.current[event.person, event.group] = stay

    def take_sent(self, event):
        self.sent[event.person, event.group, event.number] = event.time

    def take_garbled(self, event):
        self.blame('garbled', event, f'heard {event.other!r}')

    def take_received(self, event):
        message = event.other, event.group, event.number
        text = f'heard {message[0]}:{message[1]}:{message[2]}'
        sent = self.sent.get(message)
        if sent is None:
            self.blame('garbled', event, text + ', which nobody sent')
            return
        stay = self.current.get((event.person, event.group))
        if stay is None or stay.end is not None:
            self.blame('stranger', event, text + ' but is no member')
            return
        self.check_order(event, stay, text)
        stay.got[event.other].add(event.number)
        if event.other == event.person and stay.heard is None:
            stay.heard = event.time
        if not {event.person, event.other} & self.touched:
            self.latencies.append(event.time - sent)

    def check_order(self, event, stay, text):
        way = event.person, event.other, event.group
        newest = self.newest.get(way, -1)
        if event.number > newest:
            self.newest[way] = event.number
        elif event.number in stay.got[event.other]:
            self.blame('twice', event, text + ' again')
        else:
            self.blame('disorder', event, f'{text} after {newest}')

    def take_refused(self, event):
        self.end(event, event.group)
        if event.person not in self.touched:
            self.blame('disturbed', event, f'was refused {event.group}')

    def take_leaving(self, event):
        self.current[event.person, event.group].leaving = event.time

    def take_left(self, event):
        self.end(event, event.group)

    def take_told(self, event):
        self.end(event, event.group)
        if event.person not in self.touched:
            self.blame('disturbed', event, f'was told that it is out of '
                       f'{event.group}, notice {event.number}')

    def take_closed(self, event):
        for person, group in list(self.current):
            if person == event.person:
                self.end(event, group)
        if event.person not in self.touched:
            self.blame('disturbed', event, 'was closed')

    def end(self, event, group):
        stay = self.current.pop((event.person, group), None)
        if stay:
            stay.end = event.time
            self.here.pop((event.person, group), None)

    def take_here(self, event):
        self.here[event.person, event.group].add(event.number)

    def take_gone(self, event):
        known = self.here[event.person, event.group]
        if event.number not in known:
            self.blame('gone twice', event, f'heard that {event.number} is '
                       'gone, who was not there')
        known.discard(event.number)

    # ---- the whole ---------------------------------------------------------

    def check_losses(self):
        """Whoever was a member for sure when a message was sent must have
        heard it."""
        sent = collections.defaultdict(list)
        for (sender, group, number), time in self.sent.items():
            if sender not in self.touched:
                sent[group].append((sender, number, time))
        for stay in self.stays:
            if stay.person in self.touched:
                continue
            if stay.heard is None:
                self.check_deaf(stay)
                continue
            until = stay.leaving - self.grace if stay.leaving else \
                stay.end or float('inf')
            for sender, number, time in sent[stay.group]:
                if (stay.heard < time < until
                        and number not in stay.got[sender]):
                    self.faults.append(Fault(
                        'lost', f'{time:.3f} lost: {stay.person} did not hear '
                        f'{sender}:{stay.group}:{number}'))

    def check_deaf(self, stay):
        """A member who speaks hears itself."""
        times = [time for (sender, group, _), time in self.sent.items()
                 if (sender, group) == (stay.person, stay.group)
                 and time > stay.begin
                 and (stay.leaving is None
                      or time < stay.leaving - self.grace)]
        if times:
            self.faults.append(Fault(
                'lost', f'{times[0]:.3f} lost: {stay.person} never heard '
                f'itself in {stay.group}'))

    def check_ghosts(self):
        """The named who are told to be there are those who are there."""
        ids = {}
        for number, person in self.sessions.items():
            ids[person] = number  # the latest
        for (person, group), known in self.here.items():
            there = {ids[other] for other, place in self.here
                     if place == group}
            for number in known - there:
                self.faults.append(Fault(
                    'ghost', f'{person} still sees {number} in {group}'))
            for number in there - known:
                self.faults.append(Fault(
                    'unseen', f'{person} does not see {number} in {group}'))


def check(events, touched=(), grace=0.5):
    """A Verdict on a history that has come to rest."""
    checker = Checker(touched, grace)
    for event in list(events):
        checker.take(event)
    checker.check_losses()
    checker.check_ghosts()
    return Verdict(checker.faults, checker.latencies)


def overlaps(tenures):
    """Pairs of (holder, holder, what) that held the same at the same time, of
    tenures (what, holder, begin, end)."""
    found = []
    by_what = collections.defaultdict(list)
    for what, holder, begin, end in tenures:
        by_what[what].append((begin, end, holder))
    for what, times in by_what.items():
        times.sort(key=lambda time: time[:2])
        latest_end, latest = times[0][1], times[0][2]
        for begin, end, holder in times[1:]:
            if begin < latest_end and holder != latest:
                found.append((latest, holder, what))
            if end > latest_end:
                latest_end, latest = end, holder
    return found
