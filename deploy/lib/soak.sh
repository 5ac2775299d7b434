# The soak: random pairs of faults for as long as asked, on servers and services of its own.
# shellcheck shell=bash

# What the longest soak may take: a day, and the checks in between.
readonly SOAK_SECONDS=100000

# With --debug first, the programs are those of the tests: nothing is built in release mode.
soak_command() {
    local build=release_build
    if [[ ${1:-} == --debug ]]; then
        build=debug_build
        shift
    fi
    enter_instance "$STATE/soak"
    purge_instance
    install_servers
    "$build" "${SERVICE_PACKAGES[@]}" daybook-faults
    export_soak_servers
    run_job "$SOAK_SECONDS" "$RELEASE_DIRECTORY/daybook-faults" "$@" ||
        fail 'the soak found something, or did not run to its end; it says above where logs and journal are kept'
}

# The program starts servers and services by itself, to break them.
export_soak_servers() {
    export DAYBOOK_TEST_POSTGRES_BIN DAYBOOK_TEST_POSTGRES_USER DAYBOOK_TEST_NATS_SERVER DAYBOOK_TEST_MONGOD
    DAYBOOK_TEST_POSTGRES_BIN=$(postgres_bin)
    DAYBOOK_TEST_POSTGRES_USER=$(postgres_user)
    DAYBOOK_TEST_NATS_SERVER=$(nats_program)
    DAYBOOK_TEST_MONGOD=$(mongod_program)
}
