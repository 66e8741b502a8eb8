#!/usr/bin/env bats
# exec.bats - runbox exec: a further process in a running container
#
# Whatever the process is not told comes from the config as it was frozen at create; runbox's own failures
# end with 255; the container's side is hostile.
# as: root root-systemd rootless rootless-systemd
load ../lib/helpers

setup() {
	rb_setup
	requires containers busybox
	RACES=${RB_RACES:-40} # rounds against a hostile container, fewer where they take long
}

# up [JQ...]: the container "b" runs and waits
up() {
	make_bundle b '.process.args = ["/bin/probe", "pause=1"]' "$@"
	start_bundle b
}

# ex ARG...: exec in it; nothing of bats is held open
ex() {
	rb exec "$@" </dev/null 3>&- 4>&-
}

# inside OPTION... -- SECTION...: what the probe sees as a further process
inside() {
	local options=()
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	SEEN=$(ex "${options[@]}" "$(cid b)" /bin/probe "$@")
}

# own_failure TEXT COMMAND...: 255, one line on stderr that holds the text
own_failure() {
	local text=$1 r=0
	shift
	"$@" >"$T/f.out" 2>"$T/f.err" </dev/null 3>&- 4>&- || r=$?
	[ $r -eq 255 ] && [ "$(wc -l <"$T/f.err")" -eq 1 ] && grep -qF -- "$text" "$T/f.err" || {
		printf 'status %s, expected 255 and: %s\ngot: ' "$r" "$text" >&2
		cat "$T/f.err" >&2
		return 1
	}
}

@test "exec: output, streams and exit status are the program's" {
	up
	run -0 --separate-stderr ex "$(cid b)" sh -c 'echo out; echo err >&2'
	[ "$output" = out ]
	[ "$stderr" = err ]
	run -9 ex "$(cid b)" sh -c 'exit 9'
	run -143 ex "$(cid b)" sh -c 'kill -TERM $$'
	[ "$(echo text | rb exec "$(cid b)" cat 3>&- 4>&-)" = text ]
}

@test "exec: all namespaces, the cgroup and the root are the container's" {
	up '.linux.namespaces += [{"type": "time"}]'
	local pid ns
	pid=$(pid_of b)
	inside -- namespaces
	for ns in cgroup ipc mnt net pid time user uts; do
		expect ".ns.$ns" "\"$(readlink "/proc/$pid/ns/$ns")\""
	done
	ex "$(cid b)" sh -c 'echo $$; exec sleep 1000' >"$T/out" &
	wait_for 20 test -s "$T/out"
	local host
	host=$(pgrep -P $! -f 'sleep 1000' || pgrep --ns "$pid" --nslist pid -x sleep)
	diff "/proc/$pid/cgroup" "/proc/$host/cgroup"
	[ "$(readlink "/proc/$host/root")" = "$(readlink "/proc/$pid/root")" ]
	rb kill --all "$(cid b)" KILL
	wait $! || true
	wait_status b stopped
}

@test "exec: a user namespace, ids are those inside" {
	requires root
	up '.linux.namespaces += [{"type": "user"}] | .linux.uidMappings = [{"containerID": 0, "hostID": 100000, "size": 65536}]
		| .linux.gidMappings = .linux.uidMappings'
	chown -h 100000:100000 "$T/b/rootfs"
	inside --user 1000:1000 -- ids namespaces
	expect .uid 1000
	expect .ns.user "\"$(readlink "/proc/$(pid_of b)/ns/user")\""
}

@test "exec: --user by number and by name, --additional-gids" {
	up
	echo 'extra:x:2000:user' >"$T/group"
	cat "$T/b/rootfs/etc/group" "$T/group" >"$T/b/rootfs/etc/group.new"
	mv "$T/b/rootfs/etc/group.new" "$T/b/rootfs/etc/group"
	run -0 ex --user 5:6 "$(cid b)" sh -c 'id -u; id -g; echo $HOME'
	[ "$output" = $'5\n6\n/' ]
	run -0 ex -u user "$(cid b)" sh -c 'id -u; id -g; id -G; echo $HOME'
	[ "$output" = $'1000\n1000\n1000 2000\n/home/user' ]
	run -0 ex -u user:2000 "$(cid b)" id -g
	[ "$output" = 2000 ]
	run -0 ex -u root:extra -g 7 --additional-gids 8 "$(cid b)" id -G
	[[ " $output " == *" 7 8 "* ]]
	own_failure 'nobody-such' ex -u nobody-such "$(cid b)" id
	own_failure '4294967295' ex -u 4294967295 "$(cid b)" id
	own_failure '12x' ex -g 12x "$(cid b)" id
	own_failure '-1' ex --user=-1 "$(cid b)" id
}

@test "exec: --cwd, --env; the last of an environment wins" {
	up '.process.env += ["A=config", "B=config"] | .process.cwd = "/etc"'
	run -0 ex "$(cid b)" sh -c 'pwd; echo $A $B'
	[ "$output" = $'/etc\nconfig config' ]
	run -0 ex --cwd /tmp -e A=1 --env A=2 "$(cid b)" sh -c 'pwd; echo $A $B'
	[ "$output" = $'/tmp\n2 config' ]
	own_failure '/not/there' ex --cwd /not/there "$(cid b)" true
}

@test "exec: --cap adds, --no-new-privs sets; the rest is the container's" {
	up '.process.capabilities = {"bounding": ["CAP_KILL"], "permitted": ["CAP_KILL"], "effective": ["CAP_KILL"]}'
	inside -- caps
	expect .caps.effective '["CAP_KILL"]'
	expect .caps.inheritable '[]'
	inside --cap CAP_CHOWN -c CAP_FOWNER --no-new-privs -- caps security
	expect .no_new_privs 1
	expect '.caps.effective | sort' '["CAP_CHOWN","CAP_FOWNER","CAP_KILL"]'
	expect .caps.ambient '[]'
	expect .caps.inheritable '[]'
	own_failure CAP_NO_SUCH ex --cap CAP_NO_SUCH "$(cid b)" true
}

@test "exec: --process FILE is the whole process" {
	up '.process.rlimits = [{"type": "RLIMIT_CORE", "soft": 0, "hard": 0}]'
	jq -n '{args: ["/bin/probe", "args", "ids", "caps", "rlimits", "security", "scheduling"], cwd: "/tmp", env: ["PATH=/bin", "X=1"],
		user: {uid: 11, gid: 12, additionalGids: [13], umask: 63},
		noNewPrivileges: true, oomScoreAdj: 321,
		capabilities: {bounding: ["CAP_KILL"], permitted: [], effective: []},
		rlimits: [{type: "RLIMIT_NOFILE", soft: 55, hard: 66}],
		ioPriority: {class: "IOPRIO_CLASS_BE", priority: 6},
		scheduler: {policy: "SCHED_BATCH", nice: 3}}' >"$T/process.json"
	SEEN=$(ex --process "$T/process.json" "$(cid b)")
	expect .uid 11
	expect .gid 12
	expect .groups '[13]'
	expect '.caps.bounding' '["CAP_KILL"]'
	expect '.rlimits.RLIMIT_NOFILE' '{"soft":55,"hard":66}'
	expect .no_new_privs 1
	expect .umask 63
	expect '.args[0]' '"/bin/probe"'
	expect .cwd '"/tmp"'
	expect .env '["PATH=/bin","X=1","HOME=/"]'
	expect .oom_score_adj 321
	expect .scheduler.nice 3
	expect '[.ioprio_class, .ioprio_level]' '[2,6]'
	echo '{"args": ["true"], "cwd": "/", "user": {"uid": 0, "gid": 0}} trailing' >"$T/bad.json"
	own_failure bad.json ex --process "$T/bad.json" "$(cid b)"
	own_failure none.json ex --process "$T/none.json" "$(cid b)"
	own_failure 'cwd' ex --process <(echo '{"args": ["true"], "user": {"uid": 0, "gid": 0}}') "$(cid b)"
}

@test "exec: what a fork would lose or be refused for is the program's all the same" {
	requires root
	local asked
	up
	# SCHED_DEADLINE cannot fork, nor does the flag let its policy through one (sched(7))
	for asked in '{"policy": "SCHED_BATCH", "nice": 4, "flags": ["SCHED_FLAG_RESET_ON_FORK"]}' \
		'{"policy": "SCHED_DEADLINE", "runtime": 1000000, "deadline": 50000000, "period": 60000000}'; do
		[[ $asked != *DEADLINE* ]] || has_cap cap_sys_nice || continue
		jq -n --argjson s "$asked" '{args: ["/bin/probe", "scheduling"], cwd: "/", user: {uid: 0, gid: 0}, scheduler: $s}' >"$T/process.json"
		SEEN=$(ex --process "$T/process.json" "$(cid b)")
		[[ $asked != *BATCH* ]] || expect '.scheduler | [.policy, .nice, .flags]' '[3,4,1]'
		[[ $asked != *DEADLINE* ]] || expect '.scheduler | [.policy, .runtime, .period]' '[6,1000000,60000000]'
	done
	# as many processes as its user may have; more than the caller's own user may
	jq -n '{args: ["/bin/probe", "rlimits"], cwd: "/", user: {uid: 61234, gid: 61234}, rlimits: [{type: "RLIMIT_NPROC", soft: 1, hard: 2}]}' >"$T/process.json"
	SEEN=$(ex --process "$T/process.json" "$(cid b)")
	expect .rlimits.RLIMIT_NPROC '{"soft":1,"hard":2}'
	has_cap cap_sys_resource || return 0
	SEEN=$(ulimit -u 1 && ex --process "$T/process.json" "$(cid b)")
	expect .rlimits.RLIMIT_NPROC '{"soft":1,"hard":2}'
}

@test "exec: a process from stdin's file descriptor, options before the id only" {
	up
	echo '{"args": ["echo", "from", "fd"], "cwd": "/", "env": ["PATH=/bin"], "user": {"uid": 0, "gid": 0}}' >"$T/p.json"
	run -0 rb exec --process=/dev/fd/9 "$(cid b)" 9<"$T/p.json" 3>&- 4>&-
	[ "$output" = "from fd" ]
	# what follows the id is the program's
	run -0 ex "$(cid b)" echo --user nobody -d
	[ "$output" = "--user nobody -d" ]
	run -0 ex -- "$(cid b)" echo x
	[ "$output" = x ]
}

@test "exec: seccomp, as it was frozen at create" {
	up '.linux.seccomp = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 95}]}'
	edit_bundle b 'del(.linux.seccomp)'
	run -1 ex "$(cid b)" sh -c 'busybox mkdir /made'
	[[ $output == *"not supported"* ]]
	rm -rf "$T/b/config.json"
	run -1 ex "$(cid b)" busybox mkdir /made
}

@test "exec: the terminal in the foreground, by --tty and by the process" {
	requires python3
	up
	run -0 python3 "$LIB/onpty.py" 30x90 -- "${RB[@]}" exec --tty "$(cid b)" sh -c 'readlink /proc/self/fd/0; stty size'
	[ "${lines[0]%$'\r'}" = /dev/pts/0 ]
	[ "${lines[1]%$'\r'}" = "30 90" ]
	echo '{"terminal": true, "args": ["sh", "-c", "stty size; exit 4"], "cwd": "/", "env": ["PATH=/bin"], "user": {"uid": 0, "gid": 0}}' >"$T/p.json"
	run -4 python3 "$LIB/onpty.py" 30x90 -- "${RB[@]}" exec --process "$T/p.json" "$(cid b)"
	[[ $output == *"30 90"* ]]
}

@test "exec: --detach with console socket, pid file and pidfd socket" {
	requires python3
	up
	python3 "$LIB/recvtty.py" "$T/tty.sock" >"$T/tty.out" 3>&- 4>&- &
	local tty=$! fd
	python3 "$LIB/recvtty.py" "$T/pidfd.sock" --pidfd >"$T/pidfd.out" 3>&- 4>&- &
	fd=$!
	wait_for 20 test -S "$T/tty.sock"
	wait_for 20 test -S "$T/pidfd.sock"
	rb exec --detach --tty --console-socket "$T/tty.sock" --pidfd-socket "$T/pidfd.sock" --pid-file "$T/pid" "$(cid b)" \
		sh -c 'tty; echo through; until [ -e /tmp/go ]; do sleep 0.05; done' >/dev/null 2>"$T/err" </dev/null 3>&- 4>&-
	[[ $(od -An -c "$T/pid" | tr -d ' ') =~ ^[0-9]+$ ]]
	wait $fd # a process that has ended has no pid any more
	: >"$T/b/rootfs/tmp/go"
	wait $tty
	grep -q '"fds": 1, "tty": true' "$T/tty.out"
	grep -q through "$T/tty.out"
	[ "$(sed -n 's/.*"pid": \([0-9]*\).*/\1/p' "$T/pidfd.out")" = "$(cat "$T/pid")" ]
}

@test "exec: --detach returns while the program runs, and holds nothing of the caller" {
	up
	# a reader of the pipe ends only when nobody holds it: streams of the program go elsewhere
	rb exec -d --pid-file "$T/pid" "$(cid b)" sleep 1000 </dev/null >/dev/null 2>&1 3>&- 4>&-
	[ "$(cat "/proc/$(cat "$T/pid")/comm")" = sleep ]
	run -0 rb ps --format json "$(cid b)"
	jq -e --argjson p "$(cat "$T/pid")" 'index($p) != null' <<<"$output"
	rm "$T/pid"
	own_failure 'executable file not found' rb exec -d --pid-file "$T/pid" "$(cid b)" nothing
	[ ! -e "$T/pid" ]
}

@test "exec: --preserve-fds; no LISTEN_FDS" {
	up
	run -0 bash -c "exec 3<'$T/b/rootfs/etc/secret' 4>&-; ${RB[*]@Q} exec --preserve-fds 1 '$(cid b)' sh -c 'cat <&3; ls /proc/self/fd | wc -l'"
	[ "${lines[0]}" = "secret of the image" ]
	# sockets of an activation are the container's own program's alone
	run -0 bash -c "exec 3<'$T/b/rootfs/etc/secret' 4>&-; LISTEN_FDS=1 ${RB[*]@Q} exec '$(cid b)' sh -c 'echo \${LISTEN_FDS:-none}; ls /proc/self/fd | wc -l'"
	[ "$output" = $'none\n4' ]
	own_failure preserve rb exec --preserve-fds=5 "$(cid b)" true
}

@test "exec: --cgroup is below the container's and cannot climb" {
	up
	own_failure cgroup ex --cgroup ../other "$(cid b)" true
	own_failure cgroup ex --cgroup /../../other "$(cid b)" true
	own_failure sub ex --cgroup sub "$(cid b)" true
	local dir
	cgroup_path b
	for dir in $(left_cgroups | grep "$CGROUP_END\$"); do
		mkdir "$dir/sub"
		[ ! -e "$dir/sub/cpuset.cpus" ] || { cat "$dir/cpuset.cpus" >"$dir/sub/cpuset.cpus"; cat "$dir/cpuset.mems" >"$dir/sub/cpuset.mems"; }
	done
	rb exec -d --cgroup sub --pid-file "$T/pid" "$(cid b)" sleep 1000 </dev/null >/dev/null 2>&1 3>&- 4>&-
	grep -q "$CGROUP_END/sub\$" "/proc/$(cat "$T/pid")/cgroup"
	! grep -v "$CGROUP_END/sub\$" "/proc/$(cat "$T/pid")/cgroup" | grep "$CGROUP_END" || return 1
	rb delete --force "$(cid b)"
	leaks
}

@test "exec: missing, created, stopped and paused containers; the engines' words" {
	own_failure 'does not exist' ex "none-$SUFFIX" true
	make_bundle b '.process.args = ["/bin/probe", "pause=1"]'
	create_bundle b
	# a created one has all its namespaces: runc and engines do exec into it
	# (not by a user: what waits at the gate is not open to its own user either)
	[ "$EUID" -ne 0 ] || run -0 ex "$(cid b)" echo early
	rb start "$(cid b)"
	rb pause "$(cid b)"
	own_failure 'paused' ex "$(cid b)" true
	# with --ignore-paused it is started, and frozen with the others
	rb exec --ignore-paused -d --pid-file "$T/pid" "$(cid b)" sh -c 'echo ran >/ran' </dev/null >/dev/null 2>&1 3>&- 4>&- &
	local pid=$!
	rb resume "$(cid b)"
	wait $pid
	wait_for 20 test -s "$T/b/rootfs/ran"
	rb kill "$(cid b)" KILL
	wait_status b stopped
	own_failure 'stopped' ex "$(cid b)" true
}

@test "exec: own failures are 255 and one JSON object; the texts that engines look for" {
	up
	own_failure 'exec: "nothing": executable file not found in $PATH' rb --log "$T/log" --log-format json exec "$(cid b)" nothing
	jq -es 'length == 1 and .[0].level == "error" and (.[0].msg | contains("executable file not found in $PATH"))
		and (.[0].time | fromdateiso8601? // test("^[0-9]{4}-[0-9]{2}-[0-9]{2}T"))' "$T/log"
	own_failure 'exec: "/no/such": stat /no/such: no such file or directory' ex "$(cid b)" /no/such
	own_failure 'exec: "/bin/plain": permission denied' ex "$(cid b)" /bin/plain
	own_failure 'exec: "/etc": permission denied' ex "$(cid b)" /etc
	own_failure 'program' ex "$(cid b)"
	own_failure '--no-such' ex --no-such "$(cid b)" true
	own_failure 'terminal' rb exec --tty --detach "$(cid b)" true
	# a thing that is missing but is not the program is not called so
	run ! ex --process "$T/none.json" "$(cid b)"
	[[ ${output,,} != *"no such file or directory"* ]]
	# but a missing directory is: podman exec ends with 127, as with runc and crun
	own_failure 'enter the working directory /not/there: no such file or directory' ex --cwd /not/there "$(cid b)" true
}

@test "exec: labels that this kernel has not are refused" {
	up
	grep -qw apparmor /sys/kernel/security/lsm 2>/dev/null || own_failure AppArmor ex --apparmor some "$(cid b)" true
	grep -qw selinux /sys/kernel/security/lsm 2>/dev/null || own_failure SELinux ex --process-label a:b:c:s0 "$(cid b)" true
}

@test "exec: passwd of the container is a pipe, endless, a device, a link to the host" {
	requires root
	up
	local etc=$T/b/rootfs/etc
	rm "$etc/passwd" && mkfifo "$etc/passwd"
	own_failure "unable to find user" timeout 10 "${RB[@]}" exec -u user "$(cid b)" true
	rm "$etc/passwd" && truncate -s 1T "$etc/passwd"
	own_failure "unable to find user" timeout 10 "${RB[@]}" exec -u user "$(cid b)" true
	rm "$etc/passwd" && mknod "$etc/passwd" c 1 5
	own_failure "unable to find user" timeout 10 "${RB[@]}" exec -u user "$(cid b)" true
	echo "hostuser:x:4321:4321::/:" >"$T/passwd"
	rm "$etc/passwd" && ln -s "$T/passwd" "$etc/passwd"
	own_failure 'unable to find user hostuser' ex -u hostuser "$(cid b)" true
	# numbers need none of it
	run -0 ex -u 7:8 "$(cid b)" sh -c 'echo $HOME'
	[ "$output" = / ]
}

@test "exec: passwd and group of the container name ids that are none" {
	up
	local etc=$T/b/rootfs/etc user
	rm "$etc/passwd" "$etc/group"
	# 4294967295 is "leave it as it is" to setuid(2): the process would stay root
	printf '%s\n' 'uid:x:4294967295:5::/:' 'gid:x:5:4294967295::/:' 'big:x:5:4294967296::/:' 'none:x:5' 'minus:x:-1:5::/:' ':x:6:6::/:' 'good:x:5:6::/:' >"$etc/passwd"
	printf '%s\n' 'minus:x:4294967295:good' 'fine:x:7:good' >"$etc/group"
	for user in uid gid big none minus '' ':5' good:minus good:; do
		own_failure "unable to find" ex -u "$user" "$(cid b)" id
	done
	run -0 ex -u good "$(cid b)" /bin/probe ids
	jq -e '.uid == 5 and .gid == 6 and .groups == [7]' <<<"$output"
}

@test "exec: a group file that lists a user very often" {
	up
	local etc=$T/b/rootfs/etc
	rm "$etc/group"
	# as many groups as a process can have, in as few bytes as are read: time and memory stay small
	seq 1 65000 | sed 's/.*/g:x:&:user/' >"$etc/group.new"
	mv "$etc/group.new" "$etc/group"
	run -0 timeout 10 "${RB[@]}" exec -u user "$(cid b)" busybox grep Groups: /proc/self/status </dev/null
	[ "$(wc -w <<<"$output")" -eq 65000 ] # all but his own, and the word
	# more: an entry takes nine bytes, of which a megabyte holds more than the kernel takes
	yes 'g:x:1:c' | head -n 70000 >"$etc/group.new"
	mv "$etc/group.new" "$etc/group"
	echo 'c:x:5:5::/:' >"$etc/passwd.new"
	mv "$etc/passwd.new" "$etc/passwd"
	own_failure 'more than 65536 groups' timeout 10 "${RB[@]}" exec -u c "$(cid b)" true
}

# another_race I: is round I of 40 to be run? RACES are, and more as long as the hostile side has written down nothing
another_race() {
	local seen
	[ "$1" -ge "$RACES" ] || return 0
	for seen in "$T/b/rootfs"/{seen,seen-it,env,tmp/tried}; do
		[ ! -s "$seen" ] || return 1
	done
	! grep -qs ' 2 -> ' "$T/b/rootfs/fds"
}

# was_seen: has the hostile side caught one of ours at all? In the guest of tests/vm one thread serves both processors
# in turns, which may be longer than ours is there to be seen.
was_seen() {
	[ ! -s "$T/b/rootfs/seen-it" ] || return 0
	[ ! -d /run/vm ] || skip "needs a second processor that runs at the same time: in 40 rounds nothing was seen"
	return 1
}

# hostile CMD: a shell in the container repeats it while execs go in
hostile() {
	make_bundle b
	args b sh -c "while :; do $1; done"
	edit_bundle b ".process.capabilities = ({\"bounding\": ${CAPS:-[\"CAP_SYS_PTRACE\", \"CAP_DAC_OVERRIDE\", \"CAP_KILL\"]}} | .permitted = .bounding | .effective = .bounding)"
	start_bundle b
	local i
	for ((i = 0; i < 40; i++)); do
		another_race $i || break
		ex "$(cid b)" true 2>>"$T/exec.err" || echo "exec $i: $?" >>"$T/exec.err"
	done
}

@test "exec: a container that writes to whatever enters it cannot reach the program (CVE-2019-5736)" {
	copy_runbox
	local before
	before=$(sha256sum <"$T/runbox")
	hostile 'for p in /proc/[0-9]*; do [ $p = /proc/1 ] || { readlink $p/exe >>/seen; echo x >$p/exe; : >>$p/exe; } 2>/dev/null; done'
	[ "$(sha256sum <"$T/runbox")" = "$before" ]
	# no path of the host was ever seen as the program of a process
	! grep -F "$T" "$T/b/rootfs/seen" || return 1
}

@test "exec: a container finds no descriptor of the host in what enters it (CVE-2016-9962)" {
	hostile 'for p in /proc/[0-9]*; do [ $p = /proc/1 ] || { ls -l $p/fd; ls -ld $p/cwd $p/root; } >>/fds 2>/dev/null; done'
	# streams are the caller's to give; paths of the host hold $T, or lie where the image has nothing
	grep -q ' 2 -> ' "$T/b/rootfs/fds"
	! grep -vE ' [012] -> ' "$T/b/rootfs/fds" | grep -F "$T" || return 1
	! grep -vE ' [012] -> ' "$T/b/rootfs/fds" | grep -E -- '-> /(sys|run|home|usr)' || return 1
}

@test "exec: neither directory nor program is a descriptor of ours, or a way out (CVE-2024-21626)" {
	up
	local n dir
	for n in 3 4 5 6 7 8 9 10 11 12; do
		own_failure '' ex --cwd "/proc/self/fd/$n" "$(cid b)" echo escaped
		own_failure '' ex "$(cid b)" "/proc/self/fd/$n/bin/sh" -c 'echo escaped'
		ln -sfn "/proc/self/fd/$n" "$T/b/rootfs/cwd"
		own_failure '' ex --cwd /cwd "$(cid b)" echo escaped
	done
	for dir in /proc/1/root /proc/1/cwd /proc/self/root /proc/self/cwd/.. /proc/thread-self/fd/3; do
		own_failure 'working directory' ex --cwd "$dir" "$(cid b)" echo escaped
	done
}

@test "exec: the runtime's program as the program, by name and as an interpreter (CVE-2019-5736)" {
	copy_runbox
	local before i name
	before=$(sha256sum <"$T/runbox")
	make_bundle b '.process.capabilities = ({"bounding": ["CAP_SYS_PTRACE", "CAP_DAC_OVERRIDE", "CAP_SYS_ADMIN"]} | .permitted = .bounding | .effective = .bounding)'
	args b sh -c 'while :; do for p in /proc/[0-9]*; do [ $p = /proc/1 ] || { : >>$p/exe && echo $p >>/written; mount -o remount,rw $p/exe && echo $p >>/written; } 2>/dev/null; done; done'
	start_bundle b
	printf '#!/proc/self/exe\n' >"$T/b/rootfs/bin/bang"
	printf '#!/proc/1/exe\n' >"$T/b/rootfs/bin/bang1"
	chmod 755 "$T/b/rootfs/bin/bang" "$T/b/rootfs/bin/bang1"
	for i in 1 2 3 4 5 6 7 8 9 10; do
		for name in /proc/self/exe /bin/bang /bin/bang1; do
			run ex "$(cid b)" $name
			[ "$status" -ne 0 ]
		done
		# as its own program: that file, which is open in it, is on a mount that stays read-only
		run ex "$(cid b)" /proc/self/exe list
	done
	[ "$(sha256sum <"$T/runbox")" = "$before" ]
	# what was written to are files of the image
	! grep -vE '^/proc/[0-9]+$' "$T/b/rootfs/written" 2>/dev/null || return 1
	rb delete --force "$(cid b)"
	leaks
}

@test "exec: the mount that the runtime runs from cannot be made writable from inside" {
	requires root
	make_bundle b '.process.args = ["/bin/probe", "args", "thaw=/tmp"]' \
		'.process.capabilities = ({"bounding": ["CAP_SYS_PTRACE", "CAP_DAC_OVERRIDE", "CAP_SYS_ADMIN"]} | .permitted = .bounding | .effective = .bounding)'
	start_bundle b
	local i
	for ((i = 0; i < 40; i++)); do
		another_race $i || break
		ex "$(cid b)" true || true
		ex "$(cid b)" /proc/self/exe list >/dev/null 2>&1 || true
	done
	[ -s "$T/b/rootfs/tmp/tried" ]
	[ ! -e "$T/b/rootfs/tmp/thawed" ]
	# and in a pod: what is made there goes through the same namespaces
	make_bundle c ".linux.namespaces |= map(if .type == \"pid\" then .path = \"/proc/$(pid_of b)/ns/pid\" else . end)"
	args c /bin/probe exit=0
	for i in $(seq $((RACES / 2))); do run_bundle c >/dev/null; done
	[ ! -e "$T/b/rootfs/tmp/thawed" ]
	rb delete --force "$(cid b)"
	leaks
}

@test "exec: a container that ends, or stops, all that enters holds up nobody for good" {
	make_bundle b
	args b sh -c 'while :; do kill -9 -1 2>/dev/null; done'
	start_bundle b
	local i r
	for i in 1 2 3 4 5; do
		r=0
		timeout -k 5 10 "${RB[@]}" exec "$(cid b)" sleep 1000 2>/dev/null </dev/null 3>&- 4>&- || r=$?
		[ $r -eq 137 ] || [ $r -eq 255 ]
	done
	rb delete --force "$(cid b)"
	# one that is stopped before it is the program cannot be helped, but who called can end it with a TERM
	args b sh -c 'while :; do kill -STOP -1 2>/dev/null; done'
	start_bundle b
	for i in 1 2 3; do
		r=0
		timeout -k 5 2 "${RB[@]}" exec "$(cid b)" true 2>/dev/null </dev/null 3>&- 4>&- || r=$?
		[ $r -eq 124 ] || [ $r -eq 0 ] || [ $r -eq 255 ]
	done
	rb delete --force "$(cid b)"
	leaks
}

@test "exec: a terminal is made of a devpts alone, whatever lies in the container's /dev" {
	requires python3
	make_bundle b '.process.args = ["/bin/probe", "pause=1"]' '.mounts |= map(select(.destination | startswith("/dev") | not))'
	start_bundle b
	local make
	for make in "ln -s /etc/secret" mkfifo touch; do
		mkdir "$T/b/rootfs/dev/pts"
		$make "$T/b/rootfs/dev/pts/ptmx"
		run -255 timeout 20 python3 "$LIB/onpty.py" 24x80 -- "${RB[@]}" exec --tty "$(cid b)" true
		[[ $output == *devpts* ]]
		rm -r "$T/b/rootfs/dev/pts"
	done
	ln -s /proc "$T/b/rootfs/dev/pts"
	run -255 timeout 20 python3 "$LIB/onpty.py" 24x80 -- "${RB[@]}" exec --tty "$(cid b)" true
	[[ $output == *devpts* ]]
	[ "$(cat "$T/b/rootfs/etc/secret")" = "secret of the image" ]
}

@test "exec: in a container that may have no more processes" {
	up
	rb update --pids-limit 1 "$(cid b)"
	own_failure 'a limit of processes is reached' ex "$(cid b)" true
}

@test "exec: LISTEN_PID is the pid that the process itself has" {
	make_bundle b
	args b sleep 600
	start_bundle b
	SEEN=$(export LISTEN_FDS=1 LISTEN_PID=$BASHPID; exec "${RB[@]}" exec "$(cid b)" sh -c 'echo "$LISTEN_FDS $((LISTEN_PID - $$))"; readlink /proc/self/fd/3' 3</etc/passwd)
	[ "$SEEN" = $'1 0\n/etc/passwd' ]
}

@test "exec: the command line of what enters a pod is not to be read there" {
	requires root
	# it names directories of the host, and /proc/PID/cmdline is everybody's to read; tests/cli/security.bats
	# has what enters a container by exec. Here is what is made beside it, in a pod.
	make_bundle b
	args b sh -c 'while :; do for p in /proc/[0-9]*; do [ $p = /proc/1 ] || { grep -q "^Name:.*runbox" $p/status && tr "\\0" " " <$p/cmdline >>/cmdline && echo >>/seen-it; } 2>/dev/null; done; done'
	start_bundle b
	make_bundle c ".linux.namespaces |= map(if .type == \"pid\" then .path = \"/proc/$(pid_of b)/ns/pid\" else . end)"
	args c /bin/probe exit=0
	local i
	for ((i = 0; i < 40; i++)); do
		another_race $i || break
		run_bundle c >/dev/null
	done
	was_seen
	! grep -a "$T" "$T/b/rootfs/cmdline" || return 1
}

# With CAP_SYS_PTRACE, and no user namespace of its own, a container may read any process that it sees
# (ptrace(2) "Ptrace access mode checking"); without, the same user and capabilities are no way in.
@test "exec: what enters a container cannot be traced from inside, nor its memory read" {
	# The memory is opened first: execve(2) gives up the old memory, and with it the link exe, before the new one
	# may be read, and changes the name later still; "/" is the mount that runbox runs from.
	local CAPS='["CAP_DAC_OVERRIDE", "CAP_KILL"]'
	hostile 'for p in /proc/[0-9]*; do [ $p = /proc/1 ] || { l=$(readlink $p/exe <$p/mem) && [ "$l" = / ] && echo read >>/got; echo >>/seen-it; } 2>/dev/null; done'
	[ -s "$T/b/rootfs/seen-it" ]
	[ ! -e "$T/b/rootfs/got" ]
}

@test "exec: the caller's environment is nowhere in a container" {
	hostile 'for p in /proc/[0-9]*; do [ $p = /proc/1 ] || cat $p/environ >>/env 2>/dev/null; done'
	[ -e "$T/b/rootfs/env" ]
	! grep -aF RBT_SUFFIX "$T/b/rootfs/env" || return 1
}

@test "exec: forty at once" {
	up
	local i pids=()
	for i in $(seq 40); do
		ex "$(cid b)" sh -c "exit $i" 2>>"$T/many.err" &
		pids+=($!)
	done
	for i in $(seq 40); do
		local r=0
		wait "${pids[i - 1]}" || r=$?
		[ $r -eq "$i" ]
	done
	[ ! -s "$T/many.err" ]
}

@test "exec: into a paused container, who called can end it with a TERM" {
	local r=0
	up
	rb pause "$(cid b)"
	# not by `run`: what has gone in cannot end before it is thawed, and holds our end of the pipe
	timeout -k 10 1 "${RB[@]}" exec --ignore-paused "$(cid b)" true </dev/null >"$T/f.out" 2>&1 3>&- 4>&- || r=$?
	[ $r -eq 124 ]
	rb resume "$(cid b)"
	ex "$(cid b)" true
}

@test "exec: the status of a program that is traced, whose end its tracer takes in late" {
	requires cap_sys_ptrace
	make_bundle b '.process.args = ["/bin/probe", "args", "hold=/tmp"]' \
		'.process.capabilities = ({"bounding": ["CAP_SYS_PTRACE"]} | .permitted = .bounding | .effective = .bounding)'
	start_bundle b
	wait_for 10 [ -e "$T/b/rootfs/tmp/ready" ]
	local i
	for i in 1 2 3 4 5; do
		run -7 ex "$(cid b)" sh -c 'exit 7'
	done
	[ -s "$T/b/rootfs/tmp/held" ]
	rb delete --force "$(cid b)"
	leaks
}

@test "exec: --apparmor goes with whoever enters through the fork to the program" {
	requires root
	requires apparmor apparmor_parser
	local user
	echo "profile rbt-$SUFFIX flags=(attach_disconnected) { file, capability, network, }" >"$T/profile"
	apparmor_parser -a "$T/profile"
	up
	for user in 0 1000; do
		inside --apparmor "rbt-$SUFFIX" --user $user -- security
		expect .apparmor_label "\"rbt-$SUFFIX (enforce)\""
	done
	rb delete --force "$(cid b)"
	apparmor_parser -R "$T/profile"
}
