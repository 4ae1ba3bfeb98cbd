# shellcheck shell=bash
# Which port each server listens on, and the files that tell the others.

# The default lab asks for these, so that commands can be copied out of the manual; any that is
# taken is replaced by a free one. A second lab takes free ones throughout. `closed` is a port on
# which nobody listens, for what must be refused.
preferred_ports() {
  cat <<'TABLE'
dns_auth         17053
dns_resolver     17054
dns_old_resolver 17055
dns_secondary    17056
dns_regional     17057
dns_validator    17058
dns_tls          17059
dns_https        17060
dns_bind         17061
http             17080
ocsp             17081
https            17443
pg               17432
pgfull           17433
pgbouncer        17434
pgstarting       17435
mysql            17306
redis            17379
redis_tls        17380
replica          17381
sentinel         17382
redis_a          17383
redis_b          17384
redis_c          17385
bus_a            17386
bus_b            17387
bus_c            17388
alertmanager_a   17093
alertmanager_b   17094
gossip_a         17095
gossip_b         17096
prometheus       17090
acme             17444
acme_known       17445
acme_http        17082
ntp              17123
ntp_fast         17124
ntp_lost         17125
closed           17099
TABLE
}

# Every port on loopback that somebody listens on (TCP, state 0A) or receives on (UDP), one a
# line. A closed connection that the kernel still remembers does not keep a server from binding.
ports_in_use() {
  local local_address state file
  for file in tcp tcp6 udp udp6; do
    [ -r "/proc/net/$file" ] || continue
    while read -r _ local_address _ state _; do
      case $file-$state in
      tcp*-0A | udp*-07) echo $((16#${local_address##*:})) ;;
      esac
    done <"/proc/net/$file"
  done
}

# Below 32768, where the kernel starts to hand out ports to clients: a port chosen there could be
# gone between the choice and the bind.
ports_choose() {
  local used name port
  declare -gA LAB_PORTS=()
  used=" $(ports_in_use | tr '\n' ' ') "
  while read -r name port; do
    if [ -z "$LAB_DEFAULT" ] || [[ $used == *" $port "* ]]; then
      while
        port=$((18000 + RANDOM % 14000))
        [[ $used == *" $port "* ]]
      do :; done
    fi
    LAB_PORTS[$name]=$port
    used+="$port "
  done < <(preferred_ports)
  IPV6=
  if grep -q '^0\{31\}1 ' /proc/net/if_inet6 2>/dev/null; then IPV6=yes; fi
}

# The addresses to bind, each with the given words around it.
loopback() {
  printf '%s127.0.0.1%s\n' "$1" "${2-}"
  if [ -n "$IPV6" ]; then printf '%s::1%s\n' "$1" "${2-}"; fi
}

ports_publish() {
  local name
  {
    echo "LAB_DIR=$LAB_DIR"
    echo "LAB_ZONE=$LAB_ZONE"
    for name in dns_auth dns_resolver dns_old_resolver dns_secondary dns_regional dns_validator \
      dns_tls dns_https dns_bind http https pg pgfull pgbouncer pgstarting mysql redis redis_tls replica \
      sentinel redis_a redis_b redis_c ntp ntp_fast ntp_lost acme acme_known \
      acme_http closed; do
      echo "LAB_${name^^}=127.0.0.1:${LAB_PORTS[$name]}"
      echo "LAB_${name^^}_PORT=${LAB_PORTS[$name]}"
    done
    if [ -n "$IPV6" ]; then
      for name in dns_auth dns_resolver dns_old_resolver http https pg pgbouncer mysql redis; do
        echo "LAB_${name^^}6=[::1]:${LAB_PORTS[$name]}"
      done
    fi
    echo "LAB_HTTP_URL=http://127.0.0.1:${LAB_PORTS[http]}"
    echo "LAB_OCSP_URL=$(ocsp_url)"
    echo "LAB_CRL_URL=$(crl_url)"
    for name in alertmanager_a alertmanager_b prometheus; do
      echo "LAB_${name^^}=http://127.0.0.1:${LAB_PORTS[$name]}"
    done
    echo "LAB_ACME_DIRECTORY=https://127.0.0.1:${LAB_PORTS[acme]}/dir"
    echo "LAB_ACME_KNOWN_DIRECTORY=https://127.0.0.1:${LAB_PORTS[acme_known]}/dir"
    echo "LAB_WEBROOT=$LAB_DIR/nginx/webroot"
    echo "LAB_CA=$LAB_DIR/pki/root.pem"
    echo "LAB_PKI=$LAB_DIR/pki"
    echo "LAB_SECRETS=$LAB_DIR/secrets"
    echo "LAB_PG_SOCKET_DIR=$LAB_DIR/postgres"
    echo "LAB_PGFULL_SOCKET_DIR=$LAB_DIR/pgfull"
    echo 'LAB_PG_DATABASE=game'
    echo "LAB_MYSQL_SOCKET=$LAB_DIR/mariadb/mysql.sock"
  } >"$LAB_DIR/lab.env"
  # The same for a checklist: lab.env's keys without the prefix, in lower case. Quoted, since
  # [::1]:53 would be a list, and a port is a string to the place it is filled into.
  while IFS='=' read -r name value; do
    name=${name#LAB_}
    # The one key that checklists know by another name: `dir` says too little there.
    [ "$name" != DIR ] || name=LAB
    echo "${name,,}: \"$value\""
  done <"$LAB_DIR/lab.env" >"$LAB_DIR/vars.yaml"
}
