#!/usr/bin/env bats
# swarm.bats - Docker Swarm on two nodes: two dockerd in two worlds, linked by a veth pair
# timeout: 240
load engines

setup_file() {
	command -v dockerd >/dev/null && [ "$(id -u)" -eq 0 ] || return 0
	engines_begin
	local node
	for node in n1 n2; do
		world_begin $node
	done
	ip link add "rbe$((BASHPID % 100000))a" type veth peer name "rbe$((BASHPID % 100000))b"
	link "rbe$((BASHPID % 100000))a" n1 10.99.0.1/24
	link "rbe$((BASHPID % 100000))b" n2 10.99.0.2/24
	for node in n1 n2; do
		dockerd_begin $node
		dk_w $node import "$E/image.tar" busybox >/dev/null
		dk_w $node run --rm busybox true
		world_picture $node >"$E/before-$node"
	done
}

teardown_file() {
	engines_end
}

setup() {
	needs_engines dockerd docker
	[ -n "$BATS_TEST_NUMBER" ] && [ "$BATS_TEST_NUMBER" -gt 1 ] && [ ! -e "$E/swarm" ] && skip "there is no swarm"
	return 0
}

# link NAME WORLD ADDRESS: one end of the pair into a world
link() {
	ip link set "$1" netns "$(cat "$E/$2/pid")" name node0
	in_world "$2" ip addr add "$3" dev node0
	in_world "$2" ip link set node0 up
}

# dk ARG...: at the manager
dk() {
	dk_w n1 "$@"
}

# running NODE: how many containers of the service run there
running() {
	dk_w "$1" ps -q --filter label=com.docker.swarm.service.name=web_web | wc -l
}

replicas_are() {
	[ "$(dk service ls --format '{{.Replicas}}')" = "$1" ]
}

# names_of SECONDS: host names of those who answer on the service's network within a while
names_seen() {
	local seen=$E/seen
	dk run --rm --network web_front busybox sh -c 'for i in 1 2 3 4 5 6 7 8; do nc -w 1 web 80 </dev/null; done' >>"$seen" 2>/dev/null
	[ "$(sort -u "$seen" | wc -l)" -ge "$1" ]
}

@test "swarm: two nodes join, runbox is the default runtime of both" {
	run -0 dk swarm init --advertise-addr 10.99.0.1
	# node loss is noticed after three heartbeats, 5 s each by default
	run -0 dk swarm update --dispatcher-heartbeat 1s
	run -0 dk_w n2 swarm join --advertise-addr 10.99.0.2 --token "$(dk swarm join-token -q worker)" 10.99.0.1:2377
	ready() { [ "$(dk node ls --format '{{.Status}}' | grep -c Ready)" = 2 ]; }
	wait_for 20 ready
	local node
	for node in n1 n2; do
		[ "$(dk_w $node info --format '{{.DefaultRuntime}} {{.Swarm.LocalNodeState}}')" = "runbox active" ]
	done
	: >"$E/swarm"
}

@test "swarm: contrib's stack, replicas on both nodes" {
	run -0 dk stack deploy --resolve-image never -c "$CONTRIB/swarm-stack.yaml" web
	wait_for 60 replicas_are 4/4
	[ "$(running n1)" = 2 ]
	[ "$(running n2)" = 2 ]
	# each of them is runbox's
	[ "$("$E/bin/runbox" --root "$E/n1/exec/runtime-runc/moby" list -q | wc -l)" = 2 ]
	[ "$("$E/bin/runbox" --root "$E/n2/exec/runtime-runc/moby" list -q | wc -l)" = 2 ]
}

@test "swarm: the service is found by its name, over the nodes' border" {
	[ "$(dk run --rm --network web_front busybox nslookup tasks.web | grep -c 'Address: 10\.')" = 4 ]
	# more than two names: replicas of the other node answered as well
	wait_for 30 names_seen 3
}

@test "swarm: scaled up and down, updated one by one" {
	run -0 dk service scale -d web_web=6
	wait_for 60 replicas_are 6/6
	run -0 dk service scale -d web_web=4
	wait_for 60 replicas_are 4/4
	run -0 dk service update -d --no-resolve-image --env-add COLOUR=green web_web
	updated() { [ "$(dk service inspect -f '{{.UpdateStatus.State}}' web_web)" = completed ]; }
	wait_for 90 updated
	run -0 dk exec "$(dk ps -q --filter label=com.docker.swarm.service.name=web_web | head -1)" sh -c 'echo $COLOUR'
	[ "$output" = green ]
}

@test "swarm: a replica that dies is replaced" {
	local victim
	victim=$(dk ps -q --no-trunc --filter label=com.docker.swarm.service.name=web_web | head -1)
	dk kill "$victim" >/dev/null
	replaced() { replicas_are 4/4 && ! dk ps -q --no-trunc | grep -q "$victim"; }
	wait_for 60 replaced
}

@test "swarm: a node is lost, its replicas run on the other one" {
	world_end n2
	moved() { [ "$(running n1)" = 4 ]; }
	wait_for 90 moved
	run -0 dk node ls --format '{{.Status}}'
	[[ $output == *Down* ]]
	# what the cut left of its containers on this kernel is gone by one delete --force each
	local root=$E/n2/exec/runtime-runc/moby id
	[ "$(left_cgroups | grep -c "$("$E/bin/runbox" --root "$root" list -q | head -1)")" -gt 0 ]
	for id in $("$E/bin/runbox" --root "$root" list -q); do
		"$E/bin/runbox" --root "$root" delete --force "$id"
		! left_cgroups | grep "$id" || return 1
	done
	rm -rf "$E/n2"
}

@test "swarm: nothing is left, in its worlds and on the host" {
	# the client removes services, then at once their network, which swarm refuses while it still counts a task
	wait_for 60 dk stack rm web >/dev/null
	emptied() { [ -z "$(dk ps -aq)" ]; }
	wait_for 60 emptied
	[ -z "$("$E/bin/runbox" --root "$E/n1/exec/runtime-runc/moby" list -q)" ]
	run -0 dk swarm leave --force
	# docker's own bridge of the swarm stays until it is asked
	dk network rm docker_gwbridge >/dev/null
	same_picture n1 "$E/before-n1"
	world_end n1
	host_clean
}
