# Two environments: .venv serves (locked with hashes, no torch), .venv-dev develops and tests.
PYTHON ?= python3.11
MODEL ?= models/demo
PORT ?= 5001
IMAGE ?= nsfw-image-detector
TAG ?= latest
BUILDER ?= $(shell docker info >/dev/null 2>&1 && echo docker || echo buildah)
PIP := -m pip --disable-pip-version-check --quiet

.PHONY: help demo test serve lint typecheck format bench bench-long swagger azure azurite image lock clean

help: ## Show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1	/'

demo: .venv/ready ## Score the sample photos under the real server
	@.venv/bin/python -m scripts.demo

serve: .venv/ready $(if $(wildcard $(MODEL)),,.venv/hub) ## Serve MODEL=<folder or Hugging Face id> until Ctrl-C
	@.venv/bin/python -m scripts.serve $(MODEL) --port $(PORT)

test: .venv-dev/ready .venv-dev/azurite lint typecheck ## Lint, type-check and run all tests
	.venv-dev/bin/python -m pytest -n 2 --dist loadfile

lint: .venv-dev/ready
	.venv-dev/bin/ruff check .
	.venv-dev/bin/ruff format --check .

typecheck: .venv-dev/ready
	.venv-dev/bin/mypy

format: .venv-dev/ready ## Format the code
	.venv-dev/bin/ruff check --fix .
	.venv-dev/bin/ruff format .

bench: .venv-dev/ready ## Measure speed beside the alternatives, in about five minutes
	.venv-dev/bin/python -m benchmarks

bench-long: .venv-dev/ready ## The same with enough runs to rely on
	.venv-dev/bin/python -m benchmarks --long

swagger: .venv-dev/ready ## Regenerate swagger3.json from the request and answer models
	.venv-dev/bin/python -m nsfw_detector.openapi > swagger3.json

azure: .venv/azure ## Prepare the scripts that work on Azure
	@echo "Ready. Sign in with \`az login\`, then: .venv/bin/python -m scripts.provision --help"

azurite: .venv-dev/azurite

image: ## Build the serving image, with docker or else buildah: BASE_IMAGE, IMAGE, TAG, BUILD_FLAGS
	$(BUILDER) build $(BUILD_FLAGS) $(if $(BASE_IMAGE),--build-arg BASE_IMAGE=$(BASE_IMAGE)) \
		--tag $(IMAGE)-cpu:$(TAG) environment
	$(BUILDER) build $(BUILD_FLAGS) --build-arg BASE_IMAGE=$(IMAGE)-cpu:$(TAG) \
		--tag $(IMAGE):$(TAG) --file environment/standalone.Dockerfile .
	@$(BUILDER) images $(IMAGE):$(TAG)
	@echo 'Run it: docker run --rm -p 5001:5001 -v "$$PWD/$(MODEL):/model:ro" $(IMAGE):$(TAG)'

lock: ## Resolve the requirements anew (the newest versions that fit)
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python $(PIP) install uv
	cd environment && for name in cpu gpu batch batch-gpu hub azure; do ../.venv-lock/bin/uv pip compile $$name.in -o $$name.lock \
		--upgrade --generate-hashes --python-version 3.11 --quiet \
		--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"; done
	.venv-lock/bin/python $(PIP) install -r environment/dev.in
	(echo '# Made by `make lock`. Versions only: the CPU build of torch is another file than the index has.'; \
		.venv-lock/bin/python $(PIP) freeze --exclude uv | sed -E 's/ @ .*torch-([0-9.]+).*/==\1/; s/\+cpu$$//') > environment/dev.lock
	$(PYTHON) -m scripts.environment_files
	rm -rf .venv-lock

clean: ## Remove both environments
	rm -rf .venv .venv-dev .venv-lock

.venv/ready: environment/cpu.lock
	@echo "Installing the serving environment (first time only) ..."
	@$(PYTHON) -m venv .venv
	@.venv/bin/python $(PIP) install --require-hashes -r environment/cpu.lock
	@touch $@

.venv/hub: .venv/ready environment/hub.lock
	@.venv/bin/python $(PIP) install --require-hashes -r environment/hub.lock
	@touch $@

.venv/azure: .venv/hub environment/azure.lock
	@echo "Installing the clients of Azure (first time only) ..."
	@.venv/bin/python $(PIP) install --require-hashes -r environment/azure.lock
	@touch $@

.venv-dev/ready: environment/dev.lock
	@echo "Installing the development environment (first time only) ..."
	@$(PYTHON) -m venv .venv-dev
	@.venv-dev/bin/python $(PIP) install -r environment/dev.lock
	@touch $@

.venv-dev/azurite: .venv-dev/ready tests/cloud/package-lock.json
	@echo "Installing Azure's storage emulator for the tests (first time only) ..."
	@mkdir -p .venv-dev/node && cp tests/cloud/package.json tests/cloud/package-lock.json .venv-dev/node
	@if command -v npm >/dev/null; then npm ci --prefix .venv-dev/node --silent; \
		else echo "npm is not installed: tests that need the emulator will be skipped."; fi
	@touch $@
