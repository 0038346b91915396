#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tests domi as a package: installs it, and uses what was installed."""
import glob
import os
import re
import shutil
import socket
import struct
import subprocess
import tempfile
import time
import unittest

from support import ENVIRONMENT, GREETING, PROGRAM, SOURCE, run

DEADLINE = 15  # seconds


def listening(process):
    """Waits until the process listens, and returns its port."""
    proc = f'/proc/{process.pid}'
    until = time.monotonic() + DEADLINE
    while process.poll() is None and time.monotonic() < until:
        sockets = set()
        for name in os.listdir(f'{proc}/fd'):
            try:
                sockets.add(os.readlink(f'{proc}/fd/{name}'))
            except FileNotFoundError:
                pass  # It was closed meanwhile.
        with open(f'{proc}/net/tcp', encoding='ascii') as file:
            for fields in map(str.split, file.readlines()[1:]):
                if fields[3] == '0A' and f'socket:[{fields[9]}]' in sockets:
                    return int(fields[1].split(':')[1], 16)
        time.sleep(0.01)
    raise AssertionError(f'does not listen; status {process.poll()}')


def receive(connection, size):
    """Waits for exactly as many bytes."""
    data = b''
    while len(data) < size:
        more = connection.recv(size - len(data))
        if not more:
            raise AssertionError(f'closed after {data.hex()}')
        data += more
    return data


class InstalledTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.root = tempfile.mkdtemp()
        cls.addClassCleanup(shutil.rmtree, cls.root)
        cls.prefix = os.path.join(cls.root, 'prefix')
        build = os.path.join(cls.root, 'build')
        run('meson', 'setup', f'--prefix={cls.prefix}', '--libdir=lib',
            '--wrap-mode=nodownload', '-Dtests=false', '-Dsamples=false',
            build, SOURCE)
        run('meson', 'install', '-C', build)
        cls.lib = os.path.join(cls.prefix, 'lib')
        cls.include = os.path.join(cls.prefix, 'include')
        cls.headers = sorted(glob.glob(
            os.path.join(cls.include, '**', '*.h'), recursive=True))

    def pkg_config(self, *arguments):
        flags = run('pkg-config', *arguments, 'domi', 'libuv',
                    PKG_CONFIG_PATH=os.path.join(self.lib, 'pkgconfig'))
        return flags.split()

    def build(self, name, flags):
        program = os.path.join(self.root, name)
        run('gcc', '-std=gnu11', '-Wall', '-Wextra', '-Werror', PROGRAM,
            '-o', program, *flags)
        return program

    def needs(self, program):
        """The shared libraries that a program names."""
        return [line for line in run('readelf', '-d', program).splitlines()
                if '(NEEDED)' in line]

    def compile_alone(self, header, *command):
        """Compiles nothing but one public header, by its public name."""
        name = os.path.relpath(header, self.include)
        unit = os.path.join(self.root, 'unit')
        with open(unit, 'w', encoding='utf-8') as file:
            # The declaration is for C, which forbids an empty unit.
            file.write(f'#include <{name}>\nextern int declared;\n')
        run(*command, '-Wall', '-Wextra', '-Werror', '-pedantic-errors',
            '-fsyntax-only', f'-I{self.include}', unit)

    def test_a_program_uses_the_shared_library(self):
        program = self.build('shared', self.pkg_config('--cflags', '--libs'))
        self.assertIn('libdomi.so', '\n'.join(self.needs(program)))
        self.assertEqual(run(program, LD_LIBRARY_PATH=self.lib), GREETING)

    def test_a_program_uses_the_static_library(self):
        flags = self.pkg_config('--static', '--cflags', '--libs')
        # Both libraries lie in one directory, where the linker would take
        # the shared one.
        self.assertIn('-ldomi', flags)
        flags = ['-l:libdomi.a' if flag == '-ldomi' else flag
                 for flag in flags]
        program = self.build('static', flags)
        self.assertNotIn('libdomi', '\n'.join(self.needs(program)))
        self.assertEqual(run(program), GREETING)

    def test_the_hello_of_the_readme_greets(self):
        program = self.build_readme()
        process = subprocess.Popen(
            [program], stdin=subprocess.DEVNULL,
            env={**ENVIRONMENT, 'LD_LIBRARY_PATH': self.lib})
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        with socket.create_connection(('127.0.0.1', listening(process)),
                                      DEADLINE) as link:
            link.sendall(struct.pack('<I', 2299))
            self.assertEqual(len(receive(link, 8)), 8)
            # Type 51 from user 7 to group 666; and back, to a list of users.
            link.sendall(struct.pack('<IHH5sQQ', 29, 16, 51, b'hello', 7, 666))
            self.assertEqual(
                receive(link, 31),
                struct.pack('<IHH5sQQH', 31, 18, 9, b'hello', 7, 666, 51))

    def build_readme(self):
        """The program that README.md shows, built as it says."""
        with open(os.path.join(SOURCE, 'README.md'), encoding='utf-8') as file:
            blocks = re.findall(r'^```c\n(.*?)^```$', file.read(), re.M | re.S)
        text, = (block for block in blocks if 'int main' in block)
        # As it is, but for the port, which somebody else may use here.
        text, count = re.subn('= 9999', '= DOMI_PORT_ANY', text)
        self.assertEqual(count, 1)
        source = os.path.join(self.root, 'program.c')
        with open(source, 'w', encoding='utf-8') as file:
            file.write(text)
        program = os.path.join(self.root, 'program')
        run('cc', '-Wall', '-Werror', source, '-o', program,
            *self.pkg_config('--cflags', '--libs'))
        return program

    def test_the_package_tells_its_version(self):
        project = run('meson', 'introspect', '--projectinfo',
                      os.path.join(SOURCE, 'meson.build'))
        version = self.pkg_config('--modversion')[0]
        self.assertIn(f'"version": "{version}"', project)

    def test_exported_symbols_are_public_names(self):
        library = os.path.join(self.lib, 'libdomi.so')
        symbols = [line.split()[-1] for line in
                   run('nm', '-D', '--defined-only', library).splitlines()]
        self.assertIn('domi_strerror', symbols)
        wrong = [symbol for symbol in symbols
                 if not symbol.startswith('domi_')
                 or symbol.startswith('domi__')]
        self.assertEqual(wrong, [])

    def test_every_public_header_is_installed(self):
        public = os.path.join(SOURCE, 'include')
        sources = glob.glob(os.path.join(public, '**', '*.h'), recursive=True)
        self.assertEqual(
            [os.path.relpath(header, self.include) for header in self.headers],
            sorted(os.path.relpath(header, public) for header in sources))

    def test_headers_stand_alone_in_c99(self):
        self.assertTrue(self.headers)
        for header in self.headers:
            with self.subTest(header=header):
                self.compile_alone(header, 'gcc', '-std=c99', '-x', 'c')

    @unittest.skipUnless(shutil.which('g++'), 'g++ is not installed')
    def test_headers_stand_alone_in_cplusplus(self):
        for header in self.headers:
            with self.subTest(header=header):
                self.compile_alone(header, 'g++', '-std=c++11', '-x', 'c++')

    def test_headers_do_not_include_libuv(self):
        for header in self.headers:
            with self.subTest(header=header):
                with open(header, encoding='utf-8') as file:
                    self.assertNotRegex(file.read(),
                                        r'#\s*include\s*[<"]uv\b')


if __name__ == '__main__':
    unittest.main()
