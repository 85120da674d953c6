# Two commands do everything on a machine with Python 3.11 or newer: `make demo` and `make test`.
# Another interpreter: make test PYTHON=python3.12

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO ?= demo-output
# Two contended OpenMP threads slow small models twenty-fold; the parallelism here is one process per core.
export OMP_NUM_THREADS ?= 1

.DEFAULT_GOAL := help
.PHONY: help install demo test install-theory test-new-seed test-theory test-all sanitize lint format docs proofs clean

help:
	@echo "make demo     install into $(VENV), run the whole line on embedded data, leave $(DEMO)/report.html"
	@echo "make test     install into $(VENV), then ruff, pyright, import contracts and pytest"
	@echo "make test-new-seed   the property-based tests once more, with a new seed that is printed (SEED=... repeats it)"
	@echo "make install-theory test-theory VENV=.venv-second PYTHON=python3.13   rdmf_theory under another Python, without torch"
	@echo "make sanitize        the compiled kernels under AddressSanitizer and UBSan"
	@echo "make test-all        all of these, and planted faults, limits and killed trainings: about an hour"
	@echo "make lint     the checks of 'make test' without pytest;  make format  lets ruff rewrite"
	@echo "make docs     HTML documentation in docs/_build/html;  make proofs  the proofs, where Coq is installed"
	@echo "make clean    remove what these targets made, $(VENV) included"

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt hatch_build.py $(wildcard rdmf_model/ops/*/*.?pp rdmf_model/ops/*/build.py)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "RDMF needs Python 3.11 or newer, this is %s. Name one: make PYTHON=python3.12" % sys.version.split()[0])'
	@$(PYTHON) -c 'import ensurepip, venv' || { echo "This Python cannot create environments; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@echo "installing into $(VENV): a few minutes, about 3 GB"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]' -c constraints.txt
	@touch $@

$(VENV)/.installed-docs: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[docs]' -c constraints.txt
	@touch $@

demo: install
	$(BIN)/rdmf demo $(DEMO) --force

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports

test: lint
	HYPOTHESIS_PROFILE=$${HYPOTHESIS_PROFILE:-ci} $(BIN)/python -m pytest -n 2

# Not part of `make test`, which never varies. A failure prints its example and `@reproduce_failure`, to paste above the test.
SEED ?= $(shell date +%Y%m%d)
test-new-seed: install
	@echo "property-based tests with --hypothesis-seed=$(SEED)"
	HYPOTHESIS_PROFILE=rotating $(BIN)/python -m pytest -n 2 -q -m hypothesis --hypothesis-seed=$(SEED)

# The theory needs no torch: under a second version of Python it is installed and tested without it.
THEORY := numpy scipy sympy matplotlib python-flint hypothesis joblib typer packaging rich z3-solver
install-theory:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --retries 1 -c constraints.txt \
		$(THEORY) pytest pytest-timeout pytest-xdist
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .

test-theory:
	HYPOTHESIS_PROFILE=$${HYPOTHESIS_PROFILE:-ci} $(BIN)/python -m pytest -n 2 -q -m "not hypothesis" tests/theory

test-all: test test-new-seed sanitize
	$(BIN)/python -m tests.mutants
	$(BIN)/python -m tests.limits
	$(BIN)/python -m tests.faults

# Not part of `make test`: the sanitized build alone takes half a minute.
sanitize: install
	RDMF_SANITIZE=1 $(BIN)/python -m pytest tests/ops/test_sanitizers.py

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/.installed-docs
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html
	$(BIN)/python -m pytest -q tests/docs/test_pages_stand_alone.py
	@echo "docs/_build/html/index.html"

proofs:
	@command -v coqc > /dev/null || { echo "Coq is not installed; on Debian and Ubuntu: apt-get install coq libcoq-coquelicot" >&2; exit 1; }
	$(MAKE) -C proofs -j2

clean:
	rm -rf $(VENV) .venv-second docs/_build docs/api docs/keys.md docs/gallery demo-output build dist .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
