#!/usr/bin/env bats
# systemd.bats - the systemd manager: each container in a transient scope, of the system's systemd for root
# and of the user's own for others
#
#     tests/vm/run-tests tests/vm/systemd.bats
# as: root rootless

load ../lib/helpers

setup() {
	[ -d /run/systemd/system ] || skip "needs systemd as pid 1"
	[ "$(stat -f -c %T /sys/fs/cgroup)" = cgroup2fs ] || skip "needs a cgroup v2 host"
	rb_setup
	if [ "$(id -u)" -eq 0 ]; then
		ctl=(systemctl)
		TOP=''
	else
		[ -d /run/vm ] || skip "as a user only in the guest"
		export XDG_RUNTIME_DIR=/run/user/$(id -u) DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/$(id -u)/bus
		ctl=(systemctl --user)
		TOP=$(sed -n 's/^0:://p' /proc/self/cgroup)
		TOP=${TOP%/app.slice/*}
	fi
	export SYSTEMD_PAGER='' SYSTEMD_COLORS=0
	rb() { "$RUNBOX" --root "$ROOT" --systemd-cgroup "$@"; }
}

teardown() {
	rb_teardown
	# also when a test failed: no unit of ours stays
	"${ctl[@]}" stop "rbt-$SUFFIX-*.scope" 2>/dev/null || true
	"${ctl[@]}" reset-failed "rbt-$SUFFIX-*.scope" 2>/dev/null || true
}

# scope_bundle NAME [JQ...]: in the scope rbt-SUFFIX-NAME.scope of the slice rbt.slice
scope_bundle() {
	local name=$1
	shift
	make_bundle "$name" ".linux.cgroupsPath = \"rbt-test.slice:rbt-$SUFFIX:$name\"" "$@"
	UNIT=rbt-$SUFFIX-$name.scope
	DIR=/sys/fs/cgroup$TOP/rbt.slice/rbt-test.slice/$UNIT
}

# property NAME: of the last bundle's unit
property() { "${ctl[@]}" show -P "$1" "$UNIT"; }

no_unit() { [ -z "$("${ctl[@]}" list-units --all --plain --no-legend "rbt-$SUFFIX-*")" ]; }

nothing_left() {
	wait_for 10 no_unit
	wait_for 10 test ! -e "$DIR"
	leaks
}

@test "systemd: a container's life in a scope" {
	scope_bundle web
	args web /bin/probe fork=2 pause=1
	create_bundle web
	[ "$(property ActiveState)" = active ]
	[ "$(property Slice)" = rbt-test.slice ]
	[ "$(property Delegate)" = yes ]
	[ "$(property ControlGroup)" = "${DIR#/sys/fs/cgroup}" ]
	[ "$(cat "/proc/$(pid_of web)/cgroup")" = "0::${DIR#/sys/fs/cgroup}" ]
	# nobody else is in it: the helper has left
	[ "$(cat "$DIR/cgroup.procs")" = "$(pid_of web)" ]
	rb start "$(cid web)"
	assert_status web running
	wait_for 10 sh -c "[ \$(wc -l <'$DIR/cgroup.procs') -eq 3 ]"
	# exec is not told of the manager by engines
	"$RUNBOX" --root "$ROOT" exec "$(cid web)" /bin/probe exit=0
	rb pause "$(cid web)"
	assert_status web paused
	rb resume "$(cid web)"
	rb kill "$(cid web)" KILL
	wait_status web stopped
	rb delete "$(cid web)"
	nothing_left
}

@test "systemd: run in the foreground, and delete --force" {
	scope_bundle web
	args web /bin/probe exit=7
	run -7 run_bundle web
	nothing_left
	args web /bin/probe fork=2 deaf=1
	start_bundle web
	rb delete --force "$(cid web)"
	nothing_left
}

@test "systemd: without cgroupsPath the scope is runbox-ID.scope" {
	scope_bundle web 'del(.linux.cgroupsPath)'
	args web /bin/probe pause=1
	start_bundle web
	UNIT=runbox-$(cid web).scope
	[ "$(property ActiveState)" = active ]
	DIR=/sys/fs/cgroup$(property ControlGroup)
	rb delete --force "$(cid web)"
	wait_for 10 test ! -e "$DIR"
	leaks
}

@test "systemd: limits are in the files, and in systemd, which keeps them when it is reloaded" {
	scope_bundle web '.linux.resources = {memory: {limit: 67108864, swap: 100663296, reservation: 33554432},
		pids: {limit: 60}, cpu: {quota: 50000, period: 100000, shares: 512}}'
	args web /bin/probe pause=1
	start_bundle web
	files() { (cd "$DIR" && cat memory.max memory.swap.max memory.low pids.max cpu.max cpu.weight | xargs); }
	[ "$(files)" = '67108864 33554432 33554432 60 50000 100000 59' ]
	[ "$(property MemoryMax)" = 67108864 ]
	[ "$(property TasksMax)" = 60 ]
	[ "$(property CPUQuotaPerSecUSec)" = 500ms ]
	rb update --pids-limit 70 --memory 96M --memory-swap 96M --cpu-quota -1 --cpu-share 1024 "$(cid web)"
	[ "$(files)" = '100663296 0 33554432 70 max 100000 100' ]
	[ "$(property MemoryMax)" = 100663296 ]
	[ "$(property TasksMax)" = 70 ]
	"${ctl[@]}" daemon-reload
	[ "$(files)" = '100663296 0 33554432 70 max 100000 100' ]
	rb delete --force "$(cid web)"
	nothing_left
}

@test "systemd: one task is enough, with a limit of one" {
	scope_bundle web '.linux.resources.pids.limit = 1'
	args web /bin/probe exit=0
	run -0 run_bundle web
	nothing_left
}

@test "systemd: annotations set properties" {
	scope_bundle web '.annotations = {
		"org.systemd.property.TimeoutStopUSec": "uint64 5000000",
		"org.systemd.property.RuntimeMaxSec": "7200",
		"org.systemd.property.CollectMode": "'"'inactive'"'",
		"org.systemd.property.DefaultDependencies": "true",
		"org.systemd.property.After": "['"'basic.target'"']",
		"org.systemd.property.Description": "\"a box\""}'
	args web /bin/probe pause=1
	start_bundle web
	[ "$(property TimeoutStopUSec)" = 5s ]
	[ "$(property RuntimeMaxUSec)" = 2h ]
	[ "$(property CollectMode)" = inactive ]
	[ "$(property DefaultDependencies)" = yes ]
	[[ " $(property After) " = *" basic.target "* ]]
	[ "$(property Description)" = 'a box' ]
	rb delete --force "$(cid web)"
	nothing_left
}

@test "systemd: annotations that would do more are refused" {
	local p
	scope_bundle web
	for p in 'ExecStart "x"' "Wants ['x.service']" 'PIDs [1]' 'Slice "x.slice"' 'Delegate false' \
		'TimeoutStopUSec many' "CollectMode inactive" "KillSignal 5000000000" 'After "x"'; do
		jq --arg k "org.systemd.property.${p%% *}" --arg v "${p#* }" '.annotations = {($k): $v}' \
			"$T/web/config.json" >"$T/web/c" && mv "$T/web/c" "$T/web/config.json"
		run -1 rb create --bundle "$T/web" "$(cid web)"
		[[ $output = *"annotations[\"org.systemd.property.${p%% *}\"]"* ]]
	done
	nothing_left
}

@test "systemd: a create that fails, or is killed, leaves no scope" {
	local fault
	scope_bundle web
	args web /bin/nothing
	run -1 run_bundle web
	nothing_left
	args web /bin/probe pause=1
	# the scope is row 2, its directory 3; the container comes in, and the helper goes, some rows later
	for fault in kill-before:create:{2,3,4} kill-after:create:{2,7,8,9,12} fail:create:{2,3,8}; do
		RUNBOX_FAULT=$fault run rb create --bundle "$T/web" "$(cid web)" 3>&- 4>&-
		[ "$status" -ne 0 ]
		rb delete --force "$(cid web)"
		nothing_left
	done
}

@test "systemd: a scope of that name that is there is not taken over" {
	local mode=()
	[ "$(id -u)" -eq 0 ] || mode=(--user)
	scope_bundle web
	args web /bin/probe exit=0
	systemd-run "${mode[@]}" --quiet --scope --unit "$UNIT" sleep 600 3>&- 4>&- >/dev/null 2>&1 </dev/null &
	wait_for 10 sh -c "[ -n \"\$(${ctl[*]} show -P ControlGroup $UNIT)\" ]"
	run -1 run_bundle web
	[[ $output = *"$UNIT"* ]]
	[ "$(property ActiveState)" = active ]
	"${ctl[@]}" stop "$UNIT"
	nothing_left
}

@test "systemd: stopped by systemctl, the container is stopped" {
	scope_bundle web
	args web /bin/probe pause=1
	start_bundle web
	"${ctl[@]}" stop "$UNIT"
	wait_status web stopped
	rb delete "$(cid web)"
	nothing_left
}

@test "systemd: names that are none are refused" {
	local p
	scope_bundle web
	for p in /a/b a b:c 'x.slice:p:' 'x:p:n' 'a--b.slice:p:n' '-a.slice:p:n' 'a-.slice:p:n' 'x.slice:p:a/b' \
		'x.slice:p:a b' '../x.slice:p:n' '.slice:p:n'; do
		edit_bundle web ".linux.cgroupsPath = \"$p\""
		run -1 rb create --bundle "$T/web" "$(cid web)"
		[[ $output = *linux.cgroupsPath* ]]
	done
	edit_bundle web '.linux.cgroupsPath = "system.slice:rbt:x"'
	run -1 "$RUNBOX" --root "$ROOT" create --bundle "$T/web" "$(cid web)"
	[[ $output = *"pass --systemd-cgroup"* ]]
	nothing_left
}

@test "systemd: --cgroup-manager says it too, and features tells that it is there" {
	scope_bundle web
	args web /bin/probe pause=1
	"$RUNBOX" --root "$ROOT" --cgroup-manager systemd create --bundle "$T/web" "$(cid web)" >/dev/null 2>&1 </dev/null 3>&- 4>&-
	[ "$(property ActiveState)" = active ]
	rb delete --force "$(cid web)"
	nothing_left
	rb features | jq -e '.linux.cgroup | .systemd and .systemdUser'
}
