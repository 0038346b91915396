#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tests how a consul is found or fetched, with an apt that fetches nothing."""
import os
import shutil
import subprocess
import tempfile
import unittest

FETCH = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'fetch')

# Notes its sources; fails once if told so; builds the package that it "gets".
APT = r'''#!/bin/bash
for argument in "$@"; do
    case $argument in
    Dir::Etc::sourceparts=*) sources=${argument#*=} ;;
    esac
done
case " $* " in
*" update "*) cat "$sources"/* >>"$NOTES/sources" ;;
*" download consul "*)
    echo once more >>"$NOTES/downloads"
    if [[ -e $NOTES/fail ]]; then
        rm "$NOTES/fail"
        exit 1
    fi
    mkdir -p deb/DEBIAN deb/usr/bin
    printf '#!/bin/sh\necho fetched\n' >deb/usr/bin/consul
    chmod +x deb/usr/bin/consul
    printf 'Package: consul\nVersion: 1\nArchitecture: %s\n%s\n' \
        "$ARCHITECTURE" 'Maintainer: none
Description: none' >deb/DEBIAN/control
    dpkg-deb -b deb consul_1.deb >/dev/null
    rm -r deb
    ;;
esac
'''


class FetchTest(unittest.TestCase):
    def setUp(self):
        self.root = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.root)
        self.bin = os.path.join(self.root, 'bin')
        self.dir = os.path.join(self.root, 'dir with blanks')
        os.mkdir(self.bin)
        self.put('apt-get', APT)

    def put(self, name, text):
        path = os.path.join(self.bin, name)
        with open(path, 'w', encoding='ascii') as file:
            file.write(text)
        os.chmod(path, 0o755)
        return path

    def path_without_consul(self):
        folders = os.environ['PATH'].split(os.pathsep)
        return os.pathsep.join([self.bin] + [
            folder for folder in folders
            if not os.path.exists(os.path.join(folder, 'consul'))])

    def start(self, architecture='all'):
        return subprocess.Popen(
            [FETCH, self.dir], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            universal_newlines=True,
            env={**os.environ, 'PATH': self.path_without_consul(),
                 'NOTES': self.root, 'ARCHITECTURE': architecture})

    def fetch(self, **options):
        process = self.start(**options)
        out, err = process.communicate()
        self.assertEqual(process.returncode, 0, err)
        return out

    def note(self, name):
        with open(os.path.join(self.root, name), encoding='utf-8') as file:
            return file.read()

    def test_the_one_on_path_is_taken(self):
        consul = self.put('consul', '#!/bin/sh\n')
        self.assertEqual(self.fetch(), consul + '\n')
        self.assertFalse(os.path.exists(self.dir))

    def test_bullseye_comes_from_the_machines_own_source(self):
        program = self.fetch().rstrip('\n')
        self.assertEqual(program, os.path.join(self.dir, 'consul'))
        self.assertEqual(subprocess.check_output([program]), b'fetched\n')
        sources = self.note('sources')
        self.assertRegex(sources, r'(?m)^Suites: bullseye$|^deb .* bullseye ')
        self.assertRegex(sources, r'\bmain\b')
        self.assertNotIn('bookworm', sources)
        self.assertEqual(sorted(os.listdir(self.dir)), ['consul', 'lock'])

    def test_it_is_fetched_once_however_many_ask(self):
        processes = [self.start() for _ in range(5)]
        outputs = {process.communicate()[0] for process in processes}
        self.assertEqual(outputs, {os.path.join(self.dir, 'consul') + '\n'})
        self.fetch()
        self.assertEqual(self.note('downloads'), 'once more\n')

    def test_a_bad_moment_of_the_mirror_is_survived(self):
        with open(os.path.join(self.root, 'fail'), 'w', encoding='ascii'):
            pass
        self.fetch()
        self.assertEqual(self.note('downloads'), 'once more\n' * 2)

    def test_another_package_of_the_same_name_is_refused(self):
        process = self.start(architecture='amd64')
        out, err = process.communicate()
        self.assertNotEqual(process.returncode, 0)
        self.assertEqual(out, '')
        self.assertIn('not the package that domi was tested with', err)
        self.assertEqual(os.listdir(self.dir), ['lock'])


if __name__ == '__main__':
    unittest.main()
