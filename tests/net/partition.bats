#!/usr/bin/env bats
# partition.bats - containers of a bridge cut off from each other and healed, for tests of distributed programs
# as: root
# timeout: 120
load ../lib/helpers
load ../lib/net

setup() {
	local i
	net_setup
	for i in 2 3 4; do
		net_bundle "c$i" '{"interfaces": [{"type": "veth", "name": "eth0", "bridge": "runbox0",
			"addresses": ["10.5.0.'$i'/24", "fd05::'$i'/64"], "hostAddresses": ["10.5.0.1/24"]}]}'
		up "c$i"
	done
	wait_for 20 reaches c2 10.5.0.3
	wait_for 20 reaches c2 10.5.0.4
}

cut_tables() {
	in_host python3 "$LIB/nftables.py"
}

@test "partition: cut by IPv4 and IPv6, both ways, others reach everybody; healed" {
	reaches c2 fd05::3
	rb net partition "$(cid c2)|$(cid c3)"
	cannot_reach c2 10.5.0.3
	cannot_reach c3 10.5.0.2
	cannot_reach c2 fd05::3
	reaches c4 10.5.0.2
	reaches c4 10.5.0.3
	reaches c2 10.5.0.1
	[ "$(cut_tables | wc -l)" -eq 1 ]
	rb net heal
	reaches c2 10.5.0.3
	reaches c3 fd05::2
	[ -z "$(cut_tables)" ]
	# healing what is whole is no error
	rb net heal
}

@test "partition: a new one takes the place of the old, and again is the same" {
	rb net partition "$(cid c2)|$(cid c3),$(cid c4)"
	rb net partition "$(cid c2)|$(cid c3),$(cid c4)"
	cannot_reach c2 10.5.0.3
	cannot_reach c4 10.5.0.2
	reaches c3 10.5.0.4
	rb net partition "$(cid c2),$(cid c3)|$(cid c4)"
	reaches c2 10.5.0.3
	cannot_reach c2 10.5.0.4
	cannot_reach c3 10.5.0.4
	rb net partition "$(cid c2)|$(cid c3)|$(cid c4)"
	cannot_reach c2 10.5.0.3
	cannot_reach c3 10.5.0.4
	cannot_reach c4 10.5.0.2
}

@test "partition: a container that is deleted takes its part away, the last one the table" {
	rb net partition "$(cid c2)|$(cid c3),$(cid c4)"
	rb delete --force "$(cid c2)"
	reaches c3 10.5.0.4
	rb delete --force "$(cid c3)"
	rb delete --force "$(cid c4)"
	net_clean
}

@test "partition: what cannot be cut is refused, and nothing changes" {
	rb net partition "$(cid c2)|$(cid c3)"
	fails 1 "net partition takes groups of ids like 'a,b|c'" rb net partition "$(cid c2)"
	fails 1 "container $(cid c2) is named twice" rb net partition "$(cid c2)|$(cid c2)"
	fails 1 "container nobody does not exist" rb net partition "$(cid c2)|nobody"
	cannot_reach c2 10.5.0.3
}
