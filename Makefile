# Everything a person or a machine does with this checkout. `make help` lists it.
# A fresh machine needs python3 (3.11 or newer, with its venv module) and make; the rest is installed into .venv from lock/.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
UV ?= uv
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# pip writes bytecode for what it installs, but not for an editable package.
COMPILED := $(BIN)/python -m compileall -q dfly_analysis
# real runs are compared too where this folder is
REAL ?= ../shared/real
SAMPLE := data/samples/article-v0.1.118.tar.gz
LOCK_FLAGS := --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --quiet

# tests.synthetic is imported by programs beside the tests
export PYTHONPATH := .

.PHONY: help report test check coverage sanitize fuzz faults golden lint format types messages docs evaluate learn audit bench lock release vulnerabilities clean system-packages

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

report: .venv/runtime.stamp ## analyse the sample; prints the path of the HTML report
	@$(BIN)/dfly-analysis report $(SAMPLE) --client v0.1.118 -o reports/sample

test: .venv/dev.stamp system-packages ## run every test
	@$(BIN)/python -m pytest -n 2 --dist worksteal

check: lint types ## lint, types and the fast tests: before each commit
	@$(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow"

coverage: .venv/dev.stamp system-packages ## run every test and measure branches; fails where a room that has to be right has under 90 %
	@rm -f .coverage .coverage.*
	@$(BIN)/coverage run -m pytest -n 2 --dist worksteal
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage json --quiet -o .coverage.json
	@$(BIN)/python tests/coverage_gate.py .coverage.json

sanitize: .venv/dev.stamp ## run the native reader under the address and undefined-behaviour sanitizers
	@$(BIN)/python -m tests.fuzz.sanitize

fuzz: .venv/dev.stamp ## change sample lines at random and read them in every way, for MINUTES (60)
	@$(BIN)/python -m tests.fuzz.mutations $(or $(MINUTES),60)

faults: .venv/dev.stamp ## run commands under faults of machine, files, servers and user; writes docs/explanation/faults.md
	@$(BIN)/python -m tests.faults

golden: .venv/dev.stamp ## compare the commands' answers with the recorded ones; REAL=DIR names a folder of real runs
	@$(BIN)/python -m tests.golden compare --real $(REAL)

lint: .venv/dev.stamp ## style, format and layers of imports
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports --no-logo

format: .venv/dev.stamp ## mend what lint can mend by itself
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

types: .venv/dev.stamp ## strict static types
	@$(BIN)/mypy

messages: .venv/dev.stamp ## find the texts that are translated, and update dfly_analysis/locale
	@$(BIN)/python -m tests.extract_messages

docs: .venv/dev.stamp ## build docs/_build/html; a warning is an error
	@$(BIN)/sphinx-build --jobs auto --quiet --fail-on-warning --keep-going --fresh-env docs docs/_build/html
	@echo docs/_build/html/index.html

evaluate: .venv/dev.stamp ## judge diagnoses, what-if and advice on generated runs, and public reports; write docs/evaluation/
	@$(BIN)/python -m tests.evaluation.diagnosis
	@$(BIN)/python -m tests.evaluation.practice
	@$(BIN)/python -m tests.fragments.evaluate
	@$(BIN)/python -m tests.evaluation.what_if --seeds 3 --first-seed 24001 --truth-layers 3840 --write
	@$(BIN)/python -m tests.evaluation.advice --seeds 3 --first-seed 401 --write
	@$(BIN)/python -m tests.evaluation.registry_time --runs 30 --first-seed 9301 --write
	@$(BIN)/python -m tests.evaluation.statements --runs 25 --first-seed 7001 --write
	@$(BIN)/python -m tests.evaluation.complaints

# CLONE=DIR may be given for each: a clone with its tags, of the client, of manager and scheduler, or of the charts.
LEARN := $(foreach dir,$(CLONE),--clone $(dir)) $(if $(CARGO_HOME),--cargo-home $(CARGO_HOME))

learn: .venv/dev.stamp ## compare a release with the catalogue: CLIENT=1.5.11, SCHEDULER=2.5.2 or CHART=1.7.5; SOURCE=DIR is a source tree
	@$(BIN)/python -m tools.learn learn $(if $(CLIENT),--client $(CLIENT)) $(if $(SCHEDULER),--scheduler $(SCHEDULER)) \
	  $(if $(CHART),--chart $(CHART)) $(if $(SOURCE),--source $(SOURCE)) $(LEARN)

audit: .venv/dev.stamp ## compare the catalogue with every release of the clones in CLONE; writes docs/evaluation/releases.md
	@$(BIN)/python -m tools.learn audit $(LEARN)

bench: .venv/dev.stamp ## measure, and write docs/bench.md
	@$(COMPILED)
	@$(BIN)/python -m tests.bench.run

lock: ## resolve the locks anew (needs uv)
	@command -v $(UV) >/dev/null || { echo "make lock needs uv: install it, or name it with UV=/path/to/uv" >&2; exit 1; }
	@$(UV) pip compile $(LOCK_FLAGS) --upgrade --extra dev --extra report --extra lab --extra s3 --extra cluster pyproject.toml lock/build.in -o lock/dev.txt
	@$(UV) pip compile $(LOCK_FLAGS) --upgrade --constraint lock/dev.txt --extra report pyproject.toml lock/build.in -o lock/runtime.txt
	@$(UV) pip compile $(LOCK_FLAGS) --upgrade --constraint lock/runtime.txt pyproject.toml -o lock/core.txt
	@$(UV) pip compile $(LOCK_FLAGS) --upgrade --constraint lock/dev.txt --extra release pyproject.toml lock/build.in -o lock/release.txt

release: .venv-release/stamp ## make the artifacts of the tag at HEAD in dist/; TAG=v1.0.0 names another, URL=… where they will be downloaded from
	@.venv-release/bin/python -m tools.release $(if $(TAG),--tag $(TAG)) $(if $(URL),--url $(URL))

vulnerabilities: .venv-release/stamp ## ask for known vulnerabilities of what the locks pin (needs an index that publishes them)
	@for lock in runtime dev release; do .venv-release/bin/pip-audit --require-hashes --disable-pip --strict --progress-spinner off -r lock/$$lock.txt || exit 1; done

clean: ## remove everything that can be made again
	@rm -rf .venv .venv-release build dist docs/_build docs/reference/generated reports/sample
	@rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage .coverage.*
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed; name one with PYTHON=python3.12" >&2; exit 1; }
	@echo "making .venv" >&2
	@$(PYTHON) -m venv .venv || { rm -rf .venv; echo "$(PYTHON) lacks its venv module (on Debian: apt-get install python3-venv)" >&2; exit 1; }

# Both stamps may stand at once: the development lock holds every pin of the runtime lock, so order does not matter.
.venv/runtime.stamp: lock/runtime.txt pyproject.toml | .venv/bin/python
	@echo "installing the package and what it runs on" >&2
	@$(PIP) install --require-hashes -r lock/runtime.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@$(COMPILED)
	@touch $@

.venv/dev.stamp: lock/dev.txt lock/runtime.txt pyproject.toml | .venv/bin/python
	@echo "installing the package, JupyterLab and the development tools" >&2
	@$(PIP) install --require-hashes -r lock/dev.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@$(COMPILED)
	@touch .venv/runtime.stamp $@

# What makes a release is apart from what is developed with: its libraries end up in no artifact.
.venv-release/stamp: lock/release.txt
	@$(PYTHON) -m venv .venv-release
	@.venv-release/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes -r lock/release.txt
	@touch $@

# The tests look at the report in a real browser and have the alert rules checked by Prometheus' own tool.
system-packages:
	@command -v chromium >/dev/null && command -v promtool >/dev/null && exit 0; \
	root=; \
	if [ "$$(id -u)" -ne 0 ]; then root="sudo -n"; fi; \
	if ! command -v apt-get >/dev/null || { [ -n "$$root" ] && ! $$root true 2>/dev/null; }; then \
	  echo "the tests need chromium and promtool on the PATH: install them (on Debian: apt-get install chromium prometheus)" >&2; exit 1; \
	fi; \
	echo "installing chromium and promtool from the system's packages" >&2; \
	apt="$$root env DEBIAN_FRONTEND=noninteractive apt-get"; \
	$$apt update -qq && $$apt install -y -qq --no-install-recommends chromium prometheus >/dev/null
