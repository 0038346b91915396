#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tests domi as a package: installs it, and uses what was installed."""
import glob
import os
import shutil
import tempfile
import unittest

from support import GREETING, PROGRAM, SOURCE, run


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
