#!/usr/bin/env bats
# delete.bats - runbox delete
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
	requires root
	make_bundle web
	args web /bin/probe pause=1
	start_bundle web
	local dir
	for dir in $(left_cgroups); do
		[[ $dir == */web ]] && mkdir -p "$dir/inner/most"
	done
	rb delete --force "$(cid web)"
	leaks
}
