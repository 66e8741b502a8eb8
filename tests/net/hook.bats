#!/usr/bin/env bats
# hook.bats - runbox-veth gives a network to containers of other runtimes
# as: root
# timeout: 120
load ../lib/helpers
load ../lib/net

# runc and crun take only what they know, and mount a cgroup where they please
hook_bundle() {
	export HOOK=$BUILDDIR/runbox-veth HOOK_ROOT=$T/hook
	net_bundle "$1" '{"interfaces": [{"type": "veth", "name": "eth0", "bridge": "runbox0", "addresses": ["auto"],
		"hostAddresses": ["10.14.0.1/24"], "gateway": "10.14.0.1"}], "ports": [{"host": 8080, "container": 80}]}' \
		'.ociVersion = "1.0.2"' \
		'.hooks = {"createRuntime": [{"path": $ENV.HOOK, "args": ["runbox-veth", "--root", $ENV.HOOK_ROOT]}], "poststop": [{"path": $ENV.HOOK, "args": ["runbox-veth", "--root", $ENV.HOOK_ROOT]}]}'
}

runtime() {
	in_host "${VIEW[@]}" "$RUNTIME" --root "$T/$(basename "$RUNTIME")" "$@"
}

# An old crun refuses a host with both sorts of cgroups: it gets a view of v2 alone.
with_runtime() {
	RUNTIME=$1 VIEW=()
	if [ "$1" = crun ] && grep -q ' - cgroup ' /proc/self/mountinfo; then
		# shellcheck disable=SC2016 # for the inner shell
		VIEW=(unshare --mount sh -c 'umount -R /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup && exec "$@"' sh)
	fi
	hook_bundle a
	runtime run --detach --bundle "$T/a" "$(cid a)" >"$T/out" 2>&1 </dev/null 3>&- 4>&- || {
		cat "$T/out" >&2
		runtime delete --force "$(cid a)" || true
		return 1
	}
	local pid
	pid=$(runtime state "$(cid a)" | jq .pid)
	nsenter --net="/proc/$pid/ns/net" ip addr show eth0 | grep -q 10.14.0.2/24
	nsenter --net="/proc/$pid/ns/net" ip route | grep -q '^default via 10.14.0.1'
	in_host ping -c 1 -W 2 10.14.0.2 >/dev/null || python_ping
	[ "$(in_host python3 "$LIB/nftables.py" | wc -l)" -eq 1 ]
	runtime delete --force "$(cid a)"
	[ -z "$(in_host ip -o link | grep -v ': lo: ')" ]
	[ -z "$(in_host python3 "$LIB/nftables.py")" ]
	[ -z "$(find "$T/hook" -mindepth 1 ! -name @net ! -name lock)" ]
}

# not every host has ping(8): one packet that is answered by "connection refused" is enough
python_ping() {
	in_host python3 -c 'import socket
try:
	socket.create_connection(("10.14.0.2", 9), 3)
except ConnectionRefusedError:
	pass'
}

@test "hook: runc" {
	requires runc
	with_runtime runc
}

@test "hook: crun" {
	requires crun
	crun --root "$T/probe" list >/dev/null 2>&1 || skip "crun does not work here"
	with_runtime crun
}

@test "hook: runbox itself takes it for any hook" {
	RUNTIME=$RUNBOX
	hook_bundle a
	jq 'del(.runbox) + {annotations: {"org.runbox.config": (.runbox | tojson)}}' "$T/a/config.json" >"$T/a/config.new"
	# what is given as an annotation is the runtime's own: then the hook finds its address taken
	mv "$T/a/config.new" "$T/a/config.json"
	run ! create_bundle a
	grep -q 'createRuntime' "$T/a.err"
	net_clean
}

@test "hook: called by hand, add and remove; what is wrong is said" {
	hook_bundle a
	echo '{' >"$T/state"
	run ! in_host "$BUILDDIR/runbox-veth" --root "$T/hook" <"$T/state"
	# one that was never there is no error when it goes
	jq -n --arg id "$(cid a)" --arg b "$T/a" '{ociVersion: "1.0.2", id: $id, status: "stopped", bundle: $b}' >"$T/state"
	in_host "$BUILDDIR/runbox-veth" --root "$T/hook" <"$T/state"
	# no pid
	jq -n --arg id "$(cid a)" --arg b "$T/a" '{ociVersion: "1.0.2", id: $id, status: "created", bundle: $b}' >"$T/state"
	run ! in_host "$BUILDDIR/runbox-veth" --root "$T/hook" <"$T/state"
	net_clean
}

@test "hook: a namespace of its own and its name" {
	local name=n$SUFFIX pid
	hook_bundle a
	edit_bundle a ".runbox.network.name = \"$name\""
	# exec: its pid is to be that of the process in the new namespace
	(exec nsenter --net="/run/netns/$NETNS" unshare --net sleep 60 3>&- 4>&-) &
	pid=$!
	own_ns() { [ "$(tr '\0' ' ' <"/proc/$pid/cmdline")" = 'sleep 60 ' ]; }
	wait_for 20 own_ns
	jq -n --arg id "$(cid a)" --arg b "$T/a" --argjson p $pid '{ociVersion: "1.0.2", id: $id, pid: $p, status: "created", bundle: $b}' |
		in_host "$BUILDDIR/runbox-veth" --root "$T/hook"
	ip netns exec "$name" ip addr show eth0 | grep -q 10.14.0.2/24
	jq -n --arg id "$(cid a)" --arg b "$T/a" '{ociVersion: "1.0.2", id: $id, status: "stopped", bundle: $b}' |
		in_host "$BUILDDIR/runbox-veth" --root "$T/hook"
	kill $pid
	[ ! -e "/run/netns/$name" ]
	net_clean
}
