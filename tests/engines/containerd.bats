#!/usr/bin/env bats
# containerd.bats - containerd and ctr with runbox in the place of runc, by its shim io.containerd.runc.v2
# timeout: 120
load engines

setup_file() {
	command -v containerd >/dev/null && [ "$(id -u)" -eq 0 ] || return 0
	engines_begin
	world_begin w
	containerd_begin
	command -v runc >/dev/null && export PEER=runc RT_PEER=runc
	once first true
	world_picture w >"$E/before"
}

teardown_file() {
	engines_end
}

setup() {
	needs_engines containerd ctr python3
}

teardown() {
	[ -z "$BATS_TEST_COMPLETED" ] && [ -e "$E/w/pid" ] || return 0
	local id
	for id in $(ct tasks ls -q); do ct tasks rm -f "$id" >/dev/null 2>&1 || true; done
	for id in $(ct containers ls -q); do ct containers rm "$id" >/dev/null 2>&1 || true; done
}

containerd_begin() {
	local dir=$E/w
	config containerd-config.toml "$dir/config.toml"
	SECONDS_MAX=0 in_world w containerd --config "$dir/config.toml" --root "$dir/root" --state "$dir/state" \
		--address "$dir/sock" >"$dir/containerd.log" 2>&1 </dev/null 3>&- 4>&- &
	wait_for 30 ct version >/dev/null 2>&1 || {
		tail -20 "$dir/containerd.log" >&2
		return 1
	}
}

# ct ARG...: ctr; containerd's namespace is the parent of its cgroups
ct() {
	in_world w ctr --address "$E/w/sock" --namespace "${CGROUP#/}" "$@"
}

# path_of RUNTIME: its program
path_of() {
	case $1 in
	runbox) echo "$E/bin/runbox" ;;
	*) command -v "$1" ;;
	esac
}

# ctr_run ID OPTION... -- COMMAND...: `ctr run` of a container with the image's root; ids are a runtime's own
ctr_run() {
	local id=$1-$RT options=()
	shift
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	# ctr gives a root without an image no PATH; runbox has one for such containers, runc has not
	ct run --env PATH=/bin --runc-binary "$(path_of "$RT")" "${options[@]}" --rootfs "$E/image" "$id" "$@"
}

once() {
	local id=$1
	shift
	ctr_run "$id" --rm -- "$@"
}

@test "containerd: takes contrib's config.toml; runbox is the default of CRI" {
	run -0 in_world w containerd --config "$E/w/config.toml" config dump
	[[ $output == *'default_runtime_name = "runbox"'* ]]
	[[ $output == *"BinaryName = \"$E/bin/runbox\""* ]]
	run -0 ct plugins ls
	[[ $output =~ io.containerd.grpc.v1[[:space:]]+cri[[:space:]]+linux/amd64[[:space:]]+ok ]]
	# the handler of the RuntimeClass is the name of that runtime
	grep -qx 'handler: runbox' "$CONTRIB/kubernetes-runtimeclass.yaml"
}

@test "containerd: run, output and exit status" {
	scenario() {
		t once a sh -c 'echo out; exit 7'
		t once b sh -c 'echo err >&2'
		# not cat: ctr may miss the end of an input that is there from the start
		echo text | once c head -n 1
		t ctr_run e --rm --env A=b --cwd /tmp -- sh -c 'echo $A; pwd; id -u; hostname'
		t ctr_run f --rm --read-only -- touch /x
		t ctr_run g --rm --mount "type=bind,src=$E/image/etc,dst=/mnt,options=rbind:ro" -- cat /mnt/group
	}
	compare scenario <<-'EOF'
		out
		[7]
		err
		text
		b
		/tmp
		0
		vm
		touch: /x: Read-only file system
		[1]
		root:x:0:
		user:x:1000:
		extra:x:2000:user
	EOF
}

@test "containerd: texts of a missing and of a forbidden program" {
	scenario() {
		t once a nothing | grep -oE 'exec: "[^:]*".*: unknown|^\[.*'
		t once b /bin/plain | grep -oE 'exec: "[^:]*".*: unknown|^\[.*'
	}
	compare scenario <<-'EOF'
		exec: "nothing": executable file not found in $PATH: unknown
		[1]
		exec: "/bin/plain": permission denied: unknown
		[1]
	EOF
}

@test "containerd: exec, ps, pause, resume, kill, delete" {
	scenario() {
		ctr_run a -d -- sh -c 'trap "exit 5" TERM; while :; do sleep 0.1; done' >/dev/null
		t ct tasks exec --exec-id x1 "a-$RT" sh -c 'echo in; exit 9'
		pty_in_world w ctr --address "$E/w/sock" --namespace "${CGROUP#/}" tasks exec --exec-id x2 --tty "a-$RT" tty | grep -v ERRO # a terminal that ended before it got its size
		t ct tasks exec --exec-id x3 --user 7:8 --cwd /etc "a-$RT" sh -c 'id -u; pwd'
		t ct tasks exec --exec-id x4 "a-$RT" nothing | grep -oE 'exec: "[^:]*".*: unknown|^\[.*'
		t ct tasks ps "a-$RT" | awk 'NR == 1 { print $1 } END { print (NR > 1) ? "some" : "none" }'
		t ct tasks pause "a-$RT"
		ct tasks ls | awk -v id="a-$RT" '$1 == id { print $3 }'
		t ct tasks exec --exec-id x5 "a-$RT" true | grep -oiE 'paused|^\[.*'
		t ct tasks resume "a-$RT"
		ct tasks ls | awk -v id="a-$RT" '$1 == id { print $3 }'
		t ct tasks metrics "a-$RT" | grep -c memory
		t ct tasks kill "a-$RT"
		until_ 'ct tasks ls | grep "a-$RT .*STOPPED"'
		t ct tasks kill "a-$RT" | grep -oiE 'not found|already finished|^\[.*'
		t ct tasks rm "a-$RT" | grep -o 'exited with.*'
		t ct containers rm "a-$RT"
	}
	compare scenario <<-'EOF'
		in
		[9]
		/dev/pts/0
		7
		/etc
		exec: "nothing": executable file not found in $PATH: unknown
		[1]
		PID
		some
		PAUSED
		paused
		[1]
		RUNNING
		3
		already finished
		not found
		[1]
	EOF
}

@test "containerd: limits, devices, seccomp, privileged" {
	scenario() {
		ctr_run a -d --memory-limit 33554432 --cpu-quota 50000 --cpu-period 100000 -- sleep 1000
		cat "/sys/fs/cgroup/"{memory$CGROUP/a-$RT/memory.limit_in_bytes,cpu$CGROUP/a-$RT/cpu.cfs_quota_us} 2>/dev/null ||
			sed 's/ .*//' "/sys/fs/cgroup$CGROUP/a-$RT/"{memory.max,cpu.max}
		t ct tasks rm -f "a-$RT" | grep -v 'exit code 137'
		t ct containers rm "a-$RT"
		t ctr_run b --rm --seccomp -- grep Seccomp: /proc/self/status
		t ctr_run c --rm -- grep Seccomp: /proc/self/status
		t ctr_run d --rm --device /dev/full -- sh -c 'echo x >/dev/full'
		t ctr_run e --rm --net-host -- ls /sys/class/net
	}
	compare scenario <<-'EOF'
		33554432
		50000
		Seccomp:	2
		Seccomp:	0
		sh: write error: No space left on device
		[1]
		lo
	EOF
}

@test "containerd: twenty containers at once" {
	scenario() {
		local i pids=()
		for i in $(seq 20); do
			once "many-$i" sh -c "echo $i; exit $i" >"$E/many-$i-$RT" 2>&1 &
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

@test "containerd: nothing is left, in its world and on the host" {
	ct containers ls -q | grep . && return 1
	same_picture w "$E/before"
	world_end w
	host_clean
}
