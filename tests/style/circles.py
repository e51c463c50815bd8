#!/usr/bin/env python3
"""Circles between files, one a line: those that depend on one another through #include, however far round.

A .c and its .h are one file here, and so are the halves of a platform (file.h, file_posix.c, file_win.c). Sources on
standard input, relative to the repository's top.
"""
import os
import re
import sys

INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)


def node(path, known):
    stem = os.path.splitext(path)[0]
    base = re.sub(r'_(posix|win)$', '', stem)
    return base if base + '.h' in known and stem + '.h' not in known else stem


def read(known):
    graph = {}
    for path in sorted(known):
        targets = graph.setdefault(node(path, known), set())
        with open(path, encoding='utf-8') as file:
            for name in INCLUDE.findall(file.read()):
                for place in (name, 'include/' + name, os.path.join(os.path.dirname(path), name)):
                    if place in known:
                        targets.add(node(place, known))
                        break
    return graph


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
    graph, told = read(known), set()
    for start in sorted(graph):
        way = round_trip(graph, start) if start not in told else None
        if way:
            told.update(way)
            print(' -> '.join(way))


main()
