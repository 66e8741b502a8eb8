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
		busybox mknod /null c 1 3; echo gone >/null; busybox ln /new/x /new/y; ls -d /root /p /new/y'
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
			! grep -q ' /lower \| /upper \| /work ' <<<"$output"
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
		"$T/b/rootfs" "$RUNBOX" --root "$ROOT" run --bundle "$T/b" "$(cid b)"
	[[ $(grep ' / / ' <<<"$output") == *" rw,nosuid,nodev,relatime - overlay "* ]]
	run -1 unshare -m --propagation private sh -c 'mount --bind "$0" "$0" && mount -o remount,bind,ro,noexec "$0" && exec "$@"' \
		"$T/b/rootfs" "$RUNBOX" --root "$ROOT" run --bundle "$T/b" "$(cid b)"
	[[ $output == *"permission denied"* ]]
}

@test "ephemeral: a read-only bundle will do, and what the host mounted in the root is not shown" {
	requires root busybox unshare
	make_bundle b '.runbox.ephemeral = true'
	args b /bin/sh -c 'touch /x && ls /x /mnt'
	run -0 unshare -m --propagation private sh -c 'mount --bind "$0" "$0" && mount -t tmpfs t "$0/rootfs/mnt" && touch "$0/rootfs/mnt/host" && mount -o remount,bind,ro "$0" && exec "$@"' \
		"$T/b" "$RUNBOX" --root "$ROOT" run --bundle "$T/b" "$(cid b)"
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
	wait_for 5 rb exec "$(cid b)" /bin/busybox test -e /here
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
		"$T/b/rootfs" "$T/layers" "$RUNBOX" --root "$ROOT" run --bundle "$T/b" "$(cid b)"
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
	wait_for 5 test -e "$T/b/rootfs/tmp/up"
	rb pause "$(cid b)"
	wait $limited
	leaks
	rm "$T/b/rootfs/tmp/up"
	rb run --keep --bundle "$T/b" "$(cid b)" >"$T/out" 2>"$T/err" </dev/null 3>&- 4>&- &
	local runner=$!
	wait_for 5 test -e "$T/b/rootfs/tmp/up"
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
	run -137 "$LIB/onpty.py" 24x80 -- "$RUNBOX" --root "$ROOT" run --bundle "$T/b" "$(cid b)"
	[[ $output == *up*"the time limit of 500 ms was reached"* ]]
	leaks
}

@test "timeoutMs: in the background nobody keeps it: refused" {
	requires root
	make_bundle b '.runbox.timeoutMs = 300'
	local line="nobody stays to keep the time limit of a container in the background (config.json runbox.timeoutMs); hint: run it in the foreground"
	fails 1 "$line" rb create --bundle "$T/b" "$(cid b)"
	fails 1 "$line" rb run --detach --bundle "$T/b" "$(cid b)"
	leaks
}
