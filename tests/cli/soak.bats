#!/usr/bin/env bats
# soak.bats - containers by the thousand, and the host as it was
#
# RB_SOAK says how many rounds; 1000 unless given.
# timeout: 900
load ../lib/helpers

setup() {
	rb_setup
	requires root nsenter
	N=${RB_SOAK:-1000}
	# mounts are counted in a namespace of our own: other tests may mount beside us
	unshare -m --propagation private sleep infinity >/dev/null 2>&1 3>&- 4>&- &
	NS=$!
	wait_for 20 own_namespace
}

teardown() {
	kill "$NS" 2>/dev/null || true
	rb_teardown
}

own_namespace() {
	[ "$(readlink "/proc/$NS/ns/mnt")" != "$(readlink /proc/self/ns/mnt)" ]
}

rb() {
	nsenter --mount="/proc/$NS/ns/mnt" "${RB[@]}" "$@"
}

# mounts: those of this namespace by place. Only a new one is a leak: the kernel takes one away when
# another test removes the file or directory that it stands on.
mounts() {
	awk '{ print $5 }' "/proc/$NS/mountinfo" | sort
}

# picture: all else that a container could leave in this namespace, counted
picture() {
	printf 'cgroups %s\n' "$(left_cgroups | wc -l)"
	printf 'state %s\n' "$(left_state | wc -l)"
	printf 'processes %s\n' "$(left_processes | wc -l)"
	printf 'fds %s\n' "$(find /proc/$$/fd -mindepth 1 | wc -l)"
	printf 'tmp %s\n' "$(find "$T" -mindepth 1 ! -path '*/rootfs/*' ! -path "$ROOT" | wc -l)"
}

same_picture() {
	picture >"$BATS_TEST_TMPDIR/after"
	diff "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after" >&2
	comm -13 "$BATS_TEST_TMPDIR/mounts" <(mounts) >"$BATS_TEST_TMPDIR/new"
	diff /dev/null "$BATS_TEST_TMPDIR/new" >&2
}

before() {
	mounts >"$BATS_TEST_TMPDIR/mounts"
	picture >"$BATS_TEST_TMPDIR/before"
}

# rounds NAME: run, and create/start/kill/delete
rounds() {
	local i id
	id=$(cid "$1")
	touch "$T/log"
	# the first run fills the cache of filters
	rb run --bundle "$T/$1" "$id" >"$T/log" 2>&1 </dev/null 3>&- 4>&-
	before
	for ((i = 0; i < N; i++)); do
		rb run --bundle "$T/$1" "$id" >"$T/log" 2>&1 </dev/null 3>&- 4>&- || { cat "$T/log" >&2; echo "run $i" >&2; return 1; }
		rb create --bundle "$T/$1" "$id" >"$T/log" 2>&1 </dev/null 3>&- 4>&- && rb start "$id" && rb delete --force "$id" || {
			cat "$T/log" >&2
			echo "round $i" >&2
			return 1
		}
	done
	same_picture
	leaks
}

@test "soak: bundles/hello, run and create/start/delete" {
	mkdir "$T/hello"
	cp -a "$BUILDDIR/bundles/hello/." "$T/hello/"
	cgroup_path hello
	edit_bundle hello ".linux.cgroupsPath = \"$CGROUPS_PATH\""
	rounds hello
}

@test "soak: an engine's configuration" {
	requires busybox
	engine_bundle engine "$SRCDIR/tests/data/podman.json"
	edit_bundle engine '.process.terminal = false'
	args engine /bin/true
	rounds engine
}

@test "soak: four at a time" {
	local w pids=() p
	requires busybox
	make_bundle web '.linux.cgroupsPath |= null | del(.linux.cgroupsPath)'
	args web /bin/true
	touch "$T/log"
	before
	for w in 1 2 3 4; do
		(
			for ((i = 0; i < N / 10; i++)); do
				rb run --bundle "$T/web" "w$w-$SUFFIX" >/dev/null 2>"$T/err.$w" </dev/null 3>&- 4>&- || exit 1
			done
		) &
		pids+=($!)
	done
	for p in "${pids[@]}"; do
		wait "$p" || { cat "$T"/err.* >&2; return 1; }
	done
	rm -f "$T"/err.*
	same_picture
	leaks
}
