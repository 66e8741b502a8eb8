# helpers.bash - what the bats files share
#
# Every test has a directory of its own under $T, a state root $ROOT in it, and a suffix $SUFFIX that is
# in the name of all it makes: container ids, cgroups, namespaces. teardown ends and removes what a
# failed test left, after `leaks` has said what that was.
# Needs from the environment: RUNBOX, SRCDIR, BUILDDIR (make check sets them).
# shellcheck shell=bash

bats_require_minimum_version 1.5.0

: "${RUNBOX:=$PWD/runbox}" "${SRCDIR:=$PWD}" "${BUILDDIR:=$PWD}" "${BUSYBOX:=$(command -v busybox || true)}"
PROBE=$BUILDDIR/tests/lib/probe
LIB=$SRCDIR/tests/lib

# --- set-up ---

rb_setup() {
	quick_trace
	printf -v SUFFIX '%04x%04x' $RANDOM $((BASHPID & 0xffff))
	T=/tmp/rbt-$SUFFIX.$RANDOM
	mkdir -m 755 "$T" # fails when it is there
	ROOT=$T/state
	# the program with what each call needs: this state root, and the manager that RB_MANAGER names (cgroupfs, systemd)
	RB=("$RUNBOX" --root "$ROOT" ${RB_MANAGER:+--cgroup-manager "$RB_MANAGER"})
	unset XDG_RUNTIME_DIR NOTIFY_SOCKET LISTEN_FDS LISTEN_PID RUNBOX_FAULT RUNBOX_DEBUG
	if [ "$EUID" -ne 0 ] && [ "${RB_MANAGER:-}" = systemd ]; then
		export XDG_RUNTIME_DIR=/run/user/$EUID DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/$EUID/bus
	fi
	# processes made by this test are found by it (see left_processes)
	export RBT_SUFFIX=$SUFFIX
}

# quick_trace: the line that failed is looked for when it has failed. bats does so before each command of a test
# and of what it calls, which takes more time than the commands: nine tenths of that of an empty test.
quick_trace() {
	declare -F bats_error_trap bats_capture_stack_trace >/dev/null || return 0
	trap - DEBUG
	trap 'RB_RETURNED="$LINENO $FUNCNAME $BASH_SOURCE"' RETURN
	trap 'error_trace "$RB_RETURNED"' ERR
}

# error_trace RETURNED: for bats, where the first command failed; RETURNED is the last return from a function, for a
# test that fails by its own `return` has no command left to point at
error_trace() {
	bats_error_trap # first, for it takes $?
	[ -z "${RB_TRACED:-}" ] || return 0
	RB_TRACED=1
	bats_capture_stack_trace
	# shellcheck disable=SC2034 # bats reads it
	[ "${FUNCNAME[1]}" != bats_perform_test ] || BATS_DEBUG_LAST_STACK_TRACE=("$1")
}

rb_teardown() {
	[ -n "${T:-}" ] || return 0
	if any_left; then end_all; fi
	rm -rf --one-file-system "$T"
}

# end_all: what a test left, containers first
end_all() {
	local id pid dir
	for dir in "$ROOT"/[!@]*/; do
		[ -d "$dir" ] || continue
		id=$(basename "$dir")
		timeout 20 "${RB[@]}" delete --force "$id" 2>/dev/null || true
	done
	while read -r pid _; do
		kill -KILL "$pid" 2>/dev/null || true
	done < <(left_processes)
	# deepest first; only those with our suffix
	left_cgroups | sort -r | while read -r dir; do rmdir "$dir" 2>/dev/null || true; done
	left_mounts | sort -r | while read -r dir; do umount -l "$dir" 2>/dev/null || true; done
}

setup() { rb_setup; }
teardown() { rb_teardown; }

# requires WORD...: skips the test with the reason when this host lacks one of them
requires() {
	local word
	for word in "$@"; do
		case $word in
		root) [ "$EUID" -eq 0 ] || skip "needs root" ;;
		containers) [ "$EUID" -eq 0 ] || user_ids || skip "needs root, or subordinate ids" ;;
		busybox) [ -x "$BUSYBOX" ] || skip "needs Debian's busybox-static" ;;
		cgroup1) grep -q ' - cgroup ' /proc/self/mountinfo || skip "needs cgroup v1" ;;
		cgroup2) grep -q ' - cgroup2 ' /proc/self/mountinfo || skip "needs cgroup v2" ;;
		v2-controllers) [ -e /sys/fs/cgroup/cgroup.controllers ] || skip "needs cgroup v2 with controllers" ;;
		userns) [ -e /proc/self/ns/user ] || skip "needs user namespaces" ;;
		timens) [ -e /proc/self/ns/time ] || skip "needs time namespaces" ;;
		apparmor | selinux) grep -qw "$word" /sys/kernel/security/lsm 2>/dev/null || skip "needs $word in the kernel" ;;
		numa) [ -e /proc/self/numa_maps ] || skip "needs a kernel with NUMA" ;;
		cap_*) { [ "$EUID" -eq 0 ] && has_cap "$word"; } || skip "needs $word" ;;
		mqueue) grep -qw mqueue /proc/filesystems || skip "needs mqueue in the kernel" ;;
		two-cpus) [ "$(nproc)" -ge 2 ] || skip "needs two processors" ;;
		*) command -v "$word" >/dev/null || skip "needs the program $word" ;;
		esac
	done
}

# has_cap cap_sys_resource: is it in this process' bounding set?
has_cap() {
	"$PROBE" caps | jq -e --arg c "${1^^}" '.caps.bounding | index($c)' >/dev/null
}

# --- bundles ---

# base_rootfs: a root file system made once a file; bundles get hard links of it
base_rootfs() {
	make_base
	echo "$BATS_FILE_TMPDIR/base/rootfs"
}

# make_base: that root file system, and what every config.json has, with @PATH@ for its cgroup; so a bundle without
# edits takes one program
make_base() {
	local r=$BATS_FILE_TMPDIR/base.new/rootfs applet
	[ ! -d "$BATS_FILE_TMPDIR/base" ] || return 0
	mkdir -p "$r"/{bin,dev,etc,mnt,proc,root,sys,tmp,var}
	chmod 1777 "$r/tmp"
	install -m 755 "$PROBE" "$r/bin/probe" || return 1
	printf 'root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n' >"$r/etc/passwd"
	printf 'root:x:0:\nuser:x:1000:\n' >"$r/etc/group"
	echo 'secret of the image' >"$r/etc/secret"
	echo 'not executable' >"$r/bin/plain"
	if [ -x "$BUSYBOX" ]; then
		install -m 755 "$BUSYBOX" "$r/bin/busybox"
		for applet in sh cat echo sleep true false ls mount touch readlink id stty; do
			ln -s busybox "$r/bin/$applet"
		done
	fi
	jq "$(user_edit) | .linux.cgroupsPath = \"@PATH@\"" "$LIB/base.json" >"$BATS_FILE_TMPDIR/base.json" || return 1
	mv "$BATS_FILE_TMPDIR/base.new" "$BATS_FILE_TMPDIR/base"
}

# user_edit: what a container of an ordinary user has besides: the user is its root, its subordinate ids the others
user_edit() {
	if [ "$EUID" -eq 0 ] || ! user_ids; then
		echo .
	else
		echo ".linux.namespaces += [{type: \"user\"}]
			| .linux.uidMappings = [{containerID: 0, hostID: $EUID, size: 1}, {containerID: 1, hostID: $SUBID, size: 65536}]
			| .linux.gidMappings = .linux.uidMappings"
	fi
}

# user_ids: has this user subordinate ids? The first is in SUBID.
user_ids() {
	local name first
	while IFS=: read -r name first _; do
		if [ "$name" = "$(id -un)" ]; then SUBID=$first && return; fi
	done </etc/subuid
	return 1
} 2>/dev/null

# cgroup_path NAME: as make_bundle does, sets CGROUPS_PATH, the cgroupsPath of a bundle, in the form of the manager,
# and CGROUP_END, how the path of the cgroup that comes of it ends; an ordinary user's is below the cgroup of the
# user's own systemd
# shellcheck disable=SC2034 # the tests read them
cgroup_path() {
	CGROUPS_PATH=/rbt-$SUFFIX/$1
	CGROUP_END=$CGROUPS_PATH
	if [ "${RB_MANAGER:-}" = systemd ]; then
		CGROUPS_PATH=rbt.slice:rbt-$SUFFIX:$1
		CGROUP_END=/rbt-$SUFFIX-$1.scope
	elif [ "$EUID" -ne 0 ]; then
		local own
		while IFS= read -r own; do
			[[ $own != 0::* ]] || break
		done </proc/self/cgroup
		own=${own#0::}
		CGROUPS_PATH=${own%/app.slice/*}$CGROUPS_PATH
	fi
}

# make_bundle NAME [JQ...]: $T/NAME with a rootfs and tests/lib/base.json, edited by each jq program;
# $bundle, $suffix are there for it. Prints nothing. A file is not written in place in a rootfs (it is a
# hard link): replace it.
make_bundle() {
	local name=$1 dir=$T/$1 all=. edit text
	shift
	make_base
	cgroup_path "$name"
	read -rd '' text <"$BATS_FILE_TMPDIR/base.json" || true
	text=${text/@PATH@/"$CGROUPS_PATH"}
	if [ -e "$dir/rootfs" ]; then rm -rf "$dir/rootfs"; fi
	cp -al "$BATS_FILE_TMPDIR/base/." "$dir"
	if [ $# -eq 0 ]; then
		printf '%s\n' "$text" >"$dir/config.json"
		return
	fi
	for edit in "$@"; do all+=" | ($edit)"; done
	jq --arg name "$name" --arg bundle "$dir" --arg suffix "$SUFFIX" "$all" <<<"$text" >"$dir/config.json"
}

# edit_bundle NAME JQ: edits a config.json; $bundle, $suffix are there for the program
edit_bundle() {
	local text
	text=$(jq --arg bundle "$T/$1" --arg suffix "$SUFFIX" "$2" "$T/$1/config.json") || return 1
	printf '%s\n' "$text" >"$T/$1/config.json"
}

# args NAME ARG...: sets process.args; by jq only where an argument or the file is not as it usually is
args() {
	local file=$T/$1/config.json text head tail key=$'\n    "args": [\n' list='' arg
	shift
	read -rd '' text <"$file" || true
	head=${text%%"$key"*} tail=${text#*"$key"}
	# as jq writes it, and in `process`
	if [[ $# -gt 0 && $* != *[![:print:]]* && $head = *$'\n  "process": {\n'* &&
		${head##*$'\n  "process": {\n'} != *$'\n  }'* ]]; then
		for arg; do
			arg=${arg//\\/\\\\}
			list+=${list:+,$'\n'}"      \"${arg//\"/\\\"}\""
		done
		printf '%s\n' "$head$key$list"$'\n    ]'"${tail#*$'\n    ]'}" >"$file"
	else
		text=$(jq '.process.args = $ARGS.positional' "$file" --args -- "$@") || return 1
		printf '%s\n' "$text" >"$file"
	fi
}

# engine_bundle NAME FILE: a bundle of an engine's config.json (tests/data), made to run here
engine_bundle() {
	local dir=$T/$1
	make_base
	cgroup_path "$1"
	cp -al "$BATS_FILE_TMPDIR/base/." "$dir"
	jq --arg p "$CGROUPS_PATH" --arg rootfs "$dir/rootfs" '.linux.cgroupsPath = $p | .root.path = $rootfs' "$2" >"$dir/config.json"
}

# --- the program ---

# rb ARG...: runbox with this test's state root, and with the manager that RB_MANAGER names (cgroupfs, systemd)
rb() {
	"${RB[@]}" "$@"
}

# copy_runbox: from here on, a copy in $T with the helpers that it looks for beside it
copy_runbox() {
	cp "$RUNBOX" "${RUNBOX%/*}"/runbox-systemd "${RUNBOX%/*}"/runbox-veth "$T/"
	RB[0]=$T/runbox
}

# cid NAME: the container's id
cid() {
	echo "$1-$SUFFIX"
}

# run_bundle NAME [OPTION...]: `run` in the foreground, its output is the caller's
run_bundle() {
	local name=$1
	shift
	rb run --bundle "$T/$name" "$@" "$name-$SUFFIX"
}

# create_bundle NAME [OPTION...], start_bundle NAME [OPTION...]: left created, left started.
# Standard streams go to files: nothing but the container may hold ours open.
create_bundle() {
	local name=$1
	shift
	rb create --bundle "$T/$name" "$@" "$name-$SUFFIX" >"$T/$name.out" 2>"$T/$name.err" </dev/null 3>&- 4>&- || {
		cat "$T/$name.err" >&2
		return 1
	}
}

start_bundle() {
	create_bundle "$@" && rb start "$1-$SUFFIX"
}

# look NAME SECTION...: runs the probe in bundle NAME and keeps what it saw in $SEEN
look() {
	local name=$1
	shift
	args "$name" /bin/probe "$@"
	SEEN=$(run_bundle "$name" 3>&- 4>&-) || {
		echo "run failed: $?" >&2
		return 1
	}
}

# expect JQ WANT: compares what the last look() saw
expect() {
	local got
	got=$(jq -c "$1" <<<"$SEEN") || return 1
	if [ "$got" != "$2" ]; then
		printf 'query:    %s\nexpected: %s\ngot:      %s\n' "$1" "$2" "$got" >&2
		return 1
	fi
}

# field EDIT SECTIONS QUERY WANT: one row of a table: a bundle with EDIT, seen from inside
field() {
	make_bundle b "$1"
	# shellcheck disable=SC2086 # sections are words
	look b $2
	expect "$3" "$4"
}

# --- waiting: for conditions, with a bound ---

# wait_for SECONDS COMMAND...: until the command succeeds, polled each 10 ms; four times as long in the guest of
# tests/vm, which is emulated
wait_for() {
	local end=$((SECONDS + $1))
	[ ! -d /run/vm ] || end=$((SECONDS + 4 * $1))
	shift
	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || {
			echo "waited in vain for: $*" >&2
			return 1
		}
		read -rt 0.01 <> <(:) || true
	done
}

status_of() {
	status_is "$1" '' || true
	[ -z "$STATUS" ] || echo "$STATUS"
}

# status_is NAME STATUS: is it? What it is, if anything, is in $STATUS.
status_is() {
	STATUS=$(rb state "$1-$SUFFIX" 2>/dev/null)
	if [[ $STATUS =~ \"status\":\ *\"([a-z]*)\" ]]; then STATUS=${BASH_REMATCH[1]}; else STATUS=; fi
	[ "$STATUS" = "$2" ]
}

wait_status() {
	wait_for 10 status_is "$1" "$2"
}

pid_of() {
	local text
	text=$(rb state "$1-$SUFFIX")
	[[ $text =~ \"pid\":\ *([0-9]+) ]] && echo "${BASH_REMATCH[1]}"
}

gone() {
	[ ! -e "/proc/$1" ] || grep -q '^State:.*Z' "/proc/$1/status" 2>/dev/null
}

# --- assertions ---

# fails STATUS LINE COMMAND...: the command's exit status and its whole stderr, which is one line; the
# number of a step, which depends on the host's cgroups, is compared as NN
fails() {
	local status_want=$1 line_want="runbox: $2" err=$T/fails.err r=0 line
	shift 2
	"$@" >"$T/fails.out" 2>"$err" </dev/null 3>&- 4>&- || r=$?
	line=$(sed -E 's/\(step [0-9]{2} /(step NN /' "$err")
	if [ "$r" -ne "$status_want" ] || [ "$line" != "$line_want" ]; then
		printf 'expected: status %s, %s\ngot:      status %s, %s\n' "$status_want" "$line_want" "$r" "$line" >&2
		return 1
	fi
}

assert_status() {
	status_is "$1" "$2" || {
		echo "status of $1: expected $2, got $STATUS" >&2
		return 1
	}
}

# --- what is left on the host: only things with this test's suffix, for others may be at work ---

# any_left: might there be anything? Each test asks twice, so this looks with two programs where the others
# take twenty, which in the guest of tests/vm is more time than the test. What it misses is not left, what it
# finds may be nothing.
any_left() {
	local lines f
	mapfile -t lines </proc/self/mountinfo
	[[ ${lines[*]} != *"$SUFFIX"* ]] || return 0
	for f in "$ROOT"/* "$ROOT"/.[!.]* "$ROOT"/@seccomp/.[!.]*; do
		if [ "$f" != "$ROOT/@seccomp" ] && { [ -e "$f" ] || [ -L "$f" ]; }; then return 0; fi
	done
	[ -z "$(find /sys/fs/cgroup /sys/class/net /run/netns /run/runbox -name "*$SUFFIX*" -print -quit 2>/dev/null)" ] || return 0
	# not its own environment
	RBT_SUFFIX='' grep -qsaF "$SUFFIX" /proc/[0-9]*/cgroup /proc/[0-9]*/environ
}

left_cgroups() {
	find /sys/fs/cgroup -type d -name "*$SUFFIX*" -prune -exec find {} -type d \; 2>/dev/null || true
}

left_mounts() {
	awk -v s="$SUFFIX" 'index($0, s) { print $5 }' /proc/self/mountinfo
}

# Processes in a cgroup of ours, and runbox itself by its environment; this shell and its children apart.
left_processes() {
	local pid
	{
		grep -lsF "$SUFFIX" /proc/[0-9]*/cgroup
		grep -lszxF "RBT_SUFFIX=$SUFFIX" /proc/[0-9]*/environ | while IFS=/ read -r _ _ pid _; do
			# a command line with our state root is runbox's, in whatever state
			if grep -qszxF -- "$ROOT" "/proc/$pid/cmdline"; then echo "/proc/$pid/"; fi
		done
	} | cut -d/ -f3 | sort -un | while read -r pid; do
		if grep -qs '^State:.*Z' "/proc/$pid/status"; then continue; fi
		[ -e "/proc/$pid" ] && echo "$pid $(tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline")"
	done
	true
}

# @seccomp is the cache of compiled filters: it stays, but nothing half-written in it.
left_state() {
	find "$ROOT" -mindepth 1 -maxdepth 1 ! -name @seccomp ! -name @net 2>/dev/null || true
	# the lock of the leases stays, no lease does
	find "$ROOT/@net" -type f -size +0 2>/dev/null || true
	find "$ROOT/@seccomp" -name '.*' 2>/dev/null || true
	find /run/runbox -mindepth 1 -maxdepth 1 -name "*$SUFFIX*" 2>/dev/null || true
}

left_links() {
	find /sys/class/net /run/netns -mindepth 1 -maxdepth 1 -name "*$SUFFIX*" 2>/dev/null || true
}

# leaks: says all that is left and fails if anything is
leaks() {
	local bad=0 what found
	any_left || return 0
	for what in cgroups mounts processes state links; do
		found=$("left_$what")
		if [ -n "$found" ]; then
			printf 'left behind, %s:\n%s\n' "$what" "$found" >&2
			bad=1
		fi
	done
	return $bad
}

# host_picture: all of what a container could change on this host, for tests that run alone
host_picture() {
	wc -l </proc/self/mountinfo
	find /sys/fs/cgroup -type d 2>/dev/null | wc -l
	ls /sys/class/net
	ls -A /run/netns 2>/dev/null
	ls -A /run /tmp
}
