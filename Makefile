# Two commands do everything on a fresh machine: `make quickstart` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: quickstart test bench pictures clean

# Not compiled when installed: Python compiles the small part that it imports.
$(VENV)/installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --no-compile --editable ".[tensorflow,test]"
	touch $@

quickstart: $(VENV)/installed
	TF_CPP_MIN_LOG_LEVEL=3 $(BIN)/python examples/quickstart.py

test: quickstart
	$(BIN)/python -m pytest -n 2 --dist loadfile --durations 20

bench:
	.ci/bench

pictures: $(VENV)/installed
	TF_CPP_MIN_LOG_LEVEL=3 MPLBACKEND=Agg $(BIN)/python docs/pictures/make.py

clean:
	rm -rf .venv* build dist *.egg-info
