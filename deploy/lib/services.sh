# The three services and the `daybook` program: how they are built, started and found.
# shellcheck shell=bash

# A cold build on two slow cores, with room.
readonly BUILD_SECONDS=2400
readonly MIGRATE_SECONDS=60
readonly SERVICES_START_SECONDS=30
readonly STATUS_SECONDS=5

# The services and the `daybook` program.
readonly SERVICE_PACKAGES=(daybook-command daybook-projector daybook-query daybook-operator)

# Where cargo has put the programs (of release mode, unless others were asked for); CARGO_TARGET_DIR and cargo's own settings count.
RELEASE_DIRECTORY=

# up BUILD: everything, servers, migrations, services, with programs that the function builds. What runs already is left alone,
# unless it is of other programs, or they were built anew since.
up() {
    install_servers
    "$1" "${SERVICE_PACKAGES[@]}"
    servers_up
    services_up
}

# Builds all packages that are named in one go, so that libraries are built once.
release_build() {
    local begun=$SECONDS
    install_toolchain
    say 'building the services (release mode)'
    run_job "$BUILD_SECONDS" cargo build --release --locked "${@/#/--package=}" >&2 || fail 'the build failed'
    RELEASE_DIRECTORY=$(target_directory)/release
    say "built (after $((SECONDS - begun)) s)"
}

# The same, as tests are built: quicker to build, slower to run.
debug_build() {
    local begun=$SECONDS
    install_toolchain
    say 'building the services (debug mode)'
    run_job "$BUILD_SECONDS" cargo build --locked "${@/#/--package=}" >&2 || fail 'the build failed'
    RELEASE_DIRECTORY=$(target_directory)/debug
    say "built (after $((SECONDS - begun)) s)"
}

target_directory() {
    cargo metadata --no-deps --format-version 1 --offline |
        "$(python_program)" -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])'
}

services_up() {
    local begun=$SECONDS name
    doors_prepare
    for name in "${SERVICES[@]}"; do
        if is_outdated "$name"; then
            say "$name was built anew and is restarted"
            stop_together "$name"
        fi
    done
    if ! is_running command; then
        migrate
        assign_port command
        assign_port command-metrics
        DAYBOOK_COMMAND_LISTEN=127.0.0.1:$(port_of command) \
            DAYBOOK_COMMAND_METRICS_LISTEN=127.0.0.1:$(port_of command-metrics) \
            DAYBOOK_POSTGRES_URL=$(postgres_url daybook_app daybook) \
            DAYBOOK_NATS_URL=$(nats_url) DAYBOOK_NATS_STREAM=DAYBOOK \
            launch_service command "$RELEASE_DIRECTORY/daybook-command"
    fi
    if ! is_running projector; then
        assign_port projector
        assign_port projector-metrics
        DAYBOOK_PROJECTOR_LISTEN=127.0.0.1:$(port_of projector) \
            DAYBOOK_PROJECTOR_METRICS_LISTEN=127.0.0.1:$(port_of projector-metrics) \
            DAYBOOK_COMMAND_ENDPOINT=$(endpoint_of command) \
            DAYBOOK_NATS_URL=$(nats_url) DAYBOOK_NATS_STREAM=DAYBOOK \
            DAYBOOK_MONGODB_URL=$(mongo_url) DAYBOOK_MONGODB_DATABASE=daybook \
            launch_service projector "$RELEASE_DIRECTORY/daybook-projector"
    fi
    if ! is_running query; then
        assign_port query
        assign_port query-metrics
        DAYBOOK_QUERY_LISTEN=127.0.0.1:$(port_of query) \
            DAYBOOK_QUERY_METRICS_LISTEN=127.0.0.1:$(port_of query-metrics) \
            DAYBOOK_COMMAND_ENDPOINT=$(endpoint_of command) \
            DAYBOOK_MONGODB_URL=$(mongo_url) DAYBOOK_MONGODB_DATABASE=daybook \
            launch_service query "$RELEASE_DIRECTORY/daybook-query"
    fi
    publish_endpoints
    await_services
    say "command, projector and query are ready (after $((SECONDS - begun)) s)"
}

# launch_service NAME PROGRAM: starts a service with its door.
launch_service() {
    local door
    mapfile -t door < <(door_of "$1")
    launch "$1" env "${door[@]}" "$2"
}

# Whether what runs is another program than that which was built, or its file was replaced since it was started.
is_outdated() {
    local pid
    pid=$(pid_of "$1") && [[ $(readlink "/proc/$pid/exe") != "$(readlink -f "$RELEASE_DIRECTORY/daybook-$1")" ]]
}

migrate() {
    DAYBOOK_POSTGRES_OWNER_URL=$(postgres_url daybook_owner daybook) \
        run_job "$MIGRATE_SECONDS" "$RELEASE_DIRECTORY/daybook-command" migrate >"$INSTANCE/log/migrate.log" 2>&1 || {
        show_log_tail "$INSTANCE/log/migrate.log"
        fail 'the migrations failed'
    }
}

# Ready is what `daybook status` calls ready; a service that ends meanwhile is told with its log.
await_services() {
    local name deadline=$((SECONDS + SERVICES_START_SECONDS))
    until timeout "$STATUS_SECONDS" "$(daybook_program)" status >"$INSTANCE/log/status.log" 2>&1; do
        for name in "${SERVICES[@]}"; do
            if ! is_running "$name"; then
                show_log_tail "$INSTANCE/log/$name.log"
                fail "$name ended while it was starting"
            fi
        done
        if ((SECONDS >= deadline)); then
            for name in "${SERVICES[@]}" status; do
                show_log_tail "$INSTANCE/log/$name.log" 15
            done
            fail "the services were not ready within $SERVICES_START_SECONDS s"
        fi
        sleep "$POLL_SECONDS"
    done
}

daybook_program() {
    printf '%s/daybook\n' "$RELEASE_DIRECTORY"
}

endpoint_of() {
    printf 'https://127.0.0.1:%s\n' "$(port_of "$1")"
}

# Writes where the services are, for the `daybook` program; only whole files are ever seen.
publish_endpoints() {
    local name
    for name in "${SERVICES[@]}"; do
        printf 'DAYBOOK_%s_ENDPOINT=%s\n' "${name^^}" "$(endpoint_of "$name")"
        # A service that was started by an earlier version has none.
        if port_of "$name-metrics" >/dev/null; then
            printf 'DAYBOOK_%s_METRICS_ENDPOINT=%s\n' "${name^^}" "http://127.0.0.1:$(port_of "$name-metrics")"
        fi
    done >"$INSTANCE/env.new"
    {
        printf 'DAYBOOK_CA_FILE=%s\n' "$INSTANCE/doors/ca.pem"
        printf 'DAYBOOK_TOKEN_FILE=%s\n' "$INSTANCE/doors/operator.token"
    } >>"$INSTANCE/env.new"
    mv -f -- "$INSTANCE/env.new" "$INSTANCE/env"
}

forget_endpoints() {
    rm -f -- "$INSTANCE/env"
}
