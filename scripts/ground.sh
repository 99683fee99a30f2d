# SPDX-License-Identifier: MIT
# Shared by scripts/demo and scripts/test: the packages, installed without starting or enabling any
# service, and the build. Sourced with the source tree as working directory.

packages="build-essential cmake ninja-build pkg-config liblua5.4-dev libssh2-1-dev libedit-dev libjansson-dev
libmd-dev libcmocka-dev lua-unit nfs-ganesha nfs-ganesha-vfs openssh-server openssh-client rpcbind xfsprogs mksh
busybox-static iproute2 util-linux kmod procps netbase"

say() { printf '%s\n' "$*"; }

as_root() {
	if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

missing_packages() {
	for package in $packages; do
		dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || printf '%s ' "$package"
	done
}

policy=/usr/sbin/policy-rc.d

restore_policy() {
	as_root rm -f "$policy"
	if [ -e "$policy.altmig-saved" ]; then as_root mv "$policy.altmig-saved" "$policy"; fi
}

# Installs what is missing. While it runs, policy-rc.d forbids every service action; units of
# packages that come new are disabled, so that a later boot does not start them either.
install_packages() {
	if ! command -v apt-get >/dev/null 2>&1 || ! command -v dpkg-query >/dev/null 2>&1; then
		say "This is not a Debian system. Needed (names of Debian 12):"
		say "$packages"
		return 1
	fi
	if [ ! -e /etc/mtab ]; then # nfs-ganesha reads it; only the barest installations lack it
		say "Making the link /etc/mtab to /proc/self/mounts, which this system lacks."
		as_root ln -s /proc/self/mounts /etc/mtab || return 1
	fi
	need=$(missing_packages)
	[ -n "$need" ] || return 0
	if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null 2>&1; then
		say "Missing packages: $need"
		say "Run this as root, or install sudo."
		return 1
	fi
	say "Installing packages (no service is started or enabled): $need"
	# An earlier run was killed: what lies there is ours, and must not be kept as the site's own.
	if [ -e "$policy.altmig-saved" ] || grep -qsx '# altmig' "$policy"; then restore_policy; fi
	trap 'restore_policy; exit 130' INT TERM HUP
	if [ -e "$policy" ]; then as_root mv "$policy" "$policy.altmig-saved"; fi
	printf '#!/bin/sh\n# altmig\nexit 101\n' | as_root tee "$policy" >/dev/null
	as_root chmod 755 "$policy"
	status=0
	{ as_root apt-get update -qq && as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
		--no-install-recommends --no-upgrade $need </dev/null; } >"${TMPDIR:-/tmp}/altmig-apt.$$" 2>&1 || status=1
	restore_policy
	trap - INT TERM HUP
	for package in $need; do
		case $package in
		openssh-server) units="ssh.service ssh.socket" ;;
		rpcbind) units="rpcbind.service rpcbind.socket" ;;
		nfs-ganesha) units="nfs-ganesha.service nfs-ganesha-lock.service" ;;
		*) units= ;;
		esac
		for unit in $units; do as_root systemctl disable "$unit" >/dev/null 2>&1 || :; done
	done
	if [ $status -ne 0 ]; then
		tail -n 20 "${TMPDIR:-/tmp}/altmig-apt.$$"
		say "The packages could not be installed."
	fi
	rm -f "${TMPDIR:-/tmp}/altmig-apt.$$"
	return $status
}

# build DIR [CMAKE ARG ...]: all of it, or what $target names; "--preset NAME" takes the flags of CMakePresets.json
build() {
	dir=$1
	shift
	cmake -S . -B "$dir" -G Ninja "$@" >"$dir.cmake.log" 2>&1 || { tail -n 20 "$dir.cmake.log"; return 1; }
	rm -f "$dir.cmake.log"
	ninja -C "$dir" ${target-} >"$dir/build.log" 2>&1 || { grep -E 'error|FAILED' "$dir/build.log" | head -n 30; return 1; }
}
