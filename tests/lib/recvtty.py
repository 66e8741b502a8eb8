#!/usr/bin/env python3
"""recvtty.py - the other end of --console-socket and --pidfd-socket

Usage: recvtty.py SOCKET [--pidfd]
Makes SOCKET, prints "listening", takes one connection and one message. With a terminal: prints a
JSON line {"bytes": payload length, "fds": count, "tty": bool}, then all that the terminal says
until its other end is closed. With --pidfd: the JSON line also has the "pid" of the descriptor.
"""
import array
import json
import os
import signal
import socket
import sys


def main():
    signal.alarm(30)
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    server.bind(sys.argv[1])
    server.listen(1)
    print("listening", flush=True)
    conn, _ = server.accept()
    data, ancillary, _, _ = conn.recvmsg(4096, socket.CMSG_SPACE(4 * 8))
    fds = array.array("i")
    for level, kind, payload in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(payload[: len(payload) - len(payload) % fds.itemsize])
    seen = {"bytes": len(data), "fds": len(fds), "tty": bool(fds) and os.isatty(fds[0])}
    if "--pidfd" in sys.argv and fds:
        with open(f"/proc/self/fdinfo/{fds[0]}", encoding="ascii") as info:
            seen["pid"] = [int(line.split()[1]) for line in info if line.startswith("Pid:")][0]
    print(json.dumps(seen), flush=True)
    while seen["tty"]:
        try:
            text = os.read(fds[0], 4096)
        except OSError:  # EIO: the slave is closed
            break
        if not text:
            break
        sys.stdout.write(text.decode("utf-8", "replace"))
        sys.stdout.flush()


main()
