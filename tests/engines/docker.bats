#!/usr/bin/env bats
# docker.bats - dockerd, its containerd and the docker client with runbox in the place of runc
# timeout: 300
load engines

setup_file() {
	command -v dockerd >/dev/null && [ "$(id -u)" -eq 0 ] || return 0
	engines_begin
	world_begin w
	dockerd_begin w
	# the peer by its absolute path: "runc" in dockerd's own PATH is runbox, for its buildkit calls that
	command -v runc >/dev/null && export PEER=runc RT_PEER=peer
	dk import "$E/image.tar" bb >/dev/null
	RT=runbox dk run --rm bb true
	# from the first use on dockerd keeps a mount of the host's network namespace
	RT=runbox dk run --rm --network host bb true
	world_picture w >"$E/before"
}

teardown_file() {
	engines_end
}

setup() {
	needs_engines dockerd docker
}

teardown() {
	local id
	# what a failed scenario left would be in the way of the next
	[ -z "$BATS_TEST_COMPLETED" ] && [ -e "$E/w/pid" ] || return 0
	for id in $(dk ps -aq); do dk rm -f "$id" >/dev/null 2>&1 || true; done
}

# dk ARG...: docker; run and create get the runtime $RT
dk() {
	local args=("$@")
	case $1 in
	run | create) args=("$1" --runtime "$RT" "${@:2}") ;;
	esac
	dk_w w "${args[@]}"
}

once() {
	dk run --rm --network none "$@"
}

keep() {
	dk run -d --name "$C" --network none "$@" >/dev/null
}

@test "docker: runbox is its default runtime, by contrib's daemon.json" {
	run -0 dk info --format '{{.DefaultRuntime}} {{(index .Runtimes "runbox").Path}}'
	[ "$output" = "runbox $E/bin/runbox" ]
	dk_w w run -d --name probe --network none bb sleep 1000
	run -0 dk inspect -f '{{.HostConfig.Runtime}}' probe
	[ "$output" = runbox ]
	run -0 "$E/bin/runbox" --root "$E/w/exec/runtime-runc/moby" list -q
	[ "$output" = "$(dk inspect -f '{{.Id}}' probe)" ]
	dk rm -f probe
}

@test "docker: run, output and exit status" {
	scenario() {
		t once bb sh -c 'echo out; exit 7'
		t once bb sh -c 'echo err >&2'
		t once --init bb sh -c 'kill -9 $$'
		echo text | once -i bb cat
	}
	compare scenario <<-'EOF'
		out
		[7]
		err
		[137]
		text
	EOF
}

@test "docker: 127 for a missing program, 126 for a forbidden one, 125 for docker's own" {
	scenario() {
		local program
		for program in nothing /no/such /bin/plain /etc; do
			t once bb "$program" | grep -oE 'exec: "[^:]*".*: unknown|^\[.*'
		done
		t once --network none --no-such-option bb true 2>&1 | tail -1
		t once --mount type=bind,source=/no/such,target=/m bb true | grep -oE 'bind source path does not exist|^\[.*'
	}
	compare scenario <<-'EOF'
		exec: "nothing": executable file not found in $PATH: unknown
		[127]
		exec: "/no/such": stat /no/such: no such file or directory: unknown
		[127]
		exec: "/bin/plain": permission denied: unknown
		[126]
		exec: "/etc": permission denied: unknown
		[126]
		[125]
		bind source path does not exist
		[125]
	EOF
}

@test "docker: every client here gives the same exit status" {
	local client
	while read -r client; do
		DOCKER=$client
		run -127 once bb nothing
		run -126 once bb /bin/plain
		run -3 once bb sh -c 'exit 3'
	done < <(type -ap docker | xargs -n 1 realpath | sort -u)
}

@test "docker: exec with user, environment, directory, terminal, detached; its exit status" {
	scenario() {
		keep -e A=outer bb sleep 1000
		t dk exec "$C" id
		t dk exec -u user -e A=b -w /tmp "$C" sh -c 'id; echo $A $HOME; pwd'
		t dk exec -u 5:6 "$C" sh -c 'id -u; id -g; echo $A'
		t dk exec "$C" sh -c 'exit 9'
		t dk exec -t "$C" tty
		echo typed | dk exec -i "$C" cat
		t dk exec "$C" nothing | grep -oE 'exec: "[^:]*".*: unknown|^\[.*'
		t dk exec "$C" /bin/plain | grep -oE 'exec: "[^:]*".*: unknown|^\[.*'
		t dk exec -d "$C" sh -c 'echo there >/left'
		until_ dk exec "$C" test -s /left
		t dk exec "$C" cat /left
		t dk stop -t 0 "$C"
		t dk exec "$C" true | grep -oE 'is not running|^\[.*'
		t dk rm "$C"
	}
	compare scenario <<-'EOF'
		uid=0(root) gid=0(root) groups=0(root)
		uid=1000(user) gid=1000(user) groups=1000(user),2000(extra)
		b /home/user
		/tmp
		5
		6
		outer
		[9]
		/dev/pts/0
		typed
		exec: "nothing": executable file not found in $PATH: unknown
		[126]
		exec: "/bin/plain": permission denied: unknown
		[126]
		there
		c
		is not running
		[1]
		c
	EOF
}

@test "docker: terminal, attach and logs" {
	scenario() {
		t once -t bb tty
		keep -i bb sh -c 'read x; echo got $x; exit 3'
		# docker's client leaves when its input ends
		(
			echo word
			dk wait "$C" >/dev/null
		) | dk attach "$C"
		t dk wait "$C"
		t dk logs "$C"
		t dk rm "$C"
	}
	compare scenario <<-'EOF'
		/dev/pts/0
		got word
		3
		got word
		c
	EOF
}

@test "docker: hostname, user, directory, environment, read-only root, tmpfs, limits" {
	scenario() {
		t once --hostname here bb hostname
		t once -u user -w /tmp -e X=y bb sh -c 'id -un; pwd; echo $X $HOME'
		t once -u 77:88 --group-add 99 bb id
		t once --read-only --tmpfs /q:size=1m,mode=700 bb sh -c 'touch /q/x; grep -c " /q .*size=1024k,mode=700" /proc/mounts; touch /x 2>&1'
		t once --ulimit nofile=333:444 bb sh -c 'ulimit -n; ulimit -Hn'
		t once --oom-score-adj 300 bb cat /proc/self/oom_score_adj
		t once -w /not/there bb pwd
		t once --shm-size 7m bb grep -o ' /dev/shm .*size=7168k' /proc/mounts
		t once -m 32m --pids-limit 77 --cpu-shares 300 --cpuset-cpus 0 bb sh -c '
			cd /sys/fs/cgroup
			cat memory/memory.limit_in_bytes pids/pids.max cpu/cpu.shares cpuset/cpuset.cpus memory.max pids.max cpuset.cpus 2>/dev/null; true'
	}
	compare scenario <<-'EOF'
		here
		user
		/tmp
		y /home/user
		uid=77 gid=88 groups=88,99
		1
		touch: /x: Read-only file system
		[1]
		333
		444
		300
		/not/there
		 /dev/shm tmpfs rw,nosuid,nodev,noexec,relatime,size=7168k
		33554432
		77
		300
		0
	EOF
}

@test "docker: what cannot be: directory, user, kind of mount, device" {
	scenario() {
		keep bb sleep 1000
		t dk exec -w /missing "$C" true | grep -oE 'no such file or directory|^\[.*'
		t dk exec -u nosuch "$C" true
		t dk exec -u 99:nogrp "$C" true
		t dk exec "$C" /etc | grep -oE 'exec: "[^:]*".*: unknown|^\[.*'
		t dk rm -f "$C"
		t once -v "$E/image/etc/passwd:/home" bb true | grep -oE 'Are you trying to mount a directory onto a file|^\[.*'
		t once -v "$E/image/etc:/bin/busybox" bb true | grep -oE 'Are you trying to mount a directory onto a file|^\[.*'
		t once -v "$E/image/etc:/proc/x" bb true | grep -oE 'inside /proc|^\[.*'
		t once --hostname "$(printf %070d 1)" bb true | grep '^\['
		t once --device /dev/nosuch bb true | grep '^\['
	}
	compare scenario <<-'EOF'
		no such file or directory
		[126]
		unable to find user nosuch: no matching entries in passwd file
		[126]
		unable to find group nogrp: no matching entries in group file
		[126]
		exec: "/etc": permission denied: unknown
		[126]
		c
		Are you trying to mount a directory onto a file
		[125]
		Are you trying to mount a directory onto a file
		[125]
		inside /proc
		[125]
		[125]
		[127]
	EOF
}

@test "docker: cgroup namespaces, device rules, tmpfs and its mode, groups, stats, commit" {
	scenario() {
		t once --cgroupns host bb grep -c "$CGROUP/" /proc/self/cgroup | sed 's/^[1-9].*/the host/'
		t once --cgroupns private bb grep -c "$CGROUP/" /proc/self/cgroup
		t once --cpus 0.5 bb sh -c 'cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us /sys/fs/cgroup/cpu.max 2>/dev/null; true' | sed 's/ .*//'
		t once --device-cgroup-rule 'c 10:229 rwm' bb sh -c 'mknod /f c 10 229 && : </f && echo opened'
		t once --tmpfs /q:noexec,size=2m bb grep ' /q ' /proc/mounts
		t once --mount type=tmpfs,destination=/q,tmpfs-mode=700 bb stat -c %a /q
		t once --group-add extra --group-add 2000 -u user bb id
		keep bb sh -c 'echo made >/made; exec sleep 1000'
		until_ dk exec "$C" test -s /made
		t dk stats --no-stream --format '{{.PIDs}}' "$C"
		dk commit "$C" "kept-$RT" >/dev/null
		t once "kept-$RT" cat /made
		t dk rm -f "$C"
		dk rmi "kept-$RT" >/dev/null
	}
	compare scenario <<-'EOF'
		the host
		0
		[1]
		50000
		opened
		tmpfs /q tmpfs rw,nosuid,nodev,noexec,relatime,size=2048k 0 0
		700
		uid=1000(user) gid=1000(user) groups=1000(user),2000(extra)
		1
		made
		c
	EOF
}

@test "docker: a runtime with arguments, which dockerd calls by a script of its own" {
	run -0 dk_w w run --rm --runtime runbox-args --network none bb sh -c 'echo out; exit 0'
	[ "$output" = out ]
	# with --debug there is more than the error in the log that containerd reads
	run -127 dk_w w run --rm --runtime runbox-args --network none bb nothing
	[[ $output == *'exec: "nothing": executable file not found in $PATH'* ]]
}

@test "docker: capabilities, no-new-privileges, seccomp by default, by a profile, none" {
	cat >"$E/no-mkdir.json" <<-'EOF'
		{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
			{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 95}]}
	EOF
	scenario() {
		t once --cap-drop all --cap-add chown --cap-add net_raw bb grep Cap /proc/self/status
		t once -u user bb grep -E 'Cap(Prm|Eff|Bnd)' /proc/self/status
		t once --security-opt no-new-privileges bb grep NoNewPrivs /proc/self/status
		t once bb sh -c 'grep Seccomp: /proc/self/status; unshare -U true 2>&1'
		t once --security-opt "seccomp=$E/no-mkdir.json" bb sh -c 'touch /a && mkdir /b'
		t once --security-opt seccomp=unconfined bb sh -c 'grep Seccomp: /proc/self/status; unshare -U true && echo own'
	}
	compare scenario <<-'EOF'
		CapInh:	0000000000000000
		CapPrm:	0000000000002001
		CapEff:	0000000000002001
		CapBnd:	0000000000002001
		CapAmb:	0000000000000000
		CapPrm:	0000000000000000
		CapEff:	0000000000000000
		CapBnd:	00000000a80425fb
		NoNewPrivs:	1
		Seccomp:	2
		unshare: unshare(0x10000000): Operation not permitted
		[1]
		mkdir: can't create directory '/b': Operation not supported
		[1]
		Seccomp:	0
		own
	EOF
}

@test "docker: privileged, also on a host that lacks a capability" {
	scenario() {
		t once --privileged bb sh -c 'mount -t tmpfs x /tmp && test -e /dev/kmsg && grep Seccomp: /proc/self/status'
		keep bb sleep 1000
		t dk exec --privileged "$C" grep -cE 'CapEff:.*f.ffffff' /proc/self/status
		t dk rm -f "$C"
	}
	# runc 1.1 fails where it lacks one
	once --privileged bb true >/dev/null 2>&1 && RT=peer once --privileged bb true >/dev/null 2>&1 || ALONE=yes
	compare scenario <<-'EOF'
		Seccomp:	0
		1
		c
	EOF
}

@test "docker: devices, sysctl, init, the host's namespaces, a container's" {
	mknod "$E/fuse" c 10 229
	scenario() {
		t once --device "$E/fuse:/dev/words:r" bb sh -c ': </dev/words && echo read; { : >/dev/words; } 2>&1'
		t once --sysctl net.ipv4.ip_forward=1 --sysctl kernel.shmmni=123 bb cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/shmmni
		t once --init bb cat /proc/1/comm
		local ns
		for ns in pid ipc uts; do
			[ "$(once --$ns host bb readlink /proc/self/ns/$ns)" = "$(in_world w readlink /proc/self/ns/$ns)" ] && echo "$ns is the host's"
		done
		keep --ipc shareable bb sleep 1000
		t once --pid "container:$C" bb cat /proc/1/comm
		[ "$(once --ipc "container:$C" bb readlink /proc/self/ns/ipc)" = "$(dk exec "$C" readlink /proc/self/ns/ipc)" ] && echo "ipc is the container's"
		t dk rm -f "$C"
	}
	compare scenario <<-'EOF'
		read
		sh: can't create /dev/words: Operation not permitted
		[1]
		1
		123
		docker-init
		pid is the host's
		ipc is the host's
		uts is the host's
		sleep
		ipc is the container's
		c
	EOF
}

@test "docker: volumes: read-only, read-write, named, propagation" {
	scenario() {
		local v=$E/vol-$RT
		mkdir -p "$v"
		echo inside >"$v/file"
		t once -v "$v:/v:ro" bb sh -c 'cat /v/file; touch /v/x'
		t once -v "$v:/v" bb sh -c 'echo new >/v/x'
		cat "$v/x"
		t dk volume create "named-$RT"
		t once -v "named-$RT:/n" bb sh -c 'echo kept >/n/k'
		t once -v "named-$RT:/n:ro" bb cat /n/k
		t dk volume rm "named-$RT"
		in_world w sh -c "mount -t tmpfs t '$v' && mount --make-shared '$v' && mkdir '$v/sub'"
		keep -v "$v:/v:rslave" bb sleep 1000
		in_world w mount -t tmpfs later "$v/sub"
		t dk exec "$C" grep -c '^later /v/sub ' /proc/mounts
		t once -v "$v:/v:ro" bb grep -o ' /v/sub tmpfs ..' /proc/mounts
		t dk rm -f "$C"
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

@test "docker: top, kill, pause, cp, diff, update, stop, restart" {
	scenario() {
		keep bb sh -c 'trap "echo got usr1" USR1; trap "echo bye; exit 5" TERM; echo ready; while :; do sleep 0.1; done'
		until_ 'dk logs "$C" | grep ready'
		t dk top "$C" -o pid,comm | awk '$2 != "sleep" { print $2 }'
		t dk kill -s USR1 "$C"
		until_ 'dk logs "$C" | grep usr1'
		t dk pause "$C"
		t dk inspect -f '{{.State.Status}}' "$C"
		t dk exec "$C" true | grep -oE 'is paused|^\[.*'
		t dk unpause "$C"
		echo copied >"$E/cp-$RT"
		dk cp "$E/cp-$RT" "$C:/in" >/dev/null 2>&1
		t dk exec "$C" cat /in
		dk cp "$C:/in" - | tar -xO
		t dk diff "$C"
		t dk update --pids-limit 50 "$C"
		t dk exec "$C" sh -c 'cat /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max 2>/dev/null; true'
		t dk stop "$C"
		t dk inspect -f '{{.State.Status}} {{.State.ExitCode}}' "$C"
		t dk restart "$C"
		until_ '[ "$(dk logs "$C" | grep -c ready)" = 2 ]'
		t dk kill "$C"
		t dk wait "$C"
		t dk rm "$C"
	}
	compare scenario <<-'EOF'
		COMMAND
		sh
		c
		c
		paused
		is paused
		[1]
		c
		copied
		copied
		A /in
		c
		50
		c
		exited 5
		c
		c
		137
		c
	EOF
}

@test "docker: restart policy and healthcheck" {
	scenario() {
		keep --restart on-failure:2 bb sh -c 'echo once more; exit 4'
		until_ '[ "$(dk inspect -f "{{.RestartCount}} {{.State.Status}}" "$C")" = "2 exited" ]'
		t dk logs "$C"
		t dk rm "$C"
		keep --health-cmd 'test -e /healthy' --health-interval 200ms --health-retries 1 bb sleep 1000
		until_ '[ "$(dk inspect -f "{{.State.Health.Status}}" "$C")" = unhealthy ]'
		t dk exec "$C" touch /healthy
		until_ '[ "$(dk inspect -f "{{.State.Health.Status}}" "$C")" = healthy ]'
		t dk inspect -f '{{.State.Health.Status}}' "$C"
		t dk rm -f "$C"
	}
	compare scenario <<-'EOF'
		once more
		once more
		once more
		c
		healthy
		c
	EOF
}

@test "docker: an image built by the classic builder and by buildkit" {
	local dir=$E/build builder
	mkdir -p "$dir"
	echo data >"$dir/data"
	printf 'FROM bb\nRUN echo built >/built && echo made:x:1234:1234::/: >>/etc/passwd && id made\nCOPY data /data\nUSER made\nCMD cat /built /data; id -u\n' >"$dir/Dockerfile"
	for builder in 0 1; do
		DOCKER=/usr/bin/docker DOCKER_BUILDKIT=$builder run -0 dk build --network none -t "built$builder" "$dir"
		run -0 once "built$builder"
		[ "$output" = "built"$'\n'"data"$'\n'"1234" ]
		# a failing RUN: its status reaches the user
		printf 'FROM bb\nRUN exit 42\n' >"$dir/Dockerfile.bad"
		DOCKER=/usr/bin/docker DOCKER_BUILDKIT=$builder run dk build --force-rm --network none -f "$dir/Dockerfile.bad" "$dir"
		[ "$status" -ne 0 ]
		[[ $output == *42* ]]
		dk rmi -f "built$builder" >/dev/null
	done
	# buildkit kept its containers by runbox: the state root is there, and empty
	[ -z "$(find "$E/w/data/buildkit/executor" -mindepth 1 -name state.json)" ]
}

@test "docker: networks: none, host, bridge, a container's" {
	scenario() {
		t once bb ls /sys/class/net
		t dk run --rm --network host bb ls /sys/class/net | grep -cx docker0
		t dk run --rm bb sh -c 'ls /sys/class/net; ip -4 -o addr show eth0 | grep -c "inet 172."; ip route | grep -c ^default'
		dk run -d --name "$C" bb sleep 1000 >/dev/null
		[ "$(dk run --rm --network "container:$C" bb readlink /proc/self/ns/net)" = "$(dk exec "$C" readlink /proc/self/ns/net)" ] && echo shared
		t dk rm -f "$C"
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

@test "docker: a published port; two services on one network, by name" {
	scenario() {
		local port=$((8000 + ${#RT}))
		dk run -d --name "$C" -p "$port:80" bb nc -ll -p 80 -e echo answer >/dev/null
		until_ in_world w "$BUSYBOX" nc -w 2 127.0.0.1 "$port"
		t in_world w "$BUSYBOX" nc -w 2 127.0.0.1 "$port"
		t dk rm -f "$C"
		t dk network create "net-$RT" | wc -l
		dk run -d --name "db-$RT" --network "net-$RT" bb nc -ll -p 5000 -e echo row >/dev/null
		until_ dk run --rm --network "net-$RT" bb nc -w 2 "db-$RT" 5000
		t dk run --rm --network "net-$RT" bb nc -w 2 "db-$RT" 5000
		t dk rm -f "db-$RT"
		t dk network rm "net-$RT"
	}
	compare scenario <<-'EOF'
		answer
		c
		1
		row
		db
		net
	EOF
}

@test "docker: twenty containers at once" {
	scenario() {
		local i pids=()
		for i in $(seq 20); do
			once bb sh -c "echo $i; exit $i" >"$E/many-$i-$RT" 2>&1 &
			pids+=($!)
		done
		for i in $(seq 20); do
			wait "${pids[i - 1]}"
			echo "$? $(cat "$E/many-$i-$RT")"
		done
	}
	PEER=''
	compare scenario < <(for i in $(seq 20); do echo "$i $i"; done)
}

@test "docker: nothing is left, in its world and on the host" {
	emptied() { [ -z "$(dk ps -aq)" ]; }
	wait_for 15 emptied
	same_picture w "$E/before"
	world_end w
	host_clean
}
