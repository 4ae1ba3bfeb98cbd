# shellcheck shell=bash
# A root, an intermediate, its OCSP signer, and one certificate for each state a server can be in.
#
#   pki/root.pem                 what to trust            pki/intermediate.pem
#   pki/NAME.pem  NAME.leaf.pem  chain as served, leaf    pki/private/NAME.key
#   pki/ocsp/STATE.der           OCSP answers             pki/intermediate.crl

# name: the SNI name, and the SAN unless `san` says otherwise · key · its life, relative to now ·
# revocation: where it says to ask (ocsp, crl, must = OCSP with must-staple) · san · what is
# stapled: a file of pki/ocsp, `live` (nginx asks the responder itself), `off` · what is sent.
# Every row has one fault at most: what its name says.
certificates() {
  cat <<'TABLE'
login          ec  -30d  +60d  ocsp  login          good          full
expiring       ec  -88d  +48h  ocsp  expiring       good          full
expired        ec  -93d  -3d   ocsp  expired        good          full
notyet         ec  +1d   +91d  ocsp  notyet         good          full
overdue        ec  -70d  +20d  ocsp  overdue        good          full
short          ec  -60h  +100h none  short          off           full
wrongname      ec  -30d  +60d  ocsp  other          good          full
nointermediate ec  -30d  +60d  ocsp  nointermediate good          leaf
stapled        ec  -30d  +60d  ocsp  stapled        live          full
nostaple       ec  -30d  +60d  ocsp  nostaple       off           full
muststaple     ec  -30d  +60d  must  muststaple     off           full
stalestaple    ec  -30d  +60d  ocsp  stalestaple    stale         full
unknownstaple  ec  -30d  +60d  ocsp  unknownstaple  unknown       full
otherstaple    ec  -30d  +60d  ocsp  otherstaple    other         full
revoked        ec  -30d  +60d  ocsp  revoked        revoked       full
noocsp         ec  -30d  +60d  crl   noocsp         off           full
crlrevoked     ec  -30d  +60d  crl   crlrevoked     off           full
rsa            rsa -30d  +60d  ocsp  rsa            good          full
dual-rsa       rsa -30d  +60d  ocsp  dual           live          full
dual-ecdsa     ec  -30d  +60d  ocsp  dual           live          full
db             ec  -30d  +60d  crl   db             off           full
TABLE
}

# The names a server is reached by: the two halves of `dual` share one.
tls_names() { certificates | sed 's/ .*//; s/-\(rsa\|ecdsa\)$//' | uniq; }

ocsp_url() { echo "http://127.0.0.1:${LAB_PORTS[ocsp]}/"; }
crl_url() { echo "http://127.0.0.1:${LAB_PORTS[http]}/crl/intermediate.crl"; }

# An offset such as -30d or +48h as the time `openssl ca` reads.
moment() {
  local amount=${1%[dh]} unit=3600
  [ "${1: -1}" = h ] || unit=86400
  date -u -d "@$(($(date +%s) + amount * unit))" +%Y%m%d%H%M%SZ
}

ca_conf() {
  cat <<CONF
[$1]
database = $PKI/ca/$1.index
certificate = $PKI/$1.pem
private_key = $PKI/private/$1.key
new_certs_dir = $PKI/ca
rand_serial = yes
unique_subject = no
default_md = sha256
default_crl_days = 7
policy = any
[any]
commonName = supplied
CONF
}

# The extensions of a certificate, by what it is for: root, intermediate, ocsp-signer, or for a
# server one of ocsp, must, crl, none.
extensions() {
  case $1 in
  root | intermediate)
    echo "basicConstraints = critical, CA:TRUE$([ "$1" = root ] || echo ', pathlen:0')"
    echo 'keyUsage = critical, keyCertSign, cRLSign'
    ;;
  ocsp-signer)
    echo 'basicConstraints = critical, CA:FALSE'
    echo 'keyUsage = critical, digitalSignature'
    # Only with this purpose does a delegate's answer count (RFC 6960 section 4.2.2.2); noCheck
    # spares the client from asking whether the delegate itself is revoked.
    echo 'extendedKeyUsage = OCSPSigning'
    echo 'noCheck = ignored'
    ;;
  *)
    echo 'basicConstraints = critical, CA:FALSE'
    echo 'keyUsage = critical, digitalSignature'
    echo 'extendedKeyUsage = serverAuth'
    ;;
  esac
  echo 'subjectKeyIdentifier = hash'
  [ "$1" = root ] || echo 'authorityKeyIdentifier = keyid'
  case $1 in
  ocsp | must) echo "authorityInfoAccess = OCSP;URI:$(ocsp_url)" ;;
  crl) echo "crlDistributionPoints = URI:$(crl_url)" ;;
  esac
  if [ "$1" = must ]; then echo 'tlsfeature = status_request'; fi
}

key() {
  case $2 in
  ec) openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 ;;
  rsa) openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 ;;
  esac >"$PKI/private/$1.key"
  chmod 600 "$PKI/private/$1.key"
}

# issue CA NAME FROM TO: signs a certificate for the key NAME with the extensions on stdin.
issue() {
  local ca=$1 name=$2 from=$3 to=$4
  cat >"$PKI/ca/$name.ext"
  # The intermediate's certificate is read by the CA section even where the root signs itself.
  local -a sign=(-config "$PKI/ca/$ca.cnf" -name "$ca")
  if [ "$ca" = "$name" ]; then sign+=(-selfsign -keyfile "$PKI/private/$ca.key"); fi
  openssl req -new -config "$PKI/ca/$ca.cnf" -key "$PKI/private/$name.key" \
    -subj "/CN=${5:-$name.$LAB_ZONE}" -out "$PKI/ca/$name.csr"
  openssl ca "${sign[@]}" -batch -notext -in "$PKI/ca/$name.csr" -extfile "$PKI/ca/$name.ext" \
    -startdate "$(moment "$from")" -enddate "$(moment "$to")" -out "$PKI/$name.leaf.pem"
}

authorities() {
  local ca
  for ca in root intermediate; do
    : >"$PKI/ca/$ca.index"
    { ca_conf "$ca"; printf '[req]\ndistinguished_name = any\n'; } >"$PKI/ca/$ca.cnf"
    key "$ca" ec
  done
  key ocsp-signer ec
  extensions root | issue root root -400d +3000d 'gonogo lab root'
  mv "$PKI/root.leaf.pem" "$PKI/root.pem"
  extensions intermediate | issue root intermediate -200d +1500d 'gonogo lab intermediate'
  mv "$PKI/intermediate.leaf.pem" "$PKI/intermediate.pem"
  # Old enough to have signed the answers that are out of date.
  extensions ocsp-signer | issue intermediate ocsp-signer -100d +100d 'gonogo lab OCSP'
}

server_certificates() {
  local name kind from to where san chain _
  while read -r name kind from to where san _ chain; do
    key "$name" "$kind"
    {
      extensions "$where"
      # The database is reached by address, the others by name.
      case $name in
      db) echo "subjectAltName = DNS:db.$LAB_ZONE, DNS:localhost, IP:127.0.0.1, IP:::1" ;;
      *) echo "subjectAltName = DNS:$san.$LAB_ZONE" ;;
      esac
    } | issue intermediate "$name" "$from" "$to" "$san.$LAB_ZONE"
    case $chain in
    full) cat "$PKI/$name.leaf.pem" "$PKI/intermediate.pem" >"$PKI/$name.pem" ;;
    leaf) cp "$PKI/$name.leaf.pem" "$PKI/$name.pem" ;;
    esac
  done < <(certificates)
  for name in revoked crlrevoked; do
    openssl ca -config "$PKI/ca/intermediate.cnf" -name intermediate \
      -revoke "$PKI/$name.leaf.pem" -crl_reason keyCompromise
  done
  openssl ca -config "$PKI/ca/intermediate.cnf" -name intermediate -gencrl |
    openssl crl -outform DER -out "$PKI/intermediate.crl"
}

pki_steps() {
  authorities
  server_certificates
  ocsp_answers
}

pki_up() {
  mkdir -p "$PKI/ca" "$PKI/private" "$PKI/ocsp"
  chmod 700 "$PKI/private"
  logged pki pki_steps
  give "$PKI/private" "$PKI/ca"
}
