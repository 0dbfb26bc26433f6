# Every command of the project. `make help` lists them.

CARGO ?= cargo
# In CI the committed Cargo.lock must fit as it is.
CARGO_FLAGS ?= $(if $(filter true,$(CI)),--locked)
ARGS ?=
PREFIX ?= /usr/local
DESTDIR ?=
SECONDS ?= 120

RELEASE := $(CARGO) run $(CARGO_FLAGS) --release

.DEFAULT_GOAL := help
.PHONY: help setup demo test crash bitflips soak bench header abi install uninstall lint deny

help: ## List the targets (this text)
	@echo "Usage: make <target> [VARIABLE=value]"
	@echo
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "Variables:"
	@echo "  CARGO        the cargo command (now: $(CARGO))"
	@echo "  CARGO_FLAGS  added to every cargo command that builds (now: $(or $(strip $(CARGO_FLAGS)),none); in CI: --locked)"
	@echo "  ARGS         arguments of the program that demo, crash or bench runs; with them demo leaves out the part in C"
	@echo "  PREFIX       where install puts the libraries (now: $(PREFIX))"
	@echo "  DESTDIR      stands before PREFIX while a package is made"
	@echo "  SECONDS      how long soak takes (now: $(SECONDS))"
	@echo "  CI           true: a missing tool is an error"

setup: ## Install missing Debian packages (as root), else name them
	@bash .ci/setup

demo: setup ## Show what hsm does
	$(RELEASE) -p hsm-examples --bin demo -- $(ARGS)
	$(if $(strip $(ARGS)),,@$(MAKE) --no-print-directory install DESTDIR= PREFIX="$(BUILT)/installed")
	$(if $(strip $(ARGS)),,@bash examples/c/demo "$(BUILT)/installed")

test: setup ## Run every test
	$(CARGO) test $(CARGO_FLAGS) --workspace --all-features --no-fail-fast

crash: setup ## Stop the engine at every write and print what survived, as a table
	$(RELEASE) -p hsm-tests --bin crash -- $(ARGS)

bitflips: setup ## Flip every bit of an index in turn, open the store and read it: takes hours
	$(CARGO) test $(CARGO_FLAGS) --release -p hsm-tests --test bit_flips -- --ignored --nocapture

soak: setup ## Kill a client at random moments for SECONDS and compare with what it was told
	$(RELEASE) -p hsm-tests --bin soak -- $(SECONDS)

bench: setup ## Measure
	$(RELEASE) -p hsm-benches --bin bench -- $(ARGS)

header: setup ## Write include/hsm.h and docs/c anew from hsm-ffi
	HSM_BLESS=1 $(CARGO) test $(CARGO_FLAGS) -p hsm-ffi --test header

abi: setup ## Write hsm-ffi/abi/libhsm.abi anew from hsm-ffi
	HSM_BLESS=1 $(CARGO) test $(CARGO_FLAGS) -p hsm-ffi --test abi

INSTALLER = bash hsm-ffi/install/libhsm
BUILT = $(or $(CARGO_TARGET_DIR),target)/release

install: ## Build libhsm and libhestia and install them below PREFIX
	@# Without the form that only Rust links, which keeps 300 KB of the others from being left out.
	$(CARGO) rustc $(CARGO_FLAGS) --release -p hsm-ffi --lib --crate-type cdylib,staticlib
	$(CARGO) build $(CARGO_FLAGS) --release -p hsm-iosea
	$(INSTALLER) install "$(BUILT)" "$(DESTDIR)$(PREFIX)"

uninstall: ## Remove what install has put below PREFIX
	$(INSTALLER) uninstall "$(BUILT)" "$(DESTDIR)$(PREFIX)"

lint: setup ## Check format, clippy and documentation; any warning is an error
	$(CARGO) fmt --all --check
	$(CARGO) clippy $(CARGO_FLAGS) --workspace --all-targets --all-features -- -D warnings
	RUSTDOCFLAGS="-D warnings -D rustdoc::private_intra_doc_links" \
		$(CARGO) doc $(CARGO_FLAGS) --workspace --all-features --no-deps

deny: ## Check licenses, advisories and sources of the dependencies (needs cargo-deny)
	@$(CARGO) deny --version >/dev/null 2>&1 || \
		{ echo "cargo-deny is missing: cargo install cargo-deny --locked" >&2; exit 1; }
	$(CARGO) deny --all-features check
