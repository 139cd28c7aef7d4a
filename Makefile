# Everything below runs on a fresh machine with Python >= 3.10, make and a package index.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The development environment, with hashes; `make LOCK= …` takes the newest versions instead.
LOCK := requirements-dev.txt
# A virtual environment that uv has made holds no pip, so uv installs into it.
UV := $(shell grep -qs '^uv =' $(VENV)/pyvenv.cfg && echo uv)
INSTALL := $(if $(UV),uv pip install -q --python $(BIN)/python,$(BIN)/python -m pip install -q)
# Byte code on: every scenario starts processes, and each would compile the package anew. What
# scenarios write themselves is left out by tests/conftest.py.
export PYTHONDONTWRITEBYTECODE :=
export UV_COMPILE_BYTECODE := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export NO_MKDOCS_2_WARNING := 1

PYTEST := $(BIN)/python -m pytest -q -p no:cacheprovider
PARALLEL := -n auto --dist worksteal

.DEFAULT_GOAL := help
.PHONY: help demo docs pictures test test-all test-real test-long test-lowest mutation \
  check lint lint-gitops format hooks lock pulumi bench clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 14

demo: $(VENV)/.demo ## a backfill on a local Zuora: started once, a lost answer, a second stack, an approval
	@$(BIN)/python examples/demo.py

docs: $(VENV)/.dev ## build the docs as a site in site/; a broken link is an error
	@$(BIN)/mkdocs build --strict --site-dir site

pictures: $(VENV)/.dev ## make the docs' pictures and sessions anew, from real runs
	@$(BIN)/python -m tests.docs.pictures

test: $(VENV)/.dev ## two minutes on two cores: every behaviour once, scenarios on EmbeddedStack
	@$(PYTEST) $(PARALLEL) -m "not slow"

test-all: $(VENV)/.dev ## all tests, the slow ones too; on the pulumi CLI too, if there is one
	@$(PYTEST) $(PARALLEL) --engines all

test-real: $(VENV)/.dev ## only what needs the pulumi CLI
	@$(PYTEST) $(PARALLEL) --engines real

test-long: $(VENV)/.dev ## play at least 2,000 random histories against the idempotency contract, and 100 on whole stacks
	@ZBF_PROFILE=long $(PYTEST) --timeout 0 tests/test_contract.py tests/test_contract_stack.py

test-lowest: ## run the tests on the lowest supported versions of the dependencies
	@$(PYTHON) -m venv $(VENV)-lowest
	@$(VENV)-lowest/bin/python -m pip install -q pulumi==3.139.0 requests==2.32.2 tenacity==9.0.0 werkzeug==3.1.0 click==8.2.0 rich==14.0.0 setuptools pytest pytest-timeout pytest-xdist hypothesis
	@$(VENV)-lowest/bin/python -m pip install -q --no-deps -e .
	@$(VENV)-lowest/bin/python -m pytest -q -p no:cacheprovider $(PARALLEL) --ignore tests/test_gitops.py # which needs linters

mutation: $(VENV)/.dev ## break the idempotency contract's modules on purpose, and list what no test notices (JOBS=1: on one core)
	@$(BIN)/python -m tests.mutation $(if $(JOBS),--jobs $(JOBS))

check: lint lint-gitops docs ## lint, docs, and what is published, installed with each extra
	$(BIN)/python tests/smoke.py

lint: $(VENV)/.dev ## code, format, types, docstrings; what a commit has to pass
	$(BIN)/ruff check --no-cache .
	$(BIN)/ruff format --no-cache --check .
	$(BIN)/mypy
	$(BIN)/mypy policy
	$(BIN)/interrogate pulumi_zuora_backfill policy gitops tests examples benchmarks

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

hooks: $(VENV)/.dev ## let git run `make lint` at each commit, and `make check` at each push
	@$(BIN)/pre-commit install

lock: ## write requirements-dev.txt anew, with the newest versions (needs uv)
	@uv export -q --upgrade --all-groups --all-extras --no-emit-project --no-annotate -o requirements-dev.txt

pulumi: $(VENV)/.demo ## install the official pulumi CLI into ~/.pulumi with Pulumi's own installer
	@$(BIN)/python -c "import os; from pulumi.automation import PulumiCommand as P; print('pulumi', P.install(root=os.path.expanduser('~/.pulumi')).version, 'is in ~/.pulumi/bin')" 2>/dev/null \
	  || { echo "Pulumi's installer could not be fetched or run. Install the CLI by hand (https://www.pulumi.com/docs/install/); make demo and make test go on without."; exit 1; }

bench: $(VENV)/.demo ## measure up and destroy against the floor, side by side
	@$(BIN)/python -m benchmarks

clean: ## remove the virtual environment and what was built
	rm -rf $(VENV) $(VENV)-lowest .mypy_cache dist mutants site

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { echo "Python 3.10 or newer is needed; set PYTHON=/path/to/python3"; exit 1; }
	@echo "Setting up $(VENV) with $$($(PYTHON) --version)."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -q --upgrade pip

$(VENV)/.demo: pyproject.toml | $(VENV)/bin/python
	@$(INSTALL) -e '.[cli,testing]'
	@touch $@

$(VENV)/.dev: pyproject.toml $(LOCK) | $(VENV)/bin/python
	@$(if $(LOCK),$(INSTALL) --require-hashes -r $(LOCK) && $(INSTALL) --no-deps -e .,$(INSTALL) -e . --group dev --group docs)
	@$(if $(UV),$(INSTALL) pip) # the pulumi CLI asks for it
	@touch $@ $(VENV)/.demo
