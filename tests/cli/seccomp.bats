#!/usr/bin/env bats
# seccomp.bats - linux.seccomp seen from inside: actions, operators, flags, what is unknown, the listener
#
# tests/unit/test_seccomp.c has the compiler and the cache by themselves; here they are whole containers.
load ../lib/helpers

setup() {
	rb_setup
	[ "$(uname -m)" = x86_64 ] || skip "needs the system call numbers of x86_64"
}

# numbers of x86_64
PERSONALITY=135 MKDIR=83 GETPID=39

# profile JSON: a bundle "b" with it
profile() {
	make_bundle b ".linux.seccomp = $1"
}

# rule ACTION MORE: an allow-all profile with one rule for personality
rule() {
	profile '{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["personality"], "action": "'"$1"'"'"${2:+, $2}"'}]}'
}

# called NR[,ARGUMENT] WANT: errno of the call in bundle "b"
called() {
	look b args "call=$1"
	expect ".call.\"$1\"" "$2"
}

# ended STATUS: a personality(2) in bundle "b" ends its process like that
ended() {
	args b /bin/probe args "call=$PERSONALITY,0"
	run "-$1" run_bundle b
}

@test "seccomp: each action that features lists does what seccomp(2) says" {
	local action seen=''
	for action in $("$RUNBOX" features | jq -r '.linux.seccomp.actions[]'); do
		rule "$action"
		case $action in
		SCMP_ACT_ALLOW | SCMP_ACT_LOG) called $PERSONALITY,0 0 ;;
		SCMP_ACT_ERRNO) called $PERSONALITY,0 1 ;;
		SCMP_ACT_TRACE) called $PERSONALITY,0 38 ;; # ENOSYS: there is no tracer
		SCMP_ACT_KILL | SCMP_ACT_KILL_THREAD | SCMP_ACT_KILL_PROCESS | SCMP_ACT_TRAP) ended 159 ;;
		SCMP_ACT_NOTIFY) ;; # below
		*) echo "what does $action do?" >&2 && return 1 ;;
		esac
		seen+=" $action"
	done
	[ "$(wc -w <<<"$seen")" -eq 9 ]
	leaks
}

@test "seccomp: errnoRet and defaultErrnoRet; refused where an action has no errno" {
	rule SCMP_ACT_ERRNO '"errnoRet": 0'
	called $PERSONALITY,0 0
	rule SCMP_ACT_ERRNO '"errnoRet": 4094'
	called $PERSONALITY,0 4094
	rule SCMP_ACT_ERRNO '"errnoRet": 4095'
	run -1 run_bundle b
	[[ $output == *errnoRet*4094* ]]
	rule SCMP_ACT_KILL '"errnoRet": 1'
	run -1 run_bundle b
	[[ $output == *errnoRet* ]]
}

@test "seccomp: each operator that features lists" {
	# the argument is 0xf0; a row is hit when personality is answered with errno 7
	local op row seen=0
	while read -r op row; do
		rule SCMP_ACT_ERRNO "\"errnoRet\": 7, \"args\": [{\"index\": 0, \"op\": \"$op\", ${row% *}}]"
		called $PERSONALITY,0xf0 "${row##* }" || { echo "$op $row" >&2 && return 1; }
		"$RUNBOX" features | jq -e --arg o "$op" '.linux.seccomp.operators | index($o) != null' >/dev/null
		seen=$((seen + 1))
	done <<-'EOF'
		SCMP_CMP_EQ "value": 240 7
		SCMP_CMP_EQ "value": 1 0
		SCMP_CMP_NE "value": 1 7
		SCMP_CMP_NE "value": 240 0
		SCMP_CMP_LT "value": 241 7
		SCMP_CMP_LT "value": 240 0
		SCMP_CMP_LE "value": 240 7
		SCMP_CMP_LE "value": 239 0
		SCMP_CMP_GT "value": 239 7
		SCMP_CMP_GT "value": 240 0
		SCMP_CMP_GE "value": 240 7
		SCMP_CMP_GE "value": 241 0
		SCMP_CMP_MASKED_EQ "value": 255, "valueTwo": 240 7
		SCMP_CMP_MASKED_EQ "value": 255, "valueTwo": 241 0
	EOF
	[ $seen -eq 14 ]
	[ "$("$RUNBOX" features | jq '.linux.seccomp.operators | length')" -eq 7 ]
}

@test "seccomp: all 64 bits of an argument count" {
	rule SCMP_ACT_ERRNO '"errnoRet": 7, "args": [{"index": 1, "op": "SCMP_CMP_EQ", "value": 1099511628016}]'
	called $PERSONALITY,0,0x100000000f0 7
	called $PERSONALITY,0,0xf0 0
}

@test "seccomp: a filter of thousands of instructions, by run and by create and start" {
	make_bundle b '.linux.seccomp = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls":
		[range(900) | {"names": ["personality"], "action": "SCMP_ACT_ERRNO", "errnoRet": 7,
		  "args": [{"index": 0, "op": "SCMP_CMP_EQ", "value": (. * 7 + 4096)}]}]}'
	called $PERSONALITY,$((899 * 7 + 4096)) 7
	called $PERSONALITY,4096 7
	called $PERSONALITY,4097 0
	args b /bin/probe args "call=$PERSONALITY,4096"
	start_bundle b
	wait_status b stopped
	rb delete "$(cid b)"
	leaks
}

@test "seccomp: each architecture and each supported flag of features is taken" {
	local word
	for word in $("$RUNBOX" features | jq -r '.linux.seccomp.archs[]'); do
		profile '{"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["'"$word"'"], "syscalls": [{"names": ["personality"], "action": "SCMP_ACT_ERRNO"}]}'
		called $PERSONALITY,0 1 || { echo "$word" >&2 && return 1; }
	done
	for word in $("$RUNBOX" features | jq -r '.linux.seccomp.supportedFlags[]'); do
		profile '{"defaultAction": "SCMP_ACT_ALLOW", "flags": ["'"$word"'"], "syscalls": [{"names": ["personality"], "action": "SCMP_ACT_ERRNO"}]}'
		called $PERSONALITY,0 1 || { echo "$word" >&2 && return 1; }
	done
	profile '{"defaultAction": "SCMP_ACT_ALLOW", "flags": ["SECCOMP_FILTER_FLAG_NO_SUCH"]}'
	run -1 run_bundle b
	profile '{"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_NO_SUCH"]}'
	run -1 run_bundle b
}

# all that the probe needs, and the newest call of the list is openat2 (437)
allow_list='["read", "write", "open", "openat", "openat2", "close", "brk", "mmap", "munmap", "mprotect", "exit", "exit_group", "execve", "arch_prctl", "readlink",
	"set_tid_address", "set_robust_list", "rseq", "prlimit64", "getrandom", "readlinkat", "fstat", "newfstatat", "uname", "getuid", "prctl", "getpid", "getppid",
	"getsid", "getpgid", "getpgrp", "getcwd", "rt_sigaction", "rt_sigprocmask", "capget", "capset", "fcntl", "lseek", "ioctl", "umask"]'

@test "seccomp: what the profile leaves out is EPERM, what is newer than all it names ENOSYS" {
	profile '{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{"action": "SCMP_ACT_ALLOW", "names": '"$allow_list"'}, {"action": "SCMP_ACT_ALLOW", "names": ["no_such_call_at_all"]}]}'
	called $PERSONALITY,0 1
	called 437 22 # allowed: EINVAL
	called 438,1 38 # pidfd_getfd, one more than openat2
	called 9999 38
	called 0x40000000 38 # x32, which the profile does not name
	profile '{"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 95, "syscalls": [{"action": "SCMP_ACT_ALLOW", "names": '"$allow_list"'}]}'
	called $PERSONALITY,0 95
	called 9999 38
}

@test "seccomp: a profile without rules, and one for several names" {
	profile '{"defaultAction": "SCMP_ACT_ALLOW"}'
	called $PERSONALITY,0 0
	profile '{"defaultAction": "SCMP_ACT_LOG", "syscalls": []}'
	called $PERSONALITY,0 0
	profile '{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir", "personality", "no_such_call"], "action": "SCMP_ACT_ERRNO", "errnoRet": 9}]}'
	look b args call=$PERSONALITY,0 call=$MKDIR,0,0 call=$GETPID
	expect .call "{\"$PERSONALITY,0\":9,\"$MKDIR,0,0\":9,\"$GETPID\":0}"
}

@test "seccomp: with and without noNewPrivileges, and for a user without capabilities" {
	local nnp
	for nnp in true false; do
		rule SCMP_ACT_ERRNO
		edit_bundle b ".process.noNewPrivileges = $nnp | .process.user = {\"uid\": 1000, \"gid\": 1000}"
		called $PERSONALITY,0 1
		look b caps security
		expect '[.seccomp, .caps.effective, .no_new_privs]' "[2,[],$([ $nnp = true ] && echo 1 || echo 0)]"
	done
}

# notify COUNT: a listener that answers EOPNOTSUPP, its output in $T/notify.out
notify() {
	"$LIB/notify.py" "$T/notify.sock" 95 "$1" >"$T/notify.out" 2>&1 </dev/null 3>&- 4>&- &
	wait_for 20 grep -q listening "$T/notify.out"
}

told() {
	[ "$(grep -c seccompFd "$T/notify.out")" -eq "$1" ]
}

@test "seccomp: the listener gets descriptor, state and metadata of the container, and of each exec" {
	requires root busybox python3
	notify 2
	profile '{"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "'"$T/notify.sock"'", "listenerMetadata": "A=1;\"B\"", "syscalls": [{"names": ["personality"], "action": "SCMP_ACT_NOTIFY"}]}'
	edit_bundle b '.annotations = {"org.test": "x"}'
	args b sh -c "/bin/probe args call=$PERSONALITY,0 >/seen; exec sleep 1000"
	start_bundle b
	wait_for 20 test -s "$T/b/rootfs/seen"
	[ "$(jq -c .call "$T/b/rootfs/seen")" = "{\"$PERSONALITY,0\":95}" ]
	wait_for 20 told 1
	local init
	init=$(pid_of b)
	sed -n 2p "$T/notify.out" | jq -e --arg id "$(cid b)" --arg b "$T/b" --argjson p "$init" '
		.fds == ["seccompFd"] and .got_fds == 1 and .metadata == "A=1;\"B\"" and .pid == $p and .ociVersion == "1.2.0"
		and (.state | .id == $id and .bundle == $b and .pid == $p and .status == "created" and .annotations == {"org.test": "x"})'
	# the process is another one, the container is running
	run -0 rb exec --pid-file "$T/pid" "$(cid b)" /bin/probe args "call=$PERSONALITY,0" </dev/null 3>&- 4>&-
	[ "$(jq -c .call <<<"$output")" = "{\"$PERSONALITY,0\":95}" ]
	wait_for 20 told 2
	sed -n 3p "$T/notify.out" | jq -e --argjson p "$init" --argjson e "$(cat "$T/pid")" \
		'.pid == $e and .got_fds == 1 and (.state | .status == "running" and .pid == $p)'
	rb delete --force "$(cid b)"
	leaks
}

@test "seccomp: a listener is refused where it cannot work" {
	local r='"syscalls": [{"names": ["personality"], "action": "SCMP_ACT_NOTIFY"}]'
	profile '{"defaultAction": "SCMP_ACT_ALLOW", '"$r"'}'
	run -1 run_bundle b
	[[ $output == *listenerPath* ]]
	profile '{"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "'"$T/none"'", '"$r"'}'
	run -1 run_bundle b
	[[ $output == *listenerPath*  && ${output,,} != *"no such file"* ]]
	profile '{"defaultAction": "SCMP_ACT_NOTIFY", "listenerPath": "'"$T/none"'"}'
	run -1 run_bundle b
	[[ $output == *defaultAction* ]]
	profile '{"defaultAction": "SCMP_ACT_ALLOW", "listenerMetadata": "x"}'
	run -1 run_bundle b
	[[ $output == *listenerMetadata* ]]
	profile '{"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "'"$T/none"'", "syscalls": [{"names": ["sendmsg"], "action": "SCMP_ACT_NOTIFY"}]}'
	run -1 run_bundle b
	[[ $output == *sendmsg* ]]
	leaks
}

@test "seccomp: a cached filter that somebody changed is not used, twenty writers do not disturb each other" {
	local i pids=() file
	rule SCMP_ACT_ERRNO '"errnoRet": 7'
	args b /bin/probe args "call=$PERSONALITY,0"
	for i in $(seq 20); do
		jq ".linux.cgroupsPath += \"-$i\"" "$T/b/config.json" >"$T/b/config-$i.json"
		rb run --bundle "$T/b" --config "config-$i.json" "$i-$SUFFIX" >"$T/many-$i" 3>&- 4>&- &
		pids+=($!)
	done
	for i in $(seq 20); do
		wait "${pids[i - 1]}"
		[ "$(jq -c .call "$T/many-$i")" = "{\"$PERSONALITY,0\":7}" ]
	done
	file=$(find "$ROOT/@seccomp" -type f)
	[ "$(wc -l <<<"$file")" -eq 1 ]
	# one that allows everything, in its place: every byte of it is looked at
	cp "$file" "$T/good"
	printf '\006\0\0\0\0\0\377\177' | dd of="$file" bs=1 seek=$(($(stat -c %s "$file") - 8)) conv=notrunc status=none
	run ! cmp -s "$file" "$T/good"
	called $PERSONALITY,0 7
	cmp "$file" "$T/good"
	# whole, but others can write to it; and a link
	chmod 666 "$file"
	called $PERSONALITY,0 7
	[ "$(stat -c %a "$file")" = 600 ]
	mv "$file" "$T/elsewhere" && ln -s "$T/elsewhere" "$file"
	called $PERSONALITY,0 7
	[ ! -L "$file" ]
	rm "$file" && mkfifo "$file"
	called $PERSONALITY,0 7
	leaks
}
