# Everything that is done with Pixelbank from a checkout. `make help` lists the targets.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
# The order of the prerequisites below is the order of the steps.
.NOTPARALLEL:

# Tools that setup had to build itself are kept outside the checkout, so that a fresh clone finds them again.
TOOLS := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/pixelbank/tools
export PATH := $(TOOLS)/bin:$(CURDIR)/.venv/bin:$(PATH)
export CARGO_TERM_PROGRESS_WHEN ?= never

# A machine that only checks must not change the lock file.
LOCKED := $(if $(CI),--locked)
# Features that only some users build are built and tested by everybody who tests.
WORKSPACE := --workspace --features pixelbank-pool/cuda,pixelbank-device/wgpu,pixelbank-device/nvml,pixelbank-codec/jpeg2000
CARGO_TEST := $(shell cargo nextest --version >/dev/null 2>&1 && echo nextest)
STEP := scripts/step.sh
PROGRAM := target/debug/pixelbank
WEB_SOURCES := $(shell find web -type f -not -path '*/node_modules/*' -not -path 'web/dist/*' -not -path '*/test-results/*' 2>/dev/null)

# For `make run`; handed over in the environment, which needs no quoting. Exported behind their defaults: a bare `export`
# defines a variable, and `?=` passes over what is defined.
PHOTOS ?=
PORT ?=
MEMORY ?=
SAMPLE_COUNT ?= 60
SAMPLE_MEGAPIXELS ?= 12
export PHOTOS PORT MEMORY SAMPLE_COUNT SAMPLE_MEGAPIXELS

.PHONY: help
help: ## Show this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'
	@echo
	@echo '  make run PHOTOS=~/Pictures MEMORY=512M PORT=8000    all three are optional'

## Using it

.PHONY: run
run: setup-run build ## Set up, build, and serve PHOTOS=, or sample photographs
	@scripts/run.sh

.PHONY: build
build: web/dist/index.html ## Build the program as it is released: target/release/pixelbank
	@$(STEP) build cargo build --release $(LOCKED) --bin pixelbank

.PHONY: setup setup-run setup-bench
setup: ## Install what building and testing need, where it is missing
	@scripts/setup.sh test
setup-run:
	@scripts/setup.sh run
setup-bench:
	@scripts/setup.sh bench

## Checking it

.PHONY: test
test: test-begin setup lint web-test rust-test doc-test oiio iiif python terminal e2e ## Set up, then every gate and every test
	@python3 scripts/recap.py

.PHONY: test-begin
test-begin:
	@rm -rf target/steps

# The cheap gates come first. The page is built before anything Rust: the server crate embeds it.
.PHONY: lint
lint: typos fmt web-check web/dist/index.html deny clippy rustdoc ## The gates alone: format, lints, documentation, licences, spelling

.PHONY: typos fmt deny clippy rustdoc
typos:
	@$(STEP) typos typos
fmt:
	@$(STEP) fmt cargo fmt --all --check
deny:
	@$(STEP) deny cargo deny --all-features check --hide-inclusion-graph bans licenses sources
clippy: web/dist/index.html
	@$(STEP) clippy cargo clippy $(LOCKED) $(WORKSPACE) --all-targets -- -D warnings
rustdoc: web/dist/index.html
	@RUSTDOCFLAGS='-D warnings' $(STEP) rustdoc cargo doc $(LOCKED) $(WORKSPACE) --no-deps

.PHONY: rust-test doc-test program
rust-test: web/dist/index.html ## The Rust tests
ifeq ($(CARGO_TEST),nextest)
	@$(STEP) rust-test cargo nextest run $(LOCKED) $(WORKSPACE) $(if $(CI),--profile ci)
else
	@$(STEP) rust-test cargo test $(LOCKED) $(WORKSPACE) --lib --bins --tests
endif
doc-test: web/dist/index.html
	@$(STEP) doc-test cargo test $(LOCKED) $(WORKSPACE) --doc

# Built with the same selection of packages as the tests, so that nothing is compiled a second time for other features.
program: web/dist/index.html
	@cargo test --quiet $(LOCKED) $(WORKSPACE) --no-run

.PHONY: test-gpu test-sanitized
test-gpu: ## The object pool on the NVIDIA device of this machine
	PIXELBANK_NEEDS_GPU=1 cargo test $(LOCKED) -p pixelbank-pool --features cuda
# A stable compiler allows the sanitizer when it is told to; it needs a build of its own, and so is not part of `make test`.
test-sanitized: ## The object pool and the tile store, which have unsafe code, under AddressSanitizer
	RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Zsanitizer=address CARGO_TARGET_DIR=target/sanitized \
		cargo test $(LOCKED) -p pixelbank-pool -p pixelbank-cache --lib --tests --target $(shell rustc -vV | sed -n 's/^host: //p')

.PHONY: python wheel python-docs test-libraries
python: ## The Python package: its wheel in an environment of its own, and the tests there
	@$(STEP) python scripts/python.sh test
test-libraries: ## The same, and PyTorch: 5 GB to be installed, so it is not part of `make test`
	scripts/python.sh libraries
python-docs: python ## The Python package's reference: target/python/docs
	target/python/bin/python -P -m pdoc --docformat google --output-directory target/python/docs pixelbank pixelbank._core pixelbank.analyzer
wheel: ## The Python package as it is released: target/wheels
	@$(STEP) wheel scripts/python.sh wheel

.PHONY: oiio iiif terminal e2e
oiio: program ## Pixels of every kind of file, compared with OpenImageIO's
	@$(STEP) oiio python tests/oiio/run.py $(PROGRAM)
iiif: program ## The official IIIF validator, five rounds, versions 2 and 3
	@$(STEP) iiif python tests/iiif/run.py $(PROGRAM)
terminal: program ## `pixelbank top` in a real terminal
	@$(STEP) terminal python tests/terminal/run.py $(PROGRAM)
e2e: program ## The page in a real browser
	@$(STEP) e2e python tests/e2e/run.py $(PROGRAM)

.PHONY: web web-check web-test
web: web/dist/index.html ## Build the page
web-check: web/node_modules/.lock-sum
	@$(STEP) web-check npm --prefix web run --silent check
web-test: web/node_modules/.lock-sum
	@$(STEP) web-test npm --prefix web run --silent test
web/node_modules/.lock-sum: web/package-lock.json
	@scripts/setup.sh web
web/dist/index.html: web/node_modules/.lock-sum $(WEB_SOURCES)
	@$(STEP) web npm --prefix web run --silent build

## Measuring it

.PHONY: bench
bench: setup-bench build ## Run every benchmark: the executable files in bench/
	@for script in bench/*; do \
		if [ -f "$$script" ] && [ -x "$$script" ]; then echo "==> $$script"; "$$script"; fi; \
	done

.PHONY: clean
clean: ## Remove everything that was built (sample photographs stay)
	rm -rf target web/dist web/node_modules web/test-results .venv
