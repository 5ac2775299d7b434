# A private NATS server with JetStream on files.
# shellcheck shell=bash

readonly NATS_START_SECONDS=60

nats_start() {
    ! is_running nats || return 0
    assign_port nats
    make_private_directory "$INSTANCE/nats"
    cat >"$INSTANCE/nats/server.conf" <<CONF
server_name: daybook
listen: "127.0.0.1:$(port_of nats)"
# An event is far smaller; this leaves room for the largest delivery.
max_payload: 8MB
jetstream {
  store_dir: "$INSTANCE/nats/store"
  max_memory_store: 64MB
  # A bound, not a reservation.
  max_file_store: 64GB
}
CONF
    # An event takes some 10 to 15 µs of one processor, so one is enough beside everything else on this machine. With two, its threads
    # look for work of each other between messages, and an event takes a quarter to a third more.
    launch nats GOMAXPROCS=1 "$(nats_program)" --config "$INSTANCE/nats/server.conf"
}

nats_ready() {
    await nats "$NATS_START_SECONDS" nats_greets "$(port_of nats)"
}

# The server greets with what it offers; JetStream must be among it.
nats_greets() {
    local greeting
    (
        exec {socket}<>"/dev/tcp/127.0.0.1/$1"
        IFS= read -r -t 2 -u "$socket" greeting
        [[ $greeting == INFO*'"jetstream":true'* ]]
    ) 2>/dev/null
}

nats_url() {
    printf 'nats://127.0.0.1:%s\n' "$(port_of nats)"
}
