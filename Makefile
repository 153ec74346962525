# Every target sets up what it needs in .venv, which it makes when there is none.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TEST_ARGS ?=
MUTANTS ?= 25
# How long make chaos walks with each of three seeds.
WALK_SECONDS ?= 300
COMMA := ,
MODULES ?=
# Processes that the tests run in; most wait most of the time. With 0 they run in pytest's own, one after the other:
# make test WORKERS=0 TEST_ARGS=tests/cli/test_serve.py
WORKERS ?= auto

# Tests start hundreds of processes, which would each compile all they import.
unexport PYTHONDONTWRITEBYTECODE
FUZZ_SECONDS ?= 300

.DEFAULT_GOAL := help
.PHONY: help demo test test-pure test-lowest lint conformance long fuzz sanitize mutants bench soak chaos hostile docs dist sbom clean

help:  ## Say what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo 'Python 3.11 or newer is needed: make PYTHON=python3.12 ...'; exit 1; }
	$(PYTHON) -m venv $(VENV)

# One stamp for each extra: made anew when the requirements change. Several, with commas, are installed in one go.
# compat: the install is this folder's path, which tests, bench and type checkers read as well. Without it (`pip install
# -e .`) it is an import hook that knows websocket_v6 alone; that works too, for programs that only use the package.
$(VENV)/.with-%: setup.cfg setup.py pyproject.toml $(wildcard protocol/c/*) | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --config-settings editable_mode=compat -e '.[$*]'
	@touch $@ $(addprefix $(VENV)/.with-,$(subst $(COMMA), ,$*))

demo: $(VENV)/.with-cli  ## See it work: simulator, engine, two components, a live table
	@$(BIN)/python -m websocket_v6 demo

test: $(VENV)/.with-cli,conformance,docs,examples,frames,fuzz,green,lint,peers,test lint  ## Check and test everything; TEST_ARGS=tests/cli, WORKERS=0
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(TEST_ARGS)
	$(if $(TEST_ARGS),,$(MAKE) --no-print-directory test-pure)

PURE := $(addprefix tests/protocol/,delivery events exchange recording replay websocket test_fast.py) \
  tests/actors/delivery tests/actors/replay tests/engine/test_delivery.py tests/bench/test_hot_path.py
test-pure: $(VENV)/.with-test  ## What has a short way in C, once more without it
	WEBSOCKET_V6_PURE=1 $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(PURE)

# The lowest versions that users may have; the tests' own tools are as new as they are.
LOWEST := .venv-lowest
$(LOWEST)/.with: setup.cfg tests/lowest.py
	$(PYTHON) -m venv $(LOWEST)
	$(PYTHON) -m tests.lowest > $(LOWEST)/constraints.txt
	$(LOWEST)/bin/python -m pip install --quiet --disable-pip-version-check --config-settings editable_mode=compat \
	  -c $(LOWEST)/constraints.txt -e '.[cli,proxy,test]'
	@touch $@

test-lowest: $(LOWEST)/.with  ## The same with the lowest versions of what the package stands on
	$(LOWEST)/bin/python -m pytest -n $(WORKERS) --dist worksteal $(TEST_ARGS)

lint: $(VENV)/.with-cli $(VENV)/.with-test $(VENV)/.with-lint  ## Formatting, lint, who imports whom, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy

conformance: $(VENV)/.with-test $(VENV)/.with-conformance  ## All 517 Autobahn cases, as a client and as a server, about twenty minutes
	$(BIN)/python -m tests.conformance
	$(BIN)/python -m tests.conformance --server

long: $(VENV)/.with-cli $(VENV)/.with-test  ## The long forms of tests that make test runs short: properties, random walks, lost lines, killed processes
	WEBSOCKET_V6_TEST_WALKS=1000 $(BIN)/python -m pytest -p no:randomly --timeout 900 tests/protocol $(TEST_ARGS)
	WEBSOCKET_V6_TEST_KILLS=200 WEBSOCKET_V6_TEST_CHAOS=16,8,60 WEBSOCKET_V6_TEST_FLEET=60 WEBSOCKET_V6_TEST_RESUME=20 \
	  $(BIN)/python -m pytest -p no:randomly \
	  tests/engine/test_sources.py tests/engine/test_recording.py tests/processes $(TEST_ARGS)
	WEBSOCKET_V6_TEST_WALKS=300 $(BIN)/python -m pytest -p no:randomly --timeout 900 tests/aio/test_cancelling.py $(TEST_ARGS)

fuzz: $(VENV)/.with-test $(VENV)/.with-fuzz  ## Coverage-guided fuzzing of all that is read, FUZZ_SECONDS=300 for each of eight
	for name in events frames server door handshake pages members fast; do \
	  $(BIN)/python -m tests.fuzz.fuzz_$$name -max_total_time=$(FUZZ_SECONDS) || exit 1; done

sanitize: $(VENV)/.with-test  ## The C module with AddressSanitizer and UBSan, and the tests that reach it
	$(BIN)/python -m tests.sanitize

mutants: $(VENV)/.with-test $(VENV)/.with-mutants  ## Mutation testing of protocol/: MUTANTS=25 of each module, MODULES='stores union'
	$(BIN)/python -m tests.mutants --count $(MUTANTS) $(MODULES)

bench: $(VENV)/.with-cli $(VENV)/.with-bench  ## Ratios against what a user could write instead
	$(BIN)/python -m bench

soak: $(VENV)/.with-cli $(VENV)/.with-bench  ## Thirty minutes at full speed: memory and threads, as a plot
	$(BIN)/python -m bench.long soak

chaos: $(VENV)/.with-cli $(VENV)/.with-test  ## Each fault at each moment, and random walks, half an hour; writes docs/chaos.md
	$(BIN)/python -m tests.chaos.table
	for seed in 1 2 3; do $(BIN)/python -m tests.chaos.walk --seed $$seed --seconds $(WALK_SECONDS) || exit 1; done
	$(BIN)/python -m tests.chaos.day

hostile: $(VENV)/.with-cli $(VENV)/.with-test  ## Thirty minutes against a server that does all that hostile ones do
	$(BIN)/python -m tests.chaos.hostile

docs: $(VENV)/.with-cli $(VENV)/.with-docs  ## The documentation site into site/, strictly and without a network
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

dist: $(VENV)/.with-dist  ## Build what would be released into dist/, and check it
	rm -rf dist
	WEBSOCKET_V6_PURE=1 $(BIN)/python -m build  # the wheel for every platform; those with the module in C are CI's
	$(BIN)/python -m twine check --strict dist/*

# Of a fresh environment with the wheel and what it needs, nothing of a developer's.
sbom: $(VENV)/.with-dist dist  ## A software bill of materials (CycloneDX) of an install: dist/sbom.json
	rm -rf build/sbom && $(PYTHON) -m venv build/sbom
	build/sbom/bin/python -m pip install --quiet --disable-pip-version-check "$$(ls dist/*.whl)[cli,logs,metrics,proxy,record]"
	$(BIN)/python -m cyclonedx_py environment --output-reproducible --of JSON -o dist/sbom.json build/sbom/bin/python

clean:  ## Remove what make made
	rm -rf $(VENV) $(LOWEST) build dist site reports *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
