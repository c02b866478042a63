# Everything here needs Go, git and make, no root and nothing installed.
# The first `make devcluster` takes minutes; see the target.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

VERSION ?= $(shell git describe --tags --match 'v*' --dirty 2>/dev/null || echo "v0.0.0-dev+$$(git rev-parse --short HEAD 2>/dev/null || echo unknown)")
LDFLAGS := -s -w -X main.release=$(VERSION)

GOLANGCI_VERSION := v2.15.0
TOOLS := $(CURDIR)/bin/tools-$(GOLANGCI_VERSION)
GOLANGCI := $(TOOLS)/golangci-lint

# kubectl and client-go parse the version that the API server tells; without
# these flags it is v0.0.0.
KUBE_LDFLAGS := -X k8s.io/component-base/version.gitVersion=v1.37.2 \
	-X k8s.io/component-base/version.gitMajor=1 \
	-X k8s.io/component-base/version.gitMinor=37
DEVCLUSTER_SOURCES := $(shell find cmd/devcluster -type f ! -name '*_test.go' 2>/dev/null)

# The race detector needs cgo, and so a C compiler. Without one, tests run
# without it rather than not at all.
RACE := $(shell command -v "$$(go env CC | cut -d' ' -f1)" >/dev/null 2>&1 && [ "$$(go env CGO_ENABLED)" = 1 ] && echo -race)
TESTFLAGS ?=
BENCH ?= .
FUZZTIME ?= 10s

##@ Build

.PHONY: build
build: ## build bin/sidemirror
	go build -trimpath -ldflags '$(LDFLAGS)' -o bin/sidemirror ./cmd/sidemirror

.PHONY: devcluster
devcluster: bin/devcluster ## build bin/devcluster: etcd and kube-apiserver in one process, for tests and the demo

bin/devcluster: $(DEVCLUSTER_SOURCES)
	@echo "building bin/devcluster: etcd and a whole kube-apiserver are compiled from source."
	@echo "The first build takes minutes (8 minutes of CPU time) and fetches some 150 modules; later ones take seconds."
	@mkdir -p bin
	cd cmd/devcluster && GOWORK=off go build -buildvcs=false -ldflags '$(KUBE_LDFLAGS)' -o ../../bin/devcluster.new .
	@mv bin/devcluster.new bin/devcluster

.PHONY: observability-tools
observability-tools: bin/prometheus bin/promtool bin/alertmanager bin/amtool bin/jaeger ## build what the tests of metrics, alerts and traces run

# Prometheus reads native histograms and exemplars since versions that are newer
# than those of distributions; its tags leave every discovery out but Kubernetes'.
bin/prometheus: scripts/tools/prometheus/go.mod scripts/tools/prometheus/go.sum
	@echo "building bin/prometheus and bin/promtool; the first build takes minutes (6 minutes of CPU time)"
	@mkdir -p bin
	cd scripts/tools/prometheus && GOWORK=off go build -buildvcs=false -tags netgo,remove_all_sd,enable_kubernetes_sd \
		-ldflags '-s -w -X github.com/prometheus/common/version.Version=3.16.0' -o ../../../bin/ tool
	@touch bin/prometheus
bin/promtool: bin/prometheus
	@touch bin/promtool

bin/alertmanager: scripts/tools/alertmanager/go.mod scripts/tools/build.sh
	@echo "building bin/alertmanager and bin/amtool; the first build takes minutes"
	scripts/tools/build.sh alertmanager alertmanager=./cmd/alertmanager amtool=./cmd/amtool
bin/amtool: bin/alertmanager
	@touch bin/amtool

bin/jaeger: scripts/tools/jaeger/go.mod scripts/tools/build.sh
	@echo "building bin/jaeger; the first build takes minutes (4 minutes of CPU time)"
	scripts/tools/build.sh jaeger jaeger=./cmd/all-in-one

##@ Try

.PHONY: demo
demo: build devcluster ## mirror a small shop into SQLite until Ctrl-C (DEMO_SIZE, DEMO_LISTEN, DEMO_DIR)
	@exec scripts/demo.sh

.PHONY: demo-observability
demo-observability: build devcluster bin/prometheus bin/jaeger ## the same, scraped by a Prometheus and traced by a Jaeger
	@exec scripts/demo-observability.sh

##@ Check

.PHONY: test
test: devcluster browser ## run all tests, against a real API server too (TESTFLAGS)
ifeq ($(RACE),)
	@echo "no C compiler: testing without the race detector"
endif
	SIDEMIRROR_DEVCLUSTER=$(CURDIR)/bin/devcluster go test $(RACE) -timeout 30m $(TESTFLAGS) ./...
	SIDEMIRROR_SCREENSHOTS=$(CURDIR)/bin/screenshots scripts/each-module.sh go test -timeout 30m $(TESTFLAGS) ./...

# The variables by which those tests find their programs; without them they skip.
.PHONY: test-observability
test-observability: devcluster observability-tools ## run the tests that need a real Prometheus, Alertmanager or Jaeger
	SIDEMIRROR_DEVCLUSTER=$(CURDIR)/bin/devcluster \
	SIDEMIRROR_PROMETHEUS=$(CURDIR)/bin/prometheus SIDEMIRROR_PROMTOOL=$(CURDIR)/bin/promtool \
	SIDEMIRROR_ALERTMANAGER=$(CURDIR)/bin/alertmanager SIDEMIRROR_JAEGER=$(CURDIR)/bin/jaeger \
	scripts/test-observability.sh -timeout 30m $(TESTFLAGS)

.PHONY: browser
browser: ## install a Chromium for the tests of the page, as root on Debian
	@scripts/browser.sh

.PHONY: test-short
test-short: ## run what needs no API server
	go test -short $(TESTFLAGS) ./...

.PHONY: lint
lint: $(GOLANGCI) ## check format, vet, and the rules of .golangci.yml
	@unformatted=$$(scripts/files.sh '*.go' | xargs gofmt -l); \
	if [ -n "$$unformatted" ]; then echo "gofmt -w is needed for:"; echo "$$unformatted"; exit 1; fi
	go vet ./...
	scripts/each-module.sh go vet ./...
	$(GOLANGCI) config verify
	$(GOLANGCI) run ./...

# Installed in a folder of its own version, so that raising the version is enough.
$(GOLANGCI):
	@echo "installing golangci-lint $(GOLANGCI_VERSION) into bin/; this takes minutes once"
	GOBIN=$(TOOLS) GOWORK=off go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)

.PHONY: bench
bench: devcluster ## run the benchmarks, and show what is promised beside what was measured (BENCH=regexp, SIDEMIRROR_BENCH_PODS)
	@SIDEMIRROR_DEVCLUSTER=$(CURDIR)/bin/devcluster scripts/bench.sh '$(BENCH)'

.PHONY: fuzz
fuzz: ## fuzz each target for a moment (FUZZTIME)
	scripts/fuzz.sh $(FUZZTIME)

.PHONY: fuzz-seeds
fuzz-seeds: ## run the seed corpus of each fuzz target
	go test $(RACE) -count=1 -run '^Fuzz' ./...

.PHONY: check-readme
check-readme: build devcluster ## run the commands of README.md that are marked for it
	scripts/check-readme.sh README.md

.PHONY: ci
ci: ## everything that a change must pass
	@$(MAKE) --no-print-directory lint
	@$(MAKE) --no-print-directory build
	@$(MAKE) --no-print-directory test
	@$(MAKE) --no-print-directory test-observability
	@$(MAKE) --no-print-directory fuzz-seeds
	@$(MAKE) --no-print-directory check-readme
	@echo "ci: all checks passed"

##@ Other

.PHONY: clean
clean: ## remove what was built, and the demo's data
	rm -rf bin demo

.PHONY: help
help: ## list the targets
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  %-19s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))
