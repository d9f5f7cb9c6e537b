# `make help` lists what there is. A fresh machine needs Python 3.11 or newer, and make.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
QUIET  := -qq --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help up tour test quick flaky clients lint lock bench campaign storm attack mutants docs clean
.DELETE_ON_ERROR:
# Where a machine says so, every process would compile the project anew.
unexport PYTHONDONTWRITEBYTECODE

help: ## This list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

up: $(VENV)/.installed ## Start everything, bring the data in, say where it is; Ctrl-C stops it
	@exec $(BIN)/hub up

tour: $(VENV)/.installed ## An order from the cart to the service, step by step, against the running stack or one of its own
	@$(BIN)/hub tour

test: $(VENV)/.installed-dev ## The whole test suite
	@$(BIN)/pytest $(ARGS)

quick: $(VENV)/.installed-dev ## What is fast of the test suite, for the inner loop
	@$(BIN)/pytest --quick $(ARGS)

flaky: $(VENV)/.installed-dev ## The tests that race, over and over, on busy cores: make flaky [RUNS=20]
	@$(BIN)/python -m tests.under_load --runs $(or $(RUNS),20) $(ARGS)

clients: $(VENV)/.installed-dev ## Clients that others wrote, against the sandbox: make clients [ARGS=jsforce]
	@$(BIN)/python -m tests.clients $(ARGS)

lint: $(VENV)/.installed-dev ## Form, types, imports
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.installed ## The benchmarks against peers and against the limit
	@$(BIN)/python -m bench $(ARGS)

campaign: $(VENV)/.installed-dev ## The fault campaign: make campaign SEEDS=200 [FROM=1] [JOBS=2] [MINUTES=60]; one: SEED=17 [CELLS=...] or REPLAY=file
	@$(BIN)/python -m tests.faults --seeds $(or $(SEEDS),20) --from $(or $(FROM),1) --jobs $(or $(JOBS),2) \
	  $(if $(MINUTES),--minutes $(MINUTES)) $(if $(SEED),--seed $(SEED)) $(if $(CELLS),--cells '$(CELLS)') \
	  $(if $(REPLAY),--replay $(REPLAY)) $(ARGS)

storm: $(VENV)/.installed-dev ## Orders from 50 clients at once under faults and kills: make storm ORDERS=1000
	@$(BIN)/python -m tests.faults.orders --orders $(or $(ORDERS),100)

attack: $(VENV)/.installed-dev ## What an attacker would try, on a stack of its own: make attack [ARGS='--only forged_tokens']
	@$(BIN)/python -m tests.attack $(ARGS)

mutants: $(VENV)/.installed-mutants ## Plant bugs, and say which the tests notice: make mutants [MINUTES=60] [ARGS='tool --only sync/*']
	@$(BIN)/python -m tests.mutants --minutes $(or $(MINUTES),60) $(ARGS)

docs: $(VENV)/.installed ## Write the generated pages again
	$(BIN)/python -m cli.settings_page docs > docs/settings.md
	$(BIN)/python -m cli.settings_page env > .env.example
	$(BIN)/python -m cli.actions_page > docs/actions.md
	$(BIN)/python -m sql.dictionary > docs/data-dictionary.md
	$(BIN)/python -m sql.personal > docs/personal-columns.md

lock: $(VENV)/.installed-dev ## Pin the newest versions that pyproject.toml allows, with hashes
	$(BIN)/python -m pip install --quiet --upgrade uv
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --upgrade --group build -o requirements-build.lock
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --upgrade -c requirements-build.lock pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url -c requirements.lock --group dev pyproject.toml -o requirements-dev.lock
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url -c requirements-dev.lock --group bench -o requirements-bench.lock
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url -c requirements-dev.lock --group mutants -o requirements-mutants.lock

clean: ## Remove the virtual environment; data in .hub/ stays
	rm -rf $(VENV)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "make: Python 3.11 or newer is needed; $(PYTHON) is $$($(PYTHON) -V 2>&1). Name another: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)

# Each stamp is younger than the lock it stands for; so a second `make` installs nothing. A lock is complete, and pip
# does not match extras with hashes: hence --no-deps. First come pip itself, instead of the old one that a new virtual
# environment brings, and the build backend: with build isolation, pip would fetch a backend that no lock names.
$(VENV)/.installed: requirements-build.lock requirements.lock pyproject.toml | $(BIN)/python
	@echo "Installing into $(VENV) ..."
	@$(BIN)/python -m pip install $(QUIET) --no-deps --require-hashes -r requirements-build.lock
	@$(BIN)/python -m pip install $(QUIET) --no-deps --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install $(QUIET) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.installed-dev: requirements-dev.lock $(VENV)/.installed
	@echo "Installing the tools of development ..."
	@$(BIN)/python -m pip install $(QUIET) --no-deps --require-hashes -r requirements-dev.lock
	@touch $@

$(VENV)/.installed-mutants: requirements-mutants.lock $(VENV)/.installed-dev
	@echo "Installing the tool that plants bugs ..."
	@$(BIN)/python -m pip install $(QUIET) --no-deps --require-hashes -r requirements-mutants.lock
	@touch $@
