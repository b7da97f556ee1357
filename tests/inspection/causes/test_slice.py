"""The slice through a path: its plane, the distance from it, and the values on it."""

import numpy as np
import pytest
from tests.inspection.causes.quadratics import descent, rotated, run_of
from tests.inspection.runs import bowl, make_run

from steepest.inspection import SliceDisplay


def test_a_path_in_a_plane_is_all_on_it():
    # Three coordinates shrink alike, two others alike: the path lies in a plane of five dimensions.
    run = descent(np.diag([1.0, 1, 1, 8, 8]), [1, 2, 3, 4, 5], 0.1)
    display = SliceDisplay.from_run(run, size=12)
    np.testing.assert_allclose(display.off, 0, atol=1e-12)
    np.testing.assert_allclose(display.axes @ display.axes.T, np.eye(2), atol=1e-12)
    assert display.gap < 1e-9
    assert "The path lies in this plane" in display.caption


def test_values_are_those_of_the_function_on_the_plane():
    matrix, _ = rotated([1.0, 3.0, 9.0, 20.0])
    run = descent(matrix, [1, -2, 3, 1], 0.05)
    display = SliceDisplay.from_run(run, size=7)
    best = run.trace.x[-1]
    for i, v in enumerate(display.grid_y):
        for j, u in enumerate(display.grid_x):
            point = best + u * display.axes[0] + v * display.axes[1]
            assert display.values[i, j] == pytest.approx(run.evaluate(point), rel=1e-9)


def test_the_distance_from_the_plane():
    # A large circle in a plane, with one point lifted out of it by 0.1: the plane stays nearly the same.
    angle = np.linspace(0, 2 * np.pi, 400)
    points = np.column_stack([np.cos(angle), np.sin(angle), np.zeros(400)])
    points[200, 2] = 0.1
    run = run_of(lambda x: float(x[0]), lambda x: x, lambda x, v: v, points, 0.1, value=np.linspace(1, 0, 400))
    display = SliceDisplay.from_run(run, size=5)
    length = np.linalg.norm(np.diff(points, axis=0), axis=1).sum()
    assert display.off[200] == pytest.approx(0.1 / length, rel=1e-2)
    assert np.argmax(display.off) == 200
    assert "at iteration 200" in display.caption


def test_the_gap_compares_the_path_with_its_shadow():
    run = descent(np.diag([1.0, 4.0, 9.0]), [5, 4, 3], 0.05, steps=60)
    display = SliceDisplay.from_run(run, size=5)
    best = run.trace.x[-1]
    shadows = best + display.path @ display.axes
    differences = [abs(run.evaluate(a) - b) for a, b in zip(shadows, run.trace.value, strict=True)]
    assert display.gap == pytest.approx(max(differences) / (run.trace.value[0] - run.trace.value[-1]), rel=0.05)


def test_a_straight_path_has_a_plane():
    run = descent(np.eye(3), [1, 2, 3], 0.1)
    display = SliceDisplay.from_run(run, size=5)
    np.testing.assert_allclose(display.axes @ display.axes.T, np.eye(2), atol=1e-12)
    np.testing.assert_allclose(display.path[:, 1], 0, atol=1e-12)


def test_one_parameter_and_no_move_are_refused():
    with pytest.raises(ValueError, match=r"the run has one parameter and a slice needs two or more"):
        SliceDisplay.from_run(descent(np.eye(1), [1.0], 0.1))
    with pytest.raises(ValueError, match=r"the run stays at one point"):
        SliceDisplay.from_run(make_run(bowl, [[1, 1], [1, 1]]))
