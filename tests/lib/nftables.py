#!/usr/bin/env python3
"""nftables.py - prints the tables of nftables in this network namespace, one a line: family and name."""
import socket
import struct

NETLINK_NETFILTER, NFT_MSG_GETTABLE, NLM_F_DUMP = 12, 10 << 8 | 1, 0x301
FAMILIES = {1: "inet", 2: "ip", 7: "bridge", 10: "ip6"}


def tables():
    sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
    sock.send(struct.pack("=IHHII", 20, NFT_MSG_GETTABLE, NLM_F_DUMP, 1, 0) + struct.pack("=BBH", 0, 0, 0))
    while True:
        data = sock.recv(65536)
        while data:
            length, kind = struct.unpack_from("=IH", data)
            if kind in (2, 3):  # NLMSG_ERROR, NLMSG_DONE
                return
            family, body = data[16], data[20:length]
            while len(body) >= 4:
                size, attr = struct.unpack_from("=HH", body)
                if attr & 0x3FFF == 1:  # NFTA_TABLE_NAME
                    yield FAMILIES.get(family, str(family)), body[4:size].rstrip(b"\0").decode()
                body = body[(size + 3) & ~3:]
            data = data[(length + 3) & ~3:]


for family, name in tables():
    print(family, name)
