"""Curves and areas against scikit-learn's, with ties and weights."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from steepest.inspection import RocDisplay
from steepest.inspection.plots import style
from steepest.inspection.plots.fitted.roc import roc_of

metrics = pytest.importorskip("sklearn.metrics")

RNG = np.random.default_rng(0)
TRUTH = RNG.integers(0, 2, 400)
OUTPUT = np.clip(0.3 * TRUTH + 0.7 * RNG.random(400), 0, 1)


@pytest.mark.parametrize("decimals", [16, 1])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_curve_is_that_of_sklearn(decimals, weighted):
    output = OUTPUT.round(decimals)
    weight = RNG.uniform(size=400) if weighted else None
    curve = roc_of(TRUTH == 1, output, weight)
    false, true, thresholds = metrics.roc_curve(TRUTH, output, sample_weight=weight, drop_intermediate=False)
    np.testing.assert_allclose(curve.false, false, atol=1e-12)
    np.testing.assert_allclose(curve.true, true, atol=1e-12)
    np.testing.assert_array_equal(curve.thresholds, thresholds)
    assert curve.area == pytest.approx(metrics.roc_auc_score(TRUTH, output, sample_weight=weight), abs=1e-12)


def test_the_dot_is_where_the_classes_are_told_apart():
    display = RocDisplay.from_predictions(TRUTH, OUTPUT)
    chosen = OUTPUT > 0.5
    assert display.chosen == pytest.approx((chosen[TRUTH == 0].mean(), chosen[TRUTH == 1].mean()))
    ax = display.plot().ax_
    dot = next(line for line in ax.lines if line.get_marker() == "o")
    assert (dot.get_xdata()[0], dot.get_ydata()[0]) == display.chosen
    assert f"{100 * chosen[TRUTH == 1].mean():.1f} % of class 1 are found" in display.caption
    scores = RocDisplay.from_predictions(TRUTH, OUTPUT - 0.5, scores=True)
    assert scores.chosen == display.chosen


@pytest.mark.parametrize("at", [0.0, 0.5, 1.0])
def test_outputs_at_the_threshold_are_not_above_it(at):
    display = RocDisplay.from_predictions([0, 1, 1], [at, at, at])
    assert display.chosen == ((1, 1) if at > 0.5 else (0, 0))
    assert display.areas == {"1": 0.5}


def test_several_classes_each_have_a_curve_against_the_rest():
    outputs = RNG.dirichlet(np.ones(9), 300)
    truth = np.array([RNG.choice(9, p=row) for row in outputs])
    display = RocDisplay.from_predictions(truth, outputs)
    known = {str(k): metrics.roc_auc_score(truth == k, outputs[:, k]) for k in range(9)}
    assert display.areas == pytest.approx(known)
    worst = sorted(known, key=known.get)
    assert set(display.shown) == set(worst[:6])
    assert f"class {worst[0]} is told apart worst (area {known[worst[0]]:.3f})" in display.caption
    assert "The 6 worst of 9 classes are shown." in display.caption
    labels = [text.get_text() for text in display.plot().ax_.get_legend().get_texts()]
    assert len(labels) == 7
    assert len(display.table()["found"]) == sum(len(curve.true) for curve in display.curves.values())


def test_a_single_class_has_no_curve(saved):
    display = RocDisplay.from_predictions([1, 1], [0.2, 0.3])
    assert np.isnan(display.areas["1"])
    assert display.caption == "On the 2 rows given, all rows are of one class, so there is nothing to rank."
    saved(display)


def test_many_points_are_thinned_without_moving_the_curve():
    output = RNG.random(50_000)
    display = RocDisplay.from_predictions((RNG.random(50_000) < output).astype(int), output).plot()
    line = next(each for each in display.ax_.lines if each.get_label().startswith("1 ("))
    x, y = line.get_data()
    assert len(x) <= style.MAX_POINTS + 2
    curve = display.curves["1"]
    # Along the curve, where x + y grows, the one that is drawn is as near as one step of the thinning.
    assert np.abs(np.interp(curve.false + curve.true, x + y, y) - curve.true).max() < 2 / (style.MAX_POINTS - 1)


def test_labels_choose_the_second_class():
    display = RocDisplay.from_predictions(["no", "yes", "yes"], [0.1, 0.4, 0.9], labels=["no", "yes"])
    assert display.areas == {"yes": 1.0}
    with pytest.raises(ValueError, match=r"no target is one of the classes 0, 1 \(the first is 'no'\): give labels="):
        RocDisplay.from_predictions(["no", "yes"], [0.1, 0.4])
    with pytest.raises(ValueError, match=r"there are 3 labels for 2 classes"):
        RocDisplay.from_predictions([0, 1], [0.1, 0.4], labels="abc")


@pytest.mark.parametrize("outputs", [[0.1, 0.2, 0.3, 0.4], [0.9, 0.8, 0.7, 0.6]])
def test_the_threshold_is_not_written_over_the_labels_of_the_axes(outputs):
    display = RocDisplay.from_predictions([0, 1, 0, 1], outputs)
    # As small as a panel of the picture of a fit.
    display.plot(Figure(figsize=(5.5, 3.3)).add_subplot())
    display.figure_.draw_without_rendering()
    (words,) = [text for text in display.ax_.texts if text.get_text().startswith("threshold")]
    place, inside = words.get_window_extent(), display.ax_.get_window_extent()
    assert inside.x0 <= place.x0
    assert place.x1 <= inside.x1
    assert inside.y0 <= place.y0
    assert place.y1 <= inside.y1
