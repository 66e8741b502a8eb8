#!/usr/bin/env bats
# shape.bats - rates, delay and loss, measured and not assumed
#
# What arrives is counted by the receiver over three seconds. Headers take some 4 per cent of the rate.
# as: root
# timeout: 240
# vm: first
load ../lib/helpers
load ../lib/net

SHAPED='{"interfaces": [{"type": "veth", "name": "eth0", "hostName": "rb0", "addresses": ["10.6.0.2/24"], "hostAddresses": ["10.6.0.1/24"]}]}'

has_netem() {
	local status=0
	in_host ip link add nt0 type veth peer name nt1
	in_host tc qdisc add dev nt0 root netem delay 1ms 2>/dev/null || status=1
	in_host ip link del nt0
	return $status
}

# within PERCENT WANT GOT. The guest of tests/vm is emulated and may get no more done: there a rate is an
# upper bound.
within() {
	if [ -d /run/vm ] && [ "$3" -gt $(($2 / 4)) ] && [ "$3" -le $(($2 + $2 * $1 / 100)) ]; then return; fi
	if [ "$3" -lt $(($2 - $2 * $1 / 100)) ] || [ "$3" -gt $(($2 + $2 * $1 / 100)) ]; then
		echo "expected $2 within $1 %, got $3" >&2
		return 1
	fi
}

# egress: bits a second that arrive on the host
egress() {
	in_host timeout 30 python3 "$LIB/tcp.py" receive 5001 3 >"$T/received" &
	local pid=$!
	wait_for 20 grep -q ready "$T/received"
	rb exec --detach "$(cid a)" /bin/busybox nc 10.6.0.1 5001 -e /bin/busybox cat /dev/zero </dev/null >/dev/null 2>&1 3>&- 4>&-
	wait $pid
	sed -n 2p "$T/received"
}

# holds RATE DIRECTION: measured up to three times, for a machine that is busy with other tests may not get
# the rate through; more than the rate must never get through
holds() {
	local got
	for _ in 1 2 3; do
		got=$("$2")
		echo "$2: asked $1, got $got bit/s" >&2
		within 10 "$1" "$got" && return
		[ "$got" -lt "$1" ] || return 1
	done
	return 1
}

rx_of() {
	rb net show --format json "$(cid a)" | jq '.devices[0].container.rxBytes'
}

# ingress: bits a second that arrive in the container, by its own counter
ingress() {
	local begin end t0 t1
	rb exec --detach "$(cid a)" /bin/busybox nc -l -p 5002 -e /bin/busybox sh -c 'cat >/dev/null' </dev/null >/dev/null 2>&1 3>&- 4>&-
	wait_for 20 listens a 5002
	in_host timeout 30 python3 "$LIB/tcp.py" send 10.6.0.2 5002 4.5 &
	local pid=$!
	flows() { [ "$(rx_of)" -gt 200000 ]; }
	wait_for 10 flows
	begin=$(rx_of) t0=$(date +%s%N)
	read -rt 3 <> <(:) || true
	end=$(rx_of) t1=$(date +%s%N)
	wait $pid
	echo $(((end - begin) * 8 * 1000 / ((t1 - t0) / 1000000)))
}

@test "shape: egress holds within 10 % over 3 s" {
	net_bundle a "$SHAPED" '.runbox.network.interfaces[0].shape = {"egress": {"rate": "20mbit"}}'
	up a
	holds 20000000 egress
}

@test "shape: ingress holds within 10 % over 3 s" {
	net_bundle a "$SHAPED" '.runbox.network.interfaces[0].shape = {"ingress": {"rate": "30mbit"}}'
	up a
	holds 30000000 ingress
}

@test "shape: changed on a live container, what is not given stays" {
	net_bundle a "$SHAPED" '.runbox.network.interfaces[0].shape = {"egress": {"rate": "1gbit"}, "ingress": {"rate": "40mbit", "burst": "64kb"}}'
	up a
	rb net shape "$(cid a)" --egress 8mbit/32kb
	rb net show --format json "$(cid a)" >"$T/json"
	jq -e '.devices[0].container.queueing[0] | .kind == "tbf" and .rateBits == 8000000 and (.burstBytes - 32768 | fabs) < 100' "$T/json"
	jq -e '.devices[0].host.queueing[0] | .rateBits == 40000000 and (.burstBytes - 65536 | fabs) < 100' "$T/json"
	holds 8000000 egress
	rb net shape "$(cid a)" --egress off --ingress off
	rb net show --format json "$(cid a)" | jq -e '[.devices[0] | .container, .host | .queueing[] | select(.kind == "tbf")] == []'
	fails 1 '--egress: "fast" is not a rate like 10mbit, 10mbit/32kb or off' rb net shape "$(cid a)" --egress fast
	fails 1 'net shape needs --egress, --ingress, --delay, --jitter or --loss' rb net shape "$(cid a)"
}

@test "shape: a kernel without netem says so" {
	if has_netem; then skip "this kernel has netem"; fi
	net_bundle a "$SHAPED" '.runbox.network.interfaces[0].shape = {"delayMs": 40}'
	run ! create_bundle a
	grep -q 'shape eth0: this kernel has no netem' "$T/a.err"
	grep -q 'runbox.network.interfaces\[0\].shape' "$T/a.err"
	net_clean
}

@test "shape: delay, jitter and loss" {
	has_netem || skip "needs netem in the kernel"
	net_bundle a "$SHAPED" '.runbox.network.interfaces[0].shape = {"delayMs": 60, "egress": {"rate": "50mbit"}}'
	up a
	serve a 80 hello
	got=$(in_host python3 "$LIB/tcp.py" rtt 10.6.0.2 80 9)
	echo "delay: asked 60 ms, got $got ms" >&2
	# the guest of tests/vm may have to wait for its host
	[ ! -d /run/vm ] || most=180
	python3 -c "import sys; sys.exit(not 55 <= $got <= ${most:-90})"
	rb net show "$(cid a)" | grep -q '50mbit.*delay=60ms\|delay=60ms.*50mbit'
	rb net shape "$(cid a)" --delay 0 --loss 50
	inside a ping -c 40 -i 0.05 -q 10.6.0.1 >"$T/ping" || true
	lost=$(sed -n 's/.* \([0-9]*\)% packet loss.*/\1/p' "$T/ping")
	echo "loss: asked 50 %, got $lost %" >&2
	[ "$lost" -ge 20 ] && [ "$lost" -le 80 ]
	rb net shape "$(cid a)" --loss 0
	inside a ping -c 5 -i 0.05 -q 10.6.0.1 | grep -q ' 0% packet loss'
	rb net show --format json "$(cid a)" | jq -e '.devices[0].container.queueing[0].rateBits == 50000000'
}
