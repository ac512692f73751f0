# make demo: train the captioner on pictures it draws itself, evaluate it, look inside; then caption the example
# photographs with the model that comes with the package.   make test: the tests.
# make page: caption, search, ask and write in a browser.
# make test-page: the tests of the page, in a browser; they say why where they are skipped.
# make lint: ruff, pydoclint and mypy.   make test-processors: the tests that depend on the processor, on each kind.
# make fuzz: the property-based tests with new inputs, for FUZZ_MINUTES.   make test-oldest: the tests with the oldest
# packages that pyproject.toml allows, in an environment of its own.
# make bench: each claim of speed, measured beside what it is compared with; writes one file of figures in runs/.
NEWER = python3.11 python3.12 python3.13 python3.14 python3 python
IS_NEW = -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
PYTHON ?= $(shell for python in $(NEWER); do $$python $(IS_NEW) && echo $$python && break; done)
BIN := .venv/bin
SCENES = $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/captioner/scenes-*
# A process a core, each with one thread: together they are faster than one process with all of them.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadfile --ignore=tests/browser
# Folders whose results pass through kernels that differ from processor to processor.
NUMERIC := tests/cells tests/decoders tests/heads tests/search tests/encoders tests/insight tests/test_attention.py

FUZZ_MINUTES ?= 20

.PHONY: demo page test test-processors test-oldest fuzz lint bench clean

page: .venv/installed
	$(BIN)/python scripts/serve.py

demo: .venv/installed
	@started=$$(date +%s); set -ex; \
	$(BIN)/python scripts/train.py --task caption; \
	$(BIN)/python scripts/evaluate.py --split test --shuffled; \
	$(BIN)/python scripts/caption.py --model last $$(ls $$(ls -dt $(SCENES) | head -1)/images/test/*.png | head -4); \
	mkdir -p runs/photos; \
	$(BIN)/python scripts/caption.py examples/photos --attention runs/photos/attention.png; \
	set +x; echo "make demo took $$(( ($$(date +%s) - started + 30) / 60 )) minutes, the packages apart"

test: .venv/installed
	$(PYTEST)

test-page: .venv/installed
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --maxprocesses=4 --dist loadfile tests/browser -q -rs

test-processors: .venv/installed
	ATEN_CPU_CAPABILITY=default $(PYTEST) $(NUMERIC)
	ATEN_CPU_CAPABILITY=avx2 $(PYTEST) $(NUMERIC)
	if grep -qs avx512f /proc/cpuinfo; then ATEN_CPU_CAPABILITY=avx512 $(PYTEST) $(NUMERIC); fi
	MKL_CBWR=COMPATIBLE $(PYTEST) $(NUMERIC)
	OMP_NUM_THREADS=2 $(BIN)/python -m pytest $(NUMERIC)

# Old packages warn of what newer ones beside them have changed, so warnings are no errors here.
test-oldest: .venv/installed
	$(BIN)/python -m venv .venv-oldest
	.venv-oldest/bin/python -m pip install --quiet uv
	.venv-oldest/bin/uv pip install --quiet --python .venv-oldest/bin/python --resolution lowest-direct \
		--editable '.[dev]'
	OMP_NUM_THREADS=1 .venv-oldest/bin/python -m pytest -n auto --dist loadfile -W default --ignore=tests/browser

fuzz: .venv/installed
	@end=$$(( $$(date +%s) + 60 * $(FUZZ_MINUTES) )); set -e; \
	while [ $$(date +%s) -lt $$end ]; do $(PYTEST) -q tests/fuzz --hypothesis-profile=long; done

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pydoclint --quiet captioner
	$(BIN)/mypy

bench: .venv/installed
	@mkdir -p runs; started=$$(date +%s); file=runs/bench-$$(date +%Y%m%d-%H%M%S).json; set -ex; \
	$(BIN)/python benchmarks/startup.py --rounds 5 --json $$file; \
	$(BIN)/python benchmarks/training_step.py --json $$file; \
	$(BIN)/python benchmarks/features.py --json $$file; \
	$(BIN)/python benchmarks/precision.py --rounds 3 --json $$file; \
	$(BIN)/python benchmarks/shards.py 10000 --json $$file; \
	$(BIN)/python benchmarks/metrics.py --json $$file; \
	$(BIN)/python benchmarks/search.py --json $$file; \
	$(BIN)/python benchmarks/cell_speed.py --rounds 3 --cells lstm mut1 min_gru --json $$file; \
	set +x; echo "make bench took $$(( ($$(date +%s) - started) / 60 )) minutes; the figures are in $$file."; \
	echo "$(BIN)/python benchmarks/compare.py OLD.json $$file  compares them with those of another run."

.venv/installed: pyproject.toml
	test -n "$(PYTHON)" || (echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python" && exit 2)
	test -d .venv || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@

clean:
	rm -rf .venv .venv-oldest .mypy_cache .ruff_cache dist build
