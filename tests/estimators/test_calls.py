"""The call of an estimator's fit, and its cures in the words of the estimators."""

import pickle

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

import steepest as st
from steepest.call import Code
from steepest.estimators import DescentClassifier, DescentRegressor

X = np.random.default_rng(0).normal(size=(60, 3))
Y = X @ [1.0, 2.0, 3.0] + 1


@pytest.fixture(scope="module")
def call():
    return DescentRegressor(alpha=0.1, step=0.01, batch_size=10, max_epochs=3).fit(X, Y).run_.call


@pytest.mark.parametrize(
    ("changes", "parameters", "rows"),
    [
        ({"step": None, "batch_size": None}, {"alpha": 0.1, "max_epochs": 3}, "X, y"),
        ({"epochs": 50}, {"alpha": 0.1, "step": 0.01, "batch_size": 10, "max_epochs": 50}, "X, y"),
        ({"step": None, "batch_size": None, "epochs": None, "penalty": st.penalties.L1(0.2)},
         {"alpha": 0.2, "penalty": "l1"}, "X, y"),
        ({"step": None, "batch_size": None, "epochs": None, "validation": 0.25},
         {"alpha": 0.1, "early_stopping": True, "validation_fraction": 0.25}, "X, y"),
        ({"step": None, "batch_size": None, "epochs": None, "X": Code("X / 2")}, {"alpha": 0.1}, "X / 2, y"),
    ],
)  # fmt: skip
def test_a_cure_is_a_call_of_the_estimator(call, changes, parameters, rows):
    new = call.changed(**changes)
    code = ", ".join(f"{name}={value!r}" for name, value in sorted(parameters.items()))
    assert str(new) == f"st.estimators.DescentRegressor({code}).fit({rows})"
    assert eval(str(new).partition(".fit")[0], {"st": st}).get_params() == DescentRegressor(**parameters).get_params()  # noqa: S307 - a paste


def test_what_the_estimator_can_not_do_is_left_to_fit(call):
    assert str(call.changed(rescale="none")).startswith("st.fit(st.models.Linear(), X, y, ")
    assert call.get("epochs") == call.get("max_epochs") == 3


def test_a_pickled_estimator_keeps_the_call_and_no_rows():
    estimator = DescentClassifier().fit(X, Y > 0, sample_weight=np.arange(1.0, 61.0))
    text = str(pickle.loads(pickle.dumps(estimator)).run_.call)  # noqa: S301 - its own
    assert text == "st.estimators.DescentClassifier().fit(X, y, sample_weight=sample_weight)"
    assert X.tobytes() not in pickle.dumps(estimator)


def test_part_fits_have_no_call_that_does_the_same():
    assert DescentRegressor(step=0.01).partial_fit(X, Y).run_.call is None
    assert len(DescentRegressor().partial_fit(X, Y).run_.diagnose(probe=False)) == 0


def test_a_cure_that_leaves_out_what_an_estimator_lacks_is_one_of_the_estimator():
    with pytest.warns(ConvergenceWarning):
        estimator = DescentRegressor(step=0.5, max_epochs=20).fit(X * [1, 100, 1], Y)
    (found,) = estimator.run_.diagnose()
    assert found.name == "step above the stability limit"
    assert found.call == "st.estimators.DescentRegressor().fit(X, y)"
