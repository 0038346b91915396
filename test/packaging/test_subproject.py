#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tests domi as a meson subproject of somebody else's project."""
import os
import shutil
import tempfile
import unittest

from support import GREETING, PROGRAM, SOURCE, run

PROJECT = """project('guest', 'c', default_options: ['c_std=gnu11'])
domi = dependency('domi')
executable('guest', 'use_domi.c', dependencies: [domi, dependency('libuv')])
"""


class SubprojectTest(unittest.TestCase):
    def setUp(self):
        self.root = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.root)
        os.mkdir(os.path.join(self.root, 'subprojects'))
        os.symlink(SOURCE, os.path.join(self.root, 'subprojects', 'domi'))
        shutil.copy(PROGRAM, self.root)
        with open(os.path.join(self.root, 'meson.build'), 'w',
                  encoding='utf-8') as file:
            file.write(PROJECT)
        self.build = os.path.join(self.root, 'build')
        # A domi that this machine has installed must not be taken instead.
        run('meson', 'setup', '--force-fallback-for=domi', self.build,
            self.root)

    def test_a_project_builds_domi_and_runs(self):
        run('ninja', '-C', self.build)
        self.assertEqual(run(os.path.join(self.build, 'guest')), GREETING)

    def test_tests_and_samples_are_left_out(self):
        targets = run('ninja', '-C', self.build, '-t', 'targets', 'all')
        self.assertIn('subprojects/domi/', targets)
        self.assertNotIn('subprojects/domi/test/', targets)
        self.assertNotIn('subprojects/domi/samples/', targets)


if __name__ == '__main__':
    unittest.main()
