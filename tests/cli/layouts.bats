#!/usr/bin/env bats
# layouts.bats - the three cgroup layouts, each as a private mount namespace shows it on this host
# vm: first
load ../lib/helpers
load ../lib/layouts

setup() {
	rb_setup
	requires root unshare
}

# life LAYOUT: the whole life of a container, with a process tree and no pid namespace to hold it
life() {
	needs_layout "$1"
	make_bundle web '.linux.namespaces |= map(select(.type != "pid")) | .mounts |= map(select(.destination != "/proc"))'
	args web /bin/probe fork=3 pause=1
	under "$1" "${RB[@]}" create --bundle "$T/web" "$(cid web)" >"$T/out" 2>&1 </dev/null 3>&- 4>&- || {
		cat "$T/out" >&2
		return 1
	}
	[ -n "$(left_cgroups)" ]
	under "$1" "${RB[@]}" start "$(cid web)"
	wait_for 20 sh -c "[ \$(cat \"/proc/$(pid_of web)/task/$(pid_of web)/children\" | wc -w) -eq 3 ]"
	[ "$(under "$1" "${RB[@]}" ps --format json "$(cid web)" | jq length)" -eq 4 ]
	under "$1" "${RB[@]}" state "$(cid web)" | jq -e '.status == "running"'
	run -1 under "$1" "${RB[@]}" delete "$(cid web)"
	under "$1" "${RB[@]}" delete --force "$(cid web)"
	leaks
}

@test "layouts: v1" { life v1; }
@test "layouts: v2" { life v2; }
@test "layouts: the host's own" { life as-is; }

@test "layouts: devices are denied on v2 too" {
	needs_layout v2
	make_bundle web '.linux.devices = [{"path": "/dev/blk", "type": "b", "major": 7, "minor": 1}]'
	args web /bin/probe try=/dev/blk try=/dev/null
	SEEN=$(under v2 "${RB[@]}" run --bundle "$T/web" "$(cid web)")
	expect '.try."/dev/blk".open' 1
	expect '.try."/dev/null" | [.open, .write]' '[0,0]'
	leaks
}

@test "layouts: no cgroups at all, with --cgroup-manager disabled" {
	make_bundle web
	args web /bin/probe exit=0
	unshare -m --propagation private sh -c 'umount -R /sys/fs/cgroup && exec "$@"' sh \
		"$RUNBOX" --root "$ROOT" --cgroup-manager disabled run --bundle "$T/web" "$(cid web)"
	leaks
}

@test "layouts: in another container's cgroup namespace, and exec there" {
	make_bundle a
	args a /bin/probe pause=1
	start_bundle a
	make_bundle b ".linux.namespaces |= map(if .type == \"cgroup\" then .path = \"/proc/$(pid_of a)/ns/cgroup\" else . end)"
	args b /bin/probe pause=1
	start_bundle b
	[ "$(readlink "/proc/$(pid_of b)/ns/cgroup")" = "$(readlink "/proc/$(pid_of a)/ns/cgroup")" ]
	grep -q "$CGROUP_END\$" "/proc/$(pid_of b)/cgroup"
	rb exec "$(cid b)" /bin/probe exit=0
	rb exec "$(cid a)" /bin/probe exit=0
}

# slow_host LAYOUT: the rules of devices take the host side 0.1 s, after "deny all" on v1, when the child has come to its
# devices. It makes them, which a list that is half written denies; what is denied in the end is that from the
# first moment on
slow_host() {
	local words=(-e trace=bpf -e inject=bpf:delay_enter=100000) row
	needs_layout "$1"
	requires strace
	make_bundle web '.linux.devices = [{"path": "/dev/blk", "type": "b", "major": 7, "minor": 1}]'
	[ -e /sys/fs/cgroup/devices ] && [ "$1" != v2 ] &&
		words=(-e trace=write -P "/sys/fs/cgroup/devices$CGROUP_END/devices.deny" -e inject=write:delay_exit=100000)
	args web /bin/probe mounts try=/dev/blk try=/dev/null
	row=$(under "$1" "${RB[@]}" plan --run --bundle "$T/web" --format json | jq '[.steps[] | select(.kind == "device")][0].step')
	SEEN=$(RUNBOX_FAULT=slow:create:$row under "$1" strace -qq -o "$T/trace" "${words[@]}" \
		"${RB[@]}" run --bundle "$T/web" "$(cid web)")
	grep -q DELAYED "$T/trace"
	jq -e '[.mounts[].dest | select(test("^/dev/(null|zero|full|tty|u?random|blk)$"))] == []' <<<"$SEEN"
	expect '.try."/dev/blk".open' 1
	expect '.try."/dev/null" | [.open, .write]' '[0,0]'
	leaks
}

@test "layouts: devices of a slow host side (as it is)" { slow_host as-is; }
@test "layouts: devices of a slow host side (v1)" { slow_host v1; }
@test "layouts: devices of a slow host side (v2)" { slow_host v2; }

# an engine may be in a cgroup that denies mknod; devices are made in the container's own
@test "layouts: devices of a caller who may not make any (v1)" {
	local caller=/sys/fs/cgroup/devices/rbt-caller-$SUFFIX rule
	needs_layout v1
	[ -e /sys/fs/cgroup/devices/devices.list ] || skip "needs the devices controller on cgroup v1"
	mkdir "$caller"
	echo a >"$caller/devices.deny"
	for rule in "c 1:3 rw" "c 1:5 rw" "c 1:7 rw" "c 1:8 rw" "c 1:9 rw" "c 5:0 rw" "c 5:2 rw" "c 136:* rw"; do
		echo "$rule" >"$caller/devices.allow"
	done
	make_bundle web
	args web /bin/probe mounts
	SEEN=$(echo "$BASHPID" >"$caller/tasks" && under v1 "${RB[@]}" run --bundle "$T/web" "$(cid web)") || echo failed
	rmdir "$caller"
	jq -e '[.mounts[].dest | select(test("^/dev/(null|zero|full|tty|u?random)$"))] == []' <<<"$SEEN"
	leaks
}
