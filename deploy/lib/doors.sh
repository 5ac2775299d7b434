# Certificates, keys and tokens of the local instance: thrown away with its data, good for this machine only.
# shellcheck shell=bash

# How long they are good; they are made anew when less than a week is left.
readonly DOORS_DAYS=365
readonly DOORS_RENEW_SECONDS=604800
readonly DOORS_ISSUER=daybook-local

# Makes what is missing: a root, the services' certificate, the key that signs tokens, and the access file.
doors_prepare() {
    local doors=$INSTANCE/doors
    # shellcheck disable=SC2046 # nothing or a package name
    install_packages $(missing_command openssl openssl)
    if [[ -s $doors/complete ]] && openssl x509 -in "$doors/service.pem" -noout -checkend "$DOORS_RENEW_SECONDS" >/dev/null; then
        return
    fi
    rm -rf -- "$doors"
    make_private_directory "$doors"
    {
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days "$DOORS_DAYS" -subj '/CN=Daybook local root' \
            -addext basicConstraints=critical,CA:TRUE -keyout "$doors/ca.key.pem" -out "$doors/ca.pem"
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj '/CN=Daybook local services' \
            -keyout "$doors/service.key.pem" -out "$doors/service.csr"
        printf 'subjectAltName=IP:127.0.0.1,DNS:localhost\n' >"$doors/service.ext"
        openssl x509 -req -in "$doors/service.csr" -CA "$doors/ca.pem" -CAkey "$doors/ca.key.pem" -CAcreateserial \
            -days "$DOORS_DAYS" -extfile "$doors/service.ext" -out "$doors/service.pem"
        openssl genpkey -algorithm ed25519 -out "$doors/tokens.key.pem"
        openssl pkey -in "$doors/tokens.key.pem" -pubout -out "$doors/tokens.pem"
    } >"$INSTANCE/log/doors.log" 2>&1 || {
        show_log_tail "$INSTANCE/log/doors.log"
        fail 'the certificates could not be made'
    }
    cat >"$doors/access.toml" <<TEXT
# Who may call the local services; they read it again when it changes.
[tokens]
issuers = ["$DOORS_ISSUER"]
audience = "daybook"

[[tokens.keys]]
id = "local"
algorithm = "EdDSA"
file = "tokens.pem"
TEXT
    issue_token operator sales:write supply:write inventory:write catalogue:write reports:read events:read admin
    issue_token projector events:read
    issue_token query events:read
    echo yes >"$doors/complete"
}

# issue_token NAME SCOPE...: writes the token of a caller to doors/NAME.token.
issue_token() {
    local name=$1
    shift
    "$(daybook_program)" token issue --key-file "$INSTANCE/doors/tokens.key.pem" --key-id local --issuer "$DOORS_ISSUER" \
        --subject "$name" "${@/#/--scope=}" --expires-in "${DOORS_DAYS}d" --out "$INSTANCE/doors/$name.token" ||
        fail "the token of $name could not be issued"
}

# The variables by which a service knows its door and shows itself to the others, as NAME=VALUE lines.
door_of() {
    printf '%s\n' "DAYBOOK_TLS_CERT_FILE=$INSTANCE/doors/service.pem" "DAYBOOK_TLS_KEY_FILE=$INSTANCE/doors/service.key.pem" \
        "DAYBOOK_ACCESS_FILE=$INSTANCE/doors/access.toml" "DAYBOOK_CA_FILE=$INSTANCE/doors/ca.pem"
    if [[ -e $INSTANCE/doors/$1.token ]]; then
        printf 'DAYBOOK_TOKEN_FILE=%s\n' "$INSTANCE/doors/$1.token"
    fi
}
