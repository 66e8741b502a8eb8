#!/bin/bash
# suite.sh - the project's tests on a whole machine: systemd, cgroup v2 with all controllers, AppArmor,
# all capabilities, and an unprivileged user with subordinate ids
#
# `make check-vm` runs it. VM_TESTS is the list of files (unit tests and bats files, as in Makefile.am).
# Two guests take some 8 minutes on two processors that have nothing else to do; VM_SECONDS is the bound.
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

files=(tests/vm/check.bats tests/vm/rootless.bats tests/vm/systemd.bats)
for file in $VM_TESTS; do
	case $file in
	tests/*/undo.bats) echo "# $file is left out: under emulation it takes longer than all others together" ;;
	*) files+=("$file") ;;
	esac
done
exec "$here/run-tests" --seconds "${VM_SECONDS:-840}" "${files[@]}"
