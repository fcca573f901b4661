# Hearth on one machine. Every target first makes sure that what it needs is installed (local/setup.sh).

PYTHON := .venv/bin/python
ROOT := $(if $(filter 0,$(shell id -u)),,sudo -E)
# Root's bytecode in the tree of somebody who used sudo could not be removed by them.
export PYTHONDONTWRITEBYTECODE := 1
# Several processes, each with a Redis, an AWS stand-in and folders of its own (tests/spread.py).
SPREAD := -p xdist.plugin -n auto --dist loadgroup --no-loadscope-reorder
PACKAGES := shared_lua worker_agent chalicelib infra local loadtest security_tests tests

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-cgroup2 images verify-images check up down status bench-first bench-worker bench-api loadtest soak loadtest-zips security data stage names package deploy undeploy clean

help: ## this list
	@sed -n 's/^\([a-z0-9-]*\):[^#]*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 22

setup: ## installs what is missing: Debian packages, the Python environment
	@local/setup.sh

demo: setup ## starts a stack, shows what Hearth does and what it costs, takes the stack down
	@$(ROOT) $(PYTHON) -m local demo

test: setup ## runs every test, on real Redis, Docker and an AWS stand-in
	@$(ROOT) $(PYTHON) -m local engine -- $(PYTHON) -m pytest $(SPREAD) $(ARGS)

test-cgroup2: setup ## runs the worker's tests on cgroup v2, in a small machine under qemu
	@tests/cgroup2/setup.sh
	@$(ROOT) $(PYTHON) -m local engine -- $(PYTHON) -m tests.cgroup2 $(ARGS)

images: setup ## builds the runtime images that are new
	@$(ROOT) $(PYTHON) -m local engine -- true

verify-images: setup ## builds every runtime image once more and compares the bytes
	@$(ROOT) $(PYTHON) -m local engine -- $(PYTHON) -m local.verify_images

check: setup ## lint, format and types
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m ruff format --check .
	@$(PYTHON) -m mypy $(addprefix -p ,$(PACKAGES))

up: setup ## starts a stack and stays in the foreground; Ctrl-C takes it down
	@$(ROOT) $(PYTHON) -m local up $(ARGS)

down: setup ## takes down the stack that `make up` started
	@$(ROOT) $(PYTHON) -m local down

status: setup ## says whether a stack runs, and where
	@$(ROOT) $(PYTHON) -m local status

bench-first: setup ## measures warm calls, cold starts and usage readings
	@$(ROOT) $(PYTHON) -m local engine -- $(PYTHON) -m loadtest.benches.first

bench-worker: setup ## measures sandboxes, pool and meter against their bars; ARGS="--out DIR" writes a chart
	@$(ROOT) $(PYTHON) -m local engine -- $(PYTHON) -m loadtest.benches.worker $(ARGS)

bench-api: setup ## measures refusals, admission and neighbours on a stack of its own; ARGS="--out DIR" writes a chart
	@$(ROOT) $(PYTHON) -m loadtest.benches.api $(ARGS)

loadtest: setup ## puts Hearth under load, scenarios 1-6, on stacks of its own: ARGS="noop --out docs/bench"
	@$(ROOT) $(PYTHON) -m local engine -- $(PYTHON) -m loadtest run $(ARGS)

soak: setup ## ten minutes of steady load, after which nothing may have grown
	@$(ROOT) $(PYTHON) -m local engine -- $(PYTHON) -m loadtest run soak --name soak $(ARGS)

loadtest-zips: setup loadtest/heavy_function.zip loadtest/heavy_function_cloud.zip ## the zips that go with the two k6 scripts

loadtest/heavy_function.zip loadtest/heavy_function_cloud.zip &: loadtest/scenarios/zips.py $(wildcard examples/heavy/*.py)
	@$(PYTHON) -m loadtest zips

security: setup ## scans a stack of its own from the inside: is there a way out of a sandbox?
	@$(ROOT) $(PYTHON) -m security_tests.on_a_stack $(ARGS)

export STAGE ?= dev
export STACK ?= hearth-data-$(STAGE)
INFRA := PYTHONPATH=.:api $(PYTHON) -m infra

data: setup ## creates or updates the data of STAGE in the AWS account at hand (docs/deploy.md)
	@$(INFRA) data --stage "$$STAGE"

stage: setup ## writes what `cd api && chalice deploy --stage STAGE` reads; changes nothing in the account
	@$(INFRA) stage --stage "$$STAGE"

names: setup ## writes the names of a stack's data for a shell: .hearth/names/STACK.env
	@$(INFRA) names --stack "$$STACK"

package: setup ## makes the controller's package and CloudFormation template: STAGE=prod, into .hearth/package/prod
	@$(INFRA) package --stage "$$STAGE"

deploy: setup ## deploys STAGE: data, stage and `chalice deploy` in one, from a clean copy of the tree
	@$(INFRA) deploy --stage "$$STAGE"

undeploy: setup ## deletes the controller of STAGE; the data stays
	@$(INFRA) delete --stage "$$STAGE"

clean: setup ## removes caches and logs; the environment and the images stay
	@$(ROOT) $(PYTHON) -m local down
	@$(ROOT) rm -rf api/.chalice/deployments .hearth .hearth-demo .mypy_cache .ruff_cache loadtest/*.zip
	@find . -name __pycache__ -not -path './.venv/*' -prune -exec $(ROOT) rm -rf {} +
