#!/usr/bin/env bats
# net.bats - a container's network as it was asked for: devices, addresses, routes, names, files
# as: root
# timeout: 300
load ../lib/helpers
load ../lib/net

VETH='{"interfaces": [{"type": "veth", "name": "eth0", "hostName": "rb0", "mtu": 1400, "mac": "02:00:00:00:17:02",
	"addresses": ["192.168.17.2/24", "fd17::2/64"], "hostAddresses": ["192.168.17.1/24", "fd17::1/64"], "gateway": "192.168.17.1"}],
	"routes": [{"to": "default", "via": "fd17::1"}, {"to": "10.0.0.0/8", "via": "192.168.17.1"}]}'

# bridged N [MORE]: an interface on the bridge runbox0 with address .N
bridged() {
	echo '{"interfaces": [{"type": "veth", "name": "eth0", "bridge": "runbox0", "addresses": ["192.168.17.'"$1"'/24", "fd17::'"$1"'/64"],
		"hostAddresses": ["192.168.17.1/24", "fd17::1/64"]}]'"${2:-}"'}'
}

AUTO='{"interfaces": [{"type": "veth", "name": "eth0", "bridge": "runbox0", "addresses": ["auto"], "hostAddresses": ["10.17.0.1/24"]}]}'

@test "net: a veth with addresses of both families, routes, mtu and mac" {
	net_bundle web "$VETH"
	up web
	inside web ip link show eth0 | grep -q 'mtu 1400'
	inside web ip link show eth0 | grep -q 02:00:00:00:17:02
	in_host ip link show rb0 | grep -q 'mtu 1400'
	reaches web 192.168.17.1
	reaches web fd17::1
	inside web ip route | grep -q '^default via 192.168.17.1 dev eth0'
	inside web ip route | grep -q '^10.0.0.0/8 via 192.168.17.1 dev eth0'
	inside web ip -6 route | grep -q '^default via fd17::1 dev eth0'
	inside web ip link show lo | grep -q 'LOOPBACK,UP'
	# the host end is the host's: no device of the host is seen inside
	[ "$(inside web ls /proc/sys/net/ipv4/conf | tr '\n' ' ')" = 'all default eth0 lo ' ]
	rb delete --force "$(cid web)"
	net_clean
}

@test "net: the network is there when the program starts" {
	net_bundle web "$VETH"
	args web /bin/busybox ping -c 1 -W 2 192.168.17.1
	run_bundle web >"$T/ping"
	grep -q ' 0% packet loss' "$T/ping"
	net_clean
}

@test "net: two containers on a bridge reach each other and their names, by IPv4 and IPv6" {
	net_bundle a "$(bridged 2 ', "hosts": [{"ip": "192.168.17.3", "names": ["b"]}, {"ip": "fd17::3", "names": ["b6"]}]')"
	net_bundle b "$(bridged 3)"
	up a
	up b
	wait_for 20 reaches a 192.168.17.3
	reaches a fd17::3
	reaches b 192.168.17.2
	reaches a b
	reaches a -6 b6
	reaches a 192.168.17.1
	rb delete --force "$(cid a)"
	# the bridge stays for b, with its address
	reaches b 192.168.17.1
	rb delete --force "$(cid b)"
	net_clean
}

@test "net: a bridge that was there stays, with the address it had and without the one it got" {
	in_host ip link add runbox0 type bridge
	in_host ip addr add 192.168.17.1/24 dev runbox0
	net_bundle a "$(bridged 2)"
	up a
	in_host ip addr show runbox0 | grep -q fd17::1/64
	rb delete --force "$(cid a)"
	in_host ip addr show runbox0 | grep -q 192.168.17.1/24
	run ! in_host sh -c 'ip addr show runbox0 | grep -q fd17::1'
	in_host ip link del runbox0
	net_clean
}

@test "net: an address that another container on the bridge has is refused, before anything is made" {
	net_bundle a "$(bridged 2)"
	net_bundle b "$(bridged 2)"
	up a
	in_host ip -o link >"$T/before"
	run ! create_bundle b
	grep -q "the address 192.168.17.2 on runbox0 is container $(cid a)'s" "$T/b.err"
	grep -q 'runbox.network.interfaces\[0\].addresses' "$T/b.err"
	in_host ip -o link | diff "$T/before" -
	rb delete --force "$(cid a)"
	net_clean
}

@test "net: fifty creates at once have fifty addresses" {
	local i pids=() status=0
	net_bundle a "$AUTO" 'del(.linux.cgroupsPath)'
	for ((i = 0; i < 50; i++)); do
		rb create --bundle "$T/a" "a$i-$SUFFIX" </dev/null >"$T/out$i" 2>&1 3>&- 4>&- &
		pids+=($!)
	done
	for i in "${pids[@]}"; do wait "$i" || status=1; done
	cat "$T"/out*
	[ $status -eq 0 ]
	[ "$(cut -f 2 "$ROOT/@net/leases" | grep -c '^10.17.0.[0-9]*%runbox0')" -eq 50 ]
	[ "$(grep '^addr' "$ROOT/@net/leases" | cut -f 2 | sort -u | wc -l)" -eq 50 ]
	# what is leased is what they have
	for i in 0 17 49; do
		rb net show --format json "a$i-$SUFFIX" | jq -r '.devices[0].container.addresses[0]'
	done | sort -u | tee "$T/some"
	[ "$(grep -c '^10.17.0.*/24$' "$T/some")" -eq 3 ]
	pids=()
	for ((i = 0; i < 50; i++)); do
		rb delete --force "a$i-$SUFFIX" &
		pids+=($!)
	done
	for i in "${pids[@]}"; do wait "$i"; done
	net_clean
}

@test "net: a chosen address is free again after delete, and one out of a subnet of its own" {
	net_bundle a "$AUTO"
	up a
	[ "$(rb net show --format json "$(cid a)" | jq -r '.devices[0].container.addresses[0]')" = 10.17.0.2/24 ]
	rb delete --force "$(cid a)"
	net_bundle b "$AUTO" '.runbox.network.interfaces[0].addresses = ["auto", "auto:172.20.0.0/30"]'
	up b
	rb net show --format json "$(cid b)" | jq -r '.devices[0].container.addresses[]' >"$T/got"
	grep -qx 10.17.0.2/24 "$T/got"
	grep -qx 172.20.0.1/30 "$T/got"
	net_bundle c "$AUTO" '.runbox.network.interfaces[0].addresses = ["auto:172.20.0.0/30"]'
	net_bundle d "$AUTO" '.runbox.network.interfaces[0].addresses = ["auto:172.20.0.0/30"]'
	up c
	run ! create_bundle d
	grep -q 'no address of 172.20.0.0/30 is free on runbox0' "$T/d.err"
	rb delete --force "$(cid b)"
	rb delete --force "$(cid c)"
	net_clean
}

@test "net: leases of a container whose directory is gone are swept by gc" {
	net_bundle a "$AUTO"
	up a
	kill -KILL "$(pid_of a)"
	wait_status a stopped
	rm -rf "${ROOT:?}/$(cid a)"
	rb gc
	left_cgroups | sort -r | while read -r dir; do rmdir "$dir"; done
	# the pair ends with the namespace of the dead container
	no_pair() { ! in_host ip -o link | grep -q '@'; }
	wait_for 10 no_pair
	net_clean
}

@test "net: several interfaces" {
	net_bundle a '{"interfaces": [
		{"type": "veth", "name": "eth0", "hostName": "one", "addresses": ["10.1.0.2/24"], "hostAddresses": ["10.1.0.1/24"]},
		{"type": "veth", "name": "eth1", "bridge": "two", "addresses": ["10.2.0.2/24"], "hostAddresses": ["10.2.0.1/24"]}]}'
	up a
	reaches a 10.1.0.1
	wait_for 20 reaches a 10.2.0.1
	rb delete --force "$(cid a)"
	net_clean
}

@test "net: a named namespace is there for ip netns, and goes with its last user" {
	local name=n$SUFFIX
	net_bundle a "$VETH" ".runbox.network.name = \"$name\""
	net_bundle b '{"interfaces": []}' ".runbox.network.name = \"$name\""
	up a
	ip netns exec "$name" ip addr show eth0 | grep -q 192.168.17.2/24
	up b
	inside b ip addr show eth0 | grep -q 192.168.17.2/24
	# still used by b
	rb delete --force "$(cid a)"
	[ -e "/run/netns/$name" ]
	run ! ip netns exec "$name" ip link show eth0
	rb delete --force "$(cid b)"
	[ ! -e "/run/netns/$name" ]
	net_clean
}

@test "net: a named namespace that was there is joined and stays" {
	local name=n$SUFFIX
	ip netns add "$name"
	net_bundle a "$VETH" ".runbox.network.name = \"$name\""
	up a
	ip netns exec "$name" ip addr show eth0 | grep -q 192.168.17.2/24
	rb delete --force "$(cid a)"
	[ -e "/run/netns/$name" ]
	run ! ip netns exec "$name" ip link show eth0
	ip netns del "$name"
	net_clean
}

@test "net: resolv.conf and hosts are the container's, and the image is not touched" {
	net_bundle a "$(bridged 2 ', "dns": {"nameservers": ["192.168.17.1", "fd17::1"], "search": ["test", "lan"], "options": ["ndots:1"]},
		"hosts": [{"ip": "192.168.17.3", "names": ["db", "db.test"]}]')" '.domainname = "test"'
	echo 'of the image' >"$T/hosts"
	mv "$T/hosts" "$T/a/rootfs/etc/hosts"
	ln -s ../run/resolv.conf "$T/a/rootfs/etc/resolv.conf"
	up a
	inside a cat /etc/resolv.conf >"$T/resolv"
	diff "$T/resolv" - <<<$'search test lan\nnameserver 192.168.17.1\nnameserver fd17::1\noptions ndots:1'
	inside a cat /etc/hosts >"$T/got"
	diff "$T/got" - <<-END
		127.0.0.1	localhost
		::1	localhost ip6-localhost ip6-loopback
		192.168.17.2	host-a.test host-a
		fd17::2	host-a.test host-a
		192.168.17.3 db db.test
	END
	reaches a host-a
	[ "$(cat "$T/a/rootfs/etc/hosts")" = 'of the image' ]
	[ ! -s "$T/a/rootfs/run/resolv.conf" ]
	rb delete --force "$(cid a)"
	net_clean
}

@test "net: a link in the image leads nowhere outside of it" {
	echo mine >"$T/victim"
	net_bundle a "$(bridged 2 ', "dns": {"nameservers": ["192.168.17.1"]}')"
	ln -s "$T/victim" "$T/a/rootfs/etc/resolv.conf"
	up a
	inside a cat "$T/victim" | grep -qx 'nameserver 192.168.17.1'
	[ "$(cat "$T/victim")" = mine ]
	run ! grep -F "$T/victim" /proc/self/mountinfo
}

@test "net: in a user namespace root of the container owns its files" {
	net_bundle a "$VETH" '.linux.namespaces += [{"type": "user"}]' \
		'.linux.uidMappings = [{"containerID": 0, "hostID": 100000, "size": 65536}] | .linux.gidMappings = .linux.uidMappings'
	chmod 711 "$T"
	: >"$T/a/rootfs/etc/hosts"
	up a
	[ "$(inside a stat -c %u:%g /etc/hosts)" = 0:0 ]
	reaches a 192.168.17.1
	rb delete --force "$(cid a)"
	net_clean
}

@test "net: the socket of nscd is masked" {
	mkdir -p "$T/run/nscd"
	python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$T/run/nscd/socket"
	net_bundle a "$VETH" '.mounts += [{"destination": "/run", "type": "bind", "source": ($bundle + "/../run"), "options": ["bind"]}]'
	up a
	[ "$(inside a stat -c %F /run/nscd/socket)" = 'character special file' ]
}

@test "net: what cannot be is refused with its place in config.json" {
	net_bundle a "$VETH" '.linux.namespaces |= map(select(.type != "network"))'
	run ! create_bundle a
	grep -q 'a network needs a network namespace (config.json runbox.network)' "$T/a.err"
	net_bundle b "$VETH" '.runbox.network.interfaces[0].gateway = "10.9.9.9"'
	run ! create_bundle b
	grep -q 'route default via 10.9.9.9' "$T/b.err"
	grep -q 'the gateway is in none of the container' "$T/b.err"
	net_bundle c "$VETH" '.runbox.network.interfaces[0].hostName = "lo"'
	run ! create_bundle c
	grep -q 'EEXIST' "$T/c.err"
	refused() { # JQ WORDS
		net_bundle d "$VETH" "$1"
		run ! create_bundle d
		grep -qF "$2" "$T/d.err" || { cat "$T/d.err" >&2; return 1; }
	}
	refused '.runbox.network.interfaces[0].name = "eth%d"' '"eth%d" cannot be the name of a network device'
	refused '.runbox.network.interfaces[0].name = "lo"' 'is that of the loopback device'
	refused '.runbox.network.interfaces[0].addresses[0] = "192.168.17.1/24"' "192.168.17.1/24 is the address of the host's end"
	refused '.runbox.network.interfaces[0].addresses[0] = "224.0.0.1/24"' '224.0.0.1/24 is not the address of one host'
	refused '.runbox.network.interfaces[0].shape.egress = {"rate": "1mbit", "burst": "1000"}' 'shape.egress.burst is less than one packet'
	refused '.linux.netDevices = {"lo": {}}' 'each network namespace has a "lo" of its own (config.json linux.netDevices)'
	[ -z "$(in_host ip -o link | grep -v ': lo: ')" ]
	net_clean
}

@test "net: delete from another network namespace ends it all, and says what it cannot reach" {
	net_bundle web "$(jq '.interfaces[0].bridge = "br7"' <<<"$VETH")"
	up web
	timeout 20 unshare -n "${RB[@]}" delete --force "$(cid web)" 2>"$T/err"
	grep -q 'bridge br7 was made in another network namespace' "$T/err"
	[ ! -e "$ROOT/@net/leases" ]
	timeout 20 unshare -n "${RB[@]}" gc
	in_host ip link del br7
	# the pair ends with the container's namespace, which the kernel takes apart when it finds the time
	pair_is_gone() { ! in_host ip link show rb0 2>/dev/null; }
	wait_for 10 pair_is_gone
	net_clean
}

@test "net: a domain name is one word of hosts or not there" {
	net_bundle web "$VETH" '.hostname = "web" | .domainname = "x\n6.6.6.6 bank"'
	up web
	run -0 inside web cat /etc/hosts
	[[ $output == *web* && $output != *bank* ]]
	rb delete --force "$(cid web)"
	net_clean
}

@test "net: show tells both ends, as table and as JSON" {
	net_bundle web "$VETH"
	up web
	reaches web 192.168.17.1
	rb net show "$(cid web)" >"$T/table"
	grep -Eq '^eth0 +container +up +1400 +192.168.17.2/24,fd17::2/64 ' "$T/table"
	grep -Eq '^rb0 +host +up +1400 +192.168.17.1/24,fd17::1/64 ' "$T/table"
	rb net show --format json "$(cid web)" >"$T/json"
	jq -e '.devices[0].container | .name == "eth0" and .mac == "02:00:00:00:17:02" and .rxPackets > 0' "$T/json"
	jq -e '.devices[0].host.name == "rb0"' "$T/json"
	fails 1 'container nobody does not exist' rb net show nobody
}

@test "net: without a network object no helper is started and nothing is leased" {
	make_bundle plain '.process.args = ["/bin/true"]'
	run_bundle plain
	[ ! -e "$ROOT/@net" ]
}
