#!/usr/bin/env bash
# Every decoder of bytes from outside, fuzzed for some seconds on its saved corpus: it must neither panic nor hold more memory
# than the bounds below. For a longer look at one: deploy/check/fuzz.sh --seconds 300 events
# The stable compiler and the C++ compiler are enough: the coverage that libFuzzer needs is a pass of LLVM.
set -euo pipefail

cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.."
readonly TARGETS=(command_requests query_requests events nats_messages documents csv_files page_tokens event_filters tokens)
# As cargo-fuzz sets them, except for the sanitizer: there is no unsafe code here that it could watch.
readonly COVERAGE='-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table
    -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing -Ccodegen-units=1'
# One input may take so long.
readonly INPUT_SECONDS=10
# The process may hold so much, and ask for so much even if it does not use it: an allocation beyond that fails, and ends it.
readonly MEMORY_MEGABYTES=512
readonly ADDRESS_MEGABYTES=4096
# Inputs of the longest corpus have some 500 bytes.
readonly INPUT_BYTES=4096
SCRATCH=

main() {
    local seconds=5 target host programs targets=() failed=()
    if [[ ${1:-} == --seconds ]]; then
        seconds=$2
        shift 2
    fi
    targets=("$@")
    ((${#targets[@]} > 0)) || targets=("${TARGETS[@]}")
    if ! type -P c++ >/dev/null; then
        echo 'there is no C++ compiler, which libFuzzer is built with: install g++' >&2
        exit 1
    fi
    host=$(rustc -vV | sed -n 's/^host: //p')
    programs=${CARGO_TARGET_DIR:-$PWD/target}/fuzz
    # With a target named, build scripts and macros are left as they are.
    RUSTFLAGS=${COVERAGE//$'\n'/ } CARGO_TARGET_DIR=$programs cargo build --quiet --release --locked --bins \
        --manifest-path fuzz/Cargo.toml --target "$host"
    SCRATCH=$(mktemp -d)
    trap 'rm -rf -- "$SCRATCH"' EXIT
    for target in "${targets[@]}"; do
        fuzz "$target" "$seconds" "$programs/$host/release/$target" || failed+=("$target")
    done
    if ((${#failed[@]} > 0)); then
        echo "failed: ${failed[*]}" >&2
        exit 1
    fi
}

# fuzz TARGET SECONDS PROGRAM: the saved corpus is read only; what is new stays in a directory of this run.
fuzz() {
    local target=$1 seconds=$2 program=$3 log=$SCRATCH/$1.log
    mkdir -- "$SCRATCH/$target"
    mkdir -p -- fuzz/artifacts
    if ! (
        ulimit -v $((ADDRESS_MEGABYTES * 1024))
        exec "$program" "$SCRATCH/$target" "fuzz/corpus/$target" -max_total_time="$seconds" \
            -timeout="$INPUT_SECONDS" -rss_limit_mb="$MEMORY_MEGABYTES" -max_len="$INPUT_BYTES" -artifact_prefix="fuzz/artifacts/$target-" \
        -print_final_stats=1
    ) >"$log" 2>&1; then
        tail -n 40 -- "$log" >&2
        echo "$target: the input is kept in fuzz/artifacts/" >&2
        return 1
    fi
    awk -v target="$target" -v most="$MEMORY_MEGABYTES" '
        /DONE/ { for (i = 1; i < NF; i++) if ($i == "cov:") coverage = $(i + 1) }
        /^stat::number_of_executed_units/ { runs = $2 }
        /^stat::peak_rss_mb/ { memory = $2 }
        END {
            printf "%s: %d inputs, %d places reached, at most %d MB\n", target, runs, coverage, memory
            exit runs == 0 || memory > most
        }' "$log"
}

main "$@"
