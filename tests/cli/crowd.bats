#!/usr/bin/env bats
# crowd.bats - on a host with many processes, where the root is exchanged without pivot_root(2)
#
# What a container sees and what it can reach is the same as on a host with few; see pivot_how() of src/plan.
# as: root root-systemd
load ../lib/helpers

setup_file() {
	"$PROBE" args threads=700 pause=1 >/dev/null 3>&- 4>&- &
	echo $! >"$BATS_FILE_TMPDIR/crowd"
	wait_for 60 grep -q '^Threads:[[:space:]]*701$' "/proc/$!/status"
}

teardown_file() {
	kill "$(cat "$BATS_FILE_TMPDIR/crowd")"
}

setup() {
	rb_setup
	requires root containers busybox
	make_bundle first
	[ "$(how first)" != "move to / and chroot" ] || skip "needs a root that pivot_root(2) can move"
	mkdir "$T/host"
	echo "host secret" >"$T/host/secret"
}

# how NAME [OPTION]...: the words of the plan for entering the root
how() {
	rb plan --format json --bundle "$T/$1" "${@:2}" | jq -r '.steps[] | select(.kind == "pivot-root") | .detail'
}

# seen NAME [OPTION]...: what is mounted where, with which options, in no order
seen() {
	args "$1" /bin/busybox cat /proc/self/mountinfo
	run_bundle "$1" "${@:2}" | cut -d' ' -f4-6,7- | sed -E 's/(shared|master|propagate_from):[0-9]+/\1/g' | sort
}

teardown() {
	[ -z "${OTHER:-}" ] || kill "$OTHER"
	rb_teardown
}

@test "crowd: the plan says it, and where it is not done" {
	local change
	make_bundle b
	[[ $(how b) == *"a copy of the new one"* ]]
	for change in '.process.terminal = true' '.hooks.createContainer = [{"path": "/bin/true"}]' \
		'.hooks.createRuntime = [{"path": "/bin/true"}]' '.linux.rootfsPropagation = "rslave"' \
		'.mounts += [{"destination": "/mnt", "source": "t", "type": "tmpfs", "options": ["unbindable"]}]' \
		'.mounts += [{"destination": "/mnt", "source": "/mnt", "options": ["rbind", "rshared"]}]' \
		'.linux.namespaces += [{"type": "user"}] | .linux.uidMappings = [{"containerID": 0, "hostID": 100000, "size": 65536}] | .linux.gidMappings = .linux.uidMappings'; do
		make_bundle "c" "$change"
		[ "$(how c)" = "old root detached" ] || { echo "$change" >&2 && return 1; }
		rm -r "$T/c"
	done
	leaks
}

@test "crowd: the same mounts as by pivot_root(2)" {
	local change with without n=0
	mount -t tmpfs nested "$T/host"
	mkdir "$T/host/inner"
	mount -t tmpfs inner "$T/host/inner"
	mount --make-rshared "$T/host"
	for change in . '.root.readonly = true' '.linux.rootfsPropagation = "rprivate"' \
		'.mounts += [{"destination": "/vol", "source": ($bundle + "/../host"), "options": ["rbind", "ro"]}]' \
		'.mounts += [{"destination": "/vol", "source": ($bundle + "/../host"), "options": ["rbind", "rprivate"]}]' \
		'.mounts += [{"destination": "/vol", "source": ($bundle + "/../host"), "options": ["bind"]}]' \
		'.mounts += [{"destination": "/sys", "type": "sysfs", "source": "sysfs"}, {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup"}]' \
		'.linux.maskedPaths = ["/proc/kcore", "/proc/acpi", "/proc/keys"] | .linux.readonlyPaths = ["/proc/sys", "/proc/bus"]'; do
		n=$((n + 1))
		make_bundle "b$n" "$change"
		[[ $(how "b$n") == *"a copy of the new one"* ]]
		with=$(seen "b$n")
		# a hook changes nothing of what is seen
		edit_bundle "b$n" '.hooks.createContainer = [{"path": "/bin/true"}]'
		[ "$(how "b$n")" = "old root detached" ]
		without=$(seen "b$n")
		[ "$(wc -l <<<"$with")" -ge 3 ]
		diff <(echo "$without") <(echo "$with") || { echo "$change" >&2 && return 1; }
	done
	# the host's own are still there
	[ "$(findmnt -no SOURCE "$T/host/inner")" = inner ]
	umount "$T/host/inner" "$T/host"
	leaks
}

@test "crowd: nothing of the host is left below the new root" {
	requires nsenter cap_sys_admin
	local pid
	make_bundle b '.process.capabilities = ({"bounding": ["CAP_SYS_ADMIN", "CAP_SYS_CHROOT"]} | .permitted = .bounding | .effective = .bounding)'
	args b /bin/busybox sh -c 'stat / /.. /../.. >/tmp/stats; umount -l /; exec sleep 600'
	start_bundle b
	pid=$(pid_of b)
	wait_for 10 sh -c "! grep -q . /proc/$pid/mountinfo"
	# who enters now stands in the root of the namespace, below all that a container can take away
	run -127 nsenter --mount="/proc/$pid/ns/mnt" -- /bin/ls /
	run -127 nsenter --mount="/proc/$pid/ns/mnt" -- "$PROBE"
	[ "$(grep -c Inode: "$T/b/rootfs/tmp/stats")" -eq 3 ]
	[ "$(grep -o 'Inode: [0-9]*' "$T/b/rootfs/tmp/stats" | sort -u | wc -l)" -eq 1 ]
	rb delete --force "$(cid b)"
	leaks
}

@test "crowd: a runtime in a chroot undoes nothing outside of it, whatever is shared there" {
	requires chroot ldd unshare
	[ "${RB_MANAGER:-}" != systemd ] || skip "needs the cgroupfs manager: systemd's bus is outside of the chroot"
	local c=$T/data/chroot lib
	make_bundle web
	args web /bin/probe mounts
	mkdir -p "$T/data"
	for shared in / "$T/data"; do
		# a fresh one each time: it is a part of what is mounted
		unshare -m --propagation private bash -e -c 'mount -t tmpfs data "$1/data"; mount --make-rshared "$6"
			mkdir -p "$2"/{proc,sys,dev,tmp,bundle} "$1/data/other"; cp -a "$1/web/." "$2/bundle/"
			install -D "$3" "$2/bin/runbox"
			for lib in $(ldd "$3" 2>/dev/null | grep -o "/[^ ]*"); do install -D "$lib" "$2$lib"; done
			mount -t tmpfs other "$1/data/other"; mount --bind "$2" "$2"; mount --make-private "$2"
			for d in proc sys dev; do mount --rbind /$d "$2/$d"; done
			jq ".root.path = \"/bundle/rootfs\"" "$1/web/config.json" >"$2/bundle/config.json"
			cp /proc/self/mountinfo "$5/before"
			chroot "$2" /bin/runbox --root /tmp/state run --bundle /bundle "$4" </dev/null >"$5/out" 2>&1 || true
			cp /proc/self/mountinfo "$5/after"' bash "$T" "$c" "$RUNBOX" "$(cid web)" "$T" "$shared"
		[ "$(wc -l <"$T/before")" -ge 5 ]
		diff "$T/before" "$T/after"
		# as pivot_root(2) has it: not where what the chroot lies on is shared
		[[ $(cat "$T/out") == *pivot_root* || $(cat "$T/out") == *'"mounts"'* ]]
	done
	leaks
}

@test "crowd: in a mount namespace of another user namespace, where the host's root is locked" {
	requires unshare nsenter userns
	local pid
	unshare -Urm "$PROBE" args pause=1 >/dev/null 3>&- 4>&- &
	OTHER=$!
	wait_for 10 sh -c "[ \"\$(readlink /proc/$OTHER/ns/mnt)\" != \"\$(readlink /proc/self/ns/mnt)\" ] && grep -q . /proc/$OTHER/uid_map"
	for change in . '.mounts += [{"destination": "/", "source": ($bundle + "/other"), "options": ["rbind"]}]'; do
		make_bundle b "$change | "'.process.capabilities = ({"bounding": ["CAP_SYS_ADMIN", "CAP_SYS_CHROOT"]} | .permitted = .bounding | .effective = .bounding)'
		mkdir "$T/b/other"
		cp -a "$T/b/rootfs/." "$T/b/other"
		args b /bin/busybox sh -c 'umount -l /; exec sleep 600'
		nsenter -m -t "$OTHER" "${RB[@]}" run --detach --pid-file "$T/pid" --bundle "$T/b" "$(cid b)" </dev/null >/dev/null 2>&1 3>&- 4>&-
		pid=$(cat "$T/pid")
		wait_for 10 grep -q sleep "/proc/$pid/cmdline"
		run nsenter --mount="/proc/$pid/ns/mnt" -- /bin/busybox cat "$T/host/secret"
		[ "$status" -ne 0 ]
		[[ $output != *"host secret"* ]]
		rb delete --force "$(cid b)"
		rm -r "$T/b"
	done
	leaks
}

@test "crowd: a mount on the root itself" {
	make_bundle b '.mounts += [{"destination": "/", "source": ($bundle + "/other"), "options": ["rbind"]}]'
	mkdir "$T/b/other"
	cp -al "$T/b/rootfs/." "$T/b/other"
	touch "$T/b/other/second"
	args b /bin/probe stat=/second stat=/../second
	SEEN=$(run_bundle b)
	expect '[.stat[].type]' '["f","f"]'
	leaks
}

@test "crowd: inside a plain chroot, whose root is no mount point" {
	requires chroot ldd unshare
	[ "${RB_MANAGER:-}" != systemd ] || skip "needs the cgroupfs manager: systemd's bus is outside of the chroot"
	local c=$T/chroot lib
	make_bundle web '.process.capabilities = ({"bounding": ["CAP_SYS_ADMIN"]} | .permitted = .bounding | .effective = .bounding)'
	args web /bin/busybox sh -c 'umount -l / && exec sleep 600'
	mkdir -p "$c"/{proc,sys,dev,tmp,bundle} && mv "$T/web"/* "$c/bundle/"
	install -D "$RUNBOX" "$c/bin/runbox"
	for lib in $(ldd "$RUNBOX" 2>/dev/null | grep -o '/[^ ]*'); do install -D "$lib" "$c$lib"; done
	unshare -m --propagation private sh -c 'for d in proc sys dev; do mount --rbind /$d "$1/$d"; done
		exec chroot "$1" /bin/runbox --root /tmp/state run --bundle /bundle --detach --pid-file /pid "$2" </dev/null >/dev/null 2>&1' \
		sh "$c" "$(cid web)" 3>&- 4>&-
	wait_for 10 sh -c "! grep -q . /proc/$(cat "$c/pid")/mountinfo"
	run -127 nsenter --mount="/proc/$(cat "$c/pid")/ns/mnt" -- /bin/ls /
	rb --root "$c/tmp/state" delete --force "$(cid web)"
	leaks
}

@test "crowd: create, start, exec; what fails leaves nothing" {
	local n
	make_bundle b
	args b /bin/probe pause=1
	create_bundle b
	rb start "$(cid b)"
	run -0 rb exec "$(cid b)" /bin/busybox ls /proc/1/root/bin/probe
	rb delete --force "$(cid b)"
	args b /bin/nothing
	run -1 run_bundle b
	[[ $output == *"/bin/nothing"* ]]
	args b /bin/probe
	for n in $(rb plan --format json --bundle "$T/b" | jq '.steps[] | select(.kind == "pivot-root") | .step | ., . + 1'); do
		RUNBOX_FAULT=fail:create:$n run -1 run_bundle b
		[[ $output == *"step $n"* ]]
	done
	leaks
}
