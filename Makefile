# Two commands on a fresh machine: `make demo` and `make test`. Each sets itself up once.
PYTHON ?= python3
BIN := .venv/bin
# The guide, in site/; a warning is an error.
DOCS = NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
# Two halves of the tests, side by side on two cores.
EARLY := tests/dualfluoro/test_[a-e]*
HALVES := 'tests/dualfluoro --ignore-glob=$(EARLY)' 'tests --ignore-glob=tests/dualfluoro/test_[!a-e]*'

.PHONY: demo test docs clean

demo: .venv/ready
	$(BIN)/dualfluoro demo --out demo

test: export OMP_NUM_THREADS = 1
test: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(DOCS)
	printf '%s\n' $(HALVES) | xargs -P 2 -L 1 $(BIN)/python -m pytest

docs: .venv/ready
	$(DOCS)

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch torchvision
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch .venv/ready

clean:
	rm -rf .venv demo site
