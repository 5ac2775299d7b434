#!/usr/bin/env bash
# Every Cargo.lock names what its manifests ask for. The fuzz targets are a workspace of their own, and building the services
# says nothing about their lock; here it is said within a second, with what to do.
set -euo pipefail

cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.."

main() {
    local manifest stale=0
    for manifest in Cargo.toml fuzz/Cargo.toml; do
        if ! cargo metadata --quiet --locked --format-version 1 --manifest-path "$manifest" >/dev/null; then
            echo "its lock is stale: run cargo metadata --manifest-path $manifest, and commit the Cargo.lock beside it" >&2
            stale=1
        fi
    done
    return "$stale"
}

main "$@"
