# Guided programs: built a second time, by a profile of what the first ones did under load. The compiler then knows which code
# runs often, and lays it out and inlines it accordingly. They do the same as those of release mode, with less CPU.
# shellcheck shell=bash

# The load of the profile: single calls, streams, reports, a rebuild, callers with TLS and tokens, and what is logged. The chain is
# drawn from another seed than that of the measurements.
readonly GUIDING_LOAD=(P1 P2 P4 P5 P6 D1 E1 --rounds 1 --seconds 4 --history-lines 200000 --seed 2)
readonly GUIDING_SECONDS=2400
readonly COMPONENT_SECONDS=300
readonly MERGE_SECONDS=300

# What goes into the services; a profile of other sources, or of another compiler, says little of them.
readonly GUIDED_SOURCES=(Cargo.lock Cargo.toml build.rs proto services)

# What is built, always all of it: with other packages libraries have other features, by which cargo names them otherwise, and a
# profile knows functions by their names.
readonly GUIDED_PACKAGES=("${SERVICE_PACKAGES[@]}" daybook-bench)

# Makes the profile, unless there is one of these sources, and builds by it.
guide_command() {
    local profile
    no_arguments "$@"
    enter_instance "$STATE/guide"
    install_toolchain
    profile=$(guiding_profile)
    if [[ -s $profile ]]; then
        say 'there is a profile of these sources already'
    else
        guide "$profile"
    fi
    guided_build
    say 'use them with: deploy/local.sh up --guided, deploy/local.sh bench --guided'
}

# guide PROFILE: builds programs that count what they do, lets them work, and keeps the counts.
guide() {
    local counts=$INSTANCE/counts
    purge_instance
    rm -rf -- "$INSTANCE"/{counts,profile}
    mkdir -- "$counts" "$INSTANCE/profile"
    install_profdata
    install_servers
    guided_cargo counting '-Cprofile-generate'
    servers_up
    export_bench_servers
    say 'letting them work (some minutes)'
    # One file for each program, into which each process adds its counts at its end. What this measures is of no account: who counts
    # is slow.
    run_job "$GUIDING_SECONDS" env LLVM_PROFILE_FILE="$counts/%m.profraw" "$RELEASE_DIRECTORY/daybook-bench" \
        "${GUIDING_LOAD[@]}" >"$INSTANCE/log/bench.log" 2>&1 || {
        show_log_tail "$INSTANCE/log/bench.log"
        fail 'the load did not run to its end; logs are in .daybook/guide/log'
    }
    stop_everything
    purge_data
    run_job "$MERGE_SECONDS" "$(profdata_program)" merge --sparse --output="$1.new" "$counts" >&2 || fail 'the counts could not be merged'
    mv -- "$1.new" "$1"
    rm -rf -- "$counts"
}

# Builds by the profile of these sources; which packages are asked for makes no difference.
guided_build() {
    local profile
    install_toolchain
    profile=$(guiding_profile)
    [[ -s $profile ]] || fail 'there is no profile of these sources: run deploy/local.sh guide first'
    guided_cargo guided "-Cprofile-use=$profile"
}

# guided_cargo PROFILE FLAG: builds with cargo's profile of that name. Named, the target keeps the flag from what runs
# while it is built.
guided_cargo() {
    local name=$1 flag=$2 begun=$SECONDS host separator=$'\x1f'
    host=$(host_triple)
    say "building the services ($name)"
    # The form in which a flag may hold spaces.
    run_job "$BUILD_SECONDS" env CARGO_ENCODED_RUSTFLAGS="${RUSTFLAGS:+${RUSTFLAGS// /$separator}$separator}$flag" \
        cargo build --profile "$name" --target "$host" --locked "${GUIDED_PACKAGES[@]/#/--package=}" >&2 || fail 'the build failed'
    RELEASE_DIRECTORY=$(target_directory)/$host/$name
    say "built (after $((SECONDS - begun)) s)"
}

# The file of the profile for these sources and this compiler. By a new name cargo knows that it has to build anew.
guiding_profile() {
    local key
    key=$({
        rustc --version --verbose
        find "${GUIDED_SOURCES[@]}" -type f -print0 | sort --zero-terminated | xargs --null sha256sum
    } | sha256sum)
    printf '%s/guide/profile/%s.profdata\n' "$STATE" "${key:0:16}"
}

host_triple() {
    rustc --version --verbose | sed --quiet 's/^host: //p'
}

# LLVM's own program, of the version that the compiler has.
profdata_program() {
    printf '%s/lib/rustlib/%s/bin/llvm-profdata\n' "$(rustc --print sysroot)" "$(host_triple)"
}

install_profdata() {
    local program
    program=$(profdata_program)
    if [[ ! -x $program ]] && type -P rustup >/dev/null; then
        say 'installing llvm-tools'
        run_job "$COMPONENT_SECONDS" rustup component add llvm-tools >&2 || fail 'llvm-tools could not be installed'
    fi
    [[ -x $program ]] || fail "llvm-profdata is not there: $program"
}
