# SPDX-License-Identifier: MIT
"""The checker finds each planted fault, and none where there is none."""
import unittest

import history
from history import (ASKED, CLOSED, GONE, HERE, JOINED, LEAVING, LEFT, ONLINE,
                     RECEIVED, SENT, TOLD)

GROUP = 7


class Script:
    """Two persons in a group, who hear each other."""

    def __init__(self):
        self.history = history.History()
        self.time = 0.0
        self.numbers = {}
        for person in 'ada', 'ben':
            self.add(ONLINE, person, number=len(self.numbers) + 100)
            self.numbers[person] = 0
            self.join(person)
        self.say('ada')
        self.say('ben')

    def add(self, kind, person, group=None, other=None, number=None):
        self.time += 0.001
        self.history.add(self.time, kind, person, group, other, number)

    def join(self, person):
        self.add(ASKED, person, GROUP)
        self.add(JOINED, person, GROUP, number=1)

    def send(self, person):
        number = self.numbers[person]
        self.numbers[person] += 1
        self.add(SENT, person, GROUP, number=number)
        return number

    def hear(self, person, other, number, group=GROUP):
        self.add(RECEIVED, person, group, other, number)

    def say(self, person, readers=('ada', 'ben')):
        number = self.send(person)
        for reader in readers:
            self.hear(reader, person, number)

    def check(self, touched=()):
        return history.check(self.history.events, touched)

    def kinds(self, touched=()):
        return [fault.kind for fault in self.check(touched).faults]


class CheckerFinds(unittest.TestCase):
    def setUp(self):
        self.script = Script()

    def expect(self, *kinds, touched=()):
        self.assertEqual(self.script.kinds(touched), list(kinds),
                         str(self.script.check(touched)))

    def test_nothing_where_all_is_well(self):
        for _ in range(10):
            self.script.say('ada')
            self.script.say('ben')
        self.expect()

    def test_a_message_that_is_lost(self):
        self.script.say('ada', readers=['ada'])
        self.script.say('ada')
        self.expect('lost')

    def test_the_last_message_that_is_lost(self):
        self.script.say('ada', readers=['ben'])
        self.expect('lost')

    def test_no_loss_that_concerns_somebody_touched(self):
        self.script.say('ada', readers=['ada'])
        self.expect(touched=['ben'])
        self.expect(touched=['ada'])

    def test_a_member_who_never_hears_itself(self):
        self.script.add(ONLINE, 'cy', number=3)
        self.script.numbers['cy'] = 0
        self.script.join('cy')
        self.script.say('cy')
        self.expect('lost')

    def test_a_message_that_comes_twice(self):
        self.script.hear('ben', 'ada', 0)
        self.expect('twice')
        self.expect('twice', touched=['ada', 'ben'])

    def test_messages_out_of_order(self):
        first, second = self.script.send('ada'), self.script.send('ada')
        for number in first, second:
            self.script.hear('ada', 'ada', number)
        for number in second, first:
            self.script.hear('ben', 'ada', number)
        self.expect('disorder')

    def test_delivery_to_somebody_who_never_joined(self):
        self.script.add(ONLINE, 'eve', number=4)
        self.script.say('ada', readers=['ada', 'ben', 'eve'])
        self.expect('stranger')

    def test_delivery_to_somebody_who_left(self):
        self.script.add(LEAVING, 'ben', GROUP)
        self.script.say('ada')  # still on its way when ben left
        self.expect()
        self.script.add(LEFT, 'ben', GROUP)
        self.script.say('ada')
        self.expect('stranger')

    def test_no_loss_for_those_who_left(self):
        self.script.time += 1
        self.script.add(LEAVING, 'ben', GROUP)
        self.script.add(LEFT, 'ben', GROUP)
        self.script.say('ada', readers=['ada'])
        self.expect()

    def test_a_loss_long_before_leaving(self):
        self.script.say('ada', readers=['ada'])
        self.script.time += 1
        self.script.add(LEAVING, 'ben', GROUP)
        self.script.add(LEFT, 'ben', GROUP)
        self.expect('lost')

    def test_what_nobody_sent(self):
        self.script.hear('ben', 'ada', 77)
        self.expect('garbled')

    def test_a_message_in_another_group(self):
        number = self.script.send('ada')
        self.script.hear('ada', 'ada', number)
        self.script.hear('ben', 'ada', number)
        self.script.hear('ben', 'ada', number, group=8)
        self.expect('garbled')

    def test_bystanders_who_are_told_or_closed(self):
        self.script.add(TOLD, 'ada', GROUP, number=2)
        self.script.add(CLOSED, 'ben')
        self.expect('disturbed', 'disturbed')
        self.expect(touched=['ada', 'ben'])

    def test_one_who_comes_back_hears_nothing_old(self):
        self.script.add(TOLD, 'ben', GROUP, number=2)
        self.script.join('ben')
        self.script.say('ben')
        self.expect(touched=['ben'])
        self.script.hear('ben', 'ada', 0)
        self.expect('disorder', touched=['ben'])

    def test_a_session_id_that_is_used_again(self):
        self.script.add(ONLINE, 'cy', number=100)
        self.expect('session id twice')

    def test_members_that_no_longer_exist(self):
        for reader in 'ada', 'ben':
            for number in 100, 101:
                self.script.add(HERE, reader, GROUP, number=number)
        self.expect()
        self.script.add(CLOSED, 'ben')
        self.expect('ghost', touched=['ben'])
        self.script.add(GONE, 'ada', GROUP, number=101)
        self.expect(touched=['ben'])
        self.script.add(GONE, 'ada', GROUP, number=101)
        self.expect('gone twice', touched=['ben'])

    def test_members_that_are_not_seen(self):
        self.script.add(HERE, 'ada', GROUP, number=100)
        for number in 100, 101:
            self.script.add(HERE, 'ben', GROUP, number=number)
        self.expect('unseen')


class Latency(unittest.TestCase):
    def test_is_that_of_bystanders(self):
        script = Script()
        number = script.send('ada')
        script.time += 3
        for reader in 'ada', 'ben':
            script.hear(reader, 'ada', number)
        self.assertGreater(script.check().latency(0.99), 3)
        self.assertLess(script.check(['ada']).latency(0.99), 0.1)
        self.assertIsNone(script.check(['ada', 'ben']).latency(0.5))


class Overlaps(unittest.TestCase):
    def test_none_where_tenures_follow_each_other(self):
        self.assertEqual(history.overlaps(
            [(1, 'a', 0, 5), (1, 'b', 5, 9), (2, 'c', 0, 9)]), [])

    def test_two_at_once(self):
        self.assertEqual(history.overlaps(
            [(1, 'b', 4, 9), (1, 'a', 0, 5)]), [('a', 'b', 1)])

    def test_a_long_tenure_around_a_short_one(self):
        self.assertEqual(history.overlaps(
            [(1, 'a', 0, 9), (1, 'b', 2, 3), (1, 'c', 5, 6)]),
            [('a', 'b', 1), ('a', 'c', 1)])


if __name__ == '__main__':
    unittest.main(verbosity=2)
