#!/usr/bin/env bats
# contract.bats - what engines call and read back: spellings, texts, files, exit statuses
#
# Each test names the engine whose code leans on it.
# as: root
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
	"${RB[@]}" --log "$T/web/log.json" --log-format json "$@"
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
	env -i XDG_RUNTIME_DIR="$T" "${RB[@]}" run --bundle "$T/web" "$(cid web)"
	leaks
}

@test "contract: global options of all runtimes are taken" {
	make_bundle web 'del(.linux.cgroupsPath)'
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

# one_record FORMAT STATUS WORDS...: the command fails with the status, one record in --log, one line on
# stderr that says the same
one_record() {
	local format=$1 want=$2 r=0 said
	shift 2
	rm -f "$T/log"
	"${RB[@]}" --log "$T/log" --log-format "$format" "$@" >"$T/out" 2>"$T/err" </dev/null 3>&- 4>&- || r=$?
	said=$(sed 's/^runbox: //' "$T/err")
	[ $r -eq "$want" ] && [ "$(wc -l <"$T/err")" -eq 1 ] && [ "$(wc -l <"$T/log")" -eq 1 ] || {
		echo "$*: status $r, $(cat "$T/err" "$T/log")" >&2
		return 1
	}
	case $format in
	json) jq -es --arg m "$said" 'length == 1 and (.[0] | keys == ["level", "msg", "time"] and .level == "error" and .msg == $m
		and (.time | test("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[.][0-9]+Z$")))' "$T/log" >/dev/null ;;
	text) grep -qE '^time="[0-9TZ:.-]+" level=error msg="' "$T/log" && grep -qF "$(cut -c1-12 <<<"$said")" "$T/log" ;;
	esac || {
		echo "$*: $(cat "$T/log")" >&2
		return 1
	}
}

@test "contract: each verb that fails writes one record, as JSON and as text (podman reads the file whole)" {
	local verb format none=none-$SUFFIX
	cd "$T"
	for format in json text; do
		for verb in start state kill delete ps pause resume update events wait plan "net show"; do
			# shellcheck disable=SC2086 # words
			one_record $format 1 $verb "$none"
			grep -q 'does not exist' "$T/err"
			# shellcheck disable=SC2086
			one_record $format 1 $verb
			# shellcheck disable=SC2086
			one_record $format 1 $verb --no-such-option "$none"
		done
		for verb in create run; do
			one_record $format 1 $verb "$none"
			one_record $format 1 $verb --bundle "$T/nowhere" "$none"
			one_record $format 1 $verb
		done
		for verb in check spec; do one_record $format 1 $verb --bundle "$T/nowhere"; done
		for verb in list features gc; do one_record $format 1 $verb too many; done
		one_record $format 255 exec "$none" true
		one_record $format 255 exec "$none"
		one_record $format 255 exec --no-such-option "$none" true
		one_record $format 1 no-such-verb
		one_record $format 1
		[ "$(grep -c . "$T/log")" -eq 1 ]
	done
}

@test "contract: a failure in the middle of a create, and of hooks, is one record too" {
	local edit
	while read -r edit; do
		make_bundle web "$edit"
		one_record json 1 create --bundle "$T/web" "$(cid web)"
		leaks
	done <<-'EOF'
		.process.args = ["nothing"]
		.process.cwd = "/proc/self/fd/1"
		.mounts += [{"destination": "/mnt", "source": "/no/such", "options": ["bind"]}]
		.mounts += [{"destination": "/mnt", "type": "no-such-fs", "source": "x"}]
		.hooks.createRuntime = [{"path": "/bin/false"}]
		.hooks.createContainer = [{"path": "/bin/false"}]
		.linux.namespaces[0].path = "/etc/passwd"
		.linux.seccomp = {"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "/none", "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_NOTIFY"}]}
	EOF
}

# phrases that tell engines something, each in the words of one of them
phrases='not found|executable file not found|no such file or directory|system cannot find the file|permission denied|operation not permitted|open executable|does not exist|container not running|no such process|process already finished|invalid process|not a directory|flag needs an argument|requires an argument'

@test "contract: phrases that engines look for are in no other message" {
	local edit options
	# what is missing is not the program: podman, docker would exit with 127
	while IFS='#' read -r edit options; do
		make_bundle web "$edit"
		# shellcheck disable=SC2086
		run -1 run_bundle web $options
		! grep -iE "$phrases" <<<"${output//$T/}" || { echo "$edit: $output" >&2 && return 1; }
	done <<-EOF
		.mounts += [{"destination": "/mnt", "source": "/no/such", "options": ["bind"]}]#
		.process.cwd = "/no/such/dir" | .root.readonly = true#
		.hooks.createRuntime = [{"path": "/no/such"}]#
		.hooks.startContainer = [{"path": "/no/such"}]#
		.linux.namespaces[0].path = "/no/such"#
		.linux.seccomp = {"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "/none", "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_NOTIFY"}]}#
		.linux.resources.unified = {"no.such": "1"}#
		.mounts += [{"destination": "/mnt", "type": "no-such-fs", "source": "x"}]#
		.#--pid-file $T/no/such/pid
		.#--pidfd-socket $T/no/such/socket
		.#--preserve-fds 9
	EOF
	run -1 rb --log "$T/no/such/log" list
	! grep -iE "$phrases" <<<"$output" || return 1
	make_bundle web
	args web /bin/probe pause=1
	start_bundle web
	run -255 rb exec --process "$T/none" "$(cid web)"
	! grep -iE "$phrases" <<<"$output" || return 1
	# a working directory that is missing is told in these words, of an exec alone: podman exits with 127
	run -255 rb exec --cwd /no/such "$(cid web)" /bin/probe
	[[ $output == *"no such file or directory"* ]]
	run -1 rb start "$(cid web)"
	! grep -iE "$phrases" <<<"$output" || return 1
	run -1 rb delete "$(cid web)"
	! grep -iE "$phrases" <<<"$output" || return 1
	run -1 rb create --bundle "$T/web" "$(cid web)"
	! grep -iE "$phrases" <<<"$output" || return 1
}

@test "contract: streams that are closed at the start are not taken for files (conmon, init scripts)" {
	make_bundle web
	args web /bin/probe pause=1
	local closed
	# with a free descriptor 2 the log would be opened there, and the message written into it
	for closed in '0<&-' '1>&-' '2>&-' '0<&- 1>&-' '1>&- 2>&-' '0<&- 1>&- 2>&-'; do
		rm -f "$T/log"
		run -1 bash -c "exec 3>&- 4>&- $closed; exec ${RB[*]@Q} --log '$T/log' --log-format json state none"
		jq -es 'length == 1 and .[0].msg == "container none does not exist"' "$T/log"
		# what was closed is /dev/null inside, and nothing else is open
		bash -c "exec 3>&- 4>&- </dev/zero >'$T/out' 2>'$T/err'; exec $closed; exec ${RB[*]@Q} run --detach --bundle '$T/web' '$(cid web)'"
		ls -l "/proc/$(pid_of web)/fd" | tee "$T/streams"
		[ "$(grep -c ' [012] -> /' "$T/streams")" -eq 3 ]
		[ "$(grep -c ' [012] -> /dev/null' "$T/streams")" -eq "$(wc -w <<<"$closed")" ]
		[ "$(grep -c -- ' -> ' "$T/streams")" -eq 3 ]
		rb delete --force "$(cid web)"
		leaks
	done
}

@test "contract: a working directory that is gone stops no verb (containerd's cleanup)" {
	make_bundle web
	args web /bin/probe pause=1
	mkdir "$T/gone"
	cd "$T/gone"
	rmdir "$T/gone"
	rb create --bundle "$T/web" --pid-file "$T/pid" "$(cid web)" >/dev/null 2>&1 </dev/null 3>&- 4>&-
	rb start "$(cid web)"
	rb state "$(cid web)" | jq -e '.status == "running"'
	rb ps --format json "$(cid web)" | jq -e 'length == 1'
	rb list -q | grep -qx "$(cid web)"
	SEEN=$(rb exec "$(cid web)" /bin/probe args </dev/null 3>&- 4>&-)
	expect .cwd '"/"'
	rb pause "$(cid web)"
	rb resume "$(cid web)"
	rb update --pids-limit 50 "$(cid web)"
	rb events --stats "$(cid web)" | jq -e '.type == "stats"'
	rb kill "$(cid web)" 9
	wait_status web stopped
	rb delete "$(cid web)"
	"$RUNBOX" features | jq -e .ociVersionMax
	run -1 rb create x
	leaks
}

@test "contract: with no environment at all each verb works (podman, cri-o)" {
	make_bundle web
	args web /bin/probe pause=1
	bare() { env -i "${RB[@]}" "$@"; }
	bare create --bundle "$T/web" "$(cid web)" >/dev/null 2>&1 </dev/null 3>&- 4>&-
	bare start "$(cid web)"
	bare state "$(cid web)" | jq -e '.status == "running"'
	# the environment is the config's, not ours
	SEEN=$(bare exec "$(cid web)" /bin/probe args </dev/null 3>&- 4>&-)
	expect .env '["PATH=/bin:/sbin","HOME=/root"]'
	bare pause "$(cid web)"
	bare resume "$(cid web)"
	bare ps "$(cid web)" | grep -q probe
	bare kill "$(cid web)" KILL
	wait_status web stopped
	bare delete "$(cid web)"
	leaks
}

@test "contract: options after the id, with =, with one dash, true and false (go-runc, scripts)" {
	make_bundle web
	args web /bin/probe pause=1
	rb create "$(cid web)" --bundle="$T/web" -pid-file "$T/pid" -no-subreaper --no-pivot=false --no-new-keyring=true >/dev/null 2>&1 </dev/null 3>&- 4>&-
	[ "$(cat "$T/pid")" = "$(pid_of web)" ]
	rb start "$(cid web)"
	rb update "$(cid web)" --pids-limit=50
	rb update "$(cid web)" -pids-limit 40
	rb list -format=json | jq -e 'length == 1'
	rb list --quiet=false | grep -q ^ID
	rb -root="$ROOT" ps -f json "$(cid web)" | jq -e 'length == 1'
	rb ps "$(cid web)" -o pid | grep -q "$(pid_of web)"
	rb events "$(cid web)" -stats | jq -e '.type == "stats"'
	run -1 rb list --quiet=perhaps
	[[ $output == *"true or false"* ]]
	# behind the id of an exec all is the program's, and so it is behind "--"
	[ "$(rb exec -- "$(cid web)" /bin/busybox echo --tty -d 3>&- 4>&-)" = "--tty -d" ]
	rb kill "$(cid web)" -all 9
	wait_status web stopped
	rb delete "$(cid web)" -force=true
	leaks
}

@test "contract: checkpoint and restore fail with and without options, in no words that mean they work (podman)" {
	local words
	for words in "checkpoint x" "restore x" "checkpoint --help" "restore --lsm-mount-context" "restore --help" \
		"restore --image-path /x --work-path /y --detach --pid-file /z -no-subreaper --bundle /b x"; do
		# shellcheck disable=SC2086
		run -1 rb $words
		[[ $output == *"not supported"* ]]
		! grep -iE "$phrases" <<<"$output" || return 1
	done
}

@test "contract: every option of the verbs is in their help, which says what it is" {
	local verb option help
	while read -r verb help; do
		run -0 "$RUNBOX" "$verb" --help
		for option in $help; do
			grep -qE -- "--$option( |$)" <<<"$output" || { echo "$verb --$option" >&2 && return 1; }
		done
	done <<-'EOF'
		create bundle console-socket pid-file pidfd-socket no-pivot no-new-keyring preserve-fds config no-subreaper
		run bundle console-socket pid-file pidfd-socket no-pivot no-new-keyring preserve-fds config no-subreaper detach keep
		exec console-socket cwd env tty user process detach pid-file pidfd-socket process-label apparmor no-new-privs cap preserve-fds cgroup additional-gids ignore-paused
		kill all regex
		delete force regex
		list format quiet
		ps format
		spec bundle rootless file
		events interval stats
		update resources blkio-weight cpu-period cpu-quota cpu-burst cpu-idle cpu-share cpu-rt-period cpu-rt-runtime cpuset-cpus cpuset-mems memory memory-reservation memory-swap pids-limit kernel-memory kernel-memory-tcp
	EOF
	run -0 "$RUNBOX" --help
	for option in debug log log-format log-level root systemd-cgroup cgroup-manager rootless version; do
		grep -qE -- "--$option( |$)" <<<"$output"
	done
}

@test "contract: a capability that cannot be granted is a warning, and the container runs (--privileged)" {
	requires root setpriv
	make_bundle web '.process.capabilities = ({"bounding": ["CAP_MKNOD", "CAP_KILL"]} | .permitted = .bounding | .effective = .bounding)'
	args web /bin/probe caps
	SEEN=$(setpriv --bounding-set=-mknod --inh-caps=-all "${RB[@]}" run --bundle "$T/web" "$(cid web)" 2>"$T/err" 3>&- 4>&-)
	expect .caps.effective '["CAP_KILL"]'
	expect .caps.bounding '["CAP_KILL"]'
	grep -q 'warning.*CAP_MKNOD' "$T/err"
	# for an engine, whose log takes errors alone, nothing is said
	SEEN=$(setpriv --bounding-set=-mknod "${RB[@]}" --log "$T/log" --log-format json run --bundle "$T/web" "$(cid web)" 2>"$T/err" 3>&- 4>&-)
	[ ! -s "$T/log" ] && [ ! -s "$T/err" ]
	leaks
}

@test "contract: a hook that does not read its input is no error, what it says reaches the caller" {
	make_bundle web '.annotations = {"a/b": "c/d"} | .hooks.createRuntime = [{"path": "/bin/true"}, {"path": "/bin/sh", "args": ["sh", "-c", "cat >\($bundle)/state; echo said >&2"]}]'
	args web /bin/probe args
	run_bundle web >/dev/null 2>"$T/err"
	grep -qx said "$T/err"
	# compact, slashes as they are: there are readers that look for the text
	[ "$(wc -l <"$T/web/state")" -le 1 ]
	grep -qF '"a/b":"c/d"' "$T/web/state"
	grep -qF "\"bundle\":\"$T/web\"" "$T/web/state"
	jq -e 'keys == ["annotations", "bundle", "id", "ociVersion", "pid", "status"]' "$T/web/state"
	leaks
}

@test "contract: contrib's files of engines are well-formed and name one program (engines that Debian has not)" {
	requires python3
	local dir=$SRCDIR/contrib/engines file
	python3 - "$dir" <<-'PY'
		import json, sys, tomllib
		d = sys.argv[1] + "/"
		toml = lambda name: tomllib.load(open(d + name, "rb"))
		want = "/usr/local/bin/runbox"
		assert toml("buildkitd.toml")["worker"]["oci"]["binary"] == want
		assert toml("crio-runbox.conf")["crio"]["runtime"]["runtimes"]["runbox"]["runtime_path"] == want
		cri = toml("containerd-config.toml")["plugins"]["io.containerd.grpc.v1.cri"]["containerd"]
		assert cri["runtimes"][cri["default_runtime_name"]]["options"]["BinaryName"] == want
		podman = toml("podman-containers.conf")["engine"]
		assert podman["runtimes"][podman["runtime"]] == [want]
		docker = json.load(open(d + "docker-daemon.json"))
		assert docker["runtimes"][docker["default-runtime"]]["path"] == want
	PY
	for file in "$dir"/*; do
		[ "$file" = "$dir/README.md" ] || grep -qF "\`$(basename "$file")\`" "$dir/README.md"
	done
}
