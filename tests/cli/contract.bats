#!/usr/bin/env bats
# contract.bats - what engines call and read back: spellings, texts, files, exit statuses
#
# Each test names the engine whose code leans on it.
load ../lib/helpers

@test "contract: --version is three lines; --help fits a screen (engines, dockerd)" {
	run -0 --separate-stderr "$RUNBOX" --version
	[[ ${lines[0]} =~ ^runbox\ version\ [0-9]+\.[0-9]+\.[0-9]+ ]]
	[[ ${lines[1]} =~ ^commit:\ .+ ]]
	[[ ${lines[2]} =~ ^spec:\ 1\.[0-9]+\.[0-9]+$ ]]
	[ "$("$RUNBOX" -v)" = "$output" ]
	local verb
	for verb in create start state kill delete run list ps spec features check plan; do
		run -0 "$RUNBOX" $verb --help
		[ "${#lines[@]}" -le 40 ] || { echo "$verb: ${#lines[@]} lines" >&2; return 1; }
	done
	run -0 "$RUNBOX" --help
	[ "${#lines[@]}" -le 50 ]
}

# go-runc's way of calling
shim() {
	"$RUNBOX" --root "$ROOT" --log "$T/web/log.json" --log-format json "$@"
}

@test "contract: the life of a container as containerd's shim drives it" {
	make_bundle web
	args web /bin/probe pause=1
	shim create --bundle "$T/web" --pid-file "$T/web/init.pid" "$(cid web)" >"$T/out" 2>&1 </dev/null 3>&- 4>&-
	[ "$(cat "$T/web/init.pid")" = "$(pid_of web)" ]
	shim start "$(cid web)"
	shim state "$(cid web)" | jq -e '.status == "running"'
	shim ps --format json "$(cid web)" | jq -e --argjson p "$(pid_of web)" '. == [$p]'
	shim kill "$(cid web)" 9
	wait_status web stopped
	shim kill --all "$(cid web)" 9
	shim delete "$(cid web)"
	run -1 shim delete "$(cid web)"
	[[ $output == *"does not exist"* ]]
	shim delete --force "$(cid web)"
	leaks
}

@test "contract: the log's last error is what the user is told (containerd)" {
	make_bundle web '.process.args = ["nothing"]'
	run -1 shim create --bundle "$T/web" --pid-file "$T/web/init.pid" "$(cid web)"
	jq -es 'length == 1 and .[0].level == "error" and (.[0].msg | contains("executable file not found in $PATH"))' "$T/web/log.json"
	[ ! -e "$T/web/init.pid" ]
}

@test "contract: a warning stays out of the log at the default level (podman)" {
	make_bundle web '.process.capabilities.bounding = ["CAP_NO_SUCH"]'
	args web /bin/probe exit=0
	shim run --bundle "$T/web" "$(cid web)" 2>"$T/err"
	[ ! -s "$T/web/log.json" ]
}

@test "contract: texts of a missing and of a forbidden program, lower case (docker, podman)" {
	make_bundle web '.process.args = ["nothing"]'
	run -1 run_bundle web
	[[ $output == *'exec: "nothing": executable file not found in $PATH'* ]]
	make_bundle web '.process.args = ["/no/such"]'
	run -1 run_bundle web
	[[ $output == *'no such file or directory'* ]]
	make_bundle web '.process.args = ["/bin/plain"]'
	run -1 run_bundle web
	[[ $output == *'permission denied'* ]]
}

@test "contract: a missing thing that is not the program is not called so (podman exits 127 else)" {
	make_bundle web '.mounts += [{"destination": "/mnt", "source": "/no/such/dir", "options": ["bind"]}]'
	run -1 run_bundle web
	[[ ${output,,} != *"no such file or directory"* ]]
	run -1 rb create --bundle "$T/none" x
	[[ ${output,,} != *"no such file or directory"* ]]
}

@test "contract: texts that mean not found and already finished (containerd, cri-o)" {
	run -1 rb kill "none-$SUFFIX" 9
	[[ $output == *"does not exist"* ]]
	make_bundle web
	args web /bin/probe exit=0
	start_bundle web
	wait_status web stopped
	run -1 rb kill "$(cid web)" 9
	[[ $output == *"container not running"* ]]
}

@test "contract: run --keep, state and delete without force (buildkit)" {
	make_bundle web
	args web /bin/probe exit=5
	run -5 shim run --bundle "$T/web" --keep "$(cid web)"
	shim state "$(cid web)" | jq -e --arg b "$T/web" '.bundle == $b and .rootfs == $b + "/rootfs"'
	shim delete "$(cid web)"
	leaks
}

@test "contract: an environment without HOME and PATH is enough (podman)" {
	make_bundle web
	args web /bin/probe exit=0
	env -i XDG_RUNTIME_DIR="$T" "$RUNBOX" --root "$ROOT" run --bundle "$T/web" "$(cid web)"
	leaks
}

@test "contract: global options of all runtimes are taken" {
	make_bundle web
	args web /bin/probe exit=0
	"$RUNBOX" --debug --log /dev/null --log-format text --root "$ROOT" --cgroup-manager cgroupfs --rootless auto run --bundle "$T/web" "$(cid web)" 2>/dev/null
	"$RUNBOX" --root="$ROOT" --log-level=error --cgroup-manager=disabled run --bundle "$T/web" --no-new-keyring --no-subreaper "$(cid web)"
	leaks
}

@test "contract: checkpoint --help succeeds only where checkpoint works (podman)" {
	run ! "$RUNBOX" checkpoint --help
}

@test "contract: the configurations of docker and podman run" {
	requires root busybox
	local engine
	for engine in docker podman; do
		[ -e "$SRCDIR/tests/data/$engine.json" ] || continue
		engine_bundle "$engine" "$SRCDIR/tests/data/$engine.json"
		args "$engine" /bin/probe args ids caps mounts
		edit_bundle "$engine" '.process.terminal = false | .process.env += ["X=1"]'
		SEEN=$(run_bundle "$engine" 2>"$T/err") || { cat "$T/err" >&2; return 1; }
		expect .pid 1
		[ "$(jq '.mounts | length' <<<"$SEEN")" -gt 10 ]
		leaks
	done
}
