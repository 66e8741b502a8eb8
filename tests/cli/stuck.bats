#!/usr/bin/env bats
# stuck.bats - a process that cannot be stopped: named by whoever tries, and nothing stays frozen
#
# It waits for a file system (tests/lib/stuck.py) that has its request and does not answer.
# as: root root-systemd
# timeout: 200
# vm: first
load ../lib/helpers
load ../lib/layouts

setup() {
	rb_setup
	requires root busybox python3
	[ -c /dev/fuse ] || skip "needs /dev/fuse"
	mkdir "$T/stuck"
	python3 "$LIB/stuck.py" "$T/stuck" >"$T/stuck.out" 2>&1 3>&- 4>&- &
	SERVER=$!
	wait_for 10 grep -q ready "$T/stuck.out" || skip "cannot mount by FUSE: $(cat "$T/stuck.out")"
}

# Whoever waits is let go when the server dies.
release() {
	kill -KILL "$SERVER" 2>/dev/null || true
	wait "$SERVER" 2>/dev/null || true
	umount -l "$T/stuck" 2>/dev/null || true
}

teardown() {
	[ -z "${SERVER:-}" ] || release
	rb_teardown
}

# start_stuck: a container that counts in a file, and has a child that waits, after one that sleeps
start_stuck() {
	# shellcheck disable=SC2016 # jq's
	make_bundle web '.mounts += [{"destination": "/mnt", "type": "none", "source": ($bundle + "/../stuck"), "options": ["rbind"]}]' "$@"
	args web /bin/sh -c 'sleep 600 & cat /mnt/file & while :; do echo x; /bin/true; done'
	start_bundle web
	wait_for 10 grep -q waiting "$T/stuck.out"
	wait_for 10 test -s "$T/web.out"
}

grew_from() { [ "$(stat -c %s "$T/web.out")" -gt "$1" ]; }

# the pid of the child, as the host sees it
child() {
	local pid
	for pid in $(rb ps --format json "$(cid web)" | jq '.[]'); do
		if grep -qzx /mnt/file "/proc/$pid/cmdline" 2>/dev/null; then echo "$pid"; fi
	done
}

unpaused() {
	in_layout "$1"
	start_stuck
	local pid
	pid=$(child)
	run -1 rb pause "$(cid web)"
	[[ $output = *"freeze the cgroup "*": process $pid does not stop: "*"timed out"*ETIMEDOUT* ]]
	assert_status web running
	wait_for 10 grew_from "$(stat -c %s "$T/web.out")"
	release
	rb pause "$(cid web)"
	assert_status web paused
	rb delete --force "$(cid web)"
	leaks
}

@test "stuck: a pause that fails says why, and leaves nothing frozen (v2)" { unpaused v2; }
@test "stuck: a pause that fails says why, and leaves nothing frozen (v1)" { unpaused v1; }
@test "stuck: a pause that fails says why, and leaves nothing frozen (the host's own layout)" { unpaused as-is; }

@test "stuck: kill --all and delete name a process that will not die, and come to an end" {
	start_stuck '.linux.namespaces |= map(select(.type != "pid")) | .mounts |= map(select(.destination != "/proc"))'
	local pid
	pid=$(child)
	run -1 rb kill --all "$(cid web)" KILL
	[[ $output = *"process $pid (state D, waiting in "*") will not die"* ]]
	wait_status web stopped
	run -1 rb delete --force "$(cid web)"
	[[ $output = *"process $pid (state D, waiting in "*") will not die"* ]]
	# nothing was given up: once it can go, delete does its work
	release
	wait_for 10 gone "$pid"
	rb delete --force "$(cid web)"
	leaks
}
