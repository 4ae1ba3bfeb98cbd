# shellcheck shell=bash
# Starting, waiting for, recognising and stopping processes.
#
# A pid alone does not say which process is meant: the kernel uses it again. So a record in run/
# holds the pid, its start time in clock ticks since boot (field 22 of /proc/PID/stat) and the
# boot, and nothing is signalled unless all three still fit.

boot() { cat /proc/sys/kernel/random/boot_id; }

# The command's name is in brackets and may hold blanks and brackets itself: cut at the last one.
start_time() {
  local stat
  { stat=$(<"/proc/$1/stat"); } 2>/dev/null || return 1
  # shellcheck disable=SC2086 # split into words
  set -- ${stat##*) }
  # A zombie has ended; only its parent has not noticed.
  [ "$1" != Z ] || return 1
  echo "${20}"
}

record_pid() { cut -d' ' -f1 "$1"; }

is_ours() {
  local pid time on
  read -r pid time on <"$1" || return 1
  [ "$on" = "$(boot)" ] && [ "$(start_time "$pid")" = "$time" ]
}

all_alive() {
  local record
  for record in "$LAB_DIR"/run/*; do
    if [ ! -e "$record" ] || ! is_ours "$record"; then return 1; fi
  done
}

# start NAME DIRECTORY COMMAND…: a server in the foreground of a session of its own, so that
# neither a closed terminal nor the end of this script reaches it.
start() {
  local name=$1 cwd=$2 pid
  shift 2
  (
    cd "$cwd" || exit
    exec setsid env "${AS_SERVER[@]}" "$@" </dev/null >>"$LAB_DIR/log/$name.log" 2>&1 9>&-
  ) &
  pid=$!
  echo "$pid $(start_time "$pid") $(boot)" >"$LAB_DIR/run/$name" || true
}

# wait_until SECONDS WHAT COMMAND…
wait_until() {
  local limit=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    if [ "$SECONDS" -ge "$limit" ]; then
      printf 'lab: gave up waiting for %s\n' "$what" >&2
      return 1
    fi
    sleep 0.05
  done
}

# wait_for NAME COMMAND…: until the server answers; at once when it has died.
wait_for() {
  local name=$1
  shift
  local limit=$((SECONDS + 25))
  until "$@" >/dev/null 2>&1; do
    if ! is_ours "$LAB_DIR/run/$name"; then
      show_log "$name" 'died while starting'
      return 1
    fi
    if [ "$SECONDS" -ge "$limit" ]; then
      show_log "$name" 'did not answer in 25 s'
      return 1
    fi
    sleep 0.05
  done
}

# logged NAME COMMAND…: what it says is of interest only when it fails. Not `if` or `||`, since
# bash ignores `set -e` in all that a condition calls.
logged() {
  local name=$1 code
  shift
  set +e
  (set -e; "$@") >"$LAB_DIR/log/$name.log" 2>&1
  code=$?
  set -e
  [ "$code" -eq 0 ] || show_log "$name" 'could not be prepared'
  return "$code"
}

show_log() {
  {
    printf 'lab: %s %s; the end of its log:\n' "$1" "$2"
    tail -n 15 "$LAB_DIR/log/$1.log" | sed 's/^/    /'
  } >&2
}

# tcp_open HOST PORT. The limit is for a listener that is stopped, not absent.
tcp_open() { timeout 1 bash -c ": <>/dev/tcp/$1/$2" 2>/dev/null; }

# http_get HOST:PORT PATH: the whole answer, so that no HTTP client need be installed.
http_get() {
  # shellcheck disable=SC2016 # expanded by the inner shell
  timeout 3 bash -c 'exec 3<>"/dev/tcp/$1/$2"
    printf "GET %s HTTP/1.0\r\nHost: lab\r\n\r\n" "$3" >&3
    cat <&3' - "${1%:*}" "${1##*:}" "$2"
}

http_shows() { http_get "$1" "$2" | tr -d '\r' | grep -Eq -- "$3"; }

# How each server is asked to end. PostgreSQL waits for its clients on TERM, and not on INT. An
# Alertmanager's farewell to the other takes seconds, and what it would save is removed anyway.
stop_signal() {
  case $1 in
  postgres | pgfull | pgstarting) echo INT ;;
  # Its farewell writes everything down once more.
  mariadb) echo KILL ;;
  alertmanager-*) echo KILL ;;
  *) echo TERM ;;
  esac
}

signal_all() {
  local record how
  for record in "$LAB_DIR"/run/*; do
    if [ ! -e "$record" ] || ! is_ours "$record"; then continue; fi
    how=${1:-$(stop_signal "${record##*/}")}
    kill "-$how" "$(record_pid "$record")" 2>/dev/null || true
  done
}

none_alive() {
  local record
  for record in "$LAB_DIR"/run/*; do
    if [ -e "$record" ] && is_ours "$record"; then return 1; fi
  done
  [ -z "$(orphans)" ]
}

# What a server that is gone has left behind: in the session it opened, and still in the lab's
# directory. Both, because the number of a session can come back too.
orphans() {
  local record pid
  for record in "$LAB_DIR"/run/*; do
    if [ ! -e "$record" ] || is_ours "$record"; then continue; fi
    for pid in $(pgrep -s "$(record_pid "$record")" || true); do
      case $(readlink "/proc/$pid/cwd" 2>/dev/null) in
      "$LAB_DIR" | "$LAB_DIR"/*) echo "$pid" ;;
      esac
    done
  done
}

kill_orphans() {
  local pid
  for pid in $(orphans); do kill -KILL "$pid" 2>/dev/null || true; done
}

stop_everything() {
  kill_orphans
  signal_all
  if ! wait_until 5 'the servers to end' none_alive 2>/dev/null; then
    signal_all KILL
    wait_until 2 'killed servers to end' none_alive 2>/dev/null || kill_orphans
    wait_until 5 'killed servers to end' none_alive || die "some servers of $LAB_DIR would not end"
  fi
  rm -f "$LAB_DIR"/run/* "$LAB_DIR/complete"
}
