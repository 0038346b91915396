# SPDX-License-Identifier: MIT
"""What the packaging tests share."""
import os
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(os.path.dirname(HERE))
PROGRAM = os.path.join(HERE, 'use_domi.c')

# What the program prints when it has run well: the text of its last error.
GREETING = 'frame length is below 8 or above the limit\n'

# These tests stand outside domi's build, and outside its flags.
ENVIRONMENT = {name: value for name, value in os.environ.items()
               if name not in ('CFLAGS', 'LDFLAGS', 'DESTDIR')}


def run(*command, **extra):
    """Runs a command, which must succeed, and returns what it printed."""
    done = subprocess.run(command, env={**ENVIRONMENT, **extra},
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, universal_newlines=True,
                          check=False)
    if done.returncode:
        raise AssertionError(f'{" ".join(command)}: status {done.returncode}\n'
                             f'{done.stdout}')
    return done.stdout
