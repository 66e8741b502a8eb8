#!/usr/bin/env bats
# check.bats - runbox check
# as: root
load ../lib/helpers

@test "check: a good bundle is silent success" {
	make_bundle web
	run -0 rb check --bundle "$T/web"
}

@test "check: a wrong value is named with line, column, path and the likely spelling; exit 1" {
	make_bundle web
	sed -i 's/"type": "uts"/"type": "utz"/' "$T/web/config.json"
	run -1 rb check --bundle "$T/web"
	[[ $output == *config.json:*:*linux.namespaces\[3\].type* ]]
	[[ $output == *'"utz"'* ]]
	[[ $output == *uts* ]]
}

@test "check: an unknown key is a warning with the likely spelling, exit 0" {
	make_bundle web '.process.noNewPrivilege = true'
	run -0 rb check --bundle "$T/web"
	[[ $output == *process.noNewPrivilege* ]]
	[[ $output == *noNewPrivileges* ]]
}

@test "check: starts nothing and leaves nothing" {
	make_bundle web
	rb check --bundle "$T/web"
	leaks
	[ ! -e "$ROOT" ]
}

@test "check: every bundle that is shipped" {
	local b
	for b in "$BUILDDIR"/bundles/*/rootfs; do
		rb check --bundle "${b%/rootfs}" || { echo "$b" >&2; return 1; }
	done
}
