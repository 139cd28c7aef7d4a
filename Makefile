# Everything below runs on a fresh machine with Python >= 3.10, make and a package index.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PYTHONDONTWRITEBYTECODE := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export NO_MKDOCS_2_WARNING := 1

.DEFAULT_GOAL := help
.PHONY: help demo docs pictures test test-all test-real test-long test-lowest mutation check lint-gitops format pulumi bench clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 14

demo: $(VENV)/.demo ## a backfill on a local Zuora: started once, a lost answer, a second stack, an approval
	@$(BIN)/python examples/demo.py

docs: $(VENV)/.docs ## build the docs as a site in site/; a broken link is an error
	@$(BIN)/mkdocs build --strict --site-dir site

pictures: $(VENV)/.dev $(VENV)/.docs ## make the docs' pictures and sessions anew, from real runs
	@$(BIN)/python -m tests.docs.pictures

test: $(VENV)/.dev ## run the tests; scenarios on EmbeddedStack, on all cores
	@$(BIN)/python -m pytest -q -p no:cacheprovider -n auto

test-all: $(VENV)/.dev ## run all tests; scenarios and comparisons on the pulumi CLI too
	@$(BIN)/python -m pytest -q -p no:cacheprovider -n auto --engines all

test-real: $(VENV)/.dev ## run only what needs the pulumi CLI
	@$(BIN)/python -m pytest -q -p no:cacheprovider -n auto --engines real

test-long: $(VENV)/.dev ## play at least 2,000 random histories against the idempotency contract, and 100 on whole stacks
	@ZBF_PROFILE=long $(BIN)/python -m pytest -q -p no:cacheprovider --timeout 0 tests/test_contract.py tests/test_contract_stack.py

test-lowest: ## run the tests on the lowest supported versions of the dependencies
	@$(PYTHON) -m venv $(VENV)-lowest
	@$(VENV)-lowest/bin/python -m pip install -q pulumi==3.139.0 requests==2.32.2 tenacity==9.0.0 werkzeug==3.1.0 setuptools pytest pytest-timeout hypothesis
	@$(VENV)-lowest/bin/python -m pip install -q --no-deps -e .
	@$(VENV)-lowest/bin/python -m pytest -q -p no:cacheprovider --ignore tests/test_gitops.py # which needs linters

mutation: $(VENV)/.dev ## break the idempotency contract's modules on purpose, and list what no test notices (JOBS=1: on one core)
	@$(BIN)/python -m tests.mutation $(if $(JOBS),--jobs $(JOBS))

check: $(VENV)/.dev docs lint-gitops ## lint, format, types, docstrings, docs, wheel and a smoke test of the installed wheel
	$(BIN)/ruff check --no-cache .
	$(BIN)/ruff format --no-cache --check .
	$(BIN)/mypy --cache-dir=/dev/null
	$(BIN)/interrogate pulumi_zuora_backfill gitops tests examples benchmarks
	$(BIN)/python tests/smoke.py

lint-gitops: $(VENV)/.dev ## lint the workflows, pipelines and manifests in gitops/
	$(BIN)/yamllint --strict -c gitops/.yamllint.yml gitops
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows gitops/github/*.yml
	$(BIN)/check-jsonschema --builtin-schema custom.github-workflows-require-timeout gitops/github/*.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.gitlab-ci --data-transform gitlab-ci gitops/gitlab/.gitlab-ci.yml
	$(BIN)/check-jsonschema --schemafile tests/gitops/stack.schema.json gitops/operator/stack.yaml
	$(BIN)/zizmor --offline --pedantic --no-progress -q gitops/github/*.yml
	@if command -v actionlint > /dev/null; then PATH="$(CURDIR)/$(BIN):$$PATH" actionlint -ignore 'unexpected key "queue"' gitops/github/*.yml && echo "actionlint: no finding"; \
	  else echo "actionlint is left out: not on PATH (go install github.com/rhysd/actionlint/cmd/actionlint@v1.7.12)"; fi

format: $(VENV)/.dev ## bring the code into form
	$(BIN)/ruff check --no-cache --fix .
	$(BIN)/ruff format --no-cache .

pulumi: $(VENV)/.demo ## install the official pulumi CLI into ~/.pulumi with Pulumi's own installer
	@$(BIN)/python -c "import os; from pulumi.automation import PulumiCommand as P; print('pulumi', P.install(root=os.path.expanduser('~/.pulumi')).version, 'is in ~/.pulumi/bin')" 2>/dev/null \
	  || { echo "Pulumi's installer could not be fetched or run. Install the CLI by hand (https://www.pulumi.com/docs/install/); make demo and make test go on without."; exit 1; }

bench: $(VENV)/.demo ## measure up and destroy against the floor, side by side
	@$(BIN)/python -m benchmarks

clean: ## remove the virtual environment and what was built
	rm -rf $(VENV) $(VENV)-lowest dist mutants site

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { echo "Python 3.10 or newer is needed; set PYTHON=/path/to/python3"; exit 1; }
	@echo "Setting up $(VENV) with $$($(PYTHON) --version)."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -q --upgrade pip

$(VENV)/.demo: pyproject.toml | $(VENV)/bin/python
	@$(BIN)/python -m pip install -q -e '.[testing]'
	@touch $@

$(VENV)/.dev: pyproject.toml | $(VENV)/.demo
	@$(BIN)/python -m pip install -q --group dev
	@touch $@

$(VENV)/.docs: pyproject.toml | $(VENV)/.demo
	@$(BIN)/python -m pip install -q --group docs
	@touch $@
