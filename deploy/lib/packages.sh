# The system's packages (Debian), installed by root or through sudo.
# shellcheck shell=bash

readonly DOWNLOAD_SECONDS=300
readonly UNPACK_SECONDS=300

# While this file is there, PostgreSQL's package does not create and start a cluster of its own.
readonly NO_MAIN_CLUSTER=/etc/postgresql-common/createcluster.d/daybook.conf

PACKAGE_INDEX_READ=

# install_packages [NAME...]: installs the packages that are not installed; without names it does nothing.
install_packages() {
    (($# > 0)) || return 0
    say "installing the system packages: $*"
    read_package_index
    as_root_job "$DOWNLOAD_SECONDS" apt-get -qq -y install --no-install-recommends --download-only "$@" >&2 ||
        fail "the packages could not be downloaded: $*"
    forbid_main_cluster
    unpack_packages "$@" || fail "the packages could not be installed: $*"
    allow_main_cluster
}

# Once a run, and only when something must be installed.
read_package_index() {
    [[ ! $PACKAGE_INDEX_READ ]] || return 0
    type -P apt-get >/dev/null || fail 'this system has no apt-get: install PostgreSQL 15, nats-server and mongod by hand'
    as_root_job "$DOWNLOAD_SECONDS" apt-get -qq update >&2 || fail 'the package index could not be read'
    PACKAGE_INDEX_READ=yes
}

# Nothing may end the installer between two packages, so a signal waits until it is done.
unpack_packages() {
    local installer status
    # shellcheck disable=SC2034 # read by the signal handler in process.sh
    HOLD_SIGNALS=yes
    as_root setsid timeout --foreground "$UNPACK_SECONDS" \
        env DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 \
        apt-get -qq -y -o DPkg::Lock::Timeout=60 -o Dpkg::Use-Pty=0 install --no-install-recommends --no-download "$@" \
        </dev/null >&2 &
    installer=$!
    while true; do
        status=0
        wait "$installer" || status=$?
        start_time "$installer" >/dev/null || break
        say 'stopping as soon as the package installer is done'
    done
    release_signals
    return "$status"
}

forbid_main_cluster() {
    as_root mkdir -p "${NO_MAIN_CLUSTER%/*}"
    echo 'create_main_cluster = false' | as_root tee "$NO_MAIN_CLUSTER" >/dev/null
}

allow_main_cluster() {
    [[ ! -e $NO_MAIN_CLUSTER ]] || as_root rm -f -- "$NO_MAIN_CLUSTER"
}

as_root() {
    if ((EUID == 0)); then
        "$@"
    else
        type -P sudo >/dev/null || fail "this needs root, and there is no sudo: $*"
        sudo "$@"
    fi
}

# A job for root. Behind sudo it stays on the terminal, which may have to ask for the password.
as_root_job() {
    if ((EUID == 0)); then
        run_job "$@"
    else
        shift
        as_root "$@"
    fi
}
