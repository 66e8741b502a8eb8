#!/usr/bin/env python3
"""stuck.py DIR - a file system by FUSE whose file is never opened: whoever tries cannot be frozen or killed

Mounts it on DIR, prints "ready" and serves DIR/file until it is killed, which ends the waiting too. Each
process that tries to open the file is told by a line "waiting".
"""
import ctypes
import errno
import os
import struct
import sys

HEADER = struct.Struct("<IIQQIIIHH")


def attr(inode):
    mode = 0o40755 if inode == 1 else 0o100644
    return struct.pack("<QQQQQQIIIIIIIIII", inode, 0, 0, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0)


def answer(opcode, inode, body):
    if opcode == 26:  # INIT
        return struct.pack("<IIIIHHIIHH", 7, 26, 65536, 0, 12, 10, 4096, 1, 0, 0) + b"\0" * 32
    if opcode == 1:  # LOOKUP
        if inode != 1 or body.split(b"\0")[0] != b"file":
            raise OSError(errno.ENOENT, "")
        return struct.pack("<QQQQII", 2, 0, 0, 0, 0, 0) + attr(2)
    if opcode == 3:  # GETATTR
        return struct.pack("<QII", 0, 0, 0) + attr(inode)
    if opcode == 17:  # STATFS
        return b"\0" * 80
    if opcode in (27, 29):  # OPENDIR, RELEASEDIR
        return b"\0" * 16 if opcode == 27 else b""
    if opcode == 28:  # READDIR
        return b""
    raise OSError(errno.ENOSYS, "")


def main():
    fd = os.open("/dev/fuse", os.O_RDWR)
    libc = ctypes.CDLL(None, use_errno=True)
    data = f"fd={fd},rootmode=40000,user_id=0,group_id=0,allow_other"
    if libc.mount(b"stuck", sys.argv[1].encode(), b"fuse", 0, data.encode()) < 0:
        sys.exit(os.strerror(ctypes.get_errno()))
    print("ready", flush=True)
    while True:
        try:
            request = os.read(fd, 1 << 17)
        except OSError as e:
            if e.errno == errno.ENODEV:
                return
            continue
        _, opcode, unique, inode, *_ = HEADER.unpack_from(request)
        if opcode == 14:  # OPEN
            print("waiting", flush=True)
        if opcode in (2, 14, 36, 42):  # FORGET, OPEN, INTERRUPT, BATCH_FORGET: none
            continue
        error, out = 0, b""
        try:
            out = answer(opcode, inode, request[HEADER.size:])
        except OSError as e:
            error = e.errno
        os.write(fd, struct.pack("<IiQ", 16 + len(out), -error, unique) + out)


main()
