// The version of Alertmanager that tests run; scripts/tools/build.sh builds it.
module github.com/sidemirror/sidemirror/scripts/tools/alertmanager

go 1.26.0

require github.com/prometheus/alertmanager v0.34.2
