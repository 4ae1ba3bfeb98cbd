# shellcheck shell=bash
# An authority for tests that speaks ACME (RFC 8555): Pebble. It looks at challenges on a port where
# nothing of the lab listens, but nginx at one address: whoever orders there has to answer.

# The names order1 to order9 and `webroot` have an address each, so that orders do not disturb one
# another: 127.0.0.11 to 127.0.0.19, and 127.0.0.20, where nginx serves files.
acme_names() {
  local number
  for number in {1..9}; do echo "order$number IN A 127.0.0.1$number"; done
  echo 'webroot IN A 127.0.0.20'
  # Nobody may order where this leads: not all of it is this machine.
  printf 'half-private IN A %s\n' 127.0.0.1 192.0.2.1
}

acme_conf() {
  cat <<CONF
{
  "pebble": {
    "listenAddress": "127.0.0.1:${LAB_PORTS[$1]}",
    "managementListenAddress": "",
    "certificate": "$PKI/db.pem",
    "privateKey": "$PKI/private/db.key",
    "httpPort": ${LAB_PORTS[acme_http]},
    "tlsPort": ${LAB_PORTS[closed]},
    "ocspResponderURL": "",
    "externalAccountBindingRequired": $2
  }
}
CONF
}

# start_authority NAME EXTERNAL: refuses every third nonce, as Pebble does to those who do not try
# again; EXTERNAL says whether an account has to be known beforehand.
start_authority() {
  server_dir "$1"
  acme_conf "$1" "$2" >"$LAB_DIR/$1/pebble.json"
  give "$LAB_DIR/$1"
  start "$1" "$LAB_DIR/$1" env PEBBLE_VA_NOSLEEP=1 PEBBLE_WFE_NONCEREJECT=33 \
    pebble -config "$LAB_DIR/$1/pebble.json" -dnsserver "127.0.0.1:${LAB_PORTS[dns_auth]}"
}

acme_up() {
  start_authority acme false
  start_authority acme_known true
  wait_for acme tcp_open 127.0.0.1 "${LAB_PORTS[acme]}"
  wait_for acme_known tcp_open 127.0.0.1 "${LAB_PORTS[acme_known]}"
}
