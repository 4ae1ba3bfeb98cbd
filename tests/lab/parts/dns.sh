# shellcheck shell=bash
# nsd holds the zones; two unbounds resolve them: one that is right, one that is fed an old copy.

# 192.0.2.0/24 and 2001:db8::/32 are for documentation: addresses nobody connects to. The names
# that tests do connect to are on loopback. There is no wildcard, so a wrong name is NXDOMAIN.
zone_file() {
  local name number
  cat <<ZONE
\$ORIGIN $LAB_ZONE.
\$TTL 300
; The last number bounds how long a resolver believes that a name does not exist (RFC 2308).
@ IN SOA ns1 hostmaster 2026112001 3600 600 604800 120
@ IN NS ns1
@ IN NS ns2
ns1 IN A 127.0.0.1
ns2 IN A 127.0.0.1
@ IN A 192.0.2.1
@ IN MX 10 mail
@ IN MX 20 mail2
@ IN TXT "v=spf1 mx -all"
@ IN CAA 0 issue "letsencrypt.org"
@ IN CAA 0 iodef "mailto:security@$LAB_ZONE"
mail IN A 192.0.2.25
mail2 IN A 192.0.2.26
_game._udp IN SRV 10 60 7777 match
_game._udp IN SRV 20 40 7777 gateway

match 60 IN A 192.0.2.10
match 60 IN AAAA 2001:db8::10
gateway 60 IN A 192.0.2.20
gateway 60 IN A 192.0.2.21
gateway 60 IN AAAA 2001:db8::20
; A chain: a resolver keeps the answer for the shortest of the three times.
cdn 60 IN CNAME edge
edge 30 IN CNAME pop1
pop1 300 IN A 192.0.2.80
pop1 300 IN AAAA 2001:db8::80
canary 30 IN A 192.0.2.90
; Nobody may keep it: a TTL of 0.
unkept 0 IN A 192.0.2.91
; Gone from a cache almost at once.
brief 1 IN A 192.0.2.91
; Nothing but an IPv4 address: asked for AAAA, the answer is NODATA, which is no fault.
v4only IN A 192.0.2.40
; An address that means nothing outside the house.
private IN A 10.0.0.5
dangling IN CNAME gone
; Zones of their own, on the same server but the last, which is at the one that answers by region.
signed IN NS ns1
expiring IN NS ns1
expired IN NS ns1
geo IN NS ns1
loop1 IN CNAME loop2
loop2 IN CNAME loop1
ZONE
  # Larger than the 512 bytes of plain DNS, and larger than the 1232 of EDNS: cut over UDP.
  printf 'longtxt IN TXT%s\n' "$(txt_strings 4)"
  printf 'hugetxt IN TXT%s\n' "$(txt_strings 16)"
  for name in login api db $(tls_names); do
    printf '%s 60 IN A 127.0.0.1\n%s 60 IN AAAA ::1\n' "$name" "$name"
  done | sort -u
  acme_names
  # A list to warm or to load a resolver with.
  for number in {000..199}; do
    printf 'n%s IN A 192.0.2.%d\n' "$number" $((10#$number + 1))
  done
}

txt_strings() {
  local filler
  filler=$(printf 'x%.0s' {1..200})
  for ((i = 0; i < $1; i++)); do printf ' "%s"' "$filler"; done
}

# nsd_conf NAME PORT
nsd_conf() {
  local at=$LAB_DIR/$1
  cat <<CONF
server:
$(loopback '  ip-address: ' "@$2")
  server-count: 1
  username: ""
  chroot: ""
  zonesdir: "$at"
  database: ""
  pidfile: "$at/nsd.pid"
  xfrdfile: "$at/xfrd.state"
  xfrdir: "$at"
  zonelistfile: "$at/zone.list"
  # Refuses to answer every other one of many equal questions; tests ask many equal questions.
  rrl-ratelimit: 0
remote-control:
  control-enable: no
zone:
  name: $LAB_ZONE
  zonefile: "zone"
CONF
}

# unbound_conf NAME PORT [ACCESS]
unbound_conf() {
  local name=$1 port=$2
  cat <<CONF
server:
$(loopback '  interface: ' "@$port")
  do-daemonize: no
  username: ""
  chroot: ""
  directory: "$LAB_DIR/$name"
  pidfile: "$LAB_DIR/$name/unbound.pid"
  use-syslog: no
  logfile: ""
  num-threads: 1
  # Small: the zone is, and two of these run beside nine other servers.
  msg-cache-size: 1m
  rrset-cache-size: 2m
  access-control: 127.0.0.0/8 ${3:-allow}
  access-control: ::1 ${3:-allow}
  # The authoritative server is on loopback, where a resolver normally never asks.
  do-not-query-localhost: no
  module-config: "iterator"
  # Nothing ever leaves this machine: all names but ours are refused.
  local-zone: "." refuse
  # Unbound knows that "test" is reserved (RFC 6761) and would deny our zone.
  local-zone: "test." nodefault
  local-zone: "$LAB_ZONE." transparent
remote-control:
  control-enable: no
CONF
}

ask_nsd() {
  cat <<CONF
stub-zone:
  name: "$LAB_ZONE"
  stub-addr: 127.0.0.1@${LAB_PORTS[dns_auth]}
CONF
}

# The resolver that asks a secondary which has missed the last change. It keeps that copy itself,
# as an upstream only (for-downstream: no), so that its answers look like any resolver's: without
# AA, and with a TTL that runs down from 2711.
ask_old_copy() {
  cat <<CONF
auth-zone:
  name: "$LAB_ZONE"
  zonefile: "$LAB_DIR/old-resolver/zone"
  for-upstream: yes
  for-downstream: no
CONF
}

old_zone() {
  sed -e 's/^match 60 IN A .*/match 2711 IN A 192.0.2.66/' -e '/ SOA /s/ 20261120/ 20261109/'
}

# dig_shows PORT NAME TYPE EXPECTED
dig_shows() {
  [ "$(dig +time=1 +tries=1 +short -p "$1" @127.0.0.1 "$2.$LAB_ZONE" "$3")" = "$4" ]
}

dns_up() {
  server_dir nsd
  dns_cases_prepare
  zone_file >"$LAB_DIR/nsd/zone"
  { nsd_conf nsd "${LAB_PORTS[dns_auth]}" && signed_zones_conf; } >"$LAB_DIR/nsd/nsd.conf"
  local resolver
  for resolver in resolver old-resolver; do server_dir "$resolver"; done
  { unbound_conf resolver "${LAB_PORTS[dns_resolver]}" && ask_nsd; } >"$LAB_DIR/resolver/unbound.conf"
  old_zone <"$LAB_DIR/nsd/zone" >"$LAB_DIR/old-resolver/zone"
  { unbound_conf old-resolver "${LAB_PORTS[dns_old_resolver]}" && ask_old_copy; } \
    >"$LAB_DIR/old-resolver/unbound.conf"
  start nsd "$LAB_DIR/nsd" nsd -d -c "$LAB_DIR/nsd/nsd.conf"
  start resolver "$LAB_DIR/resolver" unbound -d -c "$LAB_DIR/resolver/unbound.conf"
  start old-resolver "$LAB_DIR/old-resolver" unbound -d -c "$LAB_DIR/old-resolver/unbound.conf"
  wait_for nsd dig_shows "${LAB_PORTS[dns_auth]}" match A 192.0.2.10
  # Asked only now: a resolver that found its server dead remembers it for a while.
  wait_for resolver dig_shows "${LAB_PORTS[dns_resolver]}" v4only A 192.0.2.40
  wait_for old-resolver dig_shows "${LAB_PORTS[dns_old_resolver]}" match A 192.0.2.66
  dns_cases_up
}
