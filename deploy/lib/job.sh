# A job: work with an end (a build, an import), which a signal must be able to end at any moment together with every
# process that it has started. It runs in a session of its own; ending the job ends the session.
# shellcheck shell=bash

# How long the processes of a job may take to end before they are killed.
readonly JOB_STOP_SECONDS=10

JOB=

# run_job SECONDS COMMAND...: runs the command to its end, for that long at most, and answers its exit code.
run_job() {
    local seconds=$1 status=0
    shift
    # shellcheck disable=SC2034 # read by the signal handler in process.sh
    HOLD_SIGNALS=yes
    (
        exec {LOCK}>&- {TERMINAL}>&-
        exec setsid env --default-signal timeout --foreground --kill-after="$JOB_STOP_SECONDS" "$seconds" "$@"
    ) </dev/null &
    JOB=$!
    record_process job "$JOB"
    release_signals
    wait "$JOB" || status=$?
    end_job
    if ((status == 124)); then
        say "not finished after $seconds s: $*"
    fi
    return "$status"
}

# Ends what is left of the current job.
end_job() {
    local signal=TERM deadline=$((SECONDS + JOB_STOP_SECONDS)) pids
    [[ $JOB ]] || return 0
    while pids=$(job_pids) && [[ $pids ]]; do
        if ((SECONDS >= deadline)); then
            signal=KILL
        fi
        # shellcheck disable=SC2086 # a list of numbers
        kill -s "$signal" -- $pids 2>/dev/null || true
        ((SECONDS < deadline + KILL_SECONDS)) || break
        sleep "$POLL_SECONDS"
    done
    JOB=
    rm -f -- "$INSTANCE/run/job.pid"
}

# The pids of the job itself and of everything in its session. Before the job has got its session, it is a child here.
job_pids() {
    local STAT entry pid
    for entry in /proc/[0-9]*; do
        pid=${entry#/proc/}
        read_stat "$pid" || continue
        # Field 1 is the parent, field 3 the session.
        if [[ ${STAT[3]} == "$JOB" || ($pid == "$JOB" && ${STAT[1]} == "$$") ]]; then
            printf '%s ' "$pid"
        fi
    done
}
