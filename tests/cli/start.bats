#!/usr/bin/env bats
# start.bats - runbox start
# as: root root-systemd rootless
load ../lib/helpers

@test "start: the program runs; state says running, then stopped" {
	make_bundle web
	args web /bin/probe pause=1
	create_bundle web
	rb start "$(cid web)"
	assert_status web running
	kill "$(pid_of web)" # the probe ends at SIGTERM once it handles it
	rb kill "$(cid web)" TERM || true
	wait_status web stopped
}

@test "start: a running container is refused and left as it was" {
	make_bundle web
	args web /bin/probe pause=1
	start_bundle web
	fails 1 "cannot start container $(cid web): it is running" rb start "$(cid web)"
	assert_status web running
}

@test "start: a stopped container is refused" {
	make_bundle web
	args web /bin/probe exit=0
	start_bundle web
	wait_status web stopped
	fails 1 "cannot start container $(cid web): it is stopped" rb start "$(cid web)"
}

@test "start: a created container whose process was killed is stopped, and refused" {
	make_bundle web
	create_bundle web
	kill -KILL "$(pid_of web)"
	wait_status web stopped
	fails 1 "cannot start container $(cid web): it is stopped" rb start "$(cid web)"
	rb delete "$(cid web)"
	leaks
}

@test "start: two at once: one starts it" {
	make_bundle web
	args web /bin/probe pause=1
	create_bundle web
	local ok=0 pids=() p
	for p in 1 2 3; do
		rb start "$(cid web)" >/dev/null 2>&1 3>&- 4>&- &
		pids+=($!)
	done
	for p in "${pids[@]}"; do
		if wait "$p"; then ok=$((ok + 1)); fi
	done
	[ $ok -eq 1 ]
	assert_status web running
}

@test "start: a startContainer hook that fails is reported, the container is stopped, poststop runs" {
	make_bundle web '.hooks = {"startContainer": [{"path": "/bin/false"}], "poststop": [{"path": "/bin/sh", "args": ["sh", "-c", ("touch " + $bundle + "/stopped")]}]}'
	args web /bin/probe pause=1
	create_bundle web
	run -1 rb start "$(cid web)"
	[[ $output == *startContainer* ]]
	wait_status web stopped
	rb delete "$(cid web)"
	[ -e "$T/web/stopped" ]
	leaks
}

@test "start: a poststart hook that fails is an error and ends the container" {
	make_bundle web '.hooks.poststart = [{"path": "/bin/false"}]'
	args web /bin/probe pause=1
	create_bundle web
	run -1 rb start "$(cid web)"
	[[ $output == *poststart* ]]
	wait_status web stopped
	rb delete "$(cid web)"
	leaks
}

@test "start: READY=1 of the container reaches the host's NOTIFY_SOCKET" {
	requires python3 busybox
	make_bundle web
	args web /bin/sh -c 'exec /bin/probe args ready=/tmp/env pause=1'
	python3 - "$T/notify" >"$T/notify.out" 3>&- 4>&- <<-'PY' &
		import socket, sys
		s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
		s.bind(sys.argv[1]); s.settimeout(20); print("listening", flush=True)
		while True:
		    text = s.recv(4096).decode(); print(text, flush=True)
		    if "READY=1" in text: break
	PY
	wait_for 20 grep -q listening "$T/notify.out"
	NOTIFY_SOCKET=$T/notify create_bundle web
	NOTIFY_SOCKET=$T/notify rb start "$(cid web)" >"$T/start.out" 2>&1 3>&- 4>&- &
	local starter=$!
	wait_for 20 grep -q NOTIFY_SOCKET=/run/notify/notify.sock "$T/web.out"
	# from the host, by way of the container's root: what a service inside would send
	python3 - "/proc/$(pid_of web)/root/run/notify/notify.sock" <<-'PY'
		import socket, sys
		s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.sendto(b"READY=1\n", sys.argv[1])
	PY
	wait "$starter"
	wait_for 20 grep -q READY=1 "$T/notify.out"
	grep -q "MAINPID=$(pid_of web)" "$T/notify.out"
}
