#!/usr/bin/env bats
# state.bats - runbox state, in each status
# as: root root-systemd
load ../lib/helpers

@test "state: created, running, stopped; keys, order and types" {
	make_bundle web '.annotations = {"a.b": "c"}'
	args web /bin/probe pause=1
	create_bundle web
	run -0 --separate-stderr rb state "$(cid web)"
	[ -z "$stderr" ]
	[ "$(jq -c keys_unsorted <<<"$output")" = '["ociVersion","id","pid","status","bundle","rootfs","created","annotations","owner"]' ]
	jq -e --arg id "$(cid web)" --arg b "$T/web" \
		'.id == $id and .bundle == $b and .rootfs == $b + "/rootfs" and .status == "created" and .pid > 1
		and .annotations == {"a.b": "c"} and (.created | test("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\\.[0-9]+Z$"))' <<<"$output"
	[ "$(readlink "/proc/$(jq .pid <<<"$output")/ns/pid")" != "$(readlink /proc/self/ns/pid)" ]
	rb start "$(cid web)"
	[ "$(rb state "$(cid web)" | jq -r .status)" = running ]
	rb kill "$(cid web)" KILL
	wait_status web stopped
	rb state "$(cid web)" | jq -e '.pid == 0'
}

@test "state: a pid that another process got is not taken for the container" {
	make_bundle web
	args web /bin/probe pause=1
	start_bundle web
	local pid
	pid=$(pid_of web)
	rb kill "$(cid web)" KILL
	wait_status web stopped
	# what another process with that pid would look like: the record with a living pid and a wrong start time
	sed -i "s/\"pid\": *$pid/\"pid\":$$/" "$ROOT/$(cid web)/state.json"
	assert_status web stopped
	rb delete "$(cid web)"
	kill -0 $$
}

@test "state: an unreadable record is an error that says so, and delete --force still works" {
	make_bundle web
	args web /bin/probe pause=1
	start_bundle web
	echo '{"id": 5' >"$ROOT/$(cid web)/state.json"
	run -1 rb state "$(cid web)"
	[[ $output == *state.json* ]]
	rb delete --force "$(cid web)"
	leaks
}
