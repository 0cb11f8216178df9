# make workbook   run all notebooks: on simulated signers, or DATA=/path/to/asl-fingerspelling PARAMS=notebooks/params/round2.yaml
# make test       run the tests
# make lint       check format, style and types, and change nothing
# make format     format, and mend what the linter can; notebooks included
# make lab        open JupyterLab at the first chapter
# make web        build the page that reads a webcam, web/dist/index.html; MODEL=a/model.tflite puts another model in
# make weights    what the package ships, and its model card, from the trained reader; PARAMS=... from another run
# make book       the executed chapters of RUN=outputs/demo as pages in docs/chapters, and pictures in docs/images
# make kaggle     build the notebooks' kernels into kaggle/: of a trial, or PARAMS=notebooks/params/kaggle_round2.yaml
# make help       say this
# The environment (.venv) is made by whichever comes first, and again when the dependencies change.
# Its Python is 3.11, 3.12 or 3.13: python3, or PYTHON=python3.13

PYTHON ?= python3
PARAMS ?= notebooks/params/demo.yaml
RUN ?= outputs/demo
DATA ?=
MODEL ?= src/fingerspelling/weights/model.tflite
BIN := .venv/bin
READY := .venv/ready

# READY holds the folder that the environment was made for: in a copy of folder and environment, it would run the
# other folder's code, so it is made anew.
ifneq ($(shell cat $(READY) 2>/dev/null),$(CURDIR))
$(shell rm -f $(READY))
endif

.PHONY: help workbook test lint format lab kaggle book web weights
.DELETE_ON_ERROR:

help:
	@sed -n '/^$$/q; s/^# //p' Makefile

workbook: $(READY)
	$(BIN)/python -m fingerspelling run --params "$(PARAMS)" $(if $(DATA),--data "$(DATA)")

test: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --dist loadfile

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# JupyterLab keeps outputs in the notebooks, and what it knows of its kernel; .gitattributes lets git see neither.
LANGUAGE := $(addprefix metadata.language_info.,codemirror_mode file_extension mimetype nbconvert_exporter pygments_lexer version)
lab: $(READY)
	@! git rev-parse --git-dir >/dev/null 2>&1 || \
		git config filter.notebooks.clean '$(BIN)/python -m nbstripout --keep-id --extra-keys "$(LANGUAGE)"'
	$(BIN)/jupyter lab --notebook-dir=. --LabApp.default_url=/lab/tree/notebooks/00_start.ipynb \
		--FileContentsManager.post_save_hook=fingerspelling.runs.lab.settle $(if $(filter 0,$(shell id -u)),--allow-root)

web: $(READY)
	@npm --version >/dev/null || { echo "Node.js and npm are needed to build the page: install them, version 18 or later"; exit 2; }
	$(BIN)/python -m fingerspelling.export.static "$(MODEL)" web/model
	cd web && npm ci --no-audit --no-fund && node build.mjs model
	@echo "open web/dist/index.html in a browser"

weights: $(READY)
	$(BIN)/python -m fingerspelling.runs.release $(if $(findstring file,$(origin PARAMS)),,--params "$(PARAMS)")

kaggle: $(READY)
	$(BIN)/python -m fingerspelling.kaggle.kernels $(if $(findstring file,$(origin PARAMS)),,--params "$(PARAMS)")

book: $(READY)
	$(BIN)/python -m fingerspelling.runs.pages "$(RUN)"

# READY is removed first and made last, so what an interruption leaves is cleared away by the next make.
# pip says nothing for minutes while it unpacks, so a line every 15 seconds says that it is still at work. Both run in
# the shell's background, and it ends them itself: an interruption does not reach what is there, nor a shell that waits
# for pip in its foreground.
$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(not (3, 11) <= v <= (3, 13) and "Python 3.11, 3.12 or 3.13 is needed, this is %d.%d; name one: make PYTHON=python3.13" % v)'
	$(PYTHON) -m venv $(if $(wildcard $@),,--clear) .venv
	@rm -f $@
	@trap 'kill $$beat $$pip 2>/dev/null' EXIT; trap 'exit 130' INT; trap 'exit 143' TERM; (while sleep 15 >/dev/null 2>&1; do echo "still installing ..."; done) & beat=$$!; \
	$(BIN)/python -m pip install --disable-pip-version-check --constraint constraints.txt --editable ".[workbook,kaggle,test]" & \
	pip=$$!; wait $$pip
	@echo "$(CURDIR)" > $@
