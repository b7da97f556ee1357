"""Standard errors, compared with the standard deviations that NIST certifies to 11 digits."""

import json
from pathlib import Path

import numpy as np
import pytest
from tests.oracles.nist import NonLinear, sets

import steepest as st

ORACLES = Path(__file__).parents[2] / "oracles"
CURVES = json.loads((ORACLES / "nist_nonlinear.json").read_text())["sets"]
LINEAR = json.loads((ORACLES / "nist_linear.json").read_text())["sets"]
# The residuals of Lanczos1 are 1e-13 of its data. Rounding the data to doubles alone changes their squares by 1e-3.
ROUNDED = {"Lanczos1": 2}
ALWAYS = ("Misra1a", "Chwirut2", "Lanczos1", "Gauss1", "Nelson", "MGH17", "Thurber", "Eckerle4", "Rat43", "BoxBOD")


def digits(found, certified):
    """Return how many digits of the worst error are right; certified zeros are left out."""
    known = certified > 0
    return float(np.min(-np.log10(np.maximum(np.abs(found / certified - 1)[known], 1e-15))))


@pytest.mark.parametrize("name", sets(ALWAYS))
def test_curves_have_the_certified_deviations(name):
    problem = NonLinear(name)
    fit = st.fit(problem.predict, problem.x, problem.y, start=problem.starts[1])
    found = fit.uncertainty()
    assert not found.why
    assert not found.reasons
    assert found.label == "errors of equal variance"
    assert found.degrees == pytest.approx(len(problem.y) - problem.certified.size)
    assert digits(found.flat_errors, np.array(CURVES[name]["deviations"])) >= ROUNDED.get(name, 9)
    assert list(fit.standard_errors) == list(fit.params)


@pytest.mark.parametrize("name", ["Misra1a", "Thurber", "Eckerle4", "Rat43"])
def test_curves_that_cannot_be_traced_have_six_digits(name):
    problem = NonLinear(name)

    def hidden(x, *b):
        return problem.predict(x, *map(float, b))

    names = ", ".join(f"b{k + 1}" for k in range(problem.certified.size))
    model = eval(f"lambda x, {names}: hidden(x, {names})", {"hidden": hidden})  # noqa: S307 - a signature of its own
    fit = st.fit(model, problem.x, problem.y, start=problem.starts[1])
    assert fit.kind == "differences"
    assert digits(fit.uncertainty().flat_errors, np.array(CURVES[name]["deviations"])) >= 6


@pytest.mark.parametrize("name", LINEAR)
def test_linear_models_have_the_certified_deviations(name):
    record = LINEAR[name]
    y, *x = (np.array(column) for column in zip(*record["rows"], strict=True))
    kind, _, degree = record["model"].partition(" ")
    if kind == "through":
        fit = st.fit(lambda x, b: b * x, x[0], y)
    else:
        columns = [x[0] ** k for k in range(1, int(degree) + 1)] if kind == "degree" else x
        fit = st.fit(st.models.Linear(), np.column_stack(columns), y)
    found, certified = fit.uncertainty(), np.array(record["deviations"])
    errors = np.roll(found.flat_errors, 1) if kind != "through" else found.flat_errors
    if certified.any():
        # Filip's columns are powers up to the tenth, collinear but for rounding.
        assert digits(errors, certified) >= (5 if name == "Filip" else 11)
    else:
        # The points of Wampler 1 and 2 lie on their curves. What is found are rounding errors of the predictions.
        assert np.all(errors < 1e-9)
