#!/usr/bin/env bats
# delete.bats - runbox delete
# as: root root-systemd rootless rootless-systemd
load ../lib/helpers

@test "delete: a stopped container leaves nothing and frees the id" {
	make_bundle web
	args web /bin/probe exit=0
	start_bundle web
	wait_status web stopped
	rb delete "$(cid web)"
	leaks
	start_bundle web
	rb delete --force "$(cid web)"
	leaks
}

@test "delete: a running container is refused and left as it was" {
	make_bundle web
	args web /bin/probe pause=1
	start_bundle web
	fails 1 "cannot delete container $(cid web) that is not stopped: it is running" rb delete "$(cid web)"
	assert_status web running
}

@test "delete: --force ends a running container, also one that ignores signals" {
	make_bundle web
	args web /bin/probe fork=2 deaf=1
	start_bundle web
	rb delete --force "$(cid web)"
	leaks
}

@test "delete: --force ends a created container" {
	make_bundle web
	create_bundle web
	rb delete -f "$(cid web)"
	leaks
}

@test "delete: --force of a missing container succeeds, without it fails" {
	rb delete --force "nobody-$SUFFIX"
	fails 1 "container nobody-$SUFFIX does not exist" rb delete "nobody-$SUFFIX"
}

@test "delete: after the bundle and the caller's directory are gone" {
	make_bundle web
	args web /bin/probe pause=1
	start_bundle web
	rm -rf "$T/web"
	mkdir "$T/cwd"
	(cd "$T/cwd" && rmdir "$T/cwd" && rb delete --force "$(cid web)")
	leaks
}

@test "delete: poststop hooks run, in order, and a failing one is a warning" {
	make_bundle web '.hooks.poststop = [{"path": "/bin/false"}, {"path": "/bin/sh", "args": ["sh", "-c", ("cat > " + $bundle + "/poststop")]}]'
	args web /bin/probe exit=0
	start_bundle web
	wait_status web stopped
	rb delete "$(cid web)"
	jq -e '.status == "stopped"' "$T/web/poststop"
	leaks
}

@test "delete: cgroups that the container made below its own go too" {
	requires containers
	make_bundle web
	args web /bin/probe pause=1
	start_bundle web
	local dir
	cgroup_path web
	for dir in $(left_cgroups); do
		[[ $dir == *$CGROUP_END ]] && mkdir -p "$dir/inner/most"
	done
	rb delete --force "$(cid web)"
	leaks
}

@test "delete: the pid file stays, for it is the caller's once create has told of it" {
	make_bundle web
	args web /bin/probe pause=1
	create_bundle web --pid-file "$T/web.pid"
	rb delete --force "$(cid web)"
	[ -s "$T/web.pid" ]
	leaks
}

@test "delete: a pid file that somebody has written since stays, also after a create that died" {
	local n
	make_bundle web
	args web /bin/probe pause=1
	for ((n = 1; n < 60; n++)); do
		rm -f "$T/web.pid"
		RUNBOX_FAULT=kill-after:create:$n create_bundle web --pid-file "$T/web.pid" 2>/dev/null || true
		[ ! -e "$T/web.pid" ] || break
		rb delete --force "$(cid web)"
	done
	# the first step after which it is there is the one that writes it
	[ -s "$T/web.pid" ]
	echo 1 >"$T/web.pid"
	rb delete --force "$(cid web)"
	[ "$(cat "$T/web.pid")" = 1 ]
	leaks
}

@test "delete: a state directory is removed however deep the container has filled it" {
	local dir n
	make_bundle web
	args web /bin/probe pause=1
	NOTIFY_SOCKET=$T/none create_bundle web
	dir=$ROOT/$(cid web)/notify
	for n in {1..40}; do
		dir=$dir/$n
		mkdir "$dir"
		echo x >"$dir/file"
	done
	rb delete --force "$(cid web)"
	leaks
}
