# make workbook   run all notebooks: on simulated signers, or DATA=/path/to/asl-fingerspelling PARAMS=notebooks/params/round2.yaml
# make test       run the tests
# make lab        open JupyterLab
# make lint       format and lint, notebooks included
# The environment (.venv) is made by whichever comes first, and again when the dependencies change.

PYTHON ?= python3
PARAMS ?= notebooks/params/demo.yaml
DATA ?=
BIN := .venv/bin
READY := .venv/ready

.PHONY: workbook test lab lint
.DELETE_ON_ERROR:

workbook: $(READY)
	$(BIN)/python -m fingerspelling.notebooks --params "$(PARAMS)" $(if $(DATA),--data "$(DATA)")

test: $(READY)
	$(BIN)/python -m pytest

lab: $(READY)
	$(BIN)/jupyter lab --notebook-dir=.

lint: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(v not in ((3, 11), (3, 12)) and "Python 3.11 or 3.12 is needed, this is %d.%d; name one: make PYTHON=python3.12" % v)'
	$(PYTHON) -m venv .venv
	@# pip says nothing for a minute while it unpacks, so a line every 15 seconds says that it is still at work.
	@(while sleep 15; do echo "still installing ..."; done) & beat=$$!; trap "kill $$beat" EXIT; \
	$(BIN)/python -m pip install --disable-pip-version-check --constraint constraints.txt --editable ".[workbook,test]"
	@touch $@
