#!/usr/bin/env bats
# check.bats - is the guest the whole machine that other tests take it for?
#
# Run in the guest by tests/vm/suite.sh before all else, or alone:
#     tests/vm/run-tests --as root tests/vm/check.bats
# as: root

bats_require_minimum_version 1.5.0

cg=/sys/fs/cgroup

setup() {
	[ "$(id -u)" -eq 0 ] || skip "needs root"
	[ -d /run/vm ] || skip "only inside the guest of tests/vm"
}

# as_user COMMAND...: as the unprivileged user
as_user() {
	runuser -u rootless -- env XDG_RUNTIME_DIR=/run/user/1000 \
		DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/1000/bus "$@"
}

@test "guest: systemd is pid 1 and all its units are well" {
	[ "$(cat /proc/1/comm)" = systemd ]
	[ "$(systemctl is-system-running)" = running ]
}

@test "guest: pure cgroup v2" {
	[ "$(stat -fc %T $cg)" = cgroup2fs ]
	run ! grep ' cgroup ' /proc/mounts
}

@test "guest: every controller can be given to a child" {
	mkdir $cg/check-guest
	for c in cpuset cpu io memory hugetlb pids rdma misc; do
		echo "+$c" >$cg/cgroup.subtree_control || echo "no controller $c" >&2
		grep -qw "$c" $cg/check-guest/cgroup.controllers || missing+=" $c"
	done
	for f in memory.max pids.max cpu.max cpuset.cpus io.max hugetlb.2MB.max rdma.max cgroup.kill \
		cgroup.freeze; do
		[ -e "$cg/check-guest/$f" ] || missing+=" $f"
	done
	rmdir $cg/check-guest
	[ -z "${missing:-}" ] || { echo "missing:$missing" >&2; false; }
}

@test "guest: a CPU quota can come and go" {
	mkdir $cg/check-quota
	for _ in {1..50}; do
		echo "50000 100000" >$cg/check-quota/cpu.max
		echo max >$cg/check-quota/cpu.max
	done
	rmdir $cg/check-quota
}

@test "guest: all capabilities, and limits may be raised" {
	all=$(((1 << ($(cat /proc/sys/kernel/cap_last_cap) + 1)) - 1))
	[ $((0x$(sed -n 's/^CapEff:\t//p' /proc/self/status))) -eq $all ]
	bash -c 'ulimit -n 2000 && ulimit -Hn 4000'
}

@test "guest: AppArmor confines" {
	echo "profile check-guest { file, capability, deny /proc/version r, }" | apparmor_parser -r
	run aa-exec -p check-guest -- cat /proc/self/attr/current
	[[ $output = "check-guest (enforce)" ]]
	run ! aa-exec -p check-guest -- cat /proc/version
	echo "profile check-guest {}" | apparmor_parser -R
}

@test "guest: veth, bridge, dummy, macvlan and netem" {
	unshare -n sh -ec 'ip link set lo up
		ip link add v0 type veth peer name v1
		ip link add br0 type bridge
		ip link add d0 type dummy
		ip link add m0 link d0 type macvlan
		tc qdisc add dev lo root netem delay 20ms
		ping -c 1 127.0.0.1' | grep -q 'time=[4-9][0-9]'
}

@test "guest: the user has subordinate ids and may make user namespaces" {
	[ "$(as_user unshare -U --map-root-user --map-auto sh -c 'wc -l </proc/self/uid_map')" -eq 2 ]
}

@test "guest: the user has a systemd of its own with delegated controllers" {
	loginctl enable-linger rootless
	for _ in {1..240}; do
		[ ! -S /run/user/1000/bus ] || break
		sleep 0.25
	done
	as_user systemctl --user is-system-running --wait
	controllers=$(cat $cg/user.slice/user-1000.slice/user@1000.service/cgroup.controllers)
	[ "$controllers" = "cpuset cpu io memory pids" ]
}

@test "guest: overlay, loop devices, fuse, tun and huge pages" {
	mkdir -p "$BATS_TEST_TMPDIR"/{l,u,w,m}
	cd "$BATS_TEST_TMPDIR"
	mount -t overlay o -o lowerdir=l,upperdir=u,workdir=w m
	umount m
	truncate -s 16M image
	mkfs.ext4 -q image
	mount -o loop image m
	umount m
	[ -c /dev/fuse ] && [ -c /dev/net/tun ] && [ -c /dev/kmsg ]
	echo 8 >/proc/sys/vm/nr_hugepages
	grep -q 'HugePages_Total: *8' /proc/meminfo
	echo 0 >/proc/sys/vm/nr_hugepages
}

@test "guest: the kernel has not complained" {
	run ! grep -E 'WARNING:|BUG:|Oops|stall|lockup' <(dmesg)
}
