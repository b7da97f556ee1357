"""Covariances of linear models, compared with statsmodels' on the same rows."""

import json
from pathlib import Path

import numpy as np
import pytest

import steepest as st

RECORD = json.loads((Path(__file__).parents[2] / "oracles" / "statsmodels_errors.json").read_text())
X, WEIGHT = np.array(RECORD["columns"]), np.array(RECORD["weight"], float)
MODELS = {
    "squared": st.models.Linear(),
    "log loss": st.models.Logistic(),
    "poisson": st.models.Poisson(),
    "gamma": st.models.Gamma(),
}
CASES = [(case, kind) for case, found in RECORD["covariances"].items() if case != "softmax" for kind in found]


def covariance(case, kind, rows=X):
    name, _, weights = case.partition(", ")
    y = np.array(RECORD["targets"][name], float)
    fit = st.fit(MODELS[name], rows, y, sample_weight=WEIGHT if weights else None)
    return fit.uncertainty(robust=kind or False, weights=weights or "frequency")


def apart(found, wanted):
    """Return the largest difference of two covariances, in units of the errors."""
    size = np.sqrt(np.diag(wanted))
    return np.abs((found - wanted) / size / size[:, None]).max()


@pytest.mark.parametrize(("case", "kind"), CASES)
def test_covariance_is_that_of_statsmodels(case, kind):
    wanted = np.array(RECORD["covariances"][case][kind])
    found = covariance(case, kind)
    assert not found.why
    assert apart(found.covariance, wanted) < (1e-10 if case.startswith("squared") else 1e-8)
    np.testing.assert_allclose(found.flat_errors, np.sqrt(np.diag(wanted)), rtol=1e-10)


def test_differences_of_classes_are_those_of_statsmodels():
    y, wanted = np.array(RECORD["targets"]["softmax"]), np.array(RECORD["covariances"]["softmax"])
    found = st.fit(st.models.Multinomial(), X, y).uncertainty()
    # From (coef of each class, intercept of each class) to the contrasts of class 1 and class 2 with class 0.
    contrast = np.zeros((8, 12))
    for k, (class_, place) in enumerate((c, j) for c in (1, 2) for j in range(4)):
        for sign, of in ((1, class_), (-1, 0)):
            contrast[k, 9 + of if place == 3 else 3 * of + place] = sign
    assert apart(contrast @ found.covariance @ contrast.T, wanted) < 1e-8
    # The coefficients of the classes add up to 0, and so do their errors.
    assert np.abs(found.root[:3] + found.root[3:6] + found.root[6:9]).max() < 1e-12 * np.abs(found.root).max()
