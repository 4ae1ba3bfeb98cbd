# shellcheck shell=bash
# The DNS servers beside the plain ones: a secondary that is behind, zones that are signed, a
# resolver that verifies and speaks TLS and HTTPS, and an authority that answers by region.

# Signed zones: the name, and in how many hours from now its signatures end.
signed_zones() {
  cat <<TABLE
signed   720
expiring 24
expired  -24
TABLE
}

signed_zone_file() {
  cat <<ZONE
\$ORIGIN $1.
\$TTL 300
@ IN SOA ns1.$LAB_ZONE. hostmaster.$LAB_ZONE. 2026112001 3600 600 604800 120
@ IN NS ns1.$LAB_ZONE.
@ IN NS ns2.$LAB_ZONE.
www IN A 192.0.2.70
ZONE
}

# Signs every zone with a key of its own; `anchors` is what the resolver that verifies believes.
sign_zones() {
  local label hours zone now key
  now=$(date +%s)
  : >"$LAB_DIR/signed/anchors"
  while read -r label hours; do
    zone=$label.$LAB_ZONE
    signed_zone_file "$zone" >"$LAB_DIR/signed/$label"
    key=$(cd "$LAB_DIR/signed" && ldns-keygen -r /dev/urandom -k -a ECDSAP256SHA256 "$zone")
    (cd "$LAB_DIR/signed" &&
      ldns-signzone -i $((now - 48 * 3600)) -e $((now + hours * 3600)) -f "$label.signed" "$label" "$key")
    cat "$LAB_DIR/signed/$key.ds" >>"$LAB_DIR/signed/anchors"
  done < <(signed_zones)
}

signed_zones_conf() {
  local label
  while read -r label _; do
    printf 'zone:\n  name: %s.%s\n  zonefile: "%s/signed/%s.signed"\n' \
      "$label" "$LAB_ZONE" "$LAB_DIR" "$label"
  done < <(signed_zones)
}

# As the package has it, with a rate limit of 200 answers a second of one kind.
secondary_conf() {
  nsd_conf secondary "${LAB_PORTS[dns_secondary]}" | grep -v rrl-ratelimit
}

# Verifies, passes the client's network on, and serves what has expired while it looks again. It lets
# itself be asked without recursion, but asks a zone's server all the same.
validator_conf() {
  local label
  unbound_conf validator "${LAB_PORTS[dns_validator]}" allow_snoop |
    sed -e 's/module-config: .*/module-config: "subnetcache validator iterator"/'
  cat <<CONF
server:
$(loopback '  interface: ' "@${LAB_PORTS[dns_tls]}")
$(loopback '  interface: ' "@${LAB_PORTS[dns_https]}")
  tls-port: ${LAB_PORTS[dns_tls]}
  https-port: ${LAB_PORTS[dns_https]}
  tls-service-pem: "$LAB_DIR/pki/db.pem"
  tls-service-key: "$LAB_DIR/pki/private/db.key"
  trust-anchor-file: "$LAB_DIR/signed/anchors"
  ede: yes
  send-client-subnet: 127.0.0.1
  client-subnet-always-forward: yes
  serve-expired: yes
  # Briefly, so that only a name with a TTL of a second is likely to be met.
  serve-expired-ttl: 5
  ede-serve-expired: yes
stub-zone:
  name: "geo.$LAB_ZONE"
  stub-addr: 127.0.0.1@${LAB_PORTS[dns_regional]}
CONF
  while read -r label _; do
    printf 'stub-zone:\n  name: "%s.%s"\n  stub-addr: 127.0.0.1@%s\n' \
      "$label" "$LAB_ZONE" "${LAB_PORTS[dns_auth]}"
  done < <(signed_zones)
  ask_nsd
}

# gdnsd reads "/24" as the network a client's subnet must be in.
regional_conf() {
  cat <<CONF
options => {
  udp_threads => 1, tcp_threads => 1,
  listen => [ $(loopback_list "${LAB_PORTS[dns_regional]}") ]
  run_dir => $LAB_DIR/regional/run
  state_dir => $LAB_DIR/regional/state
}
plugins => { geoip => {
  maps => { regions => {
    datacenters => [home, east]
    nets => { 203.0.113.0/24 => [east] }
  } }
  resources => { where => {
    map => regions, service_types => up
    dcmap => { home => 192.0.2.1, east => 192.0.2.86 }
  } }
} }
CONF
}

# A resolver that answers from its cache alone when asked without recursion, as BIND does.
bind_conf() {
  cat <<CONF
options {
  directory "$LAB_DIR/bind";
  pid-file "$LAB_DIR/bind/named.pid";
  session-keyfile "$LAB_DIR/bind/session.key";
  managed-keys-directory "$LAB_DIR/bind";
  listen-on port ${LAB_PORTS[dns_bind]} { 127.0.0.1; };
  listen-on-v6 { none; };
  allow-query { 127.0.0.0/8; };
  recursion yes;
  dnssec-validation no;
  max-cache-size 4m;
  // Nothing ever leaves this machine: all names go to the one server that knows ours.
  forward only;
  forwarders { 127.0.0.1 port ${LAB_PORTS[dns_auth]}; };
};
controls { };
CONF
}

loopback_list() {
  printf '"127.0.0.1:%s"' "$1"
  if [ -n "$IPV6" ]; then printf ', "[::1]:%s"' "$1"; fi
}

regional_zone() {
  cat <<ZONE
@ 120 SOA ns1.$LAB_ZONE. hostmaster.$LAB_ZONE. 1 3600 600 604800 120
@ 300 NS ns1.$LAB_ZONE.
@ 300 NS ns2.$LAB_ZONE.
play 60 DYNA geoip!where
ZONE
}

# Beside the plain servers, and before them: nsd reads the signed zones.
dns_cases_prepare() {
  mkdir -p "$LAB_DIR/signed"
  logged sign-zones sign_zones
}

dns_cases_up() {
  local part
  for part in secondary bind regional regional/run regional/state; do server_dir "$part"; done
  old_zone <"$LAB_DIR/nsd/zone" >"$LAB_DIR/secondary/zone"
  secondary_conf >"$LAB_DIR/secondary/nsd.conf"
  start secondary "$LAB_DIR/secondary" nsd -d -c "$LAB_DIR/secondary/nsd.conf"
  mkdir -p "$LAB_DIR/regional/etc/zones"
  regional_conf >"$LAB_DIR/regional/etc/config"
  regional_zone >"$LAB_DIR/regional/etc/zones/geo.$LAB_ZONE"
  start regional "$LAB_DIR/regional" gdnsd -c "$LAB_DIR/regional/etc" start
  bind_conf >"$LAB_DIR/bind/named.conf"
  start bind "$LAB_DIR/bind" named -f -n 1 -U 1 -c "$LAB_DIR/bind/named.conf"
  wait_for secondary dig_shows "${LAB_PORTS[dns_secondary]}" match A 192.0.2.66
  wait_for regional dig_shows "${LAB_PORTS[dns_regional]}" play.geo A 192.0.2.1
  wait_for bind dig_shows "${LAB_PORTS[dns_bind]}" canary A 192.0.2.90
}

# Needs the certificates and the other servers.
validator_up() {
  server_dir validator
  validator_conf >"$LAB_DIR/validator/unbound.conf"
  start validator "$LAB_DIR/validator" unbound -d -c "$LAB_DIR/validator/unbound.conf"
  wait_for validator dig_shows "${LAB_PORTS[dns_validator]}" www.signed A 192.0.2.70
}
