#!/usr/bin/env bats
# many.bats - limits at work: hit, tiny, and in many containers at once
# as: root root-systemd rootless rootless-systemd
# timeout: 200
# vm: first
load ../lib/helpers
load ../lib/layouts

setup() {
	rb_setup
	requires containers busybox
	# emulated (tests/vm), 200 containers take many minutes
	N=${RB_MANY:-200}
	[ ! -d /run/vm ] || N=12
}

@test "limits at work: no more processes than pids.limit" {
	make_bundle b '.linux.resources.pids.limit = 5'
	# a shell and four; one more is refused by the kernel
	args b /bin/sh -c 'for i in 1 2 3 4; do sleep 600 & done; echo four; sleep 0 & wait $!'
	run run_bundle b 3>&- 4>&-
	[ "$status" -ne 0 ]
	[[ $output = *four* ]]
	[[ $output = *"can't fork"* ]]
	# with room for it there is none
	edit_bundle b '.linux.resources.pids.limit = 6'
	run -0 run_bundle b 3>&- 4>&-
	leaks
}

@test "limits at work: a CPU quota holds" {
	make_bundle b '.linux.resources.cpu = {"quota": 10000, "period": 100000}'
	args b /bin/sh -c 'while :; do :; done'
	start_bundle b
	# on a busy machine it may get less; it never gets more than a tenth, and one period more at the ends; twice that in
	# the guest of tests/vm, whose clock goes on while its host lets it wait
	local most=1
	[ ! -d /run/vm ] || most=2
	used() { rb events --stats "$(cid b)" | jq -e '.data.cpu | select(.usage.total > 100000000) | [.usage.total, .throttling.periods, .throttling.throttledPeriods]' >"$T/used"; }
	wait_for 60 used
	jq -e --argjson most $most '.[0] <= $most * ((.[1] + 2) * 10000000 + 10000000) and .[2] > 0' "$T/used" || {
		cat "$T/used" >&2
		return 1
	}
}

tiny() {
	local i
	in_layout "$1"
	make_bundle b '.linux.resources.memory = {"limit": 524288}'
	args b /bin/probe exit=0
	for i in 1 2 3 4 5; do
		rb run --bundle "$T/b" "$(cid b)" >/dev/null 3>&- 4>&-
	done
	leaks
}

@test "limits at work: a container starts under 512 KiB (v1)" { tiny v1; }
@test "limits at work: a container starts under 512 KiB (the host's own layout)" { tiny as-is; }

@test "limits at work: a limit too low to start under says so" {
	make_bundle b '.linux.resources.memory.limit = 4096'
	args b /bin/probe exit=0
	run -1 run_bundle b 3>&- 4>&-
	echo "$output"
	if [ "${RB_MANAGER:-}" = systemd ]; then
		# the helper is the first in the scope, so it may be the one that is killed; and systemd removes the cgroup of an
		# empty scope, with the kernel's count of such kills, maybe before that is read
		[[ $output = *"ended unexpectedly"* || $output = *"runbox-systemd was killed"*"linux.resources.memory.limit is too low"* ]]
	else
		[[ $output = *"ended unexpectedly"*"hint: it ran out of memory: linux.resources.memory.limit is too low for it to start" ]]
	fi
	leaks
}

# all VERB [OPTION...]: on each of the containers, all at once
all() {
	local i pids=() bad=0
	for ((i = 0; i < N; i++)); do
		rb "$@" "c$i-$SUFFIX" </dev/null >>"$T/all.out" 2>&1 3>&- 4>&- &
		pids+=($!)
	done
	for i in "${pids[@]}"; do
		wait "$i" || bad=$((bad + 1))
	done
	[ $bad -eq 0 ] || {
		echo "$* failed $bad times: $(tail -3 "$T/all.out")" >&2
		return 1
	}
}

# statuses WANT: what list says of them all
statuses() {
	local got
	got=$(rb list --format json | jq -c --arg s "$SUFFIX" '[.[] | select(.id | endswith($s)) | .status] | group_by(.) | map([.[0], length])')
	[ "$got" = "[[\"$1\",$N]]" ] || {
		echo "expected $N $1, got $got" >&2
		return 1
	}
}

@test "limits at work: 200 containers frozen, thawed, updated and deleted at once" {
	local i began=$SECONDS
	[ "$EUID" -eq 0 ] || [ "${RB_MANAGER:-}" = systemd ] || skip "needs root: without a path a user's container has no cgroup"
	make_bundle web 'del(.linux.cgroupsPath)'
	args web /bin/probe pause=1
	for ((i = 0; i < N; i++)); do
		rb run --detach --bundle "$T/web" "c$i-$SUFFIX" </dev/null >"$T/run.out" 2>&1 3>&- 4>&-
	done
	echo "# $N containers: begun after $((SECONDS - began)) s" >&3
	statuses running
	all pause
	statuses paused
	all update --pids-limit 33
	all resume
	statuses running
	[ "$(jq -r '.cgroups[]' "$ROOT"/*/state.json | while read -r i; do cat "$i/pids.max" 2>/dev/null; done | grep -c '^33$')" -eq "$N" ]
	all pause
	all delete --force
	echo "# frozen, updated, thawed, frozen and deleted after $((SECONDS - began)) s" >&3
	leaks
}
