# Everything a fresh clone needs: `make demo` shows the result, `make test` runs the tests.
# `make` works out of .venv and leaves the machine's Python alone.

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
PACKAGES := dbt_packages/.installed
WAREHOUSE := warehouse/onecdp.duckdb

.PHONY: help setup demo test soak lint lint-python lint-models format clean

help:
	@echo "make demo    load the worked example, build, test, publish, print the result"
	@echo "make test    all tests but the long ones"
	@echo "make setup   .venv, dbt packages and the sample, so that plain dbt works"
	@echo "make lint    all static checks; make format fixes what it can"
	@echo "make soak    the long tests: kills, 305 daily runs, the year as XLSX and as CSV"
	@echo "make clean   remove what make made"

setup: $(INSTALLED) $(PACKAGES) $(WAREHOUSE)

$(INSTALLED): pyproject.toml .ci/constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
	    --constraint .ci/constraints.txt --editable ".[dev]"
	@# For the CDNOW sample in it, which a test reads; its code is not used.
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
	    --constraint .ci/constraints.txt --no-deps Lifetimes
	@touch $@

$(PACKAGES): packages.yml | $(INSTALLED)
	$(BIN)/onecdp deps
	@touch $@

# dbt needs the raw tables before it can build by itself.
$(WAREHOUSE): | $(INSTALLED)
	$(BIN)/onecdp ingest

demo: $(INSTALLED) $(PACKAGES)
	$(BIN)/onecdp run --as-of 2026-06-06

# In the order of the folders: the long files come first, and the short ones fill up the end.
test: setup
	$(BIN)/python -m pytest -m "not soak" --numprocesses 2 --dist loadfile --no-loadscope-reorder \
	    --durations 30 --durations-min 5

soak: setup
	$(BIN)/python -m pytest -m soak

# Both at a time: the one works with one processor, and most of the other with two.
lint: setup
	$(MAKE) --no-print-directory --jobs 2 lint-python lint-models

lint-python:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/yamllint --strict .

lint-models:
	$(BIN)/dbt --quiet parse
	$(BIN)/dbt-bouncer --config-file .dbt-bouncer.yml
	$(BIN)/sqlfluff lint --processes 2 models snapshots tests/dbt

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/sqlfluff fix --processes 2 models snapshots tests/dbt

clean:
	rm -rf .venv dbt_packages target logs warehouse dist build .mypy_cache .ruff_cache .import_linter_cache .pytest_cache
