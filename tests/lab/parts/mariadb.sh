# shellcheck shell=bash
# MariaDB with 30 connections, for the tests of MySQL's protocol too.

# Accounts by what they may: `gonogo` sees everybody's transactions (PROCESS), `plain` only its own,
# `limited` has two connections at most, `dba` may do everything; `app` is the application, and
# `sealed` proves its password by a plugin that few clients have.
MYSQL_ACCOUNTS='gonogo plain limited app dba sealed'

# Read by the server as it starts, one statement a line.
mysql_accounts() {
  local account
  echo 'CREATE DATABASE game;'
  for account in $MYSQL_ACCOUNTS; do
    [ "$account" != sealed ] || continue
    echo "CREATE USER $account@'%' IDENTIFIED BY '$(<"$LAB_DIR/secrets/$account")';"
    echo "GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, DROP ON game.* TO $account@'%';"
  done
  echo "INSTALL SONAME 'auth_ed25519';"
  echo "CREATE USER sealed@'%' IDENTIFIED VIA ed25519 USING PASSWORD('$(<"$LAB_DIR/secrets/sealed")');"
  echo "GRANT PROCESS ON *.* TO gonogo@'%';"
  echo "GRANT ALL ON *.* TO dba@'%';"
  echo "ALTER USER limited@'%' WITH MAX_USER_CONNECTIONS 2;"
  echo 'CREATE TABLE game.players (id INT PRIMARY KEY, gold INT);'
  echo 'INSERT INTO game.players VALUES (1, 10), (2, 20);'
}

mysql_conf() {
  cat <<CONF
[mariadbd]
datadir = $LAB_DIR/mariadb/data
socket = $LAB_DIR/mariadb/mysql.sock
pid-file = $LAB_DIR/mariadb/pid
init-file = $LAB_DIR/mariadb/accounts.sql
bind-address = 127.0.0.1$([ -z "$IPV6" ] || echo ',::1')
port = ${LAB_PORTS[mysql]}
ssl-cert = $LAB_DIR/pki/db.pem
ssl-key = $LAB_DIR/pki/private/db.key
max_connections = 30
wait_timeout = 600
# Who has no name is told apart by address, and nobody is asked for it.
skip-name-resolve
# Nothing here survives the lab: no need to wait for a disk, nor for memory.
innodb_flush_log_at_trx_commit = 0
innodb_flush_method = nosync
innodb_doublewrite = 0
innodb_buffer_pool_size = 8M
innodb_log_file_size = 4M
aria_pagecache_buffer_size = 1M
# It keeps what clients call themselves; nothing else of it is wanted.
performance_schema = on
performance_schema_max_thread_instances = 64
performance_schema_max_table_instances = 64
performance_schema_max_mutex_instances = 64
performance_schema_max_rwlock_instances = 64
performance_schema_max_cond_instances = 64
performance_schema_max_file_instances = 64
performance_schema_max_statement_classes = 0
performance_schema_digests_size = 0
performance_schema_events_statements_history_long_size = 0
performance_schema_events_waits_history_long_size = 0
performance_schema_events_stages_history_long_size = 0
performance_schema_events_transactions_history_long_size = 0
performance_schema_consumer_global_instrumentation = off
CONF
}

mysql_data() {
  as_server mariadb-install-db --no-defaults --datadir="$LAB_DIR/mariadb/data" --skip-test-db \
    --auth-root-authentication-method=socket --auth-root-socket-user="$SERVER_USER" \
    --innodb-log-file-size=4M --innodb-data-file-path=ibdata1:8M:autoextend
}

mysql_prepare() {
  server_dir mariadb
  logged mariadb-install mysql_data
}

mysql_answers() {
  MYSQL_PWD=$(<"$LAB_DIR/secrets/dba") mariadb --no-defaults -h 127.0.0.1 \
    -P "${LAB_PORTS[mysql]}" -u dba -e 'SELECT 1'
}

mysql_up() {
  local account
  for account in dba sealed; do secret "$account"; done
  (umask 077 && mysql_accounts >"$LAB_DIR/mariadb/accounts.sql")
  mysql_conf >"$LAB_DIR/mariadb/my.cnf"
  give "$LAB_DIR/mariadb"
  start mariadb "$LAB_DIR/mariadb" mariadbd --defaults-file="$LAB_DIR/mariadb/my.cnf"
  wait_for mariadb mysql_answers
}
