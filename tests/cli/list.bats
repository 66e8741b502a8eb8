#!/usr/bin/env bats
# list.bats - runbox list
# as: root
load ../lib/helpers

@test "list: none" {
	run -0 rb list
	[ "$output" = "ID PID STATUS BUNDLE CREATED OWNER" ] || [ "$(tr -s ' \t' ' ' <<<"$output" | sed 's/ $//')" = "ID PID STATUS BUNDLE CREATED OWNER" ]
	run -0 rb list --quiet
	[ "$output" = "" ]
	run -0 rb list --format json
	[ "$output" = null ] || [ "$output" = "[]" ]
}

@test "list: sorted by id, as a table, quiet, and as compact JSON in the order engines know" {
	make_bundle b
	args b /bin/probe pause=1
	make_bundle a
	create_bundle b
	create_bundle a
	rb start "$(cid b)"
	run -0 rb list
	[ "$(awk 'NR > 1 {print $1, $3, $4}' <<<"$output")" = "$(cid a) created $T/a
$(cid b) running $T/b" ]
	[ "$(tr -s ' \t' ' ' <<<"${lines[0]}" | sed 's/ $//')" = "ID PID STATUS BUNDLE CREATED OWNER" ]
	run -0 rb list -q
	[ "$output" = "$(cid a)
$(cid b)" ]
	run -0 rb list --format=json
	[ "${#lines[@]}" -eq 1 ]
	[ "$(jq -c '.[0] | keys_unsorted' <<<"$output")" = '["ociVersion","id","pid","status","bundle","rootfs","created","annotations","owner"]' ] ||
		[ "$(jq -c '.[0] | keys_unsorted' <<<"$output")" = '["ociVersion","id","pid","status","bundle","rootfs","created","owner"]' ]
	[ "$(jq -c '[.[] | .status]' <<<"$output")" = '["created","running"]' ]
	[[ $output == '[{"ociVersion":"'* ]]
}

@test "list: foreign files in the state root are passed over" {
	mkdir -p "$ROOT"
	chmod 700 "$ROOT"
	echo x >"$ROOT/file"
	mkdir "$ROOT/bad id"
	run -0 --separate-stderr rb list -q
	[ "$output" = "" ]
}
