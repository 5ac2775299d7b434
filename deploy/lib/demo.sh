# The demonstration: a real trading day goes in, reports come out.
# shellcheck shell=bash

readonly IMPORT_SECONDS=300
readonly REPORT_SECONDS=60

readonly DEMO_DATE=2017-01-02
readonly DEMO_STORE=406
readonly DEMO_SUPPLIER=910
readonly DEMO_ITEM=6534178

demo_command() {
    local keep=
    case "$*" in
        '') ;;
        --keep) keep=yes ;;
        *) usage_error "demo takes --keep or nothing, not: $*" ;;
    esac
    enter_instance "$STATE"
    up release_build
    demo_import
    demo_report "The day of store $DEMO_STORE" store-day --store "$DEMO_STORE" --date "$DEMO_DATE"
    demo_report "The same day of supplier $DEMO_SUPPLIER" supplier-day --supplier "$DEMO_SUPPLIER" --date "$DEMO_DATE"
    demo_report "Stock of item $DEMO_ITEM in store $DEMO_STORE" stock --store "$DEMO_STORE" --item "$DEMO_ITEM"
    if [[ $keep ]]; then
        hand_over
    fi
    demo_next_steps
}

demo_import() {
    say 'importing sample/grocery-day (a second run answers "duplicate" and counts nothing twice)'
    run_job "$IMPORT_SECONDS" "$(daybook_program)" import sample/grocery-day --wait || fail 'the import failed'
}

demo_report() {
    local title=$1
    shift
    printf '\n%s\n\n' "$title"
    run_job "$REPORT_SECONDS" "$(daybook_program)" report "$@" || fail "the report failed: $*"
}

# Lines to go on with; the ports stay the same in later runs.
demo_next_steps() {
    local doors program query method=daybook.query.v1.StoreDayService/GetStoreDay
    local request="{\"storeId\": \"$DEMO_STORE\", \"businessDate\": \"$DEMO_DATE\"}"
    program=$(daybook_program)
    program=${program#"$CHECKOUT"/}
    query=$(endpoint_of query)
    doors=${INSTANCE#"$CHECKOUT"/}/doors
    printf '\nHow to go on\n\n'
    if ! is_kept; then
        printf 'Start everything again, with the data as it is now:\n  deploy/local.sh up\n\n'
    fi
    cat <<TEXT
With the command line:
  $program status
  $program report store-day --store $DEMO_STORE --date $DEMO_DATE --format json
  $program log --follow
  $program export /tmp/daybook-export

With grpcurl (the services describe themselves by reflection, to those whom they know):
  doors=$doors; token="authorization: Bearer \$(cat \$doors/operator.token)"
  grpcurl -cacert \$doors/ca.pem -H "\$token" ${query#https://} list
  grpcurl -cacert \$doors/ca.pem -H "\$token" -d '$request' ${query#https://} $method

With buf, from npm:
  npx @bufbuild/buf curl --cacert \$doors/ca.pem -H "\$token" --reflect-header '*' -d '$request' $query/$method

A token for a register that may only sell in store $DEMO_STORE:
  $program token issue --key-file \$doors/tokens.key.pem --key-id local --issuer $DOORS_ISSUER \\
    --subject pos-$DEMO_STORE-1 --scope sales:write --store $DEMO_STORE

Stop it:
  deploy/local.sh down            (with --purge also its data)
TEXT
}

# Whether the services stay when this run ends.
is_kept() {
    ((${#STARTED[@]} == 0))
}
