#!/bin/sh
# Installs what is missing for one purpose: Debian packages, and a Python environment in .venv.
#
#   local/setup.sh run      to run a stack: make up, demo, images, security
#   local/setup.sh python   to run what needs no stack: make deploy, loadtest-zips
#   local/setup.sh check    to check the code
#   local/setup.sh test     for everything, tests and load tests included (the default)
#
# It does nothing, and says nothing, if all of it is there.
set -eu
cd "$(dirname "$0")/.."
PATH=$PATH:/usr/sbin:/sbin # dockerd is in there, which a plain user's PATH lacks

fail() {
    echo "setup: $*" >&2
    exit 1
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

require_root() {
    [ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null ||
        fail "Hearth starts containers, which only root may do, and there is no sudo here: run this as root."
}

require_writable() {
    if ! [ -w . ] || { [ -e .venv ] && ! [ -w .venv ]; }; then
        fail "you cannot write to $PWD, where Hearth keeps its Python environment: clone it to a folder of your own."
    fi
}

# Runs a command and shows for how long: on a terminal every second, elsewhere every ten.
show() {
    title=$1
    shift
    started=$(date +%s)
    ticks "$title" &
    ticker=$!
    status=0
    "$@" || status=$?
    stop_ticks
    [ "$status" -eq 0 ] || fail "$title: failed"
    echo "setup: $title: done after $(($(date +%s) - started)) s"
}

ticks() {
    passed=0
    step=10
    if [ -t 1 ]; then step=1; else echo "setup: $1"; fi
    while sleep "$step" >/dev/null 2>&1; do
        passed=$((passed + step))
        if [ -t 1 ]; then printf '\rsetup: %s: %s s' "$1" "$passed"; else echo "setup: $1: $passed s"; fi
    done
}

stop_ticks() {
    [ -n "$ticker" ] || return 0
    kill "$ticker" 2>/dev/null || :
    ticker=
    if [ -t 1 ]; then printf '\r\033[K'; fi
}

# The Debian packages that are missing, one word each: first those that the Python environment is made with.
missing_for_python() {
    [ -x .venv/bin/python ] || python3 -c 'import ensurepip, venv' 2>/dev/null || printf 'python3 python3-venv '
    [ -e /etc/ssl/certs/ca-certificates.crt ] || printf 'ca-certificates '
}

missing_for_stack() {
    command -v redis-server >/dev/null || printf 'redis-server '
    command -v dockerd >/dev/null || printf 'docker.io '
    command -v mmdebstrap >/dev/null || printf 'mmdebstrap '
}

missing_for_tests() {
    command -v cc >/dev/null || printf 'gcc libc6-dev '
}

require_apt() {
    command -v apt-get >/dev/null || fail "missing here, install with this system's own tools: $*"
    [ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null ||
        fail "run as root: apt-get install --no-install-recommends $*"
    as_root true # sudo asks for the password here, before anything else is printed
}

# Debian starts a service when its package is installed. The stack starts its own, so services are told not to start
# during the installation, unless this machine has a rule of its own for that.
forbid_services() {
    [ ! -e /usr/sbin/policy-rc.d ] || return 0
    rule=/usr/sbin/policy-rc.d
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$rule" >/dev/null
    as_root chmod 755 "$rule"
}

# Runs at the end, also after a failure or a Ctrl-C: half an installation would be worse than a wait.
finish_packages() {
    [ -z "$apt" ] || wait "$apt" || :
    apt=
    [ -z "$rule" ] || as_root rm -f "$rule"
    rule=
}

# The package lists may be missing or too old: then they are fetched, and it is tried again.
apt_install() {
    apt_get install "$@" 2>/dev/null || {
        apt_get update
        apt_get install "$@"
    }
}

apt_get() {
    action=$1
    shift
    as_root env DEBIAN_FRONTEND=noninteractive apt-get "$action" -y -qq --no-install-recommends "$@" >/dev/null
}

# A digest over every pin: after a change of pins the environment is installed again.
digest() {
    cat constraints.txt requirements*.txt api/requirements.txt worker_agent/requirements.txt | sha256sum | cut -d ' ' -f 1
}

is_installed() {
    [ "$(cat ".venv/installed-$1" 2>/dev/null)" = "$(digest)" ]
}

install_environment() {
    pins=$(digest) # of now: the files may change during the installation
    [ -x .venv/bin/python ] || show "Python environment .venv" python3 -m venv --clear .venv
    # A newer pip finds packages in a third of the time; compiling on all cores halves the rest.
    show "pip" pip_install --upgrade pip
    show "Python packages of $requirements" pip_install --no-compile -r "$requirements"
    show "bytecode of the Python packages" compile
    # The development requirements include the others.
    for file in requirements.txt "$requirements"; do echo "$pins" >".venv/installed-$file"; done
}

pip_install() {
    PIP_DISABLE_PIP_VERSION_CHECK=1 .venv/bin/python -m pip install -q -c constraints.txt "$@"
}

compile() {
    .venv/bin/python -m compileall -q -j 0 .venv/lib >/dev/null || : # some packages hold templates that are no Python
}

ticker= # the process that shows how long a step takes, while there is one
apt= # the process that installs Debian packages beside the rest, while there is one
rule= # the rule that forbids services to start, while it is ours
trap 'stop_ticks; finish_packages' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

purpose=${1:-test}
case $purpose in
run | python) requirements=requirements.txt ;;
check | test) requirements=requirements-dev.txt ;;
*) fail "unknown purpose $purpose: run, python, check or test" ;;
esac
case $purpose in run | test) require_root ;; esac
is_installed "$requirements" || require_writable

first=$(missing_for_python)
packages=
case $purpose in run | test) packages=$(missing_for_stack) ;; esac
case $purpose in test) packages="$packages$(missing_for_tests)" ;; esac
if [ -n "$first$packages" ]; then
    # shellcheck disable=SC2086  # one word per package
    require_apt $first$packages
    forbid_services
fi
# shellcheck disable=SC2086
[ -z "$first" ] || show "Debian packages ${first% }" apt_install $first
if [ -n "$packages" ]; then
    echo "setup: Debian packages ${packages% }: in the background"
    # shellcheck disable=SC2086
    apt_install $packages &
    apt=$!
fi

python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "Hearth needs Python 3.11 or later as python3; this one is $(python3 --version)"
is_installed "$requirements" || install_environment
if [ -n "$apt" ]; then
    show "Debian packages ${packages% }" wait "$apt"
    apt=
fi
