#!/bin/bash
# instructions.sh - how many instructions each verb takes, against the committed figures: ±3 %
#
# A slower program shows up as a diff to review: `make update-instructions` writes the new figures. Counted
# by callgrind, whose processor is the same on every machine that has AVX2, with an empty environment,
# paths of one length and no cgroups, so that neither the host nor its mood counts. The compiler, its flags,
# and how runbox is linked do: with others than those of the file everything is skipped.
# Only verbs that callgrind can follow: create, run and exec execute themselves by descriptor, kill and delete
# signal by pidfd. What create decodes and plans, `plan` does too.
# Needs from the environment: RUNBOX, SRCDIR, BUILDDIR, RB_CC, RB_CFLAGS (make check sets them).
set -u
: "${RUNBOX:=$PWD/runbox}" "${SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}" "${BUILDDIR:=$PWD}"
file=$SRCDIR/tests/speed/instructions.txt
update=false
[ "${1:-}" = --update ] && update=true
n=0 status=0 id=counted

skip_all() {
	echo "1..0 # SKIP $1"
	exit 0
}

linked() { # the dynamic linker counts too; __libc_start_init is musl's
	if LC_ALL=C readelf -lW "$RUNBOX" | grep -q INTERP; then
		echo shared
	elif LC_ALL=C nm "$RUNBOX" 2>/dev/null | grep -qw __libc_start_init; then
		echo musl
	else
		echo static
	fi
}

made_by="${RB_CC:=gcc}, $($RB_CC --version | head -n 1), ${RB_CFLAGS=-g -O2}"

check_needs() {
	local tool
	for tool in valgrind readelf jq; do
		command -v $tool >/dev/null || skip_all "$tool is not installed"
	done
	if [ "$(uname -m)" != x86_64 ] || ! grep -qw avx2 /proc/cpuinfo; then
		skip_all "not the processor of the figures"
	fi
	! LC_ALL=C nm "$RUNBOX" 2>/dev/null | grep -q __asan_init || skip_all "sanitizers count as well"
	$update || [ "$(sed -n 's/^# by //p' "$file")" = "$made_by" ] || skip_all "the figures are of another compiler"
}

# count COMMAND...: instructions of a command that must succeed; its words are shown when it does not
count() {
	rm -f "$T/callgrind.out"
	if ! env -i valgrind --tool=callgrind --callgrind-out-file="$T/callgrind.out" "$@" \
		</dev/null >"$T/out" 2>"$T/err" || [ ! -s "$T/callgrind.out" ]; then
		grep -v '^==' "$T/err" | sed 's/^/# /' >&2
		return 1
	fi
	awk '/^(summary|totals):/ { n = $2 } END { print n }' "$T/callgrind.out"
}

# compare NAME NUMBER: one result
compare() {
	local was change
	was=$(awk -v name="$1" -v linked="$(linked)" '$1 == name && $2 == linked { print $3 }' "$file")
	change=$(awk -v is="$2" -v was="${was:-0}" 'BEGIN { printf "%+.1f", was ? 100 * (is - was) / was : 100 }')
	echo "# $1: $2 instructions, was ${was:-none} ($change %)"
	awk -v c="$change" 'BEGIN { exit !(c <= 3 && c >= -3) }'
}

# one NAME WORDS...: counts `runbox WORDS`
one() {
	local name=$1 number
	shift
	n=$((n + 1))
	if ! number=$(count "$T/runbox" --root "$T/root" "$@"); then
		echo "not ok $n - $name can be counted"
		status=1
	elif $update; then
		echo "$name $(linked) $number" >>"$T/new"
	elif compare "$name" "$number"; then
		echo "ok $n - $name takes as many instructions as before"
	else
		echo "not ok $n - $name takes as many instructions as before"
		status=1
	fi
}

prepare() {
	T=$(mktemp -d /tmp/rbcount-XXXXXX)
	trap finish EXIT
	mkdir -p "$T/b/rootfs" "$T/e"
	cp "$BUILDDIR/tests/lib/probe" "$T/b/rootfs/"
	cp "$RUNBOX" "$T/runbox" # the length of its path moves the stack, and with that what malloc(3) does
	jq --arg root "$T/b/rootfs" '.root.path = $root' "$SRCDIR/contrib/bench.d/default.json" >"$T/d.json"
	jq --arg root "$T/b/rootfs" '.root.path = $root' "$SRCDIR/contrib/bench.d/engine-a.json" >"$T/e.json"
	jq -n '{ociVersion: "1.0.2", root: {path: "rootfs"}, process: {cwd: "/", args: ["/probe", "pause=1"],
		user: {uid: 0, gid: 0}}, linux: {namespaces: [{type: "pid"}, {type: "mount"}, {type: "network"}]}}' \
		>"$T/b/config.json"
}

# shellcheck disable=SC2317 # by the trap
finish() {
	[ ! -e "$T/root/$id" ] || "$RUNBOX" --root "$T/root" delete --force "$id"
	rm -rf --one-file-system "$T"
}

live_verbs() {
	if ! "$RUNBOX" --root "$T/root" --cgroup-manager disabled create --bundle "$T/b" $id </dev/null >"$T/out" 2>&1; then
		sed 's/^/# /' "$T/out"
		n=$((n + 1)) status=1
		echo "not ok $n - create a container to look at"
		return
	fi
	one state state $id
	one list list
	one start start $id
}

check_needs
prepare
one plan plan --assume v2 --bundle "$T/b" --config "$T/d.json"
one plan-engine plan --assume v2 --bundle "$T/b" --config "$T/e.json"
one features features
if [ "$(id -u)" = 0 ]; then
	live_verbs
else
	n=$((n + 1))
	echo "ok $n - state, list, start # SKIP needs root"
fi
if $update; then
	{
		echo "# instructions of a verb by callgrind: name, how runbox is linked, number; tests/speed/instructions.sh"
		echo "# by $made_by"
		{ grep -v -e '^#' -e " $(linked) " "$file"; cat "$T/new"; } | sort
	} >"$T/file"
	cp "$T/file" "$file"
	cat "$file"
	exit $status
fi
echo "1..$n"
exit $status
