# The three servers of an instance together.
# shellcheck shell=bash

readonly SERVERS=(postgres nats mongo)
readonly SERVICES=(command projector query)

# Starts what does not run, all at once, and waits until every server is ready.
servers_up() {
    local begun=$SECONDS
    install_servers
    nats_start
    mongo_start
    postgres_prepare
    postgres_start
    nats_ready
    mongo_ready
    postgres_ready
    say "PostgreSQL, NATS and MongoDB are ready (after $((SECONDS - begun)) s)"
}

stop_everything() {
    local name running=()
    # A job runs on only when its run was killed.
    # shellcheck disable=SC2034 # end_job ends the job that JOB names
    if JOB=$(pid_of job); then
        say 'ending the job of a run that was killed'
        end_job
    fi
    for name in "${SERVICES[@]}" "${SERVERS[@]}"; do
        if is_running "$name"; then
            running+=("$name")
        else
            rm -f -- "$INSTANCE/run/$name.pid"
        fi
    done
    rm -f -- "$INSTANCE/run/kept"
    forget_endpoints
    if ((${#running[@]} > 0)); then
        say "stopping ${running[*]}"
        stop_processes "${running[@]}"
    fi
}

# Deletes the data, the logs and the passwords of a stopped instance; the ports stay remembered.
purge_instance() {
    purge_data
    rm -rf -- "$INSTANCE"/{log,run}
    mkdir -- "$INSTANCE/log" "$INSTANCE/run"
}

purge_data() {
    local outside
    outside=$(postgres_outside)
    if [[ -L $INSTANCE/postgres && $(readlink -- "$INSTANCE/postgres") == "$outside" ]]; then
        rm -rf -- "$outside"
    fi
    rm -rf -- "$INSTANCE"/{postgres,nats,mongo,secrets,doors}
}

show_status() {
    local name pid port down=0
    printf '%-10s %-8s %8s %6s\n' process state pid port
    for name in "${SERVERS[@]}" "${SERVICES[@]}"; do
        port=$(port_of "$name") || port=-
        if pid=$(pid_of "$name"); then
            printf '%-10s %-8s %8s %6s\n' "$name" running "$pid" "$port"
        else
            printf '%-10s %-8s %8s %6s\n' "$name" stopped - "$port"
            down=1
        fi
    done
    return "$down"
}

make_private_directory() {
    [[ -d $1 ]] || mkdir -m 0700 -- "$1"
}
