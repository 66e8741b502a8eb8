#!/usr/bin/env bats
# rootless.bats - runbox as an ordinary user of a systemd machine: subordinate ids and a delegated cgroup
#
# Unlike tests/cli/rootless.bats, which makes a throw-away uid, this runs as a real one, in a session of
# its own: `tests/vm/run-tests tests/vm/rootless.bats`.
# as: rootless

load ../lib/helpers

setup() {
	if [ "$(id -u)" -eq 0 ] || [ ! -d /run/vm ]; then skip "only as the unprivileged user of the guest"; fi
	rb_setup
	U=$(id -u)
	OWN=$(sed -n 's/^0:://p' /proc/self/cgroup)     # the cgroup of this very test
	MANAGER=/${OWN#/} MANAGER=${MANAGER%/app.slice/*} # that of the user's systemd, ours to divide
}

# user_bundle NAME [JQ...]: without a cgroup of its own, unless it is given one
user_bundle() {
	local name=$1
	shift
	make_bundle "$name" 'del(.linux.cgroupsPath)' "$@"
}

@test "subordinate ids: mapped by newuidmap, and another user of the image can be had" {
	user_bundle b '.process.user = {uid: 1000, gid: 1000, additionalGids: [5]}'
	look b ids namespaces args
	expect '[.uid, .gid, .groups]' '[1000,1000,[5]]'
	expect '.uid_map | length' 2
	leaks
}

@test "life: created, started, killed and deleted" {
	user_bundle b
	args b /bin/probe pause=1
	create_bundle b
	assert_status b created
	rb start "$(cid b)"
	assert_status b running
	rb kill "$(cid b)" KILL
	wait_status b stopped
	rb delete "$(cid b)"
	[ -z "$(rb list -q)" ]
	leaks
}

@test "state: under XDG_RUNTIME_DIR unless --root says otherwise" {
	user_bundle b
	args b /bin/probe pause=1
	export XDG_RUNTIME_DIR=/run/user/$U
	"$RUNBOX" run --detach --bundle "$T/b" "$(cid b)" >/dev/null 2>&1 </dev/null 3>&- 4>&-
	[ -d "$XDG_RUNTIME_DIR/runbox/$(cid b)" ]
	"$RUNBOX" delete --force "$(cid b)"
	[ ! -e "$XDG_RUNTIME_DIR/runbox/$(cid b)" ]
	leaks
}

@test "cgroup: made below the user's own, and removed" {
	user_bundle b ".linux.cgroupsPath = \"$MANAGER/rbt-$SUFFIX/b\""
	args b /bin/probe fork=2 pause=1
	start_bundle b
	[ -d "/sys/fs/cgroup$MANAGER/rbt-$SUFFIX/b" ]
	grep -q "rbt-$SUFFIX/b" "/proc/$(pid_of b)/cgroup"
	wait_for 10 sh -c "[ \$(wc -l <'/sys/fs/cgroup$MANAGER/rbt-$SUFFIX/b/cgroup.procs') -eq 3 ]"
	rb delete --force "$(cid b)"
	leaks
}

@test "cgroup: limits are set by delegation" {
	user_bundle b ".linux.cgroupsPath = \"$MANAGER/rbt-$SUFFIX/b\"
		| .linux.resources = {memory: {limit: 33554432}, pids: {limit: 20}, cpu: {quota: 50000, period: 100000}}"
	args b /bin/probe pause=1
	start_bundle b
	cd "/sys/fs/cgroup$MANAGER/rbt-$SUFFIX/b"
	[ "$(cat memory.max pids.max cpu.max | xargs)" = "33554432 20 50000 100000" ]
	cd /
	rb delete --force "$(cid b)"
	leaks
}

# its root owns the cgroup, and with it the marks that an ordinary user can set
@test "cgroup: a container that takes runbox's mark away is deleted whole" {
	user_bundle b ".linux.cgroupsPath = \"$MANAGER/rbt-$SUFFIX/b\" | .linux.namespaces |= map(select(.type != \"pid\"))
		| .mounts |= map(if .destination == \"/proc\" then {destination, type: \"bind\", source: \"/proc\", options: [\"rbind\"]} else . end)"
	args b /bin/probe fork=2 pause=1
	start_bundle b
	python3 -c 'import os, sys; os.removexattr(sys.argv[1], "user.runbox")' "/sys/fs/cgroup$MANAGER/rbt-$SUFFIX/b"
	rb delete --force "$(cid b)"
	leaks
}

@test "cgroup: that of the machine is refused, and nothing is left" {
	user_bundle b ".linux.cgroupsPath = \"/rbt-$SUFFIX\""
	run -1 rb run --bundle "$T/b" "$(cid b)"
	[ "${#lines[@]}" -le 2 ]
	leaks
}

@test "spec --rootless: what it writes runs" {
	mkdir "$T/b"
	cp -al "$(base_rootfs)" "$T/b/rootfs"
	rb spec --rootless --bundle "$T/b"
	edit_bundle b '.process.terminal = false'
	look b ids namespaces args
	expect '[.uid, .pid]' '[0,1]'
	leaks
}

@test "fail: a missing program leaves nothing behind" {
	user_bundle b ".linux.cgroupsPath = \"$MANAGER/rbt-$SUFFIX/b\""
	args b /bin/nothing
	run -1 rb run --bundle "$T/b" "$(cid b)"
	leaks
}
