# Needs Python >= 3.11, make, and a network for pip; everything else lands in $(VENV).
#   make PYTHON=python3.13 …   chooses the interpreter of a new environment.

PYTHON ?= python3
VENV   ?= .venv
# Versions that passed together, so that tomorrow's release of a package breaks nobody's first test run.
#   make CONSTRAINTS= …        takes the newest of everything instead.
CONSTRAINTS ?= constraints.txt
bin    := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
pip    := $(bin)/python -m pip install -qq $(CONSTRAINTS:%=-c %)  # -qq: errors only

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help venv demo check lint lint-js types accelerator test test-pure sanitize site notebooks nightly campaign \
        differential mutation test-all-pythons \
        dist bench bench-peers constraints clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-18s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

# One environment, a stamp for each set of extras in it, so that `make demo` installs two small
# packages and never waits for the developer's tools. A stamp is written last: an interrupted
# install is done again. The sets build on one another, so that under -j no two pips meet.
$(VENV)/.installed: pyproject.toml $(CONSTRAINTS) hatch_build.py autograd_mini/engine/_node.c
	@$(PYTHON) -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "error: PYTHON=$(PYTHON) is not Python 3.11 or newer with the venv module: install one, or name it: make PYTHON=/path/to/python3" >&2; \
	  exit 1; }
	@echo "installing autograd-mini into $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@$(pip) -e '.[render]'
	@touch $@

$(VENV)/.installed-%:
	@echo "installing the [$*] extra into $(VENV)"
	@$(pip) -e '.[$*]'
	@touch $@

$(VENV)/.installed-test: $(VENV)/.installed
$(VENV)/.installed-dev: $(VENV)/.installed-test
$(VENV)/.installed-docs: $(VENV)/.installed-dev
$(VENV)/.installed-mutation: $(VENV)/.installed-test
$(VENV)/.installed-bench: $(VENV)/.installed
$(VENV)/.installed-bench-peers: $(VENV)/.installed-bench

venv: $(VENV)/.installed ## the environment that `demo` needs

demo: $(VENV)/.installed ## an expression and the article's network, computed, and drawn into build/
	@mkdir -p build
	$(bin)/python -m autograd_mini "(a+b)*(b+1)" a=2 b=1 --svg build/expression.svg --png build/expression.png
	$(bin)/python examples/article.py build/network.svg
	@echo
	@echo "Drawn: build/expression.svg, build/expression.png, build/network.svg. What to try next:"
	@echo "  $(bin)/python -m autograd_mini 'sin(x)*exp(-x)' x=1 --tree"
	@echo "  $(bin)/python -m autograd_mini 'sin(x)*exp(-x)' x=1 --page build/mine.html    # open it in a browser"
	@echo "  $(bin)/python -m autograd_mini check 'sin(x)*exp(-x)'"
	@echo "and docs/getting-started.md: from here to a trained network in five minutes."

check: lint lint-js types accelerator test test-pure site dist ## the gate: everything a change must pass

lint: $(VENV)/.installed-dev ## style, the one formatting, and the direction of imports
	$(bin)/ruff check
	$(bin)/ruff format --check
	$(bin)/lint-imports --no-logo

node_modules/.installed: package.json package-lock.json
	@echo "installing the linter of the JavaScript into node_modules"
	@npm ci --silent --no-audit --no-fund
	@touch $@

lint-js: ## style and formatting of the page's JavaScript; skipped without Node, but not in CI
	@if command -v npm >/dev/null; then \
	  $(MAKE) --no-print-directory node_modules/.installed && npm run --silent lint; \
	elif [ "$$CI" = true ]; then \
	  echo "error: npm is not on PATH, and CI must check the JavaScript: install Node.js" >&2; exit 1; \
	else \
	  echo "lint-js: no npm on PATH, skipped"; \
	fi

types: $(VENV)/.installed-dev ## mypy --strict on the package
	$(bin)/mypy

test: $(VENV)/.installed-test ## the tests and every docstring and README example
	$(bin)/pytest -n auto

# The engine runs twice: `test` has it in C where it was built, and this in Python.
test-pure: $(VENV)/.installed-test ## the engine's tests once more, all in Python
	AUTOGRAD_MINI_PURE=1 $(bin)/pytest -n auto tests/engine tests/transforms autograd_mini/engine autograd_mini/transforms

INCLUDE = $(shell $(bin)/python -c 'import sysconfig; print(sysconfig.get_paths()["include"])')
accelerator: $(VENV)/.installed-dev ## where there is a C compiler, the engine in C compiles without a warning, and runs
	@if ! command -v $(CC) >/dev/null; then echo "no C compiler ($(CC)): the engine runs in Python"; else set -e; \
	  $(CC) -std=c11 -Wall -Wextra -Werror -fsyntax-only -I$(INCLUDE) autograd_mini/engine/_node.c; \
	  $(bin)/python -c 'from autograd_mini.engine import ACCELERATED as c; raise SystemExit(not c and "the engine in C was not built, or cannot be imported")'; \
	fi

SANITIZED = build/sanitized
sanitize: $(VENV)/.installed-test ## the engine's tests with AddressSanitizer watching the engine in C
	@mkdir -p $(SANITIZED)
	@cp -r autograd_mini $(SANITIZED)
	@rm -f $(SANITIZED)/autograd_mini/engine/_node.*.so
	$(CC) -shared -fPIC -O1 -g -fsanitize=address,undefined -fno-omit-frame-pointer -ffp-contract=off -fwrapv -DSPARE=0 \
	  -I$(INCLUDE) autograd_mini/engine/_node.c -o $(SANITIZED)/autograd_mini/engine/_node.so
	LD_PRELOAD="$$($(CC) -print-file-name=libasan.so) $$($(CC) -print-file-name=libubsan.so)" \
	  ASAN_OPTIONS=detect_leaks=0 PYTHONMALLOC=malloc PYTHONPATH=$(SANITIZED) \
	  $(bin)/pytest -p no:cacheprovider tests/engine tests/transforms

notebooks: $(VENV)/.installed-docs ## run every notebook, check what it says, and keep its outputs for the site
	$(bin)/pytest -q -n 2 -m notebooks tests/test_notebooks.py

site: notebooks ## build the site into build/site; a warning or a broken link is an error
	@rm -rf build/site # pages of an earlier build must not stay
	$(bin)/sphinx-build -q -W -b html docs build/site
	$(bin)/pytest -q -m site tests/test_docs.py

# SOURCE_URL=https://host/owner/name makes the README's pictures and links absolute, as a package index needs them.
FRESH = build/fresh
dist: $(VENV)/.installed-dev ## the wheel and the source archive into dist/, and the wheel tried in a new environment
	@mkdir -p build
	@rm -rf dist $(FRESH)
	$(bin)/python -m build -o dist . >build/dist.log 2>&1 || { cat build/dist.log; exit 1; }
	$(PYTHON) -m venv $(FRESH)
	$(FRESH)/$(notdir $(bin))/python -m pip install -qq $(CONSTRAINTS:%=-c %) dist/*.whl
	cd build && fresh/$(notdir $(bin))/python -W error -m autograd_mini "(a+b)*(b+1)" a=2 b=1 --tree

nightly: $(VENV)/.installed-test ## the slow tests too, with many more random examples
	HYPOTHESIS_PROFILE=nightly $(bin)/pytest -n auto -m ""

SEED ?= 2026
campaign: $(VENV)/.installed-test ## a million random programs, in sittings: Ctrl-C stops, the same command goes on
	@mkdir -p build
	$(bin)/python tests/campaign.py --seed $(SEED) --resume build/campaign-$(SEED).json

differential: $(VENV)/.installed-test ## a million random programs on the engine in C and on the engine in Python
	$(bin)/python tests/differential.py --seed $(SEED)

mutation: $(VENV)/.installed-mutation ## small mistakes made in the engine, one by one: the tests must notice
	AUTOGRAD_MINI_PURE=1 $(bin)/python tests/mutation.py

# A pyenv shim may stand on PATH and fail, so a candidate counts only once it has run.
test-all-pythons: ## `test` under each other supported Python found here
	@set -e; for version in 3.12 3.13; do \
	  found=; \
	  for python in python$$version $(HOME)/.pyenv/versions/$$version*/bin/python$$version; do \
	    if "$$python" -c '' 2>/dev/null; then found=$$python; break; fi; \
	  done; \
	  if [ -z "$$found" ]; then echo "Python $$version: not found, skipped"; continue; fi; \
	  $(MAKE) --no-print-directory test PYTHON="$$found" VENV=.venv-$$version; \
	done

bench: $(VENV)/.installed-bench ## every benchmarks/bench_*.py, one after another
	@set -e; for script in $(sort $(wildcard benchmarks/bench_*.py)); do \
	  echo "== $$script"; $(bin)/python $$script; \
	done

bench-peers: $(VENV)/.installed-bench-peers ## compiled programs, gradient checks and eager steps beside their peers
	$(bin)/python benchmarks/bench_replay.py
	$(bin)/python benchmarks/bench_checks.py
	$(bin)/python benchmarks/bench_eager.py

constraints: ## renew constraints.txt: the newest of everything, written down once the gate has passed
	rm -rf .venv-newest
	$(MAKE) --no-print-directory check PYTHON=python3.11 VENV=.venv-newest CONSTRAINTS=
	@head -1 constraints.txt > .venv-newest/constraints.txt
	@.venv-newest/bin/pip freeze --exclude-editable >> .venv-newest/constraints.txt
	@mv .venv-newest/constraints.txt constraints.txt

clean: ## back to a fresh clone, environments included
	rm -rf .venv .venv-* build dist .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -prune -exec rm -rf {} +
