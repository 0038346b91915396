#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tests that check.py finds each kind of fault in a tree, and no other."""
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

CHECK = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'check.py')

# A small house in order. Each test adds one file or replaces one.
HOUSE = {
    'LICENSE': 'MIT\n',
    'README.md': '# domi\n',
    'meson.build': "project('domi', 'c')\n",
    '.gitignore': '/build*/\nnode_modules/\n',
    'include/domi/domi.h': '#include "domi/err.h"\n',
    'include/domi/err.h': '#include <stdint.h>\n',
    'lib/README.md': 'The rooms.\n',
    'lib/base/table.h': '#include <stddef.h>\n',
    'lib/base/table.c': '#include "table.h"\n#include <uv.h>\n',
    'lib/frame/frame.h': '#include "base/table.h"\n',
    'lib/frame/decode.h': '#include "domi/err.h"\n',
    'lib/http/http.h': '#include <llhttp/llhttp.h>\n',
    'lib/transport/transport.h': '#include "frame/frame.h"\n',
    'lib/http/upgrade.c': '#include <openssl/evp.h>\n',
    'lib/cluster/cluster.h': '#include "../transport/transport.h"\n',
    'lib/consul/client.c': '#include <cjson/cJSON.h>\n',
    'lib/gateway/gateway.h': '#include <domi/domi.h>\n'
                             '#include "cluster/cluster.h"\n',
    'lib/zone/zone.h': '#include "cluster/cluster.h"\n',
    'test/frame/test_decode.c': '#include "frame/decode.h"\n',
}


class CheckTest(unittest.TestCase):
    def setUp(self):
        self.root = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.root)
        for name, text in HOUSE.items():
            self.write(name, text)

    def write(self, name, text):
        path = os.path.join(self.root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text)

    def check(self):
        done = subprocess.run([sys.executable, CHECK, self.root], timeout=60,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              universal_newlines=True, check=False)
        return done.returncode, done.stdout

    def passes(self):
        self.assertEqual(self.check(), (0, ''))

    def fails(self, *lines):
        self.assertEqual(self.check(), (1, ''.join(f'{l}\n' for l in lines)))

    def test_a_house_in_order_passes(self):
        self.passes()

    def test_a_tree_without_rooms_fails(self):
        shutil.rmtree(os.path.join(self.root, 'lib'))
        status, text = self.check()
        self.assertEqual(status, 1)
        self.assertIn('no rooms found', text)

    def test_base_enters_no_room(self):
        self.write('lib/base/log.c', '#include "frame/frame.h"\n')
        self.fails('lib/base/log.c: base may not enter frame '
                   '(lib/frame/frame.h)')

    def test_upward_includes_fail(self):
        self.write('lib/frame/encode.c', '#include "transport/transport.h"\n')
        self.fails('lib/frame/encode.c: frame may not enter transport '
                   '(lib/transport/transport.h)')

    def test_relative_paths_are_no_way_around(self):
        self.write('lib/http/parse.c', '#include "../frame/frame.h"\n')
        self.fails('lib/http/parse.c: http may not enter frame '
                   '(lib/frame/frame.h)')

    def test_angle_brackets_are_no_way_around(self):
        self.write('lib/worker/worker.c', '  #  include <frame/frame.h>\n')
        self.fails('lib/worker/worker.c: worker may not enter frame '
                   '(lib/frame/frame.h)')

    def test_gateway_and_zone_do_not_meet(self):
        self.write('lib/gateway/route.c', '#include "zone/zone.h"\n')
        self.write('lib/zone/inbound.c', '#include "gateway/gateway.h"\n')
        self.fails('lib/gateway/route.c: gateway may not enter zone '
                   '(lib/zone/zone.h)',
                   'lib/zone/inbound.c: zone may not enter gateway '
                   '(lib/gateway/gateway.h)')

    def test_a_missing_header_of_a_room_counts(self):
        self.write('lib/group/group.c', '#include "zone/members.h"\n')
        self.fails('lib/group/group.c: group may not enter zone '
                   '(lib/zone/members.h)')

    def test_rooms_are_entered_by_their_door(self):
        self.write('lib/transport/tcp.c', '#include "frame/decode.h"\n')
        self.fails('lib/transport/tcp.c: frame is entered by frame/frame.h, '
                   'not by lib/frame/decode.h')

    def test_rooms_use_their_own_headers_freely(self):
        self.write('lib/frame/decode.c', '#include "decode.h"\n'
                                         '#include "frame/decode.h"\n')
        self.passes()

    def test_files_lie_in_rooms(self):
        self.write('lib/domi.c', '#include "domi/domi.h"\n')
        self.write('lib/util/text.c', '#include <string.h>\n')
        self.fails('lib/domi.c: lies in no room',
                   'lib/util/text.c: lies in no room')

    def test_include_cycles_fail(self):
        self.write('lib/base/a.h', '#include "b.h"\n')
        self.write('lib/base/b.h', '#include "base/c.h"\n')
        self.write('lib/base/c.h', '#include "a.h"\n')
        self.fails('lib/base/a.h: includes itself: lib/base/a.h -> '
                   'lib/base/b.h -> lib/base/c.h -> lib/base/a.h')

    def test_guests_stay_in_their_rooms(self):
        for name, header, home in (
                ('lib/transport/tcp.c', 'openssl/evp.h',
                 'lib/http/upgrade.c'),
                ('lib/cluster/snapshot.c', 'cjson/cJSON.h',
                 'lib/consul/*'),
                ('lib/cluster/links.c', 'curl/curl.h',
                 'lib/consul/*'),
                ('lib/transport/websocket.c', 'llhttp.h', 'lib/http/*')):
            with self.subTest(header=header):
                self.write(name, f'#include <{header}>\n')
                self.fails(f'{name}: {header} belongs into {home} alone')
                os.remove(os.path.join(self.root, name))

    def test_public_headers_take_no_guests(self):
        self.write('include/domi/loop.h', '#include <uv.h>\n')
        self.fails('include/domi/loop.h: a public header includes uv.h')

    def test_public_headers_enter_no_room(self):
        self.write('include/domi/raw.h', '#include "base/table.h"\n')
        self.fails('include/domi/raw.h: a public header includes '
                   'lib/base/table.h')

    def test_public_functions_say_where_they_may_be_called(self):
        self.write('include/domi/zone.h',
                   '/* Posts. [any] */\n'
                   'DOMI_API int domi_zone_post(struct domi_zone *zone,\n'
                   '                            int type);\n'
                   '/* Compares. [any] */\n'
                   'DOMI_API int domi_compare(int a, int b);\n'
                   '/* One comment for two. [loop] */\n'
                   'DOMI_API int domi_zone_id(const struct domi_zone *zone);\n'
                   'DOMI_API int domi_zone_port(struct domi_zone *zone);\n')
        self.passes()
        self.write('include/domi/group.h',
                   '/* Counts. */\n'
                   'DOMI_API int domi_group_count(struct domi_group *group);\n'
                   '/* Sends. [any] */\n'
                   'DOMI_API int domi_group_send(struct domi_group *group,\n'
                   '                             int type);\n')
        self.fails('include/domi/group.h: domi_group_count does not say where '
                   'it may be called',
                   'include/domi/group.h: domi_group_send may not be called '
                   'anywhere')

    def test_long_lines_are_found(self):
        self.write('lib/base/log.h', '/* ' + 'x' * 74 + ' */\n')
        self.passes()
        self.write('lib/base/log.h', '\n/* ' + 'x' * 75 + ' */\n')
        self.fails('lib/base/log.h:2: is longer than 80 columns')

    def test_the_top_level_is_kept_clear(self):
        self.write('notes.txt', 'milk\n')
        self.write('docs/index.md', 'empty\n')
        self.write('.editorconfig', 'root = true\n')
        self.fails('docs: does not belong to the top level',
                   'notes.txt: does not belong to the top level')

    def test_unfinished_work_is_found(self):
        self.write('lib/base/log.c', 'int x;\n/* TO' 'DO: y */\n')
        self.write('test/run', '# FIX' 'ME\n')
        self.fails('lib/base/log.c:2: marks unfinished work',
                   'test/run:1: marks unfinished work')

    def test_registry_hosts_are_found(self):
        self.write('test/browser/package-lock.json',
                   '"resolved": "https://registry.npm' 'js.org/ws"\n')
        self.write('test/mirror', 'http://deb.debian' '.org/debian\n')
        self.fails('test/browser/package-lock.json:1: names a registry host',
                   'test/mirror:1: names a registry host')

    def test_what_is_built_does_not_count(self):
        self.write('build/test/a.c', '/* TO' 'DO */\n')
        self.write('test/browser/node_modules/a/index.js', '// TO' 'DO\n')
        self.passes()

    @unittest.skipUnless(shutil.which('git'), 'git is not installed')
    def test_what_git_ignores_does_not_count(self):
        subprocess.run(['git', 'init', '-q', self.root], check=True)
        self.write('.gitignore', '/scratch/\n')
        self.write('scratch/a.c', '/* TO' 'DO */\n')
        self.passes()
        self.write('lib/base/new.c', '/* TO' 'DO */\n')
        self.fails('lib/base/new.c:1: marks unfinished work')


if __name__ == '__main__':
    unittest.main()
