# A process that keeps running: its record, whether it lives, how it ends.
# The record run/NAME.pid holds pid, start time and boot id, so that a number that the kernel has given to another
# process since is never taken for ours.
# shellcheck shell=bash

# How often a condition is looked at while waiting for it.
readonly POLL_SECONDS=0.05
# How long a process may take for a clean end before it is killed.
readonly STOP_SECONDS=20
# How long a killed process may take to be gone.
readonly KILL_SECONDS=5
# Open files that the servers may have, where the system allows it.
readonly OPEN_FILES=65536

# Names of the processes that this run started and has not handed over.
STARTED=()
# Set while a signal must wait, because a process that was just started is not recorded yet.
HOLD_SIGNALS=
HELD_SIGNAL=

# The start time of a process in clock ticks since boot; fails for one that is gone or only a zombie.
start_time() {
    local STAT
    read_stat "$1" || return 1
    printf '%s\n' "${STAT[19]}"
}

# Reads the fields of /proc/PID/stat that follow the name, the state first, into the array STAT of the caller;
# fails for a process that is gone or only a zombie.
read_stat() {
    local line=
    { read -r -d '' line <"/proc/$1/stat"; } 2>/dev/null || [[ $line ]] || return 1
    # The name in parentheses may hold anything; what follows the last parenthesis is plain.
    read -r -d '' -a STAT <<<"${line##*) }" || true
    [[ ${STAT[0]} != [ZX] ]]
}

boot_id() {
    cat /proc/sys/kernel/random/boot_id
}

# The pid of the process NAME when the recorded one still runs.
pid_of() {
    local pid start boot
    [[ -s $INSTANCE/run/$1.pid ]] || return 1
    read -r pid start boot <"$INSTANCE/run/$1.pid" || return 1
    [[ $boot == "$(boot_id)" && $(start_time "$pid") == "$start" ]] || return 1
    printf '%s\n' "$pid"
}

is_running() {
    pid_of "$1" >/dev/null
}

# One that has ended already leaves a record that matches nothing.
record_process() {
    printf '%s %s %s\n' "$2" "$(start_time "$2")" "$(boot_id)" >"$INSTANCE/run/$1.pid"
}

# launch NAME COMMAND...: starts a process in a session of its own, its output in log/NAME.log, and records it.
launch() {
    local name=$1 log=$INSTANCE/log/$1.log pid
    shift
    if [[ -s $log ]]; then
        mv -f -- "$log" "$log.1"
    fi
    HOLD_SIGNALS=yes
    (
        exec {LOCK}>&- {TERMINAL}>&-
        ulimit -n "$OPEN_FILES" 2>/dev/null || true
        exec setsid env --default-signal "$@"
    ) </dev/null >"$log" 2>&1 &
    pid=$!
    STARTED+=("$name")
    record_process "$name" "$pid"
    release_signals
}

# The handler of every signal that ends the run.
interrupted() {
    if [[ $HOLD_SIGNALS ]]; then
        HELD_SIGNAL=$1
        return 0
    fi
    trap '' INT TERM HUP PIPE
    exit "$1"
}

# Ends the hold; a signal that came meanwhile counts now.
release_signals() {
    HOLD_SIGNALS=
    if [[ $HELD_SIGNAL ]]; then
        exit "$HELD_SIGNAL"
    fi
}

# await NAME SECONDS COMMAND...: waits until the command succeeds; fails when the process ends or the time is over.
await() {
    local name=$1 seconds=$2 deadline=$((SECONDS + $2))
    shift 2
    until "$@" >/dev/null 2>&1; do
        if ! is_running "$name"; then
            show_log_tail "$INSTANCE/log/$name.log"
            fail "$name ended while it was starting"
        fi
        if ((SECONDS >= deadline)); then
            show_log_tail "$INSTANCE/log/$name.log"
            fail "$name was not ready within $seconds s"
        fi
        sleep "$POLL_SECONDS"
    done
}

# Signals each of the processes that runs.
signal_processes() {
    local signal=$1 name pid
    shift
    for name in "$@"; do
        if pid=$(pid_of "$name"); then
            kill -s "${signal/TERM/$(stop_signal "$name")}" -- "$pid" 2>/dev/null || true
        fi
    done
}

# PostgreSQL ends its sessions at INT; at TERM it would wait for its clients.
stop_signal() {
    case $1 in
        postgres) echo INT ;;
        *) echo TERM ;;
    esac
}

# Waits until none of the processes runs; fails when the time is over.
await_end() {
    local deadline=$((SECONDS + $1)) name alive
    shift
    while true; do
        alive=
        for name in "$@"; do
            if is_running "$name"; then alive=yes; fi
        done
        [[ $alive ]] || return 0
        ((SECONDS < deadline)) || return 1
        sleep "$POLL_SECONDS"
    done
}

# Ends the services first and then, when they are gone, the servers that they use.
stop_processes() {
    local name services=() servers=()
    for name in "$@"; do
        case $name in
            postgres | nats | mongo) servers+=("$name") ;;
            *) services+=("$name") ;;
        esac
    done
    stop_together "${services[@]}"
    stop_together "${servers[@]}"
    STARTED=()
}

stop_together() {
    local name
    (($# > 0)) || return 0
    signal_processes TERM "$@"
    if ! await_end "$STOP_SECONDS" "$@"; then
        for name in "$@"; do
            if is_running "$name"; then say "$name did not end within $STOP_SECONDS s and is killed"; fi
        done
        signal_processes KILL "$@"
        await_end "$KILL_SECONDS" "$@" || say "a killed process is not gone after $KILL_SECONDS s: $*"
    fi
    for name in "$@"; do
        rm -f -- "$INSTANCE/run/$name.pid"
    done
}

# One run at a time in an instance; the lock is the kernel's and goes with this process.
hold_lock() {
    exec {LOCK}>>"$1"
    flock --wait 5 "$LOCK" || fail 'another run of deploy/local.sh is at work here; wait for its end or interrupt it'
}
