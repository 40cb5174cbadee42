# Two commands on a fresh machine with Python 3.11 and make: `make run` and `make test`.
SHELL := /bin/bash
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
EXTRAS ?= dev
SIZE ?= small
SEED ?= 1
BASE ?= HEAD

# One thread per numeric library: two on a busy machine can be many times slower than one.
export OMP_NUM_THREADS ?= 1
# Where it is set (images of containers, mostly), every command compiles thousands of modules again, 4 s and more each time.
export PYTHONDONTWRITEBYTECODE :=
# uv does not read pip's own list of places with wheels; without one, torch comes from PyTorch's CPU builds.
ifdef PIP_FIND_LINKS
export UV_FIND_LINKS ?= $(PIP_FIND_LINKS)
else
export UV_TORCH_BACKEND ?= cpu
endif

.DEFAULT_GOAL := help
.PHONY: help setup run demo dashboard test test-dashboard lint format docs dev bench bench-forecasts bench-orders bench-vision bench-api mutants clean diff

help: ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 17

$(VENV)/.installed: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 is needed; found none"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' || { echo "Python 3.11 is needed; set PYTHON=/path/to/python3.11"; exit 1; }
	@echo "Setting up $(VENV) …"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt uv 2> >(grep -v 'is ignored' >&2)
	@$(BIN)/uv pip install --quiet --python $(BIN)/python -c constraints.txt -e '.[$(EXTRAS)]'
	@cd $(VENV) && ln -sfn lib/python3*/site-packages/dbt/jsonschemas dbt_jsonschemas  # editors find dbt's schemas of YAML here
	@touch $@

setup: $(VENV)/.installed ## install into .venv (seconds)

run: setup ## demo data if data/raw is empty, then the main job: what to reorder today
	@if [ -z "$$(ls data/raw 2>/dev/null)" ]; then $(BIN)/stockroom demo --size $(SIZE) --seed $(SEED) --out data/raw; fi
	@$(BIN)/stockroom run

demo: setup ## write synthetic data to data/raw (SIZE=small|medium|full SEED=1)
	@$(BIN)/stockroom demo --size $(SIZE) --seed $(SEED) --out data/raw

SUPERSET := .venv-superset

# Superset in an environment of its own: what it needs does not fit beside the rest
$(SUPERSET)/.installed: dashboards/constraints.txt | setup
	@echo "Setting up $(SUPERSET): Apache Superset, 700 MB …"
	@test -x $(SUPERSET)/bin/python || $(PYTHON) -m venv --without-pip $(SUPERSET)
	@$(BIN)/uv pip install --quiet --python $(SUPERSET)/bin/python -c dashboards/constraints.txt apache-superset duckdb duckdb-engine rich cachetools flask-caching
	@touch $@

dashboard: setup $(SUPERSET)/.installed ## dashboards in the browser, http://127.0.0.1:8088
	@$(BIN)/stockroom dashboard

test: setup ## all tests
	@$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

test-dashboard: setup $(SUPERSET)/.installed ## each dashboard in a headless Chromium, over what is published
	@TEST_DASHBOARD=1 $(BIN)/python -m pytest -p no:xdist -rs tests/dashboards

lint: setup ## ruff, sqlfluff, import rules
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/lint-imports && $(BIN)/sqlfluff lint --processes 0 dbt_project/models dbt_project/tests/singular

format: setup ## let ruff and sqlfluff rewrite
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format . ; $(BIN)/sqlfluff fix dbt_project/models dbt_project/tests/singular

docs: setup ## every table with its question, columns, tests and SQL, as one HTML file
	@$(BIN)/stockroom dbt --quiet docs generate --static
	@echo "dbt_project/target/static_index.html: open it in a browser; it needs no server"

dev: setup ## Dagster in the browser, http://127.0.0.1:3000
	@$(BIN)/stockroom dev

diff: setup ## what your changes do to orders and money (BASE=HEAD)
	@$(BIN)/stockroom diff --base $(BASE)

bench: setup ## speed and memory at full size, as ratios (minutes)
	@$(BIN)/python tests/bench/bench.py

bench-forecasts: setup ## error and cost of forecasts against rivals, as ratios (half an hour)
	@$(BIN)/python tests/bench/forecasts.py

bench-vision: setup ## defect detection on photos it never saw, beside simple ways (an hour)
	@$(BIN)/python tests/bench/vision.py

bench-orders: setup ## scores of orders in inventory games, and their cost (minutes)
	@$(BIN)/python tests/bench/orders.py

mutants: setup ## would a wrong formula be noticed? changes the SQL and asks the unit tests (minutes)
	@$(BIN)/python tests/bench/mutants.py

bench-api: setup ## requests a second of the API, beside a bare FastAPI (two minutes)
	@$(BIN)/python tests/bench/api.py

clean: ## remove the environment, the warehouse and build files; data/raw stays
	@rm -rf $(VENV) $(SUPERSET) data/superset data/warehouse/*.duckdb* data/warehouse/*.log data/warehouse/models data/warehouse/published data/warehouse/report data/dagster dbt_project/target dbt_project/logs *.egg-info
