#!/bin/bash
# suite.sh - the project's tests on a whole machine: systemd, cgroup v2 with all controllers, AppArmor,
# all capabilities, and an unprivileged user with subordinate ids
#
# `make check-vm` runs it. VM_TESTS is the list of files (unit tests and bats files, as in Makefile.am); each is run as
# its line "# as:" says (run-tests): what makes containers by root with both cgroup managers, and by the user with
# both where a user may do it. Once, by root with cgroupfs, is enough for what no manager has a part in: unit tests;
# words and files of text (check, contract, errors, features, list, plan, spec); classes of resctrl, which the tests
# make themselves (rdt); the network, whose steps touch no cgroup; and tests/cli/rootless.bats, which makes a user of
# its own beside the manager. Of tests that repeat a thing some rounds are run (guest, `environment`). The log says
# who is left out of what.
# VM_SECONDS is the bound.
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

# shellcheck disable=SC2086 # words
exec "$here/run-tests" --seconds "${VM_SECONDS:-800}" tests/vm/{check,rootless,systemd}.bats $VM_TESTS
