# The loopback ports of an instance: free ones, chosen once and remembered in its file `ports`.
# shellcheck shell=bash

# Above every standard port that matters here and below the range from which the kernel picks ports for clients.
readonly PORT_FIRST=20000
readonly PORT_COUNT=7000
# A free port is found at the first try nearly always.
readonly PORT_TRIES=100

# The remembered port of NAME.
port_of() {
    local name port
    [[ -r $INSTANCE/ports ]] || return 1
    while IFS='=' read -r name port; do
        if [[ $name == "$1" ]]; then
            printf '%s\n' "$port"
            return 0
        fi
    done <"$INSTANCE/ports"
    return 1
}

# Makes sure that NAME, which does not run, has a port that nobody uses.
assign_port() {
    local name=$1 port try
    if port=$(port_of "$name") && ! port_is_used "$port"; then
        return
    fi
    for ((try = 0; try < PORT_TRIES; try++)); do
        port=$((PORT_FIRST + (RANDOM * 32768 + RANDOM) % PORT_COUNT))
        if ! port_is_used "$port" && ! port_is_remembered "$port"; then
            remember_port "$name" "$port"
            return
        fi
    done
    fail "no free port found from $PORT_FIRST on"
}

remember_port() {
    {
        grep -sv "^$1=" "$INSTANCE/ports" || true
        printf '%s=%s\n' "$1" "$2"
    } >"$INSTANCE/ports.new"
    mv -f -- "$INSTANCE/ports.new" "$INSTANCE/ports"
}

# Whether anything on the machine listens on the port (state 0A), over IPv4 or IPv6. What is left of old connections
# does not count: a server may bind over it.
port_is_used() {
    local hex
    hex=$(printf ':%04X' "$1")
    cat /proc/net/tcp /proc/net/tcp6 2>/dev/null |
        awk -v end="$hex" '$2 ~ end "$" && $4 == "0A" { found = 1 } END { exit !found }'
}

# The other instances' ports are not taken either, even while they do not run.
port_is_remembered() {
    cat "$STATE"/{,test/,bench/}ports 2>/dev/null | grep -q "=$1\$"
}

# Whether something accepts connections on the port.
port_accepts() {
    # shellcheck disable=SC2034 # opening the socket is the question
    (exec {socket}<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}
