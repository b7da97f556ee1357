"""Paths of coefficients against the traces of fits, and what is drawn of them."""

import numpy as np
import pytest
from matplotlib.figure import Figure

import steepest as st
from steepest.inspection import CoefficientsDisplay
from steepest.inspection.plots.fitted.coefficients import spaced

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3)) * [1.0, 10.0, 0.1] + 5
Y = X @ [3.0, 0.1, -20.0] + 0.1 * RNG.normal(size=60)


def names(ax):
    return [text.get_text() for text in ax.texts]


@pytest.fixture(scope="module")
def slow():
    return st.fit(st.models.Linear(), X, Y, direction="plain", step=1e-3, epochs=5)


def test_the_paths_are_the_trace_times_the_spread_of_the_columns(slow):
    display = CoefficientsDisplay.from_run(slow)
    np.testing.assert_allclose(display.paths, slow.trace.x[:, :3] * X.std(axis=0))
    np.testing.assert_array_equal(display.at, slow.trace.epoch)
    assert display.units == "deviation"
    assert display.caption.endswith("Coefficients are multiplied by the standard deviations of their columns.")
    plain = CoefficientsDisplay.from_run(slow, scaled=False)
    np.testing.assert_array_equal(plain.paths, slow.trace.x[:, :3])
    assert plain.plot().ax_.get_ylabel() == "coefficient"


def test_sparse_rows_have_the_same_spread():
    sparse = pytest.importorskip("scipy.sparse")
    rows = np.where(RNG.random((60, 3)) < 0.3, X, 0.0)
    fit = st.fit(st.models.Linear(), sparse.csr_array(rows), Y, step=1e-3, epochs=1)
    np.testing.assert_allclose(CoefficientsDisplay.from_run(fit).paths, fit.trace.x[:, :3] * rows.std(axis=0))


def test_a_function_has_its_parameters_by_their_last_values():
    x = np.linspace(0, 1, 30)
    fit = st.fit(lambda x, a, b: a * np.exp(b * x), x, 1e5 * np.exp(-2 * x), start={"a": 8e4, "b": -1.0})
    display = CoefficientsDisplay.from_run(fit)
    np.testing.assert_allclose(display.paths[-1], [1, -1])
    assert display.paths[0] == pytest.approx([0.8, -0.5], rel=1e-6)
    assert display.names == ["a", "b"]


def test_the_caption_says_whether_the_coefficients_have_settled():
    at = np.arange(11)
    paths = np.column_stack([1 - 0.1**at, np.full(11, 0.5)])
    caption = CoefficientsDisplay(at, paths, ["a", "b"]).caption
    # 0.1² is 1 % of the last value, and the value after 2 epochs is that near.
    assert "a ends largest, at 1; from epoch 2 on" in caption
    # A straight line moves to its end.
    caption = CoefficientsDisplay(np.arange(101), np.arange(101.0)[:, None], ["a"]).caption
    assert caption.endswith("they still moved by more than 1 % in the last tenth, at epoch 98.")


def test_a_path_of_penalties_goes_from_the_strongest_to_the_weakest():
    path = st.penalty_path(st.models.Linear(), X, Y, strengths=15, validation=0.3, rng=0)
    display = path.plot()
    top, bottom = display.axes_
    low, high = top.get_xlim()
    assert (low, high) == pytest.approx((path.strengths[0], path.strengths[-1]))
    assert top.get_xscale() == "log"
    order = np.argsort([np.flatnonzero(column)[0] for column in path.coef.T], kind="stable")
    assert display.entered == [path.names[k] for k in order]
    lines = {line.get_label(): line for line in (*top.lines, *bottom.lines)}
    np.testing.assert_allclose(lines["x2"].get_ydata(), path.coef[:, 2] * path.spread[2])
    np.testing.assert_allclose(lines["validation loss"].get_ydata(), path.validation)
    assert sorted(names(top)) == ["x0", "x1", "x2"]
    assert f"at λ = {path.strengths[path.best]:.4g}" in display.caption
    assert list(display.table()) == ["strength", "x0", "x1", "x2", "loss", "validation loss"]


def test_without_validation_there_is_one_picture_and_on_given_axes_too():
    path = st.penalty_path(st.models.Linear(), X, Y, strengths=4)
    assert len(path.plot().axes_) == 1
    ax = Figure().add_subplot()
    assert path.plot(ax).ax_ is ax


def test_several_classes_have_the_length_of_their_coefficients():
    coef, strengths = RNG.normal(size=(2, 3, 4)), np.array([2.0, 1.0])
    path = st.PenaltyPath((), strengths, coef, np.zeros((2, 3)), strengths, None, list("abcd"), np.arange(1.0, 5), "l1")
    display = CoefficientsDisplay.from_run(path)
    np.testing.assert_allclose(display.paths, np.sqrt(((path.coef * path.spread) ** 2).sum(axis=1)))


def test_names_keep_their_distance_and_their_order():
    heights = np.sort(RNG.random(12))
    placed = spaced(heights, 0.07)
    assert np.diff(placed).min() >= 0.07 - 1e-12
    # They stay where they are if they are far enough apart, and their mean does not move.
    np.testing.assert_allclose(spaced(np.array([0.1, 0.5, 0.9]), 0.07), [0.1, 0.5, 0.9])
    assert placed.mean() == pytest.approx(heights.mean())


def test_the_ten_largest_have_names_and_the_rest_are_thin():
    paths = np.outer([0, 1.0], np.arange(1, 26))
    display = CoefficientsDisplay([0, 1], paths, [f"column {k}" for k in range(25)]).plot()
    assert sorted(names(display.ax_)) == sorted(f"column {k}" for k in range(15, 25))


def test_the_names_are_those_that_count_at_the_least_validation_loss():
    paths = np.array([[0.0] * 12, [0.0] * 10 + [1.0, 2.0], [9.0] * 10 + [1.0, 2.0]])
    display = CoefficientsDisplay([4, 2, 1], paths, list("abcdefghijkl"), penalty="l1", validation=[3, 1, 2])
    assert [display.names[k] for k in display.order[:2]] == ["l", "k"]


def test_values_that_are_not_finite_break_the_lines(saved):
    paths = np.array([[0.0, 1], [np.nan, 2], [2, np.inf], [3, 4]])
    display = CoefficientsDisplay(np.arange(4), paths, ["a", "$b^"])
    assert "2 rows with values that are not finite left out." in display.caption
    saved(display)
    saved(CoefficientsDisplay([0], [[1.0, 2.0]], ["a", "b"]))
    saved(CoefficientsDisplay([0, 1], np.full((2, 1), np.nan), ["a"]))


def test_long_traces_are_thinned():
    at = np.arange(100_000)
    display = CoefficientsDisplay(at, np.column_stack([np.log1p(at), -np.log1p(at)]), ["a", "b"]).plot()
    line = next(each for each in display.ax_.lines if each.get_label() == "a")
    assert len(line.get_xdata()) <= 2_000
    assert {0, 1, 2, 3, 99_999} <= set(line.get_xdata())


def test_models_without_coefficients_are_refused():
    fit = st.fit(st.models.Network(hidden=(2,), members=1), X, Y, epochs=1, rng=0)
    with pytest.raises(ValueError, match=r"no coefficients of columns: use MembersDisplay or TreeDisplay"):
        CoefficientsDisplay.from_run(fit)
    with pytest.raises(ValueError, match=r"paths has the shape \(2, 1\): give a row for each of 1 places"):
        CoefficientsDisplay([0], [[1], [2]], ["a"])


def test_coefficients_that_stay_or_end_at_0_have_no_largest():
    still = CoefficientsDisplay([0, 1, 2], np.zeros((3, 2)), ["a", "b"]).caption
    assert still == "2 coefficients after each of 2 epochs: none has left 0."
    back = CoefficientsDisplay([0, 1, 2], [[0, 0], [1, 2], [0, 0]], ["a", "b"]).caption
    assert "all end at 0; " in back
    assert "largest, at" not in still + back
    assert "it ends at 3; " in CoefficientsDisplay([0, 1], [[0], [3]], ["a"]).caption
