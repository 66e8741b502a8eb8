#!/usr/bin/env python3
"""timeline.py - what happens when, in a run of runbox or of the floor: medians over many runs

Usage: timeline.py [-n ROUNDS] [-p MS] TIMER COMMAND...

As root, with perf(1). TIMER is the program of timer.c; "{n}" in COMMAND becomes a number that is new for each
run. Each system call of the runs is recorded (perf record -e raw_syscalls), which makes a run slower by half: what
counts is the part that each piece has. Printed are, for each process, the calls that took 20 us or more, and the
stretches of 20 us or more without one of them: many short calls, or work in the program itself. MS is a pause
before each run.
Both run under SCHED_FIFO (chrt), so that nothing else of the machine comes between.
"""
import collections
import re
import statistics
import subprocess
import sys
import tempfile

LEAST_US = 20
LINE = re.compile(r"\s*(\S+)\s+(\d+)\s+([\d.]+):\s+raw_syscalls:sys_(enter|exit): NR (-?\d+)")


def names():
    text = subprocess.run(["cc", "-E", "-dM", "-"], input="#include <sys/syscall.h>", capture_output=True, text=True,
                          check=True).stdout
    return {int(n): name for name, n in re.findall(r"#define __NR_(\w+) (\d+)", text)}


def record(rounds, pause, timer, command):
    with tempfile.NamedTemporaryFile(suffix=".data") as data:
        subprocess.run(["perf", "record", "-q", "-m", "2048", "-e", "raw_syscalls:sys_enter", "-e", "raw_syscalls:sys_exit",
                        "-o", data.name, "--", "chrt", "-f", "5", timer, "-n", str(rounds), "-p", str(pause), "-w", "3", "-t",
                        "run", "-T", *command, ";"], check=True, stdout=subprocess.DEVNULL)
        return subprocess.run(["perf", "script", "-i", data.name, "-F", "comm,tid,time,event,trace"], capture_output=True,
                              text=True, check=True).stdout


def runs(text, call):
    """The events of each run: (time in us since it began, process, name of the call, is it the end of it)"""
    run, begin, whose = [], None, {}
    for line in text.splitlines():
        m = LINE.match(line)
        if not m:
            continue
        comm, tid, time, kind, nr = m[1], m[2], float(m[3]) * 1e6, m[4], call.get(int(m[5]), m[5])
        if comm == "timer" and kind == "enter" and nr in ("clone3", "vfork", "clone"):
            if run:
                yield run
            run, begin, whose = [], time, {}
        if begin is None or (comm == "timer" and nr not in ("wait4", "execve")):
            continue
        if comm == "timer" and nr == "wait4":
            name = "timer"
        else:
            name = whose.setdefault(tid, ("runtime", "second", "third", "fourth")[min(len(whose), 3)])
        run.append((time - begin, name, nr, kind == "exit"))
    if run:
        yield run


def pieces(run):
    """(process, what, number of it) -> begin, end"""
    last, begun, seen = {}, {}, collections.Counter()
    for time, who, nr, is_end in run:
        if not is_end:
            begun[who] = (time, nr)
            continue
        since, name = begun.pop(who, (time, nr))
        if time - since < LEAST_US:
            continue
        if since - last.get(who, since) >= LEAST_US:
            seen[who, "until " + name] += 1
            yield (who, "until " + name, seen[who, "until " + name]), (last[who], since)
        seen[who, name] += 1
        yield (who, name, seen[who, name]), (since, time)
        last[who] = time


def main(args):
    rounds, pause = 150, 0
    while args[:1] in (["-n"], ["-p"]):
        if args[0] == "-n":
            rounds = int(args[1])
        else:
            pause = int(args[1])
        args = args[2:]
    if len(args) < 2:
        sys.exit(__doc__)
    times, n = collections.defaultdict(list), 0
    for run in runs(record(rounds, pause, args[0], args[1:]), names()):
        n += 1
        for what, span in pieces(run):
            times[what].append(span)
    rows = [(statistics.median(s[0] for s in spans), statistics.median(s[1] for s in spans), what)
            for what, spans in times.items() if len(spans) > n / 2]
    after = f", each {pause} ms after the last" if pause else ""
    print(f"us from the spawn, medians of {n} runs{after}: {' '.join(args[1:])}")
    print(f"{'from':>6} {'to':>6} {'takes':>6}  process  what")
    for begin, end, (who, what, _) in sorted(rows):
        print(f"{begin:6.0f} {end:6.0f} {end - begin:6.0f}  {who:8} {what}")


main(sys.argv[1:])
