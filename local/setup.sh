#!/bin/sh
# Makes sure that everything Hearth needs on one machine is there: Debian's packages and the Python environment.
# Installs only what is missing, says what it does, and does nothing at all when all is there.
set -eu
cd "$(dirname "$0")/.."
PATH=$PATH:/usr/sbin:/sbin # where Debian keeps dockerd, and where a plain user does not look

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

# Debian's package for each command the stack runs; a word per package.
missing_packages() {
    command -v redis-server >/dev/null || printf 'redis-server '
    command -v dockerd >/dev/null || printf 'docker.io '
    command -v mmdebstrap >/dev/null || printf 'mmdebstrap '
    command -v cc >/dev/null || printf 'gcc libc6-dev '
    [ -e /etc/ssl/certs/ca-certificates.crt ] || printf 'ca-certificates '
    [ -x .venv/bin/python ] || python3 -c 'import ensurepip, venv' 2>/dev/null || printf 'python3 python3-venv '
}

# Debian starts a package's service as it is installed. The stack starts its own, so for the length of the
# installation services are told not to start, unless this machine has a rule of its own about that.
install_packages() {
    if ! command -v apt-get >/dev/null; then
        echo "setup: missing here, install with this system's own tools: $*" >&2
        exit 1
    fi
    if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then
        echo "setup: run as root: apt-get install --no-install-recommends $*" >&2
        exit 1
    fi
    echo "setup: installing Debian packages: $*"
    rule=/usr/sbin/policy-rc.d
    if [ ! -e "$rule" ]; then
        trap 'as_root rm -f "$rule"' EXIT INT TERM
        printf '#!/bin/sh\nexit 101\n' | as_root tee "$rule" >/dev/null
        as_root chmod 755 "$rule"
    fi
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

# The stamp is a digest over every pinned requirement: a new pin is a new environment.
requirements_digest() {
    cat constraints.txt requirements.txt api/requirements.txt worker_agent/requirements.txt | sha256sum | cut -d ' ' -f 1
}

install_environment() {
    echo "setup: making the Python environment .venv (about a minute, once)"
    [ -x .venv/bin/python ] || python3 -m venv .venv
    .venv/bin/python -m pip install -q 'pip<26.3'
    .venv/bin/python -m pip install -q -c constraints.txt -r requirements.txt
    requirements_digest > .venv/hearth-requirements
}

packages=$(missing_packages)
# shellcheck disable=SC2086  # a word per package
[ -z "$packages" ] || install_packages $packages

if ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "setup: Hearth needs Python 3.11 or later as python3; this one is $(python3 --version)" >&2
    exit 1
fi
[ "$(cat .venv/hearth-requirements 2>/dev/null)" = "$(requirements_digest)" ] || install_environment
