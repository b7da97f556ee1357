"""Calls as code: what is written runs, and does what was asked."""

import gc
import pickle
import weakref

import numpy as np
import pytest

import steepest as st
from steepest.call import Call, Code, remembered, written
from steepest.expression import parse

BOWL = "(x - 1)**2 + 10*(y + 2)**2"


def bowl(x, y):
    return (x - 1) ** 2 + 10 * (y + 2) ** 2


def textbook(**changes):
    options = {"f": bowl, "initial_point": (9, 9), "learning_rate": 0.3, "iterations": 50}
    return Call("gradient_descent", options | changes, ("f", "initial_point"))


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"learning_rate": 0.01}, "st.gradient_descent(bowl, (9, 9), learning_rate=0.01, iterations=50)"),
        ({"step": 0.01}, "st.gradient_descent(bowl, (9, 9), learning_rate=0.01, iterations=50)"),
        ({"iterations": 200}, "st.gradient_descent(bowl, (9, 9), learning_rate=0.3, iterations=200)"),
        ({"step": None, "iterations": None}, "st.minimize(bowl, (9, 9))"),
        ({"learning_rate": None, "iterations": None}, "st.minimize(bowl, (9, 9), step=0.3)"),
        ({"name": "minimize"}, "st.minimize(bowl, (9, 9), step=0.3, iterations=50)"),
        ({"direction": "adam"}, "st.minimize(bowl, (9, 9), step=0.3, iterations=50, direction='adam')"),
        ({"name": "maximize", "step": None}, "st.maximize(bowl, (9, 9), iterations=50)"),
    ],
)
def test_the_textbook_call_becomes_that_of_minimize_where_it_must(changes, code):
    assert str(textbook().changed(**changes)) == code


def test_a_call_that_was_loaded_is_written_alike():
    call = Call(
        "minimize", {"f": bowl, "start": np.array([9.0, 9.0]), "step": 0.3}, ("f", "start"), typed=("minimize",)
    )
    loaded = Call.from_json(call.to_json())
    assert str(loaded) == str(call) == "st.minimize(bowl, [9.0, 9.0], step=0.3)"
    assert (loaded.get("step"), loaded.get("start"), loaded.get("f"), loaded.typed) == (
        0.3,
        [9.0, 9.0],
        None,
        ("minimize",),
    )


def test_models_are_written_with_what_differs_from_the_default():
    made = {
        "st.models.Network(hidden=(4,))": st.models.Network(hidden=(4,)),
        "st.models.Linear()": st.models.Linear(),
        "st.directions.Momentum(decay=0.5)": st.directions.Momentum(0.5),
        "st.penalties.L2(strength=0.1)": st.penalties.L2(0.1),
        "st.losses.Quantile(level=0.9)": st.losses.Quantile(0.9),
        "st.losses.squared": st.losses.squared,
    }
    for code, value in made.items():
        assert written(value, "value") == code
        assert eval(code, {"st": st}) == value  # noqa: S307 - a paste


@pytest.mark.parametrize(
    "text", [BOWL, "max(x, y, 1) + tau*asin(x/10) - e", "where(x < 0, -x, 2*x) + abs(y)", "-x**2 + y"]
)
def test_a_formula_is_written_as_python(text):
    formula = parse(text)
    pasted = eval(formula.code, {"np": np})  # noqa: S307 - a paste
    for point in [(0.3, -0.4), (-2.0, 3.0)]:
        assert np.isclose(pasted(*point), formula(*point), rtol=1e-14)


def test_defaults_are_not_written():
    @remembered
    def asked(f, start, *, step="auto", direction=None, restarts=0, rng=None):
        return Result()

    call = asked(bowl, (9, 9), step="auto", direction=None, restarts=0, rng=0).call
    assert str(call) == "st.asked(bowl, (9, 9), rng=0)"
    assert call.get("step") == "auto"


def test_a_call_keeps_neither_rows_nor_what_users_change_in_place():
    @remembered
    def asked(X, y, *, start=None, validation=None):
        return Result()

    X, start = Rows((50, 3)), np.ones(2)
    seen, call = weakref.ref(X), asked(X, X[:, 0], start=start, validation=(X, X[:, 0])).call
    start[:] = 7.0
    del X
    gc.collect()
    assert seen() is None
    assert str(call) == "st.asked(X, y, start=[1.0, 1.0], validation=validation)"
    assert str(pickle.loads(pickle.dumps(call))) == str(call)  # noqa: S301 - its own


def test_code_is_written_as_it_is():
    call = Call("fit", {"X": Code("X"), "y": Code("y")}, ("X", "y")).changed(X=Code("X / X.std(0)"))
    assert str(call) == "st.fit(X / X.std(0), y)"


class Result:
    """A result with a call."""

    call = None


class Rows(np.ndarray):
    """Rows that can be watched."""
