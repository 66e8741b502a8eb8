#!/usr/bin/env bats
# fields.bats - every field of config.json, seen from inside the container by the probe
#
# One row a field: what is put into tests/lib/base.json, which sections the probe prints, what is
# looked at, and what it must be. Names start with the field; the last test holds the names against
# the schema, so that no field is forgotten.
# as: root root-systemd rootless
# timeout: 300
# shellcheck disable=SC2016 # the programs of jq have dollar signs of their own

load ../lib/helpers

setup() {
	rb_setup
	requires containers busybox
}

# --- root, hostname, annotations ---

@test "ociVersion: 1.0.0 to 1.3.0 are taken" {
	field '.ociVersion = "1.0.0"' args .pid 1
	field '.ociVersion = "1.3.0"' args .pid 1
}

@test "root.path: relative to the bundle, and absolute" {
	field . stat=/bin/probe '.stat."/bin/probe".type' '"f"'
	field '.root.path = $bundle + "/rootfs"' stat=/bin/probe '.stat."/bin/probe".type' '"f"'
}

@test "root.readonly: nothing can be written" {
	field '.root.readonly = true' 'try=/etc try=/tmp' '[.try[].write]' '[30,30]'
	expect '.try | keys' '["/etc","/tmp"]'
	field . 'try=/etc mounts' '[.try[].write]' '[0]'
}

@test "hostname: in an own UTS namespace" {
	field '.hostname = "box.example"' namespaces .hostname '"box.example"'
}

@test "domainname: in an own UTS namespace" {
	field '.domainname = "example.test"' namespaces .domainname '"example.test"'
}

@test "annotations: do not change the container and come back in state" {
	make_bundle b '.annotations = {"org.example.key": "a/b\"c", "empty": ""}'
	args b /bin/probe pause=1
	start_bundle b
	run -0 rb state "$(cid b)"
	[ "$(jq -c .annotations <<<"$output")" = '{"org.example.key":"a/b\"c","empty":""}' ] ||
		[ "$(jq -cS .annotations <<<"$output")" = '{"empty":"","org.example.key":"a/b\"c"}' ]
}

# --- process ---

@test "process.args: passed as they are" {
	make_bundle b
	look b args 'a b' '' '$x' "it's"
	expect '.args' '["/bin/probe","args","a b","","$x","it'\''s"]'
}

@test "process.args: found in PATH of the container" {
	make_bundle b '.process.env = ["PATH=/nowhere:/bin"]'
	args b probe args
	SEEN=$(run_bundle b)
	expect '.args' '["probe","args"]'
}

@test "process.env: exactly these, the last of two wins, HOME is added from passwd" {
	field '.process.env = ["A=1", "PATH=/bin", "A=2", "E="]' args '.env | map(select(startswith("HOME=") | not)) | sort' '["A=2","E=","PATH=/bin"]'
	expect '.env | map(select(startswith("HOME=")))' '["HOME=/root"]'
	field '.process.env = ["HOME=/x"]' args '.env' '["HOME=/x"]'
}

@test "process.cwd: entered, and made when missing" {
	field '.process.cwd = "/tmp"' args .cwd '"/tmp"'
	field '.process.cwd = "/made/here"' args .cwd '"/made/here"'
}

@test "process.user: uid and gid, all of them" {
	field '.process.user = {"uid": 1000, "gid": 1001}' ids '[.uid,.euid,.suid,.gid,.egid,.sgid]' '[1000,1000,1000,1001,1001,1001]'
}

@test "process.user.additionalGids: exactly these; none when absent" {
	field '.process.user.additionalGids = [5, 77, 4000]' ids '.groups | sort' '[5,77,4000]'
	field . ids .groups '[]'
}

@test "process.user: none of the caller's ids and groups, whatever they are" {
	requires root python3
	make_bundle b
	args b /bin/probe ids
	SEEN=$(python3 -c 'import os, sys
os.setgroups([3, 5, 77])
os.setresgid(int(sys.argv[1]), 0, 0)
os.setresuid(int(sys.argv[1]), 0, 0)
os.execv(sys.argv[2], sys.argv[2:])' 1000 "${RB[@]}" run --bundle "$T/b" "$(cid b)")
	expect '[.groups, .uid, .euid, .suid, .gid, .egid, .sgid]' '[[],0,0,0,0,0,0]'
}

@test "process.user.additionalGids: one that is given twice is there once" {
	field '.process.user.additionalGids = [7, 5, 7, 6, 5]' ids '.groups' '[5,6,7]'
}

@test "process.user.umask: set; else 0022" {
	field '.process.user.umask = 63' ids .umask 63
	field . ids .umask 18
}

@test "process.capabilities: all five sets as asked" {
	field '.process.capabilities = {
		"bounding": ["CAP_CHOWN", "CAP_KILL", "CAP_SETUID"], "permitted": ["CAP_CHOWN", "CAP_KILL"],
		"effective": ["CAP_CHOWN"], "inheritable": ["CAP_KILL"], "ambient": ["CAP_KILL"]}' caps '.caps.bounding' '["CAP_CHOWN","CAP_KILL","CAP_SETUID"]'
	expect '.caps.inheritable' '["CAP_KILL"]'
	expect '.caps.ambient' '["CAP_KILL"]'
}

@test "process.capabilities: those of a user that is not root come from the ambient set" {
	field '.process.user.uid = 1000 | .process.capabilities = {
		"bounding": ["CAP_KILL", "CAP_CHOWN"], "permitted": ["CAP_KILL"], "effective": ["CAP_KILL"],
		"inheritable": ["CAP_KILL"], "ambient": ["CAP_KILL"]}' caps '.caps | [.effective, .permitted, .ambient, .inheritable]' \
		'[["CAP_KILL"],["CAP_KILL"],["CAP_KILL"],["CAP_KILL"]]'
	expect .caps.bounding '["CAP_CHOWN","CAP_KILL"]'
}

@test "process.capabilities: none when absent" {
	field . caps '[.caps[] | length]' '[0,0,0,0,0]'
}

@test "process.capabilities: root has no more than the bounding set" {
	field '.process.capabilities = {"bounding": ["CAP_KILL"], "permitted": ["CAP_KILL"], "effective": ["CAP_KILL"]}' caps \
		'.caps | [.effective, .permitted, .inheritable, .ambient]' '[["CAP_KILL"],["CAP_KILL"],[],[]]'
}

@test "process.noNewPrivileges: set and not set" {
	field '.process.noNewPrivileges = true' security .no_new_privs 1
	field . security .no_new_privs 0
}

@test "process.rlimits: soft and hard of each" {
	field '.process.rlimits = [{"type": "RLIMIT_NOFILE", "soft": 77, "hard": 99}, {"type": "RLIMIT_CORE", "soft": 0, "hard": 4096},
		{"type": "RLIMIT_STACK", "soft": 8388608, "hard": 8388608}]' rlimits '.rlimits | [.RLIMIT_NOFILE, .RLIMIT_CORE, .RLIMIT_STACK | .soft, .hard]' \
		'[77,99,0,4096,8388608,8388608]'
}

@test "process.rlimits: all sixteen resources are known" {
	local edit='.process.rlimits = [
		("AS", "CORE", "CPU", "DATA", "FSIZE", "LOCKS", "RSS", "RTTIME", "STACK" | {type: ., n: 1073741824}),
		("MEMLOCK", "MSGQUEUE", "NICE", "RTPRIO", "SIGPENDING" | {type: ., n: 0}),
		("NOFILE", "NPROC" | {type: ., n: 777})] | .process.rlimits |= map({type: ("RLIMIT_" + .type), soft: .n, hard: .n})'
	field "$edit" rlimits '.rlimits | length' 16
	expect '[.rlimits[] | .soft == .hard] | unique' '[true]'
	expect '.rlimits | [.RLIMIT_NPROC.hard, .RLIMIT_NICE.hard, .RLIMIT_CPU.hard, .RLIMIT_RTTIME.soft]' '[777,0,1073741824,1073741824]'
	expect '[.rlimits[].hard] | map(select(. == "unlimited"))' '[]'
}

@test "process.oomScoreAdj: set" {
	field '.process.oomScoreAdj = 321' scheduling .oom_score_adj 321
}

@test "process.scheduler: a batch policy with nice" {
	requires cap_sys_nice
	field '.process.scheduler = {"policy": "SCHED_BATCH", "nice": 7}' scheduling '.scheduler | [.policy, .nice]' '[3,7]'
}

@test "process.scheduler.priority: of a real-time policy, with a flag" {
	requires cap_sys_nice
	make_bundle b '.process.scheduler = {"policy": "SCHED_FIFO", "priority": 5, "flags": ["SCHED_FLAG_RESET_ON_FORK"]}'
	args b /bin/probe scheduling
	# a new cgroup of v1 has no real-time budget where the kernel counts it
	SEEN=$(rb --cgroup-manager disabled run --bundle "$T/b" "$(cid b)")
	expect '.scheduler | [.policy, .priority, .flags]' '[1,5,1]'
}

@test "process.scheduler.runtime, deadline, period: of SCHED_DEADLINE" {
	requires cap_sys_nice
	field '.process.scheduler = {"policy": "SCHED_DEADLINE", "runtime": 1000000, "deadline": 20000000, "period": 30000000}' scheduling \
		'.scheduler | [.policy, .runtime, .deadline, .period]' '[6,1000000,20000000,30000000]'
}

@test "process.ioPriority: class and level" {
	field '.process.ioPriority = {"class": "IOPRIO_CLASS_BE", "priority": 6}' scheduling '[.ioprio_class,.ioprio_level]' '[2,6]'
	field '.process.ioPriority = {"class": "IOPRIO_CLASS_IDLE", "priority": 0}' scheduling '.ioprio_class' '3'
}

@test "process.execCPUAffinity: is of exec alone; init has all processors of its cpuset" {
	requires two-cpus
	field '.process.execCPUAffinity = {"initial": "0", "final": "0"}' scheduling '.cpus | length' "$(nproc)"
}

@test "process affinity: a caller's own is not handed on" {
	requires two-cpus taskset
	make_bundle b
	args b /bin/probe scheduling
	SEEN=$(taskset -c 0 "${RB[@]}" run --bundle "$T/b" "$(cid b)")
	expect '.cpus | length' "$(nproc)"
}

@test "process.apparmorProfile: set where the kernel has it, else refused" {
	make_bundle b '.process.apparmorProfile = "rbt-no-such-profile"'
	args b /bin/probe security
	if grep -qw apparmor /sys/kernel/security/lsm 2>/dev/null; then
		run -1 run_bundle b
		edit_bundle b '.process.apparmorProfile = "unconfined"'
		look b security
		expect .apparmor_label '"unconfined"'
	else
		run -1 run_bundle b
		[[ $output == *process.apparmorProfile* ]]
	fi
}

@test "process.selinuxLabel: set where the kernel has it, else refused" {
	requires root
	make_bundle b '.process.selinuxLabel = "system_u:system_r:container_t:s0"'
	args b /bin/probe security
	grep -qw selinux /sys/kernel/security/lsm 2>/dev/null && skip "a policy of the test's own is needed"
	run -1 run_bundle b
	[[ $output == *process.selinuxLabel* ]]
}

@test "process.terminal: three streams on a terminal that controls the process" {
	make_bundle b '.process.terminal = true'
	args b /bin/probe tty args
	SEEN=$("$LIB/onpty.py" 30x90 -- "${RB[@]}" run --bundle "$T/b" "$(cid b)" | tr -d '\r')
	expect '.tty.stdio' '[true,true,true]'
	expect '.tty.controlling' true
	expect '[.tty.rows, .tty.cols]' '[30,90]'
	expect '.tty.name' '"/dev/pts/0"'
	expect '.sid' 1
}

@test "process.consoleSize: of a terminal handed to a console socket" {
	make_bundle b '.process.terminal = true | .process.consoleSize = {"height": 11, "width": 222}'
	args b /bin/probe tty
	"$LIB/recvtty.py" "$T/sock" >"$T/tty.out" 3>&- 4>&- &
	wait_for 20 grep -q listening "$T/tty.out"
	start_bundle b --console-socket "$T/sock"
	wait_for 20 grep -q cols "$T/tty.out"
	SEEN=$(grep '"tty":{' "$T/tty.out" | tr -d '\r')
	expect '[.tty.rows, .tty.cols]' '[11,222]'
}

# --- mounts ---

# mount_row MOUNT QUERY WANT: one mount, looked at in mountinfo
mount_row() {
	field ".mounts += [$1]" mounts "[.mounts[] | select(.dest == ($1).destination)][-1] | $2" "$3"
}

@test "mounts: type, source, destination; a missing directory is made" {
	mount_row '{"destination": "/made/here", "type": "tmpfs", "source": "my-name"}' '[.type, .source]' '["tmpfs","my-name"]'
}

@test "mounts: in the order of the list" {
	field '.mounts += [{"destination": "/mnt", "type": "tmpfs", "source": "first"}, {"destination": "/mnt/in", "type": "tmpfs", "source": "second"}]' \
		mounts '[.mounts[] | select(.dest | startswith("/mnt")) | .source]' '["first","second"]'
}

@test "mounts.options: flags of a mount" {
	mount_row '{"destination": "/mnt", "type": "tmpfs", "source": "t", "options": ["ro", "nosuid", "nodev", "noexec", "noatime", "nodiratime"]}' \
		.options '"ro,nosuid,nodev,noexec,noatime,nodiratime"'
}

@test "mounts.options: nosymfollow, strictatime" {
	mount_row '{"destination": "/mnt", "type": "tmpfs", "source": "t", "options": ["nosymfollow", "strictatime"]}' .options '"rw,nosymfollow"'
}

@test "mounts.options: a later word takes an earlier one back" {
	mount_row '{"destination": "/mnt", "type": "tmpfs", "source": "t", "options": ["ro", "nosuid", "rw", "suid"]}' .options '"rw,relatime"'
}

@test "mounts.options: data of the file system" {
	requires root
	mount_row '{"destination": "/mnt", "type": "tmpfs", "source": "t", "options": ["size=8k", "mode=0700", "uid=3"]}' \
		'.super | split(",") - ["inode64"] | sort' '["mode=700","rw","size=8k","uid=3"]'
}

@test "mounts.options: sync and dirsync of the superblock" {
	mount_row '{"destination": "/mnt", "type": "tmpfs", "source": "t", "options": ["sync", "dirsync"]}' '.super | split(",") | [index("sync", "dirsync")] | map(. != null)' '[true,true]'
}

@test "mounts.options: bind of a directory" {
	make_bundle b '.mounts += [{"destination": "/mnt", "type": "none", "source": ($bundle + "/src"), "options": ["bind", "ro"]}]'
	mkdir "$T/b/src"
	echo x >"$T/b/src/file"
	look b text=/mnt/file try=/mnt
	expect '.text."/mnt/file"' '"x"'
	expect '.try."/mnt".write' 30
}

@test "mounts.options: bind of a file, its target made" {
	make_bundle b '.mounts += [{"destination": "/new/file", "source": "file", "options": ["bind", "nosuid"]}]'
	echo y >"$T/b/file"
	look b text=/new/file mounts
	expect '.text."/new/file"' '"y"'
	expect '[.mounts[] | select(.dest == "/new/file") | .options | split(",") | index("nosuid") != null]' '[true]'
}

@test "mounts.options: a bind keeps the flags it had, remounted read-only" {
	requires root
	make_bundle b '.mounts += [{"destination": "/mnt", "source": ($bundle + "/src"), "options": ["rbind", "ro"]}]'
	mkdir "$T/b/src"
	args b /bin/probe mounts
	SEEN=$(unshare -m sh -c 'mount -t tmpfs -o nosuid,nodev,noexec t "$0" && exec "$@"' "$T/b/src" "${RB[@]}" run --bundle "$T/b" "$(cid b)")
	expect '[.mounts[] | select(.dest == "/mnt") | .options]' '["ro,nosuid,nodev,noexec,relatime"]'
}

# tree NAME: src in the bundle with a mount below it, in a private mount namespace
in_tree() {
	unshare -m --propagation private sh -c 'mount -t tmpfs top "$0" && mkdir "$0/sub" && mount -t tmpfs low "$0/sub" && exec "$@"' \
		"$T/b/src" "${RB[@]}" run --bundle "$T/b" "$(cid b)"
}

@test "mounts.options: bind takes one mount, rbind the tree" {
	requires root
	make_bundle b '.mounts += [{"destination": "/mnt", "source": "src", "options": ["bind"]}]'
	mkdir "$T/b/src"
	args b /bin/probe mounts
	SEEN=$(in_tree)
	expect '[.mounts[] | select(.dest | startswith("/mnt")) | .source]' '["top"]'
	edit_bundle b '.mounts[-1].options = ["rbind"]'
	SEEN=$(in_tree)
	expect '[.mounts[] | select(.dest | startswith("/mnt")) | .source]' '["top","low"]'
}

@test "mounts.options: rro and the other r* words reach the mounts below, ro does not" {
	requires root
	make_bundle b '.mounts += [{"destination": "/mnt", "source": "src", "options": ["rbind", "ro"]}]'
	mkdir "$T/b/src"
	args b /bin/probe try=/mnt try=/mnt/sub mounts
	SEEN=$(in_tree)
	expect '[.try[].write]' '[30,0]'
	edit_bundle b '.mounts[-1].options = ["rbind", "rro", "rnosuid", "rnodev", "rnoexec", "rnoatime"]'
	SEEN=$(in_tree)
	expect '[.try[].write]' '[30,30]'
	expect '[.mounts[] | select(.dest | startswith("/mnt")) | .options]' '["ro,nosuid,nodev,noexec,noatime","ro,nosuid,nodev,noexec,noatime"]'
}

@test "mounts.options: propagation words" {
	mount_row '{"destination": "/mnt", "type": "tmpfs", "source": "t", "options": ["shared"]}' '.propagation | map(sub(":.*"; ""))' '["shared"]'
	mount_row '{"destination": "/mnt", "type": "tmpfs", "source": "t", "options": ["private"]}' .propagation '[]'
	mount_row '{"destination": "/mnt", "type": "tmpfs", "source": "t", "options": ["unbindable"]}' .propagation '["unbindable"]'
	mount_row '{"destination": "/mnt", "type": "tmpfs", "source": "t", "options": ["shared", "slave"]}' '.propagation | map(sub(":.*"; ""))' '[]'
}

@test "mounts.options: tmpcopyup starts a tmpfs with what was there" {
	requires root
	field '.mounts += [{"destination": "/etc", "type": "tmpfs", "source": "t", "options": ["tmpcopyup"]}]' \
		'text=/etc/secret try=/etc mounts' '.text."/etc/secret"' '"secret of the image"'
	expect '.try."/etc".write' 0
	expect '[.mounts[] | select(.dest == "/etc") | .type]' '["tmpfs"]'
	# and is what the directory was, but for what is asked for
	make_bundle b '.mounts += [{"destination": "/mnt", "type": "tmpfs", "source": "t", "options": ["tmpcopyup"]},
		{"destination": "/var", "type": "tmpfs", "source": "t", "options": ["tmpcopyup", "mode=711", "uid=3", "gid=4"]}]'
	rmdir "$T/b/rootfs/mnt" "$T/b/rootfs/var"
	mkdir -m 2750 "$T/b/rootfs/mnt" "$T/b/rootfs/var"
	chown 5:6 "$T/b/rootfs/mnt" "$T/b/rootfs/var"
	chmod 2750 "$T/b/rootfs/mnt" "$T/b/rootfs/var"
	look b stat=/mnt stat=/var
	expect '.stat."/mnt" | [.mode, .uid, .gid]' '[1512,5,6]' # 02750
	expect '.stat."/var" | [.mode, .uid, .gid]' '[457,3,4]' # 0711
}

@test "mounts.options: copy-symlink makes the link, src-nofollow and dest-nofollow do not follow" {
	make_bundle b '.mounts += [{"destination": "/the-link", "source": "link", "options": ["bind", "copy-symlink"]}]'
	ln -s /etc/secret "$T/b/link"
	look b stat=/the-link text=/the-link
	expect '.stat."/the-link".target' '"/etc/secret"'
	expect '.text."/the-link"' '"secret of the image"'
}

@test "mounts.uidMappings, mounts.gidMappings: owners of an id-mapped mount are shifted" {
	requires root
	make_bundle b '.mounts += [{"destination": "/mnt", "type": "none", "source": "src", "options": ["bind"],
		"uidMappings": [{"containerID": 1000, "hostID": 5000, "size": 10}], "gidMappings": [{"containerID": 1000, "hostID": 6000, "size": 10}]}]'
	mkdir "$T/b/src"
	touch "$T/b/src/file"
	chown 1001:1002 "$T/b/src/file"
	look b stat=/mnt/file
	expect '.stat."/mnt/file" | [.uid, .gid]' '[5001,6002]'
}

@test "mounts: proc, sysfs, devpts, mqueue, cgroup, ramfs" {
	requires mqueue
	field '.mounts += [{"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["ro", "nosuid"]},
		{"destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": ["newinstance", "ptmxmode=0666", "mode=620"]},
		{"destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue"}, {"destination": "/mnt", "type": "ramfs", "source": "r"},
		{"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["ro", "nosuid", "noexec", "nodev"]}]' mounts \
		'[.mounts[] | select(.dest == ("/proc", "/sys", "/dev/pts", "/dev/mqueue", "/mnt")) | .type] | unique' '["devpts","mqueue","proc","ramfs","sysfs"]'
	expect '[.mounts[] | select(.dest | startswith("/sys/fs/cgroup")) | .options | split(",") | index("ro") != null] | unique' '[true]'
	expect '[.mounts[] | select(.type | startswith("cgroup")) | .root] | unique' '["/"]'
}

# --- hooks ---

@test "hooks: six kinds in the order of runtime.md, each with the state on its standard input" {
	make_bundle b '.hooks = ({"prestart": 0, "createRuntime": 0, "createContainer": 0, "startContainer": 0, "poststart": 0, "poststop": 0}
		| with_entries(.key as $k | .value = [{"path": "/bin/sh", "args": ["sh", "-c", "(cat; echo) > /tmp/hook.$K; echo $K >> /tmp/order"], "env": ["K=" + $k]}]))'
	# each hook writes to /tmp of where it runs; the container's /tmp and the host's are made one directory
	edit_bundle b '.hooks |= with_entries(.value[0].args[2] |= gsub("/tmp/"; $bundle + "/out/")) | .mounts += [{"destination": ($bundle + "/out"), "source": "out", "options": ["bind"]}]'
	mkdir -m 777 "$T/b/out"
	args b /bin/true
	run_bundle b
	[ "$(tr '\n' ' ' <"$T/b/out/order")" = "prestart createRuntime createContainer startContainer poststart poststop " ]
	local k
	for k in prestart:creating createRuntime:creating createContainer:creating startContainer:created poststart:running poststop:stopped; do
		jq -e --arg id "$(cid b)" --arg b "$T/b" '.id == $id and .bundle == $b and (.ociVersion | type) == "string"' "$T/b/out/hook.${k%:*}"
		[[ "$(jq -r .status "$T/b/out/hook.${k%:*}")" == "${k#*:}" ]] || { echo "${k%:*}: $(cat "$T/b/out/hook.${k%:*}")" >&2; return 1; }
	done
}

@test "hooks.env: a hook has only its own environment; args and path are passed" {
	make_bundle b '.hooks.createRuntime = [{"path": "/usr/bin/env", "args": ["env", "sh", "-c", "env > $OUT; echo $0 >> $OUT", "zero"], "env": ["OUT=" + $bundle + "/env", "PATH=/bin"]}]'
	args b /bin/true
	run_bundle b
	[ "$(grep -vE '^(PWD|SHLVL|_|OLDPWD)=' "$T/b/env" | sort | tr '\n' ' ')" = "OUT=$T/b/env PATH=/bin zero " ]
}

@test "hooks: those of the host's file system start in the directory of the caller" {
	make_bundle b '.hooks = ({"prestart": 0, "createRuntime": 0, "createContainer": 0}
		| with_entries(.key as $k | .value = [{"path": "/bin/sh", "args": ["sh", "-c", "pwd >> \($bundle)/where"]}]))'
	args b /bin/true
	cd "$T/b"
	run_bundle b
	[ "$(sort -u "$T/b/where")" = "$T/b" ]
	[ "$(wc -l <"$T/b/where")" = 3 ]
}

@test "hooks.timeout: ends a hook that takes too long, and the create" {
	make_bundle b '.hooks.createRuntime = [{"path": "/bin/sleep", "args": ["sleep", "600"], "timeout": 1}]'
	args b /bin/true
	run -1 run_bundle b
	[[ $output == *createRuntime* ]]
	leaks
}

# --- linux.namespaces ---

# own TYPE FILE: a new namespace differs from ours; entered by path it is that one; absent, it is ours
namespace_row() {
	requires root # to join one by its path
	local type=$1 file=$2 flag=$3 ours theirs
	ours=$(readlink "/proc/self/ns/$file")
	make_bundle b ".linux.namespaces |= (map(select(.type != \"$type\")) + [{\"type\": \"$type\"}])"
	look b namespaces
	[ "$(jq -r ".ns.\"$file\"" <<<"$SEEN")" != "$ours" ]
	unshare "$flag" --fork sleep 60 3>&- 4>&- &
	local holder=$!
	wait_for 20 sh -c "c=\$(cat /proc/$holder/task/$holder/children) && [ -n \"\$c\" ] && [ \"\$(readlink /proc/\${c% }/ns/$file)\" != '$ours' ]"
	local child
	child=$(cat "/proc/$holder/task/$holder/children")
	child=${child% }
	theirs=$(readlink "/proc/$child/ns/$file")
	edit_bundle b ".linux.namespaces |= (map(select(.type != \"$type\")) + [{\"type\": \"$type\", \"path\": \"/proc/$child/ns/$file\"}])"
	look b namespaces
	kill "$child" "$holder" 2>/dev/null || true
	expect ".ns.\"$file\"" "\"$theirs\""
}

@test "linux.namespaces: ipc, new and by path" { namespace_row ipc ipc --ipc; }
@test "linux.namespaces: uts, new and by path" { namespace_row uts uts --uts; }
@test "linux.namespaces: network, new and by path" { namespace_row network net --net; }
@test "linux.namespaces: cgroup, new and by path" { namespace_row cgroup cgroup --cgroup; }

@test "linux.namespaces: pid, new" {
	field . args '[.pid, .ppid]' '[1,0]'
}

@test "linux.namespaces: pid, by path" {
	requires root
	make_bundle b
	unshare --pid --fork --mount-proc sleep 60 3>&- 4>&- &
	local holder=$! child
	wait_for 20 sh -c "[ -n \"\$(cat /proc/$holder/task/$holder/children)\" ]"
	child=$(cat "/proc/$holder/task/$holder/children")
	child=${child% }
	edit_bundle b ".linux.namespaces |= (map(select(.type != \"pid\")) + [{\"type\": \"pid\", \"path\": \"/proc/$child/ns/pid\"}])"
	look b args namespaces
	[ "$(jq .pid <<<"$SEEN")" -gt 1 ]
	[ "$(jq -r .ns.pid <<<"$SEEN")" = "$(readlink "/proc/$child/ns/pid")" ]
	kill "$child"
}

@test "linux.namespaces: pid absent, the host's; delete loses no process" {
	make_bundle b '.linux.namespaces |= map(select(.type != "pid")) | .mounts |= map(select(.destination != "/proc"))'
	args b /bin/probe fork=3 pause=1
	start_bundle b
	[ "$(rb ps --format json "$(cid b)" | jq length)" -eq 4 ]
	rb delete --force "$(cid b)"
	leaks
}

@test "linux.namespaces: mount, by path, with its processes' /proc" {
	requires root
	local pid
	make_bundle b
	args b /bin/probe pause=1
	start_bundle b
	pid=$(pid_of b)
	make_bundle c ".linux.namespaces |= map(if .type == \"mount\" then .path = \"/proc/$pid/ns/mnt\" elif .type == \"pid\" then .path = \"/proc/$pid/ns/pid\" else . end)
		| .root.path = \"/\" | .mounts = []"
	look c namespaces
	[ "$(jq -r .ns.mnt <<<"$SEEN")" = "$(readlink "/proc/$pid/ns/mnt")" ]
}

@test "linux.namespaces: user, new, with id maps" {
	requires root
	requires userns
	field '.linux.namespaces += [{"type": "user"}] | .linux.uidMappings = [{"containerID": 0, "hostID": 100000, "size": 1000}, {"containerID": 1000, "hostID": 300000, "size": 1}]
		| .linux.gidMappings = [{"containerID": 0, "hostID": 200000, "size": 65536}]' 'namespaces ids' '.uid_map | map(split(" ") | map(select(. != "")) | join(" "))' '["0 100000 1000","1000 300000 1"]'
	expect '.gid_map | map(split(" ") | map(select(. != "")) | join(" "))' '["0 200000 65536"]'
	expect '[.uid, .gid]' '[0,0]'
}

@test "linux.namespaces: user, by path" {
	requires root
	requires userns
	make_bundle b '.linux.namespaces += [{"type": "user"}] | .linux.uidMappings = [{"containerID": 0, "hostID": 100000, "size": 65536}] | .linux.gidMappings = .linux.uidMappings'
	args b /bin/probe pause=1
	start_bundle b
	make_bundle c
	edit_bundle c ".linux.namespaces += [{\"type\": \"user\", \"path\": \"/proc/$(pid_of b)/ns/user\"}]"
	look c namespaces ids
	[ "$(jq -r .ns.user <<<"$SEEN")" = "$(readlink "/proc/$(pid_of b)/ns/user")" ]
	expect '.uid' 0
}

@test "linux.namespaces: time, with offsets" {
	requires timens
	field '.linux.namespaces += [{"type": "time"}] | .linux.timeOffsets = {"boottime": {"secs": 1000000, "nanosecs": 5}, "monotonic": {"secs": 500000}}' 'namespaces clocks' \
		'.timens_offsets | map(split(" ") | map(select(. != "")) | join(" "))' '["monotonic 500000 0","boottime 1000000 5"]'
	[ "$(jq .boottime <<<"$SEEN")" -ge 1000000 ]
}

@test "linux.namespaces: time, by path" {
	requires root
	requires timens
	make_bundle b '.linux.namespaces += [{"type": "time"}] | .linux.timeOffsets = {"boottime": {"secs": 700000}}'
	args b /bin/probe pause=1
	start_bundle b
	make_bundle c
	edit_bundle c ".linux.namespaces += [{\"type\": \"time\", \"path\": \"/proc/$(pid_of b)/ns/time\"}]"
	look c namespaces clocks
	[ "$(jq -r .ns.time <<<"$SEEN")" = "$(readlink "/proc/$(pid_of b)/ns/time")" ]
	[ "$(jq .boottime <<<"$SEEN")" -ge 700000 ]
}

@test "linux.namespaces: network, the loopback device of a new one is up" {
	field . links .links.lo '"up"'
}

# --- linux, the rest ---

@test "linux.devices: type, numbers, mode, owner" {
	requires root
	field '.linux.devices = [{"path": "/dev/zero2", "type": "c", "major": 1, "minor": 5, "fileMode": 384, "uid": 3, "gid": 4},
		{"path": "/dev/fifo", "type": "p", "fileMode": 432}, {"path": "/dev/sub/blk", "type": "b", "major": 7, "minor": 200},
		{"path": "/dev/unbuffered", "type": "u", "major": 1, "minor": 3}]' \
		'stat=/dev/zero2 stat=/dev/fifo stat=/dev/sub/blk stat=/dev/unbuffered' \
		'.stat."/dev/zero2" | [.type, .major, .minor, .mode, .uid, .gid]' '["c",1,5,384,3,4]'
	expect '.stat."/dev/fifo" | [.type, .mode]' '["p",432]'
	expect '.stat."/dev/sub/blk" | [.type, .major, .minor]' '["b",7,200]'
	expect '.stat."/dev/unbuffered" | [.type, .major, .minor]' '["c",1,3]'
}

@test "linux.devices: the default ones and links are there without being asked for" {
	field . dev '[.dev[] | select(.type == "c") | [.path, .major, .minor, .mode]] | sort' \
		'[["/dev/full",1,7,438],["/dev/null",1,3,438],["/dev/random",1,8,438],["/dev/tty",5,0,438],["/dev/urandom",1,9,438],["/dev/zero",1,5,438]]'
	expect '[.dev[] | select(.type == "l") | [.path, .target]] | sort' \
		'[["/dev/fd","/proc/self/fd"],["/dev/ptmx","pts/ptmx"],["/dev/stderr","/proc/self/fd/2"],["/dev/stdin","/proc/self/fd/0"],["/dev/stdout","/proc/self/fd/1"]]'
}

# hierarchies: second fields of /proc/self/cgroup as JSON, those that are mounted here: another test may have
# one of its own in another mount namespace, and all are listed
hierarchies() {
	local names
	while IFS=: read -r _ names _; do
		if [ -z "$names" ]; then
			grep -q ' - cgroup2 ' /proc/self/mountinfo && echo
		else
			grep -q " - cgroup .*[, ]${names%%,*}\(,\|$\)" /proc/self/mountinfo && echo "$names"
		fi
	done </proc/self/cgroup | jq -Rsc 'split("\n")[:-1]'
}

@test "linux.cgroupsPath: the cgroup of the process" {
	HERE=$(hierarchies)
	cgroup_path b
	field '.linux.namespaces |= map(select(.type != "cgroup"))' namespaces "[.cgroup[] | split(\":\")[2] | select(endswith(\"$CGROUP_END\"))] | length > 0" true
	expect "[.cgroup[] | split(\":\") | select(IN(.[1]; $HERE[])) | .[2] | endswith(\"$CGROUP_END\")] | unique" '[true]'
}

@test "linux.cgroupsPath: absent, it is named after the id" {
	requires root
	field 'del(.linux.cgroupsPath) | .linux.namespaces |= map(select(.type != "cgroup"))' namespaces \
		"[.cgroup[] | split(\":\") | select(IN(.[1]; $(hierarchies)[])) | .[2] | contains(\"$(cid b)\")] | unique" '[true]'
	leaks
}

@test "linux.resources.devices: only what is allowed can be opened" {
	requires root
	make_bundle b '.linux.devices = [{"path": "/dev/allowed", "type": "b", "major": 7, "minor": 0}, {"path": "/dev/denied", "type": "b", "major": 7, "minor": 1}]
		| .linux.resources.devices = [{"allow": false, "access": "rwm"}, {"allow": true, "type": "b", "major": 7, "minor": 0, "access": "r"}]'
	look b try=/dev/null try=/dev/allowed try=/dev/denied
	expect '.try."/dev/null" | [.open, .write]' '[0,0]'
	# 6 is ENXIO: this host may have no loop devices; 1 is EPERM
	expect '.try."/dev/allowed" | [.open == 0 or .open == 6, .write]' '[true,1]'
	expect '.try."/dev/denied" | [.open, .write]' '[1,1]'
}

@test "linux.sysctl: of its own namespaces" {
	field '.linux.sysctl = {"kernel.shmmax": "123456", "net.ipv4.ip_forward": "1", "net/ipv4/ip_default_ttl": "42"}' \
		'sysctl=kernel.shmmax sysctl=net.ipv4.ip_forward sysctl=net.ipv4.ip_default_ttl' '.sysctl | [."kernel.shmmax", ."net.ipv4.ip_forward", ."net.ipv4.ip_default_ttl"]' '["123456","1","42"]'
}

@test "linux.maskedPaths: a file reads as empty, a directory as empty and read-only, a missing one is ignored" {
	make_bundle b '.linux.maskedPaths = ["/etc/secret", "/root", "/not/there", "/proc/version", "/etc/secret"]'
	touch "$T/b/rootfs/root/hidden"
	look b try=/etc/secret try=/root try=/proc/version
	expect '.try."/etc/secret" | [.open, .bytes]' '[0,0]'
	expect '.try."/root" | [.open, .entries, .write]' '[0,0,30]'
	expect '.try."/proc/version" | [.open, .bytes]' '[0,0]'
}

@test "linux.readonlyPaths: cannot be written, what is below neither; a missing one is ignored" {
	requires root
	field '.linux.readonlyPaths = ["/etc", "/proc/sys", "/not/there"]' 'try=/etc try=/etc/secret try=/proc/sys/kernel/domainname' '[.try[].write]' '[30,30,30]'
}

@test "linux.rootfsPropagation: of the root mount" {
	field '.linux.rootfsPropagation = "shared"' mounts '.mounts[] | select(.dest == "/") | .propagation | map(sub(":.*"; ""))' '["shared"]'
	field '.linux.rootfsPropagation = "private"' mounts '.mounts[] | select(.dest == "/") | .propagation' '[]'
	field '.linux.rootfsPropagation = "unbindable"' mounts '.mounts[] | select(.dest == "/") | .propagation' '["unbindable"]'
	field . mounts '.mounts[] | select(.dest == "/") | .propagation | map(select(startswith("shared")))' '[]'
}

@test "linux.personality: LINUX32 makes it an i686" {
	field '.linux.personality = {"domain": "LINUX32"}' 'scheduling namespaces' '[.personality, .machine]' '[8,"i686"]'
}

@test "linux.seccomp: defaultAction, defaultErrnoRet, syscalls with errnoRet and args" {
	make_bundle b '.linux.seccomp = {"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
		"syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 95}, {"names": ["sethostname", "no_such_call"], "action": "SCMP_ACT_ERRNO"},
			{"names": ["fchmodat", "chmod"], "action": "SCMP_ACT_KILL_PROCESS"},
			{"names": ["personality"], "action": "SCMP_ACT_ERRNO", "errnoRet": 7, "args": [{"index": 0, "value": 4294967295, "op": "SCMP_CMP_EQ"}]}]}'
	look b security scheduling
	expect '.seccomp' 2
	expect '.personality' -1
	args b /bin/busybox mkdir /tmp/x
	run -1 run_bundle b
	[[ $output == *"not supported"* ]]
	args b /bin/busybox chmod 700 /tmp
	run -159 run_bundle b
}

@test "linux.seccomp: an allow list denies the rest with defaultErrnoRet" {
	make_bundle b '.linux.seccomp = {"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 38, "syscalls": [{"action": "SCMP_ACT_ALLOW", "names":
		["read", "write", "open", "openat", "close", "brk", "mmap", "munmap", "mprotect", "exit", "exit_group", "execve", "arch_prctl", "set_tid_address", "set_robust_list",
		 "rseq", "prlimit64", "getrandom", "readlink", "readlinkat", "fstat", "newfstatat", "uname", "getuid", "prctl", "getpid", "rt_sigaction", "rt_sigprocmask", "capget", "capset", "fcntl", "lseek", "getresuid", "getresgid", "getgroups", "umask", "ioctl"]}]}'
	look b ids
	expect '.seccomp // "absent"' '"absent"'
	args b /bin/busybox mkdir /tmp/x
	run -1 run_bundle b
	[[ $output == *"not implemented"* ]]
}

@test "linux.seccomp: a profile that stops a later row says so, also when it refuses sendto" {
	local act
	for act in '"SCMP_ACT_ERRNO", "errnoRet": 1' '"SCMP_ACT_ERRNO", "errnoRet": 32'; do
		make_bundle b '.linux.seccomp = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["capset", "sendto", "sendmsg"], "action": '"$act"'}]}' \
			'.process.noNewPrivileges = false'
		args b /bin/probe
		run -1 run_bundle b
		[[ $output == *capabilities* ]]
	done
	leaks
}

@test "linux.seccomp.flags: SPEC_ALLOW, LOG and TSYNC are taken" {
	field '.linux.seccomp = {"defaultAction": "SCMP_ACT_ALLOW", "flags": ["SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW"], "syscalls": []}' security '[.seccomp, .Seccomp_filters]' '[2,"1"]'
}

@test "linux.mountLabel: refused where the kernel has no SELinux" {
	grep -qw selinux /sys/kernel/security/lsm 2>/dev/null && skip "a policy of the test's own is needed"
	make_bundle b '.linux.mountLabel = "system_u:object_r:container_file_t:s0"'
	args b /bin/probe
	run -1 run_bundle b
	[[ $output == *linux.mountLabel* ]]
}

@test "linux.memoryPolicy: mode and nodes" {
	requires numa
	field '.linux.memoryPolicy = {"mode": "MPOL_BIND", "nodes": "0"}' scheduling '[.mempolicy_mode, .mempolicy_nodes]' '[2,1]'
}

# In a mode of linux/mempolicy.h the flags are the bits from 1 << 13 on.
@test "linux.memoryPolicy: each mode, and flags" {
	requires numa
	local row
	for row in 'MPOL_DEFAULT null 0 0' 'MPOL_PREFERRED "0" 1 1' 'MPOL_INTERLEAVE "0" 3 1' 'MPOL_LOCAL null 4 0' 'MPOL_PREFERRED_MANY "0" 5 1'; do
		# shellcheck disable=SC2086 # columns are words
		set -- $row
		field ".linux.memoryPolicy = ({\"mode\": \"$1\", \"nodes\": $2} | del(.[] | nulls))" scheduling '[.mempolicy_mode, .mempolicy_nodes]' "[$3,$4]"
	done
	field '.linux.memoryPolicy = {"mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_STATIC_NODES"]}' scheduling .mempolicy_mode $((2 | 1 << 15))
	field '.linux.memoryPolicy = {"mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_RELATIVE_NODES"]}' scheduling .mempolicy_mode $((2 | 1 << 14))
	# nodes without which the mode means nothing, and a node that no machine of ours has
	make_bundle b '.linux.memoryPolicy = {"mode": "MPOL_BIND"}'
	args b /bin/probe
	fails 1 'set the memory policy: Invalid argument (step NN memory-policy, config.json linux.memoryPolicy, EINVAL)' run_bundle b
	edit_bundle b '.linux.memoryPolicy = {"mode": "MPOL_BIND", "nodes": "900"}'
	fails 1 'set the memory policy: Invalid argument (step NN memory-policy, config.json linux.memoryPolicy, EINVAL)' run_bundle b
	leaks
}

@test "linux.intelRdt, linux.netDevices: where the host has it not, refused and never dropped" {
	make_bundle b '.linux.netDevices = {"eth9": {"name": "inside"}}'
	args b /bin/probe
	run -1 run_bundle b
	[[ $output == *linux.netDevices* ]]
	# tests/cli/rdt.bats and tests/net/devices.bats see them carried out
	make_bundle b '.linux.intelRdt = {"closID": "rbt-no-such-class"}'
	args b /bin/probe
	run -1 run_bundle b
	[[ $output == *linux.intelRdt* ]]
	leaks
}

# --- what must hold for every container ---

@test "every container: only 0, 1 and 2 are open" {
	make_bundle b
	args b /bin/probe fds
	exec {extra}</etc/passwd
	SEEN=$(run_bundle b)
	exec {extra}<&-
	expect '.fds | keys' '["0","1","2"]'
}

@test "every container: no signal is blocked or ignored" {
	make_bundle b
	args b /bin/probe security
	SEEN=$(trap '' HUP USR1 PIPE RTMIN RTMAX && run_bundle b)
	expect '[.SigBlk, .SigIgn]' '["0000000000000000","0000000000000000"]'
}

@test "every container: a session keyring of its own" {
	local ours
	ours=$("$PROBE" keyring | jq .keyring)
	make_bundle b
	look b keyring
	[ "$(jq .keyring <<<"$SEEN")" != "$ours" ]
	args b /bin/probe keyring
	SEEN=$(run_bundle b --no-new-keyring)
	expect .keyring "$ours"
}

@test "every container: a session of its own, and the old root is gone" {
	field . 'args mounts' '[.sid, .pid]' '[1,1]'
	expect '[.mounts[].dest] | map(select(startswith("/proc") or startswith("/dev") or . == "/" | not))' '[]'
}
