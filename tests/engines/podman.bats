#!/usr/bin/env bats
# podman.bats - podman and conmon with runbox in the place of runc
# timeout: 300
load engines

setup_file() {
	command -v podman >/dev/null && [ "$(id -u)" -eq 0 ] || return 0
	engines_begin
	podman_parents >"$E/parents"
	world_begin w
	podman_config
	# the peer where it runs: runc refuses nothing here, Debian's crun no hybrid hosts
	local peer
	for peer in runc crun; do
		command -v $peer >/dev/null || continue
		RT=$peer pm run --rm --network none bb true >/dev/null 2>&1 && export PEER=$peer RT_PEER=$peer && break
	done
	pm run --rm --network bridge bb true
	world_picture w >"$E/before"
}

teardown_file() {
	local dir
	# podman makes them for what names no parent, and leaves them; only while they are empty
	[ ! -e "${E:-/nowhere}/parents" ] || podman_parents | grep -vxFf "$E/parents" | while read -r dir; do
		rmdir "$dir/conmon" "$dir" 2>/dev/null || true
	done
	engines_end
}

podman_parents() {
	find /sys/fs/cgroup -maxdepth 2 -name libpod_parent 2>/dev/null || true
}

setup() {
	needs_engines podman
}

teardown() {
	# what a failed scenario left would be in the way of the next
	[ -n "$BATS_TEST_COMPLETED" ] || [ ! -e "$E/w/pid" ] || pm rm -fa -t 0 >/dev/null 2>&1 || true
}

podman_config() {
	config podman-containers.conf "$E/containers.conf"
	# A host may lack CAP_SYS_RESOURCE, by which podman would raise limits: then containers get what is there.
	# The rest is of this test: no systemd, no journal.
	sed -i '/^\[engine\]/a cgroup_manager = "cgroupfs"\nevents_logger = "file"' "$E/containers.conf"
	cat >>"$E/containers.conf" <<-EOF

		[network]
		network_backend = "cni"

		[containers]
		default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
		log_driver = "k8s-file"
	EOF
	cat >"$E/storage.conf" <<-EOF
		[storage]
		driver = "overlay"
		runroot = "$E/podman/run"
		graphroot = "$E/podman/root"
	EOF
	mkdir -p "$E/podman/net"
	pm import "$E/image.tar" bb >/dev/null 2>&1
}

# pm ARG...: podman in the world, with the runtime $RT; containers lie below this file's cgroup
pm() {
	local args=("$@")
	case "$1 $2" in
	"pod create") args=(pod create "--cgroup-parent=$CGROUP" "${@:3}") ;;
	run\ * | create\ *) [ -z "$CGROUP" ] || args=("$1" "--cgroup-parent=$CGROUP" "${@:2}") ;;
	esac
	in_world w env -i ${NOTIFY:+"NOTIFY_SOCKET=$NOTIFY"} PATH="$PATH" HOME="$E" CONTAINERS_CONF="$E/containers.conf" \
		CONTAINERS_STORAGE_CONF="$E/storage.conf" \
		podman --runtime "$RT" --network-config-dir "$E/podman/net" "${args[@]}"
}

# once ARG...: a container of its own without network, which is the quickest
once() {
	pm run --rm --network none "$@"
}

# keep ARG...: the container $C in the background
keep() {
	pm run -d --name "$C" --network none "$@" >/dev/null
}

@test "podman: says that runbox is its runtime, and its version" {
	run -0 pm info --format '{{.Host.OCIRuntime.Name}} {{.Host.OCIRuntime.Path}} {{.Host.OCIRuntime.Version}}'
	[[ $output == "runbox $E/bin/runbox runbox version "* ]]
}

@test "podman: run, output and exit status" {
	scenario() {
		t once bb sh -c 'echo out; echo err >&2; exit 7'
		t once bb true
		t once --init bb sh -c 'kill -9 $$'
		echo text | once -i bb cat
	}
	compare scenario <<-'EOF'
		out
		err
		[7]
		[137]
		text
	EOF
}

@test "podman: 127 for a missing program, 126 for a forbidden one, 125 for podman's own" {
	scenario() {
		t once bb nothing
		t once bb /no/such
		t once bb /bin/plain
		t once bb /etc
		t once --no-such-option bb true | tail -1
	}
	compare scenario <<-'EOF'
		Error: exec: "nothing": executable file not found in $PATH: OCI runtime attempted to invoke a command that was not found
		[127]
		Error: exec: "/no/such": stat /no/such: no such file or directory: OCI runtime attempted to invoke a command that was not found
		[127]
		Error: exec: "/bin/plain": permission denied: OCI permission denied
		[126]
		Error: exec: "/etc": permission denied: OCI permission denied
		[126]
		[125]
	EOF
}

@test "podman: exec with user, environment, directory, terminal, detached; its exit status" {
	scenario() {
		keep -e A=outer bb sleep 1000
		t pm exec "$C" id
		t pm exec -u user -e A=b -w /tmp "$C" sh -c 'id; echo $A $HOME; pwd'
		t pm exec -u 5:6 "$C" sh -c 'id -u; id -g; echo $A'
		t pm exec "$C" sh -c 'exit 9'
		t pm exec -t "$C" tty
		echo typed | pm exec -i "$C" cat
		t pm exec "$C" nothing
		t pm exec "$C" /bin/plain
		t pm exec -d "$C" sh -c 'echo there >/left' | sed 's/.*/started/'
		until_ pm exec "$C" test -s /left
		t pm exec "$C" cat /left
		t pm exec --privileged "$C" sh -c 'grep -c CapEff:.*f.ffffff /proc/self/status'
		t pm stop -t 0 "$C"
		t pm exec "$C" true
		t pm rm "$C"
	}
	compare scenario <<-'EOF'
		uid=0(root) gid=0(root)
		uid=1000(user) gid=1000(user) groups=2000(extra)
		b /home/user
		/tmp
		5
		6
		outer
		[9]
		/dev/pts/0
		typed
		Error: exec: "nothing": executable file not found in $PATH: OCI runtime attempted to invoke a command that was not found
		[127]
		Error: exec: "/bin/plain": permission denied: OCI permission denied
		[126]
		started
		there
		1
		c
		Error: can only create exec sessions on running containers: container state improper
		[255]
		c
	EOF
}

@test "podman: terminal, attach and logs" {
	scenario() {
		t once -t bb tty
		keep -i bb sh -c 'read x; echo got $x; exit 3'
		echo word | pm attach "$C" | grep . # a client whose input ends ends its output with a newline
		t pm wait "$C"
		t pm logs "$C"
		t pm rm "$C"
	}
	compare scenario <<-'EOF'
		/dev/pts/0
		got word
		3
		got word
		c
	EOF
}

@test "podman: hostname, user, directory, environment, read-only root, tmpfs, limits" {
	scenario() {
		t once --hostname here bb hostname
		t once -u user -w /tmp -e X=y bb sh -c 'id -un; pwd; echo $X $HOME'
		t once -u 77:88 --group-add 99 bb id
		t once --read-only bb touch /x
		t once --read-only --read-only-tmpfs=false --tmpfs /q:size=1m,mode=700 bb sh -c 'touch /q/x; grep -c " /q .*size=1024k,mode=700" /proc/mounts'
		t once --ulimit nofile=333:444 --ulimit nproc=100 bb sh -c 'ulimit -n; ulimit -Hn'
		t once --umask 0077 bb sh -c umask
		t once --oom-score-adj 300 bb cat /proc/self/oom_score_adj
		t once -w /not/there bb pwd | grep -o 'workdir.*exist'
	}
	compare scenario <<-'EOF'
		here
		user
		/tmp
		y /home/user
		uid=77(77) gid=88(88) groups=88(88),99
		touch: /x: Read-only file system
		[1]
		1
		333
		444
		0077
		300
		workdir "/not/there" does not exist
	EOF
}

@test "podman: what cannot be: directory, user, kind of mount, sysctl" {
	scenario() {
		keep bb sleep 1000
		t pm exec -w /missing "$C" true | grep '^\['
		t pm exec -u nosuch "$C" true
		t pm exec -u 99:nogrp "$C" true
		t pm exec "$C" /etc
		t pm exec "$C" /no/such
		t pm rm -f -t 0 "$C"
		t once -v "$E/image/etc/passwd:/home" bb true | grep -oiE 'not a directory|^\[.*' | tr N n
		t once -v "$E/image/etc:/bin/busybox" bb true | grep -oiE 'not a directory|^\[.*' | tr N n
		t once -v "$E/image/etc:/proc/x" bb true | grep -oE 'inside /proc|^\[.*'
		t once -w /etc/passwd bb true
		t once --device /dev/nosuch bb true
		t once --cap-add nosuch bb true
	}
	compare scenario <<-'EOF'
		[127]
		Error: unable to find user nosuch: no matching entries in passwd file
		[255]
		Error: unable to find group nogrp: no matching entries in group file
		[255]
		Error: exec: "/etc": permission denied: OCI permission denied
		[126]
		Error: exec: "/no/such": stat /no/such: no such file or directory: OCI runtime attempted to invoke a command that was not found
		[127]
		c
		not a directory
		[126]
		not a directory
		[126]
		inside /proc
		[126]
		Error: workdir "/etc/passwd" exists on container ID, but is not a directory
		[126]
		Error: stat /dev/nosuch: no such file or directory
		[125]
		Error: "CAP_NOSUCH": unknown capability
		[125]
	EOF
}

@test "podman: cgroup namespaces, device rules, tmpfs and its mode, shared memory, groups" {
	scenario() {
		t once --cgroupns host bb grep -c "$CGROUP/" /proc/self/cgroup | sed 's/^[1-9].*/the host/'
		t once --cgroupns private bb grep -c "$CGROUP/" /proc/self/cgroup
		t once --cpus 0.5 bb sh -c 'cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us /sys/fs/cgroup/cpu.max 2>/dev/null; true' | sed 's/ .*//'
		t once --device-cgroup-rule 'c 10:229 rwm' bb sh -c 'mknod /f c 10 229 && : </f && echo opened'
		t once bb sh -c 'mknod /f c 10 229 && : </f' | sed 's/.*: //'
		t once --tmpfs /q:noexec,nosuid,size=2m bb grep ' /q ' /proc/mounts
		t once --mount type=tmpfs,destination=/q,tmpfs-mode=700 bb stat -c %a /q
		t once --shm-size 3m bb df -k /dev/shm | tail -1 | tr -s ' ' | cut -d' ' -f2
		t once --mount "type=bind,source=$E/image/etc,target=/m,readonly" bb sh -c 'touch /m/x; grep " /m " /proc/mounts | grep -o " ro,"'
		t once --group-add extra --group-add 2000 -u user bb id
		t once --stop-signal USR1 --init bb true
	}
	compare scenario <<-'EOF'
		the host
		0
		[1]
		50000
		opened
		Operation not permitted
		[1]
		tmpfs /q tmpfs rw,nosuid,nodev,noexec,relatime,size=2048k 0 0
		700
		3072
		 ro,
		touch: /m/x: Read-only file system
		uid=1000(user) gid=1000(user) groups=1000(user),2000(extra)
	EOF
}

@test "podman: readiness told by the container reaches conmon (--sdnotify=container)" {
	requires python3
	scenario() {
		local socket=$E/notify-$RT pid inside
		timeout 20 python3 -c 'import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
while b"READY=1" not in s.recv(4096).split(b"\n"):
    pass
print("ready")' "$socket" >"$socket.out" &
		pid=$!
		until_ test -S "$socket"
		NOTIFY=$socket pm run -d --name "$C" --network none --sdnotify container bb sleep 1000 >/dev/null
		inside=$(pm inspect -f '{{.State.Pid}}' "$C")
		t pm exec "$C" sh -c 'tr "\0" "\n" </proc/1/environ | grep NOTIFY; stat -c %F /run/notify/notify.sock'
		# what a service inside would send
		in_world w python3 -c 'import socket, sys
socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"READY=1\n", sys.argv[1])' "/proc/$inside/root/run/notify/notify.sock"
		wait "$pid"
		cat "$socket.out"
		t pm rm -f -t 0 "$C"
	}
	compare scenario <<-'EOF'
		NOTIFY_SOCKET=/run/notify/notify.sock
		socket
		ready
		c
	EOF
}

@test "podman: capabilities, no-new-privileges, privileged" {
	scenario() {
		t once --cap-drop all --cap-add chown,net_raw bb grep Cap /proc/self/status
		t once -u user --cap-add chown bb grep -E 'Cap(Prm|Eff|Bnd)' /proc/self/status
		t once --security-opt no-new-privileges bb grep NoNewPrivs /proc/self/status
		t once --privileged bb sh -c 'mount -t tmpfs x /tmp && test -e /dev/kmsg && grep Seccomp: /proc/self/status'
	}
	compare scenario <<-'EOF'
		CapInh:	0000000000000000
		CapPrm:	0000000000002001
		CapEff:	0000000000002001
		CapBnd:	0000000000002001
		CapAmb:	0000000000000000
		CapPrm:	0000000000000001
		CapEff:	0000000000000001
		CapBnd:	00000000a80425fb
		NoNewPrivs:	1
		Seccomp:	0
	EOF
}

@test "podman: seccomp by default, by a profile, none" {
	cat >"$E/no-mkdir.json" <<-'EOF'
		{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
			{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 95}]}
	EOF
	scenario() {
		t once bb grep Seccomp: /proc/self/status
		t once --security-opt "seccomp=$E/no-mkdir.json" bb sh -c 'touch /a && mkdir /b'
		t once --security-opt seccomp=unconfined bb grep Seccomp: /proc/self/status
	}
	compare scenario <<-'EOF'
		Seccomp:	2
		mkdir: can't create directory '/b': Operation not supported
		[1]
		Seccomp:	0
	EOF
}

@test "podman: devices, sysctl, init" {
	mknod "$E/fuse" c 10 229
	scenario() {
		t once --device "$E/fuse:/dev/words:r" bb sh -c ': </dev/words && echo read; : >/dev/words'
		t once --sysctl net.ipv4.ip_forward=1 --sysctl kernel.shmmni=123 bb cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/shmmni
		t once --init bb sh -c 'cat /proc/1/comm'
	}
	compare scenario <<-'EOF'
		read
		sh: can't create /dev/words: Operation not permitted
		[1]
		1
		123
		podman-init
	EOF
}

@test "podman: the host's pid, ipc and uts namespaces, a container's, an own user namespace" {
	scenario() {
		local ns
		for ns in pid ipc uts; do
			[ "$(once --$ns host bb readlink /proc/self/ns/$ns)" = "$(in_world w readlink /proc/self/ns/$ns)" ] && echo "$ns is the host's"
		done
		once bb readlink /proc/self/ns/uts | grep -qxF "$(in_world w readlink /proc/self/ns/uts)" || echo "uts is its own"
		t once --uidmap 0:100000:2000 --gidmap 0:200000:3000 bb sh -c 'cat /proc/self/uid_map /proc/self/gid_map; touch /x; stat -c %u:%g /x'
		keep bb sleep 1000
		t once --pid "container:$C" bb sh -c 'cat /proc/1/comm'
		[ "$(once --ipc "container:$C" bb readlink /proc/self/ns/ipc)" = "$(pm exec "$C" readlink /proc/self/ns/ipc)" ] && echo "ipc is the container's"
		t pm rm -f -t 0 "$C"
	}
	compare scenario <<-'EOF'
		pid is the host's
		ipc is the host's
		uts is the host's
		uts is its own
		         0     100000       2000
		         0     200000       3000
		0:0
		sleep
		ipc is the container's
		c
	EOF
}

@test "podman: volumes: read-only, read-write, named, propagation" {
	scenario() {
		local v=$E/vol-$RT
		mkdir -p "$v"
		echo inside >"$v/file"
		t once -v "$v:/v:ro" bb sh -c 'cat /v/file; touch /v/x'
		t once -v "$v:/v" bb sh -c 'echo new >/v/x'
		cat "$v/x"
		t pm volume create "named-$RT"
		t once -v "named-$RT:/n" bb sh -c 'echo kept >/n/k'
		t once -v "named-$RT:/n:ro" bb cat /n/k
		t pm volume rm "named-$RT"
		in_world w sh -c "mount -t tmpfs t '$v' && mount --make-shared '$v' && mkdir '$v/sub'"
		keep -v "$v:/v:rslave" bb sleep 1000
		in_world w mount -t tmpfs later "$v/sub"
		t pm exec "$C" grep -c '^later /v/sub ' /proc/mounts
		t once -v "$v:/v:ro,rprivate" bb sh -c 'grep -o " /v/sub tmpfs .." /proc/mounts'
		t pm rm -f -t 0 "$C"
		in_world w umount -R "$v"
	}
	compare scenario <<-'EOF'
		inside
		touch: /v/x: Read-only file system
		[1]
		new
		named
		kept
		named
		1
		 /v/sub tmpfs rw
		c
	EOF
}

@test "podman: memory, cpu and pids limits are in the cgroup" {
	scenario() {
		t once -m 32m --pids-limit 77 --cpu-shares 300 bb sh -c '
			cd /sys/fs/cgroup
			cat memory/memory.limit_in_bytes memory.max pids/pids.max pids.max cpu/cpu.shares cpu.weight 2>/dev/null; true'
		t once -m 16m bb sh -c 'x=$(head -c 64m /dev/zero | tr "\0" x); echo survived' | grep -v Killed
	}
	compare scenario <<-'EOF'
		33554432
		77
		300
		[137]
	EOF
}

@test "podman: top, kill, pause, cp, diff, stop, restart" {
	scenario() {
		keep bb sh -c 'trap "echo got usr1" USR1; trap "echo bye; exit 5" TERM; echo ready; while :; do sleep 0.1; done'
		until_ 'pm logs "$C" | grep ready'
		t pm top "$C" pid comm | grep -E "^(PID|1) "
		t pm kill -s USR1 "$C"
		until_ 'pm logs "$C" | grep usr1'
		t pm pause "$C"
		t pm inspect -f '{{.State.Status}}' "$C"
		t pm exec "$C" true
		t pm unpause "$C"
		echo copied >"$E/cp-$RT"
		t pm cp "$E/cp-$RT" "$C:/in"
		t pm exec "$C" cat /in
		t pm cp "$C:/in" "$E/back-$RT"
		cat "$E/back-$RT"
		t pm diff "$C"
		t pm stop "$C"
		t pm inspect -f '{{.State.Status}} {{.State.ExitCode}}' "$C"
		t pm restart "$C"
		until_ '[ "$(pm logs "$C" | grep -c ready)" = 2 ]'
		t pm logs "$C"
		t pm kill "$C"
		t pm wait "$C"
		t pm rm "$C"
	}
	compare scenario <<-'EOF'
		PID         COMMAND
		1           sh
		c
		c
		paused
		Error: can only create exec sessions on running containers: container state improper
		[255]
		c
		copied
		copied
		C /etc
		A /in
		c
		exited 5
		c
		ready
		got usr1
		bye
		ready
		c
		137
		c
	EOF
}

@test "podman: restart policy and healthcheck" {
	scenario() {
		keep --restart on-failure:2 bb sh -c 'echo once more; exit 4'
		until_ '[ "$(pm inspect -f "{{.RestartCount}} {{.State.Status}}" "$C")" = "2 exited" ]'
		t pm logs "$C"
		t pm rm "$C"
		keep --health-cmd 'test -e /healthy' --health-interval disable bb sleep 1000
		t pm healthcheck run "$C"
		t pm exec "$C" touch /healthy
		t pm healthcheck run "$C"
		t pm rm -f -t 0 "$C"
	}
	compare scenario <<-'EOF'
		once more
		once more
		once more
		c
		unhealthy
		[1]
		c
	EOF
}

@test "podman: an image built by a Dockerfile" {
	scenario() {
		local dir=$E/build-$RT
		mkdir -p "$dir"
		echo data >"$dir/data"
		printf 'FROM localhost/bb\nRUN echo built >/built && echo made:x:1234:1234::/: >>/etc/passwd && id made\nCOPY data /data\nUSER made\nCMD cat /built /data; id -u\n' >"$dir/Dockerfile"
		# buildah asks for ambient capabilities that are not inheritable; config.md wants a warning of it
		t pm build -q --runtime "$RT" --network none --cgroup-parent "$CGROUP/build-$RT" -t "built-$RT" "$dir" | grep -v 'capabilities.ambient: left out'
		t once "localhost/built-$RT"
		t pm rmi -f "localhost/built-$RT" >/dev/null
	}
	compare scenario <<-'EOF'
		ID
		built
		data
		1234
	EOF
}

@test "podman: networks: none, host, bridge, a container's" {
	scenario() {
		t once bb ls /sys/class/net
		t pm run --rm --network host bb ls /sys/class/net | grep -cx cni-podman0
		t pm run --rm bb sh -c 'ls /sys/class/net; ip -4 -o addr show eth0 | grep -c "inet 10.88."; ip route | grep -c ^default'
		pm run -d --name "$C" bb sleep 1000 >/dev/null
		[ "$(pm run --rm --network "container:$C" bb readlink /proc/self/ns/net)" = "$(pm exec "$C" readlink /proc/self/ns/net)" ] && echo shared
		t pm rm -f -t 0 "$C"
	}
	compare scenario <<-'EOF'
		lo
		1
		eth0
		lo
		1
		1
		shared
		c
	EOF
}

@test "podman: a published port; two services on one network, by name" {
	scenario() {
		local port=$((8000 + ${#RT}))
		pm run -d --name "$C" -p "$port:80" bb nc -ll -p 80 -e echo answer >/dev/null
		until_ in_world w sh -c "'$BUSYBOX nc -w 2 127.0.0.1 $port </dev/null | grep answer'"
		in_world w sh -c "$BUSYBOX nc -w 2 127.0.0.1 $port </dev/null"
		t pm rm -f -t 0 "$C"
		t pm network create "net-$RT"
		pm run -d --name "db-$RT" --network "net-$RT" bb nc -ll -p 5000 -e echo row >/dev/null
		until_ pm run --rm --network "net-$RT" bb sh -c "'nc -w 2 db-$RT 5000 </dev/null | grep row'"
		t pm run --rm --network "net-$RT" bb nc -w 2 "db-$RT" 5000
		t pm rm -f -t 0 "db-$RT"
		t pm network rm "net-$RT"
	}
	compare scenario <<-'EOF'
		answer
		c
		net
		row
		db
		net
	EOF
}

@test "podman: a pod shares net, ipc and uts, and pid when asked" {
	scenario() {
		local pod=pod-$RT ns podid
		podid=$(pm pod create --name "$pod" --share net,ipc,uts,pid --hostname podded --network none)
		pm run -d --pod "$pod" --name "$C" bb sleep 1000 >/dev/null
		t pm run --rm --pod "$pod" bb sh -c 'hostname; ps -o comm | sort | grep -E "catatonit|sleep"'
		for ns in net ipc uts pid mnt; do
			[ "$(pm run --rm --pod "$pod" bb readlink /proc/self/ns/$ns)" = "$(pm exec "$C" readlink /proc/self/ns/$ns)" ] && echo "$ns shared" || echo "$ns own"
		done
		t pm pod stop -t 0 "$pod" >/dev/null
		# "stopped" until podman's own cleanup has run
		until_ "pm inspect -f '{{.State.Status}}' $C | grep -x exited"
		t pm inspect -f '{{.State.Status}}' "$C"
		t pm pod start "$pod" >/dev/null
		t pm inspect -f '{{.State.Status}}' "$C"
		t pm pod rm -f -t 0 "$pod" >/dev/null
		# podman looks after those hierarchies that it knows
		left_cgroups | grep "$podid" | while read -r ns; do
			[ "$RT" != runbox ] || echo "left: $ns"
			rmdir "$ns"
		done
	}
	compare scenario <<-'EOF'
		podded
		catatonit
		sleep
		net shared
		ipc shared
		uts shared
		pid shared
		mnt own
		exited
		running
	EOF
}

@test "podman: without cgroups, and with a root that is a directory" {
	# the peers refuse --cgroups disabled, or have no such option
	CGROUP=
	[ "$(once --cgroups disabled bb cat /proc/self/cgroup)" = "$(cat /proc/self/cgroup)" ]
	run -0 once --rootfs "$E/image" cat /etc/passwd
	[[ $output == root:* ]]
}

# extension OBJECT: --annotation of it; older versions read it as a line of CSV
extension() {
	local note="org.runbox.config=$1"
	if pm create --annotation "$note" --name csv bb true >/dev/null 2>&1; then
		pm rm csv >/dev/null
	else
		note=\"${note//\"/\"\"}\"
	fi
	echo "--annotation=$note"
}

@test "podman: an annotation brings runbox's own init, a root to throw away, a limit of time" {
	run -0 pm run --rm --network none "$(extension '{"init":true,"ephemeral":true}')" bb sh -c 'echo x >/x; cat /x /proc/1/comm'
	[ "$output" = "x
runbox-init" ]
	# conmon has created it, and nobody is left to look at the clock but its init
	run -137 pm run --name timed --network none "$(extension '{"init":true,"ephemeral":true,"timeoutMs":1500}')" bb \
		sh -c 'echo x >/x; exec sleep 100'
	[[ $output == *"the time limit of 1500 ms was reached"* ]]
	[[ $(pm logs timed 2>&1) == *"the time limit of 1500 ms was reached"* ]]
	[[ $(pm diff timed) != *" /x"* ]]
	pm rm timed
	run ! pm run --rm --network none "$(extension '{"timeoutMs":1500}')" bb true
	[[ $output == *"nobody stays to keep the time limit"* ]]
}

@test "podman: twenty containers at once" {
	scenario() {
		local i pids=()
		for i in $(seq 20); do
			once --name "many-$i-$RT" bb sh -c "echo $i; exit $i" >"$E/many-$i-$RT" 2>&1 &
			pids+=($!)
		done
		for i in $(seq 20); do
			wait "${pids[i - 1]}"
			echo "$? $(cat "$E/many-$i-$RT")"
		done
	}
	local PEER=
	compare scenario < <(for i in $(seq 20); do echo "$i $i"; done)
}

@test "podman: nothing is left, in its world and on the host" {
	pm ps -aq | grep . && return 1
	same_picture w "$E/before"
	world_end w
	host_clean
}
