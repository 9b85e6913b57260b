# The two commands: `make demo` and `make test`. Both set everything up by themselves.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
NOTEBOOK := $(VENV)/.notebook

.PHONY: demo test proof fuzz faults lint bench arm docs site dist lock clean

$(STAMP): requirements/lock.txt pyproject.toml
	$(PYTHON) tools/check_python.py
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements/lock.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

$(NOTEBOOK): $(STAMP) requirements/notebook.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements/notebook.txt
	$(BIN)/python -m pip --disable-pip-version-check check
	touch $@

demo: $(STAMP)
	$(BIN)/motefit fit quickstart --out runs/quickstart --overwrite
	$(BIN)/motefit check runs/quickstart/quickstart.zip

# more processes than cores: tests that wait leave the cores to others
WORKERS := $(shell expr $$(nproc) + 2)
# every process of the tests would compile what the last one did where the environment forbids caches
PYTEST := OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest

test: $(STAMP)
	$(PYTEST) -n $(WORKERS) --dist worksteal $(PYTEST_ARGS)

# The slow proofs: before a release, and after changing what they prove.
proof: $(STAMP) $(NOTEBOOK)
	$(PYTEST) -n auto --dist worksteal -m proof $(PYTEST_ARGS)
	$(PYTEST) -n auto --dist worksteal -m "hypothesis and not proof" \
	  --hypothesis-profile proof $(PYTEST_ARGS)
	$(BIN)/python tools/equal_bytes.py --emulate Haswell-noTSX

# damaged files for every loader, SECONDS each; then damaged models for every command
SECONDS ?= 20
fuzz: $(STAMP)
	$(BIN)/python tools/fuzz.py --seconds $(SECONDS)
	$(BIN)/python tools/fuzz_commands.py --seconds $$((10 * $(SECONDS)))
	$(BIN)/python tools/fuzz_commands.py --cards --seconds $$((10 * $(SECONDS)))

# kill -9, a full disk and others, for every command that writes; fills docs/faults.md
faults: $(STAMP)
	$(BIN)/python tools/faults.py

lint: $(STAMP)
	$(BIN)/ruff check src tests tools benchmarks
	$(BIN)/ruff format --check src tests tools benchmarks
	$(BIN)/mypy
	$(BIN)/mypy tests/api/typed_user.py
	$(BIN)/lint-imports

bench: $(STAMP)
	$(BIN)/python benchmarks/frontend/run.py
	$(BIN)/python benchmarks/screening/run.py
	$(BIN)/python benchmarks/streaming/run.py
	$(BIN)/python benchmarks/protocols/run.py
	$(BIN)/python benchmarks/busy/run.py
	$(BIN)/python benchmarks/search/kills.py
	if [ -n "$$MOTEFIT_DATA" ]; then \
	  $(BIN)/python benchmarks/compression/run.py --data "$$MOTEFIT_DATA" && \
	  PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python benchmarks/recipes/run.py && \
	  $(BIN)/python benchmarks/stacked/run.py && \
	  $(BIN)/python benchmarks/search/compute.py && \
	  $(BIN)/python benchmarks/streaming/words.py && \
	  $(BIN)/python benchmarks/published/seeds.py && \
	  $(BIN)/python benchmarks/in_graph/run.py --data "$$MOTEFIT_DATA/speech/mini_speech_commands"; \
	else \
	  $(BIN)/python benchmarks/compression/run.py --short; \
	fi

arm: $(STAMP)
	$(BIN)/python tools/arm/run.py zoo/*.zip --in-graph --tensorflow

docs: $(STAMP)
	$(BIN)/python tools/cli_reference.py
	$(BIN)/python tools/api_reference.py
	$(BIN)/python tools/recipe_reference.py
	$(MAKE) site

# strict: a link that leads nowhere or a script from another machine is an error
site: $(STAMP)
	$(BIN)/python tools/docs_site.py

dist: $(STAMP)
	$(BIN)/python tools/build_dist.py

lock:
	$(PYTHON) tools/lock.py

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
