# A private PostgreSQL server: its cluster, its roles, its addresses. It listens on loopback only, has no socket file,
# and lets nobody in without a password.
# shellcheck shell=bash

readonly POSTGRES_START_SECONDS=60
readonly POSTGRES_STATEMENT_SECONDS=30
readonly INITDB_SECONDS=120

# Settings of the user's shell must not lead our client elsewhere.
unset "${!PG@}"

# The user that the server runs as: it refuses to be root.
postgres_user() {
    if ((EUID == 0)); then
        id -u postgres >/dev/null 2>&1 || fail 'PostgreSQL does not run as root, and there is no user postgres'
        echo postgres
    fi
}

# The command prefix under which PostgreSQL's programs run, one word a line.
postgres_prefix() {
    local user
    user=$(postgres_user)
    if [[ $user ]]; then
        printf '%s\n' setpriv "--reuid=$user" "--regid=$(id -g "$user")" --init-groups
    fi
}

# Makes the cluster when there is none. It is complete or not there: a broken-off attempt is thrown away.
postgres_prepare() {
    local home=$INSTANCE/postgres user prefix
    user=$(postgres_user)
    mapfile -t prefix < <(postgres_prefix)
    make_secrets postgres daybook_owner daybook_app
    [[ ! -e $home/data ]] || return 0
    [[ ! -e $INSTANCE/postgres ]] || rm -rf -- "$home/data.new"
    postgres_place "$user"
    home=$(readlink -f -- "$INSTANCE/postgres")
    install -m 0600 ${user:+-o "$user"} -- "$INSTANCE/secrets/postgres" "$home/password"
    say 'creating the PostgreSQL cluster'
    run_job "$INITDB_SECONDS" env --chdir "$home" "${prefix[@]}" "$(postgres_bin)/initdb" --pgdata "$home/data.new" \
        --username postgres --pwfile "$home/password" --auth scram-sha-256 --locale C --encoding UTF8 \
        >"$INSTANCE/log/initdb.log" 2>&1 || {
        show_log_tail "$INSTANCE/log/initdb.log"
        fail 'the PostgreSQL cluster could not be created'
    }
    rm -f -- "$home/password"
    mv -- "$home/data.new" "$home/data"
}

# Gives the cluster a place that its user can reach: below the instance, or else below /var/tmp with a link to it.
postgres_place() {
    local user=$1 home=$INSTANCE/postgres outside
    [[ ! -e $home ]] || return 0
    rm -f -- "$home"
    mkdir -m 0700 -- "$home"
    [[ $user ]] || return 0
    chown "$user:" -- "$home"
    if setpriv "--reuid=$user" "--regid=$(id -g "$user")" --init-groups test -w "$home"; then
        return
    fi
    rmdir -- "$home"
    outside=$(postgres_outside)
    say "the user $user cannot reach this checkout, so the PostgreSQL data is in $outside"
    # A directory that somebody else has put there is not used.
    [[ ! -e $outside || (! -L $outside && $(stat -c %U -- "$outside") == "$user") ]] ||
        fail "$outside is there already and is not ours"
    # Data of a checkout that was deleted: its passwords went with it.
    rm -rf -- "$outside"
    make_private_directory "$outside"
    chown "$user:" -- "$outside"
    ln -s -- "$outside" "$home"
}

postgres_outside() {
    printf '/var/tmp/daybook-%s\n' "$(printf '%s' "$INSTANCE" | sha256sum | head -c 16)"
}

postgres_start() {
    local prefix home
    ! is_running postgres || return 0
    mapfile -t prefix < <(postgres_prefix)
    home=$(readlink -f -- "$INSTANCE/postgres")
    postgres_await_orphans "$home/data"
    assign_port postgres
    launch postgres "${prefix[@]}" "$(postgres_bin)/postgres" -D "$home/data" \
        -c listen_addresses=127.0.0.1 -c port="$(port_of postgres)" -c unix_socket_directories= \
        -c fsync=on -c synchronous_commit=on -c full_page_writes=on \
        -c max_connections=200 -c shared_buffers=256MB -c max_wal_size=2GB \
        -c timezone=UTC -c log_timezone=UTC -c log_line_prefix='%m [%p] %q%u@%d '
}

# The sessions of a killed server end by themselves a moment later; until then a new one would refuse to start.
postgres_await_orphans() {
    local data=$1 deadline=$((SECONDS + STOP_SECONDS))
    while postgres_has_processes "$data"; do
        ((SECONDS < deadline)) || fail "processes of an earlier PostgreSQL server still use $data"
        sleep "$POLL_SECONDS"
    done
    # Its record may name a pid that belongs to somebody else by now.
    rm -f -- "$data/postmaster.pid"
}

postgres_has_processes() {
    local entry
    for entry in /proc/[0-9]*; do
        if [[ $entry/cwd -ef $1 ]] && read_stat_of "${entry#/proc/}"; then return 0; fi
    done
    return 1
}

read_stat_of() {
    # shellcheck disable=SC2034 # filled by read_stat
    local STAT
    read_stat "$1"
}

# Waits for the server and makes sure that its roles and its database are there.
postgres_ready() {
    await postgres "$POSTGRES_START_SECONDS" \
        "$(postgres_bin)/pg_isready" -q -h 127.0.0.1 -p "$(port_of postgres)" -t 2
    postgres_sql postgres <<SQL || fail 'the roles of Daybook could not be created'
$(role_sql daybook_owner)
$(role_sql daybook_app)
SELECT 'CREATE DATABASE daybook OWNER daybook_owner'
    WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'daybook') \\gexec
REVOKE ALL ON DATABASE daybook FROM PUBLIC;
GRANT CONNECT ON DATABASE daybook TO daybook_app;
SQL
}

# A password is hexadecimal, so it needs no quoting here nor in an address.
role_sql() {
    printf "SELECT 'CREATE ROLE %s' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '%s') \\\\gexec\n" "$1" "$1"
    printf "ALTER ROLE %s LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD '%s';\n" "$1" "$(secret "$1")"
}

# Runs the statements of standard input as the superuser, in the database named.
postgres_sql() {
    PGPASSWORD=$(secret postgres) PGCONNECT_TIMEOUT=5 timeout "$POSTGRES_STATEMENT_SECONDS" \
        "$(postgres_bin)/psql" -X -q -v ON_ERROR_STOP=1 \
        -h 127.0.0.1 -p "$(port_of postgres)" -U postgres -d "$1" >/dev/null
}

# postgres_url ROLE DATABASE
postgres_url() {
    printf 'postgres://%s:%s@127.0.0.1:%s/%s\n' "$1" "$(secret "$1")" "$(port_of postgres)" "$2"
}

# make_secrets NAME...: gives each a random password, once, readable for this user only.
make_secrets() {
    local name
    make_private_directory "$INSTANCE/secrets"
    for name in "$@"; do
        if [[ ! -s $INSTANCE/secrets/$name ]]; then
            (umask 077 && head -c 24 /dev/urandom | od -An -v -tx1 | tr -d ' \n' >"$INSTANCE/secrets/$name")
        fi
    done
}

secret() {
    cat -- "$INSTANCE/secrets/$1"
}
