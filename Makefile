# Everything a person or CI calls. `make help` lists it.
PYTHON ?= python3
VENV := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help venv test test-full lint demo demo-down bench bench-bmc bench-lifecycle lock

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

venv:  ## the Python environment, from requirements.lock
	@$(PYTHON) -m toolchain venv >/dev/null

test:  ## lint, unit and engine tests; as root also the virtual metal
	@$(PYTHON) -m toolchain.check

test-full:  ## the same and what takes long
	@$(PYTHON) -m toolchain.check --full

lint:  ## format, lint, types, import rules
	@$(PYTHON) -m toolchain.check --lint

demo: venv  ## six virtual servers, from powered off to a running swarm (as root)
	@$(VENV)/metalswarm demo up

demo-down: venv  ## destroy the demo and remove it; downloads and builds stay cached
	@$(VENV)/metalswarm demo down

bench: venv  ## measure the main path into docs/benchmarks.md
	@$(VENV)/python -m bench

bench-bmc: venv  ## measure 300 BMCs beside ipmitool and Ansible into docs/benchmarks.md (as root)
	@$(VENV)/python -m bench.bmc

bench-lifecycle: venv  ## write docs/benchmarks-lifecycle.md: what changes of a cluster cost
	@$(VENV)/python -m bench.lifecycle

lock:  ## requirements.lock anew from pyproject.toml
	@$(PYTHON) -m toolchain.lock
