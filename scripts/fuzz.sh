#!/usr/bin/env bash
# Fuzzes every target of the root module for a given time, one after the other:
#
#   scripts/fuzz.sh 10s
#
# What it finds goes to testdata/fuzz of the package, and is to be committed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
time=${1:-10s}

files=$(scripts/files.sh '*_test.go')
for file in $files; do
	for target in $(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$file"); do
		echo "$(dirname "$file"): $target"
		go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" "./$(dirname "$file")"
	done
done
