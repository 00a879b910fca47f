# `make help` lists the commands. Each makes the environment it needs first.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

VENV := .venv
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
export SAM_CLI_TELEMETRY := 0
# Where it is set, every process compiles all that it imports: half of a short one's time, and the stack starts hundreds.
export PYTHONDONTWRITEBYTECODE :=

PYTEST := python -m pytest

# $(call environment,folder,lock): a virtual environment that holds exactly the lock's packages, made anew when the lock has changed.
define environment
	@cmp -s $(2) $(1)/lock.txt && $(1)/bin/python -c "" 2>/dev/null || { \
		for candidate in $(or $(PYTHON),python3.13 python3.12 python3.11 python3.14 python3); do \
			if "$$candidate" -c "import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))" >/dev/null 2>&1; then found="$$candidate"; break; fi; \
		done; \
		if [ -z "$${found:-}" ]; then echo "Hub needs Python 3.11 or later with its venv module (Debian: python3-venv). Name one that is not on the PATH: make PYTHON=/path/to/python3" >&2; exit 1; fi; \
		echo "Installing $(2) into $(1), about half a minute"; \
		"$$found" -m venv --clear $(1); \
		$(1)/bin/python -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes --no-deps --only-binary=:all: --requirement $(2); \
		cp $(2) $(1)/lock.txt; \
	}
endef

.PHONY: help
help: ## This list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: venv
venv: ## The tools, pinned, in .venv
	$(call environment,$(VENV),requirements/dev.txt)

.PHONY: lock
# The layer takes what the tools around it agree on, so that tests run what is deployed.
lock: venv ## Pin all dependencies again (UPGRADE=1: take newer ones)
	@compile="uv pip compile --universal --python-version 3.11 --generate-hashes --no-build --default-index https://pypi.org/simple --quiet --custom-compile-command make\ lock $(if $(UPGRADE),--upgrade)"; \
	eval $$compile requirements/dev.in --output-file requirements/dev.txt; \
	eval $$compile layers/runtime/requirements.in --constraint requirements/dev.txt --no-emit-package botocore --no-emit-package python-dateutil --no-emit-package six --output-file layers/runtime/requirements.txt; \
	eval $$compile requirements/checkov.in --output-file requirements/checkov.txt

.PHONY: build
build: venv ## Build functions and layers for the embedded run
	@python -m local build

.PHONY: run
run: venv ## The whole system on ports 3000 and 9527, devices on 8883 (DETACH=1: in the background)
	@exec python -m local run $(if $(DETACH),--detach)

.PHONY: stop
stop: venv ## Stop the system in the background
	@python -m local stop

.PHONY: invoke
invoke: venv ## Call one function of the running system: FN=ApiKeysFunction EVENT=events/….json
	@python -m local invoke "$(FN)" "$(EVENT)"

.PHONY: test
STAGES := lint types templates unit contract e2e
test: venv node ## Everything that must pass: lint, types, templates, unit, contract, e2e
	@failed=(); for stage in $(STAGES); do \
		printf '\n=== %s\n' "$$stage"; \
		$(MAKE) "$$stage" || failed+=("$$stage"); \
	done; \
	if (( $${#failed[@]} )); then echo "FAILED: $${failed[*]}" >&2; exit 1; fi; \
	echo "All passed: $(STAGES)"

.PHONY: check
check: lint types templates security ## Everything that reads the code without running it

.PHONY: lint
lint: venv ## Style and likely bugs (ruff)
	@ruff check .
	@ruff format --check .

.PHONY: format
format: venv ## Put the code into its form (ruff)
	@ruff check --fix-only --quiet .
	@ruff format .

.PHONY: types
types: venv ## Types (mypy --strict)
	@mypy

.PHONY: templates
templates: venv ## template.yaml against the services' schemas (sam validate, which runs cfn-lint)
	@sam validate --lint --region us-east-1

.PHONY: security
security: ## template.yaml against security rules (checkov)
	$(call environment,.venv-checkov,requirements/checkov.txt)
	@.venv-checkov/bin/checkov --config-file .checkov.yaml

.PHONY: unit
unit: venv ## Unit tests, AWS in memory (moto)
	@$(PYTEST) tests/unit -n auto

.PHONY: contract
contract: venv node ## Every example of the documents
	@$(PYTEST) tests/contract -n auto

.PHONY: node
node: ## What tests run on Node.js: an OAuth client, verifiers, an emulator, descriptions of APIs and a browser's driver, pinned, in tests/node/node_modules
	@cd tests/node && { cmp -s package-lock.json node_modules/lock.json || { \
		npm ci --ignore-scripts --no-audit --no-fund --loglevel=error && cp package-lock.json node_modules/lock.json; }; }

.PHONY: e2e
e2e: venv node ## The deployed template, on ports and data of its own
	@$(PYTEST) tests/e2e -n 3 --dist loadfile --no-loadscope-reorder

.PHONY: bench
bench: venv ## Calls, CPU, imports and cost of every endpoint and worker, into docs/benchmarks.md
	@python -m tests.benchmarks

.PHONY: load
load: venv ## 10,000 events to 20 endpoints, four of them bad, into docs/load.md (12 minutes)
	@python -m tests.load

.PHONY: openapi
openapi: venv ## The API's description, from the resolvers
	@python -m local.openapi

.PHONY: deploy
deploy: venv ## Build for Lambda and deploy to your AWS account, asking first (ENV=prod: the prod stack)
	@python -m local build --for-aws
	@sam deploy --guided --config-env $(or $(filter-out dev,$(ENV)),default)

.PHONY: redrive
redrive: venv ## Dead letters: list them, or send them back with QUEUE=<name>|all; STACK=hub-dev: on AWS
	@python -m operations redrive $(if $(STACK),--stack "$(STACK)") $(if $(SHOW),--show "$(SHOW)") $(if $(QUEUE),--send $(QUEUE))

.PHONY: rebuild-statistics
rebuild-statistics: venv ## Count the support desk's figures and all totals anew, TENANT=<name>: of one; STACK=hub-dev: on AWS
	@python -m operations rebuild-statistics $(if $(STACK),--stack "$(STACK)") $(if $(TENANT),--tenant "$(TENANT)")

.PHONY: clean
clean: ## Remove everything that was built or installed here; the embedded run's data (.local) stays
	@rm -rf $(VENV) .venv-checkov tests/node/node_modules .aws-sam .mypy_cache .ruff_cache .pytest_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
