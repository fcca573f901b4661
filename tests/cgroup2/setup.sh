#!/bin/sh
# Makes sure that the tools for making and running the cgroup-v2 machine are there, as local/setup.sh does for its own.
# Installs only what is missing; never anything into the machine itself.
set -eu
PATH=$PATH:/usr/sbin:/sbin # where Debian keeps mke2fs, and where a plain user does not look

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

# Debian's package for each tool; a word per package. mmdebstrap is there already: the images are made with it.
missing_packages() {
    command -v qemu-system-x86_64 >/dev/null || printf 'qemu-system-x86 '
    command -v mke2fs >/dev/null || printf 'e2fsprogs '
    command -v git >/dev/null || printf 'git '
}

packages=$(missing_packages)
[ -n "$packages" ] || exit 0
if ! command -v apt-get >/dev/null; then
    echo "setup: missing here, install with this system's own tools: $packages" >&2
    exit 1
fi
echo "setup: installing Debian packages: $packages"
as_root apt-get update -qq
# shellcheck disable=SC2086  # a word per package
as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages >/dev/null
