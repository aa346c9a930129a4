# The one entry to everything; CI runs these targets and nothing else (see `make help`).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export NO_MKDOCS_2_WARNING := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Dates in the site are those of the last commit, so that the same commit gives the same bytes.
export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 0)

.DEFAULT_GOAL := help
.PHONY: help site dist test soak serve check golden bench bench-build measure lock clean

help:
	@sed -n 's/^## //p' Makefile

## make site    the site in both languages, in site/
site: $(VENV)/ready
	$(BIN)/virtdocs check
	$(BIN)/mkdocs build --strict
	@echo "site: $(CURDIR)/site/index.html (Korean), $(CURDIR)/site/en/index.html (English)"
	@echo "open it from disk in any browser, or: $(PYTHON) -m http.server --directory site"

## make dist    the site as a zip with manifest and checksums, in dist/, computed again to verify it (no PDF yet)
dist: site
	$(BIN)/virtdocs dist site --to dist
	$(BIN)/virtdocs verify dist/virtdocs-site.zip

## make test    everything that CI runs
test: $(VENV)/ready
	$(BIN)/python tests/site/browser.py
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/virtdocs check
	$(BIN)/mkdocs build --strict
	$(BIN)/python -m pytest -n 2 -m "not soak"

## make soak    the same properties at full size
soak: $(VENV)/ready
	$(BIN)/python -m pytest -m soak -v

## make serve   live preview: an edit of a page, the engine or the data shows without a restart
serve: $(VENV)/ready
	$(BIN)/mkdocs serve

## make check   all static gates
check: $(VENV)/ready
	$(BIN)/virtdocs check

## make golden  record the numbers of the pages; one that moved needs a line in the changelog
golden: $(VENV)/ready
	$(BIN)/virtdocs update

## make bench   speed figures beside three peers; rewrites the record that the page about speed shows
bench: $(VENV)/ready build/peers/ready
	$(BIN)/python -m tests.benchmarks.record

## make bench-build builds of the same pages by this and by other tools; rewrites their record
bench-build: build/tools/ready
	build/tools/bin/python -m tests.benchmarks.tools.record

## make measure record the devices' counts on a real QEMU (Debian, root)
measure: $(VENV)/ready
	$(BIN)/virtdocs measure

## make lock    resolve requirements.lock anew from pyproject.toml
lock:
	$(PYTHON) -m venv build/lock
	build/lock/bin/python -m pip install --quiet uv
	build/lock/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	  --no-annotate --extra site --extra test --custom-compile-command "make lock" \
	  --output-file requirements.lock pyproject.toml
	build/lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-annotate --custom-compile-command "make lock" \
	  --output-file tests/benchmarks/requirements.lock tests/benchmarks/requirements.txt
	build/lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-annotate --custom-compile-command "make lock" \
	  --output-file tests/benchmarks/tools/requirements.lock tests/benchmarks/tools/requirements.txt

## make clean   remove what was built
clean:
	rm -rf site dist build $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Needs nothing but python3 with venv and pip. The package itself is installed as a link.
$(VENV)/ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "make: Python 3.11 or newer is needed, this is " + sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

# What the figures are held against, in an environment of its own.
build/peers/ready: tests/benchmarks/requirements.lock
	$(PYTHON) -m venv build/peers
	build/peers/bin/python -m pip install --quiet --require-hashes -r $<
	@touch $@

build/tools/ready: tests/benchmarks/tools/requirements.lock
	$(PYTHON) -m venv build/tools
	build/tools/bin/python -m pip install --quiet --require-hashes -r $<
	@touch $@
