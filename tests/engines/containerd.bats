#!/usr/bin/env bats
# containerd.bats - containerd and ctr with runbox in the place of runc, by its shim io.containerd.runc.v2
# timeout: 240
load engines

setup_file() {
	command -v containerd >/dev/null && [ "$(id -u)" -eq 0 ] || return 0
	engines_begin
	world_begin w
	containerd_begin
	command -v runc >/dev/null && export PEER=runc RT_PEER=runc
	once first true
	[ -z "$(command -v curl)" ] || cri_images
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
	cri_config >>"$dir/config.toml"
	SECONDS_MAX=0 in_world w containerd --config "$dir/config.toml" --root "$dir/root" --state "$dir/state" \
		--address "$dir/sock" >"$dir/containerd.log" 2>&1 </dev/null 3>&- 4>&- &
	wait_for 30 ct version >/dev/null 2>&1 || {
		tail -20 "$dir/containerd.log" >&2
		return 1
	}
}

# cri_config: what of CRI is not for contrib's file to say: the peer as a second handler, and a network
cri_config() {
	local dir=$E/w
	mkdir -p "$dir/net.d"
	cat >"$dir/net.d/10-cri.conflist" <<-EOF
		{"cniVersion": "0.4.0", "name": "cri", "plugins": [{"type": "bridge", "bridge": "cri0", "isGateway": true,
			"ipam": {"type": "host-local", "dataDir": "$dir/leases", "ranges": [[{"subnet": "10.77.0.0/24"}]]}}]}
	EOF
	# a sandbox gets an oom_score_adj below ours, which a host without CAP_SYS_RESOURCE refuses
	cat <<-EOF

		[plugins."io.containerd.grpc.v1.cri"]
		  restrict_oom_score_adj = true

		[plugins."io.containerd.grpc.v1.cri".cni]
		  bin_dir = "/usr/lib/cni"
		  conf_dir = "$dir/net.d"

		[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.peer]
		  runtime_type = "io.containerd.runc.v2"

		[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.peer.options]
		  BinaryName = "$(command -v runc || echo /none)"
	EOF
}

# image NAME ENTRYPOINT: the image's root as a docker archive, in the namespace of CRI
image() {
	local dir=$E/archive
	mkdir -p "$dir"
	ln -f "$E/image.tar" "$dir/layer.tar"
	jq -n --arg d "sha256:$(sha256sum <"$E/image.tar" | cut -d' ' -f1)" --argjson e "$2" '{architecture: "amd64", os: "linux",
		config: {Entrypoint: $e, Env: ["PATH=/bin"]}, rootfs: {type: "layers", diff_ids: [$d]}}' >"$dir/config.json"
	jq -n --arg n "$1" '[{Config: "config.json", RepoTags: [$n], Layers: ["layer.tar"]}]' >"$dir/manifest.json"
	tar -C "$dir" -cf "$E/archive.tar" manifest.json config.json layer.tar
	in_world w ctr --address "$E/w/sock" --namespace k8s.io images import --all-platforms "$E/archive.tar" >/dev/null
}

# cri_images: the one that sandboxes get by default, and ours
cri_images() {
	image registry.k8s.io/pause:3.6 '["/bin/sleep", "100000"]'
	image docker.io/library/bb:1 '["/bin/sh", "-c"]'
}

# cri METHOD JSON [JQ]: a call, and what the program makes of the answer
cri() {
	in_world w "$ENGINES/cri.py" "$E/w/sock" "$1" "$2" | jq -r "${3:-empty}"
}

# sandbox NAME [JQ]: its configuration, in a variable that scenarios use: $sandbox
sandbox() {
	sandbox=$(jq -nc --arg n "$1-$RT" --arg c "$CGROUP/$1-$RT" --arg l "$E/logs-$RT" "{metadata: {name: \$n, uid: \$n, namespace: \"default\"},
		hostname: \"podded\", log_directory: \$l, linux: {cgroup_parent: \$c}} | ${2:-.}")
}

# run_pod: by the RuntimeClass' handler, whose name is the runtime's
run_pod() {
	cri RunPodSandbox "{\"config\": $sandbox, \"runtime_handler\": \"$RT\"}" .pod_sandbox_id
}

# run_in POD NAME COMMAND [JQ]: a container of the pod
run_in() {
	local id
	id=$(cri CreateContainer "$(jq -nc --arg p "$1" --arg n "$2" --arg c "$3" --argjson s "$sandbox" "{pod_sandbox_id: \$p, sandbox_config: \$s,
		config: ({metadata: {name: \$n}, image: {image: \"docker.io/library/bb:1\"}, args: [\$c], log_path: (\$n + \".log\")} | ${4:-.})}")" .container_id)
	cri StartContainer "{\"container_id\": \"$id\"}"
	echo "$id"
}

# in_pod CONTAINER COMMAND: kubectl exec without its stream: output, errors, [status]
in_pod() {
	cri ExecSync "$(jq -nc --arg i "$1" --arg c "$2" '{container_id: $i, cmd: ["sh", "-c", $c], timeout: 20}')" \
		'(.stdout // ""), (.stderr // ""), (if .exit_code then "[\(.exit_code)]" else "" end) | select(. != "") | rtrimstr("\n")'
}

state_of() {
	cri ContainerStatus "{\"container_id\": \"$1\"}" '.status[0] | "\(.state) \(.exit_code // 0) \(.reason // "")"'
}

end_pod() {
	cri StopPodSandbox "{\"pod_sandbox_id\": \"$1\"}"
	cri RemovePodSandbox "{\"pod_sandbox_id\": \"$1\"}"
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

# Before a command: ends a moment later than it. ctr may lose what was said just before the end.
LINGER=(sh -c '"$@"; r=$?; sleep 0.2; exit $r' sh)

once() {
	local id=$1
	shift
	ctr_run "$id" --rm -- "${LINGER[@]}" "$@"
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
		t ctr_run e --rm --env A=b --cwd /tmp -- "${LINGER[@]}" sh -c 'echo $A; pwd; id -u; hostname'
		t ctr_run f --rm --read-only -- "${LINGER[@]}" touch /x
		t ctr_run g --rm --mount "type=bind,src=$E/image/etc,dst=/mnt,options=rbind:ro" -- "${LINGER[@]}" cat /mnt/group
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
		t ctr_run a --rm -- nothing | grep -oE 'exec: "[^:]*".*: unknown|^\[.*'
		t ctr_run b --rm -- /bin/plain | grep -oE 'exec: "[^:]*".*: unknown|^\[.*'
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
		t ctr_run b --rm --seccomp -- "${LINGER[@]}" grep Seccomp: /proc/self/status
		t ctr_run c --rm -- "${LINGER[@]}" grep Seccomp: /proc/self/status
		t ctr_run d --rm --device /dev/full -- "${LINGER[@]}" sh -c 'echo x >/dev/full'
		t ctr_run e --rm --net-host -- "${LINGER[@]}" ls /sys/class/net
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

@test "containerd: a pod by CRI, its handler is contrib's RuntimeClass" {
	command -v curl >/dev/null || skip "needs the program curl"
	local RT_PEER=peer
	scenario() {
		local sandbox pod a b ns
		sandbox pod
		pod=$(run_pod)
		a=$(run_in "$pod" a 'echo out; echo err >&2; trap "exit 5" TERM; while :; do sleep 0.1; done')
		b=$(run_in "$pod" b 'exec sleep 1000' '.envs = [{key: "A", value: "b"}] | .working_dir = "/tmp" | .linux.resources = {memory_limit_in_bytes: 33554432}
			| .linux.security_context = {run_as_user: {value: 1000}, readonly_rootfs: 1, no_new_privs: 1, capabilities: {drop_capabilities: ["ALL"]}}')
		for ns in net ipc uts pid mnt; do
			[ "$(in_pod "$a" "readlink /proc/self/ns/$ns")" = "$(in_pod "$b" "readlink /proc/self/ns/$ns")" ] && echo "$ns shared" || echo "$ns own"
		done
		in_pod "$a" 'hostname; id -u; ps -o comm | grep -c sleep; echo oops >&2; exit 9'
		in_pod "$b" 'id -u; pwd; echo $A; touch /x; grep -E "CapEff|NoNewPrivs" /proc/self/status'
		in_pod "$b" 'cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null; true'
		cri UpdateContainerResources "{\"container_id\": \"$b\", \"linux\": {\"memory_limit_in_bytes\": 50331648}}"
		in_pod "$b" 'cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null; true'
		t cri ExecSync "{\"container_id\": \"$a\", \"cmd\": [\"nothing\"]}" | grep -oE 'exec: "[^:]*".*: unknown'
		state_of "$a"
		cri StopContainer "{\"container_id\": \"$a\", \"timeout\": 10}"
		state_of "$a"
		cri StopContainer "{\"container_id\": \"$b\"}"
		state_of "$b"
		sed -E 's/^[^ ]+ //' "$E/logs-$RT/a.log" | sort
		cri RemoveContainer "{\"container_id\": \"$a\"}"
		end_pod "$pod"
	}
	compare scenario <<-'EOF'
		net shared
		ipc shared
		uts shared
		pid shared
		mnt own
		podded
		0
		3
		oops
		[9]
		1000
		/tmp
		b
		CapEff:	0000000000000000
		NoNewPrivs:	1
		touch: /x: Read-only file system
		33554432
		50331648
		exec: "nothing": executable file not found in $PATH: unknown
		1 0
		2 5 Error
		2 137 Error
		stderr F err
		stdout F out
	EOF
}

@test "containerd: pods with the node's namespaces, a volume, a privileged container, a failing program" {
	command -v curl >/dev/null || skip "needs the program curl"
	local RT_PEER=peer
	scenario() {
		local sandbox pod a ns v=$E/cri-vol-$RT
		mkdir "$v"
		in_world w sh -c "mount -t tmpfs v '$v' && mount --make-shared '$v' && mkdir '$v/sub'"
		sandbox node '.linux.security_context = {namespace_options: {network: 2, pid: 2, ipc: 2}, privileged: 1} | del(.hostname)'
		pod=$(run_pod)
		a=$(run_in "$pod" a 'exec sleep 1000' ".mounts = [{container_path: \"/v\", host_path: \"$v\", propagation: 1}] | .linux.security_context = {namespace_options: {network: 2, pid: 2, ipc: 2}, privileged: 1}")
		for ns in net pid ipc; do
			[ "$(in_pod "$a" "readlink /proc/self/ns/$ns")" = "$(in_world w readlink /proc/self/ns/$ns)" ] && echo "$ns is the node's"
		done
		in_pod "$a" 'mount -t tmpfs x /tmp && echo mounted; test -e /dev/kmsg && echo devices; echo kept >/v/file'
		in_world w cat "$v/file"
		in_world w mount -t tmpfs later "$v/sub"
		in_pod "$a" 'grep -c "^later /v/sub " /proc/mounts'
		end_pod "$pod"
		in_world w umount -R "$v"
		sandbox bad
		pod=$(run_pod)
		t run_in "$pod" a x '.command = ["/no/such"]' | grep -oE 'exec: .*: unknown'
		a=$(run_in "$pod" own 'exec sleep 1000' '.linux.security_context = {namespace_options: {pid: 1}}')
		in_pod "$a" 'cat /proc/1/comm'
		end_pod "$pod"
		cri ListPodSandbox '{}' ".items // [] | map(select(.runtime_handler == \"$RT\")) | length"
	}
	# what a host lacks is an error for runc 1.1 when a container is privileged
	has_cap cap_sys_resource || ALONE=yes
	compare scenario <<-'EOF'
		net is the node's
		pid is the node's
		ipc is the node's
		mounted
		devices
		kept
		1
		exec: "/no/such": stat /no/such: no such file or directory: unknown
		sleep
		0
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
	# the peer leaves the pods' own cgroups, which a kubelet would look after; runbox those that it has not made
	left_cgroups | grep -- '-peer$' | while read -r pod; do rmdir "$pod"; done
	same_picture w "$E/before"
	world_end w
	host_clean
}
