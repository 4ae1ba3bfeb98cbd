# shellcheck shell=bash
# Installs what the lab's servers come in, and says what is missing where it cannot.

# A binary, and the Debian package it comes in. PostgreSQL's binaries are not on the PATH.
binaries() {
  cat <<'TABLE'
nsd             nsd
unbound         unbound
gdnsd           gdnsd
named           bind9
ldns-signzone   ldnsutils
dig             bind9-dnsutils
openssl         openssl
faketime        faketime
socat           socat
nginx           nginx-light
postgres        postgresql
psql            postgresql-client
pgbouncer       pgbouncer
chronyd         chrony
pebble          pebble
mariadbd        mariadb-server
mariadb         mariadb-client
redis-server    redis-server
redis-cli       redis-tools
prometheus      prometheus
prometheus-alertmanager prometheus-alertmanager
setpriv         util-linux
setsid          util-linux
flock           util-linux
pgrep           procps
TABLE
}

# Where the newest PostgreSQL keeps its server programs.
postgres_bin() {
  local found
  if found=$(type -P postgres); then
    dirname "$found"
    return
  fi
  find /usr/lib/postgresql -path '*/bin/postgres' 2>/dev/null | sort -t/ -k5,5n | tail -n 1 |
    sed 's|/postgres$||'
}

has_binary() {
  case $1 in
  postgres) [ -n "$(postgres_bin)" ] ;;
  *) type -P "$1" >/dev/null ;;
  esac
}

# missing_packages [PROGRAM…]: of the lab, and of what else is named.
missing_packages() {
  local binary package
  {
    binaries
    # PROGRAM, or PROGRAM=PACKAGE where the package has another name.
    for binary in "$@"; do echo "${binary%%=*} ${binary#*=}"; done
  } | while read -r binary package; do
    has_binary "$binary" || echo "$package"
  done | sort -u | tr '\n' ' ' | sed 's/ $//'
}

require_binaries() {
  local missing
  missing=$(missing_packages)
  [ -z "$missing" ] || die "missing: $missing (run: tests/lab/lab install)"
}

# The packages would start their services on the standard ports, as root, without being asked.
# invoke-rc.d asks this file first, and 101 means no. A file that is there already is the
# administrator's and stays.
forbid_services() {
  local policy=/usr/sbin/policy-rc.d
  [ -e "$policy" ] && return
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
  # shellcheck disable=SC2064 # the path is known now
  trap "rm -f $policy" EXIT
}

install_missing() {
  local missing
  missing=$(missing_packages "$@")
  if [ -z "$missing" ]; then
    say 'everything is installed'
    return 0
  fi
  if ! type -P apt-get >/dev/null; then
    die "no apt-get here; please install what Debian calls: $missing"
  fi
  if [ "$EUID" -ne 0 ]; then
    die "not root; please run: apt-get install --no-install-recommends $missing"
  fi
  say "installing: $missing"
  export DEBIAN_FRONTEND=noninteractive
  forbid_services
  # Without an index, or with a stale one, apt-get finds nothing or a file that is gone.
  # shellcheck disable=SC2086 # a list of words
  apt-get install -y -q --no-install-recommends $missing </dev/null >/dev/null 2>&1 ||
    { apt-get update -q </dev/null &&
      apt-get install -y -q --no-install-recommends $missing </dev/null; } ||
    die "apt-get could not install: $missing"
  missing=$(missing_packages "$@")
  [ -z "$missing" ] || die "still missing after apt-get: $missing"
}
