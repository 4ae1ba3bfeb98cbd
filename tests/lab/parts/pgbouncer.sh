# shellcheck shell=bash
# PgBouncer in front of `postgres`: pools so small that a test can fill one.

pgbouncer_conf() {
  cat <<CONF
[databases]
game = host=127.0.0.1 port=${LAB_PORTS[pg]} dbname=game
# Its server is down.
gone = host=127.0.0.1 port=${LAB_PORTS[closed]} dbname=game
[pgbouncer]
listen_addr = 127.0.0.1$([ -z "$IPV6" ] || echo ',::1')
listen_port = ${LAB_PORTS[pgbouncer]}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = $LAB_DIR/pgbouncer/users
# May look at everything in the admin database "pgbouncer", and change nothing.
stats_users = gonogo
pool_mode = transaction
default_pool_size = 3
max_client_conn = 50
# A client that gets no connection is told so soon; the default is two minutes.
query_wait_timeout = 3
# Pools that keep a connection for longer find it gone.
client_idle_timeout = 600
client_tls_sslmode = allow
client_tls_cert_file = $LAB_DIR/pki/db.pem
client_tls_key_file = $LAB_DIR/pki/private/db.key
# Sent by most drivers, and refused by PgBouncer unless named here.
ignore_startup_parameters = extra_float_digits,options
CONF
}

# In clear: PgBouncer must prove the password to PostgreSQL, for which a SCRAM verifier is no use.
pgbouncer_users() {
  local role
  for role in $ROLES; do echo "\"$role\" \"$(<"$LAB_DIR/secrets/$role")\""; done
}

pgbouncer_up() {
  server_dir pgbouncer
  pgbouncer_conf >"$LAB_DIR/pgbouncer/pgbouncer.ini"
  (umask 077 && pgbouncer_users >"$LAB_DIR/pgbouncer/users")
  give "$LAB_DIR/pgbouncer"
  start pgbouncer "$LAB_DIR/pgbouncer" pgbouncer "$LAB_DIR/pgbouncer/pgbouncer.ini"
  wait_for pgbouncer pooled_select
}

pooled_select() {
  PGPASSWORD=$(<"$LAB_DIR/secrets/app") \
    psql -XAtqw -h 127.0.0.1 -p "${LAB_PORTS[pgbouncer]}" -U app -d game -c 'SELECT 1'
}
