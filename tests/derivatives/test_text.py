"""Text that a function returns is no number, in every way in which values and gradients are computed."""

import numpy as np
import pytest

import steepest as st


def square(x):
    return float(x) ** 2


# Functions that return a text in place of a number. Python and NumPy would read each text as a number.
TEXTS = {
    "str": lambda x: "3",
    "bytes": lambda x: b"3",
    "computed": lambda x: str(float(np.ravel(x)[0])),
    "array": lambda x: np.array("3"),
    "array of one": lambda x: np.array(["3"]),
    "array of objects": lambda x: np.array(["3"], dtype=object),
    "list": lambda x: ["3"],
}
WAYS = {
    "minimize": lambda f: st.minimize(f, 2.0),
    "with a gradient": lambda f: st.minimize(f, 2.0, gradient=lambda x: 2 * x),
    "as the gradient": lambda f: st.minimize(square, 2.0, gradient=f),
    "the value of a pair": lambda f: st.minimize(lambda x: (f(x), 2 * x), 2.0, gradient=True),
    "the gradient of a pair": lambda f: st.minimize(lambda x: (square(x), f(x)), 2.0, gradient=True),
    "gradient": lambda f: st.gradient(f)(2.0),
    "value_and_gradient": lambda f: st.value_and_gradient(f)(2.0),
    "jacobian": lambda f: st.jacobian(f)(2.0),
    "hessian": lambda f: st.hessian(f)(2.0),
    "directional_derivative": lambda f: st.directional_derivative(f, 2.0, 1.0),
    "check_gradient": lambda f: st.check_gradient(f, lambda x: 0 * x, 2.0),
    "check_gradient of it": lambda f: st.check_gradient(square, f, 2.0),
    "difference_quotient": lambda f: st.difference_quotient(f, 2.0),
    "partial_derivative": lambda f: st.partial_derivative(f, [2.0], 0),
    "finite_difference": lambda f: st.finite_difference(f, 2.0),
    "race": lambda f: st.race(f, 2.0, {"a": 0.1}, iterations=2),
    "basins": lambda f: st.basins(lambda x, y: f(x), ((-1, 1), (-1, 1)), size=3),
    "penalty": lambda f: st.fit(lambda X, w: X * w, [1.0, 2.0], [1.0, 2.0], penalty=f, epochs=2),
}


@pytest.mark.parametrize("way", WAYS)
def test_text_is_refused(way):
    for kind, returned in TEXTS.items():
        with pytest.raises(ValueError, match=r"returned.*(text|must return one)") as refusal:
            WAYS[way](returned)
        assert "\n" not in str(refusal.value), kind


@pytest.mark.parametrize(
    ("f", "gradient"), [(lambda x: square(x) if x > 1 else "3", None), (square, lambda x: 2 * x if x > 1 else "3")]
)
def test_text_after_some_steps_ends_the_run(f, gradient):
    run = st.minimize(f, 2.0, gradient=gradient)
    assert run.outcome == "function raised"
    assert "returned '3'" in run.message
