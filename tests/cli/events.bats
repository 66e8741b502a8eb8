#!/usr/bin/env bats
# events.bats - runbox events: what a container uses, and when it runs out of memory
# as: root root-systemd rootless rootless-systemd
# vm: first
load ../lib/helpers
load ../lib/layouts

setup() {
	rb_setup
	requires containers
}

start_web() {
	make_bundle web "$@"
	args web /bin/probe fork=2 pause=1
	start_bundle web
}

# watch NAME [OPTION...]: events in the background, its lines in $T/events
watch_bundle() {
	local name=$1
	shift
	"${RB[@]}" events "$@" "$(cid "$name")" >"$T/events" 2>"$T/events.err" </dev/null 3>&- 4>&- &
	WATCH=$!
}

lines_of() { [ "$(jq -c "select(.type == \"$1\")" "$T/events" | wc -l)" -ge "$2" ]; }

# it has asked the kernel
watching() { ls -l "/proc/$WATCH/fd" 2>/dev/null | grep -qE 'eventfd|inotify'; }

ended() { ! kill -0 "$WATCH" 2>/dev/null; }

@test "events: --stats prints one object with the parts that runc prints" {
	start_web '.linux.resources = {"memory": {"limit": 67108864}, "pids": {"limit": 60}, "cpu": {"shares": 512}}'
	wait_for 20 sh -c "[ \$(${RB[*]@Q} ps -f json '$(cid web)' | jq length) -eq 3 ]"
	rb events --stats "$(cid web)" >"$T/events"
	[ "$(wc -l <"$T/events")" -eq 1 ]
	jq -e --arg id "$(cid web)" '.type == "stats" and .id == $id' "$T/events"
	[ "$(jq -c '.data | keys_unsorted' "$T/events")" = \
		'["cpu","cpuset","memory","pids","blkio","hugetlb","intel_rdt","network_interfaces"]' ]
	jq -e '.data.pids == {"current": 3, "limit": 60}' "$T/events"
	jq -e '.data.memory.usage | .limit == 67108864 and .usage > 0 and .failcnt == 0' "$T/events"
	jq -e '.data.memory.raw | length > 10' "$T/events"
	jq -e '.data.cpu.usage | .total > 0 and has("kernel") and has("user")' "$T/events"
	jq -e '.data.cpu.usage.total < 1e10' "$T/events"
}

parts() {
	in_layout "$1"
	start_web
	rb events --stats "$(cid web)" >"$T/events"
	jq -e '.data.cpu.usage.total > 0' "$T/events"
	rb delete --force "$(cid web)"
}
@test "events: --stats (v1)" { parts v1; }
@test "events: --stats (v2)" { parts v2; }

@test "events: pressure is there where the kernel tells it" {
	start_web
	cgroup_value web cpu.pressure >/dev/null 2>&1 || skip "this kernel has no cpu.pressure"
	rb events --stats "$(cid web)" | jq -e '.data.cpu.psi.some | has("avg10") and has("total")'
	rb events --stats "$(cid web)" | jq -e '.data.memory.psi.full | has("avg300")'
}

@test "events: throttling is counted" {
	requires busybox
	make_bundle web '.linux.resources.cpu = {"quota": 2000, "period": 10000}'
	args web /bin/sh -c 'while :; do :; done'
	start_bundle web
	throttled() { rb events --stats "$(cid web)" | jq -e '.data.cpu.throttling.throttledPeriods > 2' >/dev/null; }
	wait_for 10 throttled
}

@test "events: --interval prints again and again, and ends with the container" {
	start_web
	watch_bundle web --interval 50ms
	wait_for 10 lines_of stats 3
	rb kill "$(cid web)" KILL
	wait_for 10 ended
	wait "$WATCH"
}

@test "events: out of memory, told once" {
	requires busybox
	make_bundle web '.linux.resources.memory = {"limit": 16777216, "swap": 16777216}'
	args web /bin/sh -c 'while ! test -e /tmp/go; do :; done; exec tail /dev/zero'
	start_bundle web
	watch_bundle web --interval 1h
	wait_for 10 watching
	touch "$T/web/rootfs/tmp/go"
	wait_status web stopped
	wait_for 10 ended
	jq -e --arg id "$(cid web)" -s '. == [{"type": "oom", "id": $id}]' "$T/events"
	rb delete "$(cid web)"
	leaks
}

# unread WORDS...: a container whose program does that once it may, and is deleted before events can read what its
# cgroup has counted, as when systemd hears of the end first
unread() {
	make_bundle web '.linux.resources.memory = {"limit": 16777216, "swap": 16777216}'
	args web /bin/sh -c "while ! test -e /tmp/go; do :; done; $*"
	start_bundle web
	make_bundle other # the cgroup above stays
	create_bundle other
	watch_bundle web --interval 1h
	wait_for 10 watching
	kill -STOP "$WATCH"
	touch "$T/web/rootfs/tmp/go"
	wait_status web stopped
	rb delete "$(cid web)"
	kill -CONT "$WATCH"
	wait_for 10 ended
	rb delete --force "$(cid other)"
	leaks
}

@test "events: out of memory, told though the cgroup went before it could be read" {
	requires busybox v2-controllers
	unread exec tail /dev/zero
	jq -e --arg id "$(cid web)" -s '. == [{"type": "oom", "id": $id}]' "$T/events"
}

@test "events: nothing is told of memory when the cgroup goes without that" {
	requires busybox
	unread true
	[ ! -s "$T/events" ]
}

@test "events: a container that runs out of memory ends with 137" {
	requires busybox
	make_bundle web '.linux.resources.memory = {"limit": 16777216, "swap": 16777216}'
	args web /bin/busybox tail /dev/zero
	run -137 run_bundle web
	leaks
}

@test "events: a process other than the first runs out of memory, and the container goes on" {
	requires busybox
	make_bundle web '.linux.resources.memory = {"limit": 16777216, "swap": 16777216}'
	args web /bin/sh -c 'while ! test -e /tmp/go; do :; done; busybox tail /dev/zero; echo $? >/tmp/status; exec sleep 600'
	start_bundle web
	watch_bundle web --interval 1h
	wait_for 10 watching
	touch "$T/web/rootfs/tmp/go"
	wait_for 10 lines_of oom 1
	wait_for 10 test -s "$T/web/rootfs/tmp/status"
	[ "$(cat "$T/web/rootfs/tmp/status")" -eq 137 ]
	assert_status web running
	rb delete --force "$(cid web)"
	wait_for 10 ended
}

@test "events: intervals as engines write them, and those that are none" {
	local i
	make_bundle web
	args web /bin/probe exit=0
	start_bundle web
	wait_status web stopped
	for i in 5s 500ms 1m30s 1.5h 10 1us; do
		fails 1 "no events of container $(cid web): it is stopped" rb events --interval "$i" "$(cid web)"
	done
	for i in 0 0s; do
		fails 1 "--interval must be greater than 0" rb events --interval "$i" "$(cid web)"
	done
	for i in x 5x s -5s 1m3 ''; do
		run -1 rb events "--interval=$i" "$(cid web)"
	done
	fails 1 "container nobody-$SUFFIX does not exist" rb events "nobody-$SUFFIX"
}
