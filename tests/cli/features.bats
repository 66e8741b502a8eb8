#!/usr/bin/env bats
# features.bats - runbox features
# as: root
load ../lib/helpers

@test "features: one JSON document on stdout, nothing on stderr, no state made" {
	run -0 --separate-stderr "$RUNBOX" features
	[ -z "$stderr" ]
	jq -e '.ociVersionMin == "1.0.0" and (.ociVersionMax | test("^1\\.[0-9]+\\.[0-9]+$"))' <<<"$output"
	jq -e '.hooks == ["prestart","createRuntime","createContainer","startContainer","poststart","poststop"]' <<<"$output"
	jq -e '.mountOptions | index("rro", "rbind", "idmap", "ridmap", "tmpcopyup") | . != null' <<<"$output"
	jq -e '.linux.namespaces | sort == ["cgroup","ipc","mount","network","pid","time","user","uts"]' <<<"$output"
	jq -e '.linux.capabilities | index("CAP_SYS_ADMIN") != null' <<<"$output"
	jq -e '.linux.mountExtensions.idmap.enabled == true and .linux.netDevices.enabled == true' <<<"$output"
	jq -e '.linux.intelRdt == {"enabled": true, "schemata": true, "monitoring": true}' <<<"$output"
	jq -e '.linux.seccomp.enabled and (.linux.seccomp.actions | index("SCMP_ACT_ERRNO") != null)' <<<"$output"
}

@test "features: without environment and directories" {
	run -0 --separate-stderr env -i "$RUNBOX" features
	jq -e . <<<"$output"
}

@test "features: fits its schema" {
	requires python3
	python3 -c 'import jsonschema' 2>/dev/null || skip "needs Debian's python3-jsonschema"
	"$RUNBOX" features >"$T/features.json"
	python3 - "$SRCDIR/schema" "$T/features.json" <<-'PY'
		import glob, json, sys, jsonschema
		path = [p for p in glob.glob(sys.argv[1] + "/*features*.json")][0]
		jsonschema.validate(json.load(open(sys.argv[2])), json.load(open(path)))
	PY
}

# listed QUERY: its words of `features`
listed() {
	"$RUNBOX" features | jq -r "$1[]"
}

@test "features: each mount option is taken, on a new file system or on a bind" {
	requires root
	make_bundle b
	mkdir "$T/b/src"
	local option mount dest n=0
	for option in $(listed .mountOptions); do
		dest=/mnt
		case $option in
		remount) mount='"type": "tmpfs", "source": "t", "options": [$o, "noexec"]' dest=/dev ;;
		bind | rbind) mount='"type": "none", "source": "src", "options": [$o]' ;;
		idmap | ridmap) mount='"source": "src", "options": ["bind", $o], "uidMappings": [{"containerID": 0, "hostID": 1, "size": 1}], "gidMappings": [{"containerID": 0, "hostID": 1, "size": 1}]' ;;
		*) mount='"type": "tmpfs", "source": "t", "options": [$o]' ;;
		esac
		jq --arg o "$option" ".mounts += [{\"destination\": \"$dest\", $mount}] | .process.args = [\"/bin/probe\", \"mounts\"]" \
			"$T/b/config.json" >"$T/b/option.json"
		SEEN=$(run_bundle b --config option.json) || { echo "option $option" >&2 && return 1; }
		expect '[.mounts[] | select(.dest == "'"$dest"'")] | length' 1 || { echo "option $option" >&2 && return 1; }
		n=$((n + 1))
	done
	[ $n -gt 70 ]
	# and what is not listed is no option, unless the file system knows it
	edit_bundle b '.mounts += [{"destination": "/mnt", "type": "tmpfs", "source": "t", "options": ["no-such-option"]}]'
	run -1 run_bundle b
	leaks
}

@test "features: each capability can be asked for, none that this host has is lost" {
	requires root
	make_bundle b ".process.capabilities = ({\"bounding\": $("$RUNBOX" features | jq -c .linux.capabilities)} | .permitted = .bounding | .effective = .bounding | .inheritable = .bounding | .ambient = .bounding)"
	args b /bin/probe caps
	SEEN=$(run_bundle b 2>"$T/err")
	local mine
	mine=$("$PROBE" caps | jq -c '.caps.bounding | sort')
	expect '.caps.bounding | sort' "$mine"
	expect '.caps.effective | sort' "$mine"
	expect '.caps.ambient | sort' "$mine"
	# one line a set for what this host has not
	[ "$(grep -vc 'left out' "$T/err")" -eq 0 ]
}

@test "features: each kind of namespace can be new, each kind of hook runs" {
	requires root
	local words
	words=$("$RUNBOX" features | jq -c '[.linux.namespaces[] | {type: .}]')
	make_bundle b ".linux.namespaces = $words | .linux.uidMappings = [{\"containerID\": 0, \"hostID\": 100000, \"size\": 65536}] | .linux.gidMappings = .linux.uidMappings"
	chown -h 100000:100000 "$T/b/rootfs"
	look b namespaces
	local ns
	for ns in cgroup ipc mnt net pid time user uts; do
		[ "$(jq -r ".ns.$ns" <<<"$SEEN")" != "$(readlink "/proc/self/ns/$ns")" ]
	done
	make_bundle b
	local hook
	for hook in $(listed .hooks); do
		case $hook in
		startContainer) edit_bundle b ".hooks.$hook = [{\"path\": \"/bin/probe\", \"args\": [\"probe\", \"args\", \"ready=/hook-$hook\"]}]" ;;
		*) edit_bundle b ".hooks.$hook = [{\"path\": \"/bin/sh\", \"args\": [\"sh\", \"-c\", \"cat >/dev/null; : >$T/b/rootfs/hook-$hook\"]}]" ;;
		esac
	done
	look b args
	[ "$(find "$T/b/rootfs" -name 'hook-*' | wc -l)" -eq 6 ]
	leaks
}
