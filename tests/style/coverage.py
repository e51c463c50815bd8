#!/usr/bin/env python3
"""Holds what gcovr measured against the table of docs/coverage.md, room by room. script/coverage measures and calls this.

  coverage.py SUMMARY PAGE            SUMMARY is gcovr's --json-summary; prints the table, then every finding
  coverage.py SUMMARY PAGE --update   writes the table into the page instead

Exit: 0 no finding, 1 findings: a room of which less runs than the page says, by more than half a percent of its lines; one
that is not on the page; one of the page that was not measured; no figures at all on either side.
"""
import json
import os
import re
import sys

MAY_FALL = 0.5  # percent: which way a race of two threads goes is not the same each time
ROW = re.compile(r'^\| `([^`]+)` \| +(\d+) \| +(\d+) \|', re.M)
TABLE = re.compile(r'^\| room \|.*\n(?:\|.*\n)+', re.M)


def percent(figures):
    return 100 * figures[0] / figures[1]


def measured(path):
    """Of each room, the lines that ran and the lines that could."""
    rooms = {}
    with open(path, encoding='utf-8') as file:
        for source in json.load(file)['files']:
            run, lines = rooms.get(os.path.dirname(source['filename']), (0, 0))
            rooms[os.path.dirname(source['filename'])] = run + source['line_covered'], lines + source['line_total']
    return {room: figures for room, figures in rooms.items() if figures[1]}


def promised(page):
    rows = {room: (int(run), int(lines)) for room, run, lines in ROW.findall(page)}
    return {room: figures for room, figures in rows.items() if figures[1]}


def table(rooms):
    total = tuple(sum(figures[i] for figures in rooms.values()) for i in (0, 1))
    rows = [f'| {name} | {figures[0]} | {figures[1]} | {percent(figures):.1f} |\n'
            for name, figures in [(f'`{room}`', rooms[room]) for room in sorted(rooms)] + [('all', total)]]
    return '| room | lines that ran | lines | percent |\n|---|--:|--:|--:|\n' + ''.join(rows)


def findings(now, was):
    for room in sorted(now.keys() | was.keys()):
        if room not in was:
            yield f'{room} is not on the page'
        elif room not in now:
            yield f'{room} is on the page, and was not measured'
        elif percent(now[room]) < percent(was[room]) - MAY_FALL:
            yield f'{room} has fallen from {percent(was[room]):.1f} to {percent(now[room]):.1f} percent'
    if not was:
        yield 'the page has no figures'


def main():
    summary, path, update = sys.argv[1], sys.argv[2], sys.argv[3:] == ['--update']
    now = measured(summary)
    if not now:
        sys.exit('coverage: nothing was measured')
    print(table(now), end='')
    with open(path, encoding='utf-8') as file:
        page = file.read()
    if update:
        page, count = TABLE.subn(lambda _: table(now), page)
        if count != 1:
            sys.exit(f'coverage: {path} has no table to write into')
        with open(path, 'w', encoding='utf-8') as file:
            file.write(page)
        return 0
    found = list(findings(now, promised(page)))
    for finding in found:
        print(f'coverage: {finding}')
    return 1 if found else 0


sys.exit(main())
