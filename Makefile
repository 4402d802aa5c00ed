# The two commands are `make run` and `make test`; each does all of the set-up itself. `make help` lists the rest.
PYTHON ?= python3
VENV := .venv/bin
export PATH := $(CURDIR)/.venv/bin:$(PATH)

.PHONY: help setup run test check format env lock bench bench-pages looks site image-files chaos

help:
	@echo "make run     the whole product on http://localhost:3000 (PORT=4000 changes it)"
	@echo "make test    every test (ARGS='-k signing' chooses some)"
	@echo "make check   lint, types, import contracts, migration and .env.example drift"
	@echo "make chaos   minutes of load, faults and kills on both databases (SECONDS=120 SEED=7 KILLS=300 STRIKES=200)"
	@echo "make site DIR=… the static front end for Cloudflare Pages (PREVIEW=1: behind a password)"
	@echo "make setup   what run and test do first (DEV=1: with the tools of test and check)"
	@echo "make looks   the reference pictures of the pages' components anew (tests/looks/)"
	@echo "make format  make bench  make env (.env.example)  make lock [UPGRADE=1]"

setup:
	@$(PYTHON) scripts/setup.py $(if $(DEV),--dev)

run:
	@$(PYTHON) scripts/setup.py --quiet
	@$(VENV)/python scripts/run.py

test:
	@$(PYTHON) scripts/setup.py --dev --quiet
	@$(VENV)/python scripts/browser.py
	@$(VENV)/python scripts/strace.py
	@# One more than two cores: a test waits a fifth of its time, for a server to start or a page to be drawn.
	@$(VENV)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder $(ARGS)

looks:
	@$(PYTHON) scripts/setup.py --dev --quiet
	@$(VENV)/python -m pytest tests/pages/test_the_main_components.py --renew-looks

check:
	@$(PYTHON) scripts/setup.py --dev --quiet
	@$(VENV)/python scripts/check.py

format:
	@$(PYTHON) scripts/setup.py --dev --quiet
	@$(VENV)/python -m ruff format .
	@$(VENV)/python -m ruff check --fix .

env:
	@$(PYTHON) scripts/setup.py --quiet
	@$(VENV)/python -m relay.cli env-example

lock:
	@$(PYTHON) scripts/setup.py --dev --quiet
	@$(VENV)/python scripts/lock.py

site:
	@$(PYTHON) scripts/setup.py --quiet
	@$(VENV)/account-app site $(or $(DIR),build/static) $(if $(PREVIEW),--preview)

image-files:
	@$(PYTHON) scripts/image.py $(INTO)

bench:
	@$(PYTHON) scripts/setup.py --dev --quiet
	@$(VENV)/python -m benchmarks $(ARGS)

chaos:
	@$(PYTHON) scripts/setup.py --dev --quiet
	@$(VENV)/python -m tests.chaos $(if $(SECONDS),--seconds $(SECONDS)) $(if $(SEED),--seed $(SEED)) \
		$(if $(KILLS),--kills $(KILLS)) $(if $(STRIKES),--strikes $(STRIKES)) $(ARGS)

bench-pages:
	@$(PYTHON) scripts/setup.py --dev --quiet
	@$(VENV)/python -m benchmarks.pages $(ARGS)
