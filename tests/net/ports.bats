#!/usr/bin/env bats
# ports.bats - published ports and masquerading, by a table of nftables of the container's own
# as: root
# timeout: 180
load ../lib/helpers
load ../lib/net

# web PORTS [MORE]: on a bridge, with these ports
web() {
	net_bundle web '{"interfaces": [{"type": "veth", "name": "eth0", "bridge": "runbox0", "addresses": ["10.7.0.2/24", "fd07::2/64"],
		"hostAddresses": ["10.7.0.1/24", "fd07::1/64"], "gateway": "10.7.0.1"}], "routes": [{"to": "default", "via": "fd07::1"}],
		"ports": '"$1"'}' "${2:-.}"
}

# outside: a machine beyond the host, 10.8.0.2, reached by 10.8.0.1 and fd08::1
outside() {
	OUT=rbo$(printf '%04x%04x' $RANDOM $RANDOM)
	ip netns add "$OUT"
	in_host ip link add out0 type veth peer name eth0 netns "$OUT"
	in_host ip addr add 10.8.0.1/24 dev out0
	in_host ip addr add fd08::1/64 dev out0 nodad
	in_host ip link set out0 up
	ip -n "$OUT" addr add 10.8.0.2/24 dev eth0
	ip -n "$OUT" addr add fd08::2/64 dev eth0 nodad
	ip -n "$OUT" link set eth0 up
}

from_outside() {
	nsenter --net="/run/netns/$OUT" "$@"
}

teardown() {
	[ -z "${OUT:-}" ] || ip netns del "$OUT" 2>/dev/null || true
	net_teardown
}

@test "ports: a published port answers on the host's addresses, by loopback and from outside" {
	outside
	web '[{"host": 8080, "container": 80}]'
	up web
	serve web 80 hello
	[ "$(ask 127.0.0.1 8080)" = hello ]
	[ "$(ask 10.7.0.1 8080)" = hello ]
	[ "$(ask 10.8.0.1 8080)" = hello ]
	[ "$(from_outside python3 "$LIB/tcp.py" ask 10.8.0.1 8080)" = hello ]
	[ "$(ask 10.7.0.2 80)" = hello ]
	ip netns del "$OUT"
	OUT=
	rb delete --force "$(cid web)"
	no_out() { [ -z "$(left_network)" ]; }
	wait_for 20 no_out
	net_clean
}

@test "ports: on one address of the host only" {
	outside
	web '[{"host": 8080, "container": 80, "hostIp": "127.0.0.1"}, {"host": 8081, "container": 80, "hostIp": "10.8.0.1"},
		{"host": 8082, "container": 80, "hostIp": "fd08::1"}]'
	up web
	serve web 80 hello
	[ "$(ask 127.0.0.1 8080)" = hello ]
	run ! from_outside python3 "$LIB/tcp.py" ask 10.8.0.1 8080
	[ "$(from_outside python3 "$LIB/tcp.py" ask 10.8.0.1 8081)" = hello ]
	run ! ask 127.0.0.1 8081
	wait_for 20 listens web 80
	[ "$(from_outside python3 "$LIB/tcp.py" ask fd08::1 8082)" = hello ]
}

@test "ports: a neighbour on the bridge, and the container itself, reach it by the host's address" {
	web '[{"host": 8080, "container": 80}]'
	net_bundle b '{"interfaces": [{"type": "veth", "name": "eth0", "bridge": "runbox0", "addresses": ["10.7.0.3/24"]}]}'
	up web
	up b
	serve web 80 hello
	[ "$(inside b nc -w 5 10.7.0.1 8080)" = hello ]
}

@test "ports: udp" {
	web '[{"host": 8053, "container": 53, "protocol": "udp"}]'
	up web
	# busybox has no server of UDP
	nsenter --net="/proc/$(pid_of web)/ns/net" timeout 20 python3 -c 'import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("0.0.0.0", 53))
s.sendto(*s.recvfrom(16))' 3>&- 4>&- &
	bound() { inside web netstat -lun | grep -q ':53 '; }
	wait_for 20 bound
	in_host python3 - <<-'END'
		import socket
		s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		s.settimeout(5)
		s.sendto(b"echo", ("127.0.0.1", 8053))
		assert s.recv(16) == b"echo"
	END
}

@test "ports: the host's loopback is not open to the container" {
	web '[{"host": 8080, "container": 80}]'
	up web
	in_host timeout 20 python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 9999)); print("ready", flush=True); s.accept()' >"$T/server" &
	wait_for 20 grep -q ready "$T/server"
	# as if by a route of its own: CVE-2020-8558
	nsenter --net="/proc/$(pid_of web)/ns/net" ip route add 127.0.0.0/8 via 10.7.0.1 table 99
	nsenter --net="/proc/$(pid_of web)/ns/net" sh -c 'ip rule add pref 1 to 127.0.0.0/8 lookup 99; ip rule add pref 100 lookup local; ip rule del pref 0
		echo 1 >/proc/sys/net/ipv4/conf/eth0/route_localnet'
	run ! nsenter --net="/proc/$(pid_of web)/ns/net" timeout 3 python3 -c 'import socket
socket.create_connection(("127.0.0.1", 9999), 2, source_address=("10.7.0.2", 0))'
	kill %1
}

@test "ports: one that another container has is a conflict, before anything is made" {
	web '[{"host": 8080, "container": 80}]'
	up web
	net_bundle b '{"interfaces": [{"type": "veth", "name": "eth0", "bridge": "runbox0", "addresses": ["10.7.0.3/24"]}],
		"ports": [{"host": 8080, "container": 80, "hostIp": "127.0.0.1"}]}'
	in_host ip -o link >"$T/before"
	run ! create_bundle b
	grep -q "tcp port 8080 of the host is container $(cid web)'s" "$T/b.err"
	grep -q 'runbox.network.ports\[0\]' "$T/b.err"
	in_host ip -o link | diff "$T/before" -
	# the same number of another protocol is another port
	net_bundle c '{"interfaces": [{"type": "veth", "name": "eth0", "bridge": "runbox0", "addresses": ["10.7.0.4/24"]}],
		"ports": [{"host": 8080, "container": 80, "protocol": "udp"}]}'
	up c
}

@test "ports: one that a program of the host has is a conflict" {
	in_host timeout 20 python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 8080)); print("ready", flush=True); s.accept()' >"$T/server" &
	wait_for 20 grep -q ready "$T/server"
	web '[{"host": 8080, "container": 80}]'
	run ! create_bundle web
	grep -q 'tcp port 8080 of the host cannot be published' "$T/web.err"
	grep -q 'a program of the host has it' "$T/web.err"
	kill %1
	net_clean
}

@test "ports: masquerade, and forwarding is as it was afterwards" {
	outside
	in_host sysctl -qw net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0
	web '[]' '.runbox.network.masquerade = true'
	up web
	[ "$(in_host sysctl -n net.ipv4.ip_forward)" = 1 ]
	# the machine outside has no route to the container: without masquerading it could not answer
	wait_for 20 reaches web 10.8.0.2
	wait_for 20 reaches web fd08::2
	rb delete --force "$(cid web)"
	[ "$(in_host sysctl -n net.ipv4.ip_forward)" = 0 ]
	[ "$(in_host sysctl -n net.ipv6.conf.all.forwarding)" = 0 ]
}

@test "ports: forwarding that was on stays on" {
	in_host sysctl -qw net.ipv4.ip_forward=1
	web '[]' '.runbox.network.masquerade = true'
	up web
	rb delete --force "$(cid web)"
	[ "$(in_host sysctl -n net.ipv4.ip_forward)" = 1 ]
	net_clean
}
