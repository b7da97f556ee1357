VENV := .venv
PY := $(VENV)/bin/python
READY := $(VENV)/.ready

.PHONY: demo test bench lint clean

demo: $(READY)
	$(PY) examples/demo.py

test: lint
	$(PY) -m pytest -n 2

bench: $(READY)
	$(PY) benchmarks/tutorial.py
	$(PY) benchmarks/functions.py
	$(PY) benchmarks/flights.py

lint: $(READY)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports --no-cache
	$(PY) -m numpydoc.hooks.validate_docstrings $$(find src -name '*.py')

# Byte code is compiled here, whatever PYTHONDONTWRITEBYTECODE says: without it importing JAX takes 3 s instead of 1 s.
$(READY): pyproject.toml constraints.txt
	python3 -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[dev]"
	env -u PYTHONDONTWRITEBYTECODE $(PY) -m compileall -q -j 0 src $(VENV)/lib > /dev/null || true
	touch $(READY)

clean:
	rm -rf $(VENV) build dist
