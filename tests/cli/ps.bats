#!/usr/bin/env bats
# ps.bats - runbox ps
# as: root root-systemd
load ../lib/helpers

@test "ps: --format json is the list of pids on the host" {
	make_bundle web
	args web /bin/probe fork=2 pause=1
	start_bundle web
	wait_for 20 sh -c "[ \$(${RB[*]@Q} ps --format json '$(cid web)' | jq length) -eq 3 ]"
	run -0 rb ps --format json "$(cid web)"
	jq -e --argjson pid "$(pid_of web)" 'index($pid) != null' <<<"$output"
	[[ $output =~ ^\[[0-9]+,[0-9]+,[0-9]+\]$ ]]
}

@test "ps: a table, with options of ps(1) after the id" {
	requires ps
	make_bundle web
	args web /bin/probe pause=1
	start_bundle web
	run -0 rb ps "$(cid web)"
	[[ ${lines[0]} == *PID* ]]
	[[ $output == *"/bin/probe pause=1"* ]]
	run -0 rb ps "$(cid web)" -o pid,comm
	[[ $output == *probe* ]]
}

@test "ps: a stopped container has none and that is no failure" {
	make_bundle web
	args web /bin/probe exit=0
	start_bundle web
	wait_status web stopped
	run -0 rb ps --format json "$(cid web)"
	[ "$output" = "[]" ] || [ "$output" = null ]
}
