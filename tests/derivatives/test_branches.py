"""Code that branches on values: its slopes are exact on each path, and by differences if there are too many paths."""

import numpy as np
import pytest

import steepest as st
from steepest.derivatives.serving.serve import serve
from steepest.derivatives.structure import read_call


def by_sides(x):
    if x[0] > 0:
        return (x[0] - 1) ** 2 + x[1] ** 2
    return (x[0] + 3) ** 2 + 2 * x[1] ** 2 + 1


def slope_by_sides(x):
    return [2 * (x[0] - 1), 2 * x[1]] if x[0] > 0 else [2 * (x[0] + 3), 4 * x[1]]


def test_each_side_has_its_own_slope():
    calling, x = read_call(by_sides, [0.5, 2.0])
    objective = serve(by_sides, calling, x)
    rng = np.random.default_rng(0)
    for _ in range(12):
        x = rng.standard_normal(2)
        value, slope = objective.slope(x)
        assert value == pytest.approx(by_sides(x), rel=1e-14)
        np.testing.assert_allclose(slope, slope_by_sides(x), rtol=1e-13)
    assert objective.kind == "eager"
    assert "compiled for each path" in objective.why
    assert len(objective.slope.branches.paths) == 2


def test_a_loop_whose_length_depends_on_the_point():
    def f(x):
        total, step = 0.0, x[0]
        while step > 0.3:
            total, step = total + step**2, step / 2
        return total + x[1] ** 2

    def slope(x):
        total, part = 0.0, 1.0
        while part * x[0] > 0.3:
            total, part = total + 2 * part**2 * x[0], part / 2
        return [total, 2 * x[1]]

    calling, x = read_call(f, [1.0, 2.0])
    objective = serve(f, calling, x)
    for first in (1.1, 2.5, 0.2, 0.7, 2.4):
        x = np.array([first, 0.5])
        np.testing.assert_allclose(objective.slope(x)[1], slope(x), rtol=1e-13)


def test_long_loops_get_differences_where_those_are_cheaper():
    def f(x):
        total = 0.0
        for k in range(120):
            d = x[k % 10] - k / 60
            total = total + (d * d if d > 0 else 3 * d * d)
        return total

    run = st.minimize(f, np.linspace(-1, 3, 10))
    assert run.kind == "differences"
    assert "tracing it anew takes" in run.why
    # The function is convex, and Newton's steps on its pieces lead to the minimum.
    x = np.zeros(10)
    targets = np.arange(120).reshape(12, 10) / 60
    for _ in range(50):
        weights = np.where(x > targets, 1.0, 3.0)
        x = (weights * targets).sum(axis=0) / weights.sum(axis=0)
    np.testing.assert_allclose(run.x, x, atol=1e-6)
    assert run.success
