# Few words, each doing all its own set-up. `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin
READY := $(VENV)/.ready
# A first look needs neither linters nor tests: an environment of its own is made in half the time.
TRY := $(if $(wildcard $(READY)),$(VENV),.venv-try)

# Some machines forbid Python to keep its byte code: then every process of every test compiles all modules anew.
unexport PYTHONDONTWRITEBYTECODE

# Only a cluster named on make's own command line is touched, never the one a shell happens to point at.
named_cluster = $(if $(filter command line,$(origin KUBECONFIG)),--kubeconfig=$(KUBECONFIG))

.PHONY: help try demo test test-slow test-neighbours fuzz check sbom release bench bench-adapter bench-operator clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 17

try: $(TRY)/.ready  ## a first look: one YAML served on this machine, no cluster, no root (KEEP=1 keeps it, PORT=…)
	@$(TRY)/bin/python -m devcluster.first_look $(or $(PORT),8080) $(if $(KEEP),--keep)

demo: $(READY)  ## one YAML becomes a served model on a real node, and scales (KEEP=1 keeps it, KUBECONFIG=… uses your cluster)
	@$(RUN)/python -m devcluster demo $(if $(KEEP),--keep) $(named_cluster) $(if $(IMAGES),--images=$(IMAGES))

# Narrowed, the images are built by the first test that needs them: a change to a source makes them anew, which takes minutes.
test: $(READY)  ## every test but the slow ones, on real Kubernetes (PYTEST="-k word" narrows, KUBECONFIG=… as above)
	@$(RUN)/python -m devcluster build $(if $(PYTEST),--programs)
	@$(RUN)/python -m tests.browser
	@$(RUN)/python -m tests.speech
	@$(if $(PYTEST),,$(RUN)/python -m tests.environment stores 30)
	@$(RUN)/pytest -n $(if $(PYTEST),2,4) --dist loadscope $(or $(PYTEST),--slowest) $(named_cluster) $(if $(IMAGES),--images=$(IMAGES))

test-slow: $(READY)  ## what takes long: before a release, and after a change to what it tests (PYTEST=… as above)
	@$(RUN)/python -m devcluster build
	@$(RUN)/python -m tests.peers
	@$(RUN)/pytest -n 2 --dist loadscope --slow $(PYTEST)
	@$(if $(PYTEST),,$(MAKE) fuzz)
	@$(if $(PYTEST),,$(MAKE) test-neighbours)

fuzz: $(READY)  ## 300 random programs, every answer compared with bare Paddle's (SEED=… repeats one, COUNT=…)
	@$(RUN)/python -m tests.fuzz $(if $(SEED),--seed=$(SEED)) $(if $(COUNT),--count=$(COUNT))

test-neighbours: $(READY)  ## beside the real Prometheus, prometheus-adapter, KEDA, metrics-server, Traefik, Contour, kube-router, Argo CD, older API servers (compiles 40 min more once)
	@$(RUN)/python -m devcluster build --neighbours
	@$(RUN)/pytest $(if $(findstring tests/neighbours,$(PYTEST)),,tests/neighbours) $(PYTEST)

check: $(READY)  ## format, lint, types, import contracts
	@$(RUN)/ruff format --check .
	@$(RUN)/ruff check .
	@$(RUN)/mypy
	@$(RUN)/lint-imports --no-cache

sbom: $(READY)  ## what is in both images, in CycloneDX's JSON, below build/sbom (needs root)
	@$(RUN)/python -m release sbom

release: $(READY)  ## all that VERSION=0.2.0 is released with, below build/release; pushes nothing (DRY=1: no commit, no tag)
	@$(RUN)/python -m release make $(VERSION) $(if $(DRY),--dry-run)

bench: $(READY)  ## side-by-side benchmarks, ratios printed
	@$(RUN)/python -m benchmarks.serving

bench-adapter: $(READY)  ## the metrics adapter with 500 models of 4 pods on one core, and where its time goes
	@$(RUN)/python -m benchmarks.adapter

bench-operator: $(READY)  ## the operator with 100 to 5,000 models, beside a bare loop of the same writes
	@$(RUN)/python -m benchmarks.operator

clean:  ## remove the virtual environment and tool caches of this checkout
	rm -rf $(VENV) .venv-try .venv-peers .venv-stores .venv-oracles .venv-paddlex .venv-gateways .mypy_cache .ruff_cache .pytest_cache .hypothesis build

# An environment is rebuilt whenever its locked requirements or a distribution's metadata change.
METADATA := crds/pyproject.toml operator/pyproject.toml serving_image/pyproject.toml

$(READY): requirements/dev.txt $(METADATA)
	$(call environment,$(VENV),requirements/dev.txt)

.venv-try/.ready: requirements/local.txt requirements/build.txt $(METADATA)
	$(call environment,.venv-try,requirements/local.txt -r requirements/build.txt)

define environment
@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 13) else f"make: Python 3.11 to 3.13 is needed, {sys.executable} is {v[0]}.{v[1]}: pass PYTHON=python3.11")'
@echo "==> virtual environment in $(1) (about a minute the first time: Paddle is 200 MB)"
@test -x $(1)/bin/python || $(PYTHON) -m venv $(1) || { echo "make: 'python -m venv' failed: install python3-venv"; exit 1; }
@$(1)/bin/pip install --disable-pip-version-check --progress-bar on --no-deps --require-hashes -r $(2) | { grep -E '^(Collecting|Installing)' || true; } | cut -c1-100
@PYTHONWARNINGS=ignore $(1)/bin/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e crds -e operator -e serving_image
@touch $(1)/.ready
endef
