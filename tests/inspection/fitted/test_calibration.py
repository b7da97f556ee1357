"""The reliability curve against scikit-learn's, and its whiskers against SciPy's."""

import numpy as np
import pytest
from scipy import stats

from steepest.inspection import CalibrationDisplay
from steepest.inspection.plots.fitted.calibration import wilson

calibration = pytest.importorskip("sklearn.calibration")

RNG = np.random.default_rng(0)
PROBABILITY = RNG.beta(0.7, 0.7, 800)
TRUTH = (RNG.random(800) < PROBABILITY**1.5).astype(int)


@pytest.mark.parametrize("decimals", [16, 1])
@pytest.mark.parametrize("bins", [1, 4, 10])
def test_the_curve_is_that_of_sklearn(decimals, bins):
    probability = PROBABILITY.round(decimals)
    display = CalibrationDisplay.from_predictions(TRUTH, probability, bins=bins)
    happened, predicted = calibration.calibration_curve(TRUTH, probability, n_bins=bins, strategy="quantile")
    np.testing.assert_allclose(display.happened, happened)
    np.testing.assert_allclose(display.predicted, predicted)
    assert display.counts.sum() == 800
    assert display.gap == pytest.approx(np.average(abs(happened - predicted), weights=display.counts))


@pytest.mark.parametrize(("hits", "rows"), [(0, 10), (3, 10), (10, 10), (50, 1000)])
def test_whiskers_are_those_of_wilson(hits, rows):
    known = stats.binomtest(hits, rows).proportion_ci(0.95, method="wilson")
    low, high = wilson(np.array([hits / rows]), np.array([rows]))
    assert (low[0], high[0]) == pytest.approx((known.low, known.high))


def test_a_row_of_weight_2_counts_as_two_rows():
    # Whole bins of equal weights, so that the weighted bins are those of the rows twice.
    probability = np.repeat([0.2, 0.8], 50)
    truth = (RNG.random(100) < probability).astype(int)
    weight = np.where(truth == 1, 2.0, 1.0)
    display = CalibrationDisplay.from_predictions(truth, probability, bins=2, sample_weight=weight)
    twice = np.repeat(np.arange(100), weight.astype(int))
    for k, part in enumerate((probability[twice] < 0.5, probability[twice] > 0.5)):
        assert display.happened[k] == pytest.approx(truth[twice][part].mean())


def test_several_classes_are_judged_by_the_predicted_one():
    outputs = RNG.dirichlet(np.ones(3), 300)
    truth = RNG.integers(0, 3, 300)
    display = CalibrationDisplay.from_predictions(truth, outputs, bins=5)
    right = (outputs.argmax(axis=1) == truth).astype(int)
    happened, predicted = calibration.calibration_curve(right, outputs.max(axis=1), n_bins=5, strategy="quantile")
    np.testing.assert_allclose(display.happened, happened)
    np.testing.assert_allclose(display.predicted, predicted)
    assert "the predicted class has a probability of" in display.caption
    assert display.plot().ax_.get_ylabel() == "share that is right"


def test_the_caption_names_the_worst_bin():
    display = CalibrationDisplay.from_predictions(TRUTH, PROBABILITY)
    worst = np.abs(display.predicted - display.happened).argmax()
    assert f"has a probability of {100 * display.predicted[worst]:.0f} %" in display.caption
    assert f"{display.touching.sum()} of 10 whiskers reach the diagonal" in display.caption


def test_the_histogram_counts_all_rows():
    display = CalibrationDisplay.from_predictions(TRUTH, PROBABILITY).plot()
    top, bottom = display.axes_
    (steps,) = bottom.patches
    assert steps.get_data().values.sum() == 800
    assert bottom.get_xlabel() == "probability of class 1"
    assert list(display.table()) == ["predicted", "happened", "low", "high", "rows"]
    alone = CalibrationDisplay.from_predictions(TRUTH, PROBABILITY).plot(top)
    assert (alone.axes_, top.get_xlabel()) == ((top,), "probability of class 1")


@pytest.mark.parametrize("probability", [[0.2], [0.5] * 4, [0.0, 1.0]])
def test_one_row_equal_predictions_and_a_single_class_are_drawn(probability, saved):
    saved(CalibrationDisplay.from_predictions([1] * len(probability), probability))


def test_what_is_no_probability_is_refused():
    with pytest.raises(ValueError, match=r"a probability is 2: give numbers from 0 to 1, or use RocDisplay for scores"):
        CalibrationDisplay.from_predictions([0, 1], [0.5, 2])
    with pytest.raises(ValueError, match=r"bins=0: give a whole number"):
        CalibrationDisplay.from_predictions([0, 1], [0.5, 1], bins=0)
