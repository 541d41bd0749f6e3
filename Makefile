# Two commands for a new user: `make demo` and `make test`. Everything installs into .venv, pinned by hash.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
RUN    := $(BIN)/python
# Three hands on CI's two processors: a test of real parts waits for a third of its time, and who waits needs none.
HANDS  ?= 3
PYTEST := $(RUN) -m pytest -n $(HANDS) --dist worksteal

.PHONY: demo test laws simulate crashes haproxy prometheus nginx check schema lint lock install install-dev bench clean

demo: install            ## watch a commit switch the slot, and a bad version come back by itself
	@$(BIN)/reconcile demo $(ARGS)

test: install-dev haproxy prometheus ## everything that can be tested on this machine
	@$(PYTEST) $(ARGS)

# Stock HAProxy is no wheel. Root on Debian or Ubuntu gets it here; elsewhere its tests are skipped, and fail where CI is set.
haproxy:
	@PATH="$$PATH:/usr/sbin"; command -v haproxy >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && { apt-get update -qq; DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends haproxy >/dev/null; }; } || echo "haproxy is not installed: its tests are skipped"

# Unpacked beside the other tools, not installed: nothing is started, and no root is needed where the package lists are there.
prometheus: | $(VENV)/bin/python
	@command -v prometheus >/dev/null || test -x $(VENV)/prometheus/usr/bin/prometheus || { command -v apt-get >/dev/null && { [ "$$(id -u)" != 0 ] || apt-get update -qq; } && cd $(VENV) && apt-get download -qq prometheus >/dev/null 2>&1 && dpkg-deb -x prometheus_*.deb prometheus && rm prometheus_*.deb; } || echo "prometheus cannot be had here: its tests are skipped"

# As prometheus; the benchmark of reloads leaves its column out where it is missing.
nginx: | $(VENV)/bin/python
	@PATH="$$PATH:/usr/sbin"; command -v nginx >/dev/null || test -x $(VENV)/nginx/usr/sbin/nginx || { command -v apt-get >/dev/null && { [ "$$(id -u)" != 0 ] || apt-get update -qq; } && cd $(VENV) && apt-get download -qq nginx >/dev/null 2>&1 && dpkg-deb -x nginx_*.deb nginx && rm nginx_*.deb; } || echo "nginx cannot be had here: its column is left out"

check: install-dev lint  ## yes or no: style, types, layers, schemas, tests
	@$(PYTEST) && echo "check: yes" || { echo "check: no"; exit 1; }

lint: install-dev
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports && $(RUN) -m reconciler.desired.schema --check || { echo "check: no"; exit 1; }

laws: install-dev        ## every law over millions of states, every situation and mutant, 10,000 histories; half an hour, two processes
	@$(RUN) tests/simulation/run.py --seeds 10000
	@PYTHONPATH=tests/model:tests/core $(RUN) tests/model/laws.py $(ARGS)
	@LAWS=all $(PYTEST) --timeout 600 tests/simulation tests/core/test_every_situation.py tests/core/test_laws.py tests/hostile/test_living_repository.py

simulate: install-dev    ## one history, told step by step: make simulate SEED=17
	@$(RUN) tests/simulation/run.py --seed $(SEED)

crashes: install-dev haproxy ## every blow at every boundary of a switch, on each real gateway; half an hour
	@CRASHES=all $(RUN) -m pytest -v --timeout 2400 tests/e2e/test_e2e_matrix.py tests/e2e/test_e2e_crash.py tests/e2e/test_e2e_drill.py tests/e2e/test_e2e_regression.py tests/e2e/test_e2e_hand_over.py tests/e2e/test_e2e_bad_input.py tests/e2e/test_e2e_faults.py tests/e2e/test_e2e_by_hand.py tests/e2e/test_e2e_windows.py tests/e2e/test_e2e_scenario.py

schema: install-dev      ## write schemas/*.json from the models
	@$(RUN) -m reconciler.desired.schema

bench: install-dev haproxy nginx ## speed, as ratios measured side by side
	@$(RUN) benchmarks/switch.py && $(RUN) benchmarks/tick.py && $(RUN) benchmarks/detection.py --rollouts 1000 && $(RUN) benchmarks/rollback.py --rollbacks 5

install: $(VENV)/.installed
install-dev: $(VENV)/.installed-dev

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11 ..."; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "creating $(VENV) failed; on Debian: apt-get install python3-venv"; exit 1; }

# -qq: errors are shown, and what pip warns of is not: a mirror's odd links are nothing that a user can mend.
$(VENV)/.installed: requirements/run.lock pyproject.toml | $(VENV)/bin/python
	@echo "installing (once) ..."
	@$(RUN) -m pip install -qq --disable-pip-version-check --require-hashes -r requirements/run.lock
	@$(RUN) -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.installed-dev: requirements/dev.lock $(VENV)/.installed
	@echo "installing what the tests need (once) ..."
	@$(RUN) -m pip install -qq --disable-pip-version-check --require-hashes -r requirements/dev.lock
	@touch $@

lock: install-dev        ## pin again from pyproject.toml
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links --extra envoy --extra windows --python-version 3.11 pyproject.toml requirements/build.in -o requirements/run.lock
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links --python-version 3.11 requirements/dev.in -c requirements/run.lock -o requirements/dev.lock

clean:
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
