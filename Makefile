# Rollcall. `make` alone lists what can be made.
#
# What passes through to `make up`, `migrate`, `backup` and `restore`, from the environment or the command line:
#   LISTEN=127.0.0.1:3000   where it listens
#   STATE=.spin             the folder of its database, logs and development secrets
#   DATABASE=sqlite         the setting `database`, or the URL of a Postgres
#   SPIN_VARIABLE_NAME=...  any other setting

MAKEFLAGS += --no-builtin-rules --no-print-directory

CARGO ?= cargo
# spin.toml names the component by its path, so it is built nowhere else.
export CARGO_TARGET_DIR := $(CURDIR)/target

WASM := wasm32-wasip2
COMPONENT := target/$(WASM)/release/rollcall.wasm
HOST := target/release/rollcall-host

# The release profile is the component's. The host is a tool: the time to build
# it matters more than its last percent of speed.
HOST_PROFILE := CARGO_PROFILE_RELEASE_OPT_LEVEL=3 CARGO_PROFILE_RELEASE_LTO=false CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16

.PHONY: help
help: ## List what can be made
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "%-16s %s\n", $$1, $$2 }' Makefile

.PHONY: toolchain
toolchain: ## Check the toolchain, and add the WebAssembly target where it is missing
	@CARGO='$(CARGO)' scripts/toolchain $(WASM)

.PHONY: build
build: component host ## Build the component and the host, in release

.PHONY: component
component: toolchain ## Build the component alone
	$(CARGO) build --target $(WASM) --release --locked

.PHONY: host
host: toolchain ## Build the host alone
	$(HOST_PROFILE) $(CARGO) build --release --locked -p rollcall-host

.PHONY: cli
cli: ## Build the command line, target/release/rollcall, to be put where you like
	$(HOST_PROFILE) $(CARGO) build --release --locked -p rollcall-cli

.PHONY: up
up: component ## Serve the API: on Spin 4.1 or newer where it is installed, else on the host
	@scripts/has-spin || $(MAKE) host
	@scripts/up

.PHONY: migrate
migrate: component ## Apply the migrations that are pending
	@scripts/has-spin || $(MAKE) host
	@scripts/migrate

.PHONY: backup
backup: ## Write the database, which may be in use, to BACKUP=file
	@scripts/backup '$(or $(BACKUP),$(error BACKUP=file says where to))'

.PHONY: restore
restore: ## Make the database what it was in BACKUP=file
	@scripts/restore '$(or $(BACKUP),$(error BACKUP=file says where from))'

.PHONY: import-example
import-example: ## Create the people of examples/users.ndjson, as the README does (needs `make up`)
	@{ scripts/readme 'Sign in' && scripts/readme 'Make many users'; } | sh -eu

.PHONY: openapi
openapi: ## Write openapi.json anew, after a change of the API
	@test -f openapi.json || echo '{}' >openapi.json
	$(CARGO) run --locked --quiet --example openapi >openapi.json.new
	mv openapi.json.new openapi.json

.PHONY: openapi-accept
openapi-accept: ## Promise what openapi.json says now, as with a release: the next changes are held against it
	cp openapi.json openapi.baseline.json
	echo '{}' >openapi.breaking.json

.PHONY: test
test: test-native test-postgres test-host e2e ## Run every test

.PHONY: test-native
test-native: ## Run the tests that need neither WebAssembly nor a host
	$(CARGO) test --locked
	$(CARGO) test --locked -p rollcall-argon2id

.PHONY: test-postgres
test-postgres: ## Run the tests of the API once more, on a Postgres that they start
	$(CARGO) run --locked --quiet -p rollcall-testkit --bin with-postgres -- $(CARGO) test --locked --test api

.PHONY: test-host
test-host: toolchain ## Run the host's own tests
	$(HOST_PROFILE) $(CARGO) test --release --locked -p rollcall-host

# What speaks to the built component over the network: by itself, by the command
# line, and by the client below that.
E2E := -p rollcall-e2e -p rollcall-cli -p rollcall-client

# They are about SQLite, about both databases already, or about the command line.
E2E_ON_SQLITE := readme:: on_both:: commands::

.PHONY: e2e
e2e: e2e-sqlite e2e-postgres ## Run the end-to-end tests; ROLLCALL_SPIN=/path/to/spin runs them on a real Spin

.PHONY: e2e-sqlite
e2e-sqlite: build ## Run the end-to-end tests on SQLite, and those that are about both databases
	ROLLCALL_HOST='$(CURDIR)/$(HOST)' $(CARGO) test --locked $(E2E)

.PHONY: e2e-postgres
e2e-postgres: build ## Run the end-to-end tests once more, on a Postgres that they start
	ROLLCALL_HOST='$(CURDIR)/$(HOST)' $(CARGO) run --locked --quiet -p rollcall-testkit --bin with-postgres -- \
		$(CARGO) test --locked $(E2E) -- $(E2E_ON_SQLITE:%=--skip %)

.PHONY: fuzz
fuzz: build ## Let schemathesis drive the API for long: FUZZ_EXAMPLES=100 cases an operation, FUZZ_SEEDS='1 2 3'
	ROLLCALL_HOST='$(CURDIR)/$(HOST)' ROLLCALL_FUZZ_EXAMPLES='$(or $(FUZZ_EXAMPLES),100)' \
		ROLLCALL_FUZZ_SEEDS='$(or $(FUZZ_SEEDS),1 2 3)' $(CARGO) test --locked -p rollcall-e2e -- fuzz::

.PHONY: lint
lint: lint-format lint-clippy lint-deny lint-proto ## Run every check that needs no run

.PHONY: lint-format
lint-format: ## Check the formatting
	$(CARGO) fmt --all --check

.PHONY: lint-clippy
lint-clippy: toolchain ## Run clippy, natively and for WebAssembly
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	$(CARGO) clippy --locked --target $(WASM) -p rollcall -p rollcall-bench-hash -p rollcall-bench-hello -p rollcall-bench-update -- -D warnings
	$(CARGO) clippy --locked --target $(WASM) -p rollcall-conformance-guest -- -D warnings

.PHONY: lint-proto
lint-proto: ## Check the protos by buf, where it is installed or npm is there to get it
	@scripts/lint-proto

.PHONY: lint-deny
lint-deny: ## Check licences, sources and bans of the dependencies against deny.toml
	@CARGO='$(CARGO)' scripts/deny

.PHONY: bench
bench: build ## Measure, and write target/bench.json and bench.svg (BENCH=--help tells more); ROLLCALL_SPIN measures a real Spin
	ROLLCALL_HOST='$(CURDIR)/$(HOST)' $(HOST_PROFILE) $(CARGO) run --locked --release -p rollcall-bench -- $(BENCH)

.PHONY: audit-verify
audit-verify: ## Prove the chain of audit events: DATABASE_FILE=path, or API=url with ROLLCALL_TOKEN
	@scripts/audit-verify $(or $(API),$(DATABASE_FILE),.spin/sqlite_db.db)

.PHONY: clean
clean: ## Remove what was built; the state of `make up` stays
	$(CARGO) clean
