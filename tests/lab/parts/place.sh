# shellcheck shell=bash
# Where a lab lives: its directory, whose it is, who may run in it, and the lock.

# Two users, because PostgreSQL refuses root and no server needs it: the one who calls, and the
# one the servers run as.
if [ "$EUID" -eq 0 ]; then
  SERVER_USER=nobody
  SERVER_GROUP=$(id -gn nobody)
  AS_SERVER=(setpriv "--reuid=$SERVER_USER" "--regid=$SERVER_GROUP" --clear-groups --no-new-privs --)
else
  SERVER_USER=$(id -un)
  SERVER_GROUP=$(id -gn)
  AS_SERVER=()
fi

# `env` so that the array may be empty on every bash.
as_server() { env "${AS_SERVER[@]}" "$@"; }

# Only a directory with this in it is ever emptied or removed.
MARKER=.gonogo-lab

# The directory of the default labs and of the lock. Its own, not just a name in the shared
# temporary directory, so that nobody else can put something there first.
lab_base() {
  local parent base
  for parent in "${TMPDIR:-/tmp}" /tmp /var/tmp; do
    as_server test -x "$parent" || continue
    base=${parent%/}/gonogo-lab-$EUID
    mkdir -m 711 "$base" 2>/dev/null || true
    if [ -d "$base" ] && [ ! -L "$base" ] && [ -O "$base" ]; then
      echo "$base"
      return
    fi
  done
  die "no temporary directory that user $SERVER_USER can enter; set TMPDIR"
}

# One `up` or `down` at a time for a user: two that choose free ports at the same moment would
# choose the same ones. The servers close descriptor 9 (process.sh), or they would keep the lock.
host_lock() {
  local base
  base=$(lab_base)
  exec 9>"$base/lock"
  flock -w 120 9 || die 'another lab has been starting or stopping for two minutes'
}

default_link() { echo "$LAB_REPO/.lab"; }

default_dir() {
  local hash
  hash=$(printf %s "$LAB_REPO" | sha256sum)
  echo "$(lab_base)/${hash:0:10}"
}

# Sets LAB_DIR to an existing lab; fails when there is none.
place_find() {
  local dir=${1:-$(default_link)}
  LAB_DIR=$(readlink -f -- "$dir") || return 1
  [ -e "$LAB_DIR/$MARKER" ]
}

# Sets LAB_DIR and makes it ours: new, or empty, or a lab already.
place_claim() {
  local dir=$1
  LAB_DEFAULT=
  if [ -z "$dir" ]; then
    # shellcheck disable=SC2034 # decides about the ports
    LAB_DEFAULT=yes
    dir=$(default_dir)
    local link
    link=$(default_link)
    [ -L "$link" ] || [ ! -e "$link" ] || die "$link is in the way: it is not the lab's link"
    mkdir -p "$dir"
    ln -sfn "$dir" "$link"
  fi
  mkdir -p "$dir"
  LAB_DIR=$(cd "$dir" && pwd -P)
  # The paths go into the configuration of ten programs, each with its own idea of quoting.
  case $LAB_DIR in
  *[!A-Za-z0-9._/+@%=-]*) die "a lab cannot live in '$LAB_DIR': use a path without such characters" ;;
  esac
  # sockaddr_un holds 107 characters.
  [ ${#LAB_DIR} -le 80 ] || die "$LAB_DIR is too long for a Unix socket; use a shorter path"
  if [ ! -e "$LAB_DIR/$MARKER" ] && [ -n "$(ls -A "$LAB_DIR")" ]; then
    die "$LAB_DIR is not empty and not a lab"
  fi
  [ -O "$LAB_DIR" ] || die "$LAB_DIR belongs to someone else"
  chmod go+x "$LAB_DIR"
  if ! as_server test -x "$LAB_DIR"; then
    rmdir "$LAB_DIR" 2>/dev/null || true
    die "user $SERVER_USER cannot enter $LAB_DIR"
  fi
  : >"$LAB_DIR/$MARKER"
}

place_used() { [ -d "$LAB_DIR/run" ]; }

place_empty() { find "$LAB_DIR" -mindepth 1 ! -name "$MARKER" -delete; }

# run/ and secrets/ are the caller's; a server's own directory is the server's.
place_fresh() {
  place_empty
  PKI=$LAB_DIR/pki
  mkdir "$LAB_DIR/run" "$LAB_DIR/log" "$PKI"
  mkdir -m 700 "$LAB_DIR/secrets"
}

# A directory that only the server (and root) may enter.
server_dir() {
  mkdir -p "$LAB_DIR/$1"
  chmod 700 "$LAB_DIR/$1"
  give "$LAB_DIR/$1"
}

give() {
  [ "$EUID" -ne 0 ] || chown -R "$SERVER_USER:$SERVER_GROUP" "$@"
}

place_remove() {
  place_empty
  rm -f "$LAB_DIR/$MARKER"
  rmdir "$LAB_DIR"
  local link
  link=$(default_link)
  if [ -L "$link" ] && [ "$(readlink "$link")" = "$LAB_DIR" ]; then rm -f "$link"; fi
}
