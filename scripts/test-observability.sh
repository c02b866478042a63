#!/usr/bin/env bash
# Runs the tests that need a real Prometheus, Alertmanager or Jaeger, of every
# module: the tests of each file that names the variable of such a program.
#
#   SIDEMIRROR_PROMETHEUS=$PWD/bin/prometheus scripts/test-observability.sh -v
#
# Its arguments are go test's. `make test-observability` sets all the variables.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

files=$(scripts/files.sh '*_test.go' | xargs grep -lE '"SIDEMIRROR_(PROMETHEUS|PROMTOOL|ALERTMANAGER|JAEGER)"' || true)
for dir in $(for file in $files; do dirname "$file"; done | sort -u); do
	own=$(grep "^$dir/[^/]*$" <<<"$files")
	# shellcheck disable=SC2086 # a list of files
	names=$(sed -nE 's/^func (Test[A-Za-z0-9_]+)\(t \*testing\.T\).*/\1/p' $own | sort -u | paste -sd'|')
	[[ -n $names ]] || continue
	echo "$dir: $names"
	(cd "$dir" && GOWORK=off go test -run "^($names)\$" "$@" .)
done
