#!/usr/bin/env bats
# update.bats - runbox update: each option, read back from the kernel, and all or nothing
# as: root root-systemd rootless rootless-systemd
# vm: first
load ../lib/helpers
load ../lib/layouts

setup() {
	rb_setup
	requires containers
}

start_web() {
	make_bundle web "$@"
	args web /bin/probe fork=2 pause=1
	start_bundle web
}

# is_v2 CONTROLLER: does v2 hold it, on the layout that `rb` sees?
is_v2() {
	! under "${LAYOUT:-as-is}" grep -qE " - cgroup [^ ]+ [^ ]*\<$1\>" /proc/self/mountinfo
}

# says FILE VALUE: compares a file of the container's cgroups
says() {
	local got
	got=$(cgroup_value web "$1")
	[ "$got" = "$2" ] || {
		echo "$1: expected $2, got $got" >&2
		return 1
	}
}

# needs_file FILE: skips when no cgroup of the container has it
needs_file() {
	cgroup_value web "$1" >/dev/null 2>&1 || skip "this kernel has no $1"
}

# memory LIMIT TOTAL: the two as the layout's files have them, TOTAL being memory and swap together
memory_is() {
	if is_v2 memory; then
		says memory.max "$1" || return 1
		if [ "$1" = max ]; then says memory.swap.max max; else says memory.swap.max $(($2 - $1)); fi
	else
		says memory.limit_in_bytes "${1/#max/9223372036854771712}" || return 1
		says memory.memsw.limit_in_bytes "${2/#max/9223372036854771712}"
	fi
}

has_swap_limit() {
	if is_v2 memory; then needs_file memory.swap.max; else needs_file memory.memsw.limit_in_bytes; fi
}

@test "update: memory and swap go up and down together" {
	start_web '.linux.resources.memory = {"limit": 33554432, "swap": 67108864}'
	has_swap_limit
	memory_is 33554432 67108864
	rb update --memory 128M --memory-swap 256m "$(cid web)"
	memory_is 134217728 268435456
	rb update "$(cid web)" --memory-swap=64MiB --memory=0.03125g
	memory_is 33554432 67108864
	rb update --memory 32M --memory-swap 32M "$(cid web)"
	memory_is 33554432 33554432
	rb update --memory -1 "$(cid web)"
	memory_is max max
}

@test "update: one of memory and swap leaves the sum or the limit as it was" {
	start_web '.linux.resources.memory = {"limit": 33554432, "swap": 67108864}'
	has_swap_limit
	rb update --memory 48M "$(cid web)"
	memory_is 50331648 67108864
	rb update --memory-swap 96M "$(cid web)"
	memory_is 50331648 100663296
	run -1 rb update --memory 128M "$(cid web)"
	[[ $output = *"set memory.swap"* ]]
	memory_is 50331648 100663296
}

@test "update: CPU options" {
	start_web '.linux.resources.cpu.shares = 1024'
	rb update --cpu-quota 50000 --cpu-period 200000 --cpu-share 512 "$(cid web)"
	if is_v2 cpu; then
		says cpu.max '50000 200000'
		says cpu.weight 59
	else
		says cpu.cfs_quota_us 50000
		says cpu.cfs_period_us 200000
		says cpu.shares 512
	fi
	# one without the other; burst within the quota; and no quota again
	rb update --cpu-quota 80000 --cpu-burst 10000 "$(cid web)"
	rb update --cpu-period 100000 "$(cid web)"
	if is_v2 cpu; then
		says cpu.max '80000 100000'
		says cpu.max.burst 10000
	else
		says cpu.cfs_quota_us 80000
		says cpu.cfs_period_us 100000
		says cpu.cfs_burst_us 10000
	fi
	rb update --cpu-burst 0 --cpu-quota -1 "$(cid web)"
	rb update --cpu-idle 1 "$(cid web)"
	says cpu.idle 1
	rb update --cpu-idle 0 "$(cid web)"
	if is_v2 cpu; then says cpu.max 'max 100000'; else says cpu.cfs_quota_us -1; fi
}

@test "update: real-time options" {
	start_web
	needs_file cpu.rt_period_us
	rb update --cpu-rt-period 500000 "$(cid web)"
	says cpu.rt_period_us 500000
	# no parent has a budget, so the runtime fails, and the period is what it was
	run -1 rb update --cpu-rt-period 400000 --cpu-rt-runtime 100000 "$(cid web)"
	[[ $output = *cpu.realtimeRuntime* ]]
	says cpu.rt_period_us 500000
}

@test "update: cpuset and pids" {
	start_web '.linux.resources.cpu.cpus = "0"'
	rb update --cpuset-cpus 0 --cpuset-mems 0 --pids-limit 50 "$(cid web)"
	says cpuset.cpus 0
	says cpuset.mems 0
	says pids.max 50
	rb update --pids-limit -1 "$(cid web)"
	says pids.max max
}

@test "update: a container made without any limit gets its controllers" {
	start_web
	rb update --pids-limit 50 "$(cid web)"
	says pids.max 50
}

@test "update: the weight of I/O" {
	start_web '.linux.resources.pids.limit = 100'
	local file want
	for file in blkio.weight blkio.bfq.weight io.bfq.weight io.weight; do
		if cgroup_value web $file >/dev/null 2>&1; then break; fi
		file=
	done
	[ -n "$file" ] || skip "no I/O scheduler of this kernel has weights"
	rb update --blkio-weight 200 "$(cid web)"
	case $file in
	io.weight) want='default 1920' ;;
	io.bfq.weight) want='default 200' ;;
	*) want=200 ;;
	esac
	says $file "$want"
}

@test "update: memory reservation and TCP memory" {
	start_web '.linux.resources.memory.limit = 67108864'
	rb update --memory-reservation 16M "$(cid web)"
	if is_v2 memory; then
		says memory.low 16777216
		run -1 rb update --kernel-memory-tcp 1M "$(cid web)"
		[[ $output = *memory.kernelTCP* ]]
	else
		says memory.soft_limit_in_bytes 16777216
		rb update --kernel-memory-tcp 1M "$(cid web)"
		says memory.kmem.tcp.limit_in_bytes 1048576
	fi
	# nothing any more, on any kernel of these days
	rb update --kernel-memory 16M "$(cid web)"
}

@test "update: --resources from a file and from stdin, as engines send it" {
	start_web
	echo '{"pids": {"limit": 77}, "memory": {"limit": 67108864}, "unified": null, "devices": null}' >"$T/r.json"
	rb update --resources "$T/r.json" "$(cid web)"
	says pids.max 77
	rb update --resources=- "$(cid web)" <<<'{"pids": {"limit": 78}, "cpu": {"shares": 0}}'
	says pids.max 78
	# the file alone counts
	rb update -r - --pids-limit 99 "$(cid web)" <<<'{"memory": {"limit": 0}}'
	says pids.max 78
	fails 1 "--resources: $T/none does not exist" rb update -r "$T/none" "$(cid web)"
	run -1 rb update -r - "$(cid web)" <<<'{"pids": {"limit": "many"}}'
	[[ $output = *pids.limit* ]]
	run -1 rb update -r - "$(cid web)" <<<'{"pids": {"limit": 3}} trailing'
	says pids.max 78
}

@test "update: all or nothing" {
	start_web '.linux.resources = {"memory": {"limit": 67108864, "reservation": 8388608}, "pids": {"limit": 60},
		"cpu": {"quota": 50000, "period": 100000, "shares": 512, "cpus": "0"}}'
	local files=(pids.max cpuset.cpus) before f
	if is_v2 memory; then files+=(memory.max memory.low cpu.max cpu.weight); else files+=(
		memory.limit_in_bytes memory.soft_limit_in_bytes cpu.cfs_quota_us cpu.cfs_period_us cpu.shares); fi
	picture() { for f in "${files[@]}"; do echo "$f $(cgroup_value web "$f")"; done; }
	before=$(picture)
	# processor 4000 is on no machine of ours: refused after most of the others were written
	run -1 rb update -r - "$(cid web)" <<-EOF
		{"memory": {"limit": 134217728, "reservation": 16777216},
		 "pids": {"limit": 61}, "cpu": {"quota": 70000, "period": 90000, "shares": 700, "cpus": "4000"}}
	EOF
	[[ $output = *cpu.cpus* ]]
	[ "$(picture)" = "$before" ]
	# and the last one written, by a file that does not exist
	if [ "$(stat -f -c %T /sys/fs/cgroup)" = cgroup2fs ]; then
		run -1 rb update -r - "$(cid web)" <<<'{"pids": {"limit": 61}, "cpu": {"quota": 70000}, "unified": {"pids.nonsense": "1"}}'
		[ "$(picture)" = "$before" ]
	fi
	# what is fine alone is taken
	rb update --pids-limit 61 "$(cid web)"
	[ "$(picture)" != "$before" ]
}

@test "update: checkBeforeUpdate refuses a limit below what is used" {
	start_web '.linux.resources.memory = {"limit": 67108864, "checkBeforeUpdate": true}'
	local used file=memory.usage_in_bytes
	is_v2 memory && file=memory.current
	used=$(cgroup_value web $file)
	[ "$used" -gt 8192 ]
	run -1 rb update --memory 4096 "$(cid web)"
	[[ $output = *"memory.limit"* ]]
	assert_status web running
	if is_v2 memory; then says memory.max 67108864; else says memory.limit_in_bytes 67108864; fi
}

@test "update: created, paused and stopped containers" {
	make_bundle web
	args web /bin/probe pause=1
	create_bundle web
	rb update --pids-limit 40 "$(cid web)"
	says pids.max 40
	rb start "$(cid web)"
	rb pause "$(cid web)"
	rb update --pids-limit 41 "$(cid web)"
	says pids.max 41
	assert_status web paused
	rb kill "$(cid web)" KILL
	wait_status web stopped
	fails 1 "cannot update container $(cid web): it is stopped" rb update --pids-limit 42 "$(cid web)"
	fails 1 "container nobody-$SUFFIX does not exist" rb update --pids-limit 1 "nobody-$SUFFIX"
}

@test "update: words that are no numbers are refused before anything is done" {
	local o
	start_web '.linux.resources.pids.limit = 60'
	for o in memory=12x memory=-2 memory=1.2.3M memory=M memory=9999999999g cpu-share=-1 cpu-quota=1.5 \
		blkio-weight=70000 pids-limit=many cpu-idle=; do
		run -1 rb update --pids-limit 61 "--$o" "$(cid web)"
		[[ $output = *"--${o%%=*}:"* ]]
		says pids.max 60
	done
}

# --- device rules: v1 files, v2 program ---

# refused DEVICE: is it the rules that keep it away (EPERM)? A device that is not there is another matter.
refused() {
	SEEN=$(rb exec "$(cid web)" /bin/probe "try=$1")
	[ "$(jq ".try.\"$1\".open" <<<"$SEEN")" -eq 1 ]
}

devices() {
	requires root
	in_layout "$1"
	make_bundle web '.linux.devices = [{"path": "/dev/blk", "type": "b", "major": 7, "minor": 1}]'
	args web /bin/probe pause=1
	start_bundle web
	refused /dev/blk
	rb update -r - "$(cid web)" <<<'{"devices": [{"allow": true, "type": "b", "major": 7, "minor": 1, "access": "rw"}]}'
	run ! refused /dev/blk
	run ! refused /dev/null
	# other limits leave the rules as they are
	rb update -r - "$(cid web)" <<<'{"cpu": {"shares": 0}}'
	run ! refused /dev/blk
	rb update -r - "$(cid web)" <<<'{"devices": [{"allow": false, "access": "rwm"}]}'
	refused /dev/blk
	run ! refused /dev/null
	rb delete --force "$(cid web)"
	leaks
}

@test "update: devices (v1)" { devices v1; }
@test "update: devices (v2)" { devices v2; }
@test "update: devices (the host's own layout)" { devices as-is; }

never_less() {
	in_layout "$1"
	make_bundle web
	# opens /dev/zero as fast as it can and ends at the first failure
	args web /bin/sh -c 'while : </dev/zero; do :; done'
	start_bundle web
	local i
	for ((i = 0; i < 25; i++)); do
		rb update -r - "$(cid web)" <<<'{"devices": [{"allow": true, "type": "b", "major": 7, "minor": 1, "access": "rw"}]}'
		rb update -r - "$(cid web)" <<<'{"devices": [{"allow": false, "access": "rwm"}]}'
	done
	assert_status web running
}

@test "update: a device that stays allowed is never out of reach (v1)" { requires busybox && never_less v1; }
@test "update: a device that stays allowed is never out of reach (v2)" { requires busybox && never_less v2; }
@test "update: a device that stays allowed is never out of reach (the host's own layout)" {
	requires busybox && never_less as-is
}
