#!/usr/bin/env bash
# The demo, with a Prometheus that scrapes its Sidemirror and a Jaeger that gets its
# traces, until Ctrl-C. All of it listens on loopback only.
#
#   DEMO_PROMETHEUS  where Prometheus listens (127.0.0.1:9090)
#   DEMO_JAEGER      where Jaeger's queries are answered (127.0.0.1:16686)
#   DEMO_OTLP        where Jaeger takes traces, OTLP over HTTP (127.0.0.1:4318)
#
# and what scripts/demo.sh takes. The rules in alerts/ are loaded if there are any.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

listen=${DEMO_LISTEN:-127.0.0.1:8080}
dir=${DEMO_DIR:-demo}
prometheus_at=${DEMO_PROMETHEUS:-127.0.0.1:9090}
jaeger_at=${DEMO_JAEGER:-127.0.0.1:16686}
otlp_at=${DEMO_OTLP:-127.0.0.1:4318}

demo='' prometheus='' jaeger=''

alive() { [[ -n $1 ]] && kill -0 "$1" 2>/dev/null; }

# end asks one process to end, waits for it, and insists after half a minute, which
# the demo needs for its own.
end() {
	local pid=$1 i
	[[ -n $pid ]] || return 0
	kill -TERM "$pid" 2>/dev/null || true
	for ((i = 0; i < 300; i++)); do
		alive "$pid" || break
		sleep 0.1
	done
	kill -KILL "$pid" 2>/dev/null || true
	wait "$pid" 2>/dev/null || true
}

# finish ends Sidemirror first: it hands its last traces to Jaeger.
finish() {
	local code=$?
	trap '' INT TERM HUP
	trap - EXIT
	end "$demo"
	end "$prometheus"
	end "$jaeger"
	exit "$code"
}
trap finish EXIT
trap 'exit 0' INT TERM HUP

broken() {
	echo "demo: $1; the end of $2:" >&2
	tail -n 15 "$2" >&2 || true
	exit 1
}

# await waits until a process listens on an address, or has ended.
await() {
	local pid=$1 address=$2 i
	for ((i = 0; i < 300; i++)); do
		alive "$pid" || return 1
		(exec 9<>"/dev/tcp/${address%:*}/${address##*:}") 2>/dev/null && return 0
		sleep 0.1
	done
	return 1
}

for binary in prometheus jaeger; do
	[[ -x bin/$binary ]] || { echo "demo: bin/$binary isn't there; run make demo-observability" >&2; exit 1; }
done
mkdir -p "$dir"

# Each child gets a process group of its own, so that Ctrl-C reaches this script
# alone, and finish ends the others in order.
set -m

echo "starting Jaeger"
bin/jaeger --query.http-server.host-port="$jaeger_at" --query.grpc-server.host-port=127.0.0.1:0 \
	--collector.otlp.enabled=true --collector.otlp.http.host-port="$otlp_at" --collector.otlp.grpc.host-port=127.0.0.1:0 \
	--collector.grpc-server.host-port=127.0.0.1:0 --collector.http-server.host-port=127.0.0.1:0 \
	--admin.http.host-port=127.0.0.1:0 --query.enable-tracing=false --memory.max-traces=5000 --log-level=error \
	>"$dir/jaeger.log" 2>&1 &
jaeger=$!
await "$jaeger" "$jaeger_at" || broken "Jaeger didn't start" "$dir/jaeger.log"

echo "starting Prometheus"
cat >"$dir/prometheus.yml" <<END
global: {scrape_interval: 5s, evaluation_interval: 5s}
rule_files: ["$PWD/alerts/*.rules.yaml"]
scrape_configs:
  - job_name: sidemirror
    static_configs: [{targets: ["$listen"]}]
END
bin/prometheus --config.file="$dir/prometheus.yml" --storage.tsdb.path="$dir/prometheus" \
	--web.listen-address="$prometheus_at" --enable-feature=exemplar-storage --log.level=warn \
	>"$dir/prometheus.log" 2>&1 &
prometheus=$!
await "$prometheus" "$prometheus_at" || broken "Prometheus didn't start" "$dir/prometheus.log"

cat <<END

Prometheus   http://$prometheus_at/api/v1/
alerts       http://$prometheus_at/api/v1/alerts
traces       http://$jaeger_at/api/traces?service=sidemirror
logs         $dir/prometheus.log, $dir/jaeger.log

Both are built without their pages. A Grafana on this machine shows all of it:
add the two as data sources and import dashboards/*.json.

END

OTEL_EXPORTER_OTLP_ENDPOINT=http://$otlp_at OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf scripts/demo.sh &
demo=$!

# The sleep is a child that is waited for, so that a signal is heard at once.
while alive "$demo"; do
	alive "$prometheus" || broken "Prometheus ended" "$dir/prometheus.log"
	alive "$jaeger" || broken "Jaeger ended" "$dir/jaeger.log"
	sleep 1 &
	wait $! || true
done
wait "$demo"
