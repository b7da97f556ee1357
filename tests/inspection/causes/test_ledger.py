"""The ledger of steps against the exact decrease on a quadratic."""

import re

import numpy as np
import pytest
from tests.inspection.causes.quadratics import descent, rotated, run_of

import steepest as st
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
    assert "an exact search does the same on a quadratic function" in display.caption


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


def median_of(caption):
    return float(re.search(r"kept (\S+) % of", caption)[1].replace("−", "-")) / 100


def test_the_median_is_that_of_all_steps_and_not_of_those_drawn():
    def valley(x, y):
        return (1 - x) ** 2 + 100 * (y - x**2) ** 2

    run = st.gradient_descent(valley, (-1.2, 1), learning_rate=0.0022, iterations=3000)
    few, every = LedgerDisplay.from_run(run), LedgerDisplay.from_run(run, most=10**6)
    assert len(few.at) <= 60
    assert np.median(few.share) < 0.5 < np.median(every.share)
    assert median_of(few.caption) == pytest.approx(np.median(every.share), abs=0.01)
    assert median_of(every.caption) == pytest.approx(np.median(every.share), abs=1e-4)
    assert "The median of 200 steps spread over the run" in few.caption


def test_a_median_is_not_misled_by_steps_that_alternate():
    # 399 steps, of which every second is too long: at equal distances there would be one kind only.
    run = descent(np.eye(1), [1.0], np.tile([0.1, 2.02], 200)[:399], steps=399)
    shares = LedgerDisplay.from_run(run).kept
    assert len(shares) == 200
    assert 60 < np.count_nonzero(shares < 0) < 140


def test_steps_uphill_are_counted_among_steps_that_stand_for_all():
    # Of 1,000 steps every fourth leads back uphill.
    points = np.tile([[4.0], [3.0], [2.0], [1.0]], (250, 1))
    run = run_of(lambda x: float(x[0] ** 2), lambda x: 2 * x, lambda x, v: 2 * v, points, 0.1)
    display = LedgerDisplay.from_run(run)
    assert 25 < display.uphill < 75
    assert f"{display.uphill} of the 200 steps spread over the run led uphill from their start and rose" in (
        display.caption
    )


@pytest.mark.parametrize(
    ("f", "step"), [(lambda x: np.abs(x) ** 1.1, 8.0), (lambda x: np.sqrt(1 + x**2), 7.0), (lambda x: x**2, 1.2)]
)
def test_a_share_says_nothing_of_the_length_of_a_step_on_any_function(f, step):
    # The first step is a tenth of the ceiling of its line and rises all the same.
    caption = LedgerDisplay.from_run(st.gradient_descent(f, 5.0, learning_rate=step, iterations=1)).caption
    for length in ("longer than", "no longer", "as long as"):
        assert length not in caption


def test_shares_beyond_the_axes_are_marked_on_their_edge():
    run = descent(np.eye(1), [1.0], [0.1, 5.0, 0.1, 9.0], steps=4)
    display = LedgerDisplay.from_run(run).plot()
    lower = display.axes_[1]
    marks = [line for line in lower.lines if line.get_marker() == "v"]
    assert [list(line.get_xdata()) for line in marks] == [[1, 3]]
    assert set(marks[0].get_ydata()) == {lower.get_ylim()[0]}
    inside = [y for line in lower.lines if line.get_marker() in ("o", "^") for y in line.get_ydata() if y == y]
    np.testing.assert_allclose(inside, [0.95, 0.95])
