# `make` lists the targets. Set-up is behind stamps: when nothing changed it costs one stat per file.

SHELL := /bin/bash
.DEFAULT_GOAL := help
# Where it is set, as in many container images, each of a dozen processes would compile its modules at every start.
unexport PYTHONDONTWRITEBYTECODE

VENV := .venv
BIN := $(VENV)/bin
PYTHON_STAMP := $(VENV)/.landfall-setup
AZURITE_STAMP := .landfall/tools/azurite/.landfall-setup
AZURITE := landfall/local/azurite
TERRAFORM_STAMP := .landfall/tools/terraform/.landfall-setup
CLASSIC_STAMP := .landfall/tools/classic-spark/.landfall-setup
PIPELINES_STAMP := .landfall/tools/azure-pipelines/.landfall-setup
FACTORY_STAMP := .landfall/tools/data-factory/.landfall-setup
CHECKOV_STAMP := .landfall/tools/checkov/.landfall-setup
POSTGRESQL_STAMP := .landfall/tools/postgresql/.landfall-setup
BROWSER_STAMP := .landfall/tools/browser/.landfall-setup

.PHONY: help setup classic-spark terraform-schemas data-factory azure-pipelines checkov postgresql browser demo test test-again test-fast engines api-schema chaos fmt lint types up down bench plots migration histories docs requirements

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-17s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(PYTHON_STAMP) $(AZURITE_STAMP)  ## install what is needed, below .venv and .landfall

$(PYTHON_STAMP): pyproject.toml spark_runtime/pyproject.toml scripts/setup
	@scripts/setup $@

$(AZURITE_STAMP): $(AZURITE)/package.json $(AZURITE)/package-lock.json | $(PYTHON_STAMP)
	@$(BIN)/python -m landfall.local.azurite

terraform-schemas: $(TERRAFORM_STAMP)  ## get the schemas that the tests of infra/terraform check against

$(TERRAFORM_STAMP): scripts/terraform-schemas tests/infra/provider/schema.py | $(PYTHON_STAMP)
	@scripts/terraform-schemas $@

classic-spark: $(CLASSIC_STAMP)  ## install Spark itself beside the laptop's engine, for the tests that compare them

$(CLASSIC_STAMP): scripts/classic-spark | $(PYTHON_STAMP)
	@scripts/classic-spark $@

data-factory: $(FACTORY_STAMP)  ## get the models and the expression engine that the tests of infra/adf check with

$(FACTORY_STAMP): scripts/data-factory | $(PYTHON_STAMP)
	@scripts/data-factory $@

azure-pipelines: $(PIPELINES_STAMP)  ## get the language service that the tests of infra/azure-pipelines check with

$(PIPELINES_STAMP): scripts/azure-pipelines | $(PYTHON_STAMP)
	@scripts/azure-pipelines $@

checkov: $(CHECKOV_STAMP)  ## get the scanner of settings that infra/terraform is held against

$(CHECKOV_STAMP): scripts/checkov scripts/checkov-requirements.txt | $(PYTHON_STAMP)
	@scripts/checkov $@

postgresql: $(POSTGRESQL_STAMP)  ## install PostgreSQL from Debian's packages, for the tests that copy from it

$(POSTGRESQL_STAMP): scripts/postgresql | $(PYTHON_STAMP)
	@scripts/postgresql $@

browser: $(BROWSER_STAMP)  ## get the browser that the tests of the console drive

$(BROWSER_STAMP): scripts/browser | $(PYTHON_STAMP)
	@scripts/browser $@

demo: setup  ## from nothing to gold tables: the example product on real data
	@$(BIN)/landfall demo

test: setup classic-spark terraform-schemas data-factory azure-pipelines checkov postgresql browser lint types  ## all that CI runs; where Java can be had, a share of the cases on Spark itself
	$(BIN)/pytest -n 2 --dist loadfile || { test $$? = 1 && $(MAKE) --no-print-directory test-again; }

test-again:  ## the tests that failed last, once more, alone
	$(BIN)/pytest --last-failed --last-failed-no-failures none --maxfail 1

engines: setup classic-spark  ## all cases on the laptop's engine and on Spark itself
	LANDFALL_ENGINES=all $(BIN)/pytest tests/contract/engines

test-fast: setup  ## unit and replay tests
	$(BIN)/pytest tests/unit tests/replay

chaos: share = 1
chaos: setup  ## kills, faults and storms in their long form, or a share of it (`share=0.05`); prints figures
	LANDFALL_CHAOS=$(share) $(BIN)/pytest tests/chaos -s

api-schema: examples = 300
api-schema: routes =
api-schema: setup  ## the API against its description, `examples` requests to each route, the same each time; `routes=runs` narrows it
	LANDFALL_SCHEMA_EXAMPLES=$(examples) $(BIN)/pytest tests/integration/api/test_api_schema.py -v $(if $(routes),-k "$(routes)")

fmt: setup  ## format, and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lint: setup  ## ruff
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup  ## mypy, strict
	$(BIN)/mypy

up: setup  ## start the laptop stack
	@$(BIN)/landfall up

down: setup  ## stop the laptop stack
	@$(BIN)/landfall down

bench: setup  ## run every benchmark, other orchestrators included, and draw the results: hours; name=NAME keeps them
	@scripts/bench $(BIN)/python $(name)

plots: setup  ## draw what benchmarks have measured: SVG files in benchmarks/results
	@$(BIN)/python benchmarks/plot.py

migration: setup  ## write a migration from the tables: make migration name=add_watermarks
	@test -n "$(name)" || { echo "say what it does: make migration name=add_watermarks" >&2; exit 2; }
	$(BIN)/python -m landfall.metadata.migrations.new "$(name)"

histories: setup  ## record what changed orchestrators decide, as a new version beside the old one
	$(BIN)/python -m tests.replay.record

docs: setup  ## write the generated files: JSON Schema of the product file, error codes, requirements.txt
	$(BIN)/python -m landfall.spec.json_schema
	$(BIN)/python -m scripts.error_codes
	@$(MAKE) --no-print-directory requirements

requirements: setup  ## pin what the deployed function app needs
	$(BIN)/uv pip compile pyproject.toml --python-version 3.11 --python-platform linux \
		--no-header --no-emit-index-url --no-annotate --quiet --output-file requirements.txt
