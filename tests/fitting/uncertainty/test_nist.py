"""Standard errors, compared with the standard deviations that NIST certifies to 11 digits."""

import json
from pathlib import Path

import numpy as np
import pytest

import steepest as st

ORACLES = Path(__file__).parents[2] / "oracles"
LINEAR = json.loads((ORACLES / "nist_linear.json").read_text())["sets"]


def digits(found, certified):
    """Return how many digits of the worst error are right; certified zeros are left out."""
    known = certified > 0
    return float(np.min(-np.log10(np.maximum(np.abs(found / certified - 1)[known], 1e-15))))


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
