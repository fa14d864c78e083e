# Two commands do everything on a fresh machine: `make quickstart` and `make test`. Each backend has its own environment.
PYTHON ?= python3
KERAS_BACKEND ?= tensorflow
export KERAS_BACKEND
VENV := $(if $(filter tensorflow,$(KERAS_BACKEND)),.venv,.venv-$(KERAS_BACKEND))
BIN := $(VENV)/bin

.PHONY: install quickstart test test-fast lint format dist docs bench pictures clean

# Not compiled when installed: Python compiles the small part that it imports.
$(VENV)/installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --no-compile --editable ".[$(KERAS_BACKEND),test]"
	touch $@

# The pip of a fresh Python may be older than dependency groups.
$(VENV)/lint: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --no-compile --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --no-compile --group lint
	touch $@

install: $(VENV)/installed

quickstart: $(VENV)/installed
	TF_CPP_MIN_LOG_LEVEL=3 $(BIN)/python examples/quickstart.py

test: quickstart
	$(BIN)/python -m pytest -n 2 --dist loadfile --durations 20

# The core: some files of each step, in under a minute.
test-fast: $(VENV)/installed
	$(BIN)/python -m pytest -n 2 --dist loadfile @tests/fast.txt

lint: $(VENV)/lint
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/bug.yml .github/ISSUE_TEMPLATE/feature.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-issue-config .github/ISSUE_TEMPLATE/config.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.citation-file-format CITATION.cff

format: $(VENV)/lint
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# In an environment of its own: what builds a release needs nothing else.
dist:
	rm -rf dist
	$(PYTHON) -m venv .venv-dist
	.venv-dist/bin/python -m pip install --quiet --no-compile --upgrade "pip>=25.1"
	.venv-dist/bin/python -m pip install --quiet --no-compile --group dist
	.venv-dist/bin/python -m build
	.venv-dist/bin/twine check --strict dist/*
	.venv-dist/bin/check-wheel-contents dist/*.whl

$(VENV)/docs: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --no-compile --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --no-compile --group docs
	touch $@

# An example runs again only if it has changed since; `make clean` forgets that.
docs: $(VENV)/docs
	TF_CPP_MIN_LOG_LEVEL=3 MPLBACKEND=Agg $(BIN)/python -m sphinx -W --keep-going -q docs docs/_build/html
	@echo "docs/_build/html/index.html: open it in a browser"

bench:
	.ci/bench

pictures: $(VENV)/installed
	TF_CPP_MIN_LOG_LEVEL=3 MPLBACKEND=Agg $(BIN)/python docs/pictures/make.py

clean:
	rm -rf .venv* build dist *.egg-info docs/_build docs/gallery
