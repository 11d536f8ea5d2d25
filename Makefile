# make demo   decide, render, build llama.cpp once, load the model, compare: the main job end to end
# make test   everything, live engines included        make check   all that needs no engine, under 4 minutes
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

.PHONY: demo test check lint unit live golden docs clean
.DELETE_ON_ERROR:

$(STAMP): pyproject.toml constraints/core.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=python3.12 ..."; exit 2; }
	@echo "== environment in $(VENV) (about 30 s)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check -c constraints/core.txt -e '.[dev]'
	@touch $@

demo: $(STAMP)
	@bash examples/demo.sh $(BIN)/advisor

check: lint unit

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

unit: $(STAMP)
	$(BIN)/pytest -n 2 -m 'not live'

live: $(STAMP)
	$(BIN)/advisor engines install llama.cpp --yes
	$(BIN)/pytest -m live

test: check live

golden: $(STAMP)   # rewrite expected outputs; review the difference before committing
	ADVISOR_REWRITE_GOLDEN=1 $(BIN)/pytest -m 'not live' tests/cases tests/unit -q || true

docs: $(STAMP)     # rewrite the generated pages
	$(BIN)/python scripts/generate_docs.py
	$(BIN)/python scripts/fill_readme.py
	$(BIN)/python scripts/write_grammar.py

clean:
	rm -rf $(VENV) demo-output dist build
