"""Basin maps: minima in closed form, counts known by symmetry, and descents from single starts."""

import numpy as np
import pytest

import steepest as st

FOUR = np.array([[-3.779310, -3.283186], [-2.805118, 3.131312], [3, 2], [3.584428, -1.848126]])


def himmelblau(x, y):
    return (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2


def wells(x, y):
    return (x**2 - 1) ** 2 + (y**2 - 1) ** 2


def test_himmelblau_has_four_basins():
    found = st.basins(himmelblau, ((-5, 5), (-5, 5)), size=60)
    np.testing.assert_allclose(found.minima, FOUR, atol=1e-5)
    np.testing.assert_allclose(found.values, 0, atol=1e-10)
    assert found.counts.sum() == 3600
    assert found.labels.shape == (60, 60)
    np.testing.assert_array_equal(np.bincount(found.labels.ravel()), found.counts)
    # Descents from single starts lead to the same minima.
    for i, j in [(0, 0), (59, 59), (5, 50), (50, 5), (30, 12), (44, 31)]:
        start = (found.grid_x[j], found.grid_y[i])
        alone = st.minimize(himmelblau, start, direction="plain", tolerance=1e-10)
        np.testing.assert_allclose(found.minima[found.labels[i, j]], alone.x, atol=1e-3)
    assert "4 minima reached from 3,600 starts" in str(found)


@pytest.mark.parametrize("rule", [{}, {"direction": "l-bfgs"}, {"step": 0.02}])
@pytest.mark.always(2)
def test_symmetry_makes_the_counts_equal(rule):
    found = st.basins(wells, ((-2, 2), (-2, 2)), size=20, **rule)
    assert found.minima.round(3).tolist() == [[-1, -1], [-1, 1], [1, -1], [1, 1]]
    assert found.counts.tolist() == [100] * 4
    # Short steps of plain descent never cross the axes, because the gradient there is along them.
    if "step" in rule:
        expected = (found.grid_x > 0) * 2 + (found.grid_y > 0)[:, None]
        np.testing.assert_array_equal(found.labels, expected)


def test_a_saddle_and_a_ridge_lead_to_no_minimum():
    found = st.basins(wells, ((-2, 2), (-2, 2)), size=21)
    middle = 10
    assert found.labels[middle, middle] == -1
    assert np.all(found.labels[middle] == -1)
    assert found.counts.tolist() == [100] * 4
    assert "none" in str(found)


def test_maxima_are_best_first():
    found = st.basins(lambda x, y: np.cos(x) - x / 20 - y**2, ((-8, 8), (-1, 1)), size=20, maximize=True)
    assert len(found.minima) == 3
    np.testing.assert_allclose(found.minima[:, 0], [-2 * np.pi - 0.05, -0.05, 2 * np.pi - 0.05], atol=1e-3)
    assert np.all(np.diff(found.values) < 0)


def test_starts_at_which_the_function_is_not_finite():
    found = st.basins(lambda x, y: x - np.log(x) + y**2, ((-1, 3), (-1, 1)), size=16)
    np.testing.assert_allclose(found.minima, [[1, 0]], atol=1e-4)
    assert np.all(found.labels[:, found.grid_x < 0] == -1)
    assert np.all(found.labels[:, found.grid_x > 0] == 0)


def test_code_that_cannot_be_traced():
    def by_values(x):
        return (float(x[0]) ** 2 - 1) ** 2 + float(x[1]) ** 2

    found = st.basins(by_values, ((-2, 2), (-1, 1)), size=4)
    assert found.counts.tolist() == [8, 8]
    with pytest.raises(ValueError, match="costs a run in plain Python; give size=50 or less"):
        st.basins(by_values, ((-2, 2), (-1, 1)))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: st.basins(wells, ((2, -2), (-2, 2))), "low < high"),
        (lambda: st.basins(wells, ((-2, 2), (-2, 2)), size=1), "2 or more"),
        (lambda: st.basins(wells, ((-2, 2), (-2, 2)), size=6.0), "a whole number"),
        (lambda: st.basins(wells, ((-2, 2), (-2, 2)), iterations=0), "1 or more"),
        (lambda: st.basins(lambda x, y, z: x, ((-2, 2), (-2, 2))), "the function takes 3"),
        (lambda: st.basins(wells, ((-2, 2), (-2, 2)), step=lambda k: 0.1), "takes rules of this library"),
        (lambda: st.basins(lambda x, y: x * np.nan, ((-2, 2), (-2, 2))), "not finite at any"),
        (lambda: st.basins(wells, ((-2, 2), (-2, 2)), direction="plane"), "did you mean 'plain'"),
    ],
)
def test_bad_input_has_one_line(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_the_time_limit_ends_the_descents_and_leaves_the_minima_so_far(monkeypatch):
    # The clock moves by a second in each call of the function, which can't be traced, so that each takes part in a map.
    now = [0.0]
    monkeypatch.setattr("time.perf_counter", lambda: now[0])

    def slow(x, y):
        now[0] += 1.0
        return (float(x) ** 2 - 1) ** 2 + float(y) ** 2

    full = st.basins(slow, ((-2, 2), (-2, 2)), size=6)
    assert not full.timed_out
    assert (full.labels >= 0).all()
    spent = now[0]
    part = st.basins(slow, ((-2, 2), (-2, 2)), size=6, seconds=spent / 2)
    assert part.timed_out
    assert not part.interrupted
    settled = part.labels >= 0
    assert 0 < settled.sum() < 36
    np.testing.assert_allclose(np.abs(part.minima), [[1, 0]] * len(part.minima), atol=1e-3)
    assert "none within the seconds given" in str(part)


def test_a_time_limit_of_compiled_descents():
    found = st.basins(wells, ((-2, 2), (-2, 2)), size=20, seconds=1e-9)
    assert found.timed_out
    assert (found.labels == -1).all()
    assert st.basins(wells, ((-2, 2), (-2, 2)), size=20, seconds=1e6).counts.tolist() == [100] * 4
    with pytest.raises(ValueError, match="seconds=-1: give a positive number"):
        st.basins(wells, ((-2, 2), (-2, 2)), seconds=-1)


def test_a_descent_that_leaves_is_told_from_one_that_has_not_arrived():
    def quartic(x, y):
        return x**4 + y**2

    found = st.basins(quartic, ((-4, 4), (-1, 1)), size=16, step=0.1, iterations=300)
    # Each step leads from x to x - 0.4 x³, which is closer to 0 if x² < 5, and farther away if x² > 5.
    np.testing.assert_array_equal(found.diverged.any(axis=0), found.grid_x**2 > 5)
    assert (found.labels[found.diverged] == -1).all()
    assert "none, as the descent diverged" in str(found)
    short = st.basins(quartic, ((-2, 2), (-1, 1)), size=5, step=0.001, iterations=3)
    assert (short.labels == -1).sum() > 0
    assert not short.diverged.any()


def test_a_descent_that_grows_slowly_diverges_too():
    # Each step leads from x to -1.02 x, so that values rise, and stay finite.
    found = st.basins(lambda x, y: x**2 + y**2, ((-1, 1), (-1, 1)), size=4, step=1.01, iterations=20)
    assert found.diverged.all()


def test_a_descent_without_a_bottom_diverges_and_a_start_without_a_value_does_not():
    found = st.basins(lambda x, y: np.where(x < 0, np.nan, -(x**2)) + y**2, ((-1, 1), (-1, 1)), size=6)
    assert not found.diverged[:, found.grid_x < 0].any()
    assert found.diverged[:, found.grid_x > 0].all()


def test_a_descent_in_plain_python_tells_of_divergence_too():
    found = st.basins(lambda x, y: float(x) ** 4 + float(y) ** 2, ((-4, 4), (-1, 1)), size=4, step=0.1, iterations=50)
    np.testing.assert_array_equal(found.diverged.any(axis=0), found.grid_x**2 > 5)
