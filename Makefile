# The main commands are make run and make test. They install everything that they need.
.DEFAULT_GOAL := help
.PHONY: help run test test-scripts watch mutants faults long-tests check hooks bench pictures gallery env format lock

PYTHON ?= python3
export PORTAL_MODE ?= practice
# The many processes of tests and checks share compiled modules.
unexport PYTHONDONTWRITEBYTECODE
export PORTAL_PORT ?= 8030
export SANDBOX_PORT ?= 8031
ifeq ($(PORTAL_MODE),practice)
export CDP_BASE_URL ?= http://127.0.0.1:$(SANDBOX_PORT)
endif
VENV := .venv
RUN := $(VENV)/bin/python
BIOME := node_modules/@biomejs/biome/bin/biome

help:
	@echo "make run    start the portal and its sandbox, with practice people"
	@echo "make test   run the whole suite (ARGS=tests/unit/core for a part, on SQLite; with --postgresql on PostgreSQL)"
	@echo "make watch  run a part of the suite again whenever a file changes (ARGS=tests/unit/core)"
	@echo "make mutants mutation tests (ARGS=apps/core/text.py for one module); docs/mutation.md"
	@echo "make faults 2,000 submissions on each database while processes are killed and keys replaced, then 50 lists on each while processes are killed; compares the results"
	@echo "make gallery  take the pictures of the components again, after a wanted change of their look"
	@echo "make long-tests the tests of faults with more rounds, on both databases, and every test on PostgreSQL"
	@echo "make bench  run the benchmarks (ARGS=create for one); tables on the screen and in var/bench-*.md"
	@echo "make check  format, lint, types, import contracts, templates, scripts, migrations, deployment check"
	@echo "make hooks  install Git hooks: the quick checks before each commit, all of them before a push"
	@echo "make pictures  take the pictures in the documents again"

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "Python's venv module is needed (Debian: apt-get install python3-venv)"; exit 1; }

$(VENV)/runtime.stamp: requirements/runtime.txt | $(VENV)/bin/python
	@echo "Installing the locked packages ..."
	@# A module is compiled when it is imported; most of these never are.
	@$(RUN) -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes -r $<
	@touch $@

$(VENV)/run.stamp: requirements/run.txt $(VENV)/runtime.stamp
	@$(RUN) -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

$(VENV)/dev.stamp: requirements/dev.txt $(VENV)/runtime.stamp
	@echo "Installing the locked packages for tests and checks ..."
	@$(RUN) -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes -r $<
	@touch $@

$(VENV)/bench.stamp: requirements/bench.txt $(VENV)/dev.stamp
	@echo "Installing the locked packages that benchmarks compare with ..."
	@$(RUN) -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

node_modules/.package-lock.json: package-lock.json .npmrc | $(VENV)/dev.stamp
	@echo "Installing the locked packages for scripts and style sheets ..."
	@$(VENV)/bin/npm ci --loglevel=error
	@touch $@

env: $(VENV)/dev.stamp node_modules/.package-lock.json

$(VENV)/mutation.stamp: requirements/mutation.txt $(VENV)/dev.stamp
	@echo "Installing the locked packages for mutation tests ..."
	@$(RUN) -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

run: $(VENV)/run.stamp
	@LOG_LEVEL=WARNING $(RUN) manage.py prepare_practice
	@exec $(VENV)/bin/honcho --env /dev/null start

test: $(VENV)/dev.stamp
	@$(RUN) -m tests.run $(ARGS)

# The unit tests of the page's scripts alone: under a second.
test-scripts: $(VENV)/dev.stamp
	@$(RUN) -m tests.javascript

watch: $(VENV)/dev.stamp
	@$(VENV)/bin/ptw --runner $(RUN) . $(or $(ARGS),tests/unit)

# Works on a copy in mutants/ (tool.mutmut in pyproject.toml). ARGS="apps/core/text.py" for one module or several.
mutants: $(VENV)/mutation.stamp
	@rm -rf mutants
	@$(RUN) -m mutmut run --max-children 1 $(subst /,.,$(patsubst %.py,%.*,$(ARGS)))
	@$(RUN) -m mutmut results > mutants/results.txt
	@grep -v ': not checked' mutants/results.txt || echo "No tested mutant survived."

# Uses a temporary folder and its own ports. All keys of two machines are replaced meanwhile, each after the minutes that
# docs/operating.md names; --no-rotate leaves it out. ARGS="--submissions 200 --database sqlite --seed 7" for a smaller run,
# LISTS="--lists 5 --rows 20 --database sqlite" likewise for the lists,
# ARGS="--clocks-apart --database postgresql" for a second machine whose clock is 45 minutes ahead.
faults: $(VENV)/dev.stamp
	@PORTAL_MODE=practice $(RUN) -m tests.faults.storm $(ARGS)
	@PORTAL_MODE=practice $(RUN) -m tests.faults.storm.list_storm $(LISTS)

# The tests of faults at length, on both databases: more random requests, stops and simultaneous submissions. Tests of
# processes run on both as well; make test runs each on one. On PostgreSQL everything else too, also what repeats SQL
# (decision 245).
long-tests: $(VENV)/dev.stamp
	@export FUZZ_REQUESTS=1200 STOP_SENDS=100 AT_ONCE_ROUNDS=50; \
	$(RUN) -m tests.run tests/faults && $(RUN) -m tests.run --postgresql -p tests.support.statements tests --ignore=tests/e2e -n 2 --dist loadgroup

# Takes the pictures of the components again (tests/e2e/gallery/). Look at them before you commit.
gallery: $(VENV)/dev.stamp
	@RENEW_GALLERY=1 $(RUN) -m pytest -q -n 0 tests/e2e/test_gallery.py

check: env
	@$(RUN) -m tests.check $(ARGS)

hooks: env
	@$(VENV)/bin/pre-commit install

# Uses a temporary folder and its own ports, and needs Chromium. Writes docs/images.
pictures: $(VENV)/dev.stamp
	@PORTAL_MODE=practice $(RUN) -m tests.pictures

# Uses its own practice databases in a temporary folder; the one of make run is not changed.
bench: $(VENV)/bench.stamp
	@PORTAL_MODE=practice $(RUN) -m benchmarks $(ARGS)

format: env
	@$(VENV)/bin/ruff format . && $(VENV)/bin/ruff check --fix . && $(VENV)/bin/djade $$(git ls-files 'templates/*.html')
	@$(VENV)/bin/node $(BIOME) check --write

# Regenerates the lock files. They name no package registry.
lock: $(VENV)/dev.stamp
	@$(VENV)/bin/npm update --save --package-lock-only
	@$(RUN) -m pip install --quiet --disable-pip-version-check uv
	@$(VENV)/bin/uv pip compile --quiet --upgrade --generate-hashes --universal --python-version 3.11 --no-header pyproject.toml -o requirements/runtime.txt
	@$(VENV)/bin/uv pip compile --quiet --upgrade --generate-hashes --universal --python-version 3.11 --no-header --group run -o requirements/run.txt
	@$(VENV)/bin/uv pip compile --quiet --upgrade --generate-hashes --universal --python-version 3.11 --no-header pyproject.toml --group dev -o requirements/dev.txt
	@$(VENV)/bin/uv pip compile --quiet --upgrade --generate-hashes --universal --python-version 3.11 --no-header pyproject.toml --group bench -c requirements/dev.txt -o requirements/bench.txt
	@$(VENV)/bin/uv pip compile --quiet --upgrade --generate-hashes --universal --python-version 3.11 --no-header pyproject.toml --group mutation -c requirements/dev.txt -o requirements/mutation.txt
