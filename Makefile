# The two commands to start with: `make demo` trains a network on handwritten digits and serves a
# page that reads yours; `make test` runs the tests. Each sets up what it needs in .venv by itself.
#
#   make test ORACLE=0    without PyTorch, on NumPy and float64 references
#   make test ARGS=...    passes arguments to pytest, as in ARGS="-k softmax"
#   make demo CI=1        the short form

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV ?= .venv
ORACLE ?= 1
JOBS ?= 2
ARGS ?=
CI ?=

BIN := $(abspath $(VENV))/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
export PATH := $(BIN):$(PATH)
# The tests of the TypeScript client start a server with it.
export FLAMBEAU_TEST_PYTHON := $(BIN)/python
ifneq ($(shell command -v ccache),)
export CMAKE_CXX_COMPILER_LAUNCHER ?= ccache
export CCACHE_BASEDIR ?= $(CURDIR)
export CCACHE_NOHASHDIR ?= 1
endif

PACKAGE := $(shell find src csrc cmake web/client/src CMakeLists.txt pyproject.toml -type f -not -name '*.pyc' \
             -not -name '*.so')
INSTALLED := $(VENV)/.installed
PAGE := src/flambeau/serve/_page/.sources
WEB := $(shell find web -type f -not -path '*/node_modules/*')
ISA := $(shell grep -qm1 avx512vl /proc/cpuinfo 2>/dev/null && echo v4 || echo v3)
CONFIGURE := cmake -S . -G Ninja -DPython_EXECUTABLE=$(BIN)/python

.PHONY: help build demo test lint format sanitize portable bench dev clean
help:
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

build: $(INSTALLED) ## compile and install flambeau into .venv

SHORT := $(filter-out 0,$(CI))

demo: $(INSTALLED) $(if $(SHORT),$(VENV)/.web) ## train on handwritten digits, then serve a page that reads yours
	@$(BIN)/python examples/digits/train.py $(if $(SHORT),--short) $(ARGS)
	@$(BIN)/python examples/digits/page.py $(if $(SHORT),--check)

ifeq ($(ORACLE),0)
test: export FLAMBEAU_ORACLE := 0
test: $(INSTALLED) $(VENV)/.test $(VENV)/.web
else
test: $(INSTALLED) $(VENV)/.test $(VENV)/.web $(VENV)/.oracle
endif
test: ## run the tests; ORACLE=0 goes without PyTorch
	@$(if $(ARGS),,$(BIN)/python tools/web.py run vitest run)
	@$(BIN)/python -m pytest -n $(JOBS) $(ARGS)

lint: $(VENV)/.lint $(VENV)/.dependencies ## formatters, linters, types, architecture
	@$(BIN)/python tools/lint.py $(ARGS)

format: $(VENV)/.lint ## rewrite files as the formatters want them
	@$(BIN)/python tools/lint.py --fix

# The kernels of one instruction set suffice: what the sanitizers look for is in all of them alike.
sanitize: $(VENV)/.build ## native tests under the address, undefined and thread sanitizers
	@for kind in address,undefined thread; do \
	  folder=build/$${kind/,/-}; \
	  $(CONFIGURE) -B $$folder -DFLAMBEAU_TESTS=ON -DFLAMBEAU_PYTHON=OFF -DFLAMBEAU_ISAS=v3 \
	    -DFLAMBEAU_SANITIZE=$$kind > $$folder.log || { cat $$folder.log; exit 1; }; \
	  cmake --build $$folder; \
	  UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 TSAN_OPTIONS=halt_on_error=1 \
	    ctest --test-dir $$folder --output-on-failure --timeout 600; \
	done

portable: $(VENV)/.build ## build for any machine, without oneDNN, and run its native tests
	@$(CONFIGURE) -B build/portable -DFLAMBEAU_PORTABLE=ON -DFLAMBEAU_TESTS=ON \
	  -DFLAMBEAU_PYTHON=OFF
	@cmake --build build/portable
	@ctest --test-dir build/portable --output-on-failure --timeout 600

bench: $(INSTALLED) $(VENV)/.oracle ## time flambeau beside PyTorch
	@$(BIN)/python -m benchmarks $(ARGS)

dev: $(VENV)/.build $(VENV)/.dependencies $(VENV)/.test $(PAGE) ## incremental build for this machine only
	@$(CONFIGURE) -B build/dev -DFLAMBEAU_ISAS=$(ISA)
	@cmake --build build/dev
	@ln -sf $(CURDIR)/build/dev/_C*.so src/flambeau/
	@echo "Built. Use it with: PYTHONPATH=src $(VENV)/bin/python"

clean: ## remove what the other commands made
	rm -rf build $(VENV) src/flambeau/_C*.so src/flambeau/serve/_page web/node_modules

$(BIN)/python:
	@command -v $(PYTHON) > /dev/null \
	  || { echo "Python 3.11 or later is needed: apt-get install python3 python3-venv python3-dev"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "$(PYTHON) is older than Python 3.11: name a newer one, as in make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2> /dev/null \
	  || { echo "Python's venv module is needed: apt-get install python3-venv"; exit 1; }
	@command -v $${CXX:-g++} > /dev/null \
	  || { echo "A C++ compiler is needed: apt-get install g++"; exit 1; }
	$(PYTHON) -m venv $(VENV)

# Built in .venv itself and not in pip's throw-away environment, so that a second build compiles
# only what changed.
$(VENV)/.build: pyproject.toml tools/build_requirements.py | $(BIN)/python
	$(BIN)/python tools/build_requirements.py | $(PIP) -r /dev/stdin
	@mkdir -p build
	@touch $@

$(PAGE): $(WEB) tools/web.py | $(BIN)/python
	$(BIN)/python tools/web.py build
	@touch $@

$(INSTALLED): $(VENV)/.build $(PACKAGE) $(PAGE)
	$(PIP) --no-build-isolation --config-settings=build-dir=build/wheel '.[plots,serve]'
	@touch $@

$(VENV)/.dependencies: pyproject.toml tools/build_requirements.py | $(BIN)/python
	$(BIN)/python tools/build_requirements.py --run | $(PIP) -r /dev/stdin
	@touch $@

# What tests of the page need. Without a browser they are skipped; where it can be installed, it is.
$(VENV)/.web: web/package.json web/package-lock.json tools/web.py | $(BIN)/python
	$(BIN)/python tools/web.py run true
	@command -v chromium chromium-browser google-chrome > /dev/null \
	  || if [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null; then \
	       echo "Installing Chromium for the tests of the page"; \
	       (apt-get install -y -qq chromium || (apt-get update -qq && apt-get install -y -qq chromium)) \
	         > /dev/null || echo "Chromium could not be installed: these tests are skipped"; \
	     fi
	@touch $@

$(VENV)/.%: requirements/%.txt | $(BIN)/python
	$(PIP) -r $<
	@touch $@
