# shellcheck shell=bash
# One nginx: a plain port for the HTTP checks, and a TLS port that shows another certificate for
# each server name.

web_locations() {
  cat <<'CONF'
    location = /healthz {
      default_type application/json;
      add_header X-Release 1.2.0 always;
      return 200 '{"status":"ok","version":"1.2.0"}\n';
    }
    # The node that the release has not reached.
    location = /old {
      default_type application/json;
      add_header X-Release 1.1.9 always;
      return 200 '{"status":"ok","version":"1.1.9"}\n';
    }
    location = /error { return 500 'something is wrong\n'; }
    location = /moved { return 302 /healthz; }
    location = /big { }
    # Begins at once, and then takes two minutes: half a kilobyte a second.
    location = /slow { limit_rate 512; }
    location / { return 404 'no such page\n'; }
CONF
}

# tls_server NAME STAPLE ADDRESS CERTIFICATE…: ADDRESS is one of its own, or `-` for the usual ones.
tls_server() {
  local name=$1 staple=$2 address=$3 certificate
  shift 3
  echo '  server {'
  if [ "$address" = - ]; then
    loopback '    listen ' ":${LAB_PORTS[https]} ssl http2;" | sed 's/ ::1:/ [::1]:/'
  else
    echo "    listen $address:${LAB_PORTS[https]} ssl http2;"
  fi
  case $name in
  # As many endpoints as a load test asks for.
  many) echo "    server_name *.many.$LAB_ZONE;" ;;
  *) echo "    server_name $name.$LAB_ZONE;" ;;
  esac
  # What an address offers is decided by its first server.
  case $name in
  tls12) echo '    ssl_protocols TLSv1.2;' ;;
  # Today's OpenSSL speaks the old versions only where it is told to care for nothing.
  oldtls)
    echo '    ssl_protocols TLSv1 TLSv1.1 TLSv1.2;'
    echo '    ssl_ciphers ALL:@SECLEVEL=0;'
    ;;
  earlydata) echo '    ssl_early_data on;' ;;
  esac
  for certificate in "$@"; do
    echo "    ssl_certificate $LAB_DIR/pki/$certificate.pem;"
    echo "    ssl_certificate_key $LAB_DIR/pki/private/$certificate.key;"
  done
  case $staple in
  off) ;;
  # nginx asks the responder itself, but only after the first handshake has gone out without.
  live) echo '    ssl_stapling on;' ;;
  good) staple=good-$name ;;&
  *) printf '    ssl_stapling on;\n    ssl_stapling_file %s;\n' "$LAB_DIR/pki/ocsp/$staple.der" ;;
  esac
  web_locations
  echo '  }'
}

# The nodes of `fleet` are 127.0.0.1 and 127.0.0.2; `tls12` is 127.0.0.3, `oldtls` 127.0.0.5,
# `earlydata` 127.0.0.6, and who asks for no name at 127.0.0.4 meets `ipsan`.
tls_servers() {
  local name staple _
  while read -r name _ _ _ _ _ staple _; do
    case $name in
    db | dual-rsa | staples | latestaple) ;;
    dual-ecdsa) tls_server dual "$staple" - dual-rsa dual-ecdsa ;;
    fleet-old) tls_server fleet "$staple" 127.0.0.2 fleet-old ;;
    tls12) tls_server tls12 "$staple" 127.0.0.3 tls12 ;;
    oldtls) tls_server oldtls "$staple" 127.0.0.5 oldtls ;;
    earlydata) tls_server earlydata "$staple" 127.0.0.6 earlydata ;;
    ipsan) tls_server ipsan "$staple" 127.0.0.4 ipsan ;;
    *) tls_server "$name" "$staple" - "$name" ;;
    esac
  done < <(certificates)
  while read -r name; do tls_server "$name.staple" "$name" - staples; done < <(staples)
}

nginx_conf() {
  local web=$LAB_DIR/nginx kind
  cat <<CONF
daemon off;
worker_processes 1;
pid $web/nginx.pid;
error_log $web/error.log notice;
events { worker_connections 256; }
http {
  access_log $web/access.log;
  # Distribution defaults lie under /var/lib, which is root's.
$(for kind in client_body proxy fastcgi uwsgi scgi; do echo "  ${kind}_temp_path $web/$kind;"; done)
  root $web/root;
  # So that a redirect does not depend on how the server was addressed.
  absolute_redirect off;
  server_names_hash_bucket_size 128;
  ssl_protocols TLSv1.2 TLSv1.3;
  ssl_session_cache shared:lab:1m;
  # The issuer, for those who do not send it.
  ssl_trusted_certificate $LAB_DIR/pki/intermediate.pem;
  server {
$(loopback '    listen ' ":${LAB_PORTS[http]};" | sed 's/ ::1:/ [::1]:/')
    location /crl/ { alias $LAB_DIR/pki/; types { application/pkix-crl crl; } }
$(web_locations)
  }
  # Where an authority looks for the file of a challenge: see acme.sh.
  server {
    listen 127.0.0.20:${LAB_PORTS[acme_http]};
    root $web/webroot;
  }
$(tls_servers)
}
CONF
}

nginx_up() {
  server_dir nginx
  mkdir "$LAB_DIR/nginx/root" "$LAB_DIR/nginx/webroot"
  # Sparse: 20 MB that take no room.
  truncate -s 20M "$LAB_DIR/nginx/root/big"
  truncate -s 64K "$LAB_DIR/nginx/root/slow"
  nginx_conf >"$LAB_DIR/nginx/nginx.conf"
  give "$LAB_DIR/nginx"
  local -a early=()
  # Since 1.19.5; without it nginx first tries the distribution's log and complains.
  if nginx -h 2>&1 | grep -q -- '-e '; then early=(-e "$LAB_DIR/nginx/error.log"); fi
  start nginx "$LAB_DIR/nginx" nginx -p "$LAB_DIR/nginx" "${early[@]}" -c "$LAB_DIR/nginx/nginx.conf"
  wait_for nginx http_shows "127.0.0.1:${LAB_PORTS[http]}" /healthz '"version":"1.2.0"'
  wait_for nginx tcp_open 127.0.0.1 "${LAB_PORTS[https]}"
}
