# layouts.bash - the cgroup layouts that a private mount namespace can show on this host
#
# v1: the unified mount is taken away. v2: only a cgroup2 mount is left, with the controllers that no v1
# hierarchy holds. as-is: the host's own. Cgroups that were there before are not touched.
# shellcheck shell=bash

# under LAYOUT COMMAND...
under() {
	local layout=$1 set_up
	shift
	case $layout in
	v1) set_up='umount /sys/fs/cgroup/unified' ;;
	v2) set_up='umount -R /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup' ;;
	as-is)
		"$@"
		return
		;;
	esac
	unshare -m --propagation private sh -c "$set_up"' && exec "$@"' sh "$@"
}

# needs_layout LAYOUT: skips with the reason where this host cannot show it
needs_layout() {
	case $1 in
	v1)
		requires root cgroup1 unshare
		mountpoint -q /sys/fs/cgroup/unified || skip "needs a hybrid host to make a v1 view of"
		;;
	v2)
		requires root cgroup2 unshare
		# a host that is v2 as it is shows more: its controllers and what systemd made
		[ "$(stat -f -c %T /sys/fs/cgroup)" != cgroup2fs ] || skip "the host's own layout is v2"
		;;
	as-is) ;;
	esac
}

# in_layout LAYOUT: from here on `rb` and what uses it sees that layout
in_layout() {
	needs_layout "$1"
	LAYOUT=$1
	# shellcheck disable=SC2317 # the tests call it
	rb() { under "$LAYOUT" "${RB[@]}" "$@"; }
}

# cgroup_value NAME FILE: what a file of the container's cgroups says, where the layout shows it
cgroup_value() {
	local paths
	mapfile -t paths < <(jq -r '.cgroups[]' "$ROOT/$(cid "$1")/state.json")
	# shellcheck disable=SC2016 # for the inner shell
	under "${LAYOUT:-as-is}" sh -c 'f=$1; shift
		for d; do if [ -e "$d/$f" ]; then exec cat "$d/$f"; fi; done
		echo "no cgroup of the container has $f" >&2; exit 1' sh "$2" "${paths[@]}"
}
