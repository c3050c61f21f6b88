# SPDX-License-Identifier: GPL-3.0-or-later
# `make help` lists the targets.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# Options: the cluster's name; more arguments for ansible-playbook, as in `make workshop ARGS='-e cluster_listen=0.0.0.0'`.
CLUSTER ?= mesh-workshop
ARGS ?=
# Where the clusters' data lies (cluster_data).
DATA ?= /var/lib/mesh-workshop
# Of `make pairs`: the number of a round trip through the labs, or all.
PAIRS ?= all

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check install --constraint constraints.txt

# What goes into the collection's tarball.
PARTS := galaxy.yml README.md CODE_OF_CONDUCT.md COPYING LICENSES meta plugins roles playbooks docs changelogs
SOURCES := $(wildcard $(shell git -c safe.directory=$(CURDIR) ls-files --cached --others --exclude-standard -- $(PARTS)))

# Where the output is no terminal, Python would hold back the lines that tell how far a long build is.
export PYTHONUNBUFFERED := 1
# Ansible starts in no other locale than one with UTF-8, and this one the C library brings along.
LC_ALL_OF_USER := $(LC_ALL)
export LC_ALL := C.UTF-8
# Make's own variables are nothing for the programs that it starts.
unexport CLUSTER ARGS DATA PAIRS MAKEFLAGS MFLAGS MAKELEVEL LC_ALL_OF_USER

# Nothing is said of what is usual, so that the commands which are shown are short.
NAMED = $(if $(filter-out mesh-workshop,$(CLUSTER)),-e cluster_name=$(CLUSTER)) \
  $(if $(filter-out /var/lib/mesh-workshop,$(DATA)),-e cluster_data=$(DATA))
# kubectl and istioctl of the cluster's own versions.
PROGRAMS = $(DATA)/$(CLUSTER)/bin
# A password for sudo is asked for only where it takes one. One that was given a moment ago (-k: not counted) would not do
# for Ansible, which runs sudo without this terminal.
PLAY = become=; if [ "$$(id -u)" -ne 0 ] && ! sudo -k -n true 2>/dev/null; then become=--ask-become-pass; fi; \
  $(BIN)/ansible-playbook $$become $(NAMED) $(ARGS)

# The question that Ansible asks of a locale when it starts.
HAS_LOCALE = LC_ALL="$(LC_ALL_OF_USER)" $(BIN)/python -c 'import locale; locale.setlocale(locale.LC_ALL, ""); exit((locale.getlocale()[1] or "").lower() not in ("utf-8", "utf8"))' 2>/dev/null
HAS_PROGRAMS = test -x "$(PROGRAMS)/kubectl" || { echo "There is no kubectl in $(PROGRAMS): run 'make workshop' again, which puts it there, or name the folder of cluster_data, as in 'make $@ DATA=/srv/clusters'." >&2; exit 1; }

.PHONY: help
help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1|/' | while IFS='|' read -r target text; do printf '  make %-12s %s\n' "$$target" "$$text"; done

.PHONY: workshop
workshop: rights $(VENV)/.collection ## From an empty machine to a running, verified workshop
	@$(PLAY) mesh.workshop.setup

.PHONY: shell
shell: ## A shell with kubectl, istioctl and the workshop's kubeconfig
	@test -r "$$HOME/.kube/$(CLUSTER)" || { echo "There is no ~/.kube/$(CLUSTER), so no workshop of that name is set up here: run 'make workshop' first." >&2; exit 1; }
	@$(HAS_PROGRAMS)
	@echo "kubectl and istioctl talk to the cluster $(CLUSTER); leave with 'exit'."
	@if $(HAS_LOCALE); then export LC_ALL="$(LC_ALL_OF_USER)"; fi; KUBECONFIG="$$HOME/.kube/$(CLUSTER)" PATH="$(PROGRAMS):$(abspath $(BIN)):$$PATH" "$${SHELL:-/bin/bash}" || true

.PHONY: teardown
teardown: rights $(VENV)/.collection ## Remove the workshop's cluster and its data (caches stay)
	@$(PLAY) mesh.workshop.teardown

.PHONY: install
install: $(VENV)/.collection ## Only build the collection and install it into .venv

.PHONY: test
test: rights $(VENV)/.collection $(VENV)/.test ## Every gate: lint, sanity, units, molecule on a cluster of its own
	@tools/gates all

.PHONY: lint units sanity molecule
lint: $(VENV)/.collection $(VENV)/.test ## ruff, mypy, import-linter, yamllint, ansible-lint, galaxy-importer, reuse, changelog, documentation
units: $(VENV)/.test ## Unit tests
sanity: $(VENV)/.test ## ansible-test sanity, nothing ignored
molecule: rights $(VENV)/.collection $(VENV)/.test ## The molecule scenarios on a cluster of their own
lint units sanity molecule:
	@tools/gates $@

.PHONY: bench
bench: $(VENV)/.collection ## Measure beside the peers, on the running workshop; writes docs/benchmark.md
	@test -r "$$HOME/.kube/$(CLUSTER)" || { echo "There is no ~/.kube/$(CLUSTER), so no workshop of that name is set up here: run 'make workshop' first." >&2; exit 1; }
	@$(HAS_PROGRAMS)
	@tools/browser
	@PATH="$(PROGRAMS):$$PATH" $(BIN)/python tools/bench --kubeconfig "$$HOME/.kube/$(CLUSTER)" -- $(NAMED) $(ARGS)

.PHONY: pairs
pairs: rights $(VENV)/.collection $(VENV)/.test ## Every lab after every other on the running workshop, which is reset; what labs need is installed
	@test -r "$$HOME/.kube/$(CLUSTER)" || { echo "There is no ~/.kube/$(CLUSTER), so no workshop of that name is set up here: run 'make workshop' first." >&2; exit 1; }
	@cd tests/testinfra/labs && MESH_WORKSHOP_CLUSTER=$(CLUSTER) MESH_WORKSHOP_PAIRS=$(PAIRS) PATH="$(CURDIR)/$(BIN):$$PATH" \
	  $(CURDIR)/$(BIN)/pytest --connection=local --verbose --tb=short test_pairs.py

.PHONY: conformance
conformance: $(VENV)/.collection $(VENV)/.test ## The Gateway API's own conformance suite on a cluster for it alone; writes docs/conformance.md
	@test "$$(id -u)" -eq 0 || { echo "The suite runs in the node's network, which takes root: run 'sudo make conformance CLUSTER=$(CLUSTER)'." >&2; exit 1; }
	@test -r "$$HOME/.kube/$(CLUSTER)" || { echo "There is no ~/.kube/$(CLUSTER), so no workshop of that name is set up here: run 'make workshop' first." >&2; exit 1; }
	@$(HAS_PROGRAMS)
	@$(BIN)/python tools/conformance $(CLUSTER)

.PHONY: cores
cores: $(VENV)/.test ## Test what depends on ansible-core under each of its versions
	@$(BIN)/python tools/cores

.PHONY: guides
guides: $(VENV)/.collection $(VENV)/.test ## Write what the labs' guides show of their lab.yml
	@$(BIN)/python tools/guides

.PHONY: returns
returns: $(VENV)/.collection $(VENV)/.test ## Write what the modules' documentation says they return
	@$(BIN)/python tools/returns

.PHONY: clean
clean: ## Remove .venv and .cache (no cluster)
	rm -rf $(VENV) .cache

.PHONY: rights
rights:
	@[ "$$(id -u)" -eq 0 ] || command -v sudo >/dev/null || { echo "The embedded cluster needs root rights and this user has neither those nor sudo: run make as root, or install sudo." >&2; exit 1; }

.PHONY: constraints
constraints: # Pin what requirements.txt and tests/requirements.txt bring along, in a fresh environment
	@mkdir -p .cache && tools/venv .cache/constraints
	@.cache/constraints/bin/python -m pip --quiet --disable-pip-version-check install -r requirements.txt -r tests/requirements.txt
	@{ sed -n '/^#/p' constraints.txt; .cache/constraints/bin/python -m pip freeze; } > .cache/constraints.txt
	@mv .cache/constraints.txt constraints.txt && rm -rf .cache/constraints

$(BIN)/python:
	@echo "Creating $(VENV) ..."
	@tools/venv $(VENV)

$(VENV)/.run: requirements.txt constraints.txt | $(BIN)/python
	@echo "Installing what the workshop runs with into $(VENV) ..."
	@$(PIP) -r requirements.txt
	@touch $@

$(VENV)/.test: tests/requirements.txt $(VENV)/.run
	@echo "Installing what the tests run with into $(VENV) ..."
	@$(PIP) -r tests/requirements.txt
	@touch $@

# A file that went away must rebuild the collection too, so the list is a prerequisite of its own.
.PHONY: FORCE
.cache/sources: FORCE
	@mkdir -p $(@D) && printf '%s\n' $(SOURCES) | cmp -s - $@ || printf '%s\n' $(SOURCES) > $@

$(VENV)/.collection: $(SOURCES) .cache/sources $(VENV)/.run
	@echo "Installing the collection into $(VENV) ..."
	@rm -rf .cache/build && mkdir -p .cache/build
	@{ $(BIN)/ansible-galaxy collection build --output-path .cache/build && \
	  $(BIN)/ansible-galaxy collection install .cache/build/mesh-workshop-*.tar.gz --force --no-deps --offline \
	    --collections-path "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"; \
	} > .cache/build/log 2>&1 || { cat .cache/build/log >&2; exit 1; }
	@touch $@
