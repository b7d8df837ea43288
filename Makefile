# What people type; `make` alone lists it.

# Passed on to dvc, pytest or uv: make test ARGS='-k chat'
ARGS ?=
# Where torch comes from, when not from pip's own index: make TORCH_INDEX=https://download.pytorch.org/whl/cpu
TORCH_INDEX ?=
# The Python to make .venv of, when not the first that fits: make PYTHON=python3.12
PYTHON ?=

# Not in requirements.lock, nor is what it brings for a card: one version is many builds, CPU or CUDA.
TORCH := torch==2.13.0

SHELL := bash
export PATH := $(CURDIR)/.venv/bin:$(PATH)

# No telemetry, ours or a library's.
export DO_NOT_TRACK := 1
export DVC_NO_ANALYTICS := 1
export HF_HUB_DISABLE_TELEMETRY := 1
export ITERATIVE_DO_NOT_TRACK := 1

.PHONY: help setup repro test check prove book lock pdftotext

help:
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-6s %s\n", $$1, $$2 }' Makefile

setup: .venv/ready pdftotext ## install everything into .venv, as each of the others does first

repro: setup ## run the pipeline: whatever changed, from the books to the report
	askback check
	dvc repro $(ARGS)

# A worker of two on its two cores: more threads in each would only wait for one another.
test: setup ## run the tests, in at most ten minutes
	OMP_NUM_THREADS=1 pytest -n 2 --dist worksteal $(LOOPBACK) $(ARGS)

prove: setup ## run the long tests in full, in at most 80 minutes
	pytest -m prove $(LOOPBACK) $(ARGS)

LOOPBACK = --allow-hosts=127.0.0.1,::1 --allow-unix-socket

check: .venv/ready ## check style and types
	ruff check .
	ruff format --check .
	mypy

book: setup ## set the sample book
	python data/sample/set.py

# One version of a package for all platforms and Pythons, so that all make the same bytes.
lock: .venv/bin/uv ## bring requirements.lock up to pyproject.toml; ARGS=--upgrade for all that is new
	echo '$(TORCH)' | UV_CUSTOM_COMPILE_COMMAND='make lock' uv pip compile pyproject.toml - --extra dev --extra serve \
		--universal --fork-strategy fewest --python-version 3.11 --generate-hashes --no-annotate \
		--output-file requirements.lock --quiet $(ARGS)
	awk '/^[a-z]/ { keep = !/^(torch|triton|cuda-|nvidia-)/ } /^#/ || keep' requirements.lock >.venv/lock
	mv .venv/lock requirements.lock

# --no-build-isolation: the setuptools that comes with torch builds what has to be built (one package
# in the lock has no wheel), and none is fetched for it without a hash.
.venv/ready: requirements.lock pyproject.toml Makefile | .venv/bin/python
	@$(call fits,.venv/bin/python) || { echo '.venv needs $(PYTHONS): remove it and run make again' >&2; exit 2; }
	$(PIP) $(if $(TORCH_INDEX),--index-url '$(TORCH_INDEX)') '$(TORCH)'
	$(PIP) --quiet --no-deps --no-build-isolation --use-pep517 --require-hashes -r requirements.lock
	$(PIP) --quiet --no-deps --no-build-isolation --editable .
	@if [ -e .git ]; then $(MERGE_DRIVER); fi
	@touch $@

PIP := .venv/bin/python -m pip install --disable-pip-version-check

# .gitattributes names the driver, but Git takes its command from the clone's own configuration alone.
MERGE_DRIVER := git config merge.dvc.name 'DVC merge driver' && git config merge.dvc.driver \
	'PATH=".venv/bin:$$PATH" dvc git-hook merge-driver --ancestor %O --our %A --their %B'

.venv/bin/uv:
	$(MAKE) .venv/ready

.venv/bin/python:
	@test '$(python)' || { echo 'Askback needs $(PYTHONS): install one, or name it: make PYTHON=/path/to/python' >&2; exit 2; }
	@$(python) -c 'import ensurepip' 2>/dev/null || $(call install,$(notdir $(python))-venv,python)
	$(python) -m venv --clear .venv

PYTHONS := Python 3.11, 3.12 or 3.13
fits = $(1) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null
python = $(shell for p in $(or $(PYTHON),python3 python3.13 python3.12 python3.11); do $(call fits,$$p) && echo $$p && break; done)

pdftotext:
	@command -v $@ >/dev/null || $(call install,poppler-utils,poppler)

# $(call install,DEBIAN PACKAGE,HOMEBREW FORMULA): without a way to do it, one line says what is missing.
define install
{ \
	if command -v brew; then brew install $(2); \
	else \
		if [ "$$(id -u)" != 0 ]; then sudo='sudo -n'; fi; \
		command -v apt-get && $$sudo apt-get -q update \
			&& $$sudo env DEBIAN_FRONTEND=noninteractive apt-get -qy install --no-install-recommends $(1); \
	fi >/dev/null || { echo 'Askback needs $(1) (Debian, Ubuntu) or $(2) (Homebrew): install it and run make again' >&2; exit 2; }; \
}
endef
