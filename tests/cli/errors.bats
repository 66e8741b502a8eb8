#!/usr/bin/env bats
# errors.bats - each failure: the exact line, the exit status, and that nothing stays behind
#
# `fails STATUS LINE COMMAND` compares the whole of stderr; the number of a step is written NN, for it
# depends on the cgroups of the host (tests/undo checks the numbers). Where the line holds the name of a
# directory of this test it is written with $T.
# as: root
load ../lib/helpers

# refused LINE [JQ...]: create of a bundle edited so is refused with LINE, status 1, and leaves nothing
refused() {
	local line=$1
	shift
	make_bundle b "$@"
	fails 1 "$line" rb create --bundle "$T/b" "$(cid b)"
	leaks
	fails 1 "$line" rb run --bundle "$T/b" "$(cid b)"
	leaks
}

# --- the bundle ---

@test "errors: a bundle that does not exist" {
	fails 1 "bundle $T/none does not exist" rb create --bundle "$T/none" "x-$SUFFIX"
	leaks
}

@test "errors: a bundle that is a file" {
	echo >"$T/file"
	fails 1 "bundle $T/file is no directory" rb create --bundle "$T/file" "x-$SUFFIX"
	leaks
}

@test "errors: a bundle without config.json" {
	mkdir "$T/b"
	fails 1 "bundle $T/b has no config.json" rb create --bundle "$T/b" "x-$SUFFIX"
	leaks
}

@test "errors: a config.json that is a directory" {
	mkdir -p "$T/b/config.json"
	fails 1 "config.json of bundle $T/b is a directory" rb create --bundle "$T/b" "x-$SUFFIX"
	leaks
}

@test "errors: a config.json that may not be read" {
	requires root setpriv
	make_bundle b
	chmod 600 "$T/b/config.json"
	mkdir -m 777 "$T/other"
	fails 1 "read config.json of bundle $T/b: Permission denied (EACCES)" \
		setpriv --reuid 4242 --regid 4242 --clear-groups "$RUNBOX" --root "$T/other/state" create --bundle "$T/b" "x-$SUFFIX"
	leaks
}

@test "errors: config.json is empty, cut off, followed by more, or not JSON" {
	make_bundle b
	: >"$T/b/config.json"
	fails 1 "config.json:1:1: the text ends in the middle of the JSON value" rb create --bundle "$T/b" "x-$SUFFIX"
	printf '{"ociVersion": "1.0.0",' >"$T/b/config.json"
	fails 1 "config.json:1:24: the text ends in the middle of the JSON value" rb create --bundle "$T/b" "x-$SUFFIX"
	printf '{"ociVersion": "1.0.0"}\n{}' >"$T/b/config.json"
	fails 1 "config.json:2:1: there is text after the end of the JSON value" rb create --bundle "$T/b" "x-$SUFFIX"
	printf 'not json' >"$T/b/config.json"
	fails 1 "config.json:1:1: a word that is none of true, false and null" rb create --bundle "$T/b" "x-$SUFFIX"
	leaks
}

@test "errors: a duplicate key, also in another case" {
	make_bundle b
	sed -i 's|"cwd": "/"|"cwd": "/", "CWD": "/tmp"|' "$T/b/config.json"
	run -1 rb create --bundle "$T/b" "x-$SUFFIX"
	[[ $output == *"process.CWD"* || $output == *"process.cwd"* ]]
	leaks
}

# --- values ---

@test "errors: a wrong type" {
	refused 'config.json:12:13 process.args: must be an array, not a string' '.process.args = "sh"'
}

@test "errors: an unknown namespace, with the likely spelling" {
	refused 'config.json:50:17 linux.namespaces[0].type: unknown namespace "networks", did you mean "network"?' '.linux.namespaces[0].type = "networks"'
}

@test "errors: an unknown word of an enumeration" {
	refused 'config.json:21:17 process.rlimits[0].type: unknown value "RLIMIT_NOFILES", did you mean "RLIMIT_NOFILE"?' '.process.rlimits = [{"type": "RLIMIT_NOFILES", "soft": 1, "hard": 1}]'
}

@test "errors: a missing field" {
	refused 'config.json:6:14 process: "cwd" is missing' 'del(.process.cwd)'
}

@test "errors: a relative cwd" {
	refused 'config.json:18:12 process.cwd: "tmp" must be an absolute path' '.process.cwd = "tmp"'
}

@test "errors: no arguments" {
	refused 'config.json:12:13 process.args: must have at least one element, the program' '.process.args = []'
}

@test "errors: a namespace twice" {
	refused 'config.json:67:7 linux.namespaces[6]: namespace "pid" is given twice' '.linux.namespaces += [{"type": "pid"}]'
}

@test "errors: a namespace path of another type" {
	refused '/proc/self/ns/uts is not a network namespace (step NN clone, config.json linux.namespaces[4].path)' '.linux.namespaces |= map(if .type == "network" then .path = "/proc/self/ns/uts" else . end)'
}

@test "errors: a namespace path that does not exist" {
	refused 'open network namespace /run/netns/no-such-name: missing (step NN clone, config.json linux.namespaces[4].path, ENOENT)' '.linux.namespaces |= map(if .type == "network" then .path = "/run/netns/no-such-name" else . end)'
}

@test "errors: id maps without a user namespace" {
	refused 'linux.uidMappings needs a user namespace (config.json linux.uidMappings); hint: add { "type": "user" } to linux.namespaces' '.linux.uidMappings = [{"containerID": 0, "hostID": 1, "size": 1}]'
}

@test "errors: a user namespace without id maps" {
	refused 'a new user namespace needs uidMappings and gidMappings (config.json linux.uidMappings)' '.linux.namespaces += [{"type": "user"}]'
}

@test "errors: hostname without a UTS namespace" {
	refused 'hostname needs a uts namespace (config.json hostname); hint: add { "type": "uts" } to linux.namespaces' '.hostname = "x" | .linux.namespaces |= map(select(.type != "uts"))'
}

@test "errors: a sysctl that is not of a namespace" {
	refused 'sysctl vm.overcommit_memory belongs to no namespace, it would be set on the host (config.json linux.sysctl["vm.overcommit_memory"])' '.linux.sysctl = {"vm.overcommit_memory": "1"}'
}

@test "errors: a uid of 4294967295" {
	refused 'config.json:9:14 process.user.uid: 4294967295 is out of range, must be a whole number from 0 to 4294967294' '.process.user.uid = 4294967295'
}

@test "errors: a cgroupsPath that climbs" {
	[ "${RB_MANAGER:-}" != systemd ] || skip "needs the cgroupfs manager: what systemd's refuses is in tests/vm/systemd.bats"
	refused 'cgroupsPath /a/../../b climbs with ".." (config.json linux.cgroupsPath)' '.linux.cgroupsPath = "/a/../../b"'
}

@test "errors: an unknown seccomp action" {
	refused 'config.json:70:24 linux.seccomp.defaultAction: unknown value "SCMP_ACT_ALOW", did you mean "SCMP_ACT_ALLOW"?' '.linux.seccomp = {"defaultAction": "SCMP_ACT_ALOW"}'
}

# --- the id ---

@test "errors: ids that are no names" {
	make_bundle b
	local id
	for id in "" . .. a/b "a b" ../x "$(printf 'a\nb')" 'a:b'; do
		run -1 rb create --bundle "$T/b" "$id"
		[[ $output == *"container ID"* ]] || { echo "id '$id': $output" >&2; return 1; }
		[ "$(wc -l <<<"$output")" -eq 1 ]
	done
	leaks
}

@test "errors: an id in use" {
	make_bundle b
	args b /bin/probe pause=1
	create_bundle b
	fails 1 "container with given ID already exists: $(cid b) (step NN record)" rb create --bundle "$T/b" "$(cid b)"
	fails 1 "container with given ID already exists: $(cid b) (step NN record)" rb run --bundle "$T/b" "$(cid b)"
	assert_status b created
}

@test "errors: verbs on a container that does not exist" {
	local verb
	for verb in start kill delete state ps; do
		fails 1 "container none-$SUFFIX does not exist" rb $verb "none-$SUFFIX"
	done
	leaks
}

@test "errors: a cgroup that has processes is refused" {
	requires root
	make_bundle b
	args b /bin/probe pause=1
	start_bundle b
	local end=$CGROUP_END
	make_bundle c ".linux.cgroupsPath = \"$CGROUPS_PATH\""
	run -1 rb create --bundle "$T/c" "$(cid c)"
	[[ $output == *"${end#/}"* ]]
	assert_status b created || assert_status b running
	[ ! -e "$ROOT/$(cid c)" ]
}

# --- the root file system and the program ---

@test "errors: a rootfs that does not exist" {
	refused "the root file system $T/b/nothing does not exist (step NN open-rootfs, config.json root.path)" '.root.path = "nothing"'
}

@test "errors: no root" {
	refused 'root is required (config.json root)' 'del(.root)'
}

@test "errors: a program that does not exist" {
	refused 'exec: "/bin/nothing": stat /bin/nothing: no such file or directory (step NN find-program, config.json process.args[0])' '.process.args = ["/bin/nothing"]'
}

@test "errors: a program that is not in PATH" {
	refused 'exec: "nothing": executable file not found in $PATH (step NN find-program, config.json process.args[0])' '.process.args = ["nothing"]'
}

@test "errors: a program that is not executable" {
	refused 'exec: "/bin/plain": permission denied (step NN find-program, config.json process.args[0])' '.process.args = ["/bin/plain"]'
}

@test "errors: a program that is a directory" {
	refused 'exec: "/bin": permission denied (step NN find-program, config.json process.args[0])' '.process.args = ["/bin"]'
}

@test "errors: a program of another machine" {
	make_bundle b '.process.args = ["/bin/garbage"]'
	printf '\177ELFgarbage' >"$T/b/rootfs/bin/garbage"
	chmod 755 "$T/b/rootfs/bin/garbage"
	run -1 rb run --bundle "$T/b" "$(cid b)"
	leaks
}

# --- mounts ---

@test "errors: a bind source that does not exist" {
	refused 'mount /no/such/dir on /mnt: missing (step NN mount, config.json mounts[3], ENOENT)' '.mounts += [{"destination": "/mnt", "source": "/no/such/dir", "options": ["bind"]}]'
}

@test "errors: an unknown file system" {
	refused 'mount none on /mnt: No such device (step NN mount, config.json mounts[3], ENODEV); hint: the kernel does not have this file system' '.mounts += [{"destination": "/mnt", "type": "no-such-fs", "source": "none"}]'
}

@test "errors: an option that the file system does not know" {
	refused "mount none on /mnt: tmpfs: Unknown parameter 'no-such-option': Invalid argument (step NN mount, config.json mounts[3], EINVAL); hint: an option that this file system does not know, or a source that is not what its type says" '.mounts += [{"destination": "/mnt", "type": "tmpfs", "source": "none", "options": ["no-such-option"]}]'
}

@test "errors: a mount target below a file" {
	refused 'make the mount point /etc/passwd/x: Not a directory (step NN mount, config.json mounts[3], ENOTDIR)' '.mounts += [{"destination": "/etc/passwd/x", "type": "tmpfs", "source": "none"}]'
}

@test "errors: a directory bound on a file" {
	refused 'mount /tmp on /etc/passwd: Not a directory (step NN mount, config.json mounts[3], ENOTDIR); hint: one is a directory and the other is not' '.mounts += [{"destination": "/etc/passwd", "source": "/tmp", "options": ["bind"]}]'
}

# --- hooks ---

@test "errors: a hook that fails, with its kind and number" {
	refused 'createRuntime hook 1: /bin/false exited with status 1 (step NN hook, config.json hooks.createRuntime[1])' '.hooks.createRuntime = [{"path": "/bin/true"}, {"path": "/bin/false"}]'
	refused 'prestart hook 0: /bin/false exited with status 1 (step NN hook, config.json hooks.prestart[0])' '.hooks.prestart = [{"path": "/bin/false"}]'
	refused 'createContainer hook 0: /bin/false exited with status 1 (step NN hook, config.json hooks.createContainer[0])' '.hooks.createContainer = [{"path": "/bin/false"}]'
}

@test "errors: a hook that does not exist" {
	refused 'createRuntime hook 0: run /no/such/hook: missing (step NN hook, config.json hooks.createRuntime[0], ENOENT)' '.hooks.createRuntime = [{"path": "/no/such/hook"}]'
}

@test "errors: a hook with a relative path" {
	refused 'config.json:73:17 hooks.createRuntime[0].path: "hook" must be an absolute path' '.hooks.createRuntime = [{"path": "hook"}]'
}

@test "errors: a hook's own words reach the caller" {
	make_bundle b '.hooks.createRuntime = [{"path": "/bin/sh", "args": ["sh", "-c", "echo because >&2; exit 3"]}]'
	run -1 rb run --bundle "$T/b" "$(cid b)"
	[[ $output == *because* ]]
	[[ $output == *createRuntime* ]]
	leaks
}

# --- the systemd manager ---

# features tells the same, for engines that ask before they choose
@test "errors: the systemd manager without its helper, which a copy of runbox alone has not" {
	[ ! -e /usr/local/libexec/runbox/runbox-systemd ] || skip "needs a machine where runbox is not installed"
	make_bundle b 'del(.linux.cgroupsPath)'
	cp "$RUNBOX" "$T/runbox"
	run -1 "$T/runbox" --root "$ROOT" --systemd-cgroup run --bundle "$T/b" "$(cid b)"
	# where it is looked for follows --prefix
	[[ $output == *'the program runbox-systemd is not installed (step '*' scope); hint: the systemd manager needs it beside runbox or in /'* ]]
	[ "$(wc -l <<<"$output")" -eq 1 ]
	[ "$("$T/runbox" features | jq -c '.linux.cgroup | [.systemd, .systemdUser]')" = '[false,false]' ]
	[ "$(rb features | jq -c '.linux.cgroup | [.systemd, .systemdUser]')" = '[true,true]' ]
	leaks
}

@test "errors: the systemd manager where no systemd runs" {
	[ ! -d /run/systemd/system ] || skip "needs a machine without systemd"
	make_bundle b 'del(.linux.cgroupsPath)'
	DBUS_SYSTEM_BUS_ADDRESS=unix:path=$T/none fails 1 'connect to the system bus: missing (step NN scope, ENOENT); hint: is systemd running, and D-Bus? else use the cgroupfs manager' \
		rb --systemd-cgroup run --bundle "$T/b" "$(cid b)"
	leaks
}

# --- the command line ---

@test "errors: unknown commands and options, with the likely spelling" {
	fails 1 'unknown command "creat": did you mean create?' rb creat x
	fails 1 'unknown command "frobnicate": see runbox --help' rb frobnicate x
	fails 1 'unknown option --bundel: did you mean --bundle?' rb create --bundel x y
	fails 1 'flag needs an argument: --bundle' rb create y --bundle
	fails 1 'too few arguments: runbox state ID' rb state
	fails 1 'checkpoint is not supported yet' rb checkpoint x
}

@test "errors: --log gets one JSON object, with the same words as stderr" {
	make_bundle b 'del(.root)'
	run -1 rb --log "$T/log" --log-format json create --bundle "$T/b" "$(cid b)"
	[ "$(wc -l <"$T/log")" -eq 1 ]
	jq -e '.level == "error" and (.time | test("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}.*(Z|[+-][0-9]{2}:[0-9]{2})$"))' "$T/log"
	[ "runbox: $(jq -r .msg "$T/log")" = "$output" ]
}

@test "errors: control characters of an image do not reach the terminal" {
	make_bundle b
	args b $'/bin/\033[31mred\nline'
	run -1 rb run --bundle "$T/b" "$(cid b)"
	[[ $output != *$'\033'* ]]
	[ "$(wc -l <<<"$output")" -eq 1 ]
}

# --- namespaces ---

@test "errors: the network namespace is one too many" {
	make_bundle b '.mounts |= map(select(.type == "proc")) | del(.hostname, .linux.resources)
		| .linux.namespaces = [{type: "mount"}, {type: "pid"}, {type: "network"}]'
	run -1 unshare --user --map-root-user --mount --fork sh -c 'echo 0 >/proc/sys/user/max_net_namespaces && exec "$@"' sh \
		"$RUNBOX" --root "$T/state" --cgroup-manager disabled run --bundle "$T/b" "x-$SUFFIX"
	# by the child where a processor is idle for what goes before, else by the clone
	[[ $output =~ ^runbox:\ (make\ a\ network\ namespace|clone\ the\ container\'s\ first\ process):\ No\ space\ left\ on\ device\ \(step\ [0-9]+\ (loopback|clone),\ config.json\ linux.namespaces(\[2\])?,\ ENOSPC\)\;\ hint:\ a\ limit\ of\ /proc/sys/user/max_\*_namespaces\ is\ reached$ ]]
	[ -z "$(ls "$T/state")" ]
}

@test "errors: a state root that is full, at each file that is written there" {
	requires root unshare
	local size
	make_bundle b
	args b /bin/probe
	mkdir "$T/full"
	for size in 4 8 12; do
		# shellcheck disable=SC2016 # for the inner shell
		run -1 unshare -m --propagation private sh -c 'mount -t tmpfs -o size="$1k",mode=700 none "$2" || exit 9
			"$3" --root "$2" ${RB_MANAGER:+--cgroup-manager "$RB_MANAGER"} run --bundle "$4" "$5"; r=$?
			ls -A "$2" | grep -v ^@ && exit 8
			exit $r' sh "$size" "$T/full" "$RUNBOX" "$T/b" "$(cid b)"
		[[ $output == *"No space left on device (step "*ENOSPC* && $(wc -l <<<"$output") -eq 1 ]]
		leaks
	done
}
