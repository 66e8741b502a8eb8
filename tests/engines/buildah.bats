#!/usr/bin/env bats
# buildah.bats - buildah with runbox as the runtime of its RUN steps
# timeout: 120
load engines

setup_file() {
	command -v buildah >/dev/null && [ "$(id -u)" -eq 0 ] || return 0
	engines_begin
	world_begin w
	config podman-containers.conf "$E/containers.conf"
	printf '\n[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\n' >>"$E/containers.conf"
	printf '[storage]\ndriver = "overlay"\nrunroot = "%s/run"\ngraphroot = "%s/root"\n' "$E/b" "$E/b" >"$E/storage.conf"
	local c
	c=$(ba from scratch)
	ba copy -q "$c" "$E/image" / >/dev/null
	ba config --env PATH=/bin "$c"
	ba commit -q "$c" bb >/dev/null
	ba rm "$c" >/dev/null
	local peer
	for peer in runc crun; do
		command -v $peer >/dev/null || continue
		c=$(ba from "--cgroup-parent=$CGROUP/try" localhost/bb)
		ba run --isolation oci --runtime $peer --network none "$c" true >/dev/null 2>&1 &&
			export PEER=$peer RT_PEER=$peer
		ba rm "$c" >/dev/null
		[ -z "$PEER" ] || break
	done
	c=$(ba from "--cgroup-parent=$CGROUP/try" localhost/bb)
	RT=runbox once "$c" true
	ba rm "$c" >/dev/null
	world_picture w >"$E/before"
}

teardown_file() {
	engines_end
}

setup() {
	needs_engines buildah
}

ba() {
	in_world w env -i PATH="$PATH" HOME="$E" CONTAINERS_CONF="$E/containers.conf" \
		CONTAINERS_STORAGE_CONF="$E/storage.conf" buildah "$@"
}

# once OPTION... CONTAINER COMMAND...: `buildah run` by the runtime $RT
once() {
	local out r=0
	out=$(ba run --isolation oci --runtime "$(path_of "$RT")" --network none "$@" 2>&1) || r=$?
	grep -v 'capabilities.ambient: left out' <<<"$out" | grep . || true
	return $r
}

path_of() {
	case $1 in
	runbox) echo "$E/bin/runbox" ;;
	*) command -v "$1" ;;
	esac
}

@test "buildah: run: output, exit status, user, directory, environment, volume, terminal" {
	scenario() {
		local c
		# which is the very cgroup
		c=$(ba from --name "$C" "--cgroup-parent=$CGROUP/run-$RT" localhost/bb)
		t once "$c" sh -c 'echo out; exit 7'
		t once --user user --workingdir /tmp --env A=b "$c" sh -c 'id -un; pwd; echo $A'
		t once -v "$E/image/etc:/mnt:ro" "$c" sh -c 'cat /mnt/passwd; touch /mnt/x 2>&1'
		t once --hostname here "$c" hostname
		t once --cap-drop all --cap-add chown "$c" grep CapEff /proc/self/status
		t once "$c" nothing | grep -oE 'executable file not found in|^\[.*'
		t once "$c" sh -c 'echo kept >/kept'
		t once "$c" cat /kept
		pty_in_world w env -i PATH="$PATH" HOME="$E" CONTAINERS_CONF="$E/containers.conf" CONTAINERS_STORAGE_CONF="$E/storage.conf" \
			buildah run --tty --isolation oci --runtime "$(path_of "$RT")" --network none "$c" tty |
			grep -v 'capabilities.ambient: left out'
		t ba rm "$c" | grep -c .
	}
	compare scenario <<-'EOF'
		out
		Error: while running runtime: exit status 7
		[7]
		user
		/tmp
		b
		root:x:0:0:root:/root:/bin/sh
		user:x:1000:1000::/home/user:/bin/sh
		touch: /mnt/x: Read-only file system
		Error: while running runtime: exit status 1
		[1]
		here
		CapEff:	0000000000000000
		executable file not found in
		[1]
		kept
		/dev/pts/0
		1
	EOF
}

@test "buildah: build of a Dockerfile with several stages, shell and exec form, by contrib's containers.conf" {
	scenario() {
		local dir=$E/build-$RT
		mkdir -p "$dir"
		echo data >"$dir/data"
		cat >"$dir/Dockerfile" <<-'EOF'
			FROM localhost/bb AS first
			COPY data /data
			RUN tr a-z A-Z </data >/DATA
			FROM localhost/bb
			COPY --from=first /DATA /DATA
			RUN ["cp", "/DATA", "/again"]
			USER user
			WORKDIR /home/user
			RUN id -un && pwd && cat /again
		EOF
		t ba build -q --isolation oci --runtime "$(path_of "$RT")" --network none --cgroup-parent "$CGROUP/build-$RT" -t "built-$RT" "$dir" |
			grep -vE 'capabilities.ambient: left out'
		t ba rmi "built-$RT" >/dev/null
		printf 'FROM localhost/bb\nRUN exit 42\n' >"$dir/Dockerfile"
		t ba build -q --isolation oci --runtime "$(path_of "$RT")" --network none --cgroup-parent "$CGROUP/build-$RT" "$dir" |
			grep -E '^\[|exit status'
	}
	compare scenario <<-'EOF'
		ID
		Error: building at STEP "RUN exit 42": while running runtime: exit status 42
		[42]
	EOF
}

@test "buildah: nothing is left, in its world and on the host" {
	ba containers -q | grep . && return 1
	same_picture w "$E/before"
	world_end w
	host_clean
}
