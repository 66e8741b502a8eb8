#!/usr/bin/env python3
"""notify.py - the other end of linux.seccomp.listenerPath

Usage: notify.py SOCKET ERRNO [COUNT]
Makes SOCKET, prints "listening", then for each of COUNT (1) connections: takes one message, prints it as one
line of JSON with the number of descriptors that came as "got_fds", and a process of its own answers system
calls with ERRNO until those with the filter are gone; ERRNO "wait": lets a call go on once SOCKET.go is there. Source: config-linux.md "The Container Process State", seccomp_unotify(2).
"""
import array
import errno
import fcntl
import json
import os
import select
import signal
import socket
import struct
import sys
import time

# seccomp_unotify(2): struct seccomp_notif (id, pid, flags, struct seccomp_data) and _resp (id, val, error, flags)
NOTIF = struct.Struct("=QIIiIQ6Q")
RESP = struct.Struct("=QqiI")
RECV = 0xC0502100  # _IOWR('!', 0, struct seccomp_notif)
SEND = 0xC0182101  # _IOWR('!', 1, struct seccomp_notif_resp)


CONTINUE = 1  # SECCOMP_USER_NOTIF_FLAG_CONTINUE


def verdict(number):
    """Return: error and flags of an answer"""
    if number != "wait":
        return -int(number), 0
    while not os.path.exists(sys.argv[1] + ".go"):
        time.sleep(0.01)
    return 0, CONTINUE


def answer(fd, number):
    """Until POLLHUP: the last process with the filter has ended."""
    poller = select.poll()
    poller.register(fd, select.POLLIN)
    while True:
        events = poller.poll()[0][1]
        if not events & select.POLLIN:
            return
        call = bytearray(NOTIF.size)
        try:
            fcntl.ioctl(fd, RECV, call)
            fcntl.ioctl(fd, SEND, RESP.pack(NOTIF.unpack(call)[0], 0, *verdict(number)))
        except OSError as e:
            if e.errno != errno.ENOENT:  # the caller was killed meanwhile
                raise


def main():
    signal.alarm(30)
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    server.bind(sys.argv[1])
    server.listen(4)
    print("listening", flush=True)
    for _ in range(int(sys.argv[3]) if len(sys.argv) > 3 else 1):
        conn, _ = server.accept()
        data, ancillary, _, _ = conn.recvmsg(65536, socket.CMSG_SPACE(4 * 8))
        fds = array.array("i")
        for level, kind, payload in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                fds.frombytes(payload)
        state = json.loads(data)
        state["got_fds"] = len(fds)
        print(json.dumps(state), flush=True)
        if os.fork() == 0:
            signal.alarm(30)
            answer(fds[0], sys.argv[2])
            os._exit(0)
        os.close(fds[0])


main()
