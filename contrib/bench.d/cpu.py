#!/usr/bin/env python3
"""cpu.py - where the processor time of a run goes, with several at a time

Usage: cpu.py [-n RUNS] [-j JOBS] TIMER COMMAND...

As root, with perf(1). TIMER is the program of timer.c; "{n}" in COMMAND becomes a number that is new for each run.
RUNS of them (default 1200), JOBS at a time (default 4), are sampled on all processors (perf record -e cpu-clock), which
makes them slower by a fifth: what counts is the part that each piece has. Printed is, in us for each run, what was
spent in each system call of the runtime and the program, in page faults, in their own code, by the kernel's workers
for them, and by nobody.
"""
import collections
import re
import subprocess
import sys
import tempfile

HZ, BATCH, LEAST_US = 10000, 100, 5
CALL = re.compile(r"__(?:x64|arm64|do|se)_sys_(\w+)")
OTHERS = {"swapper": "nobody (idle)", "timer": "timer.c itself", "perf": "perf itself"}


def record(runs, jobs, timer, command):
    with tempfile.NamedTemporaryFile(suffix=".data") as data:
        subprocess.run(["perf", "record", "-q", "-a", "-g", "-F", str(HZ), "-e", "cpu-clock", "-o", data.name, "--", timer,
                        "-n", str(runs // BATCH), "-w", "1", "-j", str(jobs), "-b", str(BATCH), "-t", "run", "-T", *command,
                        ";"], check=True, stdout=subprocess.DEVNULL)
        return subprocess.run(["perf", "script", "-i", data.name, "-F", "comm,ip,sym"], capture_output=True, text=True,
                              check=True).stdout


def place(comm, in_kernel, stack):
    """What a sample is counted for: the outermost call that its stack names."""
    if comm in OTHERS:
        return OTHERS[comm]
    if re.match(r"kworker|ksoftirqd|rcu|migration|kthreadd|kcompactd|kdamond", comm):
        return "workers of the kernel"
    if not in_kernel:
        return "own code"
    for name in reversed(stack):
        call = CALL.match(name)
        if call:
            return call[1]
        if name.endswith("exc_page_fault"):
            return "page faults"
        if "sysvec" in name or "softirq" in name:
            return "interrupts"
        if name.startswith("ret_from_fork"):
            return "begin of a process"
    return "entry and exit of the kernel"


def samples(text):
    for block in text.split("\n\n"):
        lines = block.strip("\n").split("\n")
        if len(lines) < 2 or not lines[0].strip():
            continue
        stack = [(line.split(None, 1) + [""])[:2] for line in lines[1:]]
        yield lines[0].strip(), int(stack[0][0], 16) >> 63, [name.split("+")[0] for _, name in stack]


def main():
    args, runs, jobs = sys.argv[1:], 1200, 4
    while len(args) > 2 and args[0] in ("-n", "-j"):
        runs, jobs = (int(args[1]), jobs) if args[0] == "-n" else (runs, int(args[1]))
        args = args[2:]
    if len(args) < 2 or runs < BATCH:
        sys.exit(__doc__.split("\n\n")[1])
    counts = collections.Counter(place(*sample) for sample in samples(record(runs, jobs, *args[:1], args[1:])))
    each = 1e6 / HZ / (runs // BATCH * BATCH + BATCH)  # one round more is the warm-up
    print(f"us of processor time for each of {runs // BATCH * BATCH} runs, {jobs} at a time: {' '.join(args[1:])}")
    for what, n in counts.most_common():
        if n * each >= LEAST_US:
            print(f"{n * each:7.0f}  {what}")
    print(f"{sum(counts.values()) * each:7.0f}  in all")


if __name__ == "__main__":
    main()
