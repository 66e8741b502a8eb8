#!/usr/bin/env python3
"""tcp.py - the other end of a test's connections

tcp.py ask ADDRESS PORT          prints what is answered
tcp.py send ADDRESS PORT SECONDS sends as much as goes
tcp.py receive PORT SECONDS      prints the bits a second that arrived, once the first has
tcp.py rtt ADDRESS PORT COUNT    milliseconds that COUNT connections took, the median
"""
import socket
import statistics
import sys
import time

LIMIT = 20


def ask(address, port):
    with socket.create_connection((address, int(port)), LIMIT) as sock:
        sock.settimeout(LIMIT)
        while chunk := sock.recv(4096):
            sys.stdout.write(chunk.decode())


def send(address, port, seconds):
    end = time.monotonic() + float(seconds)
    with socket.create_connection((address, int(port)), LIMIT) as sock:
        sock.settimeout(LIMIT)
        while time.monotonic() < end:
            sock.send(bytes(65536))


def receive(port, seconds):
    with socket.create_server(("0.0.0.0", int(port))) as server:
        print("ready", flush=True)
        server.settimeout(LIMIT)
        sock, _ = server.accept()
        sock.settimeout(LIMIT)
        # the first half second: the bucket is full, and TCP finds its pace
        begin = time.monotonic()
        while time.monotonic() - begin < 0.5:
            sock.recv(65536)
        begin, total = time.monotonic(), 0
        while (now := time.monotonic()) - begin < float(seconds):
            total += len(sock.recv(65536))
        print(int(total * 8 / (now - begin)))
        sock.close()


def rtt(address, port, count):
    times = []
    for _ in range(int(count)):
        begin = time.monotonic()
        socket.create_connection((address, int(port)), LIMIT).close()
        times.append((time.monotonic() - begin) * 1000)
    print(round(statistics.median(times), 1))


{"ask": ask, "send": send, "receive": receive, "rtt": rtt}[sys.argv[1]](*sys.argv[2:])
