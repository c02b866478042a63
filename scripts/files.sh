#!/usr/bin/env bash
# Lists the files of the project whose name matches a pattern, without what is
# built or ignored:
#
#   scripts/files.sh '*_test.go'
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
	git ls-files --cached --others --exclude-standard -- "$1" | while read -r file; do
		[[ ! -e $file ]] || echo "$file"
	done
else # an unpacked archive
	find . \( -path ./bin -o -path ./demo \) -prune -o -type f -name "$1" -print | sed 's|^\./||' | sort
fi
