#!/usr/bin/env bats
# rdt.bats - linux.intelRdt, on a resctrl that tests/lib/resctrl.py makes where the processor has none
# as: root
load ../lib/helpers

setup() {
	rb_setup
	requires root
}

teardown() {
	rb_teardown_rdt
	rb_teardown
}

rb_teardown_rdt() {
	if mountpoint -q "$T/resctrl" 2>/dev/null; then umount "$T/resctrl"; fi
}

# The classes and monitoring groups of a test carry its suffix or have names of its own: the tree is its own.
start_resctrl() {
	requires python3
	[ -c /dev/fuse ] || skip "needs /dev/fuse"
	mkdir "$T/resctrl"
	python3 "$LIB/resctrl.py" "$T/resctrl" >"$T/resctrl.out" 2>&1 3>&- 4>&- &
	wait_for 10 grep -q ready "$T/resctrl.out" || skip "cannot mount by FUSE: $(cat "$T/resctrl.out")"
	R=$T/resctrl
	export RUNBOX_RESCTRL=$R
	tree >"$T/before"
}

tree() { find "$R" | sort; }
same_tree() { diff "$T/before" <(tree); }

# nothing_left: the tree is as it was, and so is the host
nothing_left() {
	same_tree
	rb_teardown_rdt
	leaks
}

# in_group DIR NAME: is the container's process in it?
in_group() { grep -qx "$(pid_of "$2")" "$1/tasks"; }

schemata() { sed 's/^ *//' "$1/schemata"; }

web() {
	make_bundle web "$@"
	args web /bin/probe pause=1
}

@test "rdt: without closID a class of the container's own, which goes with it" {
	start_resctrl
	web '.linux.intelRdt = {"l3CacheSchema": "L3:0=f0;1=3", "memBwSchema": "MB:0=20;1=75"}'
	start_bundle web
	in_group "$R/$(cid web)" web
	[ "$(schemata "$R/$(cid web)")" = $'MB:0=  20;1=  80\nL3:0=000f0;1=00003' ]
	rb delete --force "$(cid web)"
	nothing_left
}

@test "rdt: without any schema the class has what a new one has" {
	start_resctrl
	web '.linux.intelRdt = {}'
	start_bundle web
	in_group "$R/$(cid web)" web
	[ "$(schemata "$R/$(cid web)")" = "$(schemata "$R")" ]
	rb kill "$(cid web)" KILL
	wait_status web stopped
	rb delete "$(cid web)"
	nothing_left
}

@test "rdt: the older fields together, the newer one last" {
	start_resctrl
	# the MB line of l3CacheSchema gives way to memBwSchema, and both to schemata
	web '.linux.intelRdt = {"closID": "gold", "l3CacheSchema": "L3:0=f0;1=3\nMB:0=30", "memBwSchema": "MB:0=20;1=70",
		"schemata": ["L3:0=ff", "MB:1=90"]}'
	start_bundle web
	[ "$(schemata "$R/gold")" = $'MB:0=  20;1=  90\nL3:0=000ff;1=00003' ]
	rb delete --force "$(cid web)"
	# alone it is written as it is
	edit_bundle web '.linux.intelRdt = {"l3CacheSchema": "L3:0=f0;1=3\nMB:0=30"}'
	start_bundle web
	[ "$(schemata "$R/$(cid web)")" = $'MB:0=  30;1= 100\nL3:0=000f0;1=00003' ]
	rb delete --force "$(cid web)"
	nothing_left
}

@test "rdt: a shared class is made by the first, compared by the next, removed by the last" {
	local edit='.linux.intelRdt = {"closID": "gold", "schemata": ["L3:0=f", "MB:0=15"]}'
	start_resctrl
	web "$edit"
	start_bundle web
	make_bundle db "$edit"
	args db /bin/probe pause=1
	# 15 was rounded to 20 by the kernel, and is the same still
	start_bundle db
	in_group "$R/gold" web
	in_group "$R/gold" db
	make_bundle bad '.linux.intelRdt = {"closID": "gold", "l3CacheSchema": "L3:0=f;1=7"}'
	fails 1 'the class gold is there and has not L3:1=7 (step NN rdt, config.json linux.intelRdt)' \
		rb create --bundle "$T/bad" "$(cid bad)"
	rb delete --force "$(cid web)"
	in_group "$R/gold" db
	rb delete --force "$(cid db)"
	nothing_left
}

@test "rdt: a class that was there stays, with its schemata and its processes" {
	start_resctrl
	mkdir "$R/silver"
	echo 'L3:0=ff' >"$R/silver/schemata"
	tree >"$T/before"
	local had
	had=$(schemata "$R/silver")
	web '.linux.intelRdt = {"closID": "silver"}'
	start_bundle web
	in_group "$R/silver" web
	rb delete --force "$(cid web)"
	[ "$(schemata "$R/silver")" = "$had" ]
	same_tree
	# with the same schema too
	edit_bundle web '.linux.intelRdt.l3CacheSchema = "L3:0=0ff;1=fffff"'
	start_bundle web
	rb delete --force "$(cid web)"
	nothing_left
}

@test "rdt: a class without a schema has to be there" {
	start_resctrl
	web '.linux.intelRdt = {"closID": "none"}'
	fails 1 "there is no class none in $R (step NN rdt, config.json linux.intelRdt.closID)" \
		rb create --bundle "$T/web" "$(cid web)"
	nothing_left
}

@test "rdt: the default class is entered and never changed" {
	start_resctrl
	web '.linux.intelRdt = {"closID": "/", "enableMonitoring": true}'
	start_bundle web
	grep -qx "$(pid_of web)" "$R/mon_groups/$(cid web)/tasks"
	[ "$(find "$R" -mindepth 1 -maxdepth 1 -type d -printf '%f\n' | sort | xargs)" = "info mon_data mon_groups" ]
	run -1 rb update --l3-cache-schema L3:0=f "$(cid web)"
	[[ $output = *"the default class, which is the host's"* ]]
	rb delete --force "$(cid web)"
	edit_bundle web '.linux.intelRdt = {"closID": "/", "schemata": ["L3:0=f"]}'
	fails 1 'the class / is there and has not L3:0=f (step NN rdt, config.json linux.intelRdt)' \
		rb create --bundle "$T/web" "$(cid web)"
	nothing_left
}

@test "rdt: enableMonitoring, in a class of its own and in a shared one" {
	local edit
	start_resctrl
	for edit in '{"enableMonitoring": true}' '{"closID": "gold", "schemata": ["L3:0=f"], "enableMonitoring": true}'; do
		web ".linux.intelRdt = $edit"
		start_bundle web
		local class
		class=$(jq -r --arg id "$(cid web)" '.linux.intelRdt.closID // $id' "$T/web/config.json")
		in_group "$R/$class" web
		in_group "$R/$class/mon_groups/$(cid web)" web
		rb delete --force "$(cid web)"
		same_tree
	done
	nothing_left
}

@test "rdt: a shared class in which somebody else monitors or runs stays" {
	start_resctrl
	web '.linux.intelRdt = {"closID": "gold", "schemata": ["L3:0=f"]}'
	start_bundle web
	mkdir "$R/gold/mon_groups/theirs"
	rb delete --force "$(cid web)"
	[ -d "$R/gold/mon_groups/theirs" ]
	rmdir "$R/gold/mon_groups/theirs"
	# who comes later finds a class that runbox made, and takes it along when nobody else is in it
	start_bundle web
	sleep 600 3>&- 4>&- &
	echo $! >"$R/gold/tasks"
	rb delete --force "$(cid web)"
	grep -qx $! "$R/gold/tasks"
	kill $!
	wait $! || true
	start_bundle web
	rb delete --force "$(cid web)"
	nothing_left
}

@test "rdt: groups with the container's name that are not its own stop the create and stay" {
	start_resctrl
	mkdir "$R/$(cid web)"
	web '.linux.intelRdt = {}'
	fails 1 "$R/$(cid web) is there already, and is not this container's (step NN rdt, config.json linux.intelRdt)" \
		rb create --bundle "$T/web" "$(cid web)"
	[ -d "$R/$(cid web)" ]
	rmdir "$R/$(cid web)"
	mkdir "$R/mon_groups/$(cid web)"
	edit_bundle web '.linux.intelRdt = {"closID": "/", "enableMonitoring": true}'
	fails 1 "$R/mon_groups/$(cid web) is there already, and is not this container's (step NN rdt, config.json linux.intelRdt)" \
		rb create --bundle "$T/web" "$(cid web)"
	[ -d "$R/mon_groups/$(cid web)" ]
	rmdir "$R/mon_groups/$(cid web)"
	nothing_left
}

@test "rdt: what the kernel says of a bad schema is said, and nothing is left" {
	start_resctrl
	web '.linux.intelRdt.schemata = ["L3:0=f", "L9:0=1"]'
	fails 1 "set the schemata of $R/$(cid web): Unknown or unsupported resource name 'L9': Invalid argument (step NN rdt, config.json linux.intelRdt, EINVAL)" \
		rb create --bundle "$T/web" "$(cid web)"
	edit_bundle web '.linux.intelRdt.schemata = [range(1000) | "L3:0=f"]'
	run -1 rb create --bundle "$T/web" "$(cid web)"
	[[ $output = *"longer than the kernel takes at once"* ]]
	same_tree
	# no class is left: three containers have them all
	local n
	for n in 1 2 3; do
		make_bundle "a$n" '.linux.intelRdt = {}'
		args "a$n" /bin/probe pause=1
		start_bundle "a$n"
	done
	edit_bundle web '.linux.intelRdt = {}'
	run -1 rb create --bundle "$T/web" "$(cid web)"
	[[ $output = *"ENOSPC); hint: the processor has no further class or monitor"* ]]
	for n in 1 2 3; do rb delete --force "$(cid "a$n")"; done
	nothing_left
}

@test "rdt: names that are no class are refused before anything is made" {
	local id
	start_resctrl
	for id in .. . a/b ../info; do
		web ".linux.intelRdt.closID = \"$id\""
		run -1 rb create --bundle "$T/web" "$(cid web)"
		[[ $output = *'must be the name of a directory, or "/"'* ]]
	done
	for id in info mon_groups mon_data; do
		web ".linux.intelRdt.closID = \"$id\""
		fails 1 "$id cannot be the name of a class of resctrl (config.json linux.intelRdt.closID)" \
			rb create --bundle "$T/web" "$(cid web)"
	done
	web '.linux.intelRdt = {}'
	run -1 rb create --bundle "$T/web" info
	[[ $output = *"info cannot be the name of a class of resctrl"*"set closID, or give another id"* ]]
	nothing_left
}

@test "rdt: without resctrl it is refused, and nothing is touched without the field" {
	[ ! -d /sys/fs/resctrl/info ] || skip "this host has resctrl"
	web '.linux.intelRdt = {"closID": "gold"}'
	fails 1 'linux.intelRdt needs resctrl, which is not mounted (step NN rdt, config.json linux.intelRdt); hint: mount -t resctrl resctrl /sys/fs/resctrl, if the processor has it' \
		rb create --bundle "$T/web" "$(cid web)"
	leaks
	start_resctrl
	web
	start_bundle web
	[ ! -s "$R/tasks" ]
	rb delete --force "$(cid web)"
	nothing_left
}

@test "rdt: exec joins the class and the monitoring group" {
	start_resctrl
	web '.linux.intelRdt = {"enableMonitoring": true}'
	start_bundle web
	rb exec --detach --pid-file "$T/pid" "$(cid web)" /bin/probe pause=1 >/dev/null 2>&1 </dev/null 3>&- 4>&-
	grep -qx "$(cat "$T/pid")" "$R/$(cid web)/tasks"
	grep -qx "$(cat "$T/pid")" "$R/$(cid web)/mon_groups/$(cid web)/tasks"
	rb delete --force "$(cid web)"
	nothing_left
}

@test "rdt: update changes the class, together with the cgroups or not at all" {
	start_resctrl
	web '.linux.intelRdt = {"schemata": ["L3:0=f0;1=3"]} | .linux.resources.pids.limit = 60'
	start_bundle web
	rb update --l3-cache-schema 'L3:0=ff' --mem-bw-schema 'MB:1=50' "$(cid web)"
	[ "$(schemata "$R/$(cid web)")" = $'MB:0= 100;1=  50\nL3:0=000ff;1=00003' ]
	# a limit that fails puts the schemata back, and a schema that fails leaves the limits
	run -1 rb update --l3-cache-schema 'L3:0=1' --cpuset-cpus 4000 "$(cid web)"
	[[ $output = *cpu.cpus* ]]
	run -1 rb update --l3-cache-schema 'L3:7=1' --pids-limit 61 "$(cid web)"
	[[ $output = *"Unknown or twice named domain 7"* ]]
	run -1 rb update --mem-bw-schema 'L3:0=1' "$(cid web)"
	[[ $output = *'--mem-bw-schema: must be one line that begins with "MB:"'* ]]
	[ "$(schemata "$R/$(cid web)")" = $'MB:0= 100;1=  50\nL3:0=000ff;1=00003' ]
	rb update --resources - --l3-cache-schema 'L3:0=7' "$(cid web)" <<<'{"pids": {"limit": 61}}'
	[ "$(schemata "$R/$(cid web)")" = $'MB:0= 100;1=  50\nL3:0=00007;1=00003' ]
	# another container has no class
	make_bundle db
	args db /bin/probe pause=1
	start_bundle db
	run -1 rb update --l3-cache-schema 'L3:0=7' "$(cid db)"
	[[ $output = *"the container has no class of resctrl"* ]]
	rb delete --force "$(cid web)"
	rb delete --force "$(cid db)"
	nothing_left
}

@test "rdt: killed before and after the step, delete leaves nothing" {
	local when n
	start_resctrl
	web '.linux.intelRdt = {"enableMonitoring": true}'
	n=$(rb plan --bundle "$T/web" --format json | jq '.steps[] | select(.kind == "rdt") | .step')
	for when in kill-before kill-after fail; do
		run ! env RUNBOX_FAULT="$when:create:$n" "${RB[@]}" create --bundle "$T/web" "$(cid web)" 3>&- 4>&-
		rb delete --force "$(cid web)"
		same_tree
	done
	# and killed between the making of the groups and their marks: as good as here
	run ! env RUNBOX_FAULT="kill-before:create:$n" "${RB[@]}" create --bundle "$T/web" "$(cid web)" 3>&- 4>&-
	mkdir "$R/$(cid web)" "$R/$(cid web)/mon_groups/$(cid web)"
	rb delete --force "$(cid web)"
	nothing_left
}

@test "rdt: resctrl that another program has locked is waited for" {
	requires flock
	start_resctrl
	web '.linux.intelRdt = {}'
	local lock creator
	exec {lock}<"$R"
	flock "$lock"
	start_bundle web {lock}<&- &
	creator=$!
	# its record is written, and the step that follows at once makes nothing
	wait_for 20 grep -qs ^rdt "$ROOT/$(cid web)/journal"
	local i
	for ((i = 0; i < 50; i++)); do /bin/true; done
	[ ! -d "$R/$(cid web)" ]
	exec {lock}<&-
	wait "$creator"
	in_group "$R/$(cid web)" web
	rb delete --force "$(cid web)"
	nothing_left
}

# rdt_stats NAME: its intel_rdt, compact
rdt_stats() { rb events --stats "$(cid "$1")" | jq -c .data.intel_rdt; }

@test "rdt: events, what the class may use and what the container used" {
	local info='"l3_cache_info":{"cbm_mask":"fffff","min_cbm_bits":1,"num_closids":4},"l3_cache_schema_root":"L3:0=fffff;1=fffff"'
	local mem='"mem_bw_info":{"bandwidth_gran":10,"delay_linear":1,"min_bandwidth":10,"num_closids":4},"mem_bw_schema_root":"MB:0= 100;1= 100"'
	# of one process; the second cache, whose local traffic the kernel cannot tell, has nothing of it
	local used='"mbm_stats":[{"mbm_total_bytes":3000,"mbm_local_bytes":2000},{"mbm_total_bytes":0,"mbm_local_bytes":null}],"cmt_stats":[{"llc_occupancy":4096},{"llc_occupancy":0}]'
	local edit
	start_resctrl
	# a class of its own, with and without a monitoring group, and what older configs call for
	for edit in '{}' '{"enableMonitoring": true}' '{"enableCMT": true, "enableMBM": true}'; do
		web ".linux.intelRdt = $edit + {\"l3CacheSchema\": \"L3:0=f0;1=3\", \"memBwSchema\": \"MB:0=20;1=70\"}"
		start_bundle web
		[ "$(rdt_stats web)" = "{$info,\"l3_cache_schema\":\"L3:0=000f0;1=00003\",$mem,\"mem_bw_schema\":\"MB:0=  20;1=  70\",$used}" ]
		rb delete --force "$(cid web)"
	done
	# in a class that others are in, its monitoring group alone
	mkdir "$R/silver"
	sleep 1000 >/dev/null 2>&1 3>&- 4>&- &
	local other=$!
	echo $other >"$R/silver/tasks"
	tree >"$T/before"
	web '.linux.intelRdt = {"closID": "silver", "enableMonitoring": true}'
	start_bundle web
	[ "$(rdt_stats web | jq -c '[.mbm_stats[0], .cmt_stats[0]]')" = '[{"mbm_total_bytes":3000,"mbm_local_bytes":2000},{"llc_occupancy":4096}]' ]
	# by the interval too
	: >"$T/events"
	"$RUNBOX" --root "$ROOT" events --interval 100ms "$(cid web)" >"$T/events" </dev/null 3>&- 4>&- &
	local watch=$!
	wait_for 10 grep -q llc_occupancy "$T/events"
	rb delete --force "$(cid web)"
	wait $watch
	# without one nothing, for it would be the others' as well
	web '.linux.intelRdt = {"closID": "silver"}'
	start_bundle web
	[ "$(rdt_stats web | jq -c 'keys')" = '["l3_cache_info","l3_cache_schema","l3_cache_schema_root","mem_bw_info","mem_bw_schema","mem_bw_schema_root"]' ]
	rb delete --force "$(cid web)"
	kill $other
	nothing_left
}

@test "rdt: events of a container without a class, and once resctrl is gone" {
	start_resctrl
	web
	start_bundle web
	[ "$(rdt_stats web)" = '{}' ]
	rb delete --force "$(cid web)"
	web '.linux.intelRdt = {}'
	start_bundle web
	umount -l "$R"
	[ "$(rdt_stats web)" = '{}' ]
	rb delete --force "$(cid web)"
	leaks
}
