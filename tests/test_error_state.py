"""NumPy's error state and warnings: the user's settings change no result, and a call leaves them as they were."""

import contextlib
import warnings

import numpy as np
import pandas as pd
import pytest

import steepest as st
from steepest.inspection import ContourDisplay, CurveDisplay, DescentDisplay, SlopesDisplay

RNG = np.random.default_rng(3)
X = RNG.normal(size=(40, 2)) + 1
Y = X @ [1.0, -2.0] + RNG.normal(size=40)
CLASSES = (Y.mean() < Y).astype(float)


def root(x):
    return np.sqrt(x) + 1 / x


def logarithm(x):
    return x[0] - np.log(x[0]) + (x[1] - 1) ** 2


def loop(x):
    total = 0.0
    for k in range(3):
        total += float(np.exp(-k * x) + x**2 * 1e-3)
    return total


FUNCTIONS = {
    "root": (root, 0.1),
    "logarithm": (logarithm, [0.01, 3.0]),
    "steep": (lambda x: np.exp(x**2), 9.0),
    "tiny": (lambda x: (x - 1) ** 2 * 1e-200, 5.0),
    "power": (lambda x: np.abs(x) ** 1.5 + np.arctan(1e200 * x), 2.0),
    "rosenbrock": (lambda x, y: (1 - x) ** 2 + 100 * (y - x**2) ** 2, (-1.2, 1.0)),
    "underflow": (lambda x: np.exp(-1000 * np.abs(x)) + x**2, 3.0),
    "domain": (lambda x: np.arcsin(x / 4) ** 2 + np.log1p(x), 3.9),
    "loop": (loop, 2.0),
    "kink": (lambda x: np.abs(x).sum() + np.hypot(x[0], 1e-300), np.array([1.0, -2.0])),
}
RULES = [
    {},
    {"step": "armijo"},
    {"step": "barzilai-borwein"},
    {"step": "adgd"},
    {"step": 0.01, "direction": "adam", "iterations": 30},
    {"step": 0.5, "iterations": 30},
]


@contextlib.contextmanager
def strict():
    """Turn every floating-point error and every warning into an exception, and see that this stays so."""
    with np.errstate(all="raise"), warnings.catch_warnings():
        warnings.simplefilter("error")
        yield
        assert set(np.geterr().values()) == {"raise"}


def same(call):
    with np.errstate(all="ignore"):
        plain = call()
    with strict():
        found = call()
    for name, value in plain.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)


def of_run(run):
    return {"x": run.x, "fun": run.fun, "outcome": str(run.outcome), "trace": run.trace.value}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.always(4)
def test_no_setting_changes_a_descent(name):
    f, start = FUNCTIONS[name]
    # One rule for each function, so that few are compiled; between them they go through all rules.
    rules = RULES[list(FUNCTIONS).index(name) % len(RULES)]
    for options in ({}, rules):
        same(lambda options=options: of_run(st.minimize(f, start, rng=0, **{"iterations": 60, **options})))


def test_no_setting_changes_what_is_read_off_a_run():
    run = st.minimize(root, 0.1, iterations=20)
    plane = st.minimize(logarithm, [0.01, 3.0], iterations=20)

    def read():
        return {
            "value": run.evaluate(-1.0),
            "gradient": run.gradient_at(1e-200),
            "curvature": plane.curvature([1e-160, 1.0], [1.0, 0.0]),
            "curve": CurveDisplay.from_run(run, window=(-1, 1)).value,
            "contour": ContourDisplay.from_run(plane, window=((-1, 1), (-1, 1)), size=5).values,
            "slopes": SlopesDisplay.from_run(run, at=0.5).quotients,
            "descent": DescentDisplay.from_run(run).value,
        }

    same(read)


def test_no_setting_changes_a_derivative():
    def derive():
        return {
            "gradient": st.gradient(root)(1e-200),
            "hessian": st.hessian(logarithm)(np.array([1e-160, 1.0])),
            "jacobian": st.jacobian(lambda x: np.array([np.sqrt(x[0]), x[1] * 1e-200]))(np.array([0.0, 1e-200])),
            "quotient": st.difference_quotient(np.sqrt, 0.0, 0.1),
            "partial": st.partial_derivative(lambda x: np.log(x[0]) * x[1], [0.0, 1.0], 1, 1e-3),
            "finite": st.finite_difference(root, 1e-8).derivative,
            "directional": st.directional_derivative(logarithm, [1e-160, 1.0], [1.0, 0.0]),
            "check": str(st.check_gradient(root, lambda x: 0.5 / np.sqrt(x) - 1 / x**2, 1e-3)),
        }

    same(derive)


@pytest.mark.parametrize(
    "fitted",
    [
        lambda: st.fit(st.models.Linear(), X * [1e-200, 1e200], Y),
        lambda: st.fit(st.models.Logistic(), X, CLASSES, penalty=st.penalties.L1(1e-2)),
        lambda: st.fit(st.models.Poisson(), X, np.floor(np.exp(np.abs(Y)))),
        lambda: st.fit(st.models.Linear(), X, Y, batch_size=8, step=1e3, epochs=2, rng=0),
        lambda: st.fit(st.models.Linear(), iter([(X, Y)]), rng=0),
        lambda: st.fit(lambda x, a, b: a * np.log(np.abs(x[:, 0] - b)), X, Y, start=(1.0, 5.0)),
        lambda: st.fit(st.models.SVM("rbf", components=10), X, CLASSES),
    ],
    ids=["extreme columns", "lasso", "poisson", "diverges", "stream", "function", "kernel"],
)
@pytest.mark.always(3)
def test_no_setting_changes_a_fit(fitted):
    def call():
        fit = fitted()
        return {
            "x": np.concatenate([np.ravel(part) for part in fit.params.values()]),
            "fun": fit.fun,
            "outcome": str(fit.outcome),
            "predictions": fit.predict(X),
        }

    same(call)


def test_no_setting_changes_a_table():
    table = pd.DataFrame({"a": X[:, 0] * 1e-200, "b": X[:, 1], "c": ["u", "v"] * 20, "y": Y})

    def call():
        fit = st.fit_table(table, "y", rng=0)
        return {"x": fit.params["coef"], "text": str(fit), "predictions": fit.predict(table)}

    same(call)


def test_a_setting_of_the_user_survives_an_error_of_the_function():
    def fails(x):
        raise KeyError("no")

    before = np.geterr()
    with pytest.raises(KeyError):
        st.minimize(fails, 1.0)
    assert np.geterr() == before
