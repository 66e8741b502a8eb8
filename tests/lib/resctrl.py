#!/usr/bin/env python3
"""resctrl.py DIR - a resctrl file system for hosts whose processor has none, by FUSE

Mounts it on DIR, prints "ready" and serves until DIR is unmounted. It keeps the rules of the kernel's
filesystems/resctrl.rst that a runtime meets: a directory made in the top is a class with files of its own,
one made in mon_groups a monitoring group; there are three classes besides the default one; a tasks file
takes one id and moves it, into a monitoring group only from its class; a class that is removed gives its
tasks to the default one; a refused write says why in info/last_cmd_status; bandwidths are rounded up to
tens; mon_data says how many tasks a group has. It shares no code with what it tests.
"""
import ctypes
import errno
import os
import struct
import sys

CLASSES = 4
EVENTS = {"llc_occupancy": 4096, "mbm_total_bytes": 3000, "mbm_local_bytes": 2000}
INFO = {
    "L3": {"cbm_mask": "fffff", "min_cbm_bits": "1", "num_closids": str(CLASSES)},
    "MB": {"bandwidth_gran": "10", "delay_linear": "1", "min_bandwidth": "10", "num_closids": str(CLASSES)},
    "L3_MON": {"mon_features": "\n".join(EVENTS), "num_rmids": "16"},
}
DIRECT_IO = 1
IN_HEADER = struct.Struct("<IIQQIIIHH")
ATTR = struct.Struct("<QQQQQQIIIIIIIIII")


class Refused(OSError):
    def __init__(self, number, words=None):
        super().__init__(number, words)
        Node.status = words or "ok"


class Node:
    count = 0
    all = {}
    status = "ok"

    def __init__(self, kind, parent=None):
        Node.count += 1
        self.id = Node.count
        Node.all[self.id] = self
        self.kind, self.parent = kind, parent
        self.children = {}  # of a directory
        self.xattrs = {}
        self.tasks = set()  # of a class or a monitoring group
        self.l3 = {0: 0xFFFFF, 1: 0xFFFFF}
        self.mb = {0: 100, 1: 100}

    def add(self, name, kind):
        child = self.children[name] = Node(kind, self)
        return child

    def is_dir(self):
        return self.kind in ("class", "monitor", "mon_groups", "dir")


def make_class(parent, name):
    group = parent.add(name, "class") if parent else Node("class")
    group.add("tasks", "tasks")
    group.add("schemata", "schemata")
    group.add("mon_groups", "mon_groups")
    add_mon_data(group)
    return group


def add_mon_data(group):
    data = group.add("mon_data", "dir")
    for domain in (0, 1):
        cache = data.add(f"mon_L3_{domain:02}", "dir")
        for event in EVENTS:
            cache.add(event, (event, domain))


def read_event(group, event, domain):
    """Of each task as much as EVENTS says, and all of it by the first cache; the kernel's word where it cannot say"""
    if event == "mbm_local_bytes" and domain == 1:
        return "Unavailable\n"
    alive = sum(os.path.exists(f"/proc/{p}") for p in group.tasks)
    return f"{EVENTS[event] * alive * (domain == 0)}\n"


top = make_class(None, None)
info = top.add("info", "dir")
info.add("last_cmd_status", "status")
for resource, files in INFO.items():
    place = info.add(resource, "dir")
    for file in files:
        place.add(file, ("info", files[file]))


def classes():
    return [top] + [n for n in top.children.values() if n.kind == "class"]


def class_of(pid):
    return next((c for c in classes() if pid in c.tasks), top)


def read_file(node):
    owner = node.parent
    if node.kind == "tasks":
        alive = [p for p in owner.tasks if os.path.exists(f"/proc/{p}")]
        return "".join(f"{p}\n" for p in sorted(alive))
    if node.kind == "schemata":
        return (" " * 4 + "MB:" + ";".join(f"{k}={v:4}" for k, v in owner.mb.items()) + "\n"
                + " " * 4 + "L3:" + ";".join(f"{k}={v:05x}" for k, v in owner.l3.items()) + "\n")
    if node.kind[0] == "info":
        return node.kind[1] + "\n"
    if node.kind[0] in EVENTS:
        return read_event(owner.parent.parent, *node.kind)
    return {"status": Node.status + "\n"}[node.kind]


def write_tasks(owner, text):
    try:
        pid = int(text)
    except ValueError:
        raise Refused(errno.EINVAL) from None
    if pid <= 0 or not os.path.exists(f"/proc/{pid}"):
        raise Refused(errno.ESRCH, f"No task {pid}")
    if owner.kind == "monitor":
        group = owner.parent.parent
        if class_of(pid) is not group:
            raise Refused(errno.EINVAL, "Can't move task to different control group")
    else:
        group = owner
        for c in classes():
            c.tasks.discard(pid)
        group.tasks.add(pid)
    for c in classes():
        for m in c.children["mon_groups"].children.values():
            m.tasks.discard(pid)
    if owner.kind == "monitor":
        owner.tasks.add(pid)


def write_schemata(owner, text):
    if not text.endswith("\n"):
        raise Refused(errno.EINVAL)
    staged = {"L3": dict(owner.l3), "MB": dict(owner.mb)}
    for line in text.splitlines():
        name, colon, values = line.partition(":")
        name = name.strip()
        if not colon or name not in staged:
            raise Refused(errno.EINVAL, f"Unknown or unsupported resource name '{name}'")
        seen = set()
        for entry in values.split(";"):
            domain, _, value = entry.partition("=")
            try:
                domain = int(domain)
                value = int(value.strip(), 16 if name == "L3" else 10)
            except ValueError:
                raise Refused(errno.EINVAL, f"Missing or bad value of {name}") from None
            if domain not in staged[name] or domain in seen:
                raise Refused(errno.EINVAL, f"Unknown or twice named domain {domain}")
            seen.add(domain)
            if name == "L3" and not 0 < value <= 0xFFFFF:
                raise Refused(errno.EINVAL, f"Mask out of range {value:x}")
            if name == "MB":
                if not 10 <= value <= 100:
                    raise Refused(errno.EINVAL, f"MB value {value} out of range [10,100]")
                value = -(-value // 10) * 10
            staged[name][domain] = value
    owner.l3, owner.mb = staged["L3"], staged["MB"]


def make_dir(parent, name):
    if name in parent.children:
        raise OSError(errno.EEXIST, name)
    if parent is top:
        if len(classes()) == CLASSES:
            raise Refused(errno.ENOSPC, "Out of CLOSIDs")
        return make_class(parent, name)
    if parent.kind != "mon_groups":
        raise OSError(errno.EPERM, name)
    group = parent.add(name, "monitor")
    group.add("tasks", "tasks")
    add_mon_data(group)
    return group


def remove_dir(parent, name):
    node = parent.children.get(name)
    if node is None:
        raise OSError(errno.ENOENT, name)
    if node.kind not in ("class", "monitor"):
        raise OSError(errno.EPERM, name)
    if node.kind == "class":
        top.tasks |= node.tasks
    del parent.children[name]


# --- FUSE ---

def attr(node):
    links = 2 + sum(c.is_dir() for c in node.children.values()) if node.is_dir() else 1
    mode = 0o40755 if node.is_dir() else 0o100644
    return ATTR.pack(node.id, 0, 0, 0, 0, 0, 0, 0, 0, mode, links, 0, 0, 0, 4096, 0)


def entry(node):
    return struct.pack("<QQQQII", node.id, 0, 0, 0, 0, 0) + attr(node)


def listing(node):
    out = b""
    for i, (name, child) in enumerate(node.children.items()):
        raw = name.encode()
        out += struct.pack("<QQII", child.id, i + 1, len(raw), 4 if child.is_dir() else 8)
        out += raw + b"\0" * (-len(raw) % 8)
    return out


def xattr_reply(value, size):
    if size == 0:
        return struct.pack("<II", len(value), 0)
    if size < len(value):
        raise OSError(errno.ERANGE, "")
    return value


def handle(opcode, node, body):
    name = body.split(b"\0")[0].decode(errors="replace")
    if opcode == 1:  # LOOKUP
        if name not in node.children:
            raise OSError(errno.ENOENT, name)
        return entry(node.children[name])
    if opcode == 3 or opcode == 4:  # GETATTR, SETATTR: nothing to set
        return struct.pack("<QII", 0, 0, 0) + attr(node)
    if opcode == 9:  # MKDIR
        return entry(make_dir(node, body[8:].split(b"\0")[0].decode()))
    if opcode == 11:  # RMDIR
        remove_dir(node, name)
        return b""
    if opcode in (14, 27):  # OPEN, OPENDIR
        return struct.pack("<QII", 0, DIRECT_IO if opcode == 14 else 0, 0)
    if opcode in (15, 28):  # READ, READDIR
        _, offset, size = struct.unpack_from("<QQI", body)
        if opcode == 28:
            return listing(node) if offset == 0 else b""
        return read_file(node).encode()[offset:offset + size]
    if opcode == 16:  # WRITE
        _, _, size = struct.unpack_from("<QQI", body)
        text = body[40:40 + size].decode()
        Node.status = "ok"
        {"tasks": write_tasks, "schemata": write_schemata}[node.kind](node.parent, text)
        return struct.pack("<II", size, 0)
    if opcode == 17:  # STATFS
        return struct.pack("<QQQQQIIII", *[0] * 9) + b"\0" * 24
    if opcode == 21:  # SETXATTR
        size, _ = struct.unpack_from("<II", body)
        key, rest = body[8:].split(b"\0", 1)
        node.xattrs[key] = rest[:size]
        return b""
    if opcode in (22, 24):  # GETXATTR, REMOVEXATTR
        key = body[8:].split(b"\0")[0] if opcode == 22 else name.encode()
        if key not in node.xattrs:
            raise OSError(errno.ENODATA, "")
        if opcode == 24:
            del node.xattrs[key]
            return b""
        return xattr_reply(node.xattrs[key], struct.unpack_from("<I", body)[0])
    if opcode in (18, 25, 29, 34):  # RELEASE, FLUSH, RELEASEDIR, ACCESS
        return b""
    raise OSError(errno.ENOSYS, "")


def serve(fd):
    while True:
        try:
            request = os.read(fd, 1 << 17)
        except OSError as e:
            if e.errno in (errno.EINTR, errno.EAGAIN, errno.ENOENT):
                continue
            return  # ENODEV: unmounted
        _, opcode, unique, nodeid, *_ = IN_HEADER.unpack_from(request)
        body = request[IN_HEADER.size:]
        if opcode in (2, 42, 36):  # FORGET, BATCH_FORGET, INTERRUPT: no answer
            continue
        error, answer = 0, b""
        try:
            if opcode == 26:  # INIT
                answer = struct.pack("<IIIIHHIIHH", 7, 26, 65536, 0, 12, 10, 4096, 1, 0, 0) + b"\0" * 32
            elif opcode != 38:
                if nodeid not in Node.all:
                    raise OSError(errno.ESTALE, "")
                answer = handle(opcode, Node.all[nodeid], body)
        except OSError as e:
            error = e.errno
        os.write(fd, struct.pack("<IiQ", 16 + len(answer), -error, unique) + answer)


def main():
    fd = os.open("/dev/fuse", os.O_RDWR)
    libc = ctypes.CDLL(None, use_errno=True)
    data = f"fd={fd},rootmode=40000,user_id=0,group_id=0,allow_other"
    if libc.mount(b"resctrl", sys.argv[1].encode(), b"fuse", 0, data.encode()) < 0:
        sys.exit(os.strerror(ctypes.get_errno()))
    print("ready", flush=True)
    serve(fd)


main()
