# The benchmark: Daybook and what one would have otherwise, side by side on servers of their own.
# shellcheck shell=bash

# Everything takes a quarter of an hour on two cores; with --long much more is written.
readonly BENCH_SECONDS=7200
readonly YEAR_SECONDS=900

# A year out of a week, or as many trading days as a year has out of the sample day.
readonly YEAR_WEEKS=52
readonly YEAR_DAYS=365

# Files that make a year; deliveries are not counted.
readonly YEAR_FILES=(suppliers.csv stores.csv items.csv sales.csv tenders.csv)

# With --guided first, the programs are those of `guide`.
bench_command() {
    local year=() build=release_build
    if [[ ${1:-} == --guided ]]; then
        build=guided_build
        shift
    fi
    enter_instance "$STATE/bench"
    purge_instance
    install_servers
    "$build" "${SERVICE_PACKAGES[@]}" daybook-bench
    case " $* " in
        *' --help '* | *' -h '*)
            run_job "$STATUS_SECONDS" "$RELEASE_DIRECTORY/daybook-bench" --help
            return
            ;;
    esac
    if bench_needs_year "$@"; then
        bench_year
    fi
    servers_up
    export_bench_servers
    export DAYBOOK_BENCH_BUILD=${build%_build}
    run_job "$BENCH_SECONDS" "$RELEASE_DIRECTORY/daybook-bench" "$@" "${year[@]}" ||
        fail 'the benchmark did not run to its end; its logs are in .daybook/bench/log'
    stop_everything
    purge_data
}

# P8 needs it: if it is asked for, or no target is named, and the caller does not say where it is.
bench_needs_year() {
    local argument named='' wanted=''
    for argument in "$@"; do
        case $argument in
            --year | --year=*) return 1 ;;
            [Pp]8 | [Aa][Ll][Ll]) wanted=yes ;;
            [Pp][1-9] | [DdEeGg]1 | [Gg]2) named=yes ;;
        esac
    done
    [[ $wanted || ! $named ]]
}

# Makes the year once, and sets the caller's `year` to what the program is told of it.
bench_year() {
    local source=$CHECKOUT/sample/grocery-day weeks=$YEAR_DAYS name file target=$INSTANCE/year begun=$SECONDS
    name="sample/grocery-day, $weeks times"
    if [[ ${DAYBOOK_GROCERY_WEEK:-} ]]; then
        source=$(cd -- "$DAYBOOK_GROCERY_WEEK" && pwd -P) || fail "DAYBOOK_GROCERY_WEEK is no directory"
        weeks=$YEAR_WEEKS
        name="a week of a grocer, $weeks times"
    fi
    if [[ ! -e $target/made || $(<"$target/made") != "$source $weeks" ]]; then
        say "making a year of sales: $name"
        rm -rf -- "$target" "$INSTANCE/year.source"
        mkdir -- "$INSTANCE/year.source"
        for file in "${YEAR_FILES[@]}"; do
            ln -s -- "$source/$file" "$INSTANCE/year.source/$file"
        done
        run_job "$YEAR_SECONDS" "$(python_program)" sample/repeat_weeks.py "$INSTANCE/year.source" "$target" \
            --weeks "$weeks" >&2 || fail 'the year could not be made'
        rm -rf -- "$INSTANCE/year.source"
        printf '%s\n' "$source $weeks" >"$target/made"
        say "made (after $((SECONDS - begun)) s)"
    fi
    # shellcheck disable=SC2034 # read by bench_command
    year=(--year "$target" --year-name "$name")
}

# What the program finds the servers and the services by.
export_bench_servers() {
    export DAYBOOK_BENCH_POSTGRES_URL DAYBOOK_BENCH_POSTGRES_APP_URL DAYBOOK_BENCH_POSTGRES_OWNER_URL
    export DAYBOOK_BENCH_NATS_URL DAYBOOK_BENCH_MONGODB_URL
    export DAYBOOK_BENCH_POSTGRES_PID DAYBOOK_BENCH_NATS_PID DAYBOOK_BENCH_MONGODB_PID
    export DAYBOOK_BENCH_PROGRAMS DAYBOOK_BENCH_LOGS
    DAYBOOK_BENCH_POSTGRES_URL=$(postgres_url postgres postgres)
    DAYBOOK_BENCH_POSTGRES_APP_URL=$(postgres_url daybook_app daybook)
    DAYBOOK_BENCH_POSTGRES_OWNER_URL=$(postgres_url daybook_owner daybook)
    DAYBOOK_BENCH_NATS_URL=$(nats_url)
    DAYBOOK_BENCH_MONGODB_URL=$(mongo_url)
    DAYBOOK_BENCH_POSTGRES_PID=$(pid_of postgres)
    DAYBOOK_BENCH_NATS_PID=$(pid_of nats)
    DAYBOOK_BENCH_MONGODB_PID=$(pid_of mongo)
    DAYBOOK_BENCH_PROGRAMS=$RELEASE_DIRECTORY
    DAYBOOK_BENCH_LOGS=$INSTANCE/log
}
