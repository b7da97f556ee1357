"""NIST's certified linear regressions through `fit`, in raw units: powers as they are, no columns scaled by hand."""

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import steepest as st

FILE = Path(__file__).parents[1] / "oracles" / "nist_linear.json"
SETS = json.loads(FILE.read_text())["sets"]
DIGITS = 5


def digits(estimate, certified):
    """Return how many digits of the worst parameter are right."""
    error = np.abs(np.asarray(estimate) - certified) / np.abs(certified)
    return float(np.min(-np.log10(np.maximum(error, 1e-15))))


def columns(record, number=float):
    """Return the columns of the model but for the intercept, and y."""
    y, *x = ([number(value) for value in column] for column in zip(*record["rows"], strict=True))
    kind, _, degree = record["model"].partition(" ")
    return ([[value**k for value in x[0]] for k in range(1, int(degree) + 1)] if kind == "degree" else x), y


def fitted(record):
    """Return the fit and its parameters, the intercept first."""
    x, y = (np.array(part) for part in columns(record))
    if record["model"] == "through the origin":
        run = st.fit(lambda x, b: b * x, x[0], y)
        return run, np.array([run.params["b"]])
    run = st.fit(st.models.Linear(), x.T, y)
    return run, np.append(run.params["intercept"], run.params["coef"])


@pytest.mark.parametrize("name", SETS)
def test_certified_parameters_solve_the_normal_equations(name):
    """What this file takes for the truth is the exact solution for its rows, in fractions."""
    record = SETS[name]
    x, y = columns(record, lambda value: Fraction(str(value)))
    ones = [] if record["model"] == "through the origin" else [[Fraction(1)] * len(y)]
    table = [*ones, *x]
    rows = [[sum(a * b for a, b in zip(one, other, strict=True)) for other in (*table, y)] for one in table]
    for k, pivot in enumerate(rows):
        rows[k] = pivot = [value / pivot[k] for value in pivot]
        for j, row in enumerate(rows):
            if j != k:
                rows[j] = [a - row[k] * b for a, b in zip(row, pivot, strict=True)]
    assert digits([float(row[-1]) for row in rows], np.array(record["certified"])) > 12


@pytest.mark.parametrize("name", [name for name in SETS if name != "Filip"])
def test_fit_has_the_certified_digits(name):
    run, parameters = fitted(SETS[name])
    assert run.success, run.message
    assert digits(parameters, np.array(SETS[name]["certified"])) >= DIGITS, run.message


def test_filip_is_solved_or_named_ill_conditioned():
    run, parameters = fitted(SETS["Filip"])
    solved = digits(parameters, np.array(SETS["Filip"]["certified"])) >= DIGITS
    said = " ".join([run.message, *(event.detail for event in run.events)])
    assert solved or "ill-conditioned" in said, said
