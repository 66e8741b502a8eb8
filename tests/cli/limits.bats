#!/usr/bin/env bats
# limits.bats - every field of linux.resources, set and read back from the kernel's files
#
# One row a field: what is put into the config, the controller, and what which file says then on v1 and on
# v2. Each layout that this host can show goes through all rows. A field that runbox refuses there is fine
# only if v2 has nothing like it, or no hierarchy of that layout has the controller, or the kernel not the
# file; and the refusal names the field. What was seen is printed as "# limits FIELD|LAYOUT|FILE = VALUE",
# and of refusals "— REASON": tests/lib/limits-table makes a table of such lines out of the logs of all
# machines (make check-limits), and fails for a field that no machine has shown.
# timeout: 600
# vm: first
load ../lib/helpers
load ../lib/layouts

setup() {
	rb_setup
	requires root unshare
	R=.linux.resources
	NET_CLS=
}

teardown() {
	if any_left; then end_all; fi
	[ -z "$NET_CLS" ] || wait_for 10 is_unused
	rb_teardown
}

# The hierarchy of net_cls is as unused as before? One that still has a dying cgroup when it is unmounted stays,
# unmounted, and other programs stumble over its line in /proc/self/cgroup: the next mount and unmount end it.
is_unused() {
	[ "$(awk '$1 == "net_cls" { print $2 }' /proc/cgroups)" -eq 0 ] && return
	# shellcheck disable=SC2016 # for the inner shell
	unshare -m --propagation private sh -c 'mount -t cgroup -o net_cls,net_prio none "$0" && umount "$0"' "$T/net_cls"
	return 1
}

# The rows: FIELD | EDIT | CONTROLLER | FILE = VALUE on v1 | on v2. "-": there is no such thing. Where the
# kernel has several files for one field they are separated by a comma, and the first that is there counts.
# DEV is a disk of this host, as MAJOR:MINOR, BFQ one with that scheduler, or what is no disk.
rows() {
	local dev='"major": MAJ, "minor": MIN' bfq='"major": BFQMAJ, "minor": BFQMIN'
	cat <<-ROWS
		memory.limit | $R.memory.limit = 67108864 | memory | memory.limit_in_bytes = 67108864 | memory.max = 67108864
		memory.reservation | $R.memory.reservation = 16777216 | memory | memory.soft_limit_in_bytes = 16777216 | memory.low = 16777216
		memory.swap | $R.memory = {"limit": 33554432, "swap": 50331648} | memory | memory.memsw.limit_in_bytes = 50331648 | memory.swap.max = 16777216
		memory.kernelTCP | $R.memory.kernelTCP = 1048576 | memory | memory.kmem.tcp.limit_in_bytes = 1048576 | -
		memory.swappiness | $R.memory.swappiness = 7 | memory | memory.swappiness = 7 | -
		memory.disableOOMKiller | $R.memory.disableOOMKiller = true | memory | memory.oom_control = oom_kill_disable 1 | -
		memory.useHierarchy | $R.memory.useHierarchy = true | memory | memory.use_hierarchy = 1 | cgroup.type = domain
		cpu.shares | $R.cpu.shares = 512 | cpu | cpu.shares = 512 | cpu.weight = 59
		cpu.quota | $R.cpu.quota = 50000 | cpu | cpu.cfs_quota_us = 50000 | cpu.max = 50000 100000
		cpu.period | $R.cpu.period = 200000 | cpu | cpu.cfs_period_us = 200000 | cpu.max = max 200000
		cpu.burst | $R.cpu = {"quota": 50000, "burst": 20000} | cpu | cpu.cfs_burst_us = 20000 | cpu.max.burst = 20000
		cpu.idle | $R.cpu.idle = 1 | cpu | cpu.idle = 1 | cpu.idle = 1
		cpu.realtimePeriod | $R.cpu.realtimePeriod = 500000 | cpu | cpu.rt_period_us = 500000 | -
		cpu.realtimeRuntime | $R.cpu.realtimeRuntime = 1000 | cpu | cpu.rt_runtime_us = 1000 | -
		cpu.cpus | $R.cpu.cpus = "0" | cpuset | cpuset.cpus = 0 | cpuset.cpus = 0
		cpu.mems | $R.cpu.mems = "0" | cpuset | cpuset.mems = 0 | cpuset.mems = 0
		pids.limit | $R.pids.limit = 77 | pids | pids.max = 77 | pids.max = 77
		blockIO.weight | $R.blockIO.weight = 200 | io | blkio.weight, blkio.bfq.weight = 200 | io.bfq.weight, io.weight = default 200
		blockIO.leafWeight | $R.blockIO.leafWeight = 200 | io | blkio.leaf_weight = 200 | -
		blockIO.weightDevice.weight | $R.blockIO.weightDevice = [{$bfq, "weight": 300}] | io | blkio.weight_device, blkio.bfq.weight_device = BFQ 300 | io.bfq.weight = BFQ 300
		blockIO.weightDevice.leafWeight | $R.blockIO.weightDevice = [{$bfq, "leafWeight": 300}] | io | blkio.leaf_weight_device = BFQ 300 | -
		blockIO.throttleReadBpsDevice | $R.blockIO.throttleReadBpsDevice = [{$dev, "rate": 1048576}] | io | blkio.throttle.read_bps_device = DEV 1048576 | io.max = DEV rbps=1048576 wbps=max riops=max wiops=max
		blockIO.throttleWriteBpsDevice | $R.blockIO.throttleWriteBpsDevice = [{$dev, "rate": 2097152}] | io | blkio.throttle.write_bps_device = DEV 2097152 | io.max = DEV rbps=max wbps=2097152 riops=max wiops=max
		blockIO.throttleReadIOPSDevice | $R.blockIO.throttleReadIOPSDevice = [{$dev, "rate": 300}] | io | blkio.throttle.read_iops_device = DEV 300 | io.max = DEV rbps=max wbps=max riops=300 wiops=max
		blockIO.throttleWriteIOPSDevice | $R.blockIO.throttleWriteIOPSDevice = [{$dev, "rate": 400}] | io | blkio.throttle.write_iops_device = DEV 400 | io.max = DEV rbps=max wbps=max riops=max wiops=400
		hugepageLimits | $R.hugepageLimits = [{"pageSize": "2MB", "limit": 4194304}] | hugetlb | hugetlb.2MB.limit_in_bytes = 4194304 | hugetlb.2MB.max = 4194304
		hugepageLimits (reserved) | $R.hugepageLimits = [{"pageSize": "2MB", "limit": 2097152}] | hugetlb | hugetlb.2MB.rsvd.limit_in_bytes = 2097152 | hugetlb.2MB.rsvd.max = 2097152
		network.classID | $R.network.classID = 1048577 | net_cls | net_cls.classid = 1048577 | -
		network.priorities | $R.network.priorities = [{"name": "lo", "priority": 5}] | net_prio | net_prio.ifpriomap = lo 5 | -
		rdma | $R.rdma = {"RDMA": {"hcaHandles": 3, "hcaObjects": 4}} | rdma | rdma.max = RDMA hca_handle=3 hca_object=4 | rdma.max = RDMA hca_handle=3 hca_object=4
		unified | $R.unified = {"hugetlb.2MB.max": "6291456"} | hugetlb | - | hugetlb.2MB.max = 6291456
	ROWS
}

# --- what this host has ---

# disk [SCHEDULER]: MAJOR:MINOR of the first disk, or of one with that scheduler; 4094:0 is none
disk() {
	local d
	for d in /sys/block/*; do
		[[ $d = */loop* || $d = */zram* || ! -e $d/queue/scheduler ]] && continue
		if [ $# -eq 0 ] || grep -q "\[$1\]" "$d/queue/scheduler"; then
			cat "$d/dev"
			return
		fi
	done
	echo 4094:0
}

# A machine of our own (tests/vm) can be given a disk with weights.
add_bfq_disk() {
	[ -d /run/vm ] || return 0
	modprobe bfq && modprobe null_blk nr_devices=1 gb=1 || return 0
	echo bfq >/sys/block/nullb0/queue/scheduler || return 0
}

# in_view COMMAND...: where `rb` runs
in_view() { under "$LAYOUT" "$@"; }

# net_cls and net_prio, which few hosts mount, beside the hierarchies of v1
in_net_layout() {
	needs_layout v1
	grep -q '^net_cls.*1$' /proc/cgroups || skip "needs net_cls in the kernel"
	mkdir -p "$T/net_cls"
	! grep -q '^net_cls[[:space:]]0[[:space:]]' /proc/cgroups || NET_CLS=unused
	unshare -m --propagation private mount -t cgroup -o net_cls,net_prio none "$T/net_cls" 2>/dev/null ||
		skip "this kernel does not let net_cls be mounted on v1"
	# shellcheck disable=SC2317 # called by cgroup_value and in_view
	under() {
		shift
		# shellcheck disable=SC2016 # for the inner shell
		unshare -m --propagation private sh -c 'umount /sys/fs/cgroup/unified
			mount -t cgroup -o net_cls,net_prio none "$0" && exec "$@"' "$T/net_cls" "$@"
	}
	LAYOUT='v1+net_cls'
	rb() { under "$LAYOUT" "${RB[@]}" "$@"; }
}

# look_around: SIDE of each controller, "v1" or "v2", none when the layout has it not
look_around() {
	local c v1
	declare -gA SIDE=()
	for c in $(in_view sh -c 'cat /sys/fs/cgroup/cgroup.controllers /sys/fs/cgroup/unified/cgroup.controllers' 2>/dev/null); do
		SIDE[$c]=v2
	done
	v1=$(in_view sed -n 's/.* - cgroup [^ ]* //p' /proc/self/mountinfo)
	for c in ${v1//,/ }; do
		SIDE[${c/blkio/io}]=v1
	done
}

# control: a container with a limit of each controller that v2 has, to see which files there are
control() {
	local edit='.'
	[ "${SIDE[memory]:-}" != v2 ] || edit+=" | $R.memory.limit = 134217728"
	[ "${SIDE[cpuset]:-}" != v2 ] || edit+=" | $R.cpu.cpus = \"0\""
	[ "${SIDE[hugetlb]:-}" != v2 ] || edit+=" | $R.hugepageLimits = [{\"pageSize\": \"2MB\", \"limit\": 4194304}]"
	make_bundle control "$edit"
	args control /bin/probe pause=1
	create_bundle control
	local dirs
	mapfile -t dirs < <(jq -r '.cgroups[]' "$ROOT/$(cid control)/state.json")
	# shellcheck disable=SC2016 # for the inner shell
	FILES=$(in_view sh -c 'for d; do ls "$d"; done' sh "${dirs[@]}")
}

# file_of NAMES: the first of them that a container has
file_of() {
	local f
	for f in ${1//,/ }; do
		if grep -qxF "$f" <<<"$FILES"; then
			echo "$f"
			return
		fi
	done
}

# --- the rows, carried out ---

seen() { echo "# limits $1|${LAYOUT/as-is/$AS_IS}|$2" >&3; }

# trim VARIABLE...: of blanks at both ends
trim() {
	local name
	for name in "$@"; do
		local -n text=$name
		text=${text#"${text%%[! ]*}"}
		text=${text%"${text##*[! ]}"}
	done
}

# make_row EDIT: bundle "row" with it
make_row() {
	if [ ! -d "$T/row" ]; then
		make_bundle row
		args row /bin/probe pause=1
		mv "$T/row/config.json" "$T/base.json"
	fi
	jq --arg suffix "$SUFFIX" "$1" "$T/base.json" >"$T/row/config.json"
}

# refused FIELD REASON: it must be, by a line that names the field
refused() {
	local at=${1%% *}
	case $at in
	*.weightDevice.*) at=${at%.*} ;;
	memory.swap | cpu.burst) at=${at%.*}. ;; # their rows set another field too
	esac
	if [[ $OUT != *"linux.resources.$at"* ]]; then
		echo "$1 ($LAYOUT): a refusal that names it was expected, because $2; got: $OUT" >&2
		return 1
	fi
	seen "$1" "— $2"
}

# value_is FIELD FILE WANT: one of the file's lines is it
value_is() {
	local got
	got=$(cgroup_value row "$2" | sed 's/ *$//')
	if ! grep -qxF -- "$3" <<<"$got"; then
		printf '%s (%s): %s: expected %s, got %s\n' "$1" "$LAYOUT" "$2" "$3" "$got" >&2
		return 1
	fi
	seen "$1" "$2 = $3"
}

row() {
	local field=$1 edit=$2 controller=$3 v1=$4 v2=$5 want names file r=0
	local where
	where=${SIDE[$controller]:-}
	# a parent that runbox makes has no real-time budget to hand on, the top has
	# shellcheck disable=SC2016 # jq's
	[ "$field" != cpu.realtimeRuntime ] || [ "${RB_MANAGER:-}" = systemd ] || edit+=' | .linux.cgroupsPath = "/rbt-" + $suffix + "-rt"'
	make_row "$edit"
	OUT=$(create_bundle row 2>&1) || r=1
	if [ -z "$where" ]; then
		if [ "$field" = memory.useHierarchy ] && [ $r -eq 0 ]; then
			seen "$field" "— no controller memory, and v2 is always hierarchical"
			return
		fi
		[ $r -eq 1 ] && refused "$field" "no controller $controller"
		return
	fi
	want=${!where}
	names=${want%%=*}
	want=${want#*=}
	trim names want
	if [ "$names" = - ]; then
		[ $r -eq 1 ] && refused "$field" "$where has nothing like it"
		return
	fi
	file=$(file_of "$names")
	if [ -z "$file" ]; then
		[ $r -eq 1 ] && refused "$field" "this kernel has no ${names//,/ or}"
		return
	fi
	if [[ $want = 4094:0* || $want = RDMA* ]]; then
		[ $r -eq 1 ] && refused "$field" "no device of that kind"
		return
	fi
	if [ $r -ne 0 ]; then
		echo "$field ($LAYOUT): there is $file, but: $OUT" >&2
		return 1
	fi
	# io.weight has a range of its own
	[ "$field $file" != "blockIO.weight io.weight" ] || want='default 1920'
	[ "$field $file" != "blockIO.weight blkio.bfq.weight" ] || want=200
	value_is "$field" "$file" "$want"
}

all_rows() {
	local dev bfq text bad=0 field edit controller v1 v2
	AS_IS=as-is
	[ "$(stat -f -c %T /sys/fs/cgroup)" != cgroup2fs ] || AS_IS='v2, whole'
	dev=$(disk)
	bfq=$(disk bfq)
	look_around
	control
	text=$(rows | sed "s/BFQMAJ/${bfq%:*}/; s/BFQMIN/${bfq#*:}/; s/MAJ/${dev%:*}/; s/MIN/${dev#*:}/; s/BFQ/$bfq/g; s/DEV/$dev/g")
	while IFS='|' read -r field edit controller v1 v2; do
		trim field controller v1 v2
		if [ $# -gt 0 ] && [[ " $* " != *" $field "* ]]; then continue; fi
		row "$field" "$edit" "$controller" "$v1" "$v2" || bad=1
		rb delete --force "$(cid row)" 2>/dev/null || true
	done <<<"$text"
	[ $# -gt 0 ] || devices || bad=1
	[ $# -gt 0 ] || check_before_update || bad=1
	[ $# -gt 0 ] || kernel_memory || bad=1
	rb delete --force "$(cid control)"
	leaks
	return $bad
}

# Rules have no file that says them on v2: what they do is looked at.
devices() {
	make_row '.linux.devices = [{"path": "/dev/yes", "type": "b", "major": 7, "minor": 0}, {"path": "/dev/no", "type": "b", "major": 7, "minor": 1}]
		| .linux.resources.devices = [{"allow": false, "access": "rwm"}, {"allow": true, "type": "b", "major": 7, "minor": 0, "access": "r"}]'
	args row /bin/probe try=/dev/yes try=/dev/no try=/dev/null
	# shellcheck disable=SC2034 # expect() reads it
	SEEN=$(rb run --bundle "$T/row" "$(cid row)" 3>&- 4>&-)
	# 6 is ENXIO: this host may have no loop device
	expect '.try."/dev/yes" | [.open == 0 or .open == 6, .write]' '[true,1]' || return 1
	expect '[.try."/dev/no".open, .try."/dev/null".open, .try."/dev/null".write]' '[1,0,0]' || return 1
	seen devices 'b 7:0 r opened, b 7:0 w and b 7:1 EPERM, c 1:3 opened'
}

check_before_update() {
	make_row "$R.memory = {\"limit\": 67108864, \"checkBeforeUpdate\": true}"
	OUT=$(create_bundle row 2>&1) || {
		[ -z "${SIDE[memory]:-}" ] && seen memory.checkBeforeUpdate '— no controller memory'
		return
	}
	rb start "$(cid row)"
	OUT=$(rb update --memory 4096 "$(cid row)" 2>&1) && return 1
	[[ $OUT = *memory.limit* ]] || return 1
	seen memory.checkBeforeUpdate 'update below the usage refused'
	rb delete --force "$(cid row)"
}

# Without effect since Linux 5.16, on v2 always; who asks for it is told.
kernel_memory() {
	make_row "$R.memory.kernel = 16777216"
	if [ -z "${SIDE[memory]:-}" ]; then
		OUT=$(create_bundle row 2>&1) && return 1
		refused memory.kernel 'no controller memory'
		return
	fi
	create_bundle row
	if [ "$(cgroup_value row memory.kmem.limit_in_bytes 2>/dev/null)" = 16777216 ]; then
		seen memory.kernel 'memory.kmem.limit_in_bytes = 16777216'
	else
		grep -q 'memory.kernel has no effect' "$T/row.err" || return 1
		seen memory.kernel 'warned of: no effect on this kernel'
	fi
	rb delete --force "$(cid row)"
}

@test "limits: every field (the host's own layout)" {
	in_layout as-is
	add_bfq_disk
	all_rows
}

@test "limits: every field (v1)" {
	in_layout v1
	all_rows
}

@test "limits: every field (v2)" {
	in_layout v2
	all_rows
}

@test "limits: network (v1 with net_cls and net_prio)" {
	in_net_layout
	all_rows network.classID network.priorities
}
