"""Reads callgrind's output: which object's functions called which, at what inclusive cost (instructions)."""
import os
import re


class Profile:
    def __init__(self, path):
        self.calls = {}  # (caller's object, callee's object): inclusive cost of all calls from one to the other
        self.own = {}  # (object, function): cost without what it calls
        self.total = 0
        self.names = {}
        with open(path) as file:
            self.read(file)

    def name(self, kind, text):
        """`(3) /lib/libc.so.6` defines number 3, `(3)` refers to it."""
        number, name = re.match(r"\((\d+)\)(?: (.*))?", text).groups()
        if name:
            self.names[kind, number] = os.path.basename(name)
        return self.names[kind, number]

    def read(self, file):
        here, function, callee, called = None, None, None, False
        for line in file:
            line = line.rstrip("\n")
            if line.startswith("ob="):
                here = self.name("object", line[3:])
            elif line.startswith("fn="):
                function = self.name("function", line[3:])
            elif line.startswith("cfn="):
                self.name("function", line[4:])  # may be where it gets its name
            elif line.startswith("cob="):
                callee = self.name("object", line[4:])
            elif line.startswith("calls="):
                called = True
            elif line.startswith(("summary:", "totals:")):
                self.total = max(self.total, int(line.split()[1]))
            elif called:  # the line after calls= holds the inclusive cost
                pair = (here, callee or here)
                self.calls[pair] = self.calls.get(pair, 0) + int(line.split()[-1])
                callee, called = None, False
            elif line[:1] and line[0] in "+-*0123456789":  # the cost of a line of the function
                self.own[here, function] = self.own.get((here, function), 0) + int(line.split()[-1])

    def into(self, callee):
        """Cost of all calls into an object from outside it."""
        return sum(cost for (caller, to), cost in self.calls.items() if to == callee and caller != callee)

    def within(self, inside, beginning):
        """Own cost of an object's functions whose names begin so."""
        return sum(cost for (where, name), cost in self.own.items() if where == inside and name.startswith(beginning))

    def between(self, caller, callee):
        return self.calls.get((caller, callee), 0)
