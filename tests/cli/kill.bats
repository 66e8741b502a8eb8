#!/usr/bin/env bats
# kill.bats - runbox kill
# as: root root-systemd rootless
load ../lib/helpers

@test "kill: signals by number, by name, with and without SIG; TERM is the default" {
	local s
	for s in "" 15 TERM SIGTERM term sigterm; do
		make_bundle web
		args web /bin/probe ready=/tmp/up pause=1
		start_bundle web
		wait_for 20 test -e "$T/web/rootfs/tmp/up"
		rm "$T/web/rootfs/tmp/up"
		wait_for 20 grep -q '^SigCgt:.*4002$' "/proc/$(pid_of web)/status"
		# shellcheck disable=SC2086 # no argument at all when empty
		rb kill "$(cid web)" $s
		wait_status web stopped
		rb delete "$(cid web)"
	done
}

@test "kill: a stopped container is refused and left as it was" {
	make_bundle web
	args web /bin/probe exit=0
	start_bundle web
	wait_status web stopped
	fails 1 "container not running: $(cid web) is stopped" rb kill "$(cid web)" TERM
	assert_status web stopped
}

@test "kill: --all of a stopped container succeeds" {
	make_bundle web
	args web /bin/probe exit=0
	start_bundle web
	wait_status web stopped
	rb kill --all "$(cid web)" 9
	rb kill -a "$(cid web)" KILL
}

@test "kill: --all reaches every process without a pid namespace" {
	make_bundle web '.linux.namespaces |= map(select(.type != "pid")) | .mounts |= map(select(.destination != "/proc"))'
	args web /bin/probe fork=5 pause=1
	start_bundle web
	wait_for 20 sh -c "[ \$(${RB[*]@Q} ps -f json '$(cid web)' | jq length) -eq 6 ]"
	rb kill --all "$(cid web)" KILL
	wait_status web stopped
	rb delete "$(cid web)"
	leaks
}

@test "kill: signal 0 asks whether it runs" {
	make_bundle web
	args web /bin/probe pause=1
	start_bundle web
	rb kill "$(cid web)" 0
	assert_status web running
}

@test "kill: a created container ends" {
	make_bundle web
	create_bundle web
	rb kill "$(cid web)" KILL
	wait_status web stopped
	rb delete "$(cid web)"
	leaks
}

@test "kill: an unknown signal is refused and the container left as it was" {
	make_bundle web
	args web /bin/probe pause=1
	start_bundle web
	local s
	for s in NONSENSE 65 -1 9x "" " 9"; do
		run -1 rb kill "$(cid web)" "$s"
	done
	assert_status web running
}

@test "kill: a container that does not exist" {
	fails 1 "container nobody-$SUFFIX does not exist" rb kill "nobody-$SUFFIX" TERM
}

@test "kill, delete: --regex is for all whose id matches, the others stay" {
	local name
	for name in aa ab b; do
		make_bundle $name
		args $name /bin/probe pause=1
		start_bundle $name
	done
	rb kill --regex "^a.-$SUFFIX\$" KILL
	wait_status aa stopped
	wait_status ab stopped
	assert_status b running
	# one that cannot be killed is told, the others are killed all the same
	run -1 rb kill -r "$SUFFIX" KILL
	[[ $output == *"container not running"* ]]
	[ "$(wc -l <<<"$output")" -eq 1 ]
	wait_status b stopped
	rb delete --regex 'no such container'
	run -1 rb delete --regex '('
	[[ $output == *"--regex"* ]]
	rb delete -r "^(aa|b)-$SUFFIX"
	[ "$(rb list -q)" = "$(cid ab)" ]
	rb delete --force --regex .
	leaks
}
