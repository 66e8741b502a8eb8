#!/bin/bash
# suite.sh - the project's tests on a whole machine: systemd, cgroup v2 with all controllers, AppArmor,
# all capabilities, and an unprivileged user with subordinate ids
#
# `make check-vm` runs it. VM_TESTS is the list of files (unit tests and bats files, as in Makefile.am).
# VM_SECONDS is the bound. What an ordinary machine shows as well is left out, for emulation takes its time:
# VM_ALL=1 runs that too, but for tests/undo, which then takes longer than all others together.
# Skips when there is no qemu, or when the image cannot be made here.
set -u
here=$(cd "$(dirname "$0")" && pwd)

skip() {
	echo "1..0 # SKIP $*"
	exit 0
}

[ "$(id -u)" -eq 0 ] || skip "needs root, to make the guest's image"
PATH=$PATH:/usr/sbin:/sbin command -v qemu-system-x86_64 >/dev/null || skip "needs Debian's qemu-system-x86"
[ -n "${VM_TESTS:-}" ] || skip "needs VM_TESTS, the list of files: use make check-vm"
words=$("$here/build" "${BUILDDIR:?}/vm-image" 2>&1) || skip "the guest's image cannot be made: ${words##*$'\n'}"
echo "# ${words//$'\n'/$'\n'# }"

# the same anywhere: words, files of text, pure parts; and networks, which need no more than namespaces
plain=(tests/unit/'*' tests/cli/{check,contract,errors,exec,features,list,plan,ps,rdt,seccomp,soak,spec,state}.bats tests/net/{hook,net,partition,ports}.bats)

# is_plain FILE
is_plain() {
	local p
	for p in "${plain[@]}"; do
		# shellcheck disable=SC2053 # it is a pattern
		[[ $1 != $p ]] || return 0
	done
	return 1
}

files=(tests/vm/check.bats tests/vm/rootless.bats tests/vm/systemd.bats) left=()
for file in $VM_TESTS; do
	case $file in
	tests/*/undo.bats) left+=("$file") ;;
	# what it does depends on cgroups and on what root may do
	tests/unit/test_cgroup | tests/unit/test_devbpf | tests/unit/test_root) files+=("$file") ;;
	*) if [ -z "${VM_ALL:-}" ] && is_plain "$file"; then left+=("$file"); else files+=("$file"); fi ;;
	esac
done
echo "# left out: ${left[*]}"
exec "$here/run-tests" --seconds "${VM_SECONDS:-500}" "${files[@]}"
