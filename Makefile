# The two commands that matter: `make brief` and `make test`. Both can be run again at any time.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
CASE   ?= kazakhstan-2022
OUT    ?= briefs/$(CASE).html
WORKERS ?= 2

# The public data, where a copy lies beside the project; elsewhere tests that need it say why they are skipped.
ifneq ($(wildcard ../shared/data),)
export TERTIUS_DATA_MIRROR ?= $(abspath ../shared/data)
endif

.PHONY: brief test lint docs bench lock clean

brief: $(VENV)/.run
	@mkdir -p $(dir $(OUT))
	@$(BIN)/tertius run $(CASE) --out $(OUT)

# Lint and types need one core while the referee is compiled on another.
test: $(VENV)/.test
	@$(MAKE) --no-print-directory -j2 lint $(VENV)/.referee
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --max-worker-restart 0

lint: $(VENV)/.test
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache | tail -n 3

docs: $(VENV)/.test
	@$(BIN)/python -m sphinx -q -W --keep-going -b html docs site
	@echo "Documentation: site/index.html"

bench: $(VENV)/.bench
	@for program in benchmarks/*.py; do echo "== $$program"; $(BIN)/python $$program || exit 1; done

# The environment is made anew where its lock file changed, and only then.
$(VENV)/.run: requirements/run.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Setting up $(VENV) (once) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/run.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	@$(BIN)/python -m compileall -q src
	@touch $@

$(VENV)/.test: requirements/test.lock $(VENV)/.run
	@echo "Setting up what the tests need (once) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/test.lock
	@touch $@

# The referee of the games is compiled from source, unoptimised, since it only ever solves small trees. Without a
# compiler its tests say why they are skipped; in CI they fail.
$(VENV)/.referee: requirements/referee.lock $(VENV)/.test
	@echo "Building the referee of the games (once, about two minutes) ..."
	@CFLAGS="-O0 -g0" CXXFLAGS="-O0 -g0" $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/referee.lock \
		|| echo "pygambit could not be built (it needs a C++ compiler): the tests that ask it are skipped"
	@touch $@

$(VENV)/.bench: requirements/bench.lock $(VENV)/.run
	@echo "Setting up the peers of the benchmarks (once) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bench.lock
	@touch $@

# Written by hand, when dependencies change: `make lock` needs uv.
lock:
	uv pip compile --universal --generate-hashes --no-emit-index-url --no-header --no-annotate --python-version 3.11 pyproject.toml requirements/build.in -o requirements/run.lock
	uv pip compile --universal --generate-hashes --no-emit-index-url --no-header --no-annotate --python-version 3.11 pyproject.toml requirements/build.in --group test -o requirements/test.lock
	uv pip compile --universal --generate-hashes --no-emit-index-url --no-header --no-annotate --python-version 3.11 pyproject.toml requirements/build.in --group referee -o requirements/referee.lock -c requirements/test.lock
	uv pip compile --universal --generate-hashes --no-emit-index-url --no-header --no-annotate --python-version 3.11 pyproject.toml requirements/build.in --group bench -o requirements/bench.lock -c requirements/test.lock

clean:
	rm -rf $(VENV) briefs build dist site .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
