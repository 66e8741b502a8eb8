#!/bin/bash
# check.sh - `runbox plan` of every bundle against its golden text, for each cgroup layout
#
# A golden is tests/plan/BUNDLE.LAYOUT.plan: stdout and stderr of
# `runbox plan --assume LAYOUT --bundle bundles/BUNDLE`, or of BUNDLE.json here. A change of order or of words shows up as a
# diff to review; `tests/plan/check.sh --update` then writes the new text.
# Nothing in a plan depends on where the bundle lies or on this host, so any checkout can compare.
# Needs from the environment: RUNBOX, SRCDIR (make check sets them).
set -u
: "${RUNBOX:=$PWD/runbox}" "${SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}"
update=false
[ "${1:-}" = --update ] && update=true
n=0 status=0

# result NAME STATUS
result() {
	n=$((n + 1))
	if [ "$2" -eq 0 ]; then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1"
		status=1
	fi
}

# `scope` is for the systemd manager, so it is no bundle, which anybody can run anywhere
plan_of() {
	case $1 in
	scope) "$RUNBOX" --systemd-cgroup plan --assume "$2" --config "$SRCDIR/tests/plan/scope.json" \
		--bundle "$SRCDIR/bundles/hello" 2>&1 ;;
	*) "$RUNBOX" plan --assume "$2" --bundle "$SRCDIR/bundles/$1" 2>&1 ;;
	esac
}

# compare BUNDLE LAYOUT
compare() {
	local golden=$SRCDIR/tests/plan/$1.$2.plan text
	text=$(plan_of "$1" "$2")
	if $update; then
		printf '%s\n' "$text" >"$golden"
	fi
	diff -u "$golden" - <<<"$text" 2>&1 | sed 's/^/# /'
	result "plan of $1 on $2" "${PIPESTATUS[0]}"
}

bundles=$(cd "$SRCDIR/bundles" && printf '%s\n' */config.json | sed 's|/config.json||')
for bundle in $bundles scope; do
	for layout in v1 hybrid v2; do
		compare "$bundle" "$layout"
	done
done

# a golden whose bundle is gone would never be compared again
for golden in "$SRCDIR"/tests/plan/*.plan; do
	name=${golden##*/}
	[ -e "$SRCDIR/bundles/${name%%.*}/config.json" ] || [ -e "$SRCDIR/tests/plan/${name%%.*}.json" ]
	result "$name has a bundle" $?
done
echo "1..$n"
exit $status
