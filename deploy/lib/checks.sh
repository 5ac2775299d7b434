# Every check and every test, the quick ones first. A failed check does not keep the tests from running.
# shellcheck shell=bash

# The longest check is a cold build with all tests on two slow cores.
readonly CHECK_SECONDS=3600

FAILED_CHECKS=()

test_command() {
    if [[ ${1:-} == -- ]]; then
        shift
    elif (($# > 0)); then
        usage_error "arguments for cargo test come after --, not: $*"
    fi
    enter_instance "$STATE/test"
    purge_instance
    install_servers
    install_toolchain
    install_check_tools
    run_checks
    # Programs and tests in one build: apart, their libraries would be built twice, with other features.
    if check build cargo build --workspace --bins --tests --locked; then
        servers_up
        export_test_servers
        check tests cargo test --workspace --locked --no-fail-fast "$@" || true
        stop_everything
    fi
    if ((${#FAILED_CHECKS[@]} > 0)); then
        say "failed: ${FAILED_CHECKS[*]}"
    else
        purge_data
    fi
    [[ -s $INSTANCE/log/check-tests.log ]] || fail 'no test ran'
    sum_tests "$INSTANCE/log/check-tests.log" "${FAILED_CHECKS[@]}"
}

run_checks() {
    local script name
    check format cargo fmt --all --check || true
    if type -P shellcheck >/dev/null; then
        check shellcheck shellcheck --external-sources --source-path "$CHECKOUT" \
            deploy/local.sh deploy/lib/*.sh deploy/check/*.sh .ci/run || true
    else
        say 'shellcheck is not there: the scripts are not checked'
    fi
    for script in deploy/check/*.sh; do
        name=${script##*/}
        check "${name%.sh}" "$script" || true
    done
    check clippy cargo clippy --workspace --all-targets --locked -- -D warnings || true
}

# check NAME COMMAND...: runs the command and notes the name when it fails. What it prints is also kept in a log.
check() {
    local name=$1 begun=$SECONDS
    shift
    say "check: $name"
    # shellcheck disable=SC2016 # expanded by the inner shell
    if run_job "$CHECK_SECONDS" bash -c 'set -o pipefail; log=$1; shift; "$@" 2>&1 | tee -- "$log"' \
        check "$INSTANCE/log/check-$name.log" "$@"; then
        say "$name is good (after $((SECONDS - begun)) s)"
    else
        say "$name failed"
        FAILED_CHECKS+=("$name")
        return 1
    fi
}

# What the tests find their servers by; some start servers of their own, to kill them.
export_test_servers() {
    export DAYBOOK_TEST_POSTGRES_URL DAYBOOK_TEST_POSTGRES_APP_PASSWORD DAYBOOK_TEST_NATS_URL DAYBOOK_TEST_MONGODB_URL
    export DAYBOOK_TEST_POSTGRES_BIN DAYBOOK_TEST_POSTGRES_USER DAYBOOK_TEST_NATS_SERVER DAYBOOK_TEST_MONGOD
    DAYBOOK_TEST_POSTGRES_URL=$(postgres_url postgres postgres)
    DAYBOOK_TEST_POSTGRES_APP_PASSWORD=$(secret daybook_app)
    DAYBOOK_TEST_NATS_URL=$(nats_url)
    DAYBOOK_TEST_MONGODB_URL=$(mongo_url)
    DAYBOOK_TEST_POSTGRES_BIN=$(postgres_bin)
    DAYBOOK_TEST_POSTGRES_USER=$(postgres_user)
    DAYBOOK_TEST_NATS_SERVER=$(nats_program)
    DAYBOOK_TEST_MONGOD=$(mongod_program)
}

# sum_tests LOG FAILED-CHECK...: adds up cargo's own result lines and prints the sum alone on a line; fails when no test ran or
# anything failed. A failed check counts as a failed test, lest the sum look good when the whole is not.
sum_tests() {
    local log=$1 check checks=0
    shift
    for check in "$@"; do
        [[ $check == tests ]] || checks=$((checks + 1))
    done
    sed 's/\x1b\[[0-9;]*m//g' -- "$log" | awk -v checks="$checks" -v all_good="$(($# == 0))" '
        /^test result: / {
            for (i = 2; i <= NF; i++) {
                if ($i ~ /^passed/) passed += $(i - 1)
                if ($i ~ /^failed/) failed += $(i - 1)
                if ($i ~ /^(ignored|filtered)/) skipped += $(i - 1)
            }
        }
        END {
            failed += checks
            printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped
            exit failed > 0 || passed == 0 || !all_good
        }'
}
