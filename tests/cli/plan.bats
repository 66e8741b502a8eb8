#!/usr/bin/env bats
# plan.bats - runbox plan
# as: root
load ../lib/helpers

@test "plan: --run is what run does" {
	make_bundle web
	rb plan --run --bundle "$T/web" | grep -q 'executed .*until the program runs'
	rb plan --bundle "$T/web" | grep -q 'wait-start .*until start'
	args web /bin/probe exit=0
	rb run --keep --bundle "$T/web" "$(cid web)"
	rb plan --format json "$(cid web)" | jq -c '[.steps[].kind]' >"$T/done"
	[ "$(rb plan --run --bundle "$T/web" --format json | jq -c '[.steps[].kind]')" = "$(cat "$T/done")" ]
	rb delete "$(cid web)"
}

@test "plan: text, one line a step, and nothing is done" {
	make_bundle web
	run -0 --separate-stderr rb plan --bundle "$T/web"
	[ -z "$stderr" ]
	[[ $output == *pivot-root* ]]
	[[ $output == *"mounts[0]"* ]]
	[ ! -e "$ROOT" ]
	leaks
}

@test "plan: the same input gives the same plan" {
	make_bundle web
	rb plan --bundle "$T/web" >"$T/one"
	rb plan --bundle "$T/web" >"$T/two"
	cmp "$T/one" "$T/two"
}

@test "plan: JSON has every step, dot is a graph" {
	make_bundle web
	local steps
	steps=$(rb plan --bundle "$T/web" --format json | jq '.steps | length')
	[ "$steps" -gt 10 ]
	run -0 rb plan --bundle "$T/web" --format dot
	[[ ${lines[0]} == digraph* ]]
}

@test "plan: for another host than this one" {
	make_bundle web
	rb plan --bundle "$T/web" --assume v1 >"$T/v1"
	rb plan --bundle "$T/web" --assume v2 >"$T/v2"
	run ! cmp -s "$T/v1" "$T/v2"
}

@test "plan: of a container: what was done, with times" {
	make_bundle web
	args web /bin/probe pause=1
	start_bundle web
	run -0 rb plan "$(cid web)"
	[[ $output == *pivot-root* ]]
	run -0 rb plan --format json "$(cid web)"
	jq -e '[.steps[] | select(.kind == "pivot-root" and .endNs >= .startNs and .startNs > 0)] | length == 1' <<<"$output"
	# behind the gate too: the last row begins and does not come back
	jq -e '.steps[-1] | .kind == "exec" and .startNs > 0' <<<"$output"
}

@test "plan: needs no privileges" {
	requires root setpriv
	make_bundle web
	chmod 755 "$T"
	run -0 setpriv --reuid 4242 --regid 4242 --clear-groups "$RUNBOX" plan --assume v2 --bundle "$T/web"
	# for this user itself the plan says what is missing
	run -1 setpriv --reuid 4242 --regid 4242 --clear-groups "$RUNBOX" plan --bundle "$T/web"
	[[ $output == *"user namespace"* ]]
}
