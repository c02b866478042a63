#!/usr/bin/env bash
# Runs the benchmarks, the long ones once, and puts what the project promises
# beside what was measured. It judges nothing:
#
#   SIDEMIRROR_BENCH_PODS=5000 scripts/bench.sh FirstSync
#
# What the benchmarks print stays in bin/bench.txt.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
bench=${1:-.}
long='^Benchmark(FirstSync|FirstSyncWithClients|FirstSyncScraped|PeakMemory)$'
out=bin/bench.txt
mkdir -p bin

machine() { echo "$1: load average$(uptime | sed 's/.*load average//')"; }

{
	echo "cores: $(getconf _NPROCESSORS_ONLN), $(go env GOVERSION GOOS GOARCH | paste -sd" ")"
	machine begin
	go test -run '^$' -bench "$bench" -skip "$long" -benchmem ./...
	# The long ones have one name each, that a pattern with a slash begins with.
	wanted=$(go test -list "${bench%%/*}" ./cmd/sidemirror)
	if grep -qE "$long" <<<"$wanted"; then
		pattern=$(grep -E "$long" <<<"$wanted" | paste -sd'|')
		[[ $bench != */* ]] || pattern=$bench
		go test -run '^$' -bench "$pattern" -benchtime 1x -timeout 2h ./cmd/sidemirror
	fi
	machine end
} | tee "$out"
echo
awk -f scripts/bench.awk "$out"
