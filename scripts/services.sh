# shellcheck shell=bash
# The real services that tests talk to, each private to one test run: PostgreSQL, an S3 server (which also
# speaks AWS Secrets Manager), Redis, a mail server and an OpenID provider.
# Source after lib.sh, call need_services once and start_services; stop_services belongs in an EXIT trap.

SERVICES_DIR=
PG_BIN=
PG_USER=
S3_PID=
REDIS_PID=
SMTP_PID=
OIDC_PID=

find_postgres() {
    local bin newest=
    for bin in ${PG_BINDIR:+"$PG_BINDIR"} /usr/lib/postgresql/*/bin; do
        if [ -x "$bin/initdb" ] && [ -x "$bin/postgres" ]; then newest="$bin"; fi
    done
    [ -n "$newest" ] && PG_BIN="$newest"
}

install_postgres() {
    # Debian starts a cluster on port 5432 when the server package arrives. Nobody asked for one: switch that off meanwhile.
    local quiet=/etc/postgresql-common/createcluster.d/rhiza-tests.conf
    apt_install postgresql-common
    as_root mkdir -p "${quiet%/*}"
    as_root sh -c "echo 'create_main_cluster = false' >'$quiet'"
    apt_install postgresql
    as_root rm -f "$quiet"
}

install_redis() {
    # Debian starts a server on port 6379 when the package arrives. Nobody asked for one: forbid that meanwhile.
    local policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
        as_root sh -c "printf '#!/bin/sh\nexit 101\n' >'$policy' && chmod 755 '$policy'"
        apt_install redis-server
        as_root rm -f "$policy"
    else
        apt_install redis-server
    fi
}

need_services() {
    need_python
    if ! find_postgres; then
        install_postgres
        find_postgres || cannot_install "the package postgresql is installed but /usr/lib/postgresql has no initdb"
    fi
    have redis-server || install_redis
    need_venv s3 "moto[server]>=5.2,<6"
    S3_VENV="$VENV"
    need_venv smtp "aiosmtpd>=1.4.6,<2" "trustme>=1.2,<2"
    SMTP_VENV="$VENV"
    need_node
    need_oidc_provider
}

# Installs the provider into the cache when what it asks for or node changed since last time.
need_oidc_provider() {
    local wanted
    OIDC_FOLDER="$CACHE/oidc"
    wanted="$(cat "$ROOT/tests/oidc/package.json" "$ROOT/tests/oidc/package-lock.json" | sha256sum | cut -d ' ' -f 1) $(node --version)"
    mkdir -p "$OIDC_FOLDER" "$LOGS"
    cp "$ROOT/tests/oidc/provider.mjs" "$OIDC_FOLDER/"
    [ "$(cat "$OIDC_FOLDER/.installed" 2>/dev/null)" = "$wanted" ] && return 0
    say "installing the OpenID provider"
    cp "$ROOT/tests/oidc/package.json" "$ROOT/tests/oidc/package-lock.json" "$OIDC_FOLDER/"
    (cd "$OIDC_FOLDER" && npm ci --ignore-scripts --no-audit --no-fund) >"$LOGS/npm-oidc.log" 2>&1 </dev/null || {
        tail -n 20 "$LOGS/npm-oidc.log" >&2
        die "the OpenID provider could not be installed"
    }
    printf '%s' "$wanted" >"$OIDC_FOLDER/.installed"
}

# PostgreSQL refuses to run as root: then it runs as the user that Debian's package made, else as nobody.
as_pg() {
    if [ "$(id -u)" -ne 0 ]; then "$@"; else (cd / && runuser -u "$PG_USER" -- "$@"); fi
}

start_postgres() {
    local data="$SERVICES_DIR/postgres" password port attempt
    if id postgres >/dev/null 2>&1; then PG_USER=postgres; else PG_USER=nobody; fi
    mkdir "$data"
    password="$("$PYTHON" -c 'import secrets; print(secrets.token_hex(16))')"
    printf '%s' "$password" >"$SERVICES_DIR/password"
    if [ "$(id -u)" -eq 0 ]; then chown "$PG_USER" "$SERVICES_DIR" "$data" "$SERVICES_DIR/password"; fi
    as_pg "$PG_BIN/initdb" --pgdata="$data" --username=rhiza_test --pwfile="$SERVICES_DIR/password" \
        --auth=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8 --no-sync >"$SERVICES_DIR/initdb.log" 2>&1 || {
        cat "$SERVICES_DIR/initdb.log" >&2
        die "initdb failed"
    }
    # Durability is off: the tests kill Rhiza, never this server. Everything else is PostgreSQL's default.
    for attempt in 1 2 3; do
        port="$(free_port)"
        if as_pg "$PG_BIN/pg_ctl" --pgdata="$data" --log="$data/server.log" --wait --timeout=60 start \
            -o "-h 127.0.0.1 -p $port -k $data -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_connections=400 -c max_locks_per_transaction=256" \
            >"$SERVICES_DIR/pg_ctl.log" 2>&1 </dev/null; then
            export RHIZA_TEST_POSTGRES_URL="postgres://rhiza_test:$password@127.0.0.1:$port/postgres"
            return 0
        fi
        warn "PostgreSQL did not start on port $port (attempt $attempt)"
    done
    cat "$SERVICES_DIR/pg_ctl.log" "$data/server.log" >&2
    die "PostgreSQL did not start"
}

start_s3() {
    local port attempt url waited
    export AWS_ACCESS_KEY_ID=rhiza-test AWS_SECRET_ACCESS_KEY=rhiza-test-secret AWS_REGION=us-east-1
    for attempt in 1 2 3; do
        port="$(free_port)"
        url="http://127.0.0.1:$port"
        "$S3_VENV/bin/moto_server" -H 127.0.0.1 -p "$port" >"$SERVICES_DIR/s3.log" 2>&1 </dev/null &
        S3_PID=$!
        for ((waited = 0; waited < 300; waited++)); do
            # Making the bucket is the readiness check.
            if curl -fsS -o /dev/null -X PUT "$url/rhiza-test" 2>/dev/null; then
                export RHIZA_TEST_S3_ENDPOINT="$url" RHIZA_TEST_S3_BUCKET=rhiza-test RHIZA_TEST_S3_URL=s3://rhiza-test
                return 0
            fi
            kill -0 "$S3_PID" 2>/dev/null || break
            sleep 0.1
        done
        kill "$S3_PID" 2>/dev/null || true
        warn "the S3 server did not start on port $port (attempt $attempt)"
    done
    cat "$SERVICES_DIR/s3.log" >&2
    die "the S3 server did not start"
}

start_redis() {
    local port attempt waited
    for attempt in 1 2 3; do
        port="$(free_port)"
        redis-server --bind 127.0.0.1 --port "$port" --save "" --appendonly no --dir "$SERVICES_DIR" \
            >"$SERVICES_DIR/redis.log" 2>&1 </dev/null &
        REDIS_PID=$!
        for ((waited = 0; waited < 100; waited++)); do
            if [ "$(redis-cli -h 127.0.0.1 -p "$port" ping 2>/dev/null)" = PONG ]; then
                export RHIZA_TEST_REDIS_URL="redis://127.0.0.1:$port"
                return 0
            fi
            kill -0 "$REDIS_PID" 2>/dev/null || break
            sleep 0.1
        done
        kill "$REDIS_PID" 2>/dev/null || true
        warn "Redis did not start on port $port (attempt $attempt)"
    done
    cat "$SERVICES_DIR/redis.log" >&2
    die "Redis did not start"
}

start_smtp() {
    local folder="$SERVICES_DIR/smtp" waited
    mkdir "$folder"
    "$SMTP_VENV/bin/python" "$ROOT/scripts/smtp_server.py" "$folder" >"$SERVICES_DIR/smtp.log" 2>&1 </dev/null &
    SMTP_PID=$!
    for ((waited = 0; waited < 300; waited++)); do
        if [ -e "$folder/ports.json" ]; then
            # The ports and the letters that arrived are files in this folder.
            export RHIZA_TEST_SMTP_DIR="$folder"
            return 0
        fi
        kill -0 "$SMTP_PID" 2>/dev/null || break
        sleep 0.1
    done
    cat "$SERVICES_DIR/smtp.log" >&2
    die "the mail server did not start"
}

start_oidc() {
    local port attempt waited
    for attempt in 1 2 3; do
        port="$(free_port)"
        node "$OIDC_FOLDER/provider.mjs" "$port" >"$SERVICES_DIR/oidc.log" 2>&1 </dev/null &
        OIDC_PID=$!
        for ((waited = 0; waited < 300; waited++)); do
            if grep -q '^ready ' "$SERVICES_DIR/oidc.log" 2>/dev/null; then
                export RHIZA_TEST_OIDC_ISSUER="http://127.0.0.1:$port"
                return 0
            fi
            kill -0 "$OIDC_PID" 2>/dev/null || break
            sleep 0.1
        done
        kill "$OIDC_PID" 2>/dev/null || true
        warn "the OpenID provider did not start on port $port (attempt $attempt)"
    done
    cat "$SERVICES_DIR/oidc.log" >&2
    die "the OpenID provider did not start"
}

start_services() {
    # Not in the cache: when root runs this, PostgreSQL's user cannot enter root's home.
    SERVICES_DIR="$(mktemp -d "${TMPDIR:-/tmp}/rhiza-services.XXXXXX")"
    say "starting PostgreSQL ($("$PG_BIN/postgres" --version)), an S3 server, Redis, a mail server and an OpenID provider on private ports"
    start_postgres
    start_s3
    start_redis
    start_smtp
    start_oidc
}

stop_services() {
    [ -n "$SERVICES_DIR" ] || return 0
    if [ -n "$S3_PID" ]; then
        kill "$S3_PID" 2>/dev/null || true
        wait "$S3_PID" 2>/dev/null || true
    fi
    if [ -n "$REDIS_PID" ]; then
        kill "$REDIS_PID" 2>/dev/null || true
        wait "$REDIS_PID" 2>/dev/null || true
    fi
    if [ -n "$SMTP_PID" ]; then
        kill "$SMTP_PID" 2>/dev/null || true
        wait "$SMTP_PID" 2>/dev/null || true
    fi
    if [ -n "$OIDC_PID" ]; then
        kill "$OIDC_PID" 2>/dev/null || true
        wait "$OIDC_PID" 2>/dev/null || true
    fi
    if [ -e "$SERVICES_DIR/postgres/postmaster.pid" ]; then
        as_pg "$PG_BIN/pg_ctl" --pgdata="$SERVICES_DIR/postgres" --mode=immediate --wait stop >/dev/null 2>&1 || true
    fi
    rm -rf "$SERVICES_DIR"
    SERVICES_DIR=
}
