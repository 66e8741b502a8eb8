#!/usr/bin/env python3
"""onpty.py - runs a command on a terminal of its own

Usage: onpty.py ROWSxCOLS [--resize ROWSxCOLS] [--type TEXT] [--after TEXT] -- COMMAND...
Prints what the terminal says and ends with the command's exit status. With --resize or --type the
terminal is resized, the text typed, once the output holds the text of --after.
"""
import argparse
import fcntl
import os
import pty
import signal
import struct
import sys
import termios


def set_size(fd, size):
    rows, cols = (int(n) for n in size.split("x"))
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("size")
    parser.add_argument("--resize")
    parser.add_argument("--type", default="")
    parser.add_argument("--after", default="")
    parser.add_argument("command", nargs="+")
    opts = parser.parse_args()
    signal.alarm(30)
    pid, master = pty.fork()
    if pid == 0:
        set_size(0, opts.size)
        os.execvp(opts.command[0], opts.command)
    seen, done = b"", False
    while True:
        try:
            text = os.read(master, 4096)
        except OSError:
            break
        if not text:
            break
        seen += text
        if not done and opts.after.encode() in seen and (opts.resize or opts.type):
            done = True
            if opts.resize:
                set_size(master, opts.resize)
            os.write(master, opts.type.encode())
    sys.stdout.buffer.write(seen)
    sys.stdout.flush()
    status = os.waitpid(pid, 0)[1]
    sys.exit(os.waitstatus_to_exitcode(status))


main()
