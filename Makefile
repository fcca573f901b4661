# Hearth on one machine. A target first installs what it needs and is missing (local/setup.sh); `status` and `down` install
# nothing.

PYTHON := .venv/bin/python
# Without sudo the command itself says that it needs root, and why.
ROOT := $(if $(filter 0,$(shell id -u)),,$(if $(shell command -v sudo),sudo -E))
# Python starts with Ctrl-C and SIGTERM blocked until it can take them; else one in its first moments is a traceback.
LOCAL := env --block-signal=INT,TERM $(PYTHON) -m local
# Files that root compiled in the clone of a user who calls sudo could not be removed by that user.
export PYTHONDONTWRITEBYTECODE := 1
# Several processes, each with a Redis, an AWS stand-in and folders of its own (tests/spread.py).
SPREAD := -p xdist.plugin -n auto --dist loadgroup --no-loadscope-reorder
PACKAGES := shared_lua worker_agent chalicelib infra local loadtest security_tests tests

# In front of a command that needs an environment but installs none: ends the recipe with this code if there is none.
IF_INSTALLED = [ -x $(PYTHON) ] || { echo "no stack is running: nothing is installed yet (\`make up\` does it)"; exit $(1); }

.DEFAULT_GOAL := help
.PHONY: help setup setup-run setup-python setup-check setup-test demo test test-cgroup2 images verify-images check up down status bench-first bench-worker bench-api loadtest soak loadtest-zips security data stage names package deploy undeploy clean

help: ## this list
	@sed -n 's/^\([a-z0-9-]*\):[^#]*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 22

setup: setup-test ## installs everything that any target needs: Debian packages, the Python environment

setup-run setup-python setup-check setup-test:
	@local/setup.sh $(@:setup-%=%)

demo: setup-run ## starts a stack, shows what Hearth does and what it costs, takes the stack down
	@$(ROOT) $(LOCAL) demo

up: setup-run ## starts a stack and stays in the foreground; Ctrl-C takes it down
	@$(ROOT) $(LOCAL) up $(ARGS)

down: ## takes down the stack that `make up` started
	@$(call IF_INSTALLED,0); $(ROOT) $(LOCAL) down

status: ## says whether a stack runs, and where
	@$(call IF_INSTALLED,1); $(LOCAL) status

check: setup-check ## lint, format and types
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m ruff format --check .
	@$(PYTHON) -m mypy $(addprefix -p ,$(PACKAGES))

test: setup-test ## runs every test, on real Redis, Docker and an AWS stand-in
	@$(ROOT) $(LOCAL) engine -- $(PYTHON) -m pytest $(SPREAD) $(ARGS)

test-cgroup2: setup-test ## runs the worker's tests on cgroup v2, in a small machine under qemu
	@tests/cgroup2/setup.sh
	@$(ROOT) $(LOCAL) engine -- $(PYTHON) -m tests.cgroup2 $(ARGS)

security: setup-run ## scans a stack of its own from the inside: is there a way out of a sandbox?
	@$(ROOT) $(PYTHON) -m security_tests.on_a_stack $(ARGS)

images: setup-run ## builds the runtime images that are new
	@$(ROOT) $(LOCAL) engine -- true

verify-images: setup-run ## builds every runtime image once more and compares the bytes
	@$(ROOT) $(LOCAL) engine -- $(PYTHON) -m local.verify_images

bench-first: setup-run ## measures warm calls, cold starts and usage readings
	@$(ROOT) $(LOCAL) engine -- $(PYTHON) -m loadtest.benches.first

bench-worker: setup-run ## measures sandboxes, pool and meter against their bars; ARGS="--out DIR" writes a chart
	@$(ROOT) $(LOCAL) engine -- $(PYTHON) -m loadtest.benches.worker $(ARGS)

bench-api: setup-test ## measures refusals, admission and neighbours on a stack of its own; ARGS="--out DIR" writes a chart
	@$(ROOT) $(PYTHON) -m loadtest.benches.api $(ARGS)

loadtest: setup-test ## puts Hearth under load, scenarios 1-6, on stacks of its own: ARGS="noop --out docs/bench"
	@$(ROOT) $(LOCAL) engine -- $(PYTHON) -m loadtest run $(ARGS)

soak: setup-test ## ten minutes of steady load, after which nothing may have grown
	@$(ROOT) $(LOCAL) engine -- $(PYTHON) -m loadtest run soak --name soak $(ARGS)

loadtest-zips: setup-python loadtest/heavy_function.zip loadtest/heavy_function_cloud.zip ## the zips that go with the two k6 scripts

loadtest/heavy_function.zip loadtest/heavy_function_cloud.zip &: loadtest/scenarios/zips.py $(wildcard examples/heavy/*.py)
	@$(PYTHON) -m loadtest zips

export STAGE ?= dev
export STACK ?= hearth-data-$(STAGE)
INFRA := PYTHONPATH=.:api $(PYTHON) -m infra

data: setup-python ## creates or updates the data of STAGE in the AWS account at hand (docs/deploy.md)
	@$(INFRA) data --stage "$$STAGE"

stage: setup-python ## writes what `cd api && chalice deploy --stage STAGE` reads; changes nothing in the account
	@$(INFRA) stage --stage "$$STAGE"

names: setup-python ## writes the names of a stack's data for a shell: .hearth/names/STACK.env
	@$(INFRA) names --stack "$$STACK"

package: setup-python ## makes the controller's package and CloudFormation template: STAGE=prod, into .hearth/package/prod
	@$(INFRA) package --stage "$$STAGE"

deploy: setup-python ## deploys STAGE: data, stage and `chalice deploy` in one, from a clean copy of the tree
	@$(INFRA) deploy --stage "$$STAGE"

undeploy: setup-python ## deletes the controller of STAGE; the data stays
	@$(INFRA) delete --stage "$$STAGE"

clean: ## takes the stack down and removes caches and logs; the environment and the images stay
	@[ ! -x $(PYTHON) ] || $(ROOT) $(LOCAL) down
	@$(ROOT) rm -rf api/.chalice/deployments .hearth .hearth-demo .mypy_cache .ruff_cache loadtest/*.zip
	@find . -name __pycache__ -not -path './.venv/*' -prune -exec $(ROOT) rm -rf {} +
