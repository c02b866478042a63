#!/usr/bin/env bash
# Sees to it that there is a Chromium for the tests of the page:
#
#   scripts/browser.sh
#
# Debian's is installed where that is possible; elsewhere those tests are skipped.
# SIDEMIRROR_BROWSER names one that isn't in the path.
set -euo pipefail

[[ -z ${SIDEMIRROR_BROWSER:-} ]] || exit 0
for name in chromium chromium-browser google-chrome google-chrome-stable; do
	if command -v "$name" >/dev/null; then
		exit 0
	fi
done
if ((EUID != 0)) || ! command -v apt-get >/dev/null; then
	echo "no Chromium: the tests of the page are skipped; install one, or name it with SIDEMIRROR_BROWSER" >&2
	exit 0
fi
echo "installing chromium"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends chromium >/dev/null
