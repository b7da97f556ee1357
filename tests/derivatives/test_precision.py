"""Code in single or half precision is recognised, and its minimum is found to the precision of its values."""

import math

import jax.numpy as jnp
import numpy as np
import pytest

import steepest as st
from steepest.derivatives.serving.serve import serve
from steepest.derivatives.structure import read_call

X32 = np.random.default_rng(0).standard_normal((20, 2)).astype(np.float32)
SINGLE, HALF, DOUBLE = (float(np.finfo(kind).eps) for kind in (np.float32, np.float16, np.float64))


def cast(x, kind=np.float32):
    return x.astype(kind) if hasattr(x, "astype") else kind(x)


# Each has the minimum 1 at x = 2, with a second derivative of about 2.
CASES = {
    "the point": (lambda x: (cast(x) - 2) ** 2 + 1, SINGLE),
    "the result": (lambda x: np.float32((x - 2) ** 2 + 1), SINGLE),
    "in the middle": (lambda x: np.float32(np.cosh(x - 2)) ** 2, SINGLE),
    "by asarray": (lambda x: np.sum((np.asarray(x, dtype=np.float32) - 2) ** 2) + 1, SINGLE),
    "by a ufunc": (lambda x: np.add((x - 2) ** 2, 1, dtype=np.float32), SINGLE),
    "for JAX": (lambda x: jnp.square(jnp.asarray(x, jnp.float32) - 2) + 1, SINGLE),
    "half": (lambda x: np.float16((x - 2) ** 2 + 1), HALF),
    "mixed": (lambda x: (np.float64(np.float32(x)) - 2) ** 2 / 2 + np.float16(1) + (x - 2) ** 2 / 2, SINGLE),
    "plain, the point": (lambda x: (float(np.float32(float(x))) - 2) ** 2 + 1, SINGLE),
    "plain, the result": (lambda x: float(np.float32((float(x) - 2) ** 2 + 1)), SINGLE),
    "plain, of its type": (lambda x: np.float32((float(x) - 2) ** 2 + 1), SINGLE),
    "plain, half": (lambda x: np.float16((float(x) - 2) ** 2 + 1), HALF),
}


@pytest.mark.parametrize("name", CASES)
def test_single_precision_is_recognised_and_the_minimum_found(name):
    f, precision = CASES[name]
    for start in (10.3, -7.0):
        calling, x = read_call(f, start)
        objective = serve(f, calling, x)
        slope = float(objective.slope(x)[1][0])
        true = np.sinh(2 * (start - 2)) if name == "in the middle" else 2 * (start - 2)
        error = objective.slope_error(x)
        assert slope == pytest.approx(
            true, rel=20 * precision if error is None else 1e-9, abs=0 if error is None else 3 * error[0]
        )
        assert precision / 8 <= objective.relative_noise <= 80 * precision
        if not name.startswith("plain"):
            assert ("half" if precision == HALF else "single") in objective.why


@pytest.mark.parametrize("name", ["the point", "the result", "half", "plain, the point", "plain, the result"])
def test_the_minimum_is_found(name):
    f, precision = CASES[name]
    for start in (10.3, 12.946):
        run = st.minimize(f, start)
        assert abs(float(run.x) - 2) < 4 * math.sqrt(precision)
        assert run.fun == pytest.approx(1, abs=4 * precision)


def test_data_in_single_precision_count_as_exact():
    def f(x):
        return np.sum((X32 @ x - 1) ** 2)

    calling, x = read_call(f, [0.3, 0.4])
    objective = serve(f, calling, x)
    assert objective.kind == "traced"
    assert objective.relative_noise == DOUBLE
    exact = 2 * X32.astype(float).T @ (X32.astype(float) @ x - 1)
    np.testing.assert_allclose(objective.slope(x)[1], exact, rtol=1e-12)


def test_whole_numbers_do_not_count_as_single_precision():
    for f in (lambda x: float(x) ** 2, lambda x: math.floor(float(x)) + 0.0, lambda x: 3.0, lambda x: 2 * float(x)):
        calling, x = read_call(f, 3.5)
        objective = serve(f, calling, x)
        objective.slope(x)
        assert objective.relative_noise < 1e-12
