#!/usr/bin/env bats
# pause.bats - runbox pause and resume, on each cgroup layout
# as: root root-systemd rootless rootless-systemd
# vm: first
load ../lib/helpers
load ../lib/layouts

setup() {
	rb_setup
	requires containers
}

# A container with a process tree that counts: a file grows as long as it runs.
start_counter() {
	make_bundle web "$@"
	args web /bin/sh -c 'while :; do echo x; /bin/true; done'
	start_bundle web
	wait_for 10 test -s "$T/web.out"
}

grew_from() { [ "$(stat -c %s "$T/web.out")" -gt "$1" ]; }

# A frozen process cannot be scheduled: its time does not go on while ours does.
assert_stopped() {
	local before i
	before=$(stat -c %s "$T/web.out")
	for ((i = 0; i < 50; i++)); do /bin/true; done
	[ "$(stat -c %s "$T/web.out")" -eq "$before" ]
}

whole_life() {
	requires busybox
	in_layout "$1"
	start_counter
	rb pause "$(cid web)"
	assert_status web paused
	assert_stopped
	fails 1 "cannot pause container $(cid web): it is paused" rb pause "$(cid web)"
	rb resume "$(cid web)"
	assert_status web running
	wait_for 10 grew_from "$(stat -c %s "$T/web.out")"
	fails 1 "cannot resume container $(cid web): it is running" rb resume "$(cid web)"
	rb delete --force "$(cid web)"
	leaks
}

@test "pause: stops, resume goes on (v1)" { whole_life v1; }
@test "pause: stops, resume goes on (v2)" { whole_life v2; }
@test "pause: stops, resume goes on (the host's own layout)" { whole_life as-is; }

killed() {
	in_layout "$1"
	make_bundle web "$2"
	args web /bin/probe fork=3 pause=1
	start_bundle web
	rb pause "$(cid web)"
	rb kill "$(cid web)" KILL
	wait_for 20 status_is web stopped
	rb delete "$(cid web)"
	# and delete --force alone
	start_bundle web
	rb pause "$(cid web)"
	rb delete --force "$(cid web)"
	leaks
}

no_pidns='.linux.namespaces |= map(select(.type != "pid")) | .mounts |= map(select(.destination != "/proc"))'

@test "pause: kill and delete of a paused container work at once (v1)" { killed v1 .; }
@test "pause: kill and delete of a paused container work at once (v2)" { killed v2 .; }
@test "pause: kill and delete of a paused container work at once (the host's own layout)" { killed as-is .; }
@test "pause: the same without a pid namespace (v1)" { killed v1 "$no_pidns"; }
@test "pause: the same without a pid namespace (v2)" { killed v2 "$no_pidns"; }
@test "pause: the same without a pid namespace (the host's own layout)" { killed as-is "$no_pidns"; }

@test "pause: a created container is paused, does not start, and is created again after resume" {
	make_bundle web
	args web /bin/probe pause=1
	create_bundle web
	rb pause "$(cid web)"
	assert_status web paused
	fails 1 "cannot start container $(cid web): it is paused" rb start "$(cid web)"
	rb resume "$(cid web)"
	assert_status web created
	rb start "$(cid web)"
	assert_status web running
}

@test "pause: exec into a paused container is refused" {
	make_bundle web
	args web /bin/probe pause=1
	start_bundle web
	rb pause "$(cid web)"
	run -255 rb exec "$(cid web)" /bin/probe exit=0
	rb resume "$(cid web)"
	rb exec "$(cid web)" /bin/probe exit=0
}

@test "pause: a stopped container and one that does not exist" {
	make_bundle web
	args web /bin/probe exit=0
	start_bundle web
	wait_status web stopped
	fails 1 "cannot pause container $(cid web): it is stopped" rb pause "$(cid web)"
	fails 1 "cannot resume container $(cid web): it is stopped" rb resume "$(cid web)"
	fails 1 "container nobody-$SUFFIX does not exist" rb pause "nobody-$SUFFIX"
}

@test "pause: without cgroups there is no freezer" {
	make_bundle web
	args web /bin/probe pause=1
	rb --cgroup-manager disabled create --bundle "$T/web" "$(cid web)" >/dev/null 2>&1 </dev/null 3>&- 4>&-
	rb start "$(cid web)"
	fails 1 "the container has no cgroup with a freezer" rb pause "$(cid web)"
	assert_status web running
}
