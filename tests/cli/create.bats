#!/usr/bin/env bats
# create.bats - runbox create
# as: root root-systemd rootless rootless-systemd
load ../lib/helpers

@test "create: a container waits, its program has not run" {
	make_bundle web
	args web /bin/probe ready=/tmp/ran pause=1
	create_bundle web
	assert_status web created
	[ ! -e "$T/web/rootfs/tmp/ran" ]
	rb start "$(cid web)"
	wait_status web running
	wait_for 20 test -e "$T/web/rootfs/tmp/ran"
}

@test "create: nothing of the caller is held open but the streams of the container" {
	make_bundle web
	args web /bin/probe pause=1
	mkfifo "$T/fifo"
	cat "$T/fifo" >"$T/seen" 3>&- 4>&- &
	local reader=$!
	# the fifo is the runtime's descriptor 9: it is closed once the runtime has returned
	rb create --bundle "$T/web" "$(cid web)" >/dev/null 2>&1 </dev/null 3>&- 4>&- 9>"$T/fifo"
	wait_for 20 gone "$reader"
	assert_status web created
}

@test "create: --pid-file holds digits and no newline, and is relative to the caller's directory" {
	make_bundle web
	args web /bin/probe pause=1
	(cd "$T" && create_bundle web --pid-file web.pid)
	[ "$(cat "$T/web.pid")" = "$(pid_of web)" ]
	[ "$(tr -d 0-9 <"$T/web.pid" | wc -c)" -eq 0 ]
}

@test "create: --pid-file replaces a file and follows no link of the image" {
	make_bundle web
	args web /bin/probe pause=1
	echo old >"$T/target"
	ln -s target "$T/web.pid"
	create_bundle web --pid-file "$T/web.pid"
	[ "$(cat "$T/target")" = old ]
	[ "$(cat "$T/web.pid")" = "$(pid_of web)" ]
}

@test "create: a failed one writes no pid file" {
	make_bundle web '.process.args = ["/not/there"]'
	run -1 create_bundle web --pid-file "$T/web.pid"
	[ ! -e "$T/web.pid" ]
	leaks
}

@test "create: --bundle defaults to the working directory" {
	make_bundle web
	args web /bin/probe pause=1
	(cd "$T/web" && rb create "$(cid web)" >/dev/null 2>&1 </dev/null 3>&- 4>&-)
	assert_status web created
}

@test "create: options after the id, with = and with one dash" {
	make_bundle web
	args web /bin/probe pause=1
	rb create "$(cid web)" -bundle="$T/web" --pid-file="$T/pid" --no-pivot=false >/dev/null 2>&1 </dev/null 3>&- 4>&-
	assert_status web created
}

@test "create: --config takes another file of the bundle" {
	make_bundle web
	args web /bin/probe pause=1
	mv "$T/web/config.json" "$T/web/other.json"
	create_bundle web --config "$T/web/other.json"
	assert_status web created
}

@test "create: --console-socket gets the terminal in one message" {
	make_bundle web '.process.terminal = true'
	args web /bin/probe tty
	"$LIB/recvtty.py" "$T/sock" >"$T/tty.out" 3>&- 4>&- &
	wait_for 20 grep -q listening "$T/tty.out"
	create_bundle web --console-socket "$T/sock"
	rb start "$(cid web)"
	wait_for 20 grep -q '"controlling":true' "$T/tty.out"
	SEEN=$(sed -n 2p "$T/tty.out")
	expect '[.fds, .tty, .bytes >= 1]' '[1,true,true]'
}

@test "create: a terminal without a console socket is refused" {
	make_bundle web '.process.terminal = true'
	run -1 create_bundle web
	[[ $output == *process.terminal* ]]
	leaks
}

@test "create: a console socket without a terminal is refused" {
	make_bundle web
	"$LIB/recvtty.py" "$T/sock" >"$T/tty.out" 3>&- 4>&- &
	wait_for 20 grep -q listening "$T/tty.out"
	run -1 create_bundle web --console-socket "$T/sock"
	kill %1
	leaks
}

@test "create: --pidfd-socket gets a pidfd of the container's process" {
	make_bundle web
	args web /bin/probe pause=1
	"$LIB/recvtty.py" "$T/sock" --pidfd >"$T/pidfd.out" 3>&- 4>&- &
	wait_for 20 grep -q listening "$T/pidfd.out"
	create_bundle web --pidfd-socket "$T/sock"
	wait_for 20 grep -q '"pid"' "$T/pidfd.out"
	[ "$(sed -n 2p "$T/pidfd.out" | jq .pid)" = "$(pid_of web)" ]
}

@test "create: --preserve-fds passes descriptors on, LISTEN_FDS counts" {
	make_bundle web
	args web /bin/probe fds args
	SEEN=$(run_bundle web --preserve-fds 2 3</etc/passwd 4</etc/group 5</dev/zero)
	expect '.fds | keys' '["0","1","2","3","4"]'
	expect '.fds."3"' '"/etc/passwd"'
	SEEN=$(export LISTEN_FDS=1 LISTEN_PID=$BASHPID; exec "${RB[@]}" run --bundle "$T/web" --preserve-fds=1 "$(cid web)" 3</etc/passwd 4</etc/group 5</dev/zero)
	expect '.fds | keys' '["0","1","2","3","4"]'
	expect '.env | map(select(startswith("LISTEN_"))) | sort' '["LISTEN_FDS=1","LISTEN_PID=1"]'
}

@test "create: --preserve-fds of a descriptor that is not open is refused" {
	make_bundle web
	run -1 run_bundle web --preserve-fds 3 3</dev/null 4>&- 5>&-
	[[ $output == *"descriptor"* ]]
	leaks
}

@test "create: --no-pivot moves the root instead" {
	make_bundle web
	args web /bin/probe mounts stat=/bin/probe
	SEEN=$(run_bundle web --no-pivot)
	expect '.stat."/bin/probe".type' '"f"'
}

@test "create: two at once with one id: one wins, the other leaves nothing of its own" {
	make_bundle web
	args web /bin/probe pause=1
	local i ok=0 pids=()
	for i in 1 2 3 4; do
		rb create --bundle "$T/web" "$(cid web)" >/dev/null 2>"$T/err.$i" </dev/null 3>&- 4>&- &
		pids+=($!)
	done
	for i in "${pids[@]}"; do
		if wait "$i"; then ok=$((ok + 1)); fi
	done
	[ $ok -eq 1 ]
	[ "$(grep -l 'already exists' "$T"/err.? | wc -l)" -eq 3 ]
	assert_status web created
	rb delete --force "$(cid web)"
	leaks
}
