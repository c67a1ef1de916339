# make serve   everything: environment, weights, export, Triton and the gateway on 127.0.0.1:8000
# make page    the web page, where something in it has changed
# make bench   Limner against upstream and plain ONNX Runtime, half an hour or so; SHORT=1 takes two minutes
# make images  the container images, with Docker: docs/containers.md
# make sbom    what everything is made of, CycloneDX, into build/sbom: docs/supply-chain.md
# make test    all tests, with the real Triton server
# make soak    an hour of small requests; memory, handles and tasks return to where they were: docs/reliability.md
.DEFAULT_GOAL := help
SHELL := /bin/sh

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
# Locks are complete, so nothing asks for dependencies: packages would name builds that overwrite those of serving.
# pip shows no progress when it is to be quiet, so on a terminal it is not: some packages take minutes on a slow line.
QUIET := $(if $(MAKE_TERMOUT),,--quiet)
INSTALL := $(PIP) install $(QUIET) --no-deps --require-hashes

# The first of these that runs, is 3.10 to 3.12 and can make environments; PYTHON=... chooses another.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.10 python3; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(not (3, 10) <= sys.version_info < (3, 13))' >/dev/null 2>&1 \
	&& { command -v $$p; break; }; done)

# Networks on a GPU: LIMNER_PROFILE=gpu, see docs/gpu.md. These libraries are not on the package index themselves: what
# is there under this name fetches them from NVIDIA's. ONNX Runtime 1.23 was built with this version.
TENSORRT := tensorrt-cu12-libs==10.9.0.34
SERVE := $(if $(filter gpu,$(LIMNER_PROFILE)),gpu,serve)

DOCKER ?= docker
VERSION = $(shell sed -n 's/^__version__ = "\(.*\)"$$/\1/p' limner/__init__.py)

.PHONY: help serve page images sbom bench test soak lint format clean lock upstream

help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile

serve: $(VENV)/.$(SERVE)
	@$(BIN)/python -m gateway.web.build --optional
	@exec $(BIN)/limner serve

page: $(VENV)/.serve
	@$(BIN)/python -m gateway.web.build

images:
	@set -e; for image in exporter triton gateway; do \
	$(DOCKER) build --build-arg VERSION=$(VERSION) -f deploy/docker/$$image.Dockerfile -t limner-$$image:$(VERSION) .; done

sbom: $(VENV)/.test
	@$(BIN)/python -m deploy.sbom

test: $(VENV)/.test upstream page
	$(BIN)/python -m pytest

soak: $(VENV)/.test
	$(BIN)/python -m tests.soak.run

bench: $(VENV)/.test upstream
	$(BIN)/limner bench $(if $(SHORT),--short)

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy limner cli ensemble export gateway serving backends perf deploy tests
	$(BIN)/clang-format --dry-run -Werror kernels/rrdb/*.cc kernels/rrdb/*.h
	$(BIN)/python -m gateway.web.build --then check
	@for model in model_repository/*/1/model.py backends/*/model.py; do $(BIN)/mypy --no-error-summary $$model || exit 1; done

format: $(VENV)/.test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/clang-format -i kernels/rrdb/*.cc kernels/rrdb/*.h
	$(BIN)/python -m gateway.web.build --then format

# Upstream's own packages, in an environment of their own: the oracle of the tests.
upstream: $(VENV)/.test
	@$(BIN)/python -m tests.upstream.install

# Locks follow pyproject.toml; run after a change there. opencv-python has the files of opencv-python-headless, and
# needs libGL, which servers lack; onnxruntime those of onnxruntime-gpu. Serving has installed the right one of each.
# What single images need is in *.in.
lock: $(VENV)/.serve
	$(PIP) install --quiet uv==0.13.9
	@set -e; compile="$(BIN)/uv pip compile --quiet --universal --python-version 3.10 --generate-hashes --no-header \
	--no-annotate"; project="$$compile pyproject.toml"; \
	$$project -o requirements/serve.txt; \
	$$project --extra gpu -c requirements/serve.txt --no-emit-package onnxruntime -o requirements/gpu.txt; \
	theirs="-c requirements/serve.txt --no-emit-package opencv-python --no-emit-package onnxruntime"; \
	$$project $$theirs --extra export -o requirements/export.txt; \
	$$project $$theirs --extra export --extra perf --extra test -o requirements/test.txt; \
	$$project $$theirs --extra page -o requirements/page.txt; \
	for image in gateway triton exporter; do $$compile -c requirements/serve.txt -c requirements/export.txt \
	--no-emit-package opencv-python requirements/$$image.in -o requirements/$$image.txt; done

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "Limner needs Python 3.10, 3.11 or 3.12 with venv. On Debian or Ubuntu:" \
	"apt-get install python3 python3-venv"; exit 1; }
	@echo "Making the environment $(VENV) with $$($(PYTHON) --version) ..."
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.serve: requirements/serve.txt pyproject.toml | $(VENV)/bin/python
	@echo "Installing what serving needs (Triton, OpenVINO, the gateway) ..."
	@$(INSTALL) -r requirements/serve.txt
	@$(PIP) install --quiet --no-deps --editable .
	@$(BIN)/python -m serving.libpython
	@touch $@

# The two builds of ONNX Runtime are packages of different names with the same files.
$(VENV)/.gpu: requirements/gpu.txt $(VENV)/.serve
	@echo "Installing what a GPU needs (CUDA, cuDNN, TensorRT: some 6 GB) ..."
	@$(PIP) uninstall --quiet --yes onnxruntime onnxruntime-gpu
	@$(INSTALL) -r requirements/gpu.txt
	@$(PIP) install $(QUIET) --no-deps $(TENSORRT)
	@touch $@

$(VENV)/.test: requirements/test.txt $(VENV)/.serve
	@$(BIN)/python -m export.environment
	@echo "Installing what tests need ..."
	@$(INSTALL) -r requirements/test.txt
	@touch $@

clean:
	rm -rf gateway/web/node_modules gateway/web/dist gateway/web/.build gateway/web/src/api/generated
	rm -f gateway/web/openapi.json
	rm -rf $(VENV) .venv-upstream .limner build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
