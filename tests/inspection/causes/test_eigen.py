"""The eigen-lens against |1 - tλ| and the roots of momentum's recurrence."""

import numpy as np
import pytest
from tests.inspection.causes.quadratics import descent, rotated, run_of

from steepest.inspection import EigenDisplay

EIGENVALUES = np.array([0.5, 2.0, 7.0, 19.0])


def with_momentum(rule, eigenvalues, t, decay, steps=120):
    """Return the heavy ball or Nesterov's momentum on a quadratic, by their textbook recurrences."""
    matrix, _ = rotated(eigenvalues)
    x, v, points = np.ones(len(eigenvalues)), np.zeros(len(eigenvalues)), []
    for _ in range(steps + 1):
        points.append(x)
        g = matrix @ x
        v = decay * v + g
        x = x - t * (v if rule == "Momentum" else g + decay * v)
    return run_of(
        lambda x: float(x @ matrix @ x) / 2, lambda x: matrix @ x, lambda x, v: matrix @ v, points, t,
        rule={"name": rule, "decay": decay},
    )  # fmt: skip


@pytest.mark.parametrize("steps", [30, 400])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_contraction_of_plain_descent(steps, sign):
    matrix, axes = rotated(EIGENVALUES)
    minimum = np.array([3.0, -1.0, 2.0, 5.0])
    run = descent(matrix, np.zeros(4), 0.09, minimum=minimum, steps=steps, sign=sign)
    display = EigenDisplay.from_run(run)
    np.testing.assert_allclose(display.curvature, EIGENVALUES, rtol=1e-9)
    np.testing.assert_allclose(display.measured, np.abs(1 - 0.09 * EIGENVALUES), atol=1e-6)
    np.testing.assert_allclose(display.expected, np.abs(1 - 0.09 * EIGENVALUES), atol=1e-9)
    # The distances are those from the minimum, although 30 steps end far from it.
    np.testing.assert_allclose(np.abs(display.distance[0]), np.abs(minimum @ axes), rtol=1e-6)


def test_contraction_of_steps_that_change():
    sizes = np.linspace(0.01, 0.08, 50)
    display = EigenDisplay.from_run(descent(np.diag(EIGENVALUES), np.ones(4), sizes, steps=50))
    np.testing.assert_allclose(display.measured, display.expected, atol=1e-6)


@pytest.mark.parametrize("decay", [0.5, 0.9])
@pytest.mark.parametrize("rule", ["Momentum", "Nesterov"])
def test_contraction_of_momentum_is_the_larger_root(rule, decay):
    t = 0.05
    display = EigenDisplay.from_run(with_momentum(rule, EIGENVALUES, t, decay))
    step = t * EIGENVALUES
    if rule == "Momentum":
        equations = [[1, -(1 + decay - s), decay] for s in step]
    else:
        equations = [[1, -(1 + decay) * (1 - s), decay * (1 - s)] for s in step]
    roots = [np.abs(np.roots(equation)).max() for equation in equations]
    np.testing.assert_allclose(display.expected, roots, atol=1e-9)
    np.testing.assert_allclose(display.measured, roots, atol=1e-6)


def test_a_distance_that_grows_is_said():
    display = EigenDisplay.from_run(descent(np.diag([1.0, 30.0]), [1, 1], 0.1, steps=20))
    assert display.measured[1] == pytest.approx(2, abs=1e-6)
    assert "so this distance grows" in display.caption


def test_of_200_parameters_12_are_drawn_and_more_are_refused():
    eigenvalues = np.geomspace(1, 100, 200)
    display = EigenDisplay.from_run(descent(np.diag(eigenvalues), np.ones(200), 0.01))
    assert len(display.curvature) == 12
    np.testing.assert_allclose(display.curvature[[0, -1]], [1, 100])
    np.testing.assert_allclose(display.measured, np.abs(1 - 0.01 * display.curvature), atol=1e-6)
    with pytest.raises(ValueError, match=r"the run has 201 parameters and an eigen-lens takes at most 200"):
        EigenDisplay.from_run(descent(np.eye(201), np.ones(201), 0.01))


def test_a_rule_without_a_prediction_is_only_measured():
    run = descent(np.diag([1.0, 5.0]), [1, 1], 0.1, rule={"name": "Adam"})
    display = EigenDisplay.from_run(run)
    np.testing.assert_allclose(display.measured, [0.9, 0.5], atol=1e-6)
    assert np.isnan(display.expected).all()
    assert "Adam with these step sizes has no prediction" in display.caption


def test_a_valley_that_bends_is_not_the_quadratic_at_its_end():
    points = 0.9 ** np.arange(30)[:, None] * [1.0, 1.0]
    run = run_of(
        lambda x: float(x[0] ** 2 + 20 * x[1] ** 2), lambda x: [2, 40] * x, lambda x, v: [2, 40] * v, points, 0.05
    )
    assert "That of λ = 40 it multiplies by 0.9, where 1 is predicted" in EigenDisplay.from_run(run).caption
