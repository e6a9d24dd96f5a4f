# Two commands on a fresh machine: `make demo` and `make test`. Each sets itself up once.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test check weights clean

demo: .venv/ready
	$(BIN)/dualfluoro demo --out demo

test: export OMP_NUM_THREADS = 1
test: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/python -m pytest tests/dualfluoro & other=$$!; \
	$(BIN)/python -m pytest --ignore=tests/dualfluoro; here=$$?; \
	wait $$other && exit $$here

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch torchvision
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch .venv/ready

clean:
	rm -rf .venv demo
