#!/usr/bin/env bash
# Daybook on this machine: gets what is missing, starts private servers and the services, stops them again.
# `deploy/local.sh help` lists the commands; ARCHITECTURE.md says what runs where.
set -euo pipefail

CHECKOUT=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
readonly CHECKOUT
readonly STATE=$CHECKOUT/.daybook
# shellcheck disable=SC2034 # used by the sourced files
readonly CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/daybook

# The instance at work: demo and development use STATE itself, tests and benchmark have their own below it.
INSTANCE=$STATE

for part in say process job ports packages install postgres nats mongo servers doors services demo checks bench guided soak; do
    # shellcheck source=/dev/null
    source "$CHECKOUT/deploy/lib/$part.sh"
done

usage() {
    cat <<'TEXT'
usage: deploy/local.sh COMMAND

  demo [--keep]     import the sample trading day and print its reports; stops what it started unless --keep
  up [--guided]     build and start everything, and leave it running
  status            what runs, where; exit code 0 when everything does
  down [--purge]    stop everything; --purge also deletes the data
  servers           start only PostgreSQL, NATS and MongoDB, and print how to reach them
  test [-- ARGS]    run every check and test against servers of their own; ARGS go to `cargo test`
  bench [--guided] [P1 … P9|D1|E1|G1|G2|all] [--json]
                    measure Daybook against its targets and its peers; `bench --help` lists further options
  guide             build the programs a second time, by a profile of their work: less CPU for the same. What is --guided uses
                    them
  soak [--debug] [--minutes N] [--seed S]
                    break everything by random pairs of faults and check that nothing is lost; `soak --help` lists further
                    options
  help              this text

Data, logs and ports are kept in .daybook/ of the checkout, downloads in ${XDG_CACHE_HOME:-~/.cache}/daybook/.
TEXT
}

main() {
    local command=${1:-help}
    shift || true
    cd "$CHECKOUT"
    case $command in
        demo) demo_command "$@" ;;
        up) up_command "$@" ;;
        status) status_command "$@" ;;
        down) down_command "$@" ;;
        servers) servers_command "$@" ;;
        test) test_command "$@" ;;
        bench) bench_command "$@" ;;
        guide) guide_command "$@" ;;
        soak) soak_command "$@" ;;
        help | -h | --help) usage ;;
        *)
            usage >&2
            exit "$EXIT_USAGE"
            ;;
    esac
}

# Opens the instance directory for this run alone.
enter_instance() {
    INSTANCE=$1
    mkdir -p "$INSTANCE/log" "$INSTANCE/run"
    hold_lock "$INSTANCE/lock"
    trap 'finish $?' EXIT
    trap 'interrupted 130' INT
    trap 'interrupted 143' TERM
    trap 'interrupted 129' HUP
    trap 'interrupted 141' PIPE
    # Processes without the mark that an earlier run leaves on success belong to a run that was killed.
    if [[ ! -e $INSTANCE/run/kept ]]; then
        stop_everything
    fi
}

# Runs once at the end, however it comes: ends the job at hand and all that this run started and did not hand over.
finish() {
    trap '' INT TERM HUP PIPE
    local status=$1
    trap - EXIT
    set +e
    end_job
    allow_main_cluster
    remove_scratch
    if ((${#STARTED[@]} > 0)); then
        say "stopping what this run started: ${STARTED[*]}"
        stop_processes "${STARTED[@]}"
        forget_endpoints
    fi
    exit "$status"
}

# What runs now stays when this run ends.
hand_over() {
    STARTED=()
    : >"$INSTANCE/run/kept"
}

up_command() {
    local build=release_build
    case "$*" in
        '') ;;
        --guided) build=guided_build ;;
        *) usage_error "up takes --guided or nothing, not: $*" ;;
    esac
    enter_instance "$STATE"
    up "$build"
    hand_over
    show_status
}

servers_command() {
    no_arguments "$@"
    enter_instance "$STATE"
    servers_up
    hand_over
    printf 'DAYBOOK_POSTGRES_URL=%s\n' "$(postgres_url daybook_app daybook)"
    printf 'DAYBOOK_POSTGRES_OWNER_URL=%s\n' "$(postgres_url daybook_owner daybook)"
    printf 'DAYBOOK_NATS_URL=%s\n' "$(nats_url)"
    printf 'DAYBOOK_MONGODB_URL=%s\n' "$(mongo_url)"
}

status_command() {
    no_arguments "$@"
    show_status
}

down_command() {
    local name purge=
    case "$*" in
        '') ;;
        --purge) purge=yes ;;
        *) usage_error "down takes --purge or nothing, not: $*" ;;
    esac
    if [[ -d $STATE ]]; then
        down_instance "$STATE" "$purge"
    fi
    # What a killed test, benchmark or soak has left; a subshell, since a run holds one instance.
    for name in test bench guide soak; do
        if [[ -d $STATE/$name ]]; then
            (down_instance "$STATE/$name" "$purge")
        fi
    done
    say "everything is stopped${purge:+ and all data is deleted}"
}

down_instance() {
    enter_instance "$1"
    stop_everything
    if [[ $2 ]]; then
        purge_instance
        rm -rf -- "$INSTANCE"/{year,counts,profile}
    fi
}

no_arguments() {
    (($# == 0)) || usage_error "unexpected: $*"
}

main "$@"
