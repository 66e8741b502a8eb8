#!/usr/bin/env bats
# devices.bats - devices that hang on one of the host's, and linux.netDevices, which move in and come back
# as: root
# timeout: 120
# vm: first
load ../lib/helpers
load ../lib/net

# parent: a device of the test's host with something at its other end, 10.12.0.1
parent() {
	in_host ip link add up0 type veth peer name up1
	in_host ip addr add 10.12.0.1/24 dev up1
	in_host ip link set up0 up
	in_host ip link set up1 up
}

# kind TYPE: does the kernel have such devices?
kind() {
	in_host ip link add link up0 name kind0 type "$@" 2>/dev/null || return 1
	in_host ip link del kind0
}

@test "devices: macvlan" {
	parent
	kind macvlan || skip "needs macvlan in the kernel"
	net_bundle a '{"interfaces": [{"type": "macvlan", "name": "eth0", "parent": "up0", "addresses": ["10.12.0.2/24"], "mac": "02:00:00:00:12:02"}]}'
	up a
	inside a ip link show eth0 | grep -q 02:00:00:00:12:02
	wait_for 20 reaches a 10.12.0.1
	rb delete --force "$(cid a)"
	in_host ip link del up0
	net_clean
}

@test "devices: ipvlan" {
	parent
	kind ipvlan || skip "needs ipvlan in the kernel"
	net_bundle a '{"interfaces": [{"type": "ipvlan", "name": "eth0", "parent": "up0", "mode": "l2", "addresses": ["10.12.0.2/24"]}]}'
	up a
	wait_for 20 reaches a 10.12.0.1
	rb delete --force "$(cid a)"
	in_host ip link del up0
	net_clean
}

@test "devices: vlan" {
	parent
	kind vlan id 5 || skip "needs vlan devices in the kernel"
	in_host ip link add link up1 name tag7 type vlan id 7
	in_host ip addr add 10.13.0.1/24 dev tag7
	in_host ip link set tag7 up
	net_bundle a '{"interfaces": [{"type": "vlan", "name": "eth0", "parent": "up0", "vlanId": 7, "addresses": ["10.13.0.2/24"]}]}'
	up a
	wait_for 20 reaches a 10.13.0.1
	rb delete --force "$(cid a)"
	in_host ip link del up0
	net_clean
}

@test "devices: a kind that the kernel does not have is named" {
	parent
	if kind ipvlan; then skip "this kernel has ipvlan"; fi
	net_bundle a '{"interfaces": [{"type": "ipvlan", "name": "eth0", "parent": "up0"}]}'
	run ! create_bundle a
	grep -q 'this kernel has no ipvlan devices' "$T/a.err"
}

@test "devices: netDevices move in with their addresses, and come back under their names" {
	parent
	in_host ip addr add 10.12.0.2/24 dev up0
	in_host ip addr add fd12::2/64 dev up0 nodad
	in_host ip link set up0 mtu 1300
	make_bundle a '.linux.netDevices = {"up0": {"name": "eth7"}}' '.process.args = ["/bin/busybox", "sleep", "1000"]' \
		'.process.capabilities = (["bounding", "effective", "permitted"] | map({(.): ["CAP_NET_RAW"]}) | add)'
	up a
	run ! in_host ip link show up0
	inside a ip addr show eth7 >"$T/inside"
	grep -q 'UP.*mtu 1300' "$T/inside"
	grep -q '10.12.0.2/24' "$T/inside"
	grep -q 'fd12::2/64' "$T/inside"
	wait_for 20 reaches a 10.12.0.1
	rb net show "$(cid a)" | grep -q '^eth7 '
	# also when its process died by itself
	kill -KILL "$(pid_of a)"
	wait_status a stopped
	rb delete "$(cid a)"
	in_host ip addr show up0 | grep -q 10.12.0.2/24
	in_host ip link show up0 | grep -q 'UP.*mtu 1300'
	in_host ip link del up0
	net_clean
}

@test "devices: addresses that were lost on the way are there again after delete" {
	parent
	in_host ip addr add 10.12.0.2/24 dev up0
	make_bundle a '.linux.netDevices = {"up0": {"name": "eth7"}}' '.process.args = ["/bin/busybox", "sleep", "1000"]'
	up a
	# as if who moved it had died before the addresses were given
	nsenter --net="/proc/$(pid_of a)/ns/net" ip addr flush dev eth7
	rb delete --force "$(cid a)"
	in_host ip addr show up0 | grep -q 10.12.0.2/24
	in_host ip link del up0
	net_clean
}

@test "devices: a net device that is not there, or whose name is taken, stops the create" {
	parent
	make_bundle a '.linux.netDevices = {"none0": {}}'
	run ! create_bundle a
	grep -q 'none0' "$T/a.err"
	grep -q 'linux.netDevices.none0' "$T/a.err"
	make_bundle b '.linux.netDevices = {"up0": {"name": "lo"}}'
	run ! create_bundle b
	grep -q 'has a "lo" of its own' "$T/b.err"
	net_bundle c '{"interfaces": [{"type": "veth", "name": "eth0"}]}' '.linux.netDevices = {"up0": {"name": "eth0"}}'
	run ! create_bundle c
	grep -q EEXIST "$T/c.err"
	in_host ip link show up0
	in_host ip link del up0
	net_clean
}

@test "devices: each kind's fields are checked" {
	net_bundle a '{"interfaces": [{"type": "macvlan", "name": "eth0"}]}'
	run ! create_bundle a
	grep -q 'interfaces\[0\] needs a parent' "$T/a.err"
	net_bundle a '{"interfaces": [{"type": "vlan", "name": "eth0", "parent": "up0"}]}'
	run ! create_bundle a
	grep -q 'needs a vlanId' "$T/a.err"
	net_bundle a '{"interfaces": [{"type": "macvlan", "name": "eth0", "parent": "up0", "bridge": "b"}]}'
	run ! create_bundle a
	grep -q 'bridge is for a veth' "$T/a.err"
}
