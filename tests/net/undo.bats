#!/usr/bin/env bats
# undo.bats - whichever step of the network fails or dies: no link, address, rule, namespace or lease stays
#
# The steps come from the plan, so that a new one is tested without a line here. RB_UNDO_EACH=6 takes each sixth
# only, from a random one on, for where they take long.
# as: root
# timeout: 600
load ../lib/helpers
load ../lib/net

KINDS='["network", "netns", "net-files", "bridge", "link", "net-device", "address", "route", "shape", "nat", "net-file", "clone"]'

setup() {
	net_setup
	in_host sysctl -qw net.ipv4.ip_forward=0
	in_host ip link add spare0 type veth peer name spare1
	in_host ip addr add 10.66.0.1/24 dev spare0
	in_host ip link set spare0 up
	net_bundle web '{"name": "n'"$SUFFIX"'", "interfaces": [
		{"type": "veth", "name": "eth0", "bridge": "runbox0", "addresses": ["auto", "auto:fd09::/64"], "hostAddresses": ["10.9.0.1/24"],
			"gateway": "10.9.0.1", "shape": {"egress": {"rate": "10mbit"}, "ingress": {"rate": "10mbit"}}},
		{"type": "veth", "name": "eth1", "hostName": "rb1", "addresses": ["10.10.0.2/24"], "hostAddresses": ["10.10.0.1/24"]},
		{"type": "macvlan", "name": "eth2", "parent": "spare1", "addresses": ["10.11.0.2/24"]}],
		"routes": [{"to": "10.20.0.0/16", "via": "10.9.0.1"}], "dns": {"nameservers": ["10.9.0.1"]},
		"ports": [{"host": 8080, "container": 80}], "masquerade": true}' \
		'.linux.netDevices = {"spare0": {"name": "given"}}'
	rb plan --bundle "$T/web" --format json "$(cid web)" 2>/dev/null >"$T/plan" || rb plan --bundle "$T/web" --format json >"$T/plan"
	mapfile -t STEPS < <(jq --argjson kinds "$KINDS" '.steps[] | select(.kind as $k | $kinds | index($k)) | .step' "$T/plan")
	[ "${#STEPS[@]}" -ge 18 ]
	EACH=${RB_UNDO_EACH:-1} SOME=()
	local i
	for ((i = RANDOM % EACH; i < ${#STEPS[@]}; i += EACH)); do SOME+=("${STEPS[i]}"); done
	picture >"$T/before"
}

picture() {
	in_host ip -o link | sed 's/^[0-9]*: //; s/@.*//; s/:.*//' | sort
	in_host ip -o -4 addr | awk '{print $2, $4}' | sort
	in_host python3 "$LIB/nftables.py"
	in_host sysctl net.ipv4.ip_forward
}

as_before() {
	picture | diff "$T/before" - >&2
}

clean() {
	wait_for 20 as_before && leaks
}

create() {
	rb create --bundle "$T/web" "$(cid web)" >"$T/out" 2>"$T/err" </dev/null 3>&- 4>&-
}

@test "undo: each step of the network made to fail leaves nothing" {
	local n
	for n in "${SOME[@]}"; do
		export RUNBOX_FAULT=fail:create:$n
		run ! create
		unset RUNBOX_FAULT
		grep -q "(step $(printf %02d "$n") " "$T/err" || { cat "$T/err" >&2; return 1; }
		clean || { echo "after failing step $n: $(cat "$T/err")" >&2; return 1; }
	done
}

# killed WHEN
killed() {
	local n
	for n in "${SOME[@]}"; do
		export RUNBOX_FAULT=kill-$1:create:$n
		run ! create
		unset RUNBOX_FAULT
		rb delete --force "$(cid web)"
		clean || { echo "killed $1 step $n" >&2; return 1; }
	done
	# and the id, names, addresses and ports are free
	create || { cat "$T/err" >&2; return 1; }
	rb delete --force "$(cid web)"
	clean
}

@test "undo: SIGKILL before each step of the network, then delete" { killed before; }
@test "undo: SIGKILL after each step of the network, then delete" { killed after; }

@test "undo: SIGKILL before and after each step of delete, then delete again" {
	local when n r step=1
	[ "$EACH" -eq 1 ] || step=3
	for when in before after; do
		for ((n = 1; n <= 30; n += step)); do
			create || { cat "$T/err" >&2; return 1; }
			r=0
			RUNBOX_FAULT=kill-$when:delete:$n rb delete --force "$(cid web)" 2>/dev/null || r=$?
			[ $r -ne 0 ] || break
			rb delete --force "$(cid web)"
			clean || { echo "killed $when step $n of delete" >&2; return 1; }
		done
		[ "$n" -gt 8 ]
		clean
	done
}

@test "undo: a device that got the name of ours is not removed" {
	create
	in_host ip link del rb1
	in_host ip link add rb1 type veth peer name other
	rb delete --force "$(cid web)"
	in_host ip link show rb1
}

collected() {
	rb gc
	[ ! -e "$ROOT/$(cid web)" ]
}

@test "undo: gc removes what a killed create left" {
	export RUNBOX_FAULT=kill-after:create:${STEPS[-1]}
	run ! create
	unset RUNBOX_FAULT
	# as long as what was killed has not died, it is a create at work, which gc leaves alone
	wait_for 20 collected
	clean
}
