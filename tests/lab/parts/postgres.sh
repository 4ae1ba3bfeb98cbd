# shellcheck shell=bash
# Three PostgreSQL servers: `postgres` with room, `pgfull`, in which one ordinary slot is free, and
# `pgstarting`, which has been starting up ever since: a standby whose primary sends nothing.

# Roles by what they may see: `gonogo` everything (pg_monitor), `plain` only itself, `limited` as
# plain and two connections at most; `app` is the application.
ROLES='gonogo plain limited app'
# pgfull has 10 slots, 3 of them reserved for superusers; this many of the other 7 are taken.
HELD=6

# One statement a line: that is how the single-user server reads.
roles_sql() {
  local role
  for role in $ROLES; do
    echo "CREATE ROLE $role LOGIN PASSWORD '$(<"$LAB_DIR/secrets/$role")';"
  done
  echo 'GRANT pg_monitor TO gonogo;'
  echo 'ALTER ROLE limited CONNECTION LIMIT 2;'
  echo 'CREATE DATABASE game OWNER app;'
}

postgres_conf() {
  local name=$1 port=$2 slots=$3
  cat <<CONF
listen_addresses = '127.0.0.1$([ -z "$IPV6" ] || echo ',::1')'
port = $port
unix_socket_directories = '$LAB_DIR/$name'
max_connections = $slots
superuser_reserved_connections = 3
password_encryption = 'scram-sha-256'
ssl = on
ssl_cert_file = '$LAB_DIR/pki/db.pem'
ssl_key_file = '$LAB_DIR/pki/private/db.key'
ident_file = '$LAB_DIR/$name/ident.conf'
hba_file = '$LAB_DIR/$name/hba.conf'
log_destination = 'stderr'
log_line_prefix = '%m [%p] %q%u@%d %e '
log_connections = on
# Nothing here survives the lab: no need to wait for a disk.
fsync = off
synchronous_commit = off
full_page_writes = off
shared_buffers = '16MB'
max_wal_senders = 0
wal_level = minimal
CONF
}

# Through the socket the superuser is whoever runs the server or the lab; over TCP everybody needs
# the password, with and without TLS.
postgres_access() {
  cat >"$1/hba.conf" <<'CONF'
local all postgres peer map=lab
local all all scram-sha-256
host all all 127.0.0.1/32 scram-sha-256
host all all ::1/128 scram-sha-256
CONF
  printf 'lab %s postgres\n' "$SERVER_USER" "$(id -un)" | sort -u >"$1/ident.conf"
}

# No newline at the end, and nothing that a URL would need encoded.
secret() { (umask 077 && printf %s "$(openssl rand -hex 16)" >"$LAB_DIR/secrets/$1"); }

secrets() {
  local role
  for role in $ROLES; do secret "$role"; done
}

# Made once and copied: initdb is the slowest step of the whole lab.
make_data() {
  cd "$LAB_DIR/postgres" || return
  as_server initdb -D data -U postgres --auth=peer --no-sync -E UTF8 --locale=C
  roles_sql | as_server postgres --single -D data -F postgres
  cp -a data "$LAB_DIR/pgfull/data"
  cp -a data "$LAB_DIR/pgstarting/data"
  # Waits for a log that never comes, and lets nobody look at it meanwhile.
  touch "$LAB_DIR/pgstarting/data/standby.signal"
}

postgres_prepare() {
  secrets
  server_dir postgres
  server_dir pgfull
  server_dir pgstarting
  logged postgres make_data
  local name
  for name in postgres pgfull pgstarting; do postgres_access "$LAB_DIR/$name"; done
  postgres_conf postgres "${LAB_PORTS[pg]}" 20 >>"$LAB_DIR/postgres/data/postgresql.conf"
  postgres_conf pgfull "${LAB_PORTS[pgfull]}" 10 >>"$LAB_DIR/pgfull/data/postgresql.conf"
  postgres_conf pgstarting "${LAB_PORTS[pgstarting]}" 20 \
    >>"$LAB_DIR/pgstarting/data/postgresql.conf"
  echo 'hot_standby = off' >>"$LAB_DIR/pgstarting/data/postgresql.conf"
  give "$LAB_DIR/postgres" "$LAB_DIR/pgfull" "$LAB_DIR/pgstarting"
}

# superuser NAME PORT SQL: one value.
superuser() { as_server psql -XAtqw -h "$LAB_DIR/$1" -p "$2" -U postgres -d game -c "$3"; }

# Sessions that hold a slot and do nothing. psql waits for its next command on a pipe that it has
# open for writing itself, so that the pipe never ends.
hold_slots() {
  local number
  mkfifo -m 600 "$LAB_DIR/pgfull/commands"
  give "$LAB_DIR/pgfull/commands"
  for ((number = 1; number <= HELD; number++)); do
    # The password in the environment: an argument could be read by everyone.
    # shellcheck disable=SC2016 # expanded by the inner shell
    PGPASSWORD=$(<"$LAB_DIR/secrets/app") PGAPPNAME=game-server \
      start "pgfull-client-$number" "$LAB_DIR/pgfull" \
      bash -c 'exec psql -Xqw -h 127.0.0.1 -p "$1" -U app -d game <>"$2"' - \
      "${LAB_PORTS[pgfull]}" "$LAB_DIR/pgfull/commands"
  done
}

slots_held() {
  [ "$(superuser pgfull "${LAB_PORTS[pgfull]}" \
    "SELECT count(*) FROM pg_stat_activity WHERE usename = 'app' AND state = 'idle'")" = "$HELD" ]
}

still_starting() {
  { superuser pgstarting "${LAB_PORTS[pgstarting]}" 'SELECT 1' 2>&1 || true; } |
    grep -Eq 'starting up|not accepting connections'
}

postgres_up() {
  start postgres "$LAB_DIR/postgres" postgres -D "$LAB_DIR/postgres/data"
  start pgfull "$LAB_DIR/pgfull" postgres -D "$LAB_DIR/pgfull/data"
  start pgstarting "$LAB_DIR/pgstarting" postgres -D "$LAB_DIR/pgstarting/data"
  wait_for postgres superuser postgres "${LAB_PORTS[pg]}" 'SELECT 1'
  wait_for pgfull superuser pgfull "${LAB_PORTS[pgfull]}" 'SELECT 1'
  wait_for pgstarting still_starting
  hold_slots
  wait_for "pgfull-client-$HELD" slots_held
}
