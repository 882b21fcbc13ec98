# Two commands matter: `make demo` and `make test`. Both need Python 3.11 or later, and make.
PYTHON ?= python3
BIN := .venv/bin
NO_SERVERS := DATABASE_URL=postgresql://none@127.0.0.1:1/none REDIS_URL=redis://127.0.0.1:1/0
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo install test check bench faults lock format browser

demo: install
	@$(BIN)/python -m config.serve

install: .venv/.installed

.venv/.installed: requirements.lock
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet "uv>=0.5,<1"
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock
	@touch $@

browser:
	@if [ "$$(id -u)" = 0 ] && ! command -v chromium >/dev/null && command -v apt-get >/dev/null; then \
	  apt-get update -qq >/dev/null 2>&1 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null 2>&1 \
	  || echo "Chromium could not be installed; browser tests are skipped"; fi

test: install browser
	@$(BIN)/python -m pytest -n 2 -m "not slow"

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(NO_SERVERS) $(BIN)/mypy
	$(NO_SERVERS) $(BIN)/lint-imports
	$(NO_SERVERS) $(BIN)/python manage.py makemigrations --check --dry-run
	$(NO_SERVERS) $(BIN)/python manage.py check
	$(NO_SERVERS) $(BIN)/python manage.py check_protocols

faults: install
	@$(BIN)/python -m pytest -m slow

bench: install
	@$(BIN)/python -m tests.bench

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock:
	$(BIN)/uv pip compile pyproject.toml --group dev --generate-hashes --universal --python-version 3.11 \
	  --no-emit-index-url --no-header --quiet --output-file requirements.lock
