"""The measurements, always in turns (one arm, then the other, then again), and as medians: machines are noisy."""
import argparse
import os
import shutil
import statistics
import subprocess
import threading
import time

import arms
import report

FORMS = ["RSA_PKCS", "RSA_PKCS_PSS", "SHA256_RSA_PKCS_PSS"]
THREADS = [1, 2, 4]
SIZES = {  # processes a side, rounds of signatures, signatures a round and thread, requests by curl
    "full": {"processes": 101, "rounds": 300, "count": 20, "curl": 101, "instructions": 50},
    "quick": {"processes": 21, "rounds": 40, "count": 20, "curl": 21, "instructions": 50},
    "smoke": {"processes": 1, "rounds": 1, "count": 2, "curl": 1, "instructions": 2},
}


def median(values):
    return statistics.median(values)


def percentile(values, part):
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]


def in_turns(rounds, sides, measure):
    """{name: [result of each round]}; every other round in the opposite order."""
    results = {name: [] for name, _ in sides}
    for turn in range(rounds):
        for name, side in (sides if turn % 2 == 0 else sides[::-1]):
            results[name].append(measure(side))
    return results


def paired_ratio(left, right):
    """Median of the ratios of each round: what disturbs the machine disturbs both of a round."""
    return median([a / b for a, b in zip(left, right)])


def whole_processes(sides, what, rounds):
    """Wall time, processor time (ms) and peak memory (MiB) of one process."""
    results = in_turns(rounds, [(arm.name, arm) for arm in sides], lambda arm: arm.once(what))
    table = {name: {"wall_ms": median([r["wall_ns"] for r in runs]) / 1e6, "cpu_ms": median([r["cpu_ns"] for r in runs]) / 1e6,
                    "peak_mib": median([r["peak_kib"] for r in runs]) / 1024} for name, runs in results.items()}
    table["ratio"] = paired_ratio([r["wall_ns"] for r in results["module"]], [r["wall_ns"] for r in results["backing"]])
    return table


def signatures(sides, form, threads, size):
    for arm in sides:
        arm.round(form, threads, size["count"])  # not counted: sessions are opened in the first one
    results = in_turns(size["rounds"], [(arm.name, arm) for arm in sides], lambda arm: arm.round(form, threads, size["count"]))
    row = {"form": form, "threads": threads}
    rates = {name: [threads * size["count"] * 1e9 / r["wall_ns"] for r in runs] for name, runs in results.items()}
    for name, runs in results.items():
        latencies = [ns for r in runs for ns in r["latency_ns"]]
        row[name] = {"rate": median(rates[name]), "p50_us": percentile(latencies, 0.5) / 1e3, "p99_us": percentile(latencies, 0.99) / 1e3}
    row["ratio"] = paired_ratio([median(r["latency_ns"]) for r in results["module"]], [median(r["latency_ns"]) for r in results["backing"]])
    return row


def instructions(module, backing, form, count):
    """Instructions of one signature that are ours: what the host calls in us, less what we call in the store. Where we
    hash, the store does not: `hash` is told apart."""
    line, inside = f"{form} 1 {count}\n", "kg_bench_signatures"
    ours, store = os.path.basename(arms.MODULE), os.path.basename(os.path.realpath(arms.BACKING))
    with_us, without = module.profile("serve", line, inside), backing.profile("serve", line, inside)
    whole, theirs = with_us.into(ours), with_us.between(ours, store)
    hashing = with_us.within(ours, ("nettle_sha", "_nettle_", "sha256_", "kg_hash_"))
    return {"form": form, "above": (whole - theirs - hashing) / count, "hash": hashing / count, "store": theirs / count,
            "bare": without.into(store) / count}


def idle_instructions(sides):
    """Of load, initialise, list, token information, finalise: the process less one that only says how it is used."""
    return {arm.name: arm.profile("idle").total for arm in sides}


def system_calls(sides, count):
    """Of idle, of the first signature, and of each further one (the difference of two lengths)."""
    rows = {}
    for arm in sides:
        idle, first = arm.calls("idle"), arm.calls("first")
        few, many = (arm.calls("serve", f"RSA_PKCS_PSS 1 {n}\n") for n in (count, 2 * count))
        rows[arm.name] = {"idle": sum(idle.values()), "idle_opens": opens(idle), "first": sum(first.values()), "first_opens": opens(first),
                          "sign": (sum(many.values()) - sum(few.values())) / count, "sign_opens": (opens(many) - opens(few)) / count}
    return rows


def opens(counts):
    return counts.get("open", 0) + counts.get("openat", 0)


class Renewals:
    """Somebody who writes the binding anew all the time, as a renewal does: another file under the same name."""
    def __init__(self, often):
        self.path, self.stop, self.count = os.path.join(arms.RUN, "state", "web.json"), threading.Event(), 0
        self.thread = threading.Thread(target=self.run) if often else None

    def __enter__(self):
        if self.thread:
            self.thread.start()

    def __exit__(self, *_):
        self.stop.set()
        if self.thread:
            self.thread.join()

    def run(self):
        while not self.stop.is_set():
            shutil.copy2(self.path, self.path + ".new")
            os.replace(self.path + ".new", self.path)
            self.stop.wait(0.01)


def renewal(module, size):
    """Signatures while the binding does not change and while it is written anew every 10 ms."""
    def measured(often):
        with Renewals(often):
            return module.round("RSA_PKCS_PSS", 1, size["count"])["latency_ns"]
    results = in_turns(size["rounds"], [("quiet", False), ("renewed", True)], measured)
    return {"p50": paired_ratio(*([median(r) for r in results[name]] for name in ("renewed", "quiet"))),
            "worst": paired_ratio(*([max(r) for r in results[name]] for name in ("renewed", "quiet")))}


def curl_command(library, certificate, key):
    form = f"client_id={os.environ['BENCH_CLIENT_ID']}&grant_type=client_credentials&scope=https%3A%2F%2Fvault.azure.net%2F.default&token_type=mtls_pop"
    return ["env", f"PKCS11_MODULE_PATH={library}", "curl", "--silent", "--fail", "--engine", "pkcs11", "--cert-type", "ENG", "--key-type", "ENG",
            "--cert", certificate, "--key", key, "--cacert", os.environ["AZURE_EMULATOR_CA"], "--data", form, "--output", "/dev/null", os.environ["BENCH_TOKEN_URL"]]


def cold_curl(rounds):
    """A token request by a new curl process each time: through the module, and on the bare token."""
    bare = "pkcs11:token=keyguard-backing;object=web;type={};pin-value=1234"
    sides = [("module", curl_command(arms.MODULE, "pkcs11:token=web;object=web;type=cert", "pkcs11:token=web;object=web;type=private")),
             ("backing", curl_command(arms.BACKING, bare.format("cert"), bare.format("private")))]
    results = in_turns(rounds, sides, wall_ms)
    return {"module": median(results["module"]), "backing": median(results["backing"]), "ratio": paired_ratio(results["module"], results["backing"])}


def wall_ms(command):
    begin = time.perf_counter()
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return (time.perf_counter() - begin) * 1e3


def measure(size):
    module, backing, libcrypto = sides = arms.all_arms()
    tokens = [module, backing]
    results = {"size": size, "load": os.getloadavg()[0],
               "idle": whole_processes(sides, "idle", size["processes"]),
               "first": whole_processes(sides, "first", size["processes"]),
               "signatures": [signatures(sides, form, threads, size) for form in FORMS for threads in THREADS],
               "renewal": renewal(module, size),
               "curl": cold_curl(size["curl"])}
    for arm in sides:
        arm.close()
    results["calls"] = system_calls(tokens, size["instructions"])
    results["instructions"] = [instructions(module, backing, form, size["instructions"]) for form in FORMS]
    results["idle_instructions"] = idle_instructions(tokens)
    return results


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", dest="size", action="store_const", const="quick", default="full")
    parser.add_argument("--smoke", dest="size", action="store_const", const="smoke")
    parser.add_argument("--output")
    options = parser.parse_args()
    text = report.format_report(measure(SIZES[options.size]), options.size)
    print(text)
    if options.output:
        with open(options.output, "w") as file:
            file.write(text + "\n")


if __name__ == "__main__":
    main()
