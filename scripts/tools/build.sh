#!/usr/bin/env bash
# Builds programs of a module that only tests run, within that module's own
# source, and so with the dependencies and replacements of its authors:
#
#   scripts/tools/build.sh jaeger jaeger=./cmd/all-in-one
#
# The first word is the folder beside this script that pins the module; each
# other one is a program in bin/ and the package that it is built from.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/$1"
shift
export GOWORK=off
bin=$(cd ../../.. && mkdir -p bin && cd bin && pwd)

read -r module version < <(awk '$1 == "require" { print $2, $3 }' go.mod)
go mod download "$module@$version"
source=$(go list -m -f '{{.Dir}}' "$module")

# Modules carry no web pages: those are built by npm and can't be had from here.
# Where the source won't compile without them, a copy of it gets an empty one.
if [[ -d $source/ui/app && ! -e $source/ui/app/dist ]]; then
	copy=$(mktemp -d)
	trap 'rm -rf "$copy"' EXIT
	cp -r --no-preserve=mode "$source/." "$copy"
	mkdir "$copy/ui/app/dist"
	echo '<!doctype html><title>no pages in this build</title>' >"$copy/ui/app/dist/index.html"
	source=$copy
fi

stamp="-X github.com/prometheus/common/version.Version=${version#v}"
for program in "$@"; do
	name=${program%%=*}
	(cd "$source" && go build -buildvcs=false -ldflags "-s -w $stamp" -o "$bin/$name.new" "${program#*=}")
	mv "$bin/$name.new" "$bin/$name"
done
