#!/usr/bin/env bats
# spec.bats - runbox spec
# as: root
load ../lib/helpers

@test "spec: writes config.json, which check and plan take, and is bundles/default" {
	cd "$T"
	rb spec
	mkdir rootfs
	rb check
	rb plan >/dev/null
	cmp config.json "$SRCDIR/bundles/default/config.json"
}

@test "spec: --bundle; a config.json that is there is not touched" {
	mkdir "$T/b"
	rb spec --bundle "$T/b"
	echo mine >"$T/b/config.json"
	run -1 rb spec --bundle "$T/b"
	[[ $output == *config.json* ]]
	[ "$(cat "$T/b/config.json")" = mine ]
}

@test "spec: --rootless has a user namespace with this user's id and no limits" {
	cd "$T"
	rb spec --rootless
	jq -e --argjson uid "$(id -u)" '[.linux.namespaces[].type] | index("user") != null' config.json
	jq -e --argjson uid "$(id -u)" '.linux.uidMappings == [{"containerID": 0, "hostID": $uid, "size": 1}]' config.json
}
