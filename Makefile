# make demo: train the captioner on pictures it draws itself, evaluate it, look inside.   make test: the tests.
# make lint: ruff and mypy.   make bench: each claim of speed, measured beside what it is compared with.
PYTHON ?= python3.11
BIN := .venv/bin
SCENES = $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/captioner/scenes-*

.PHONY: demo test lint bench clean

demo: .venv/installed
	$(BIN)/python scripts/train.py --task caption
	$(BIN)/python scripts/evaluate.py --split test --shuffled
	$(BIN)/python scripts/caption.py $$(ls $$(ls -dt $(SCENES) | head -1)/images/test/*.png | head -4)

test: .venv/installed
	$(BIN)/python -m pytest

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pydoclint --quiet captioner
	$(BIN)/mypy

bench: .venv/installed
	$(BIN)/python benchmarks/training_step.py
	$(BIN)/python benchmarks/features.py
	$(BIN)/python benchmarks/metrics.py
	$(BIN)/python benchmarks/search.py
	$(BIN)/python benchmarks/cells.py

.venv/installed: pyproject.toml
	test -d .venv || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@

clean:
	rm -rf .venv .mypy_cache .ruff_cache dist build
