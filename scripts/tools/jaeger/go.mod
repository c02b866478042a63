// The version of Jaeger that tests run; scripts/tools/build.sh builds it.
module github.com/sidemirror/sidemirror/scripts/tools/jaeger

go 1.26.0

require github.com/jaegertracing/jaeger v1.76.0
