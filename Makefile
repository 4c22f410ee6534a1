# One verb per line: `make help` lists them. Everything runs from .venv in this checkout; nothing else is touched.
#
# PYTHON      the interpreter the environment is made with (3.11 or newer); found by itself when not given
# DEMO_WAIT   0: `make demo` ends when it has its answer; otherwise it goes on serving until Ctrl-C
# BENCH       arguments passed to every benchmark, e.g. BENCH=--json
# PYTEST      further arguments for pytest, e.g. PYTEST='tests/store -k upsert'
# CHROMIUM    the browser of `make browser`; Debian's when not given

.DEFAULT_GOAL := help
.SUFFIXES:
.DELETE_ON_ERROR:

NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(or $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$p" -c '$(NEW_ENOUGH)' 2>/dev/null && echo "$$p" && break; done),python3)
DEMO_WAIT ?= 1
BENCH ?=
PYTEST ?=
WORKERS ?= 2
export DEMO_WAIT

VENV := .venv
PY := $(VENV)/bin/python
# Stamps carry the checkout's place: a copied checkout installs itself anew instead of running the original's code.
PLACE := $(shell printf '%s' '$(CURDIR)' | cksum | cut -d ' ' -f 1)
HAS_PYTHON := $(VENV)/.python-$(PLACE)
HAS_LIGHTNING := $(VENV)/.lightning-$(PLACE)
HAS_TEST := $(VENV)/.test-$(PLACE)
INSTALL := PIP_DISABLE_PIP_VERSION_CHECK=1 $(PY) -m pip install -qq --no-warn-script-location -c constraints.txt
BENCHES := index restart best api client latency memory cli header callback record

.PHONY: help demo test browser prove bench fmt lint types imports docs dist clean

help: ## say what can be made
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

demo: $(HAS_LIGHTNING) ## train three tiny real models with Lightning while the daemon watches, and ask for the best
	@$(PY) scripts/demo.py

test: $(HAS_TEST) ## everything a change must pass: lint, types, imports, tests
	@status=0; \
	$(MAKE) --no-print-directory --keep-going lint types imports || status=1; \
	$(PY) -m pytest -n $(WORKERS) $(or $(PYTEST),--cov --cov-report= --cov-fail-under=90) || status=$$?; \
	$(if $(PYTEST),,$(PY) -m coverage report --include='ckpt_indexer/metadata/*' --skip-covered --fail-under=100 \
		> .coverage-metadata || { cat .coverage-metadata; status=1; };) \
	exit $$status

browser: $(HAS_TEST) ## tests of the page in a real Chromium, which is installed when missing and possible
	@test -n "$$CHROMIUM" || command -v chromium >/dev/null || \
		command -v chromium-browser >/dev/null || scripts/install_chromium.sh
	@$(PY) -m pytest -m 'browser and not prove' $(or $(PYTEST),tests/browser)

prove: $(HAS_TEST) ## the slow proofs: kills, full disks, a million rows
	@$(PY) -m pytest -m prove $(PYTEST)
	@$(PY) scripts/bench_best.py --rows 1000000 --rounds 1

bench: $(HAS_TEST) ## measure what the budgets in docs/benchmarks.md promise
	@set -e; for name in $(BENCHES); do $(PY) scripts/bench_$$name.py $(BENCH); done

fmt: $(HAS_TEST) ## format, and fix what can be fixed without thought
	@$(PY) -m ruff format .
	@$(PY) -m ruff check --fix .

lint: $(HAS_TEST) ## ruff and codespell
	@status=0; \
	$(PY) -m ruff check . || status=1; \
	$(PY) -m ruff format --check . || status=1; \
	$(PY) -m codespell_lib || status=1; \
	exit $$status

types: $(HAS_TEST) ## mypy, strict
	@$(PY) -m mypy

imports: $(HAS_TEST) ## who may import whom
	@$(PY) $(VENV)/bin/lint-imports

docs: $(HAS_TEST) ## write the generated parts of docs/ anew
	@$(PY) scripts/make_docs.py

dist: $(HAS_TEST) ## build the wheel and the source archive into dist/
	@$(PY) -m build --no-isolation --outdir dist .

clean: ## remove everything made here: .venv, demo/, caches, builds
	@rm -rf $(VENV) demo build dist htmlcov .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage*
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(HAS_PYTHON):
	@$(PYTHON) -c '$(NEW_ENOUGH)' || { echo 'ckpt-indexer needs Python 3.11 or newer: make PYTHON=/path/to/python3' >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(HAS_LIGHTNING): pyproject.toml constraints.txt | $(HAS_PYTHON)
	@echo 'installing into $(VENV) (once; torch is large, allow a few minutes)'
	@$(INSTALL) -e '.[lightning,ui]'
	@touch $@

$(HAS_TEST): pyproject.toml constraints.txt | $(HAS_PYTHON)
	@echo 'installing the test tools into $(VENV) (once; torch is large, allow a few minutes)'
	@$(INSTALL) -e '.[test]'
	@touch $@ $(HAS_LIGHTNING)
