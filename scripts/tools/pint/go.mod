// The version of pint that tests run; scripts/tools/build.sh builds it.
module github.com/sidemirror/sidemirror/scripts/tools/pint

go 1.26.0

require github.com/cloudflare/pint v0.87.0
