# The two commands of a newcomer are `make run` and `make test`; `make help` lists the rest.
.DEFAULT_GOAL := help
.PHONY: help install test-tools run test test-browser test-fast test-thorough test-python test-web test-faults check check-python check-web generate drift bench containers digests wheels lock audit sbom env clean

BIN := .venv/bin
MEMBERS := $(wildcard contracts/pyproject.toml libs/*/pyproject.toml services/*/pyproject.toml assistants/*/pyproject.toml)
NPM_LOCKS := $(wildcard contracts/package-lock.json web/package-lock.json web/chatkit-element/package-lock.json)
NPM_INSTALLED := $(NPM_LOCKS:package-lock.json=node_modules/.package-lock.json)
# What only tests need: the public MCP conformance suite, a mock of OpenAI's APIs, and an OpenID Connect provider.
TEST_TOOLS := tests/integration/runner/mcp_conformance tests/integration/runner/model_servers tests/e2e/oidc_provider
TEST_INSTALLED := $(TEST_TOOLS:=/node_modules/.package-lock.json)
WEB := $(wildcard web/package.json)
GENERATED := $(wildcard contracts/schemas.json contracts/typescript contracts/*.yaml deploy/*.conf deploy/helm/natter/files/*.conf ARCHITECTURE.md) \
    $(shell git ls-files "*.gen.*")

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "make %-11s %s\n", $$1, $$2}'

install: .venv/.installed $(NPM_INSTALLED) ## everything that a checkout needs, into the checkout
	@$(BIN)/python -m compileall -q contracts/src libs/*/src services/*/src assistants/*/src

.venv/.installed: requirements.lock pyproject.toml $(MEMBERS) scripts/install.sh
	@scripts/install.sh python
	@touch $@

# Not `npm ci`: it refuses a lock without the optional packages of other platforms, and a registry's mirror may not
# have those. `--no-save` takes the versions and hashes of the lock all the same, and leaves it as it is.
%/node_modules/.package-lock.json: %/package-lock.json
	@echo "npm install in $*"
	@cd $* && npm install --no-save --no-audit --no-fund --loglevel=error
	@touch $@

run: install ## start Natter (Ctrl-C stops it); options: make run ARGS="--no-web"
	@exec $(BIN)/natter up $(ARGS)

test: install test-python test-web ## the tests, with real servers; those in a browser are `make test-browser`

test-tools: install $(TEST_INSTALLED)
	@scripts/install.sh test-tools
	@scripts/install.sh helm

# File by file in the order of `testpaths`, the longest first: else one worker begins the longest file when the others
# have nothing left. What fails is tried once more with the machine for itself, and told in any case: a test of times
# may fail for what ran beside it, a defect fails twice.
PYTEST := $(BIN)/pytest -q -n 3 --dist loadfile --no-loadscope-reorder
AGAIN := echo "once more, alone: what failed" && $(BIN)/pytest -q --last-failed --last-failed-no-failures=none

# What everybody runs before a commit. The rest has commands of its own; continuous integration runs all but the thorough.
QUICK := not thorough and not browser and not faults

test-python: test-tools
	$(PYTEST) -m "$(QUICK)" || { [ $$? = 1 ] && $(AGAIN) -m "$(QUICK)"; }

# Where they are: to look for them in all files took each worker twenty seconds.
IN_BROWSER := tests/e2e tests/integration/test_compose.py
test-browser: test-tools ## the tests in Chromium, and of the built web app
	$(PYTEST) -m "browser and not thorough" $(IN_BROWSER) || { [ $$? = 1 ] && $(AGAIN) -m "browser and not thorough" $(IN_BROWSER); }

test-thorough: test-tools ## the rest, before a release: all crash points, every page against both servers, LiteLLM
	scripts/install.sh litellm
	$(PYTEST) -m thorough || { [ $$? = 1 ] && $(AGAIN) -m thorough; }

# Tests that start no browser, break nothing and need none of the test tools.
test-fast: install ## what tells within a minute whether a change is sound: the tests of libraries, services, contracts
	$(PYTEST) -m "not slow and not thorough" contracts libs services assistants tests/contract

WHEELS ?= dist
wheels: install ## the Python packages as wheels in dist/, for projects outside of this checkout
	cd web/chatkit-element && npm run --silent build && cp dist/chatkit*.js ../../libs/natter/src/natter/dev/
	scripts/install.sh wheels $(abspath $(WHEELS))

test-web: install
	$(if $(WEB),cd web && npm test)
	$(if $(WEB),cd web/chatkit-element && npm test)

SECONDS ?= 60
SEED ?= 15
CLUSTER ?= 1
test-faults: export NEMESIS_SEED = $(SEED)
test-faults: export NEMESIS_SECONDS = $(SECONDS)
test-faults: export NEMESIS_CLUSTER = $(CLUSTER)
test-faults: install ## whole stacks killed, paused, poisoned; SECONDS (60) of one SEED or more (15, "" is any), CLUSTER (1)
	$(PYTEST) -m "faults and not thorough" || { [ $$? = 1 ] && $(AGAIN) -m "faults and not thorough"; }

check: install check-python drift check-web ## lint, types, layers, drift of generated files

check-python: install
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	PYRIGHT_PYTHON_IGNORE_WARNINGS=1 $(BIN)/pyright --warnings
	$(BIN)/lint-imports

check-web: install
	$(if $(WEB),cd web && npm run lint && npm run typecheck)
	$(if $(WEB),cd web/chatkit-element && npm run typecheck)

generate: install ## write the files that come from contracts/
	$(BIN)/python -m auth_edge openapi contracts/conversation-openapi.yaml
	$(BIN)/python -m contracts.generate
	cd contracts && npm run --silent generate
	$(if $(WEB),cd web && npm run --silent generate)

drift: generate
	git diff --exit-code -- $(GENERATED)

containers: test-tools ## docker-compose.yml in real containers (needs an engine)
	$(BIN)/pytest -q -s tests/containers

digests: ## pin the base images by digest in .env (needs Docker and a registry that can be reached)
	@scripts/image_digests.sh

bench: install ## measure loads beside the stock ChatKit server, and draw them; options: make bench LOADS="one hundred"
	$(BIN)/python -m bench.loads $(LOADS)
	$(BIN)/python -m bench.table

lock: ## resolve again and write requirements.lock; options: make lock ARGS=--upgrade
	PATH="$$(dirname "$$(scripts/install.sh uv)"):$$PATH" python3 scripts/lock.py $(ARGS)

audit: install ## known holes, signatures and licences of what we depend on (SECURITY.md)
	@PATH="$$(dirname "$$(scripts/install.sh uv)"):$$PATH" python3 scripts/audit.py audit

sbom: install ## the list of what we depend on, in CycloneDX: build/sbom/
	@PATH="$$(dirname "$$(scripts/install.sh uv)"):$$PATH" python3 scripts/audit.py sbom

env: ## write .env with fresh secrets, for docker compose
	@python3 scripts/new_env.py

clean: ## remove what was installed and built (not the data in .natter)
	rm -rf .venv .uv .tools web/node_modules web/.next web/chatkit-element/node_modules $(dir $(TEST_INSTALLED)) tests/integration/runner/model_servers/.venv tests/integration/runner/model_servers/.extra tests/s3_server/.venv
