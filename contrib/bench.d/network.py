#!/usr/bin/env python3
"""network.py - a container with a network, made by runbox, by ip(8) and by the bridge plugin of CNI

Usage: network.py RUNBOX [ROUNDS]. Medians in milliseconds, interleaved, in a network namespace of its own.
In each case the bridge is there already, and the container gets a veth pair into it, a free address and a
default route; ip(8) and CNI get a container that runbox made without a network. Needs root, Debian's
busybox-static, iproute2 and containernetworking-plugins. State is kept on a tmpfs, as /run is.
"""
import ctypes
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

CLONE_NEWNET = 0x40000000
CNI = "/usr/lib/cni"
NAMESPACES = ["pid", "mount", "ipc", "uts", "network", "cgroup"]


def call(*args, **more):
    subprocess.run(args, check=True, stdin=subprocess.DEVNULL if "input" not in more else None,
                   stdout=subprocess.DEVNULL, **more)


class Bench:
    def __init__(self, runbox, top):
        self.runbox, self.top, self.root, self.made = runbox, top, top + "/state", []
        self.plain = self.bundle("plain", None)
        self.net = self.bundle("net", {"interfaces": [{
            "type": "veth", "name": "eth0", "bridge": "rb-bench", "addresses": ["auto"],
            "hostAddresses": ["10.90.0.1/16"], "gateway": "10.90.0.1"}]})
        self.conf = json.dumps({
            "cniVersion": "0.4.0", "name": "bench", "type": "bridge", "bridge": "cni-bench",
            "isGateway": True, "ipMasq": False, "ipam": {
                "type": "host-local", "dataDir": top + "/cni", "ranges": [[{"subnet": "10.92.0.0/16"}]],
                "routes": [{"dst": "0.0.0.0/0"}]}})

    def bundle(self, name, network):
        path = f"{self.top}/{name}"
        for d in ("bin", "dev", "etc", "proc"):
            os.makedirs(f"{path}/rootfs/{d}")
        shutil.copy(shutil.which("busybox"), f"{path}/rootfs/bin/busybox")
        config = {
            "ociVersion": "1.0.2", "root": {"path": "rootfs"},
            "process": {"user": {"uid": 0, "gid": 0}, "cwd": "/", "args": ["/bin/busybox", "sleep", "1000"]},
            "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}],
            "linux": {"namespaces": [{"type": t} for t in NAMESPACES]}}
        if network:
            config["runbox"] = {"network": network}
        with open(path + "/config.json", "w", encoding="utf-8") as f:
            json.dump(config, f)
        return path

    def create(self, bundle, name):
        call(self.runbox, "--root", self.root, "create", "--bundle", bundle, name)
        self.made.append(name)

    def delete(self, name):
        call(self.runbox, "--root", self.root, "delete", "--force", name)
        self.made.remove(name)

    def pid(self, name):
        text = subprocess.check_output([self.runbox, "--root", self.root, "state", name])
        return json.loads(text)["pid"]

    def by_ip(self, pid, k):
        call("ip", "link", "add", f"h{k}", "type", "veth", "peer", "name", f"c{k}")
        call("ip", "link", "set", f"h{k}", "master", "ip-bench")
        call("ip", "link", "set", f"h{k}", "up")
        call("ip", "link", "set", f"c{k}", "netns", str(pid))
        for args in (["link", "set", f"c{k}", "name", "eth0"],
                     ["addr", "add", f"10.91.{k // 250}.{k % 250 + 2}/16", "dev", "eth0"],
                     ["link", "set", "eth0", "up"], ["route", "add", "default", "via", "10.91.0.1"]):
            call("nsenter", f"--net=/proc/{pid}/ns/net", "ip", *args)

    def by_cni(self, pid, name, command="ADD"):
        call(CNI + "/bridge", input=self.conf, text=True, env={
            "CNI_COMMAND": command, "CNI_CONTAINERID": name, "CNI_NETNS": f"/proc/{pid}/ns/net",
            "CNI_IFNAME": "eth0", "CNI_PATH": CNI, "PATH": os.environ["PATH"]})

    def round(self, k, times):
        def timed(what, function, *args):
            begin = time.perf_counter()
            function(*args)
            times.setdefault(what, []).append((time.perf_counter() - begin) * 1000)

        timed("create", self.create, self.plain, f"bench-p{k}")
        timed("create with network", self.create, self.net, f"bench-n{k}")
        timed("ip", self.by_ip, self.pid(f"bench-p{k}"), k)
        if os.path.exists(CNI + "/bridge"):
            self.create(self.plain, f"bench-c{k}")
            pid = self.pid(f"bench-c{k}")
            timed("cni", self.by_cni, pid, f"bench-c{k}")
            self.by_cni(pid, f"bench-c{k}", "DEL")
            self.delete(f"bench-c{k}")
        timed("delete with network", self.delete, f"bench-n{k}")
        self.delete(f"bench-p{k}")

    def at_once(self, n):
        names = [f"bench-a{k}" for k in range(n)]
        begin = time.perf_counter()
        running = [subprocess.Popen([self.runbox, "--root", self.root, "create", "--bundle", self.net, name],
                                    stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) for name in names]
        self.made += names
        good = sum(p.wait() == 0 for p in running)
        took = (time.perf_counter() - begin) * 1000
        with open(self.root + "/@net/leases", encoding="utf-8") as f:
            keys = [line.split("\t")[1] for line in f if line.startswith("addr")]
        print(f"{n} creates at once: {good} good in {took:.0f} ms, {len(set(keys))} different addresses")


def report(times):
    m = {what: statistics.median(v) for what, v in times.items()}
    for what, ms in m.items():
        print(f"{what:22} {ms:8.2f} ms")
    network = m["create with network"] - m["create"]
    print(f"network alone: runbox {network:.2f} ms", end="")
    for peer in ("ip", "cni"):
        if peer in m:
            print(f", {peer} {m[peer]:.2f} ms ({m[peer] / network:.1f} times as long)", end="")
    print()


def main():
    runbox, rounds = os.path.realpath(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 25
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET) != 0:
        sys.exit("network.py: needs root, for a network namespace of its own")
    call("ip", "link", "set", "lo", "up")
    call("ip", "link", "add", "ip-bench", "type", "bridge")
    call("ip", "addr", "add", "10.91.0.1/16", "dev", "ip-bench")
    call("ip", "link", "set", "ip-bench", "up")
    top = tempfile.mkdtemp(prefix="runbox-bench-", dir="/dev/shm")
    bench, times = Bench(runbox, top), {}
    try:
        bench.create(bench.net, "bench-first")
        for k in range(rounds):
            bench.round(k, times)
        report(times)
        bench.at_once(50)
    finally:
        for name in list(bench.made):
            bench.delete(name)
        shutil.rmtree(top)


main()
