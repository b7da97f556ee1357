"""The ledger of steps against the exact decrease on a quadratic."""

import numpy as np
import pytest
from tests.inspection.causes.quadratics import descent, rotated, run_of

from steepest.inspection import LedgerDisplay


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_on_a_quadratic_the_second_order_is_exact(sign):
    matrix, _ = rotated([1.0, 4.0, 9.0])
    run = descent(matrix, [1, 2, 3], 0.15, steps=20, sign=sign)
    display = LedgerDisplay.from_run(run)
    gradients = run.trace.x[:-1] @ matrix
    squares = np.sum(gradients**2, axis=1)
    np.testing.assert_allclose(display.promised, 0.15 * squares, rtol=1e-9)
    np.testing.assert_allclose(display.actual, -sign * np.diff(run.trace.value), rtol=1e-12)
    np.testing.assert_allclose(display.curved, display.actual, rtol=1e-6)
    curvature = np.sum((gradients @ matrix) * gradients, axis=1) / squares
    np.testing.assert_allclose(display.share, 1 - 0.15 * curvature / 2, rtol=1e-6)
    assert ("never rose" if sign > 0 else "never fell") in display.caption


def test_the_share_of_exact_searches_is_a_half():
    x, points, sizes = np.array([10.0, 1.0]), [], []
    matrix = np.diag([1.0, 10.0])
    for _ in range(15):
        g = matrix @ x
        points.append(x)
        sizes.append(g @ g / (g @ matrix @ g))
        x = x - sizes[-1] * g
    run = run_of(lambda x: float(x @ matrix @ x) / 2, lambda x: matrix @ x, lambda x, v: matrix @ v, points, sizes[:-1])
    display = LedgerDisplay.from_run(run)
    np.testing.assert_allclose(display.share, 0.5, rtol=1e-6)
    assert "about as long as those of an exact search" in display.caption


def test_steps_that_rose_are_counted_and_drawn():
    sizes = np.full(20_000, 1e-4)
    sizes[[7_777, 15_001]] = 2.5
    run = descent(np.eye(2), [1, 2], sizes, steps=20_000)
    display = LedgerDisplay.from_run(run).plot()
    assert display.rises == 2
    assert {7_777, 15_001} <= set(display.at)
    assert len(display.at) <= 60
    assert "In 2 of 20,000 steps" in display.caption
    marks = {line.get_label(): line.get_xdata() for line in display.ax_.lines}
    np.testing.assert_array_equal(marks["rose by so much"], [7_777, 15_001])


def test_a_decrease_below_rounding_has_no_share():
    run = descent(np.eye(1), [1e-9], 0.5, steps=3)
    run.trace.columns["value"] = run.trace.columns["value"] + 1.0
    display = LedgerDisplay.from_run(run)
    assert np.isnan(display.share).all()
    assert "above rounding errors" in display.caption


def test_steps_that_lead_uphill_are_named():
    # From 1 to 2 on x²: the slope promises a rise.
    run = run_of(lambda x: float(x[0] ** 2), lambda x: 2 * x, lambda x, v: 2 * v, [[2.0], [1.0], [2.0]], 0.25)
    display = LedgerDisplay.from_run(run)
    np.testing.assert_allclose(display.promised, [4, -2])
    assert np.isnan(display.share[1])
    assert "1 of those led uphill from their start" in display.caption
