"""The ways to sign that are compared, and how each is run: whole processes, servers of rounds, under strace, under callgrind."""
import os
import re
import subprocess

import callgrind

RUN, BIN = os.environ["BENCH_RUN"], os.environ["BENCH_BIN"]
MODULE, BACKING = os.environ["KEYGUARD_MODULE"], os.environ["BENCH_BACKING"]


class Arm:
    def __init__(self, name, program, place):
        self.name, self.command = name, [os.path.join(BIN, program), *place]
        self.worker = None

    def once(self, what):
        """One process: {'wall_ns': ..., 'cpu_ns': ..., 'peak_kib': ...}."""
        return parse(subprocess.run([*self.command, what], check=True, capture_output=True, text=True).stdout)

    def round(self, form, threads, count):
        """Signatures in a process that lives on between rounds."""
        if not self.worker:
            self.worker = subprocess.Popen([*self.command, "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.worker.stdin.write(f"{form} {threads} {count}\n")
        self.worker.stdin.flush()
        return parse(self.worker.stdout.readline())

    def close(self):
        if self.worker:
            self.worker.stdin.close()
            if self.worker.wait() != 0:
                raise SystemExit(f"{self.name}: the worker failed")
            self.worker = None

    def calls(self, what, lines=""):
        """System calls of one process, by name, under strace."""
        trace = os.path.join(RUN, "strace")
        subprocess.run(["strace", "-f", "-qq", "-o", trace, *self.command, what], input=lines, check=True, text=True,
                       stdout=subprocess.DEVNULL)
        counts = {}
        with open(trace) as file:
            for line in file:
                name = re.match(r"\d+ +(\w+)\(", line)
                if name:
                    counts[name[1]] = counts.get(name[1], 0) + 1
        return counts

    def profile(self, what, lines="", function=None):
        """callgrind's profile of one process, or of what happens inside `function`."""
        out = os.path.join(RUN, "callgrind.out")
        only = [f"--toggle-collect={function}", "--collect-atstart=no"] if function else []
        subprocess.run(["valgrind", "--quiet", "--tool=callgrind", f"--callgrind-out-file={out}", *only, *self.command, what],
                       input=lines, check=True, text=True, stdout=subprocess.DEVNULL)
        return callgrind.Profile(out)


def parse(line):
    if not line:
        raise SystemExit("a worker ended early")
    result = dict(word.split("=") for word in line.split())
    latencies = [int(n) for n in result.pop("latency_ns", "").split(",") if n]
    return {**{name: int(value) for name, value in result.items()}, "latency_ns": latencies}


def all_arms():
    module = Arm("module", "kg_bench", ["--library", MODULE, "--token", "web", "--object", "web"])
    backing = Arm("backing", "kg_bench", ["--library", BACKING, "--token", "keyguard-backing", "--object", "web",
                                          "--pin-file", os.path.join(RUN, "pin")])
    libcrypto = Arm("libcrypto", "kg_bench_libcrypto", ["--key-file", os.path.join(RUN, "key.pem")])
    return module, backing, libcrypto
