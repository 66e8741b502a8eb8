#!/usr/bin/env bats
# run.bats - runbox run
# as: root root-systemd rootless
load ../lib/helpers

@test "run: gives back the exit status and leaves nothing" {
	local n
	make_bundle web
	for n in 0 1 42 255; do
		args web /bin/probe exit=$n
		run -"$n" run_bundle web
		leaks
	done
}

@test "run: 128 and the signal when one ended the program" {
	make_bundle web '.linux.namespaces |= map(select(.type != "pid")) | .mounts |= map(select(.destination != "/proc"))'
	args web /bin/probe raise=9
	run -137 run_bundle web
	args web /bin/probe raise=6
	run -134 run_bundle web
	leaks
}

@test "run: forwards signals" {
	make_bundle web
	args web /bin/probe ready=/tmp/up pause=1
	"${RB[@]}" run --bundle "$T/web" "$(cid web)" >"$T/out" 2>&1 3>&- 4>&- &
	local runner=$!
	wait_for 20 test -e "$T/web/rootfs/tmp/up"
	wait_for 20 grep -q '^SigCgt:.*4002$' "/proc/$(pid_of web)/status"
	kill -TERM $runner
	wait $runner
	leaks
}

@test "run: passes standard streams through as they are" {
	requires busybox
	make_bundle web
	args web /bin/sh -c 'cat; echo err >&2'
	printf 'a\r\nb\0c' | rb run --bundle "$T/web" "$(cid web)" >"$T/out" 2>"$T/err" 3>&- 4>&-
	printf 'a\r\nb\0c' | cmp - "$T/out"
	[ "$(cat "$T/err")" = err ]
}

@test "run: a terminal passes newlines through as they are, typed text goes in" {
	requires python3 busybox
	make_bundle web '.process.terminal = true'
	args web /bin/sh -c 'stty -echo; echo ready; read x; echo got $x'
	run -0 "$LIB/onpty.py" 24x80 --after ready --type "hello
" -- "${RB[@]}" run --bundle "$T/web" "$(cid web)"
	[[ $output == *"got hello"* ]]
	leaks
}

@test "run: a resize of the terminal reaches the container" {
	requires python3 busybox
	make_bundle web '.process.terminal = true'
	args web /bin/sh -c 'trap "stty size; exit 7" WINCH; echo ready; while :; do sleep 1; done'
	run -7 "$LIB/onpty.py" 24x80 --after ready --resize 33x77 -- "${RB[@]}" run --bundle "$T/web" "$(cid web)"
	[[ $output == *"33 77"* ]]
}

@test "run: --detach returns while it runs" {
	make_bundle web
	args web /bin/probe pause=1
	rb run --detach --bundle "$T/web" --pid-file "$T/pid" "$(cid web)" >/dev/null 2>&1 </dev/null 3>&- 4>&-
	assert_status web running
	[ "$(cat "$T/pid")" = "$(pid_of web)" ]
}

@test "run: --keep leaves a stopped container" {
	make_bundle web
	args web /bin/probe exit=3
	run -3 run_bundle web --keep
	assert_status web stopped
	rb delete "$(cid web)"
	leaks
}

# row_of KIND: its number in what `run` does with the bundle web
row_of() {
	rb plan --run --bundle "$T/web" --format json | jq --arg kind "$1" '.steps | map(.kind == $kind) | index(true) + 1'
}

# straight: for what is only in a run that goes straight to its program
straight() {
	requires root
	[ "${RB_MANAGER:-}" != systemd ] || skip "needs the cgroupfs manager: the helper for systemd's is waited for"
}

@test "run: goes straight to the program; with hooks, and in create, it waits for its start" {
	straight
	make_bundle web
	args web /bin/probe exit=3
	run -3 run_bundle web --keep
	rb plan "$(cid web)" >"$T/plan"
	grep -q 'executed .*until the program runs' "$T/plan"
	! grep -qE 'wait-start|recorded' "$T/plan" || return 1
	rb delete "$(cid web)"
	make_bundle web '.hooks = {"poststart": [{"path": "/bin/true"}]}'
	args web /bin/probe exit=3
	run -3 run_bundle web --keep
	rb plan "$(cid web)" | grep -q 'wait-start .*until start'
	rb delete "$(cid web)"
	rb plan --bundle "$T/web" | grep -q 'wait-start .*until start'
	leaks
}

@test "run: a program that cannot be executed is told, and leaves nothing" {
	make_bundle web
	printf 'no program\n\177' >"$T/web/rootfs/garbage"
	chmod 755 "$T/web/rootfs/garbage"
	args web /garbage
	run -1 run_bundle web
	[[ $output = *"exec"*"/garbage"*"step "*" exec"* ]]
	leaks
	run -1 run_bundle web --detach
	leaks
}

# hanging: `run` of the container whose child hangs before it looks for its program
hanging() {
	local n
	make_bundle web
	args web /bin/probe exit=0
	n=$(row_of find-program)
	RUNBOX_FAULT=hang:create:$n "$@" "${RB[@]}" run --bundle "$T/web" "$(cid web)" >"$T/out" 2>&1 </dev/null 3>&- 4>&- &
	runner=$!
	wait_for 20 grep -qs '^process' "$ROOT/$(cid web)/journal"
}

@test "run: what ends it while the container is being made leaves nothing" {
	straight
	local signal r
	for signal in TERM INT HUP; do
		# a shell has its background jobs ignore SIGINT
		hanging env --default-signal="$signal"
		kill -"$signal" $runner
		r=0
		wait $runner || r=$?
		[ $r -eq $((128 + $(kill -l $signal))) ]
		leaks
	done
}

@test "run: a first process that is killed before its program is no program that ran" {
	straight
	local r=0
	hanging env
	kill -KILL "$(awk '$1 == "process" { print $2 }' "$ROOT/$(cid web)/journal")"
	wait $runner || r=$?
	[ $r -eq 1 ]
	grep -q "first process ended unexpectedly" "$T/out"
	leaks
}

@test "run: no program begins once the runtime was killed" {
	straight
	local row r
	# without dieWithParent a runtime may die in the moment in which the child looks
	make_bundle web '.process.user = {"uid": 1000, "gid": 1000} | .runbox.dieWithParent = true'
	args web /bin/probe pause=1
	# the change of ids clears the parent-death signal
	for row in propagation user capabilities cwd; do
		r=0
		RUNBOX_FAULT=kill-after:create:$(row_of $row) "${RB[@]}" run --bundle "$T/web" "$(cid web)" >"$T/out" 2>&1 </dev/null 3>&- 4>&- || r=$?
		[ $r -eq 137 ]
		wait_status web stopped
		rb delete --force "$(cid web)"
		leaks
	done
}

@test "run: what ends it while the program is being executed leaves nothing" {
	straight
	local n
	make_bundle web
	args web /bin/probe pause=1
	n=$(row_of exec)
	RUNBOX_FAULT=hang:create:$n "${RB[@]}" run --detach --bundle "$T/web" "$(cid web)" >"$T/out" 2>&1 </dev/null 3>&- 4>&- &
	runner=$!
	wait_for 20 grep -qs '^process' "$ROOT/$(cid web)/journal"
	kill -TERM $runner
	! wait $runner || return 1
	leaks
}

@test "run: verbs wait until what runs is recorded" {
	straight
	local n
	make_bundle web
	args web /bin/probe ready=/tmp/up pause=1
	n=$(row_of created)
	RUNBOX_FAULT=hang:create:$n "${RB[@]}" run --detach --bundle "$T/web" "$(cid web)" >"$T/out" 2>&1 </dev/null 3>&- 4>&- &
	runner=$!
	wait_for 20 test -e "$T/web/rootfs/tmp/up"
	assert_status web creating
	"${RB[@]}" exec "$(cid web)" /bin/probe exit=0 >"$T/exec" 2>&1 </dev/null 3>&- 4>&- &
	local waiting=$!
	wait_for 20 grep -q lock "/proc/$waiting/wchan"
	kill -KILL $runner
	wait $waiting
	rb kill "$(cid web)" KILL
	wait_status web stopped
	rb delete --force "$(cid web)"
	leaks
}

@test "run: killed before it has recorded what runs: the state says so, kill and delete do their work" {
	straight
	local n
	make_bundle web
	args web /bin/probe ready=/tmp/up pause=1
	n=$(row_of created)
	! RUNBOX_FAULT=kill-before:create:$n rb run --detach --bundle "$T/web" "$(cid web)" >/dev/null 2>&1 </dev/null 3>&- 4>&- || return 1
	wait_for 20 test -e "$T/web/rootfs/tmp/up"
	assert_status web running
	rb gc
	[ "$(rb ps --format json "$(cid web)" | jq length)" -ge 1 ]
	rb exec "$(cid web)" /bin/probe exit=0
	rb events --stats "$(cid web)" >/dev/null
	run -1 rb delete "$(cid web)"
	rb kill "$(cid web)" KILL
	wait_status web stopped
	rb delete "$(cid web)"
	leaks
}

@test "run: a caller that ignores SIGCHLD still gets the status" {
	make_bundle web
	args web /bin/probe exit=7
	run -7 env --ignore-signal=CHLD "${RB[@]}" run --bundle "$T/web" "$(cid web)"
	leaks
}

@test "run: a signal that it ignores does not end it while the container is being made" {
	straight
	hanging env --ignore-signal=HUP
	kill -HUP $runner
	[ "$(status_of web)" = creating ]
	kill -TERM $runner
	! wait $runner || return 1
	leaks
}

@test "run: SIGKILL of the runtime leaves a container that delete --force removes" {
	make_bundle web
	args web /bin/probe ready=/tmp/up pause=1
	"${RB[@]}" run --bundle "$T/web" "$(cid web)" >/dev/null 2>&1 </dev/null 3>&- 4>&- &
	local runner=$!
	wait_for 20 test -e "$T/web/rootfs/tmp/up"
	kill -KILL $runner
	wait $runner || true
	assert_status web running
	rb delete --force "$(cid web)"
	leaks
}

@test "run: the bundles that the build lays out" {
	requires root unshare
	local b r dir
	for b in "$BUILDDIR"/bundles/*/; do
		b=$(basename "$b")
		[ -e "$BUILDDIR/bundles/$b/rootfs" ] || continue
		[ "$b" = shell ] || [ "$b" = default ] && continue
		r=0
		dir=$BUILDDIR/bundles/$b
		if [ "${RB_MANAGER:-}" = systemd ] && grep -q cgroupsPath "$dir/config.json"; then
			# in that manager's form
			cgroup_path "$b"
			mkdir "$T/$b"
			jq --arg rootfs "$dir/rootfs" --arg path "$CGROUPS_PATH" '.root.path = $rootfs | .linux.cgroupsPath = $path' \
				"$dir/config.json" >"$T/$b/config.json"
			dir=$T/$b
		fi
		# their networks have names of their own, which another run of this test may use at the same time
		unshare -n "${RB[@]}" run --bundle "$dir" "$b-$SUFFIX" >"$T/out" 2>"$T/err" </dev/null 3>&- 4>&- || r=$?
		[ $r -eq 0 ] || grep -q "this kernel has no netem" "$T/err" || { echo "$b: status $r"; cat "$T/out" "$T/err"; [ "$b" = readonly ] || return 1; }
	done >&2
	leaks
}

@test "run: bundles/hello greets" {
	requires root
	run -0 rb run --bundle "$BUILDDIR/bundles/hello" "hello-$SUFFIX"
	[ "${lines[0]}" = "Hello from a container!" ]
	[ "${lines[1]}" = "pid 1, uid 0, gid 0, host name hello, in /" ]
	leaks
}

@test "run: inside a plain chroot, whose root is no mount point" {
	requires root chroot ldd
	[ "${RB_MANAGER:-}" != systemd ] || skip "needs the cgroupfs manager: systemd's bus is outside of the chroot"
	local c=$T/chroot lib
	make_bundle web
	args web /bin/probe mounts stat=/..
	mkdir -p "$c"/{proc,sys,dev,tmp,bundle} && mv "$T/web"/* "$c/bundle/"
	install -D "$RUNBOX" "$c/bin/runbox"
	for lib in $(ldd "$RUNBOX" 2>/dev/null | grep -o '/[^ ]*'); do install -D "$lib" "$c$lib"; done
	# shared with its copy in the private namespace, as a host's root is: nothing may come back by it
	SEEN=$(unshare -m --propagation private sh -c 'for d in proc sys dev; do mount --rbind /$d "$1/$d"; done; mount --make-rshared /
		chroot "$1" /bin/runbox --root /tmp/state run --bundle /bundle "$2" && ! grep -q "$1/bundle" /proc/self/mountinfo' sh "$c" "$(cid web)")
	expect '[.mounts[].dest] | index("/") != null' true
	expect '[.mounts[].dest | select(startswith("/bundle") or startswith("/sys"))]' '[]'
	leaks
}
