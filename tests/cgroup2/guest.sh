#!/bin/sh
# Runs inside the machine: proves that this is cgroup v2 under systemd, loads the runtime images, runs the tests.
set -eu

layout=$(docker info --format 'cgroup version {{.CgroupVersion}}, driver {{.CgroupDriver}}')
echo "machine: Linux $(uname -r), Docker Engine $(docker info --format '{{.ServerVersion}}'), $layout"
if [ "$layout" != 'cgroup version 2, driver systemd' ]; then
    echo "machine: what runs here would prove nothing about cgroup v2 under systemd" >&2
    exit 1
fi
for image in /mnt/images/*.tar; do docker load --quiet --input "$image"; done
echo "machine: ready $(cut -d ' ' -f 1 /proc/uptime) s after its start"

export PYTHONPATH=/opt/hearth PYTHONDONTWRITEBYTECODE=1 NO_COLOR=1
cd /mnt/repo
# shellcheck source=/dev/null  # `exec python3 -m pytest` and what it was asked to run
. /mnt/command
