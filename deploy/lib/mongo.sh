# A private MongoDB server, a replica set of one member, since retryable writes and majority reads need a set.
# shellcheck shell=bash

readonly MONGO_START_SECONDS=60

# In percent of the cache: dirty pages, and of those what is only updates; from where on the server, and then its clients, write.
readonly MONGO_EVICTION=eviction_dirty_target=20,eviction_dirty_trigger=40,eviction_updates_target=20,eviction_updates_trigger=40

mongo_start() {
    ! is_running mongo || return 0
    assign_port mongo
    make_private_directory "$INSTANCE/mongo"
    # Documents are packed, so neither they nor the journal are compressed: it saved a fifth of their place on disk. Nobody
    # reads the past of a document (the log has it), so its versions need not be kept for five minutes. With a cache of 0.5 GB
    # writing out dirty pages and old versions took a quarter of the server's time under load.
    # Most documents of a day change within a second, so a page that is written out is dirty again at once: that is left to
    # checkpoints, up to a fifth of the cache, and those come each 15 s instead of 60, so that none holds up the documents for
    # long. (By default pages are written out from a twentieth on.)
    # A set of one has nobody to hand over to, so the server need not wait for that at its end.
    launch mongo "$(mongod_program)" --dbpath "$INSTANCE/mongo" --bind_ip 127.0.0.1 --port "$(port_of mongo)" \
        --nounixsocket --replSet rs0 --wiredTigerCacheSizeGB 2 --wiredTigerJournalCompressor none \
        --wiredTigerCollectionBlockCompressor none --wiredTigerEngineConfigString "$MONGO_EVICTION" \
        --oplogSize 1024 --syncdelay 15 \
        --setParameter minSnapshotHistoryWindowInSeconds=0 \
        --setParameter shutdownTimeoutMillisForSignaledShutdown=100
}

mongo_ready() {
    await mongo "$MONGO_START_SECONDS" mongo_is_primary "$(port_of mongo)"
}

# Initiates the set when that was not done yet.
mongo_is_primary() {
    port_accepts "$1" && timeout 10 "$(python_program)" "$CHECKOUT/deploy/lib/mongo_initiate.py" "$1" rs0
}

# The driver finds the set by its name, so that after a restart it waits for the primary.
mongo_url() {
    printf 'mongodb://127.0.0.1:%s/?replicaSet=rs0\n' "$(port_of mongo)"
}
