#!/usr/bin/env bats
# undo.bats - whatever fails or dies, and wherever: nothing stays
#
# RUNBOX_FAULT makes step N of a verb fail, or kills runbox before or after it. The number of steps
# comes from the plan, so a new step is tested without a line here. RB_UNDO_EACH=6 takes each sixth step only,
# from a random one on, for where they take long.
# timeout: 600
load ../lib/helpers

setup() {
	rb_setup
	requires root busybox
	make_bundle web '.hooks = {"createRuntime": [{"path": "/bin/true"}], "createContainer": [{"path": "/bin/true"}], "startContainer": [{"path": "/bin/true"}], "poststart": [{"path": "/bin/true"}], "poststop": [{"path": "/bin/true"}]}
		| .linux.sysctl = {"kernel.shmmax": "4096"} | .hostname = "x" | .linux.maskedPaths = ["/proc/kcore"] | .linux.readonlyPaths = ["/proc/sys"]
		| .linux.seccomp = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": []} | .process.rlimits = [{"type": "RLIMIT_CORE", "soft": 0, "hard": 0}]
		| .runbox = {"ephemeral": true, "init": true, "timeoutMs": 600000}'
	args web /bin/probe pause=1
	STEPS=$(rb plan --bundle "$T/web" --format json "$(cid web)" 2>/dev/null | jq '.steps | length')
	[ -n "$STEPS" ] || STEPS=$(rb plan --bundle "$T/web" --format json | jq '.steps | length')
	[ "$STEPS" -gt 20 ]
	EACH=${RB_UNDO_EACH:-1}
	FIRST=$((1 + RANDOM % EACH))
}

create() {
	rb create --bundle "$T/web" --pid-file "$T/pid" "$(cid web)" >"$T/out" 2>"$T/err" </dev/null 3>&- 4>&-
}

# truth: state says one of the five, and what it says is so
truth() {
	local status pid
	status=$(status_of web)
	case $status in
	"") [ ! -e "$ROOT/$(cid web)" ] || rb state "$(cid web)" 2>&1 | grep -q 'does not exist\|creat' ;;
	creating) : ;;
	created | running)
		pid=$(pid_of web)
		# the child of a runtime that was killed may end in between
		[ -e "/proc/$pid" ] || [ "$(status_of web)" != "$status" ]
		;;
	stopped) [ "$(pid_of web)" -eq 0 ] ;;
	*) false ;;
	esac
}

# gone_by_delete: one `delete --force` leaves nothing and frees the id
gone_by_delete() {
	unset RUNBOX_FAULT
	rb delete --force "$(cid web)" || return 1
	wait_for 20 no_process || return 1
	leaks || return 1
	rm -f "$T/pid"
	create || { cat "$T/err" >&2; return 1; }
	rb start "$(cid web)" || return 1
	assert_status web running || return 1
	rb delete --force "$(cid web)" || return 1
	rm -f "$T/pid"
	leaks
}

no_process() {
	[ -z "$(left_processes)" ]
}

@test "undo: each step of create made to fail leaves nothing" {
	local n lived=0 failed=0
	for ((n = FIRST; n <= STEPS; n += EACH)); do
		export RUNBOX_FAULT=fail:create:$n
		if create; then
			# steps behind the gate are those of start
			unset RUNBOX_FAULT
			rb delete --force "$(cid web)"
			lived=$((lived + 1))
			continue
		fi
		unset RUNBOX_FAULT
		failed=$((failed + 1))
		wait_for 20 no_process && leaks && [ ! -e "$T/pid" ] || {
			echo "after failing step $n: $(cat "$T/err")" >&2
			return 1
		}
		grep -q "(step $(printf %02d $n) " "$T/err" || {
			echo "step $n is not named: $(cat "$T/err")" >&2
			return 1
		}
	done
	[ $failed -gt 0 ] && [ $lived -le 6 ]
}

# killed WHEN: SIGKILL before or after each step of create
killed() {
	local n lived=0 died=0
	for ((n = FIRST; n <= STEPS; n += EACH)); do
		export RUNBOX_FAULT=kill-$1:create:$n
		if create; then lived=$((lived + 1)); else died=$((died + 1)); fi
		unset RUNBOX_FAULT
		truth && gone_by_delete || {
			echo "killed $1 step $n of create; status '$(status_of web)'" >&2
			return 1
		}
	done
	# wait-start and what is behind it is part of start
	echo "$died of $STEPS steps" >&2
	[ $died -gt 0 ] && [ $lived -le 6 ]
}

@test "undo: SIGKILL before each step of create" { killed before; }
@test "undo: SIGKILL after each step of create" { killed after; }

# verb_killed VERB PREPARE: SIGKILL before and after each step of start or delete, until one run lives
verb_killed() {
	local verb=$1 when n r step=1
	[ "$EACH" -eq 1 ] || step=2 # they have few
	shift
	for when in before after; do
		for ((n = 1; n <= 40; n += step)); do
			create
			"$@"
			r=0
			RUNBOX_FAULT=kill-$when:$verb:$n rb "$verb" "$(cid web)" >"$T/out" 2>"$T/err" </dev/null 3>&- 4>&- || r=$?
			if [ $r -eq 0 ]; then
				[ $n -gt 1 ] || { echo "$verb has no step that can be killed" >&2; return 1; }
				rb delete --force "$(cid web)"
				rm -f "$T/pid"
				break
			fi
			truth && gone_by_delete || {
				echo "killed $when step $n of $verb; status '$(status_of web)': $(cat "$T/err")" >&2
				return 1
			}
		done
	done
}

ended() {
	rb start "$(cid web)"
	rb kill "$(cid web)" KILL
	wait_status web stopped
}

@test "undo: SIGKILL before and after each step of start" { verb_killed start true; }
@test "undo: SIGKILL before and after each step of delete" { verb_killed delete ended; }

@test "undo: SIGKILL at random moments of create" {
	local i
	for ((i = 0; i < ${RB_RANDOM_KILLS:-60}; i++)); do
		"${RB[@]}" create --bundle "$T/web" --pid-file "$T/pid" "$(cid web)" >/dev/null 2>&1 </dev/null 3>&- 4>&- &
		local pid=$!
		read -rt "0.0$(printf %03d $((RANDOM % 300)))" <> <(:) || true
		kill -KILL $pid 2>/dev/null || true
		wait $pid 2>/dev/null || true
		truth || { echo "round $i" >&2; return 1; }
		rb delete --force "$(cid web)"
		rm -f "$T/pid" "$T"/.pid*
		wait_for 20 no_process
		leaks || { echo "round $i" >&2; return 1; }
	done
}

@test "undo: gc removes what killed runs left" {
	RUNBOX_FAULT=kill-after:create:$((STEPS / 2)) create || true
	rb gc || true
	rb delete --force "$(cid web)"
	leaks
}
