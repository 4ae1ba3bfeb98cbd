# shellcheck shell=bash
# Prometheus with rules of which three fire, and two Alertmanagers that share what they know.

# Twice HighLatency of one service: one rule is quiet, the other fires. HighErrorRate fires for
# another service and Watchdog always, so that a silence can be seen to hit too little or too much.
rules() {
  cat <<'YAML'
groups:
  - name: order
    rules:
      - alert: HighLatency
        expr: vector(0.1) > 0.5
        labels: { service: order, severity: page, quantile: "0.99" }
        annotations: { summary: The slowest orders take too long }
      - alert: HighLatency
        expr: vector(0.4) > 0.2
        labels: { service: order, severity: ticket, quantile: "0.5" }
        annotations: { summary: The usual order takes too long }
      - alert: PaymentTimeout
        expr: vector(0) > 0
        labels: { service: order, severity: page }
        annotations: { summary: The payment provider does not answer }
  - name: match
    rules:
      - alert: HighErrorRate
        expr: vector(0.07) > 0.05
        labels: { service: match, severity: page }
        annotations: { summary: More than 5 % of the requests fail }
  - name: meta
    rules:
      - alert: Watchdog
        expr: vector(1)
        labels: { severity: none }
        annotations: { summary: Fires always; its silence means that alerting is broken }
YAML
}

prometheus_conf() {
  cat <<CONF
global: { scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s }
rule_files: [$LAB_DIR/prometheus/rules.yml]
alerting:
  alertmanagers:
    - static_configs: [{ targets: ["127.0.0.1:${LAB_PORTS[alertmanager_a]}", "127.0.0.1:${LAB_PORTS[alertmanager_b]}"] }]
scrape_configs:
  - job_name: prometheus
    static_configs: [{ targets: ["127.0.0.1:${LAB_PORTS[prometheus]}"] }]
CONF
}

# A receiver without an address: nobody is paged by the lab.
alertmanager_conf() {
  cat <<'CONF'
route: { receiver: nobody, group_by: [alertname], group_wait: 100ms, group_interval: 1s, repeat_interval: 1h }
receivers: [{ name: nobody }]
CONF
}

# start_alertmanager SELF OTHER. Gossip is made fast, because a cluster counts as settled only
# after several rounds.
start_alertmanager() {
  local dir=$LAB_DIR/alertmanager-$1
  server_dir "alertmanager-$1"
  alertmanager_conf >"$dir/alertmanager.yml"
  start "alertmanager-$1" "$dir" prometheus-alertmanager \
    --config.file="$dir/alertmanager.yml" --storage.path="$dir" \
    --web.listen-address="127.0.0.1:${LAB_PORTS[alertmanager_$1]}" \
    --cluster.listen-address="127.0.0.1:${LAB_PORTS[gossip_$1]}" \
    --cluster.advertise-address="127.0.0.1:${LAB_PORTS[gossip_$1]}" \
    --cluster.peer="127.0.0.1:${LAB_PORTS[gossip_$2]}" \
    --cluster.gossip-interval=50ms --cluster.pushpull-interval=1s \
    --cluster.reconnect-interval=500ms
}

# Joined, and past the time in which notifications are held back.
clustered() {
  local status
  status=$(http_get "127.0.0.1:${LAB_PORTS[alertmanager_$1]}" /api/v2/status)
  [[ $status == *'"status":"ready"'* && $status == *":${LAB_PORTS[gossip_$2]}\""* ]]
}

firing() {
  local alert
  for alert in HighLatency HighErrorRate Watchdog; do
    http_shows "127.0.0.1:${LAB_PORTS[alertmanager_$1]}" /api/v2/alerts "\"alertname\":\"$alert\"" || return 1
  done
}

# Prometheus learns of its Alertmanagers only five seconds after it starts. An alert that fires
# before is lost, and would be sent again after a minute: hence the resend delay.
alerting_up() {
  server_dir prometheus
  rules >"$LAB_DIR/prometheus/rules.yml"
  prometheus_conf >"$LAB_DIR/prometheus/prometheus.yml"
  start_alertmanager a b
  start_alertmanager b a
  start prometheus "$LAB_DIR/prometheus" prometheus \
    --config.file="$LAB_DIR/prometheus/prometheus.yml" \
    --storage.tsdb.path="$LAB_DIR/prometheus/data" --storage.tsdb.retention.time=1h \
    --rules.alert.resend-delay=1s \
    --web.listen-address="127.0.0.1:${LAB_PORTS[prometheus]}"
  wait_for alertmanager-a clustered a b
  wait_for alertmanager-b clustered b a
  wait_for alertmanager-a firing a
  wait_for alertmanager-b firing b
}
