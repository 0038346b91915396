#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks the plan of the house: who may include whom, and what lies where.

    check.py ROOT

Prints one line for each fault and exits with 1 if there is any. The rooms are
the directories under lib/; lib/README.md shows them.
"""
import fnmatch
import os
import re
import subprocess
import sys

# The rooms, each with those that it may enter.
ROOMS = {
    'base': set(),
    'frame': {'base'},
    'worker': {'base'},
    'http': {'base'},
    'group': {'frame', 'base'},
    'transport': {'frame', 'http', 'base'},
    'cluster': {'transport', 'frame', 'http', 'base'},
    'consul': {'cluster', 'transport', 'frame', 'http', 'base'},
    'gateway': {'cluster', 'transport', 'frame', 'base'},
    'zone': {'cluster', 'transport', 'group', 'worker', 'frame', 'base'},
    'client': {'transport', 'frame', 'base'},
}

# Any header of these rooms may be included from outside; all other rooms are
# entered by <room>/<room>.h alone.
OPEN_ROOMS = {'base'}

# Other people's headers, with the only files that may include them.
GUESTS = {
    'sha.h': 'lib/http/upgrade.c',
    'evp.h': 'lib/http/upgrade.c',
    'ssl.h': 'lib/transport/tls*',
    'x509v3.h': 'lib/transport/tls*',
    'cJSON.h': 'lib/consul/*',
    'curl.h': 'lib/consul/*',
    'llhttp.h': 'lib/http/*',
    'hmac.h': 'lib/cluster/proof.c',
    'crypto.h': 'lib/cluster/proof.c',
}

TOP_LEVEL = {'LICENSE', 'README.md', 'include', 'lib', 'meson.build',
             'meson_options.txt', 'samples', 'subprojects', 'test'}

# Written in pieces, so that this file does not contain what it looks for.
UNFINISHED = re.compile(r'\b(?:TO' r'DO|FIX' r'ME)\b')
REGISTRIES = re.compile('|'.join(
    first + re.escape(second) for first, second in (
        ('debian', '.org'), ('ubuntu', '.com'), ('npm', 'js.'),
        ('yarn', 'pkg.com'), ('node', 'source.com'), ('py', 'pi.org'),
        ('python', 'hosted.org'), ('crates', '.io'), ('docker', '.io'),
        ('docker', '.com'), ('ghcr', '.io'), ('quay', '.io'),
        ('ruby', 'gems.org'), ('wrapdb', '.mesonbuild'), ('jsdel', 'ivr'),
        ('unpkg', '.com'), ('packages', '.cloud'), ('proxy.', 'golang'))))

# Public functions, of which each says in the comment before it where it may be
# called. Those that take an object and may be called anywhere are few.
FUNCTION = re.compile(r'^DOMI_API\b[^;]*?\b(domi_\w+)\(([^;]*)\);', re.M)
PLACE = re.compile(r'\[(loop|handler|any)\]')
OBJECT = re.compile(r'struct domi_(?:zone|group|gateway|session|client|'
                    r'registry) \*')
ANYWHERE = {'domi_zone_post', 'domi_zone_data'}

COLUMNS = 80

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*[<"]([^>"]+)[>"]', re.M)


def project_files(root):
    """All files of the project, without what git ignores."""
    git = subprocess.run(
        ['git', '-C', root, 'ls-files', '-z', '--cached', '--others',
         '--exclude-standard'],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
    names = git.stdout.decode().split('\0')
    return sorted(name for name in names
                  if name and os.path.isfile(os.path.join(root, name)))


def plain_files(root):
    """The same where there is no git or no repository: a released tree."""
    names = []
    for path, folders, files in os.walk(root):
        inside = os.path.relpath(path, root)
        if inside == '.':
            folders[:] = [f for f in folders if not f.startswith('build')]
        folders[:] = [f for f in folders
                      if f not in ('.git', 'node_modules', '__pycache__')]
        if inside == 'subprojects':
            folders[:] = [f for f in folders if f == 'packagefiles']
        names += [os.path.normpath(os.path.join(inside, f)) for f in files]
    return sorted(names)


def read_tree(root):
    """The text of each file by its name; None for what is not text."""
    try:
        names = project_files(root)
    except (OSError, subprocess.CalledProcessError):
        names = plain_files(root)
    tree = {}
    for name in names:
        with open(os.path.join(root, name), 'rb') as file:
            data = file.read()
        tree[name] = None if b'\0' in data else data.decode(errors='replace')
    return tree


def room_of(name):
    """The room of a file, or None for one that is not under lib/."""
    parts = name.split('/')
    return parts[1] if parts[0] == 'lib' and len(parts) > 2 else None


def resolve(name, included, tree):
    """The file of the project that an include means, or None for others.

    A header of a room counts even where it does not exist (yet).
    """
    beside = os.path.normpath(os.path.join(os.path.dirname(name), included))
    if beside in tree:
        return beside
    for folder in ('lib', 'include'):
        path = os.path.normpath(os.path.join(folder, included))
        if path in tree or room_of(path) in ROOMS:
            return path
    return None


def check_arrow(name, target):
    """A fault of one include between files of the project, or None."""
    here, there = room_of(name), room_of(target)
    if name.startswith('include/') and not target.startswith('include/'):
        return f'a public header includes {target}'
    if here is None or there is None or here == there:
        return None
    if there not in ROOMS.get(here, ()):
        return f'{here} may not enter {there} ({target})'
    if there not in OPEN_ROOMS and target != f'lib/{there}/{there}.h':
        return f'{there} is entered by {there}/{there}.h, not by {target}'
    return None


def check_guest(name, included):
    """A fault of including somebody else's header, or None."""
    header = included.split('/')[-1]
    if name.startswith('include/') and (header == 'uv.h' or header in GUESTS):
        return f'a public header includes {included}'
    allowed = GUESTS.get(header)
    if allowed and not fnmatch.fnmatchcase(name, allowed):
        return f'{included} belongs into {allowed} alone'
    return None


def find_cycles(graph):
    """One fault for each include that leads back to a file on its own way."""
    faults, finished = [], set()

    def visit(name, way):
        if name in way:
            cycle = way[way.index(name):] + [name]
            faults.append((name, 'includes itself: ' + ' -> '.join(cycle)))
        elif name not in finished:
            for target in graph.get(name, ()):
                visit(target, way + [name])
            finished.add(name)

    for name in sorted(graph):
        visit(name, [])
    return faults


def check_includes(tree):
    faults, graph = [], {}
    for name, text in tree.items():
        if text is None or not name.startswith(('lib/', 'include/')):
            continue
        if not name.endswith(('.c', '.h')):
            continue
        if name.startswith('lib/') and room_of(name) not in ROOMS:
            faults.append((name, 'lies in no room'))
        for included in INCLUDE.findall(text):
            target = resolve(name, included, tree)
            if target:
                graph.setdefault(name, []).append(target)
                fault = check_arrow(name, target)
            else:
                fault = check_guest(name, included)
            if fault:
                faults.append((name, fault))
    return faults + find_cycles(graph)


def check_top_level(tree):
    tops = {name.split('/')[0] for name in tree}
    return [(top, 'does not belong to the top level') for top in sorted(tops)
            if top not in TOP_LEVEL and not top.startswith('.')]


def check_places(tree):
    """Whether public functions say where they may be called."""
    faults = []
    for name, text in tree.items():
        if not name.startswith('include/') or not name.endswith('.h'):
            continue
        for function in FUNCTION.finditer(text or ''):
            before = text[:function.start()]
            comment = before[before.rfind('/*'):]
            places = PLACE.findall(comment[:comment.find('*/')])
            which, arguments = function.groups()
            if not places:
                faults.append((name, f'{which} does not say where it may be '
                                     'called'))
            elif (places[-1] == 'any' and OBJECT.search(arguments)
                  and which not in ANYWHERE):
                faults.append((name, f'{which} may not be called anywhere'))
    return faults


def check_columns(tree):
    return [(f'{name}:{number}', f'is longer than {COLUMNS} columns')
            for name, text in tree.items() if name.endswith(('.c', '.h'))
            for number, line in enumerate((text or '').splitlines(), 1)
            if len(line) > COLUMNS]


def check_text(tree):
    faults = []
    for name, text in tree.items():
        for number, line in enumerate((text or '').splitlines(), 1):
            if UNFINISHED.search(line):
                faults.append((f'{name}:{number}', 'marks unfinished work'))
            if REGISTRIES.search(line):
                faults.append((f'{name}:{number}', 'names a registry host'))
    return faults


def check(tree):
    """All faults of a tree, as pairs of a place and a sentence."""
    return (check_includes(tree) + check_top_level(tree) + check_places(tree)
            + check_columns(tree) + check_text(tree))


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    tree = read_tree(sys.argv[1])
    if not any(room_of(name) for name in tree):
        sys.exit(f'{sys.argv[1]}: no rooms found under lib/')
    faults = check(tree)
    for place, fault in faults:
        print(f'{place}: {fault}')
    sys.exit(1 if faults else 0)


if __name__ == '__main__':
    main()
