#!/usr/bin/env bats
# rootless.bats - runbox as an ordinary user
#
# A throw-away uid with no name; user namespaces of its own with one id, and with subordinate ids
# where newuidmap(1) has some for it.
# as: root
load ../lib/helpers

setup() {
	rb_setup
	requires root setpriv userns
	chmod 755 "$T"
	U=$((50000 + RANDOM % 1000))
	mkdir -m 700 "$T/home"
	# the build may lie where this user may not look, in root's home for one
	cp "$RUNBOX" "$T/runbox"
	RUNBOX=$T/runbox
	chown "$U:$U" "$T/home"
}

user() {
	setpriv --reuid "$U" --regid "$U" --clear-groups env -i PATH="$PATH" XDG_RUNTIME_DIR="$T/home" "$@"
}

user_bundle() {
	make_bundle "$1" ".linux.namespaces += [{\"type\": \"user\"}] | .linux.uidMappings = [{\"containerID\": 0, \"hostID\": $U, \"size\": 1}]
		| .linux.gidMappings = [{\"containerID\": 0, \"hostID\": $U, \"size\": 1}] | del(.linux.cgroupsPath)"
	chmod 755 "$T/$1"
	rm -rf "$T/$1/rootfs"
	cp -r "$(base_rootfs)" "$T/$1/rootfs"
	chown -hR "$U:$U" "$T/$1"
}

@test "rootless: a user with one id runs, kills and deletes a container" {
	user_bundle b
	args b /bin/probe ids namespaces args mounts
	SEEN=$(user "$RUNBOX" run --bundle "$T/b" "$(cid b)")
	expect '[.uid, .gid, .pid]' '[0,0,1]'
	expect .setgroups '"deny"'
	args b /bin/probe pause=1
	user "$RUNBOX" run --detach --bundle "$T/b" "$(cid b)" >/dev/null 2>&1 </dev/null 3>&- 4>&-
	[ "$(user "$RUNBOX" state "$(cid b)" | jq -r .status)" = running ]
	user "$RUNBOX" list -q | grep -q "$(cid b)"
	user "$RUNBOX" kill "$(cid b)" KILL
	wait_for 20 sh -c "[ \"\$(setpriv --reuid $U --regid $U --clear-groups env XDG_RUNTIME_DIR='$T/home' '$RUNBOX' state '$(cid b)' | jq -r .status)\" = stopped ]"
	user "$RUNBOX" delete "$(cid b)"
	[ -z "$(user "$RUNBOX" list -q)" ]
	leaks
}

# in a pid namespace: the options of a procfs are those of all its mounts
@test "rootless: a /proc that hides processes hides nothing that is needed" {
	user_bundle b
	args b /bin/probe ids
	echo "mount -t proc -o hidepid=invisible proc /proc && exec setpriv --reuid $U --regid $U --clear-groups \
		env -i PATH='$PATH' XDG_RUNTIME_DIR='$T/home' '$RUNBOX' run --bundle '$T/b' '$(cid b)'" >"$T/go"
	SEEN=$(timeout 20 unshare -fpm --propagation private sh "$T/go")
	expect '[.uid, .gid]' '[0,0]'
	leaks
}

@test "rootless: devices are binds of the host's" {
	user_bundle b
	args b /bin/probe dev try=/dev/null
	SEEN=$(user "$RUNBOX" run --bundle "$T/b" "$(cid b)")
	expect '[.dev[] | select(.path == "/dev/null") | [.type, .major, .minor]]' '[["c",1,3]]'
	expect '.try."/dev/null" | [.open, .write]' '[0,0]'
}

@test "rootless: without a user namespace a clear error" {
	make_bundle b
	chmod 755 "$T/b"
	run -1 user "$RUNBOX" run --bundle "$T/b" "$(cid b)"
	[ "$(wc -l <<<"$output")" -eq 1 ]
	[ -z "$(user "$RUNBOX" list -q)" ]
}

@test "rootless: names of a network are there, the host's end of one is refused with what to do" {
	user_bundle b
	edit_bundle b '.hostname = "web" | .runbox.network = {"dns": {"nameservers": ["10.0.2.3"]}, "hosts": [{"ip": "10.0.2.2", "names": ["host"]}]}'
	args b /bin/busybox sh -c 'cat /etc/resolv.conf /etc/hosts; ip link show lo'
	mkdir -p "$T/b/rootfs/etc"
	cp "$BUSYBOX" "$T/b/rootfs/bin/busybox"
	chown -hR "$U:$U" "$T/b/rootfs"
	run -0 user "$RUNBOX" run --bundle "$T/b" "$(cid b)"
	[[ $output == *"nameserver 10.0.2.3"* && $output == *"10.0.2.2"*host* && $output == *web* && $output == *LOOPBACK,UP* ]]
	edit_bundle b '.runbox.network.interfaces = [{"type": "veth", "name": "eth0", "addresses": ["10.0.2.15/24"]}]'
	run -1 user "$RUNBOX" run --bundle "$T/b" "$(cid b)"
	# with the name of the package, for the program need not be there
	[[ $output == *"without root the host's end of a network cannot be made (config.json runbox.network); hint: leave it out, and run pasta(1) of the package passt, or slirp4netns(1), on the container's pid" ]]
	[ "$(wc -l <<<"$output")" -eq 1 ]
	# which would be no help with a device of the host
	edit_bundle b 'del(.runbox.network.interfaces) | .linux.netDevices = {"eth7": {}}'
	run -1 user "$RUNBOX" run --bundle "$T/b" "$(cid b)"
	[[ $output == *"without root no device of the host can be moved (config.json linux.netDevices); hint: leave it out, or run runbox as root" ]]
	leaks
}

# the path names a hierarchy of this host
@test "rootless: a cgroup that was not delegated is refused with a clear error" {
	local want="^runbox: make the cgroup /sys/fs/cgroup(/.*)?/rbt-$SUFFIX: Permission denied \(step [0-9]+ cgroup, config.json linux.cgroupsPath, EACCES\); hint: only root of the host may make cgroups there: .*$"
	user_bundle b
	edit_bundle b ".linux.cgroupsPath = \"/rbt-$SUFFIX/b\""
	run -1 user "$RUNBOX" run --bundle "$T/b" "$(cid b)"
	[ "${#lines[@]}" -eq 1 ]
	[[ $output =~ $want ]]
	# the same for root of a user namespace, which a user is to the host
	edit_bundle b 'del(.linux.uidMappings, .linux.gidMappings) | .linux.namespaces |= map(select(.type != "user"))'
	run -1 user unshare -Ur "$RUNBOX" run --bundle "$T/b" "$(cid b)"
	[ "${#lines[@]}" -eq 1 ]
	[[ $output =~ $want ]]
	leaks
}

@test "rootless: subordinate ids by newuidmap" {
	requires newuidmap newgidmap
	# a user with a name and subordinate ids, for as long as this test takes, in a private /etc
	user_bundle b
	edit_bundle b ".linux.uidMappings += [{\"containerID\": 1, \"hostID\": 700000, \"size\": 1000}] | .linux.gidMappings += [{\"containerID\": 1, \"hostID\": 700000, \"size\": 1000}]"
	args b /bin/probe namespaces ids
	chown "$U" "$T/b/config.json"
	cp /etc/passwd "$T/passwd"
	echo "rbt:x:$U:$U::/:/bin/sh" >>"$T/passwd"
	echo "rbt:700000:65536" >"$T/subid"
	cat >"$T/go" <<-EOS
		mount --bind "$T/passwd" /etc/passwd && mount --bind "$T/subid" /etc/subuid && mount --bind "$T/subid" /etc/subgid &&
		exec setpriv --reuid $U --regid $U --clear-groups env -i PATH="$PATH" XDG_RUNTIME_DIR="$T/home" "$RUNBOX" run --bundle "$T/b" "$(cid b)"
	EOS
	[ -e /etc/subuid ] && [ -e /etc/subgid ] || skip "needs /etc/subuid and /etc/subgid"
	SEEN=$(unshare -m --propagation private sh "$T/go")
	expect '.uid_map | length' 2
	expect '.uid' 0
}
