#!/usr/bin/env python3
"""Circles between files, one a line: those that depend on one another through #include, however far round.

A .c and its .h are one file here, and so is what a noun keeps to itself: the halves of a platform (file.h, file_posix.c,
file_win.c), and a header that nobody but its own files include (http_parts.h, of http.c and http_error.c). Sources on
standard input, relative to the repository's top.
"""
import os
import re
import sys

INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)


def stem_of(path):
    return os.path.splitext(path)[0]


def read(known):
    """Every file with those that it includes."""
    graph = {}
    for path in sorted(known):
        targets = graph.setdefault(path, set())
        with open(path, encoding='utf-8') as file:
            for name in INCLUDE.findall(file.read()):
                places = name, 'include/' + name, os.path.join(os.path.dirname(path), name)
                targets.update([place for place in places if place in known][:1])
    return graph


def noun_of_private(header, graph):
    """The stem of the noun whose files alone include this header of another name; None: it has includers elsewhere."""
    users = [stem_of(path) for path, targets in graph.items() if header in targets]
    for cut in (at for at, sign in enumerate(stem_of(header)) if sign == '_'):
        noun = header[:cut]
        if noun + '.h' in graph and users and all(user == noun or user.startswith(noun + '_') for user in users):
            return noun
    return None


def nouns(graph):
    """Every file with the stem of the noun that it belongs to."""
    owner = {path: stem_of(path) for path in graph}
    for path in graph:
        base = re.sub(r'_(posix|win)$', '', stem_of(path))
        if base + '.h' in graph and stem_of(path) + '.h' not in graph:
            owner[path] = base
    for header in (path for path in graph if path.endswith('.h')):
        noun = noun_of_private(header, graph)
        for path in [header] + [path for path, targets in graph.items() if header in targets]:
            if noun and (path == header or stem_of(path) + '.h' not in graph):
                owner[path] = noun
    return owner


def join(graph, owner):
    joined = {noun: set() for noun in owner.values()}
    for path, targets in graph.items():
        joined[owner[path]].update(owner[target] for target in targets)
    return joined


def round_trip(graph, start):
    """The shortest way from `start` back to it, or None."""
    ways, seen = [[start]], set()
    while ways:
        way = ways.pop(0)
        for target in sorted(graph[way[-1]] - {way[-1]}):
            if target == start:
                return way + [start]
            if target not in seen:
                seen.add(target)
                ways.append(way + [target])
    return None


def main():
    known = {line.strip() for line in sys.stdin if line.strip()}
    if not known:
        sys.exit('no sources')
    files, told = read(known), set()
    graph = join(files, nouns(files))
    for start in sorted(graph):
        way = round_trip(graph, start) if start not in told else None
        if way:
            told.update(way)
            print(' -> '.join(way))


main()
