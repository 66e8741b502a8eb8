# engines.bash - what the suites of engines share: worlds, an image, comparison with a peer
#
# A suite makes one world (see the file world) and starts its engine in it, once a file. A test is a
# scenario: a function that calls the engine with the runtime $RT and prints what the user would see.
# compare() runs it with runbox and with the peer at the same time, and holds both against the expected
# text, so that an expectation nobody fulfils shows as well.
# shellcheck shell=bash disable=SC2034 # scenarios use $RT and $C

load ../lib/helpers

ENGINES=$SRCDIR/tests/engines
CONTRIB=$SRCDIR/contrib/engines

# --- set-up, once a file ---

# engines_begin: $E, the file's directory; $SUFFIX, in the name of every cgroup; an image's root
engines_begin() {
	SUFFIX=$(printf '%04x%04x' $RANDOM $((BASHPID & 0xffff)))
	E=$(mktemp -d "/tmp/rbe-$SUFFIX.XXXXXX")
	chmod 755 "$E"
	export SUFFIX E CGROUP=/rbe-$SUFFIX PEER=
	mkdir "$E/bin"
	cp "$RUNBOX" "$E/bin/runbox"
	unset XDG_RUNTIME_DIR NOTIFY_SOCKET LISTEN_FDS LISTEN_PID RUNBOX_FAULT RUNBOX_DEBUG
	unset CONTAINERS_CONF CONTAINERS_STORAGE_CONF DOCKER_HOST DOCKER_CONTEXT
	make_image
	make_parents
}

# What all containers of the file are in, made by nobody of them: runbox removes a parent that it has made when
# its last container goes, which may be the moment in which the peer has seen it and makes its own in there.
make_parents() {
	local procs
	for procs in /sys/fs/cgroup/cgroup.procs /sys/fs/cgroup/*/cgroup.procs; do
		[ ! -e "$procs" ] || mkdir -p "${procs%/*}$CGROUP"
	done
}

# the root of an image: busybox with all of its names, two users
make_image() {
	local r=$E/image applet
	mkdir -p "$r"/{bin,dev,etc,home/user,proc,root,sys,tmp,var}
	chmod 1777 "$r/tmp"
	install -m 755 "$BUSYBOX" "$r/bin/busybox"
	for applet in $("$BUSYBOX" --list); do
		[ "$applet" = busybox ] || ln -s busybox "$r/bin/$applet"
	done
	printf 'root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n' >"$r/etc/passwd"
	printf 'root:x:0:\nuser:x:1000:\nextra:x:2000:user\n' >"$r/etc/group"
	echo 'no program' >"$r/bin/plain"
	chmod 644 "$r/bin/plain"
	tar -C "$r" -cf "$E/image.tar" .
}

# world_begin NAME: a world named NAME; its first process is $E/NAME/pid
world_begin() {
	local dir=$E/$1
	mkdir -p "$dir"
	unshare --net --mount --pid --fork --mount-proc --propagation private --kill-child \
		"$ENGINES/world" "$dir" >"$dir/world.log" 2>&1 </dev/null 3>&- 4>&- &
	echo $! >"$dir/unshare.pid"
	wait_for 10 test -e "$dir/up" || {
		cat "$dir/world.log" >&2
		return 1
	}
	pgrep -P "$(cat "$dir/unshare.pid")" >"$dir/pid"
}

# in_world NAME COMMAND...: as if on that machine, for a minute at most; the working directory is the world's /
in_world() {
	local dir=$E/$1
	shift
	timeout --kill-after=5 "${SECONDS_MAX:-60}" \
		nsenter --target "$(cat "$dir/pid")" --net --mount --pid -- "$@"
}

# pty_in_world NAME COMMAND...: the same with a terminal of its own
pty_in_world() {
	local dir=$E/$1
	shift
	timeout --kill-after=5 60 python3 "$LIB/onpty.py" 24x80 -- \
		nsenter --target "$(cat "$dir/pid")" --net --mount --pid -- "$@"
}

# world_end NAME: like a machine that loses power
world_end() {
	local dir=$E/$1 pid
	[ -e "$dir/pid" ] || return 0
	pid=$(cat "$dir/pid")
	# only while it is still the child of our unshare, for pids are reused
	if [ "$(pgrep -P "$(cat "$dir/unshare.pid")")" = "$pid" ]; then
		kill -KILL "$pid" 2>/dev/null || true
		wait_for 20 gone "$pid"
	fi
	rm -f "$dir/pid"
}

# engines_end: all worlds and what they left; called by teardown_file
engines_end() {
	local dir
	[ -n "${E:-}" ] || return 0
	for dir in "$E"/*/pid; do
		[ ! -e "$dir" ] || world_end "$(basename "$(dirname "$dir")")"
	done
	left_cgroups | sort -r | while read -r dir; do
		wait_for 20 rmdir_or_gone "$dir" || true
	done
	rm -rf --one-file-system "$E"
}

rmdir_or_gone() {
	rmdir "$1" 2>/dev/null || [ ! -e "$1" ]
}

# needs_engines PROGRAM...: skips the file's tests where an engine is not installed
needs_engines() {
	requires root busybox unshare nsenter jq "$@"
}

# config FILE WANTED: contrib's own file with the path of the program under test
config() {
	[ -e "$CONTRIB/$1" ] || return 1
	sed "s|/usr/local/bin/runbox|$E/bin/runbox|g" "$CONTRIB/$1" >"$2"
	! cmp -s "$CONTRIB/$1" "$2"
}

# --- dockerd, for the suites of docker and of Swarm ---

DOCKER=/usr/bin/docker

# dockerd_begin WORLD: dockerd in a world by contrib's daemon.json, ready when this returns. The peer is a
# runtime as well; what dockerd's buildkit calls as "runc" is runbox.
dockerd_begin() {
	local dir=$E/$1
	config docker-daemon.json "$dir/contrib.json"
	jq --arg runc "$(command -v runc || echo /none)" '.runtimes.peer.path = $runc
		| .runtimes["runbox-args"] = {path: .runtimes.runbox.path, runtimeArgs: ["--debug", "--log-level=debug"]}' "$dir/contrib.json" >"$dir/daemon.json"
	ln -sf runbox "$E/bin/runc"
	SECONDS_MAX=0 in_world "$1" env "PATH=$E/bin:$PATH" HOME="$dir" dockerd --config-file "$dir/daemon.json" \
		-H "unix://$dir/docker.sock" --data-root "$dir/data" --exec-root "$dir/exec" \
		--pidfile "$dir/docker.pid" --cgroup-parent "$CGROUP" >"$dir/dockerd.log" 2>&1 </dev/null 3>&- 4>&- &
	wait_for 30 dk_w "$1" version >/dev/null 2>&1 || {
		tail -20 "$dir/dockerd.log" >&2
		return 1
	}
}

# dk_w WORLD ARG...: the docker client, from outside of the world
dk_w() {
	local world=$1
	shift
	HOME=$E DOCKER_CONFIG=$E timeout --kill-after=5 60 "$DOCKER" -H "unix://$E/$world/docker.sock" "$@"
}

# --- scenarios ---

# t COMMAND...: runs it; its output, then its errors, for clients mix them as they come; then "[status]"
# unless that is 0
t() {
	local r=0 errors
	errors=$(mktemp -p "$E")
	"$@" </dev/null 2>"$errors" || r=$?
	cat "$errors"
	rm -f "$errors"
	[ $r -eq 0 ] || echo "[$r]"
}

# until_ COMMAND...: waits up to 20 s for a command's success, says nothing
until_() {
	wait_for 20 eval "{ $*; } >/dev/null 2>&1 </dev/null"
}

# What differs between two runs of the same: ids, names with the runtime in them, and how runtimes begin
# and end a message.
plain() {
	sed -E -e 's/\r$//' -e 's/[[:space:]]+$//' \
		-e 's/\b[0-9a-f]{64}\b/ID/g' -e 's/\b[0-9a-f]{12}\b/ID/g' \
		-e "s/-($RT_OWN|$RT_PEER)\b//g" \
		-e 's/(runbox|runc|crun): //g' -e 's/runc create failed: unable to start container process: //' \
		-e 's/exec failed: unable to start container process: //' \
		-e 's/ \(step [0-9]+ [^)]*\)//'
}

# transcript NAME RUNTIME: the scenario under one runtime
transcript() {
	(
		set +e
		RT=$2 C=c-$2
		"$1"
	) 2>&1 | plain
}

# compare SCENARIO: expected text on stdin, from both runtimes. ALONE=reason: the peer cannot do this here
compare() {
	local want=$BATS_TEST_TMPDIR/want own=$BATS_TEST_TMPDIR/own peer=$BATS_TEST_TMPDIR/peer bad=0 pid=
	cat >"$want"
	if [ -n "$PEER" ] && [ -z "${ALONE:-}" ]; then
		transcript "$1" "$RT_PEER" >"$peer" 3>&- 4>&- &
		pid=$!
	fi
	transcript "$1" "$RT_OWN" >"$own" 3>&- 4>&-
	[ -z "$pid" ] || wait "$pid" || true
	# the peer says what to expect of the engine; one chance more, alone, where the engine or the peer erred
	[ -z "$pid" ] || cmp -s "$want" "$peer" || transcript "$1" "$RT_PEER" >"$peer" 3>&- 4>&-
	diff -u --label expected --label "with runbox" "$want" "$own" >&2 || bad=1
	if [ -n "$pid" ]; then
		diff -u --label expected --label "with $PEER" "$want" "$peer" >&2 || bad=1
	fi
	return $bad
}

# --- what is left ---

# world_picture NAME: mounts, links, named network namespaces, cgroups, processes, states of runtimes
world_picture() {
	echo "-- mounts"
	in_world "$1" cat /proc/self/mountinfo | awk -v s="$SUFFIX" '$5 !~ "^/tmp/" || index($5, s) { print $5 }' | sort
	echo "-- links"
	in_world "$1" ls /sys/class/net
	echo "-- netns"
	in_world "$1" find /run/netns /run/docker/netns -mindepth 1 2>/dev/null || true
	echo "-- cgroups"
	left_cgroups | grep -v "/rbe-$SUFFIX\$" | sort
	echo "-- processes"
	in_world "$1" ps -eo comm= | grep -vxE 'ps|sleep|nsenter' | sort
	echo "-- states"
	in_world "$1" find /run/runbox /run/runc /run/crun -mindepth 1 -maxdepth 1 ! -name @seccomp 2>/dev/null || true
	find "$E" -path '*runtime-runc/*' -mindepth 1 -type d ! -path '*@seccomp*' 2>/dev/null || true
}

# same_picture NAME FILE: is the world as it was when FILE was written? Waits for engines that clean up late.
same_picture() {
	picture_is "$1" "$2" || wait_for 15 picture_is "$1" "$2" || {
		diff -u --label before --label now "$2" <(world_picture "$1") >&2
		return 1
	}
}

picture_is() {
	world_picture "$1" | cmp -s - "$2"
}

# host_clean: nothing of this file outside of its worlds, once they ended
host_clean() {
	local found
	found=$(left_cgroups | grep -vE "/rbe-$SUFFIX(/conmon)?\$"; left_mounts; left_links
		find /run/runbox /run/netns -maxdepth 1 -name "*$SUFFIX*" 2>/dev/null || true) # a new host has neither
	[ -z "$found" ] || {
		printf 'left on the host:\n%s\n' "$found" >&2
		return 1
	}
}

RT=runbox RT_OWN=runbox RT_PEER=${RT_PEER:-peer}
setup() { :; }
teardown() { :; }
