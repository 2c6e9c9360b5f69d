# Everything a newcomer needs: `make demo` and `make test` set themselves up on Python 3.11 and make alone.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
export PREFECT_SERVER_ANALYTICS_ENABLED = false
export DO_NOT_TRACK = 1

export NO_MKDOCS_2_WARNING = 1

.PHONY: install demo test browser check fix bench flips fuzz faults docs site clean

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	touch $(STAMP)

demo: install
	$(BIN)/affected demo

# pages are tested in Debian's chromium; where it cannot be had those tests skip and say so
CHROMIUM := $(shell command -v chromium)
browser:
ifeq ($(CHROMIUM),)
	@if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
	  apt-get update -q >/dev/null && DEBIAN_FRONTEND=noninteractive \
	    apt-get install -q -y --no-install-recommends chromium fonts-dejavu-core >/dev/null; fi \
	  || echo "no chromium: tests of pages skip"
endif

test: install browser
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

# every check runs, then the target fails if one did
check: install
	@failed=0; \
	for step in "ruff format --check ." "ruff check ." "mypy" "python -m flows.docs --check"; do \
	  echo "== $$step"; $(BIN)/$$step || failed=1; done; \
	$(BIN)/python -m pytest tests/contracts || failed=1; \
	exit $$failed

fix: install
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: install
	$(BIN)/python -m flows.docs

# the documents to read in a browser, from files: site/index.html
site: install
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[docs]"
	$(BIN)/mkdocs build --strict --site-dir site

bench: install
	$(BIN)/python -m benchmarks.difficulty
	$(BIN)/python -m benchmarks.accuracy
	$(BIN)/python -m benchmarks.pipeline

# one random bit of a workspace at a time: found by verify and by who reads the file next?
flips: install
	$(BIN)/python -m benchmarks.flips

# a million mutated inputs at each parser: hours; CASES=20000 is a quarter of one
CASES ?= 1000000
fuzz: install
	$(BIN)/python -m benchmarks.fuzz --cases $(CASES)

# every operation of a whole run fails, 200 kills, every named case; hours: `--share 1/8` is an eighth of the operations
faults: install
	$(BIN)/python -m benchmarks.faults

clean:
	rm -rf $(VENV) site .mkdocs .mypy_cache .ruff_cache .pytest_cache .hypothesis demo
