VENV := .venv
PY := $(VENV)/bin/python
READY := $(VENV)/.ready
DOCS := $(VENV)/.docs-ready
BROWSER := $(VENV)/.browser-ready

.PHONY: demo test browser nightly bench docs lint clean

demo: $(READY)
	$(PY) examples/demo.py

test: lint
	$(PY) -m pytest -n 2 --dist worksteal --durations=10
	@echo "Left out: the tests in a real browser, which make browser runs."

# Reports, animations and notebooks in Debian's Chromium, without a window. Pictures of the pages: STEEPEST_SHOTS=folder make browser.
browser: $(BROWSER)
	@sh tests/browser/install.sh
	$(PY) -m pytest -m browser -n 2 --dist worksteal --durations=10 tests/browser

# 100,000 random convex problems: no certificate may lie below the truth. 20,000 damaged folders: none may load as another.
nightly: $(READY)
	$(PY) -m tests.convex
	$(PY) -m tests.saving.mutate
	$(PY) -m pytest -n 2 -m nightly

bench: $(READY)
	$(PY) benchmarks/tutorial.py
	$(PY) benchmarks/functions.py
	$(PY) benchmarks/small.py
	$(PY) benchmarks/small_fits.py
	$(PY) benchmarks/waiting.py
	$(PY) benchmarks/textbook.py
	$(PY) benchmarks/flights.py
	$(PY) benchmarks/least_squares.py
	$(PY) benchmarks/glms.py
	$(PY) benchmarks/strengths.py
	$(PY) benchmarks/fits.py
	$(PY) benchmarks/tables.py
	$(PY) benchmarks/text.py
	$(PY) benchmarks/support_vectors.py
	$(PY) benchmarks/limits.py
	$(PY) benchmarks/digits.py
	$(PY) benchmarks/steps.py
	$(PY) benchmarks/networks.py
	$(PY) benchmarks/trees.py
	$(PY) benchmarks/streams.py
	$(PY) benchmarks/pictures.py
	$(PY) benchmarks/diagnosis.py
	$(PY) benchmarks/recorder.py
	$(PY) -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[bench]"
	$(PY) benchmarks/public_tables.py

# The site is docs/_build/html/index.html; a warning fails the build.
docs: $(DOCS)
	$(PY) docs/pictures.py
	cp examples/*.ipynb docs/notebooks/
	$(VENV)/bin/sphinx-build --quiet --fail-on-warning --keep-going --fresh-env docs docs/_build/html

lint: $(READY)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports --no-cache

# Byte code is compiled here, whatever PYTHONDONTWRITEBYTECODE says: without it importing JAX takes 3 s instead of 1 s.
$(READY): pyproject.toml constraints.txt
	python3 -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[dev]"
	env -u PYTHONDONTWRITEBYTECODE $(PY) -m compileall -q -j 0 src $(VENV)/lib > /dev/null || true
	touch $(READY)

# Apart from the rest, so that the tests do not wait for what makes the site.
$(DOCS): $(READY)
	$(PY) -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[docs]"
	touch $(DOCS)

$(BROWSER): $(READY)
	$(PY) -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[browser]"
	touch $(BROWSER)

clean:
	rm -rf $(VENV) build dist docs/_build docs/api/names
