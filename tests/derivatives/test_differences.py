"""Difference quotients against closed forms over sixteen orders of magnitude, their errors, and higher derivatives."""

import math

import numpy as np
import pytest
from tests.functions import STANDARD

import steepest as st

FUNCTIONS = {
    "exp": (np.exp, np.exp, 1.3),
    "exp of minus": (lambda x: np.exp(-x), lambda x: -np.exp(-x), 0.8),
    "sin": (np.sin, np.cos, 0.7),
    "cos": (np.cos, lambda x: -np.sin(x), 1.1),
    "tan": (np.tan, lambda x: 1 / np.cos(x) ** 2, 0.4),
    "log": (np.log, lambda x: 1 / x, 2.5),
    "log1p": (np.log1p, lambda x: 1 / (1 + x), 0.9),
    "sqrt": (np.sqrt, lambda x: 0.5 / np.sqrt(x), 3.0),
    "cube": (lambda x: x**3, lambda x: 3 * x**2, 1.7),
    "line": (lambda x: 3 * x + 2, lambda x: 3 + 0 * x, 1.2),
    "square": (lambda x: x**2, lambda x: 2 * x, -1.5),
    "quintic": (lambda x: x**5 - 3 * x + 1, lambda x: 5 * x**4 - 3, 1.4),
    "inverse": (lambda x: 1 / x, lambda x: -1 / x**2, 1.9),
    "inverse square": (lambda x: 1 / x**2, lambda x: -2 / x**3, -1.1),
    "sinh": (np.sinh, np.cosh, 1.2),
    "cosh": (np.cosh, np.sinh, 0.9),
    "tanh": (np.tanh, lambda x: 1 / np.cosh(x) ** 2, 0.6),
    "arctan": (np.arctan, lambda x: 1 / (1 + x**2), 0.8),
    "arcsin": (np.arcsin, lambda x: 1 / np.sqrt(1 - x**2), 0.5),
    "arccos": (np.arccos, lambda x: -1 / np.sqrt(1 - x**2), 0.3),
    "arcsinh": (np.arcsinh, lambda x: 1 / np.sqrt(1 + x**2), 1.6),
    "bell": (lambda x: np.exp(-(x**2)), lambda x: -2 * x * np.exp(-(x**2)), 0.9),
    "wave": (lambda x: np.exp(x) * np.sin(x), lambda x: np.exp(x) * (np.sin(x) + np.cos(x)), 1.0),
    "logistic": (lambda x: 1 / (1 + np.exp(-x)), lambda x: np.exp(-x) / (1 + np.exp(-x)) ** 2, 0.4),
    "softplus": (lambda x: np.log(1 + np.exp(x)), lambda x: 1 / (1 + np.exp(-x)), 1.5),
    "entropy": (lambda x: x * np.log(x), lambda x: np.log(x) + 1, 2.2),
    "power": (lambda x: x**1.5, lambda x: 1.5 * np.sqrt(x), 2.7),
    "Runge": (lambda x: 1 / (1 + 25 * x**2), lambda x: -50 * x / (1 + 25 * x**2) ** 2, 0.3),
    "sinc": (lambda x: np.sin(x) / x, lambda x: np.cos(x) / x - np.sin(x) / x**2, 1.8),
    "nested": (lambda x: np.sin(x**2), lambda x: 2 * x * np.cos(x**2), 0.8),
}
SCALES = 10.0 ** np.arange(-8, 9, 2)


def test_there_are_thirty():
    assert len(FUNCTIONS) == 30


@pytest.mark.parametrize(
    ("method", "tolerance", "values"), [("forward", 1e-6, 1), ("central", 1e-9, 2), ("complex", 1e-12, 1)]
)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_scipys_standard_over_scales(name, method, tolerance, values):
    f, slope, x = FUNCTIONS[name]
    for scale in SCALES:
        found = st.finite_difference(lambda x, s=scale: f(x / s), x * scale, method=method)
        true = slope(x) / scale
        assert found.derivative == pytest.approx(true, rel=tolerance, abs=0)
        assert found.evaluations <= values + 12


def test_the_error_estimate_holds_and_is_not_too_large():
    ratios = []
    for f, slope, x in FUNCTIONS.values():
        for method in ("forward", "central"):
            found = st.finite_difference(f, x, method=method)
            ratios.append(float(found.error / max(abs(found.derivative - slope(x)), 1e-16)))
    assert min(ratios) > 0.3
    assert np.mean(np.array(ratios) >= 1) > 0.9
    assert np.median(ratios) < 30


def test_extrapolation_gains_digits():
    f, slope, x = FUNCTIONS["wave"]
    once, thrice = (st.finite_difference(f, x, richardson=k) for k in (0, 2))
    assert abs(thrice.derivative - slope(x)) < 1e-12 < abs(once.derivative - slope(x))
    forward = st.finite_difference(f, x, method="forward", richardson=3)
    assert forward.derivative == pytest.approx(slope(x), rel=1e-9)


@pytest.mark.parametrize("method", ["forward", "central"])
def test_few_values_for_many_coordinates(method):
    calls = []
    rng = np.random.default_rng(0)
    x = rng.standard_normal(100)

    def f(x):
        calls.append(1)
        return np.sum(np.sin(x)) + x[0] * x[-1]

    found = st.finite_difference(f, x, method=method)
    assert found.evaluations == len(calls) <= {"forward": 101, "central": 201}[method] + 16
    exact = np.cos(x) + x[-1] * np.eye(100)[0] + x[0] * np.eye(100)[-1]
    assert np.all(np.abs(found.derivative - exact) < 10 * found.error)


def test_steps_follow_the_noise():
    rng = np.random.default_rng(0)

    def f(x):
        return np.exp(x) * (1 + 1e-6 * rng.standard_normal())

    found = st.finite_difference(f, 1.0)
    assert 1e-7 < found.noise < 1e-5
    assert abs(found.derivative - math.e) < 1e-3
    given = st.finite_difference(f, 1.0, noise=3e-6)
    assert abs(given.derivative - math.e) < 1e-3 < 1e2 * given.error


def test_at_the_edge_of_the_domain_the_other_side_is_used():
    def f(x):
        return math.sqrt(x) if x >= 1 else math.nan

    assert st.finite_difference(f, 1.0).derivative == pytest.approx(0.5, rel=1e-6)
    assert st.finite_difference(lambda x: f(2 - x), 1.0, method="forward").derivative == pytest.approx(-0.5, rel=1e-6)


def test_vectors_and_trees():
    found = st.finite_difference(lambda x: np.array([x[0] ** 2, x[0] * x[1], x[1] ** 3]), [1.0, 2.0])
    np.testing.assert_allclose(found.derivative, [[2, 0], [2, 1], [0, 12]], atol=1e-8)
    tree = st.finite_difference(lambda p: p["a"] ** 2 + np.sum(p["b"]), {"a": 3.0, "b": [1.0, 2.0]})
    assert tree.derivative["a"] == pytest.approx(6)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"method": "backward"}, "forward, central, complex"),
        ({"h": 0}, "positive and finite"),
        ({"h": 1e-30}, "lost in rounding"),
        ({"richardson": -1}, "whole number"),
        ({"richardson": 2, "method": "complex"}, "leave it out"),
        ({"noise": -1.0}, "0 or more"),
    ],
)
def test_bad_options(options, words):
    with pytest.raises(ValueError, match=words):
        st.finite_difference(np.exp, 1.0, **options)


def test_code_that_is_not_analytic_is_found_out():
    with pytest.raises(ValueError, match="not analytic"):
        st.finite_difference(lambda x: abs(x) * x, 1.2, method="complex")
    with pytest.raises(ValueError, match="complex numbers"):
        st.finite_difference(lambda x: np.real(x) ** 2, 1.2, method="complex")
    with pytest.raises(ValueError, match="finite value"):
        st.finite_difference(np.log, 0.0)


@pytest.mark.parametrize("standard", STANDARD[:40:12], ids=lambda s: s.name)
def test_hessians_are_the_jacobians_of_gradients(standard):
    gradient, x = st.gradient(standard.value), standard.point
    columns = st.finite_difference(gradient, x, richardson=1)
    hessian = st.hessian(standard.value)(x)
    size = np.abs(hessian).max()
    np.testing.assert_allclose(hessian, columns.derivative, atol=1e-6 * size)
    v = np.cos(np.arange(x.size))
    # A single step of fixed size compiles fastest; the curvature is that of any run.
    run = st.minimize(standard.value, x, step=1e-9, iterations=1)
    np.testing.assert_allclose(run.curvature(x, v), hessian @ v, atol=1e-9 * size * x.size)


class TestJacobian:
    def test_forward_and_reverse_against_closed_forms(self):
        rng = np.random.default_rng(0)
        for outputs, inputs in ((3, 7), (7, 3)):
            a = rng.standard_normal((outputs, inputs))
            jacobian = st.jacobian(lambda x, a=a: np.sin(a @ x))
            x = rng.standard_normal(inputs)
            np.testing.assert_allclose(jacobian(x), np.cos(a @ x)[:, None] * a, rtol=1e-12)
            assert jacobian.kind == "traced"

    def test_shapes_follow_the_function(self):
        assert st.jacobian(lambda x: np.outer(x, x))(np.ones(3)).shape == (3, 3, 3)
        np.testing.assert_array_equal(st.jacobian(lambda x: [x**2, x**3])(2.0), [4, 12])
        np.testing.assert_array_equal(st.jacobian(lambda x, y: [x * y])(2.0, 3.0), [[3, 2]])

    def test_what_cannot_be_traced_is_differenced(self):
        jacobian = st.jacobian(lambda x: [float(x[0]) ** 2, float(x[1]) * float(x[0])])
        np.testing.assert_allclose(jacobian([2.0, 3.0]), [[4, 0], [3, 2]], atol=1e-8)
        assert jacobian.kind == "differences"
        hessian = st.hessian(lambda x: float(x[0]) ** 3 * float(x[1]))
        np.testing.assert_allclose(hessian([1.0, 2.0]), [[12, 3], [3, 0]], atol=1e-5)
        assert hessian.kind == "differences"

    def test_a_value_that_changes_is_not_served_from_what_was_compiled(self):
        factor = 1.0
        jacobian = st.jacobian(lambda x: factor * np.array([x[0], x[1] ** 2]))
        assert jacobian([1.0, 1.0])[1, 1] == 2
        factor = -1.0
        assert jacobian([1.0, 1.0])[1, 1] == -2

    def test_not_a_function(self):
        with pytest.raises(TypeError, match="takes a function"):
            st.jacobian(3)


def test_directional_derivative_is_the_gradient_along_a_direction():
    assert st.directional_derivative(lambda x, y: x**2 * y, (3.0, 2.0), (1, -1)) == pytest.approx(12 - 9)
    tree = {"a": 1.0, "b": [1.0, 2.0]}
    along = {"a": 1.0, "b": [1.0, 0.0]}
    assert st.directional_derivative(lambda p: p["a"] ** 2 + np.sum(p["b"]), tree, along) == pytest.approx(3)
    with pytest.raises(ValueError, match="the direction has 3 numbers"):
        st.directional_derivative(lambda x: x @ x, [1.0, 2.0], [1, 1, 1])
