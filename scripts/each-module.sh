#!/usr/bin/env bash
# Runs a command in every Go module of the tree but the root's:
#
#   scripts/each-module.sh go test ./...
#
# Modules of their own keep what only tests need out of the product's go.mod.
# Those in scripts/tools only pin programs and have no packages.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

modules=$(scripts/files.sh '*go.mod')
for module in $modules; do
	[[ $module != go.mod && $module != scripts/tools/* ]] || continue
	dir=$(dirname "$module")
	echo "$dir: $*"
	(cd "$dir" && GOWORK=off "$@")
done
