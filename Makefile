# make demo   decide, render, build llama.cpp once, load the model, compare: the main job end to end
# make test   everything, live engines included        make check   all that needs no engine, under 4 minutes
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
CORE   := $(VENV)/.core
DEV    := $(VENV)/.dev
PIP    := $(BIN)/pip install --quiet --disable-pip-version-check -c constraints/core.txt

.PHONY: demo test check lint unit live golden docs fit memory-truth near clean
.DELETE_ON_ERROR:

$(CORE): pyproject.toml constraints/core.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=python3.12 ..."; exit 2; }
	@echo "== environment in $(VENV) (about 20 s)"
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) -e .
	@touch $@

$(DEV): $(CORE)
	@echo "== tools for the tests (about 20 s)"
	@$(PIP) -e '.[dev]'
	@touch $@

demo: $(CORE)
	@bash examples/demo.sh $(BIN)/advisor

check: lint unit

lint: $(DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

unit: $(DEV)
	$(BIN)/pytest -n 2 -m 'not live' --ignore tests/live

live: $(DEV)
	$(BIN)/advisor engines install llama.cpp --yes
	@test "$$(uname)" != Linux || $(BIN)/advisor engines install vllm --cpu --yes
	$(BIN)/pytest -m live tests/live

test: check live

golden: $(DEV)   # rewrite expected outputs; review the difference before committing
	ADVISOR_REWRITE_GOLDEN=1 $(BIN)/pytest -m 'not live' tests/cases tests/unit -q || true

fit: $(DEV)      # fit the step times to the published measurements of the fit side, about two minutes; review the difference
	$(BIN)/python scripts/fit_calibration.py --write

memory-truth: $(DEV)   # ask llama.cpp for its sizes anew
	$(BIN)/python scripts/ask_memory.py

near: $(DEV)     # what published runs say of what is near them, after the step times are fitted
	$(BIN)/python scripts/fit_near --write

docs: $(DEV)     # rewrite the generated pages
	$(BIN)/python scripts/write_accuracy.py
	$(BIN)/python scripts/generate_docs.py
	$(BIN)/python scripts/fill_readme.py
	$(BIN)/python scripts/write_grammar.py

clean:
	rm -rf $(VENV) demo-output dist build
