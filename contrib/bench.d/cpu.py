#!/usr/bin/env python3
"""cpu.py - where the processor time of a run goes, with several at a time

Usage: cpu.py [-n RUNS] [-j JOBS] [-f] [-m FILE] TIMER COMMAND...

As root, with perf(1). TIMER is the program of timer.c; "{n}" in COMMAND becomes a number that is new for each run.
RUNS of them (default 1200), JOBS at a time (default 4), are sampled on all processors (perf record -e cpu-clock), which
makes them slower by a fifth: what counts is the part that each piece has. Printed is, in us for each run, what was
spent in each system call of the runtime and the program, in page faults, in their own code, by the kernel's workers
for them, and by nobody. With -f it is the function of the kernel itself that counts, of workers apart. With -m, what
has grown since an earlier output, FILE.
"""
import argparse
import collections
import re
import subprocess
import sys
import tempfile

HZ, BATCH, LEAST_US, LEAST_MORE_US = 10000, 100, 5, 20
CALL = re.compile(r"__(?:x64|arm64|do|se)_sys_(\w+)")
WORKER = re.compile(r"kworker|ksoftirqd|rcu|migration|kthreadd|kcompactd|kdamond")
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
    if WORKER.match(comm):
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


def function(comm, in_kernel, stack):
    if comm in OTHERS or not in_kernel:
        return place(comm, in_kernel, stack)
    side = "worker " if WORKER.match(comm) else ""
    return side + stack[0]


def grown(times, earlier):
    """Times less those of an earlier output."""
    old = {what: float(us) for us, what in re.findall(r"^ *(\d+)  (.*)", earlier, re.M)}
    return {what: us - old.get(what, 0) for what, us in times.items()}


def samples(text):
    for block in text.split("\n\n"):
        lines = block.strip("\n").split("\n")
        if len(lines) < 2 or not lines[0].strip():
            continue
        stack = [(line.split(None, 1) + [""])[:2] for line in lines[1:]]
        yield lines[0].strip(), int(stack[0][0], 16) >> 63, [name.split("+")[0] for _, name in stack]


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("\n\n")[1])
    parser.add_argument("-n", type=int, default=1200)
    parser.add_argument("-j", type=int, default=4)
    parser.add_argument("-f", action="store_true")
    parser.add_argument("-m", type=argparse.FileType())
    parser.add_argument("command", nargs=argparse.REMAINDER)
    args = parser.parse_args()
    rounds = args.n // BATCH
    if len(args.command) < 2 or rounds < 1:
        parser.error("no TIMER, no COMMAND, or too few runs")
    timer, *command = args.command
    count = function if args.f else place
    counts = collections.Counter(count(*sample) for sample in samples(record(args.n, args.j, timer, command)))
    each = 1e6 / HZ / ((rounds + 1) * BATCH)  # one round more is the warm-up
    times = {what: n * each for what, n in counts.items()}
    times["in all"] = sum(times.values())
    print(f"us of processor time for each of {rounds * BATCH} runs, {args.j} at a time: {' '.join(command)}")
    if args.m:
        times = grown(times, args.m.read())
        print("more than before:")
    for what, us in sorted(times.items(), key=lambda item: (item[0] == "in all", -item[1])):
        if us >= (LEAST_MORE_US if args.m else LEAST_US):
            print(f"{us:7.0f}  {what}")


if __name__ == "__main__":
    main()
