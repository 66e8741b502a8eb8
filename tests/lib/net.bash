# net.bash - what the tests of networks share: a host of their own, which is a network namespace
#
# runbox runs inside $NETNS, so that nothing of the real host's network is touched. The name has no
# $SUFFIX in it: `leaks` would take it for something left behind. Load after helpers.bash.
# shellcheck shell=bash

net_setup() {
	rb_setup
	requires root busybox ip nsenter python3
	NETNS=rbh$(printf '%04x%04x' $RANDOM $RANDOM)
	ip netns add "$NETNS"
	in_host ip link set lo up
}

net_teardown() {
	local dir
	[ -n "${NETNS:-}" ] || {
		rb_teardown
		return 0
	}
	for dir in "$ROOT"/*/ "$T"/hook/*/; do
		case $dir in */@*/) continue ;; esac
		[ -d "$dir" ] && timeout 20 nsenter --net="/run/netns/$NETNS" "$RUNBOX" --root "$(dirname "$dir")" \
			delete --force "$(basename "$dir")" 2>/dev/null
	done
	rb_teardown
	ip netns del "$NETNS" 2>/dev/null || true
}

setup() { net_setup; }
teardown() { net_teardown; }

# in_host COMMAND...: on the test's own host
in_host() {
	nsenter --net="/run/netns/$NETNS" "$@"
}

rb() {
	in_host "${RB[@]}" "$@"
}

# net_bundle NAME NETWORK [JQ...]: a bundle with that network object, asleep, with the rights of a server
net_bundle() {
	local name=$1 network=$2
	shift 2
	make_bundle "$name" ".runbox.network = $network" '.hostname = "host-" + (.linux.cgroupsPath | split("/") | last | split(":") | last)' \
		'.process.capabilities = (["bounding", "effective", "permitted"]
			| map({(.): ["CAP_NET_RAW", "CAP_NET_BIND_SERVICE", "CAP_KILL"]}) | add)' \
		'.process.args = ["/bin/busybox", "sleep", "1000"]' "$@"
}

# up NAME: started in the background
up() {
	start_bundle "$1" || return 1
}

# inside NAME COMMAND...: in the container
inside() {
	local name=$1
	shift
	rb exec "$(cid "$name")" /bin/busybox "$@" </dev/null 3>&- 4>&-
}

# serve NAME PORT TEXT: answers each connection to the port with the text
serve() {
	rb exec --detach "$(cid "$1")" /bin/busybox nc -ll -p "$2" -e /bin/busybox echo "$3" </dev/null >/dev/null 2>&1 3>&- 4>&-
	wait_for 20 listens "$1" "$2"
}

listens() {
	inside "$1" netstat -ltn | grep -q ":$2 "
}

# ask ADDRESS PORT: what is answered on the test's host
ask() {
	in_host python3 "$LIB/tcp.py" ask "$1" "$2"
}

reaches() {
	local from=$1
	shift
	inside "$from" ping -c 1 -W 1 "$@" >/dev/null 2>&1
}

cannot_reach() {
	! reaches "$@"
}

# left_network: what is on the test's host that was not there at first
left_network() {
	in_host ip -o link show | grep -v ': lo: ' || true
	in_host python3 "$LIB/nftables.py"
	cat "$ROOT"/@net/leases 2>/dev/null || true
	in_host sysctl -n net.ipv4.conf.lo.route_localnet | grep -v '^0$' || true
}

net_clean() {
	local found
	found=$(left_network)
	[ -z "$found" ] || {
		printf 'left on the network:\n%s\n' "$found" >&2
		return 1
	}
	leaks
}
