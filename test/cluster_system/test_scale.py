# SPDX-License-Identifier: MIT
"""A hundred nodes whose health changes at once: the short form of scale."""
import scale
import stand
from consul import SLOWNESS


class Hundred(stand.TestCase):
    NODES = 100

    def test_a_burst_of_changes_is_known_soon_and_holds_nobody_up(self):
        figures = scale.Scale(self, self.NODES, seconds=1).run()
        scale.print_table(self.NODES, figures)
        self.assertEqual(figures['faults'], 0)
        self.assertLess(figures['told'], 0.5 * SLOWNESS)
        self.assertLess(figures['one death'], 5 * SLOWNESS)
        self.assertLess(figures['death'], 5 * SLOWNESS)
        self.assertLess(figures['return'], (3 + 5) * SLOWNESS)
        self.assertLess(figures['cpu'], 0.3 * SLOWNESS)
        self.assertLess(figures['p99'], self.latency_granted())


if __name__ == '__main__':
    stand.main()
