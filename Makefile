# The only entry points. `make demo` and `make test` set up what they need.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export CARGO_TARGET_DIR ?= $(CURDIR)/target
# The npm package is built for a target by its name. So is everything else: a second build
# directory would compile every dependency a second time.
export CARGO_BUILD_TARGET ?= $(shell rustc -vV 2>/dev/null | sed -n 's/^host: //p')
export PIP_DISABLE_PIP_VERSION_CHECK := 1

RUST_SOURCES := $(shell find core emulator cli bindings-python bindings-node -name '*.rs' -o -name Cargo.toml -o -path '*/live_view/pages/*') Cargo.toml Cargo.lock
TS_SOURCES := $(shell find bindings-node/ts bindings-node/scripts bindings-node/tsconfig.json -type f)

.PHONY: help
help: ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

# Where tests and examples look for programs, whoever built them.
define link-programs
	@mkdir -p $(CARGO_TARGET_DIR)/debug
	@find $(CARGO_TARGET_DIR)/$(CARGO_BUILD_TARGET)/debug -maxdepth 1 -type f -perm -u+x -name 'sessionwire*' \
		-exec ln -f {} $(CARGO_TARGET_DIR)/debug/ ';'
endef

# Release builds carry no path of the machine that made them.
CARGO_HOME ?= $(HOME)/.cargo
RELEASE_FLAGS := --remap-path-prefix=$(CARGO_HOME)=cargo --remap-path-prefix=$(CURDIR)=sessionwire
# Rust links with LLD here, which keeps functions of the same code once (5 %), and
# puts side by side what packs well together: a wheel is 6 % smaller.
ifeq ($(CARGO_BUILD_TARGET),x86_64-unknown-linux-gnu)
RELEASE_FLAGS += -C link-arg=-Wl,--icf=all -C link-arg=-Wl,-O2 -C link-arg=-Wl,--bp-compression-sort=both
endif

# --- tools -----------------------------------------------------------------

.PHONY: setup
setup: $(VENV)/.installed node_modules/.installed ## check the machine and install the tools

.PHONY: check-machine
check-machine:
	@command -v cargo >/dev/null || { echo "Rust is missing. Install it (https://rustup.rs), then try again." >&2; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { echo "Python 3.11 or newer is missing. Install it, or say where it is: make PYTHON=/path/to/python3 ..." >&2; exit 2; }
	@node -e 'process.exit(Number(process.versions.node.split(".")[0]) < 20 ? 1 : 0)' 2>/dev/null || { echo "Node.js 20 or newer is missing. Install it, then try again." >&2; exit 2; }

$(VENV)/.installed: bindings-python/requirements-dev.txt | check-machine
	@echo "== Python tools"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet -r $<
	@touch $@

node_modules/.installed: package.json package-lock.json | check-machine
	@echo "== Node tools"
	npm ci --no-audit --no-fund --loglevel=error
	@touch $@

# --- builds ----------------------------------------------------------------

.PHONY: build
build: python-dev node-dev cli-dev ## build everything for development

.PHONY: python-dev
python-dev: $(VENV)/.built ## build the Python package into .venv

$(VENV)/.built: $(VENV)/.installed $(RUST_SOURCES) pyproject.toml emulator/scenario.schema.json
	@echo "== Python package"
	$(BIN)/maturin develop --quiet
	@touch $@

.PHONY: node-dev
node-dev: dist/.built ## build the Node package into dist/

dist/.built: node_modules/.installed $(RUST_SOURCES) $(TS_SOURCES) emulator/scenario.schema.json
	@echo "== Node package"
	npm run --silent build:native
	rm -rf dist/cjs dist/esm
	npm run --silent build
	@touch $@

.PHONY: cli-dev
cli-dev: | check-machine ## build the command line
	cargo build --locked -p sessionwire-cli -p sessionwire-features
	$(link-programs)

.PHONY: chaos-dev
chaos-dev: | check-machine
	cargo build --locked -p sessionwire-tests -p sessionwire-features --bins
	$(link-programs)

.PHONY: wheel
ifdef TARGET
wheel: release-tools
	rm -f dist/*.whl
	$(RELEASE_PYTHON) tools/release/artefacts.py $(TARGET) --only wheel --out dist
else
wheel: $(VENV)/.installed ## build the release wheel into dist/ (TARGET=aarch64-unknown-linux-gnu: for that platform, as it is published)
	rm -f dist/*.whl
	RUSTFLAGS="$(RELEASE_FLAGS)" $(BIN)/maturin build --release --locked --out dist
	$(BIN)/python tools/pack_wheel.py dist/*.whl
endif

.PHONY: npm-pack
npm-pack: node_modules/.installed ## build the release npm tarballs, the main one and that of this machine's platform, into dist/
	RUSTFLAGS="$(RELEASE_FLAGS)" npm run --silent build:native:release
	rm -rf dist/cjs dist/esm dist/*.tgz dist/.built
	npm run --silent build
	npm run --silent pack

# --- a release -------------------------------------------------------------

.PHONY: version
version: ## write VERSION=1.2.3 to every place that says it, and close the changelog's section
	@[ -n "$(VERSION)" ] || { echo "Say which: make version VERSION=1.2.3" >&2; exit 2; }
	$(PYTHON) tools/versions.py --set "$(VERSION)"
	@echo "The version is $(VERSION) everywhere. Read the changelog, then commit: CONTRIBUTING.md, Releasing."

# For a platform by its name, TARGET: what is for Linux is linked by zig, for a C library of 2012 (glibc
# 2.17) or for musl.
.PHONY: node-library
node-library: release-tools ## build the library of the npm package for TARGET=x86_64-unknown-linux-musl, with its bill of materials, into dist/native
	$(RELEASE_PYTHON) tools/release/artefacts.py $(TARGET) --only library --out dist

.PHONY: program
program: release-tools ## build the command line for TARGET=x86_64-unknown-linux-musl, on Linux one static file, and pack it into dist/
	$(RELEASE_PYTHON) tools/release/artefacts.py $(TARGET) --only program --out dist

# --- the main job ----------------------------------------------------------

.PHONY: demo
demo: build ## run a real task with live events in Python, Node and the command line
	$(BIN)/python examples/demo/run.py

# --- checks ----------------------------------------------------------------

.PHONY: test
test: lint cases ## every test

# Where the tests note which case of tests/contract/ passed, column by column.
CASES := $(CARGO_TARGET_DIR)/cases
test-rust test-python test-node: export SESSIONWIRE_CASES = $(CASES)

.PHONY: cases
cases: test-rust test-python test-node ## every test but the linters, and the report of the shared cases by language
	@echo "== Shared cases by language"
	@$(PYTHON) tests/report.py $(CASES)

.PHONY: fmt
fmt: setup ## format everything
	cargo fmt --all
	cargo fmt --manifest-path core/fuzz/Cargo.toml
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	npm run --silent format

.PHONY: lint
lint: lint-rust lint-features lint-generated lint-python lint-node ## formatters, linters, type checkers

.PHONY: lint-rust
lint-rust: | check-machine
	@echo "== Rust lint"
	cargo fmt --all --check
	cargo fmt --manifest-path core/fuzz/Cargo.toml --check
	cargo clippy --locked --workspace --all-targets -- -D warnings

CORE_FEATURES := aws-lc-rs ring http2 gzip system-proxy raccoon webhooks

.PHONY: lint-features
lint-features: | check-machine ## the core and its pages with every feature, with none, and with each alone
	@echo "== Rust features"
	@for features in "--all-features" "--no-default-features" $(CORE_FEATURES:%="--no-default-features --features %"); do \
		cargo clippy --quiet --locked -p sessionwire $$features -- -D warnings && \
		RUSTDOCFLAGS="-D warnings" cargo doc --quiet --locked --no-deps -p sessionwire $$features || { echo "It fails with $$features" >&2; exit 1; }; \
	done

# What is written by hand, and its copy.
SCHEMA := emulator/scenario.schema.json
SCHEMA_COPY := bindings-python/python/sessionwire/scenario.schema.json
# Endpoints and event types, as the code has them.
LISTS := cargo run --quiet --locked -p sessionwire-tests --bin sessionwire-lists

# The schema of the operations that cross to the bindings.
SEAM := cargo run --quiet --locked -p sessionwire --features schema --example seam_schema

.PHONY: generate
generate: setup ## write what is generated: the types of the seam, lists, Python's blocking twin, the platforms of the npm package, the copy of the scenario's schema
	$(SEAM) | $(BIN)/python tools/generate_seam.py
	$(BIN)/python bindings-python/generate_sync.py
	$(LISTS) | $(BIN)/python tools/generate_lists.py
	node bindings-node/scripts/platforms.mjs
	cp $(SCHEMA) $(SCHEMA_COPY)
	$(BIN)/python tools/scenario_tables.py

.PHONY: lint-generated
lint-generated: setup
	@echo "== Generated files"
	@$(SEAM) | $(BIN)/python tools/generate_seam.py --check
	@$(BIN)/python bindings-python/generate_sync.py --check
	@$(LISTS) | $(BIN)/python tools/generate_lists.py --check
	@node bindings-node/scripts/platforms.mjs --check
	@$(BIN)/python tools/scenario_tables.py --check
	@$(BIN)/python tools/versions.py
	@cmp --quiet $(SCHEMA) $(SCHEMA_COPY) || { echo "$(SCHEMA_COPY) is out of date: run make generate" >&2; exit 1; }

.PHONY: lint-python
lint-python: $(VENV)/.built
	@echo "== Python lint"
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pyright --warnings

.PHONY: lint-node
lint-node: dist/.built
	@echo "== Node lint"
	npm run --silent lint
	npm run --silent typecheck
	npm run --silent test:types

.PHONY: test-rust
test-rust: | check-machine
	@echo "== Rust tests"
	@mkdir -p $(CASES) && rm -f $(CASES)/rust.txt
	@# All but the Python crate, which holds no tests: it links inside of Python only.
	cargo test --locked --workspace --exclude sessionwire-python --no-fail-fast

# How many files of tests run at once. Most of them wait most of the time.
TEST_WORKERS ?= 4
# The option, where this Node has it: 20.10 and later.
if-node-has = $(shell node --help | grep -q -e '$(firstword $(subst =, ,$(1)))' && echo '$(1)')

.PHONY: test-python
test-python: $(VENV)/.built dist/.built cli-dev chaos-dev
	@echo "== Python tests"
	@mkdir -p $(CASES) && rm -f $(CASES)/python-*.txt
	SESSIONWIRE_TESTS=all $(BIN)/python -m pytest -n $(TEST_WORKERS) --dist loadfile

.PHONY: test-node
test-node: dist/.built chaos-dev
	@echo "== Node tests"
	@mkdir -p $(CASES)
	node --test $(call if-node-has,--test-concurrency=$(TEST_WORKERS)) --test-reporter=dot --test-reporter-destination=stdout \
	  --test-reporter=./tests/node/case-reporter.mjs --test-reporter-destination=$(CASES)/node.txt tests/node/*.test.mjs tests/recipes/*.test.mjs

.PHONY: test-browser
test-browser: dist/.built $(VENV)/.built ## live view, real browser and notebook views in headless Chromium; installs Chromium where it may
	@echo "== Browser tests"
	@found() { [ -n "$${SESSIONWIRE_CHROMIUM:-}" ] || command -v chromium || command -v chromium-browser || command -v google-chrome; }; \
	found >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium >/dev/null; } || true; \
	found >/dev/null || { echo "Chromium is missing. Install it (Debian: apt-get install chromium), or set SESSIONWIRE_CHROMIUM to its program, then try again." >&2; exit 2; }
	npm run --silent test:browser

.PHONY: test-packages
test-packages: wheel npm-pack ## install the packed wheel and tarballs into empty places, by npm, pnpm and yarn, run the README's quickstarts, and compile with TypeScript 5.2 to 7
	$(BIN)/python tests/packaging/run.py
	node tests/packaging/installers.mjs $(CARGO_TARGET_DIR)/installers $(ONLY)

.PHONY: test-shells
test-shells: cli-dev ## completions in bash and zsh; installs zsh where it may
	@command -v zsh >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq && apt-get install -y -qq --no-install-recommends zsh >/dev/null; } || true
	$(PYTHON) tests/packaging/completions.py $(CARGO_TARGET_DIR)/debug/sessionwire

FRAMEWORKS := $(CARGO_TARGET_DIR)/frameworks

.PHONY: test-frameworks
test-frameworks: $(VENV)/.built dist/.built cli-dev ## our tools in eight frameworks of agents, which are installed in environments of their own
	@echo "== Frameworks of agents"
	@$(PYTHON) -m venv $(FRAMEWORKS)
	@$(FRAMEWORKS)/bin/pip install --quiet -r tests/frameworks/requirements.txt
	@PYTHONPATH=bindings-python/python:tests/mcp SESSIONWIRE_PROGRAM=$(CARGO_TARGET_DIR)/debug/sessionwire $(FRAMEWORKS)/bin/python -m pytest -q -p no:cacheprovider -c /dev/null --rootdir tests/frameworks tests/frameworks
	@mkdir -p $(FRAMEWORKS)/node && cp tests/frameworks/node/package*.json $(FRAMEWORKS)/node/
	@npm ci --prefix $(FRAMEWORKS)/node --no-audit --no-fund --loglevel=error
	@FRAMEWORKS=$(FRAMEWORKS)/node node --test tests/frameworks/*.test.mjs

RUNTIMES := $(CARGO_TARGET_DIR)/runtimes

.PHONY: test-runtimes
test-runtimes: dist/.built chaos-dev ## the shared cases in every runtime: Node 20 to 26, Bun and Deno, which are installed in a place of their own; ONLY=bun: one of them
	@echo "== Runtimes"
	@$(PYTHON) tests/runtimes/run.py $(RUNTIMES) $(ONLY)

MCP := $(CARGO_TARGET_DIR)/mcp

.PHONY: test-mcp
test-mcp: $(VENV)/.built dist/.built cli-dev ## the MCP server with the official clients of Python and TypeScript and the inspector, which are installed in places of their own
	@echo "== Model Context Protocol"
	@$(PYTHON) -m venv $(MCP)
	@$(MCP)/bin/pip install --quiet -r tests/mcp/requirements.txt
	@PYTHONPATH=bindings-python/python SESSIONWIRE_PROGRAM=$(CARGO_TARGET_DIR)/debug/sessionwire $(MCP)/bin/python -m pytest -q -p no:cacheprovider -c /dev/null --rootdir tests/mcp tests/mcp
	@mkdir -p $(MCP)/node && cp tests/mcp/node/package*.json $(MCP)/node/
	@npm ci --prefix $(MCP)/node --no-audit --no-fund --loglevel=error
	@MCP=$(MCP)/node SESSIONWIRE_PROGRAM=$(CARGO_TARGET_DIR)/debug/sessionwire node --test tests/mcp/*.test.mjs

OTHER_LANGUAGES := $(CARGO_TARGET_DIR)/other-languages

.PHONY: test-other-languages
test-other-languages: cli-dev ## the examples in Go and Java, ten tests at once each, against the binary alone; wants go and mvn
	@command -v go >/dev/null && command -v mvn >/dev/null || { echo "Go or Maven is missing. Install both (go.dev, maven.apache.org), then try again." >&2; exit 2; }
	@echo "== Go"
	@cd examples/go && SESSIONWIRE=$(CARGO_TARGET_DIR)/debug/sessionwire go test -count=1 -parallel 10 -v ./...
	@echo "== Java"
	@mkdir -p $(OTHER_LANGUAGES)
	@rm -rf $(OTHER_LANGUAGES)/java && cp -r examples/java $(OTHER_LANGUAGES)/java
	@cd $(OTHER_LANGUAGES)/java && SESSIONWIRE=$(CARGO_TARGET_DIR)/debug/sessionwire mvn --quiet --batch-mode test -Dsurefire.printSummary=true

BUNDLERS := $(CARGO_TARGET_DIR)/bundlers

.PHONY: test-bundlers
test-bundlers: dist/.built ## the npm package in esbuild, webpack, Rollup, Vite and Next.js, which are installed in a place of their own; ONLY=webpack: one of them
	@echo "== Bundlers"
	@node tests/bundlers/run.mjs $(BUNDLERS) $(ONLY)

JEST := $(CARGO_TARGET_DIR)/jest

.PHONY: test-jest
test-jest: dist/.built ## the test helpers in jest, which is installed in a place of its own, in workers at once; TIMES=20: so often
	@echo "== jest"
	@node tests/jest/run.mjs $(JEST) $(TIMES)

.PHONY: test-apps
test-apps: | check-machine ## applications with a rustls or a reqwest of their own beside ours
	@echo "== Applications with a TLS of their own"
	@CARGO_TARGET_DIR=$(CARGO_TARGET_DIR)/rust-apps $(PYTHON) tests/rust-apps/run.py

# --- the site ---------------------------------------------------------------

DOCS := $(CARGO_TARGET_DIR)/docs

$(DOCS)/.installed: tools/docs/requirements.txt tools/docs/npm/package.json tools/docs/npm/package-lock.json | check-machine
	@echo "== Tools of the site"
	@mkdir -p $(DOCS)
	$(PYTHON) -m venv $(DOCS)/venv
	$(DOCS)/venv/bin/pip install --quiet -r tools/docs/requirements.txt
	@cp tools/docs/npm/*.json $(DOCS)/
	npm ci --prefix $(DOCS) --no-audit --no-fund --loglevel=error
	@touch $@

.PHONY: docs
docs: $(DOCS)/.installed node_modules/.installed cli-dev ## build the site into target/docs/site, with the reference of each language; the tools come from lock files
	@echo "== Site"
	@$(DOCS)/venv/bin/python tools/docs/build.py $(DOCS) $(CARGO_TARGET_DIR)/debug/sessionwire

.PHONY: test-docs
test-docs: docs dist/.built ## every link of the site, its search without a network, axe in light, dark and on a phone, in headless Chromium, and the loop by hand in Node
	@DOCS=$(DOCS) node --test tests/docs/*.test.mjs

.PHONY: docs-pictures
docs-pictures: dist/.built cli-dev ## the pictures of the documentation, from the real programs, into docs/pictures
	node tools/docs/pictures.mjs docs/pictures $(CARGO_TARGET_DIR)/debug/sessionwire

# Where a release is rehearsed.
RELEASE := $(CARGO_TARGET_DIR)/release-dry-run

# --- long checks -----------------------------------------------------------

TOOLS := $(CARGO_TARGET_DIR)/tools
CARGO_FUZZ := $(TOOLS)/bin/cargo-fuzz
CARGO_FUZZ_VERSION := 0.13.1
CARGO_DENY := $(TOOLS)/bin/cargo-deny
CARGO_DENY_VERSION := 0.20.2
FUZZ_TARGETS := $(basename $(notdir $(wildcard core/fuzz/targets/*.rs)))
FUZZ_SECONDS ?= 20
# The same inputs in the same order each time; 0: others each time.
FUZZ_SEED ?= 1

$(TOOLS)/.cargo-fuzz-$(CARGO_FUZZ_VERSION): | check-machine
	cargo install --quiet --locked --root $(TOOLS) --version $(CARGO_FUZZ_VERSION) cargo-fuzz
	@touch $@

.PHONY: fuzz
fuzz: $(TOOLS)/.cargo-fuzz-$(CARGO_FUZZ_VERSION) ## every fuzz target for FUZZ_SECONDS (20) each
	@command -v c++ >/dev/null || { echo "A C++ compiler is missing: the fuzzer's driver needs one. Install it (Debian: apt-get install g++), then try again." >&2; exit 2; }
	@for target in $(FUZZ_TARGETS); do \
		echo "== Fuzz $$target, $(FUZZ_SECONDS) s"; \
		found=$(CARGO_TARGET_DIR)/fuzz/found/$$target; \
		mkdir -p $(CARGO_TARGET_DIR)/fuzz/corpus/$$target $$found; \
		$(CARGO_FUZZ) run --sanitizer none --fuzz-dir core/fuzz --target-dir $(CARGO_TARGET_DIR)/fuzz $$target \
			$(CARGO_TARGET_DIR)/fuzz/corpus/$$target core/fuzz/seeds/$$target -- \
			-seed=$(FUZZ_SEED) -max_total_time=$(FUZZ_SECONDS) -artifact_prefix=$$found/ -timeout=10 -rss_limit_mb=1024 -verbosity=0 -print_final_stats=1 \
			2>&1 | grep -vE 'Uses: |Recommended dictionary|Failed to find function|^INFO|Running `|NEW_FUNC|rss_mb|new_units|slowest' || exit 1; \
	done

$(TOOLS)/.cargo-deny-$(CARGO_DENY_VERSION): | check-machine
	cargo install --quiet --locked --root $(TOOLS) --version $(CARGO_DENY_VERSION) cargo-deny
	@touch $@

# Advisories need a database from the network: `cargo deny check advisories` by hand.
.PHONY: deny
deny: $(TOOLS)/.cargo-deny-$(CARGO_DENY_VERSION) ## licences and sources of the dependencies, by deny.toml
	$(CARGO_DENY) --locked --all-features check --hide-inclusion-graph bans licenses sources
	$(CARGO_DENY) --locked --manifest-path core/fuzz/Cargo.toml --config deny.toml check --hide-inclusion-graph bans licenses sources

.PHONY: advisories
advisories: $(TOOLS)/.cargo-deny-$(CARGO_DENY_VERSION) ## known faults of the dependencies; their list comes from the network
	$(CARGO_DENY) --locked --all-features check --hide-inclusion-graph advisories

# The oldest compiler that the crates promise.
MSRV := $(shell sed -n 's/^rust-version = "\(.*\)"$$/\1/p' Cargo.toml)

.PHONY: check-msrv
check-msrv: | check-machine ## the published crates with the oldest compiler that they promise, which rustup installs
	rustup toolchain install $(MSRV) --profile minimal --no-self-update
	cargo +$(MSRV) check --locked -p sessionwire -p sessionwire-emulator -p sessionwire-cli -p sessionwire-features

.PHONY: check-platforms
check-platforms: $(RELEASE)/.installed ## clippy for what is built for Windows and macOS; nothing of it runs
	$(PYTHON) tools/check_platforms.py $(RELEASE)/venv

ACTIONLINT_VERSION := 1.7.12
ZIZMOR_VERSION := 1.32.0
ACTIONLINT := $(TOOLS)/actionlint-$(ACTIONLINT_VERSION)
ZIZMOR := $(TOOLS)/zizmor-$(ZIZMOR_VERSION)

$(ACTIONLINT)/actionlint:
	@command -v go >/dev/null || { echo "Go is missing: actionlint is built with it. Install it (https://go.dev), then try again." >&2; exit 2; }
	GOBIN=$(ACTIONLINT) go install github.com/rhysd/actionlint/cmd/actionlint@v$(ACTIONLINT_VERSION)

$(ZIZMOR)/bin/zizmor: | check-machine
	$(PYTHON) -m venv $(ZIZMOR)
	$(ZIZMOR)/bin/pip install --quiet zizmor==$(ZIZMOR_VERSION)

# The scripts in the workflows are shell: actionlint gives them to shellcheck.
.PHONY: lint-workflows
lint-workflows: $(ACTIONLINT)/actionlint $(ZIZMOR)/bin/zizmor ## the workflows with actionlint, shellcheck and zizmor
	@command -v shellcheck >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq && apt-get install -y -qq --no-install-recommends shellcheck >/dev/null; } || true
	@command -v shellcheck >/dev/null || { echo "shellcheck is missing. Install it (Debian: apt-get install shellcheck), then try again." >&2; exit 2; }
	$(ACTIONLINT)/actionlint
	$(ZIZMOR)/bin/zizmor --quiet --offline --persona=pedantic .github

# --- a release --------------------------------------------------------------

# zig, maturin and what cargo finds by its name stand on the path.
RELEASE_PYTHON = PATH="$(RELEASE)/venv/bin:$(TOOLS)/bin:$$PATH" $(RELEASE)/venv/bin/python
CARGO_CYCLONEDX_VERSION := 0.5.9
CARGO_ABOUT_VERSION := 0.9.3

$(RELEASE)/.installed: tools/release/requirements.txt | check-machine
	@echo "== Tools of a release"
	@mkdir -p $(RELEASE)
	$(PYTHON) -m venv $(RELEASE)/venv
	$(RELEASE)/venv/bin/pip install --quiet -r tools/release/requirements.txt
	@touch $@

$(TOOLS)/.cargo-cyclonedx-$(CARGO_CYCLONEDX_VERSION): | check-machine
	cargo install --quiet --locked --root $(TOOLS) --version $(CARGO_CYCLONEDX_VERSION) cargo-cyclonedx
	@touch $@

$(TOOLS)/.cargo-about-$(CARGO_ABOUT_VERSION): | check-machine
	cargo install --quiet --locked --root $(TOOLS) --version $(CARGO_ABOUT_VERSION) --features cli cargo-about
	@touch $@

.PHONY: release-tools
release-tools: $(RELEASE)/.installed $(TOOLS)/.cargo-cyclonedx-$(CARGO_CYCLONEDX_VERSION)

.PHONY: third-party
third-party: $(RELEASE)/.installed $(TOOLS)/.cargo-about-$(CARGO_ABOUT_VERSION) ## write THIRD-PARTY-LICENSES, the licences of what is linked (CHECK=1: fail where it is out of date)
	$(RELEASE_PYTHON) tools/release/third_party.py $(if $(CHECK),--check)

.PHONY: release-dry-run
release-dry-run: deny release-tools node_modules/.installed ## all of a release that one machine can do: every artefact built twice, equal byte by byte, checked and installed; TARGETS="x86_64-unknown-linux-musl": these platforms
	$(MAKE) third-party CHECK=1
	$(RELEASE_PYTHON) tools/release/dry_run.py $(RELEASE) $(TARGETS:%=--target %)
	$(PYTHON) tests/packaging/run.py --dist $(RELEASE)/artefacts

.PHONY: nightly
nightly: FUZZ_SEED = 0
nightly: deny check-platforms check-msrv lint-workflows test-docs test-apps test-frameworks test-mcp test-bundlers test-jest test-other-languages test-shells fuzz chaos kills batch-kills soak instructions ## the long checks

CHAOS_EVENTS ?= 100000
CHAOS_CUTS ?= 10000
CHAOS_TURN_CUTS ?= 1000

.PHONY: chaos
chaos: $(VENV)/.built dist/.built chaos-dev ## streams cut CHAOS_CUTS (10000) times over CHAOS_EVENTS (100000) events, turns CHAOS_TURN_CUTS (1000) times a mode, in every language
	$(CARGO_TARGET_DIR)/debug/sessionwire-chaos run $(CHAOS_EVENTS) $(CHAOS_CUTS)
	$(BIN)/python tests/python/chaos.py $(CHAOS_EVENTS) $(CHAOS_CUTS) sync
	$(BIN)/python tests/python/chaos.py $(CHAOS_EVENTS) $(CHAOS_CUTS) async
	node tests/node/chaos.mjs $(CHAOS_EVENTS) $(CHAOS_CUTS)
	$(CARGO_TARGET_DIR)/debug/sessionwire-chaos turns $(CHAOS_TURN_CUTS)
	$(BIN)/python tests/python/turn_chaos.py $(CHAOS_TURN_CUTS) sync
	$(BIN)/python tests/python/turn_chaos.py $(CHAOS_TURN_CUTS) async
	node tests/node/turn-chaos.mjs $(CHAOS_TURN_CUTS)

KILLS ?= 500
TURN_KILLS ?= 100
WORKFLOW_KILLS ?= 100
ENGINE_KILLS ?= 50

.PHONY: kills
kills: $(VENV)/.built dist/.built ## processes killed at random instants, and their tasks finished by another language: KILLS (500) each way, TURN_KILLS (100) of turns, WORKFLOW_KILLS (100) of workers of Temporal, ENGINE_KILLS (50) of Dask and of Celery
	$(BIN)/python tests/kills/run.py --tasks $(KILLS) --turns $(TURN_KILLS)
	$(BIN)/python tests/kills/workflows.py --workflows $(WORKFLOW_KILLS)
	$(BIN)/python tests/kills/engines.py --kills $(ENGINE_KILLS)

BATCH_TASKS ?= 500
BATCH_KILLS ?= 20

.PHONY: batch-kills
batch-kills: $(VENV)/.built ## a batch of BATCH_TASKS (500) tasks, killed BATCH_KILLS (20) times: each result once, each message once
	$(BIN)/python tests/kills/batch.py --tasks $(BATCH_TASKS) --kills $(BATCH_KILLS)

SOAK_COUNT ?= 100000
SOAK_UPLOAD_MB ?= 1000
SOAK_TURNS ?= 300

.PHONY: soak
soak: $(VENV)/.built dist/.built chaos-dev ## memory over SOAK_COUNT (100000) streams and requests, a flood, Ctrl-C, close; a 1 GB upload, 300 turns at once
	$(BIN)/python tests/python/soak.py sync $(SOAK_COUNT)
	$(BIN)/python tests/python/soak.py async $(SOAK_COUNT)
	node --expose-gc --max-semi-space-size=2 tests/node/soak.mjs $(SOAK_COUNT)
	node --expose-gc --max-semi-space-size=2 tests/node/soak-aborts.mjs 200 50
	$(CARGO_TARGET_DIR)/debug/sessionwire-soak close 200
	$(BIN)/python tests/python/soak_raccoon.py sync $(SOAK_UPLOAD_MB) $(SOAK_TURNS)
	$(BIN)/python tests/python/soak_raccoon.py async $(SOAK_UPLOAD_MB) $(SOAK_TURNS)
	node --expose-gc --max-semi-space-size=2 tests/node/soak-raccoon.mjs $(SOAK_UPLOAD_MB) $(SOAK_TURNS)

.PHONY: instructions
instructions: | check-machine ## count the instructions of an event and a call; more than before by 1 % fails (WRITE=1: write them)
	$(PYTHON) bench/instructions.py $(if $(WRITE),--write)

.PHONY: sizes
sizes: $(VENV)/.installed ## the size of the Python package's library by crate
	CARGO_PROFILE_RELEASE_STRIP=none RUSTFLAGS="$(RELEASE_FLAGS)" cargo build --release --locked -p sessionwire-python
	$(PYTHON) bench/sizes.py $(CARGO_TARGET_DIR)/$(CARGO_BUILD_TARGET)/release/lib_native.so

.PHONY: bench
bench: | check-machine ## measure against the peers (45 minutes); SUITES=calls,growth: some of it; BENCH=--quick: options of bench/run.py
	$(PYTHON) bench/run.py $(if $(SUITES),--only $(SUITES)) $(BENCH)
