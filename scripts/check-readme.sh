#!/usr/bin/env bash
# Runs the commands of a document, so that it can't tell what doesn't work:
#
#   scripts/check-readme.sh README.md
#
# Run are the blocks fenced as sh under one of these comments, in their order, in
# one shell that stops at the first failure:
#
#   <!-- ci -->             run
#   <!-- ci background -->  started, and ended with the script
#   <!-- ci curl -->        run where there is a curl
#
# They see a small demo in a folder of its own, on another port.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
document=${1:?which document}
listen=${README_LISTEN:-127.0.0.1:18080}

work=$(mktemp -d)
background=''
finish() {
	local code=$? i
	trap - EXIT
	trap '' INT TERM
	if [[ -n $background ]]; then
		kill -TERM -- "-$background" 2>/dev/null || true
		for ((i = 0; i < 300; i++)); do
			kill -0 -- "-$background" 2>/dev/null || break
			sleep 0.1
		done
		kill -KILL -- "-$background" 2>/dev/null || true
	fi
	if ((code != 0)) && [[ -e $work/background.log ]]; then
		echo "check-readme: what ran in the background said:" >&2
		cat "$work/background.log" >&2
	fi
	rm -rf "$work"
	exit "$code"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Each block becomes a file named after its number and its mark.
awk -v work="$work" '
	/^<!-- ci( [a-z]+)? -->$/ { kind = $3 == "-->" ? "run" : $3; next }
	/^```sh$/ && kind != "" { file = sprintf("%s/block-%02d.%s", work, ++n, kind); kind = ""; next }
	/^```$/ && file != "" { close(file); file = ""; next }
	file != "" { print > file; next }
	/[^ ]/ { kind = "" }
' "$document"
shopt -s nullglob
blocks=("$work"/block-*)
((${#blocks[@]} > 0)) || { echo "check-readme: $document has no block marked <!-- ci -->" >&2; exit 1; }

unset MAKEFLAGS MAKELEVEL MFLAGS
export DEMO_DIR=$work/demo DEMO_SIZE=${DEMO_SIZE:-0.2} DEMO_LISTEN=$listen
export SIDEMIRROR_SERVER=http://$listen
for block in "${blocks[@]}"; do
	# The demo of the document, elsewhere.
	sed -e "s|127\.0\.0\.1:8080|$listen|g" -e "s|\bdemo/|$DEMO_DIR/|g" "$block" >"$work/script"
	sed 's/^/+ /' "$work/script"
	case $block in
	*.background)
		[[ -z $background ]] || { echo "check-readme: one block in the background is what is known" >&2; exit 1; }
		cp "$work/script" "$work/background"
		set -m # a process group of its own, to be ended as one
		bash -euo pipefail "$work/background" >"$work/background.log" 2>&1 </dev/null &
		background=$!
		set +m
		;;
	*.curl)
		if command -v curl >/dev/null; then
			bash -euo pipefail "$work/script"
		else
			echo "(no curl: left out)"
		fi
		;;
	*)
		bash -euo pipefail "$work/script"
		;;
	esac
done
echo "check-readme: ${#blocks[@]} blocks of $document work"
