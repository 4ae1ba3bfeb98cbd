# shellcheck shell=bash
# Redis: a primary with a replica and a Sentinel that watches them, and a cluster of three nodes.

REDIS_NODES='a b c'

# What every server has. Nothing here survives the lab, so nothing is written.
redis_conf() {
  local name=$1
  cat <<CONF
bind 127.0.0.1$([ -z "$IPV6" ] || echo ' ::1')
port ${LAB_PORTS[$name]}
dir $LAB_DIR/$name
save ""
maxclients 100
maxmemory 32mb
maxmemory-policy noeviction
io-threads 1
CONF
}

# `gonogo` may do what the check's manual asks for, and nothing else; `blind` not even that.
redis_users() {
  cat <<CONF
requirepass $(<"$LAB_DIR/secrets/redis")
masterauth $(<"$LAB_DIR/secrets/redis")
user gonogo on >$(<"$LAB_DIR/secrets/gonogo") -@all +ping +info +select +slowlog|get +cluster|info +cluster|nodes +config|get +randomkey +object|freq ~*
user blind on >$(<"$LAB_DIR/secrets/plain") -@all +ping
CONF
}

redis_tls() {
  cat <<CONF
tls-port ${LAB_PORTS[redis_tls]}
tls-cert-file $LAB_DIR/pki/db.pem
tls-key-file $LAB_DIR/pki/private/db.key
tls-auth-clients no
CONF
}

sentinel_conf() {
  cat <<CONF
bind 127.0.0.1$([ -z "$IPV6" ] || echo ' ::1')
port ${LAB_PORTS[sentinel]}
dir $LAB_DIR/sentinel
sentinel monitor game 127.0.0.1 ${LAB_PORTS[redis]} 1
sentinel auth-pass game $(<"$LAB_DIR/secrets/redis")
# A test that stops a server must not find it somewhere else afterwards.
sentinel down-after-milliseconds game 60000
CONF
}

cluster_conf() {
  cat <<CONF
cluster-enabled yes
cluster-config-file $LAB_DIR/redis_$1/nodes.conf
cluster-port ${LAB_PORTS[bus_$1]}
cluster-node-timeout 5000
CONF
}

redis_prepare() {
  local node
  secret redis
  for node in redis replica sentinel redis_a redis_b redis_c; do server_dir "$node"; done
  (
    umask 077
    { redis_conf redis && redis_users && redis_tls; } >"$LAB_DIR/redis/redis.conf"
    { redis_conf replica && redis_users &&
      echo "replicaof 127.0.0.1 ${LAB_PORTS[redis]}"; } >"$LAB_DIR/replica/redis.conf"
    sentinel_conf >"$LAB_DIR/sentinel/redis.conf"
    for node in $REDIS_NODES; do
      { redis_conf "redis_$node" && cluster_conf "$node"; } >"$LAB_DIR/redis_$node/redis.conf"
    done
  )
  for node in redis replica sentinel redis_a redis_b redis_c; do give "$LAB_DIR/$node"; done
}

# redis_ask PORT COMMAND…: as whoever may do everything. The error of a reply is not in redis-cli's
# exit code unless it is told to put it there.
redis_ask() {
  local port=$1
  shift
  REDISCLI_AUTH=$(redis_password "$port") timeout 3 redis-cli -e -h 127.0.0.1 -p "$port" "$@"
}

redis_password() {
  case $1 in
  "${LAB_PORTS[redis]}" | "${LAB_PORTS[replica]}") cat "$LAB_DIR/secrets/redis" ;;
  esac
}

redis_says() { redis_ask "$1" "${@:3}" | tr -d '\r' | grep -q -- "$2"; }

# The nodes share the slots; each is told of the first one, and gossip does the rest.
cluster_join() {
  redis_ask "${LAB_PORTS[redis_a]}" CLUSTER ADDSLOTSRANGE 0 5460
  redis_ask "${LAB_PORTS[redis_b]}" CLUSTER ADDSLOTSRANGE 5461 10922
  redis_ask "${LAB_PORTS[redis_c]}" CLUSTER ADDSLOTSRANGE 10923 16383
  local node
  # Two nodes of one epoch would first have to agree on who is the later one.
  for node in $REDIS_NODES; do
    redis_ask "${LAB_PORTS[redis_$node]}" CLUSTER SET-CONFIG-EPOCH "$(printf %d "'$node")"
  done
  for node in b c; do
    redis_ask "${LAB_PORTS[redis_$node]}" CLUSTER MEET 127.0.0.1 "${LAB_PORTS[redis_a]}" \
      "${LAB_PORTS[bus_a]}"
  done
}

redis_up() {
  local node
  redis_prepare
  for node in redis replica redis_a redis_b redis_c; do
    start "$node" "$LAB_DIR/$node" redis-server "$LAB_DIR/$node/redis.conf"
  done
  start sentinel "$LAB_DIR/sentinel" redis-server "$LAB_DIR/sentinel/redis.conf" --sentinel
  for node in redis replica redis_a redis_b redis_c sentinel; do
    wait_for "$node" redis_says "${LAB_PORTS[$node]}" PONG PING
  done
  logged cluster cluster_join
  for node in $REDIS_NODES; do
    wait_for "redis_$node" redis_says "${LAB_PORTS[redis_$node]}" cluster_state:ok CLUSTER INFO
  done
  wait_for replica redis_says "${LAB_PORTS[replica]}" master_link_status:up INFO replication
  wait_for sentinel redis_says "${LAB_PORTS[sentinel]}" usable SENTINEL CKQUORUM game
}
