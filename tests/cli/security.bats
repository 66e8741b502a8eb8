#!/usr/bin/env bats
# security.bats - faults that runtimes had, re-created on throw-away bundles
#
# Each test names the published record it comes from. The rootfs is the attacker's.
# as: root root-systemd rootless
load ../lib/helpers

setup() {
	rb_setup
	requires containers busybox
	# what an escape would read or write
	mkdir "$T/host"
	echo "host secret" >"$T/host/secret"
	mkdir "$T/host/dir"
}

teardown() {
	[ -z "${HOLDER:-}" ] || kill "$HOLDER"
	rb_teardown
}

# the host's side was not touched
host_is_whole() {
	[ "$(cat "$T/host/secret")" = "host secret" ]
	[ "$(find "$T/host" | wc -l)" -eq 3 ]
}

@test "security: /proc of the image is a link (CVE-2019-19921, CVE-2023-27561)" {
	make_bundle b
	rmdir "$T/b/rootfs/proc"
	ln -s tmp "$T/b/rootfs/proc"
	run -1 run_bundle b
	[[ $output == *"mounts[0]"* ]]
	leaks
}

@test "security: /sys of the image is a link (CVE-2023-28642)" {
	make_bundle b '.mounts += [{"destination": "/sys", "type": "sysfs", "source": "sysfs"}]'
	rmdir "$T/b/rootfs/sys"
	ln -s tmp "$T/b/rootfs/sys"
	run -1 run_bundle b
	leaks
}

@test "security: a relative path in the options of a file system is the caller's, not the image's (CVE-2015-1335)" {
	requires root
	make_bundle b '.mounts += [{"destination": "/mnt", "type": "overlay", "source": "overlay", "options": ["lowerdir=lower:" + $bundle + "/other"]}]'
	mkdir "$T/b/lower" "$T/b/other"
	echo "of the caller" >"$T/b/lower/secret"
	# where the mounts before it are made
	mkdir -p "$T"/b/rootfs/{dev,proc}
	for dir in "" dev proc tmp; do
		ln -s "$T/host" "$T/b/rootfs/$dir/lower"
	done
	args b /bin/busybox cat /mnt/secret
	cd "$T/b"
	run -0 run_bundle b
	[ "$output" = "of the caller" ]
	host_is_whole
	leaks
}

@test "security: a volume with a link at its proc (CVE-2019-19921)" {
	make_bundle b '.mounts |= [{"destination": "/vol", "source": "vol", "options": ["bind"]}, {"destination": "/vol/proc", "type": "proc", "source": "proc"}]'
	mkdir "$T/b/vol"
	ln -s "$T/host/dir" "$T/b/vol/proc"
	run run_bundle b
	host_is_whole
	leaks
}

@test "security: a mount over /proc that is no procfs is refused (CVE-2019-16884)" {
	make_bundle b '.mounts += [{"destination": "/proc/sys", "source": "vol", "options": ["bind"]}] | .linux.sysctl = {"kernel.shmmax": "4242"}'
	mkdir -p "$T/b/vol/kernel"
	echo 1 >"$T/b/vol/kernel/shmmax"
	run run_bundle b
	[ "$status" -ne 0 ] || [ "$(cat "$T/b/vol/kernel/shmmax")" = 1 ]
	[ "$(cat "$T/b/vol/kernel/shmmax")" = 1 ]
	leaks
}

@test "security: /dev of the image is a link to the host (CVE-2026-41579)" {
	make_bundle b '.mounts |= map(select(.destination != "/dev"))'
	rmdir "$T/b/rootfs/dev"
	ln -s "$T/host/dir" "$T/b/rootfs/dev"
	run run_bundle b
	host_is_whole
	[ -z "$(ls -A "$T/host/dir")" ]
	leaks
}

@test "security: a mount target is a link out of the root (CVE-2015-1335, CVE-2019-18837)" {
	make_bundle b '.mounts += [{"destination": "/out/inner", "type": "tmpfs", "source": "t"}, {"destination": "/out2", "type": "tmpfs", "source": "t"}]'
	ln -s "$T/host/dir" "$T/b/rootfs/out"
	ln -s ../../../../../.."$T/host/dir" "$T/b/rootfs/out2"
	args b /bin/probe mounts
	run run_bundle b
	host_is_whole
	leaks
}

@test "security: a mount target made through a dangling link stays inside (CVE-2024-45310)" {
	make_bundle b '.mounts += [{"destination": "/out/file", "source": "config.json", "options": ["bind"]}]'
	ln -s "$T/host/made" "$T/b/rootfs/out"
	run run_bundle b
	host_is_whole
	leaks
}

@test "security: masks do not follow a link, and are not the image's null device (CVE-2025-31133)" {
	make_bundle b '.linux.maskedPaths = ["/etc/secret", "/link"] | .mounts |= map(select(.destination != "/dev"))'
	rm -f "$T/b/rootfs/dev/null"
	ln -s "$T/host/secret" "$T/b/rootfs/dev/null"
	ln -s "$T/host/secret" "$T/b/rootfs/link"
	args b /bin/probe try=/etc/secret text=/link
	run run_bundle b
	host_is_whole
	if [ "$status" -eq 0 ]; then
		SEEN=$output
		expect '.try."/etc/secret".bytes' 0
		[[ $output != *"host secret"* ]]
	fi
	leaks
}

@test "security: /dev/console replaced by a link (CVE-2025-52565)" {
	make_bundle b '.process.terminal = true | .mounts |= map(select(.destination != "/dev"))'
	ln -s "$T/host/secret" "$T/b/rootfs/dev/console"
	args b /bin/probe tty
	run "$LIB/onpty.py" 24x80 -- "${RB[@]}" run --bundle "$T/b" "$(cid b)"
	host_is_whole
	! grep -q "$T/host/secret" /proc/self/mountinfo || return 1
	leaks
}

@test "security: the working directory cannot be a leaked descriptor (CVE-2024-21626)" {
	local n
	make_bundle b
	for n in 3 4 5 6 7 8 9 10 11 12 13 14 15; do
		edit_bundle b ".process.cwd = \"/proc/self/fd/$n\""
		args b /bin/probe args stat=../../../../../../..
		run run_bundle b
		[ "$status" -eq 1 ] || { echo "fd $n: $output" >&2; return 1; }
		ln -sfn "/proc/self/fd/$n" "$T/b/rootfs/cwd"
		edit_bundle b '.process.cwd = "/cwd"'
		run run_bundle b
		[ "$status" -eq 1 ] || { echo "link to fd $n: $output" >&2; return 1; }
	done
	leaks
}

# Below /proc/sys/net a name means another thing in each network namespace: to hide it in the one that is left is to hide
# nothing. The file of the load says that a processor is idle, so that the namespace is made beside.
@test "security: what is hidden below /proc/sys/net is that of the container" {
	requires root unshare
	echo "0.00 0.00 0.00 1/80 11206" >"$T/loadavg"
	make_bundle b '.linux.maskedPaths = ["/proc/sys/net/ipv4/ip_forward", "/proc/keys"]
		| .linux.readonlyPaths = ["/proc/sys/net/ipv4/conf", "/proc/bus"]
		| .linux.namespaces = [{"type": "pid"}, {"type": "mount"}, {"type": "network"}]
		| .mounts = [{"destination": "/proc", "type": "proc", "source": "proc"},
			{"destination": "/dev", "type": "tmpfs", "source": "tmpfs"},
			{"destination": "/sys", "type": "sysfs", "source": "sysfs"}]'
	args b /bin/busybox sh -c 'cat /proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv4/conf/all/forwarding && echo written'
	SEEN=$(unshare -m sh -c 'mount --bind "$1" /proc/loadavg && shift && exec "$@"' sh "$T/loadavg" \
		"${RB[@]}" run --bundle "$T/b" "$(cid b)" 2>&1) || true
	[ "$SEEN" != "${SEEN/Read-only file system/}" ]
	[[ $SEEN != *written* && $SEEN != *[01]* ]]
	leaks
}

@test "security: a remount of an image's link does not make writable what is read-only" {
	requires root
	make_bundle b '.mounts = [{"destination": "/proc", "type": "proc", "source": "proc"},
			{"destination": "/dev", "type": "tmpfs", "source": "tmpfs"},
			{"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["remount", "rw"]}]
		| .linux.readonlyPaths = ["/proc/sys"]'
	rm -rf "$T/b/rootfs/sys"
	ln -s /proc/sys "$T/b/rootfs/sys"
	args b /bin/busybox sh -c 'echo written >/proc/sys/kernel/domainname && cat /proc/sys/kernel/domainname'
	run rb run --bundle "$T/b" "$(cid b)"
	[[ $status -ne 0 && $output != *written* ]]
	leaks
}

@test "security: what is hidden stays on top, wherever links of the image lead a mount" {
	requires root
	local mounts='[{"destination": "/proc", "type": "proc", "source": "proc"}, {"destination": "/sys", "type": "sysfs", "source": "sysfs"}'
	make_bundle b ".mounts = $mounts, {\"destination\": \"/lnk/cgroup\", \"type\": \"cgroup\", \"source\": \"cgroup\"}]
		| .linux.readonlyPaths = [\"/sys/fs/cgroup\"] | .linux.maskedPaths = []"
	ln -s /sys/fs "$T/b/rootfs/lnk"
	args b /bin/sh -c 'mkdir /sys/fs/cgroup/sub || mkdir /sys/fs/cgroup/*/sub'
	run run_bundle b
	[ "$status" -ne 0 ]
	[[ $output = *"Read-only file system"* ]]
	# nothing but what hides is mounted inside of /proc, also when that is no procfs any more
	make_bundle b '.mounts = [{"destination": "/proc", "type": "proc", "source": "proc"}, {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup"}]
		| .linux.maskedPaths = ["/proc/acpi", "/proc/bus"] | .linux.readonlyPaths = []'
	mkdir -p "$T/b/rootfs/sys/fs"
	ln -s /proc/bus "$T/b/rootfs/sys/fs/cgroup"
	args b /bin/true
	run -1 run_bundle b
	[[ $output = *"nothing may be mounted inside /proc"* ]]
	leaks
}

# no_way_out COMMAND...: a program of the host, by way of whatever descriptor could still lead there, is not what runs:
# named by the config, by a link of the image, and as the interpreter of a script of the image. RB_WAYS_EACH=7 takes
# each seventh descriptor only, from a random one on, for where they take long.
no_way_out() {
	local n way each=${RB_WAYS_EACH:-1}
	for ((n = 3 + RANDOM % each; n <= 24; n += each)); do
		way=/proc/self/fd/$n/../../../../../../../../../..$T/host/echo
		ln -sfn "$way" "$T/b/rootfs/tmp/echo"
		printf '#!%s escaped\n' "$way" >"$T/b/rootfs/tmp/script"
		chmod 755 "$T/b/rootfs/tmp/script"
		for way in "$way" /tmp/echo /tmp/script "/proc/self/fd/$n/bin/busybox"; do
			"$@" "$way" >"$T/out" 2>&1 </dev/null 3>&- 4>&- && { echo "$way: $(cat "$T/out")" >&2; return 1; }
			! grep -q escaped "$T/out" || { echo "$way got out" >&2; return 1; }
		done
	done
}

run_way() { # [--detach] WAY
	args b "${!#}" escaped
	rb run "${@:1:$#-1}" --bundle "$T/b" "$(cid b)"
}

start_way() {
	args b "$1" escaped
	rb create --bundle "$T/b" "$(cid b)" && rb start "$(cid b)" && return 0
	rb delete --force "$(cid b)"
	return 1
}

exec_way() {
	rb exec "$(cid b)" "$1" escaped
}

with_host_program() {
	requires busybox
	make_bundle b "$@"
	mkdir -p "$T/host" "$T/b/rootfs/tmp"
	chmod 755 "$T" "$T/host"
	cp "$BUSYBOX" "$T/host/echo"
	[ "$("$T/host/echo" escaped)" = escaped ]
}

@test "security: the program cannot be found by a leaked descriptor (CVE-2024-21626)" {
	with_host_program
	no_way_out run_way
	no_way_out run_way --detach
	no_way_out start_way
	leaks
}

@test "security: nor by another user, nor in a user namespace" {
	with_host_program '.process.user = {"uid": 1000, "gid": 1000}'
	no_way_out run_way
	requires root userns
	make_bundle b '.linux.namespaces += [{"type": "user"}] | .linux.uidMappings = [{"containerID": 0, "hostID": 100000, "size": 65536}] | .linux.gidMappings = .linux.uidMappings'
	mkdir -p "$T/b/rootfs/tmp"
	no_way_out run_way
	leaks
}

@test "security: nor by an exec" {
	with_host_program
	args b /bin/probe pause=1
	start_bundle b
	no_way_out exec_way
	rb delete --force "$(cid b)"
	leaks
}

@test "security: the runtime's own program cannot be started or written from inside (CVE-2019-5736)" {
	local before
	before=$(sha256sum <"$RUNBOX")
	make_bundle b
	args b /proc/self/exe --version
	run run_bundle b
	# what runs, if anything, is not the file on the host; and that file is whole
	[ "$(sha256sum <"$RUNBOX")" = "$before" ]
	printf '#!/proc/self/exe\n' >"$T/b/rootfs/bin/shebang"
	chmod 755 "$T/b/rootfs/bin/shebang"
	args b /bin/shebang
	run run_bundle b
	[ "$(sha256sum <"$RUNBOX")" = "$before" ]
	leaks
}

@test "security: /proc/PID/exe of a waiting container is not the file on the host (CVE-2019-5736)" {
	make_bundle b
	create_bundle b
	local pid
	pid=$(pid_of b)
	run ! dd if=/dev/zero of="/proc/$pid/exe" bs=1 count=1 conv=notrunc
	[ "$(stat -Lc %d:%i "/proc/$pid/exe")" != "$(stat -c %d:%i "$RUNBOX")" ] || {
		# the same inode is allowed only through a mount that is read-only
		run ! sh -c "exec 3<>/proc/$pid/exe"
	}
}

@test "security: the waiting process holds streams and its gate, and is not dumpable (CVE-2016-9962)" {
	make_bundle b
	create_bundle b
	local pid fd n=0
	pid=$(pid_of b)
	for fd in /proc/"$pid"/fd/*; do
		[ "${fd##*/}" -le 2 ] || n=$((n + 1))
		[[ $(readlink "$fd") != *"$T/host"* ]]
		# no directory of the host
		[ ! -d "$fd" ] || [ "${fd##*/}" -le 2 ] || { echo "directory: $(readlink "$fd")" >&2; return 1; }
	done
	[ $n -le 2 ] || { ls -l /proc/"$pid"/fd >&2; return 1; }
	# a process that is not dumpable belongs to root on /proc, whatever its uid
	make_bundle c '.process.user = {"uid": 1234, "gid": 1234}'
	create_bundle c
	[ "$(stat -c %u "/proc/$(pid_of c)/environ")" -eq 0 ]
}

@test "security: no descriptor of the caller is handed on" {
	make_bundle b
	args b /bin/probe fds
	exec {one}<"$T/host/secret" {two}<"$T/host"
	SEEN=$(run_bundle b)
	exec {one}<&- {two}<&-
	expect '.fds | keys' '["0","1","2"]'
}

# kernels before 5.9, or a filter; a low limit must not hide what is above it
@test "security: no descriptor of the host is left where close_range(2) is missing" {
	requires root strace
	make_bundle b '.process.rlimits = [{"type": "RLIMIT_NOFILE", "soft": 32, "hard": 32}]'
	args b /bin/probe fds
	SEEN=$(strace -f -qq -o "$T/trace" -e trace=close_range -e inject=close_range:error=ENOSYS \
		"${RB[@]}" run --bundle "$T/b" "$(cid b)")
	grep -q INJECTED "$T/trace"
	expect '.fds | keys' '["0","1","2"]'
	make_bundle b '.process.rlimits = [{"type": "RLIMIT_NOFILE", "soft": 32, "hard": 32}]'
	args b /bin/probe pause=1
	start_bundle b
	SEEN=$(strace -f -qq -o "$T/trace" -e trace=close_range -e inject=close_range:error=ENOSYS \
		"${RB[@]}" exec "$(cid b)" /bin/probe fds)
	grep -q INJECTED "$T/trace"
	expect '.fds | keys' '["0","1","2"]'
}

@test "security: typing into the caller's terminal (CVE-2017-5226)" {
	requires python3
	make_bundle b
	args b /bin/probe tty args
	SEEN=$("$LIB/onpty.py" 24x80 -- "${RB[@]}" run --bundle "$T/b" "$(cid b)" | tr -d '\r')
	expect .tty.controlling false
	expect .sid 1
}

@test "security: the root of the host is not reachable over .." {
	make_bundle b
	args b /bin/probe stat=/../../../.. 'try=/proc/1/root/../../..'
	SEEN=$(run_bundle b)
	[ "$(jq -r '.stat | length' <<<"$SEEN")" -eq 1 ]
	args b /bin/busybox ls /../../../../../../
	run -0 run_bundle b
	[[ $output != *boot* || ! -d /boot ]]
}

@test "security: numbers are never looked up as names (CVE-2016-3697)" {
	make_bundle b '.process.user = {"uid": 1000, "gid": 1000}'
	printf '1000:x:0:0::/:/bin/sh\nroot:x:0:0::/:/bin/sh\n' >"$T/b/passwd"
	mv "$T/b/passwd" "$T/b/rootfs/etc/passwd"
	look b ids
	expect .uid 1000
}

@test "security: passwd of the image is a pipe, a device, a link, or endless" {
	make_bundle b
	rm "$T/b/rootfs/etc/passwd"
	mkfifo "$T/b/rootfs/etc/passwd"
	args b /bin/probe args
	timeout 10 "${RB[@]}" run --bundle "$T/b" "$(cid b)" >/dev/null 2>&1 </dev/null || [ $? -ne 124 ]
	rm "$T/b/rootfs/etc/passwd"
	ln -s /dev/zero "$T/b/rootfs/etc/passwd"
	timeout 10 "${RB[@]}" run --bundle "$T/b" "$(cid b)" >/dev/null 2>&1 </dev/null || [ $? -ne 124 ]
	rm "$T/b/rootfs/etc/passwd"
	ln -s "$T/host/secret" "$T/b/rootfs/etc/passwd"
	timeout 10 "${RB[@]}" run --bundle "$T/b" "$(cid b)" >/dev/null 2>&1 </dev/null || [ $? -ne 124 ]
	leaks
}

@test "security: a program is a pipe, a device, a directory" {
	make_bundle b
	mkfifo "$T/b/rootfs/bin/pipe"
	args b /bin/pipe
	run -1 timeout 10 "${RB[@]}" run --bundle "$T/b" "$(cid b)"
	args b /dev/zero
	run -1 timeout 10 "${RB[@]}" run --bundle "$T/b" "$(cid b)"
	leaks
}

@test "security: the cgroup tree is read-only without a cgroup namespace (CVE-2023-25809)" {
	make_bundle b '.linux.namespaces |= map(select(.type != "cgroup")) | .mounts += [{"destination": "/sys", "type": "sysfs", "source": "s", "options": ["ro"]},
		{"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["nosuid", "noexec", "nodev", "ro"]}]'
	look b mounts
	expect '[.mounts[] | select(.dest | startswith("/sys/fs/cgroup")) | .options | split(",") | index("ro") != null] | unique' '[true]'
}

@test "security: devices are denied unless listed, also without a deny-all (GHSA-g54h-m393-cpwq)" {
	requires root
	make_bundle b '.linux.devices = [{"path": "/dev/blk", "type": "b", "major": 7, "minor": 1}] | .linux.resources.devices = [{"allow": true, "type": "c", "major": 1, "minor": 11, "access": "rw"}]'
	look b try=/dev/blk
	expect '.try."/dev/blk".open' 1
	make_bundle c '.linux.devices = [{"path": "/dev/blk", "type": "b", "major": 7, "minor": 1}]'
	look c try=/dev/blk
	expect '.try."/dev/blk".open' 1
}

@test "security: ids that are paths" {
	make_bundle b
	local id
	for id in ../../x /etc "a/../b" .. "-x/.."; do
		run -1 rb create --bundle "$T/b" -- "$id"
		run -1 rb state -- "$id"
		run rb delete --force -- "$id"
		[ -d /etc ]
	done
	leaks
}

@test "security: a state root that others can write to is refused" {
	mkdir -m 777 "$ROOT"
	make_bundle b
	run -1 rb create --bundle "$T/b" "$(cid b)"
	[[ $output == *"can be written to by others"* ]]
	chmod 700 "$ROOT"
}

@test "security: state in the root is for the owner alone" {
	make_bundle b
	args b /bin/probe pause=1
	start_bundle b
	[ "$(stat -c %a "$ROOT")" = 700 ]
	[ "$(stat -c %a "$ROOT/$(cid b)")" = 700 ]
	[ -z "$(find "$ROOT" -perm /022 ! -type s ! -type l)" ]
}

@test "security: propagation does not reach the host" {
	make_bundle b '.linux.rootfsPropagation = "shared" | .mounts += [{"destination": "/mnt", "type": "tmpfs", "source": "t"}]'
	args b /bin/probe pause=1
	start_bundle b
	[ -z "$(left_mounts)" ]
}

@test "security: hooks get no environment of the caller (annotations neither)" {
	make_bundle b '.hooks.createRuntime = [{"path": "/usr/bin/env", "args": ["env"]}]'
	SECRET_OF_CALLER=1 run run_bundle b
	[[ $output != *SECRET_OF_CALLER* ]]
}

@test "security: the directory of the notify socket on the host cannot be filled from inside" {
	make_bundle b
	args b /bin/sh -c 'touch /run/notify/full; mkdir /run/notify/dir; ls -A /run/notify'
	NOTIFY_SOCKET=$T/none run run_bundle b
	[[ $output == *"Read-only file system"* ]]
	[[ $output != *full$'\n'* ]]
	leaks
}

# seize_execs PROCESS JQ...: in a container that may trace whatever it sees, PROCESS is started fifty times, and
# each time stopped in its first moments if it can be: $T/seized
seize_execs() {
	local process=$1 i
	shift
	make_bundle b '.process.args = ["/bin/probe", "args", "seize=/tmp"]' \
		'.process.capabilities = ({"bounding": ["CAP_SYS_PTRACE", "CAP_DAC_OVERRIDE"]} | .permitted = .bounding | .effective = .bounding)' "$@"
	start_bundle b
	wait_for 10 [ -e "$T/b/rootfs/tmp/ready" ]
	echo "$process" >"$T/process.json"
	for i in $(seq 50); do
		# who traces a process is told its end first (ptrace(2)), so the status may be lost
		timeout -k 5 20 "${RB[@]}" exec --process "$T/process.json" "$(cid b)" >"$T/exec.out" 2>&1 </dev/null 3>&- 4>&- || true
	done
	rb delete --force "$(cid b)"
	# programs were stopped, and what still was runbox if that was there long enough
	[ -s "$T/b/rootfs/tmp/seized" ]
	grep '^runbox ' "$T/b/rootfs/tmp/seized" >"$T/seized" || true
}

# seized_without_rights: what was runbox had no capability
seized_without_rights() {
	! grep -v '^runbox 0000000000000000 0000000000000000:' "$T/seized"
}

# PTRACE_MODE_ATTACH of ptrace(2): CAP_SYS_PTRACE in the user namespace of a process is enough to trace it,
# whatever else that has, and in the host's user namespace that is everything
@test "security: what enters a container that may trace it has nothing to give (CVE-2016-9962)" {
	requires cap_sys_ptrace
	seize_execs '{"args": ["/bin/sleep", "0.02"], "cwd": "/", "user": {"uid": 0, "gid": 0}}'
	seized_without_rights
	# besides its streams: the socket to the runtime
	! cut -d: -f2- "$T/seized" | sed -E 's/ socket:\[[0-9]+\]//' | grep . || return 1
	# nor do the words and the environment of whoever called say a thing
	[ -s "$T/b/rootfs/tmp/words" ]
	! grep -aE "$T|$RUNBOX|RBT_SUFFIX" "$T/b/rootfs/tmp/words" || return 1
	leaks
}

# without no_new_privs it takes CAP_SYS_ADMIN to load a filter (seccomp(2))
@test "security: nor has it what an engine's seccomp profile is loaded with" {
	requires cap_sys_ptrace
	local profile
	for profile in docker podman; do
		seize_execs '{"args": ["/bin/sleep", "0.02"], "cwd": "/", "user": {"uid": 0, "gid": 0}}' \
			".linux.seccomp = $(jq -c '.linux.seccomp | .syscalls += [{names: ["ptrace"], action: "SCMP_ACT_ALLOW"}]' "$SRCDIR/tests/data/$profile.json")"
		seized_without_rights
	done
	leaks
}

@test "security: a profile that would stop the one who enters is loaded by the one who is there" {
	local refused
	for refused in '"clone", "clone3"' '"madvise"'; do
		make_bundle b '.process.args = ["/bin/probe", "pause=1"]' \
			".linux.seccomp = {\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{\"names\": [$refused], \"action\": \"SCMP_ACT_ERRNO\"}]}"
		start_bundle b
		SEEN=$(rb exec "$(cid b)" /bin/probe caps security </dev/null 3>&- 4>&-)
		expect '[.seccomp, .caps.effective, .caps.bounding]' '[2,[],[]]'
		rb delete --force "$(cid b)"
	done
	leaks
}

# what is mounted at /sys/fs/cgroup there is of whoever made the namespace
@test "security: a mount namespace that is joined cannot keep a container out of its cgroups" {
	requires root unshare nsenter
	[ "${RB_MANAGER:-}" != systemd ] || skip "needs the cgroupfs manager: a scope is made by systemd, with the process in it"
	local fake dir
	unshare -m --propagation private "$PROBE" args pause=1 >/dev/null 3>&- 4>&- &
	HOLDER=$!
	wait_for 10 sh -c "[ \"\$(readlink /proc/$HOLDER/ns/mnt)\" != \"\$(readlink /proc/self/ns/mnt)\" ]"
	make_bundle b ".linux.namespaces |= map(if .type == \"mount\" then .path = \"/proc/$HOLDER/ns/mnt\" else . end)
		| .mounts = [] | .process.args = [\"/bin/probe\", \"pause=1\"] | .linux |= del(.maskedPaths, .readonlyPaths)
		| .linux.cgroupsPath = \"/joined-$SUFFIX\"" # its parent is there
	CGROUPS_PATH=/joined-$SUFFIX
	for fake in umount 'umount and files'; do
		nsenter -m -t "$HOLDER" umount -l /sys/fs/cgroup
		if [ "$fake" != umount ]; then
			nsenter -m -t "$HOLDER" mount -t tmpfs fake /sys/fs/cgroup
			grep -o ' /sys/fs/cgroup[^ ]*' /proc/self/mountinfo | while read -r dir; do
				nsenter -m -t "$HOLDER" mkdir -p "$dir/$CGROUPS_PATH"
				nsenter -m -t "$HOLDER" touch "$dir/$CGROUPS_PATH"/{tasks,cgroup.procs}
			done
		fi
		start_bundle b
		# each hierarchy that this host has mounted
		grep ' - cgroup2\? ' /proc/self/mountinfo | while read -r _ _ _ _ dir _; do
			grep -qx "$(pid_of b)" "$dir/$CGROUPS_PATH/cgroup.procs" || { echo "not in $dir" >&2 && return 1; }
		done
		rb delete --force "$(cid b)"
		nsenter -m -t "$HOLDER" mount -t tmpfs next /sys/fs/cgroup # to be taken away by the next one
	done
	leaks
}
