# shellcheck shell=bash
# Time servers: one that is right, one that is 90 seconds ahead, one that has lost its sources. None
# of them may set the clock (-x).

time_conf() {
  cat <<CONF
port ${LAB_PORTS[$1]}
cmdport 0
bindaddress 127.0.0.1
allow 127.0.0.1
pidfile $LAB_DIR/$1/pid
bindcmdaddress $LAB_DIR/$1/socket
CONF
}

# start_time_server NAME DIRECTIVE [COMMAND…]: chronyd behind a command.
start_time_server() {
  local name=$1 directive=$2
  shift 2
  server_dir "$name"
  { time_conf "$name" && echo "$directive"; } >"$LAB_DIR/$name/chrony.conf"
  # Where its command socket lies must be its own and nobody else's.
  chmod 750 "$LAB_DIR/$name"
  give "$LAB_DIR/$name"
  start "$name" "$LAB_DIR/$name" "$@" chronyd -d -x -U -f "$LAB_DIR/$name/chrony.conf"
}

time_up() {
  start_time_server ntp 'local stratum 3'
  start_time_server ntp_fast 'local stratum 3' env FAKETIME_DONT_FAKE_MONOTONIC=1 faketime -f +90s
  start_time_server ntp_lost ''
  local name
  for name in ntp ntp_fast ntp_lost; do wait_for "$name" receives_on "${LAB_PORTS[$name]}"; done
}

# Whether somebody receives UDP on a port of loopback.
receives_on() {
  local hex
  hex=$(printf '0100007F:%04X' "$1")
  grep -q " $hex " /proc/net/udp
}
