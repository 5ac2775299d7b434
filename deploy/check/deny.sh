#!/usr/bin/env bash
# The dependencies: their licences, versions and sources, as deny.toml allows them.
# cargo-deny has no ready-made program in a package registry and takes minutes to build, so it is built once, into the
# cache, where checks run unattended (CI is set) or when asked for: deploy/check/deny.sh --install
set -euo pipefail

cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.."
readonly DENY_VERSION=0.20.2
readonly DENY_HOME=${XDG_CACHE_HOME:-$HOME/.cache}/daybook/cargo-deny-$DENY_VERSION

main() {
    local program
    if [[ ! -f Cargo.lock ]]; then
        echo 'there is no Cargo.lock yet: nothing to check'
        return
    fi
    if ! find_deny >/dev/null; then
        if [[ ${1:-} != --install && ${CI:-} != true ]]; then
            echo 'skipped: cargo-deny is not there; deploy/check/deny.sh --install builds it (a few minutes, once)'
            return
        fi
        echo "building cargo-deny $DENY_VERSION (a few minutes, once)"
        env -u CARGO_TARGET_DIR cargo install --quiet --locked --root "$DENY_HOME" "cargo-deny@$DENY_VERSION"
    fi
    program=$(find_deny)
    # The check itself reads only what cargo has already downloaded.
    cargo fetch --quiet --locked
    "$program" --offline check licenses bans sources
}

find_deny() {
    if [[ -x $DENY_HOME/bin/cargo-deny ]]; then
        echo "$DENY_HOME/bin/cargo-deny"
    else
        type -P cargo-deny
    fi
}

main "$@"
