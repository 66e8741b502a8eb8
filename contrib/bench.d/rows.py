#!/usr/bin/env python3
"""rows.py - what each row of a plan takes, and where a side waits: medians over many runs of a bundle

Usage: rows.py [-n ROUNDS] [-p PAUSE_MS] TIMER RUNBOX BUNDLE

As root. TIMER is the program of timer.c. The bundle is run ROUNDS times (default 60), each one kept, after a
pause of PAUSE_MS (default 0, back to back); `runbox plan ID` has the times of its rows, which runbox takes for
every container, so nothing is slower than it is. Printed are, for each row, when it began and what it took, in us
since the first row began, and the 90th percentile of that; a row that takes longer than its work waits.
"""
import json
import statistics
import subprocess
import sys
import tempfile


def kept(rounds, pause, timer, runbox, bundle, root):
    """Runs the bundle; yields the rows of each run, and deletes it."""
    subprocess.run([timer, "-n", str(rounds), "-w", "0", "-p", str(pause), "-t", "run", "-T", runbox, "--root", root, "run", "--keep",
                    "--bundle", bundle, "rows-{n}", ";"], check=True, stdout=subprocess.DEVNULL)
    listed = subprocess.run([runbox, "--root", root, "list", "--quiet"], check=True, capture_output=True, text=True)
    for name in listed.stdout.split():
        plan = subprocess.run([runbox, "--root", root, "plan", "--format", "json", name], check=True, capture_output=True)
        subprocess.run([runbox, "--root", root, "delete", name], check=True)
        yield json.loads(plan.stdout)["steps"]


def main():
    args, rounds, pause = sys.argv[1:], 60, 0
    while len(args) > 2 and args[0] in ("-n", "-p"):
        rounds, pause = (int(args[1]), pause) if args[0] == "-n" else (rounds, int(args[1]))
        args = args[2:]
    if len(args) != 3:
        sys.exit(__doc__.split("\n\n")[1])
    with tempfile.TemporaryDirectory(dir="/dev/shm") as root:  # no disk, as the usual state root
        runs = list(kept(rounds, pause, *args, root))
    print(f"us since the first row, medians of {len(runs)} runs")
    print("row  side   began   took    90 %  what")
    for rows in zip(*runs):
        if not all(row.get("endNs") for row in rows):
            continue  # exec: nobody is left to say when it ended
        began = statistics.median(row["startNs"] for row in rows) / 1e3
        took = sorted((row["endNs"] - row["startNs"]) / 1e3 for row in rows)
        row = rows[0]
        print(f"{row['step']:3}  {row['side']:5} {began:7.0f} {statistics.median(took):6.0f} {took[len(took) * 9 // 10]:7.0f}  "
              f"{row['kind']} {row['detail'][:60]}")


if __name__ == "__main__":
    main()
