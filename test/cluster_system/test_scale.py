# SPDX-License-Identifier: MIT
"""A hundred nodes whose health changes at once: the short form of scale."""
import scale
import stand
from consul import SLOWNESS


class Hundred(stand.TestCase):
    NODES = 100
    FLAP = 10  # seconds
    LAG = 0.05

    def test_a_burst_of_changes_is_known_soon_and_holds_nobody_up(self):
        figures = scale.Scale(self, self.NODES, seconds=1,
                              flap=self.FLAP).run()
        scale.print_table(self.NODES, figures)
        self.assertEqual(figures['faults'], 0)
        self.assertLess(figures['told'], 0.5 * SLOWNESS)
        self.assertLess(figures['one death'], 5 * SLOWNESS)
        self.assertLess(figures['death'], 5 * SLOWNESS)
        self.assertLess(figures['return'], (3 + 5) * SLOWNESS)
        self.assertLess(figures['cpu'], 0.3 * SLOWNESS)
        self.assertLess(figures['p99'], self.latency_granted())
        # It holds a link to each zone, and a user is a descriptor as well.
        self.assertGreater(figures['descriptors'],
                           self.NODES - 1 + len(self.crowd.persons))
        self.assert_flapping_is_borne(figures)

    def assert_flapping_is_borne(self, figures):
        self.assertLess(figures['flap cpu'], 0.3 * SLOWNESS)
        self.assertLess(figures['flap lag'],
                        self.LAG * SLOWNESS + figures['own lag'])
        self.assertLessEqual(figures['flap snapshots'], self.FLAP + 2)
        self.assertLess(figures['flap descriptors'], 5)
        if SLOWNESS == 1:  # Sanitizers keep what is freed.
            self.assertLess(figures['flap memory'], 4e6)
            self.assertLess(figures['peak memory'], figures['memory'] + 16e6)


if __name__ == '__main__':
    stand.main()
