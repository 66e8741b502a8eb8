#!/usr/bin/env bats
# features.bats - runbox features
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
