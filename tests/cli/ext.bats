#!/usr/bin/env bats
# ext.bats - the extension object "runbox": a root that is thrown away, a limit of time, an init
load ../lib/helpers

# tree NAME: all that a rootfs is: names, kinds, modes, owners, times, links, contents
tree() {
	(cd "$T/$1/rootfs" && find . -printf '%p %y %m %U %G %T@ %l\n' | sort && find . -type f -exec sha256sum {} + | sort)
}

# --- ephemeral ---

@test "ephemeral: what a container writes, removes and renames is gone with it, and the root as it was" {
	requires root busybox
	make_bundle b '.runbox.ephemeral = true | .process.capabilities = (["CAP_CHOWN", "CAP_MKNOD"] | {bounding: ., permitted: ., effective: .})'
	tree b >"$T/before"
	args b /bin/sh -c 'set -e; echo more >>/etc/secret; cat /etc/secret; busybox rm -r /root; busybox mkdir /root /new
		echo x >/new/x; busybox mv /etc/passwd /p; busybox chmod 700 /tmp; busybox chown 5:5 /var
		busybox mknod /null c 1 3; busybox ln /new/x /new/y; ls -d /root /p /new/y'
	run -0 run_bundle b
	[ "$output" = "secret of the image
more
/new/y
/p
/root" ]
	tree b | diff -u "$T/before" -
	args b /bin/sh -c 'ls -d /new /p'
	run ! run_bundle b
	leaks
}

@test "ephemeral: mount points, devices, links and files of the network are made in the overlay" {
	requires root busybox
	# without a /dev of its own the devices go into the root too
	make_bundle b '.runbox = {"ephemeral": true, "network": {"dns": {"nameservers": ["192.0.2.1"]}}}
		| .mounts |= map(select(.destination != "/dev" and .destination != "/dev/pts")) | .mounts += [
			{"destination": "/deep/er/est", "type": "tmpfs", "source": "t"},
			{"destination": "/a/file", "type": "bind", "source": ($bundle + "/config.json"), "options": ["bind", "ro"]}]
		| .linux.devices = [{"path": "/odd/dev", "type": "c", "major": 1, "minor": 5}]
		| .linux.maskedPaths = ["/etc/secret", "/root"] | .linux.readonlyPaths = ["/etc"]'
	tree b >"$T/before"
	# shellcheck disable=SC2016
	args b /bin/sh -c 'cat /etc/resolv.conf /etc/secret; busybox stat -c "%n %F" /deep/er/est /a/file /dev/null /dev/fd /odd/dev
		echo x >/etc/x; touch /var/x && ls /var /root'
	run -0 run_bundle b
	[[ $output == *"nameserver 192.0.2.1"* ]]
	[[ $output != *"secret of the image"* ]]
	[[ $output == *"/odd/dev character special file"* ]]
	[[ $output == *"/dev/fd symbolic link"* ]]
	[[ $output == *"can't create /etc/x: Read-only file system"* ]]
	tree b | diff -u "$T/before" -
}

@test "ephemeral: a read-only root is one all the same" {
	requires root busybox
	make_bundle b '.runbox.ephemeral = true | .root.readonly = true | .mounts += [{"destination": "/point", "type": "tmpfs", "source": "t"}]'
	tree b >"$T/before"
	args b /bin/sh -c 'touch /x; touch /point/x && ls /point'
	run -0 run_bundle b
	[[ $output == *"/x: Read-only file system"* ]]
	tree b | diff -u "$T/before" -
}

@test "ephemeral: no directory of the overlay can be reached, nor the tree below it" {
	requires root busybox
	local propagation option
	for propagation in '' private slave shared; do
		for option in '' --no-pivot; do
			make_bundle b ".runbox.ephemeral = true | if \"$propagation\" == \"\" then . else .linux.rootfsPropagation = \"$propagation\" end"
			args b /bin/sh -c 'cat /proc/self/mountinfo; ls -d /../upper /../work /../lower'
			# shellcheck disable=SC2086 # none or one
			run run_bundle b $option
			[ "$(grep -c ' / / .* - overlay overlay .*lowerdir=lower,upperdir=upper,workdir=work' <<<"$output")" -eq 1 ]
			! grep -q ' /lower \| /upper \| /work ' <<<"$output" || return 1
			[ "$(grep -c 'No such file' <<<"$output")" -eq 3 ]
			leaks
		done
	done
}

@test "ephemeral: nosuid, nodev and noexec of the place where the root lies are kept" {
	requires root busybox unshare
	make_bundle b '.runbox.ephemeral = true'
	args b /bin/cat /proc/self/mountinfo
	run -0 unshare -m --propagation private sh -c 'cp -a "$0" "$0.src" && mount -t tmpfs -o nosuid,nodev t "$0" && cp -a "$0.src/." "$0" && exec "$@"' \
		"$T/b/rootfs" "${RB[@]}" run --bundle "$T/b" "$(cid b)"
	[[ $(grep ' / / ' <<<"$output") == *" rw,nosuid,nodev,relatime - overlay "* ]]
	run -1 unshare -m --propagation private sh -c 'mount --bind "$0" "$0" && mount -o remount,bind,ro,noexec "$0" && exec "$@"' \
		"$T/b/rootfs" "${RB[@]}" run --bundle "$T/b" "$(cid b)"
	[[ $output == *"permission denied"* ]]
}

@test "ephemeral: a read-only bundle will do, and what the host mounted in the root is not shown" {
	requires root busybox unshare
	make_bundle b '.runbox.ephemeral = true'
	args b /bin/sh -c 'touch /x && ls /x /mnt'
	run -0 unshare -m --propagation private sh -c 'mount --bind "$0" "$0" && mount -t tmpfs t "$0/rootfs/mnt" && touch "$0/rootfs/mnt/host" && mount -o remount,bind,ro "$0" && exec "$@"' \
		"$T/b" "${RB[@]}" run --bundle "$T/b" "$(cid b)"
	[ "$output" = "/x

/mnt:" ]
}

@test "ephemeral: in a user namespace, also a directory that is removed and made again" {
	requires root busybox userns
	make_bundle b '.runbox.ephemeral = true | .linux.namespaces += [{"type": "user"}]
		| .linux.uidMappings = [{"containerID": 0, "hostID": 100000, "size": 65536}] | .linux.gidMappings = .linux.uidMappings'
	rm -rf "$T/b/rootfs"
	cp -r "$(base_rootfs)" "$T/b/rootfs"
	chown -hR 100000:100000 "$T/b/rootfs"
	tree b >"$T/before"
	args b /bin/sh -c 'set -e; busybox rm -r /etc; busybox mkdir /etc; ls -A /etc; echo x >/etc/x; cat /etc/x; busybox stat -c "%u %g %a" / /bin/probe'
	run -0 run_bundle b
	[ "$output" = "x
0 0 755
0 0 755" ]
	tree b | diff -u "$T/before" -
	leaks
}

@test "ephemeral: an exec sees it, and the next container starts from the image" {
	requires root busybox
	make_bundle b '.runbox.ephemeral = true'
	args b /bin/probe ready=/here pause=1
	start_bundle b
	wait_for 20 rb exec "$(cid b)" /bin/busybox test -e /here
	[ ! -e "$T/b/rootfs/here" ]
	rb exec "$(cid b)" /bin/sh -c 'echo y >/y'
	[ "$(rb exec "$(cid b)" /bin/cat /y)" = y ]
	# killed without a word, it leaves nothing
	kill -KILL "$(pid_of b)"
	wait_status b stopped
	[ ! -e "$T/b/rootfs/y" ]
	[ -z "$(find "$T/b" "$ROOT/$(cid b)" -name upper -o -name work)" ]
	rb delete "$(cid b)"
	leaks
}

@test "ephemeral: what is written counts against the limit of memory" {
	requires root busybox
	grep -q ' - cgroup .*memory' /proc/self/mountinfo || grep -qs memory /sys/fs/cgroup/cgroup.controllers || skip "needs the memory controller"
	make_bundle b '.runbox.ephemeral = true | .linux.resources.memory.limit = 8388608 | .linux.resources.memory.swap = 8388608'
	args b /bin/sh -c 'busybox dd if=/dev/zero of=/big bs=1k count=32768 2>/dev/null; echo $?'
	run run_bundle b
	[ "$output" != 0 ]
	args b /bin/sh -c 'busybox dd if=/dev/zero of=/big bs=1k count=2048 2>/dev/null; echo $?'
	run -0 run_bundle b
	[ "$output" = 0 ]
	leaks
}

@test "ephemeral: by the annotation, as engines pass it" {
	requires root busybox
	make_bundle b '.annotations["org.runbox.config"] = "{\"ephemeral\":true}"'
	args b /bin/sh -c 'touch /x && ls /x'
	run -0 run_bundle b
	[ "$output" = /x ]
	[ ! -e "$T/b/rootfs/x" ]
}

@test "ephemeral: a link of the image leads nowhere but into the overlay" {
	requires root busybox
	make_bundle b '.runbox.ephemeral = true | .mounts += [{"destination": "/trap/in", "type": "tmpfs", "source": "t"}]'
	ln -s "../../../../$T" "$T/b/rootfs/trap"
	args b /bin/sh -c "ls $T"
	run -0 run_bundle b
	[ "$output" = in ]
	[ ! -e "$T/in" ]
	rm -r "$T/b/rootfs/proc"
	ln -s etc "$T/b/rootfs/proc"
	fails 1 "/proc of the root file system is not a plain directory (step NN mount, config.json mounts[0])" run_bundle b
	leaks
}

@test "ephemeral: what would get past the overlay, or has no mount namespace, is refused" {
	make_bundle b '.runbox.ephemeral = true | .mounts += [{"destination": "//.", "type": "tmpfs", "source": "t"}]'
	fails 1 "a mount on / would cover the overlay of runbox.ephemeral (config.json mounts[3].destination)" rb plan --bundle "$T/b"
	make_bundle b '.runbox.ephemeral = true | .mounts += [{"destination": "/mnt", "source": "rootfs/var", "options": ["bind", "idmap"]}]
		| .linux.namespaces += [{"type": "user"}] | .linux.uidMappings = [{"containerID": 0, "hostID": 100000, "size": 65536}] | .linux.gidMappings = .linux.uidMappings'
	fails 1 "an id-mapped mount of a part of the root would get past the overlay of runbox.ephemeral (config.json mounts[3].source)" rb plan --bundle "$T/b"
	make_bundle b '.runbox.ephemeral = true | .mounts = [] | .linux.namespaces |= map(select(.type != "mount"))'
	fails 1 "runbox.ephemeral needs a new mount namespace (config.json runbox.ephemeral); hint: add { \"type\": \"mount\" } to linux.namespaces" rb plan --bundle "$T/b"
}

@test "ephemeral: where the kernel has no overlay, one line says so and nothing stays" {
	requires root busybox unshare
	make_bundle b '.runbox.ephemeral = true'
	# overlays may be stacked twice: the third is refused
	fails 1 "make an overlay over $T/b/rootfs: Invalid argument (step NN overlay, config.json runbox.ephemeral, EINVAL); hint: not every file system, nor an overlay on an overlay, can be its lower" \
		unshare -m --propagation private sh -c 'mkdir "$1" && mount -t tmpfs t "$1" && mkdir "$1/u1" "$1/w1" "$1/u2" "$1/w2" "$1/m" &&
		mount -t overlay -o "lowerdir=$0,upperdir=$1/u1,workdir=$1/w1" o "$0" && mount -t overlay -o "lowerdir=$0,upperdir=$1/u2,workdir=$1/w2" o "$0" && shift && exec "$@"' \
		"$T/b/rootfs" "$T/layers" "${RB[@]}" run --bundle "$T/b" "$(cid b)"
	leaks
}

# --- timeoutMs ---

# limited MS: runs bundle b, whose time is MS; $output is its stderr, $TOOK the milliseconds it took
limited() {
	local from to r=0
	from=$(date +%s%3N)
	run_bundle b >"$T/out" 2>"$T/err" </dev/null 3>&- 4>&- || r=$?
	to=$(date +%s%3N)
	TOOK=$((to - from))
	output=$(cat "$T/err")
	[ "$r" -eq 137 ] && [ "$TOOK" -ge "$1" ] && [ "$TOOK" -lt 20000 ] || {
		echo "status $r after $TOOK ms: $output" >&2
		return 1
	}
}

@test "timeoutMs: a container that takes longer is killed, all of it, 137, and one line says why" {
	requires root
	make_bundle b '.runbox.timeoutMs = 300'
	args b /bin/probe fork=3 deaf=1
	limited 300
	[ "$output" = "runbox: the time limit of 300 ms was reached, container $(cid b) is killed (config.json runbox.timeoutMs)" ]
	leaks
}

@test "timeoutMs: one that ends in time has its own exit status, and nothing is said" {
	requires root
	make_bundle b '.runbox.timeoutMs = 9007199254740991'
	args b /bin/probe exit=5
	run -5 run_bundle b
	[[ $output != *limit* ]]
	edit_bundle b '.runbox.timeoutMs = 60000'
	run -5 run_bundle b
	[[ $output != *limit* ]]
}

@test "timeoutMs: without a pid namespace the cgroup is what is killed" {
	requires root
	make_bundle b '.runbox.timeoutMs = 300 | .linux.namespaces |= map(select(.type != "pid")) | .mounts |= map(select(.destination != "/proc"))'
	args b /bin/probe fork=3 deaf=1
	limited 300
	[ "$output" = "runbox: the time limit of 300 ms was reached, container $(cid b) is killed (config.json runbox.timeoutMs)" ]
	leaks
	# all of it, though nothing is deleted
	run -137 run_bundle b --keep
	[ -z "$(left_processes)" ]
	rb delete "$(cid b)"
	leaks
}

@test "timeoutMs: with --keep it stays, stopped; the log has the line too" {
	requires root
	make_bundle b '.runbox.timeoutMs = 100'
	args b /bin/probe deaf=1
	run -137 rb --log "$T/log" --log-format json run --keep --bundle "$T/b" "$(cid b)"
	assert_status b stopped
	[ "$(jq -r '.level + ": " + .msg' "$T/log")" = "error: the time limit of 100 ms was reached, container $(cid b) is killed (config.json runbox.timeoutMs)" ]
	rb delete "$(cid b)"
	leaks
}

@test "timeoutMs: a paused container is killed as well, and one whose lock is held" {
	requires root flock
	make_bundle b '.runbox.timeoutMs = 1500'
	args b /bin/probe ready=/tmp/up deaf=1
	limited 1500 &
	local limited=$!
	wait_for 20 test -e "$T/b/rootfs/tmp/up"
	rb pause "$(cid b)"
	wait $limited
	leaks
	rm "$T/b/rootfs/tmp/up"
	"${RB[@]}" run --keep --bundle "$T/b" "$(cid b)" >"$T/out" 2>"$T/err" </dev/null 3>&- 4>&- &
	local runner=$!
	wait_for 20 test -e "$T/b/rootfs/tmp/up"
	flock "$ROOT/$(cid b)/lock" sh -c 'while [ -d "/proc/$0" ] && ! grep -q "^State:.*Z" "/proc/$0/status"; do sleep 0.1; done' $runner 3>&- 4>&- &
	local r=0
	wait $runner || r=$?
	[ "$r" -eq 137 ]
	rb delete --force "$(cid b)"
	leaks
}

@test "timeoutMs: with a terminal" {
	requires root python3 busybox
	make_bundle b '.runbox.timeoutMs = 500 | .process.terminal = true'
	args b /bin/sh -c 'trap "" HUP TERM INT; echo up; while :; do sleep 1; done'
	run -137 "$LIB/onpty.py" 24x80 -- "${RB[@]}" run --bundle "$T/b" "$(cid b)"
	[[ $output == *up*"the time limit of 500 ms was reached"* ]]
	leaks
}

@test "timeoutMs: in the background nobody keeps it: refused" {
	requires root
	make_bundle b '.runbox.timeoutMs = 300'
	local line="nobody stays to keep the time limit of a container in the background (config.json runbox.timeoutMs); hint: set runbox.init, in a new pid namespace: it is kept by its init"
	fails 1 "$line" rb create --bundle "$T/b" "$(cid b)"
	fails 1 "$line" rb run --detach --bundle "$T/b" "$(cid b)"
	leaks
}

# --- init ---

# with_init NAME [JQ...]: a bundle with an init
with_init() {
	local name=$1
	shift
	make_bundle "$name" '.runbox.init = true' "$@"
}

# child_of PID: its only child
child_of() {
	cat "/proc/$1/task/$1/children"
}

@test "init: the program runs below a first process that holds nothing, and gives its exit status" {
	local n pid
	with_init b
	for n in 0 1 42 255; do
		args b /bin/probe exit=$n
		run -"$n" run_bundle b
	done
	args b /bin/probe raise=9
	run -137 run_bundle b
	args b /bin/probe raise=6
	run -134 run_bundle b
	args b /bin/probe pause=1
	start_bundle b
	pid=$(pid_of b)
	[ "$(tr '\0' ' ' <"/proc/$pid/cmdline")" = "runbox-init 2 " ]
	[ -z "$(tr '\0' ' ' <"/proc/$pid/environ")" ]
	[ "$(cat "/proc/$pid/comm")" = runbox-init ]
	[ "$(readlink "/proc/$pid/exe")" = "/memfd:runbox-init (deleted)" ]
	[ "$(ls "/proc/$pid/fd")" = 2 ]
	if command -v python3 >/dev/null && [ "$(id -u)" -eq 0 ]; then
		# F_GET_SEALS: no other file, no other size, no other content
		[ "$(python3 -c 'import fcntl, sys; print(fcntl.fcntl(open(sys.argv[1], "rb"), 1034) & 15)' "/proc/$pid/exe")" -eq 15 ]
	fi
	[ "$(child_of "$pid" | wc -w)" -eq 1 ]
	rb kill "$(cid b)" KILL
	wait_status b stopped
	rb delete "$(cid b)"
	leaks
}

@test "init: it reaps what loses its parent" {
	requires busybox
	with_init b
	args b /bin/sh -c 'i=0; while [ $i -lt 50 ]; do (true & true & sleep 0 &); i=$((i + 1)); done; echo made
		set -- /proc/[0-9]*; while [ $# -gt 2 ]; do sleep 0; set -- /proc/[0-9]*; done; echo left: "$@"'
	run -0 timeout 20 "${RB[@]}" run --bundle "$T/b" "$(cid b)"
	[ "$output" = "made
left: /proc/1 /proc/2" ]
}

@test "init: forwards every signal that can be caught, once" {
	requires python3 busybox
	local n want='' pid
	with_init b
	args b /bin/sh -c 'for s in HUP INT QUIT ILL TRAP ABRT BUS FPE USR1 SEGV USR2 PIPE ALRM TERM 16 URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS; do trap "echo $s >>/tmp/got" $s; done
		trap "" TTIN TTOU TSTP; echo up >/tmp/up; while :; do sleep 0.1; done'
	start_bundle b
	wait_for 20 test -e "$T/b/rootfs/tmp/up"
	for n in HUP INT QUIT ILL TRAP ABRT BUS FPE USR1 SEGV USR2 PIPE ALRM TERM 16 URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS; do
		rb kill "$(cid b)" $n
		want+="$n"$'\n'
		wait_for 20 grep -qx "$n" "$T/b/rootfs/tmp/got"
	done
	printf '%s' "$want" | diff - "$T/b/rootfs/tmp/got"
	# of no process can it be caught, but what stops the program can be forwarded
	pid=$(child_of "$(pid_of b)")
	rb kill "$(cid b)" TTIN
	rb kill "$(cid b)" 64
	wait_status b stopped
	rb delete --force "$(cid b)"
	leaks
}

@test "init: the program can be stopped and continued, its init cannot" {
	requires busybox
	local pid
	with_init b
	args b /bin/sh -c 'kill -STOP 1; kill -KILL 1; echo up >/tmp/up; while :; do sleep 0.1; done'
	start_bundle b
	wait_for 20 test -e "$T/b/rootfs/tmp/up"
	pid=$(child_of "$(pid_of b)")
	rb kill "$(cid b)" TSTP
	wait_for 20 grep -q '^State:.*T' "/proc/${pid% }/status"
	rb kill "$(cid b)" CONT
	wait_for 20 grep -q '^State:.*[SR]' "/proc/${pid% }/status"
	grep -q '^State:.*S' "/proc/$(pid_of b)/status"
	rb delete --force "$(cid b)"
	leaks
}

@test "init: run forwards to it, exec goes beside it, ps shows both, kill --all reaches both" {
	requires busybox
	local runner r=0
	with_init b
	args b /bin/sh -c 'trap "exit 3" TERM; echo up >/tmp/up; while :; do sleep 0.1; done'
	"${RB[@]}" run --bundle "$T/b" "$(cid b)" >"$T/out" 2>&1 </dev/null 3>&- 4>&- &
	runner=$!
	wait_for 20 test -e "$T/b/rootfs/tmp/up"
	[ "$(rb exec "$(cid b)" /bin/sh -c 'echo $PPID')" = 0 ]
	# an orphan of an exec has found a parent
	rb exec "$(cid b)" /bin/sh -c '(sleep 0.2; echo $PPID >/tmp/ppid) & true' >/dev/null </dev/null 3>&- 4>&-
	wait_for 20 test -s "$T/b/rootfs/tmp/ppid"
	[ "$(rb ps --format json "$(cid b)" | jq length)" -ge 2 ]
	kill -TERM $runner
	wait $runner || r=$?
	[ $r -eq 3 ]
	leaks
}

@test "init: a program that cannot be executed is told by start as ever, and nothing runs" {
	local line
	with_init b
	printf '#!/no/such/interpreter\n' >"$T/b/rootfs/bin/broken"
	chmod 755 "$T/b/rootfs/bin/broken"
	args b /bin/broken
	line="exec /bin/broken: no such file or directory (step NN exec, config.json process.args); hint: its interpreter or dynamic loader is not in the root file system"
	fails 1 "$line" run_bundle b
	leaks
	create_bundle b
	fails 1 "$line" rb start "$(cid b)"
	wait_status b stopped
	rb delete --force "$(cid b)"
	leaks
}

@test "init: as an ordinary user, who can neither trace nor read it" {
	requires busybox
	with_init b '.process.user = {"uid": 1000, "gid": 1000, "additionalGids": [7]}'
	args b /bin/sh -c 'id -u; busybox cat /proc/1/environ /proc/1/maps; ls /proc/1/fd; busybox readlink /proc/1/exe; kill -0 1 && echo mine; grep() { busybox grep "$@"; }
		grep -h "^CapEff\|^Uid" /proc/1/status /proc/self/status | busybox sort -u'
	run -0 run_bundle b
	[ "$(grep -c 'ermission denied' <<<"$output")" -ge 2 ]
	[[ $output == *mine* ]]
	[ "$(grep -c '^CapEff\|^Uid' <<<"$output")" -eq 2 ]
}

@test "init: its program cannot be written to, not even by root with every capability" {
	requires root busybox
	with_init b '.process.capabilities = (["CAP_SYS_PTRACE", "CAP_DAC_OVERRIDE", "CAP_SYS_ADMIN", "CAP_FOWNER", "CAP_CHOWN"] | {bounding: ., permitted: ., effective: ., inheritable: ., ambient: .})'
	args b /bin/sh -c 'ls -l /proc/1/exe; echo x >/proc/1/exe; busybox chmod 777 /proc/1/exe; busybox truncate -s 9 /proc/1/exe
		(exec 3>>/proc/1/exe) ; echo y >/proc/self/fd/9; busybox mount -o remount,rw /proc/1/exe; ls -l /proc/1/fd; exit 4'
	run -4 run_bundle b
	[ "$(grep -c "an't create /proc/1/exe" <<<"$output")" -eq 2 ]
	[[ $output == *"/memfd:runbox-init (deleted)"* ]]
	# the next one's is as it was
	args b /bin/probe exit=5
	run -5 run_bundle b
}

@test "init: descriptors that are passed on are the program's, with its pid" {
	with_init b
	args b /bin/probe args ids fds pause=1
	(
		export LISTEN_FDS=1 LISTEN_PID=$BASHPID
		exec "${RB[@]}" run --detach --preserve-fds=1 --bundle "$T/b" "$(cid b)" >"$T/out" 2>"$T/err" 3</etc/passwd 4</etc/group 5<&- </dev/null
	)
	wait_for 20 test -s "$T/out"
	SEEN=$(cat "$T/out")
	expect '.env | map(select(startswith("LISTEN_"))) | sort' '["LISTEN_FDS=1","LISTEN_PID=2"]'
	expect .pid 2
	[ "$(ls "/proc/$(pid_of b)/fd")" = 2 ]
	[ "$(readlink "/proc/$(child_of "$(pid_of b)" | tr -d ' ')/fd/4")" = /etc/group ]
	rb delete --force "$(cid b)"
	leaks
}

@test "init: with a terminal the program has it, in a group of its own in the foreground" {
	requires python3 busybox
	with_init b '.process.terminal = true'
	# shellcheck disable=SC2016 # for the container
	args b /bin/sh -c 'trap "echo interrupted; exit 6" INT; busybox awk "{print \"stat\", \$1 == \$5, \$5 == \$8, \$6, \$7 != 0}" /proc/$$/stat; stty -a >/dev/null && echo ready; while :; do sleep 0.1; done'
	run -6 "$LIB/onpty.py" 24x80 --after ready --type $'\003' -- "${RB[@]}" run --bundle "$T/b" "$(cid b)"
	[[ $output == *"stat 1 1 1 1"* ]]
	[ "$(grep -c interrupted <<<"$output")" -eq 1 ]
	[[ $output != *"job control"* ]]
	args b /bin/sh -c 'trap "stty size; exit 7" WINCH; echo ready; while :; do sleep 0.1; done'
	run -7 "$LIB/onpty.py" 24x80 --after ready --resize 33x77 -- "${RB[@]}" run --bundle "$T/b" "$(cid b)"
	[[ $output == *"33 77"* ]]
	leaks
}

@test "init: without a pid namespace it is the subreaper, and the program ends with it" {
	requires root busybox
	local pid child
	with_init b '.linux.namespaces |= map(select(.type != "pid")) | .mounts |= map(select(.destination != "/proc")) | .mounts += [{"destination": "/proc", "type": "bind", "source": "/proc", "options": ["rbind"]}]'
	args b /bin/sh -c '(sleep 0.1; echo $PPID; busybox awk "/^PPid/ { print \$2 }" /proc/self/status >/tmp/x; sleep 100) & sleep 0.05; echo up >/tmp/up; exec sleep 100'
	start_bundle b
	wait_for 20 test -e "$T/b/rootfs/tmp/up"
	pid=$(pid_of b)
	[ "$(cat "/proc/$pid/comm")" = runbox-init ]
	child=$(child_of "$pid" | tr -d ' ')
	kill -KILL "$pid"
	wait_for 20 gone "$child"
	wait_status b stopped
	rb delete --force "$(cid b)"
	leaks
	args b /bin/sh -c '(sleep 0.2; busybox awk "/^PPid/ { print \$2 }" /proc/self/status >/tmp/ppid) & exec sleep 1'
	args b /bin/sh -c '((sleep 0.2; read -r _ _ _ p _ </proc/self/stat; echo $p >/tmp/ppid) &) ; exec sleep 5'
	start_bundle b
	wait_for 20 test -s "$T/b/rootfs/tmp/ppid"
	[ "$(cat "$T/b/rootfs/tmp/ppid")" -eq "$(pid_of b)" ]
	rb delete --force "$(cid b)"
	leaks
}

@test "init: dies with its runtime when asked to, and all with it" {
	requires root
	local pid runner
	with_init b '.runbox.dieWithParent = true'
	args b /bin/probe ready=/tmp/up deaf=1
	"${RB[@]}" run --bundle "$T/b" "$(cid b)" >"$T/out" 2>&1 </dev/null 3>&- 4>&- &
	runner=$!
	wait_for 20 test -e "$T/b/rootfs/tmp/up"
	pid=$(pid_of b)
	kill -KILL $runner
	wait_for 20 gone "$pid"
	wait_status b stopped
	rb delete "$(cid b)"
	leaks
}

@test "init: under a profile of seccomp, which is its own too; one line where that is too narrow" {
	requires root
	local call
	with_init b '.linux.seccomp = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_ERRNO"}]}'
	args b /bin/probe security
	SEEN=$(run_bundle b 3>&- 4>&-)
	expect '[.seccomp, .seccompFilters] | map(select(. != null)) | length > 0' true
	args b /bin/probe pause=1
	start_bundle b
	grep -q '^Seccomp:.*2' "/proc/$(pid_of b)/status"
	rb delete --force "$(cid b)"
	for call in execveat clone; do
		with_init b ".linux.seccomp = {\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{\"names\": [\"$call\"], \"action\": \"SCMP_ACT_ERRNO\"}]}"
		args b /bin/probe exit=0
		case $call in
		execveat) fails 1 "become the container's init: Operation not permitted (step NN exec, config.json process.args, EPERM)" run_bundle b ;;
		clone) fails 1 "fork the program from its init: Operation not permitted (step NN exec, config.json process.args, EPERM)" run_bundle b ;;
		esac
		leaks
	done
	with_init b '.linux.seccomp = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["rt_sigtimedwait"], "action": "SCMP_ACT_ERRNO"}]}'
	args b /bin/probe pause=1
	run -125 run_bundle b
	[[ $output == *"runbox: the init cannot wait for signals: the seccomp profile has to allow rt_sigtimedwait"* ]]
	leaks
}

@test "init: the program is not executed before its parent is init" {
	requires root python3 busybox
	local child
	with_init b ".linux.seccomp = {\"defaultAction\": \"SCMP_ACT_ALLOW\", \"listenerPath\": \"$T/sock\", \"syscalls\": [{\"names\": [\"execveat\"], \"action\": \"SCMP_ACT_NOTIFY\"}]}"
	# shellcheck disable=SC2016 # for the container
	args b /bin/sh -c 'read -r name </proc/$PPID/comm; echo $name >/tmp/parent; sleep 100'
	"$LIB/notify.py" "$T/sock" wait >"$T/notify.out" 2>&1 </dev/null 3>&- 4>&- &
	wait_for 20 grep -q listening "$T/notify.out"
	create_bundle b
	rb start "$(cid b)" >"$T/start.out" 2>&1 </dev/null 3>&- 4>&- &
	# it waits for the end of the pipe: read(2) is system call 0 or 63
	wait_for 20 sh -c "child=\$(cat /proc/$(pid_of b)/task/$(pid_of b)/children) && [ -n \"\$child\" ] && grep -qE '^(0|63) ' /proc/\${child% }/syscall"
	child=$(child_of "$(pid_of b)")
	[ "$(cat "/proc/${child% }/comm")" = runbox ]
	[ ! -e "$T/b/rootfs/tmp/parent" ]
	: >"$T/sock.go"
	wait $!
	wait_for 20 test -s "$T/b/rootfs/tmp/parent"
	cat "$T/b/rootfs/tmp/parent"
	[ "$(cat "$T/b/rootfs/tmp/parent")" = runbox-init ]
	rb delete --force "$(cid b)"
	leaks
}

@test "init: under an engine's profile and its config" {
	requires root busybox
	engine_bundle b "$SRCDIR/tests/data/docker.json"
	edit_bundle b '.runbox = {"init": true, "ephemeral": true, "timeoutMs": 60000} | .process.terminal = false | .hooks = {} | .process.args = ["/bin/probe", "exit=9"] | .process.cwd = "/" | .linux.namespaces |= map(del(.path))
		| .mounts |= map(select(.type != "bind"))'
	run -9 run_bundle b
	leaks
}

@test "init: limits of memory, processes and files that a program lives with leave room for it" {
	requires root
	grep -q ' - cgroup .*memory' /proc/self/mountinfo || grep -qs memory /sys/fs/cgroup/cgroup.controllers || skip "needs the memory controller"
	# where it has a C library (INIT_FLAGS of configure) its image alone is more than that
	local limit=524288
	[ -z "$(find "$BUILDDIR/src/init/runbox-init" -size +16k 2>/dev/null)" ] || limit=4194304
	with_init b ".linux.resources.memory.limit = $limit" '.linux.resources.pids.limit = 2 | .process.rlimits = [{"type": "RLIMIT_FSIZE", "soft": 0, "hard": 0}]'
	args b /bin/probe exit=8
	run -8 run_bundle b
	leaks
	with_init b '.linux.resources.pids.limit = 1'
	fails 1 "runbox.init needs room for two processes (config.json linux.resources.pids.limit); hint: set the limit to 2 or more" run_bundle b
	with_init b '.process.scheduler = {"policy": "SCHED_OTHER", "nice": 1, "flags": ["SCHED_FLAG_RESET_ON_FORK"]}'
	fails 1 "runbox.init forks the program, which would lose its policy by SCHED_FLAG_RESET_ON_FORK (config.json process.scheduler.flags)" rb plan --bundle "$T/b"
	with_init b '.process.scheduler = {"policy": "SCHED_DEADLINE", "runtime": 1000000, "deadline": 2000000, "period": 2000000}'
	fails 1 "runbox.init has to fork, which SCHED_DEADLINE does not allow (config.json process.scheduler.policy)" rb plan --bundle "$T/b"
}

@test "init: what the process was given, the program has: score, affinity, priority, umask, capabilities" {
	requires root
	local edit='.process.oomScoreAdj = 321 | .process.user.umask = 63 | .process.scheduler = {"policy": "SCHED_BATCH", "nice": 3} | .process.ioPriority = {"class": "IOPRIO_CLASS_BE", "priority": 6}
		| .process.noNewPrivileges = true | .process.capabilities = {"bounding": ["CAP_KILL", "CAP_CHOWN"], "permitted": ["CAP_KILL"], "effective": ["CAP_KILL"]} | .process.rlimits = [{"type": "RLIMIT_CORE", "soft": 0, "hard": 0}]'
	make_bundle b "$edit"
	look b caps security rlimits scheduling args
	jq -S 'del(.pid, .ppid, .pgid, .sid)' <<<"$SEEN" >"$T/without"
	with_init b "$edit"
	look b caps security rlimits scheduling args
	jq -S 'del(.pid, .ppid, .pgid, .sid)' <<<"$SEEN" | diff "$T/without" -
}

@test "init: hooks of startContainer run before it, by the annotation, with an ephemeral root" {
	requires root busybox
	make_bundle b '.annotations["org.runbox.config"] = "{\"init\":true,\"ephemeral\":true}" | .hooks.startContainer = [{"path": "/bin/sh", "args": ["sh", "-c", "echo hook >/tmp/order"]}]'
	# shellcheck disable=SC2016
	args b /bin/sh -c 'cat /tmp/order; echo $PPID'
	run -0 run_bundle b
	[ "$output" = "hook
1" ]
	[ ! -e "$T/b/rootfs/tmp/order" ]
	leaks
}

@test "init: keeps the time limit of a container in the background, which cannot help it" {
	requires root busybox
	with_init b '.runbox.timeoutMs = 1000'
	args b /bin/sh -c 'trap "" TERM HUP INT ALRM USR1; kill -STOP 1; kill -KILL 1; while :; do kill -ALRM 1; kill -USR1 1; sleep 0; done'
	rb plan --bundle "$T/b" | grep -q 'child  *time-limit  *1000 ms from start, then SIGKILL to all of it'
	create_bundle b
	# the gate is what begins it
	sleep 1.2
	assert_status b created
	rb start "$(cid b)"
	assert_status b running
	wait_status b stopped
	[ "$(cat "$T/b.err")" = "runbox: the time limit of 1000 ms was reached, the container is killed" ]
	rb delete "$(cid b)"
	leaks
}

@test "init: keeps the time limit of a container in the foreground" {
	requires root
	with_init b '.runbox.timeoutMs = 300'
	args b /bin/probe fork=3 deaf=1
	limited 300
	[ "$output" = "runbox: the time limit of 300 ms was reached, the container is killed" ]
	leaks
}

@test "init: a stderr that nobody reads does not stretch the time" {
	requires root busybox python3
	with_init b '.runbox.timeoutMs = 500'
	args b /bin/sh -c 'trap "" PIPE; busybox yes >&2'
	mkfifo "$T/fifo"
	sleep 60 <"$T/fifo" 3>&- 4>&- &
	local reader=$!
	rb create --bundle "$T/b" "$(cid b)" >"$T/out" 2>"$T/fifo" </dev/null 3>&- 4>&-
	rb start "$(cid b)"
	wait_status b stopped
	kill $reader
	rb delete "$(cid b)"
	leaks
}

@test "init: the time limit in the background needs one that is pid 1" {
	requires root
	local line="nobody stays to keep the time limit of a container in the background (config.json runbox.timeoutMs); hint: set runbox.init, in a new pid namespace: it is kept by its init"
	with_init b '.runbox.timeoutMs = 300 | .linux.namespaces |= map(select(.type != "pid")) | .mounts |= map(select(.destination != "/proc"))'
	fails 1 "$line" rb create --bundle "$T/b" "$(cid b)"
	args b /bin/probe deaf=1
	limited 300
	[ "$output" = "runbox: the time limit of 300 ms was reached, container $(cid b) is killed (config.json runbox.timeoutMs)" ]
	leaks
}
