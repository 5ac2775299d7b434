#!/usr/bin/env bash
# The contract: buf's lint, and no breaking change against the last commit and the one before it.
# The commit before counts too, because a check that runs after a push sees its change already committed.
set -euo pipefail

cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.."
readonly BUF_VERSION=1.75.0
readonly HOME_OF_BUF=${XDG_CACHE_HOME:-$HOME/.cache}/daybook/buf
SCRATCH=
readonly BUF=$HOME_OF_BUF/bin/buf

main() {
    local base
    if [[ ! -d proto ]]; then
        echo 'there is no proto/ yet: nothing to check'
        return
    fi
    trap 'rm -rf -- "$SCRATCH"' EXIT
    get_buf
    "$BUF" lint proto
    echo 'lint: clean'
    SCRATCH=$(mktemp -d)
    for base in HEAD HEAD~1; do
        check_against "$base"
    done
}

# Checks the working tree against a commit, as far as that has a contract.
check_against() {
    local base=$1 before=$SCRATCH/$1
    if ! git cat-file -e "$base:proto" 2>/dev/null; then
        echo "breaking changes against $base: skipped, there is no such commit here or it has no contract"
        return
    fi
    mkdir -- "$before"
    git archive "$base" proto | tar -x -C "$before"
    "$BUF" breaking proto --against "$before/proto"
    echo "breaking changes against $base: none"
}

# The npm package holds a plain program for this machine; it is kept in the cache and needs no network afterwards.
get_buf() {
    local program
    if [[ -x $BUF && $("$BUF" --version) == "$BUF_VERSION" ]]; then
        return
    fi
    mkdir -p -- "${HOME_OF_BUF%/*}"
    SCRATCH=$(mktemp -d "$HOME_OF_BUF.XXXXXX")
    npm install --silent --no-audit --no-fund --no-save --prefix "$SCRATCH" "@bufbuild/buf@$BUF_VERSION"
    program=$(find "$SCRATCH/node_modules/@bufbuild" -path '*/buf-*/bin/buf' -type f | head -n 1)
    if [[ ! $program ]]; then
        echo 'npm has no buf for this machine' >&2
        exit 1
    fi
    mkdir -- "$SCRATCH/bin"
    mv -- "$program" "$SCRATCH/bin/buf"
    rm -rf -- "$SCRATCH"/node_modules "$HOME_OF_BUF"
    mv -- "$SCRATCH" "$HOME_OF_BUF"
}

main
