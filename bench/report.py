"""The results as Markdown: first the bars and whether they hold, then everything that was measured."""
import datetime
import os
import platform
import re
import subprocess


def bars(results):
    """What must hold, all of it ratios of one run: (name, figure, bar, holds)."""
    single = [row for row in results["signatures"] if row["threads"] == 1]
    for name, figure, limit, unit in [
            ("idle: load, initialise, list, token information, finalise", results["idle"]["ratio"], 0.2, "of the backing token's"),
            *[(f"one signature, {row['form']}", row["ratio"], 1.01, "of the backing token's") for row in single],
            *[(f"instructions above the store, {row['form']}", row["above"], 3000, "a signature") for row in results["instructions"]],
            ("one signature while the binding is renewed, RSA_PKCS_PSS", results["renewal"]["p50"], 1.05, "of one while it is not"),
            ("token request by a cold curl", results["curl"]["ratio"], 1.05, "of curl on the bare token"),
    ]:
        yield name, figure, f"at most {limit:g} {unit}", figure <= limit
    for form in dict.fromkeys(row["form"] for row in results["signatures"]):
        ours, theirs = scaling(results, form, "module"), scaling(results, form, "backing")
        yield f"2 threads, {form}", ours, f"scales as the backing token ({theirs:.2f}), less 2 %", ours >= theirs * 0.98


def scaling(results, form, arm):
    rate = {row["threads"]: row[arm]["rate"] for row in results["signatures"] if row["form"] == form}
    return rate[2] / rate[1]


def table(header, rows):
    lines = ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
    return "\n".join(lines + ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows])


def first_line(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[0]
    except (OSError, subprocess.CalledProcessError, IndexError):
        return "unknown"


def machine():
    with open("/proc/cpuinfo") as file:
        model = re.search(r"model name\s*: (.*)", file.read())
    system = first_line("sh", "-c", ". /etc/os-release && echo $PRETTY_NAME")
    return (f"{datetime.date.today().isoformat()}, {model[1] if model else platform.machine()}, {os.cpu_count()} processors, {system}, "
            f"Linux {platform.release()}; {first_line('openssl', 'version')}, {first_line('curl', '--version').split(' (')[0]}, "
            f"SoftHSM {first_line('softhsm2-util', '--version')}")


def format_processes(results):
    rows = []
    for title, part in (("idle", results["idle"]), ("to the first signature", results["first"])):
        for arm in ("module", "backing", "libcrypto"):
            cost = part[arm]
            rows.append([title, arm, f"{cost['wall_ms']:.2f}", f"{cost['cpu_ms']:.2f}", f"{cost['peak_mib']:.1f}",
                         f"{part['ratio']:.3f}" if arm == "module" else ""])
    return table(["a new process", "side", "wall, ms", "processor, ms", "peak memory, MiB", "module / backing"], rows)


def format_signatures(results):
    rows = []
    for row in results["signatures"]:
        cells = [f"{row[arm]['rate']:.0f} ({row[arm]['p50_us']:.0f} / {row[arm]['p99_us']:.0f})" for arm in ("module", "backing", "libcrypto")]
        rows.append([row["form"], row["threads"], *cells, f"{row['ratio']:.4f}"])
    return table(["mechanism", "threads", "module: per second (p50 / p99 µs)", "backing", "libcrypto", "time, module / backing"], rows)


def format_instructions(results):
    rows = [[row["form"], f"{row['above']:.0f}", f"{row['hash']:.0f}", f"{row['store']:.0f}", f"{row['bare']:.0f}"]
            for row in results["instructions"]]
    idle = results["idle_instructions"]
    rows.append(["idle, whole process", f"{idle['module']}", "", "", f"{idle['backing']}"])
    return table(["instructions (callgrind)", "ours, above the store", "hashing by us instead of the store", "in the store, called by us", "in the store, called directly"], rows)


def format_calls(results):
    rows = [[arm, *(f"{c[key]:g}" for key in ("idle", "idle_opens", "first", "first_opens", "sign", "sign_opens"))]
            for arm, c in results["calls"].items()]
    return table(["system calls (strace)", "idle", "of them opens", "to the first signature", "of them opens", "each further signature",
                  "of them opens"], rows)


def choices():
    """What was measured to choose between two ways to build a thing: not of this run."""
    with open(os.path.join(os.path.dirname(__file__), "choices.md")) as file:
        return file.read().strip()


def format_report(results, size):
    verdict = table(["what must hold", "measured", "bar", "holds"],
                    [[name, f"{figure:.0f}" if figure > 100 else f"{figure:.4f}", bar, "yes" if holds else "**no**"]
                     for name, figure, bar, holds in bars(results)])
    curl = results["curl"]
    return "\n\n".join([
        "# Performance",
        "What the module adds to the token behind it. Everything but the last section is from one run of `bench/run` on one machine, the sides "
        "measured in turns; compare the ratios, not the milliseconds. *backing* is SoftHSM2 used directly, *libcrypto* the same key "
        "in memory without any token.",
        f"Measured ({size}): {machine()}. Load of the machine before: {results['load']:.1f}.",
        "## Bars", verdict,
        "## Processes", format_processes(results),
        "## Signatures (RSA 2048)", format_signatures(results),
        f"Renewal is not on this path: while the binding is written anew every 10 ms, the median signature takes {results['renewal']['p50']:.3f} "
        f"of its time, the slowest of each round {results['renewal']['worst']:.3f}.",
        "## Instructions", format_instructions(results),
        "## System calls", format_calls(results),
        "## A token request by a cold curl",
        f"Process, TLS 1.3 handshake with the key, request: module {curl['module']:.1f} ms, bare token {curl['backing']:.1f} ms, "
        f"ratio {curl['ratio']:.3f}.",
        choices()])
