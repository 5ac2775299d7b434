# What the script tells its user. Progress goes to standard error, so that standard output carries only results.
# shellcheck shell=bash

readonly EXIT_USAGE=64

# Standard error as it was at the start: a signal may come while a command's output goes to a log.
exec {TERMINAL}>&2

say() {
    printf '\033[1mdaybook:\033[0m %s\n' "$*" >&"$TERMINAL"
}

# Without colour where nobody sees it.
if [[ ! -t 2 ]]; then
    say() {
        printf 'daybook: %s\n' "$*" >&"$TERMINAL"
    }
fi

fail() {
    say "$*"
    exit 1
}

usage_error() {
    say "$*"
    say 'try: deploy/local.sh help'
    exit "$EXIT_USAGE"
}

# The end of a log, for a failure that the log explains.
show_log_tail() {
    local log=$1 lines=${2:-30}
    [[ -s $log ]] || return 0
    say "the last lines of ${log#"$CHECKOUT"/}:"
    tail -n "$lines" -- "$log" >&"$TERMINAL"
}
