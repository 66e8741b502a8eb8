#!/usr/bin/env bats
# rootless.bats - podman of an unprivileged user with subordinate ids, with runbox
#
# The user is one of the world only: the host's /etc/passwd and /etc/subuid stay as they are.
# timeout: 180
load engines

setup_file() {
	command -v podman >/dev/null && command -v newuidmap >/dev/null && [ "$(id -u)" -eq 0 ] || return 0
	engines_begin
	mkdir -p "$E/w/etc" "$E/home/run"
	cp /etc/passwd /etc/group "$E/w/etc/"
	echo 'rbuser:x:45678:45678::'"$E/home"':/bin/sh' >>"$E/w/etc/passwd"
	echo 'rbuser:x:45678:' >>"$E/w/etc/group"
	echo 'rbuser:300000:65536' >"$E/w/etc/subuid"
	echo 'rbuser:300000:65536' >"$E/w/etc/subgid"
	# the files have to be there to be covered
	local file
	for file in subuid subgid; do [ -e /etc/$file ] || return 0; done
	# what udev would give to everybody
	mkdir "$E/w/dev"
	[ ! -c /dev/net/tun ] || mknod -m 666 "$E/w/dev/tun" c 10 200
	chown -R 45678:45678 "$E/home"
	chmod 700 "$E/home/run"
	world_begin w
	podman_config
	local peer
	for peer in crun runc; do
		command -v $peer >/dev/null || continue
		RT=$peer once bb true >/dev/null 2>&1 && export PEER=$peer RT_PEER=$peer && break
	done
	RT=runbox once bb true
	world_picture w >"$E/before"
}

teardown_file() {
	engines_end
}

setup() {
	needs_engines podman newuidmap setpriv
	[ -e /etc/subuid ] || skip "needs /etc/subuid"
}

teardown() {
	[ -n "$BATS_TEST_COMPLETED" ] || [ ! -e "$E/w/pid" ] || pm rm -fa -t 0 >/dev/null 2>&1 || true
}

podman_config() {
	config podman-containers.conf "$E/containers.conf"
	sed -i '/^\[engine\]/a cgroup_manager = "cgroupfs"\nevents_logger = "file"' "$E/containers.conf"
	printf '\n[network]\nnetwork_backend = "cni"\n\n[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\nlog_driver = "k8s-file"\n' >>"$E/containers.conf"
	cat >"$E/storage.conf" <<-EOF
		[storage]
		driver = "overlay"
		runroot = "$E/home/storage-run"
		graphroot = "$E/home/storage"
	EOF
	RT=runbox pm import "$E/image.tar" bb >/dev/null 2>&1
}

# as_user COMMAND...: in the world, as the user
as_user() {
	in_world w env -i -C / PATH="$PATH" HOME="$E/home" USER=rbuser XDG_RUNTIME_DIR="$E/home/run" \
		CONTAINERS_CONF="$E/containers.conf" CONTAINERS_STORAGE_CONF="$E/storage.conf" \
		setpriv --reuid 45678 --regid 45678 --clear-groups --inh-caps=-all --bounding-set=-sys_resource "$@"
}

pm() {
	as_user podman --runtime "$RT" "$@"
}

once() {
	pm run --rm --network none "$@"
}

@test "rootless: podman says it is, and that runbox is its runtime" {
	run -0 pm info --format '{{.Host.Security.Rootless}} {{.Host.OCIRuntime.Path}}'
	[ "$output" = "true $E/bin/runbox" ]
}

@test "rootless: run, exit status, ids, mounts, limits of what is possible" {
	scenario() {
		t once bb sh -c 'echo out; exit 7'
		t once bb nothing
		t once bb /bin/plain
		t once bb sh -c 'id -u; cat /proc/self/uid_map; touch /x; stat -c %u /x'
		t once -u user bb sh -c 'id; touch /tmp/x; stat -c %u /tmp/x'
		t once --userns keep-id bb id -u
		t once --read-only bb touch /x
		t once --tmpfs /q bb grep -c ' /q tmpfs' /proc/mounts
		t once --hostname here bb hostname
		t once --cap-drop all bb grep CapEff /proc/self/status
		t once bb grep Seccomp: /proc/self/status
		t once -t bb tty
		t once --privileged bb sh -c 'mount -t tmpfs x /tmp && echo mounted'
	}
	compare scenario <<-'EOF'
		out
		[7]
		Error: exec: "nothing": executable file not found in $PATH: OCI runtime attempted to invoke a command that was not found
		[127]
		Error: exec: "/bin/plain": permission denied: OCI permission denied
		[126]
		0
		         0      45678          1
		         1     300000      65536
		0
		uid=1000(user) gid=1000(user) groups=1000(user),2000(extra)
		1000
		45678
		touch: /x: Read-only file system
		[1]
		1
		here
		CapEff:	0000000000000000
		Seccomp:	2
		/dev/pts/0
		mounted
	EOF
}

@test "rootless: a file of a volume belongs to the user" {
	scenario() {
		t once -v "$E/home:/v" bb touch "/v/file-$RT"
		stat -c %u "$E/home/file-$RT"
		t once -u user -v "$E/home:/v:ro" bb touch /v/other | sed "s|: /v|: v|"
	}
	compare scenario <<-'EOF'
		45678
		touch: v/other: Read-only file system
		[1]
	EOF
}

@test "rootless: exec, logs, kill, stop, rm" {
	scenario() {
		pm run -d --name "$C" --network none bb sh -c 'trap "echo bye; exit 5" TERM; echo ready; while :; do sleep 0.1; done' >/dev/null
		until_ 'pm logs "$C" | grep ready'
		t pm exec "$C" id -u
		t pm exec -u user -e A=b -w /tmp "$C" sh -c 'id -u; echo $A; pwd; exit 9'
		t pm exec -t "$C" tty
		t pm exec "$C" nothing
		t pm top "$C" user comm | grep -v sleep
		t pm stop "$C"
		t pm inspect -f '{{.State.ExitCode}}' "$C"
		t pm logs "$C"
		t pm rm "$C"
	}
	compare scenario <<-'EOF'
		0
		1000
		b
		/tmp
		[9]
		/dev/pts/0
		Error: exec: "nothing": executable file not found in $PATH: OCI runtime attempted to invoke a command that was not found
		[127]
		USER        COMMAND
		root        sh
		c
		5
		ready
		bye
		c
	EOF
}

@test "rootless: a network of its own with a published port, by slirp4netns" {
	[ -c /dev/net/tun ] && command -v slirp4netns >/dev/null || skip "needs /dev/net/tun and slirp4netns"
	scenario() {
		local port=$((8100 + ${#RT}))
		pm run -d --name "$C" --network slirp4netns -p "$port:80" bb nc -ll -p 80 -e echo answer >/dev/null
		until_ 'in_world w "$BUSYBOX" nc -w 2 127.0.0.1 '$port' | grep answer'
		t in_world w "$BUSYBOX" nc -w 2 127.0.0.1 "$port"
		t pm exec "$C" ls /sys/class/net
		t pm rm -f -t 0 "$C"
	}
	compare scenario <<-'EOF'
		answer
		lo
		tap0
		c
	EOF
}

@test "rootless: a pod, and an image that is built" {
	scenario() {
		local dir=$E/home/build-$RT
		pm pod create --name "pod-$RT" --network none --hostname podded >/dev/null
		t pm run --rm --pod "pod-$RT" bb hostname
		t pm pod rm -f -t 0 "pod-$RT" >/dev/null
		mkdir -p "$dir"
		printf 'FROM localhost/bb\nRUN echo built >/built\nCMD cat /built\n' >"$dir/Dockerfile"
		t pm build -q --isolation oci --network none -t "built-$RT" "$dir" | grep -v 'capabilities.ambient: left out'
		t once "localhost/built-$RT"
		t pm rmi -f "localhost/built-$RT" >/dev/null
	}
	compare scenario <<-'EOF'
		podded
		ID
		built
	EOF
}

@test "rootless: nothing is left, in its world and on the host" {
	pm ps -aq | grep . && return 1
	same_picture w "$E/before"
	world_end w
	host_clean
}
