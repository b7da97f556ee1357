"""The confusion matrix against scikit-learn's, and what is drawn of it."""

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from steepest.inspection import ConfusionDisplay
from steepest.inspection.plots import style

metrics = pytest.importorskip("sklearn.metrics")

RNG = np.random.default_rng(0)


def drawn(classes, rows=500):
    actual = RNG.integers(0, classes, rows)
    guess = np.where(RNG.random(rows) < 0.7, actual, RNG.integers(0, classes, rows))
    return actual, guess


@pytest.mark.parametrize("weighted", [False, True])
def test_counts_are_those_of_sklearn(weighted):
    actual, guess = drawn(5)
    weight = RNG.uniform(size=500) if weighted else None
    display = ConfusionDisplay.from_predictions(actual, guess, sample_weight=weight)
    known = metrics.confusion_matrix(actual, guess, sample_weight=weight)
    np.testing.assert_allclose(display.counts, known)
    np.testing.assert_allclose(display.shares, known / known.sum(axis=1, keepdims=True))
    assert display.accuracy == pytest.approx(metrics.accuracy_score(actual, guess, sample_weight=weight))


def test_cells_have_their_counts_and_colours():
    display = ConfusionDisplay([[90, 10], [0, 50]], ["cat", "dog"]).plot()
    texts = {text.get_text(): text for text in display.ax_.texts}
    assert set(texts) == {"90\n90.0 %", "10\n10.0 %", "50\n100.0 %", "0"}
    (image,) = display.ax_.images
    colours = image.get_array()
    # The cell without rows is transparent; right ones are blue, wrong ones orange.
    np.testing.assert_array_equal(colours[..., 3], [[1, 1], [0, 1]])
    assert colours[0, 0, 2] > colours[0, 0, 0]
    assert colours[0, 1, 0] > colours[0, 1, 2]
    assert to_rgb(texts["90\n90.0 %"].get_color()) == to_rgb(style.PAPER)
    assert to_rgb(texts["10\n10.0 %"].get_color()) == to_rgb(style.INK)
    assert [tick.get_text() for tick in display.ax_.get_yticklabels()] == ["cat", "dog"]


def test_the_caption_names_the_most_frequent_mistake():
    display = ConfusionDisplay([[90, 10, 0], [3, 50, 0], [1, 0, 6]], ["cat", "dog", "1"])
    assert display.caption == (
        "91.2 % of predictions are right (146 of 160). The most frequent mistake takes “cat” for “dog”: 10 times, "
        "10.0 % of its rows."
    )
    assert display.confusions == [(0, 1), (1, 0), (2, 0)]
    assert ConfusionDisplay([[3, 0], [0, 2]]).caption.endswith("(5 of 5): none is wrong.")


def test_many_classes_are_listed_by_their_confusions():
    actual, guess = drawn(40, 5000)
    display = ConfusionDisplay.from_predictions(actual, guess).plot()
    assert not display.ax_.images
    widths = [bar.get_width() for bar in display.ax_.patches]
    known = metrics.confusion_matrix(actual, guess)
    np.fill_diagonal(known, 0)
    np.testing.assert_array_equal(widths, np.sort(known.ravel())[::-1][:15])
    assert f"The 15 most frequent of {np.count_nonzero(known):,} different mistakes are shown." in display.caption


def test_labels_of_the_data_are_shortened_and_escaped(saved):
    display = ConfusionDisplay([[1, 2], [3, 4]], ["$x^2", "a\x1b[2J" + "b" * 50])
    assert display.labels == ("$x^2", "a\\x1b[2Jbbbbbbbbbbb…")
    saved(display)


def test_a_class_without_rows_and_a_single_class_are_drawn(saved):
    display = ConfusionDisplay.from_predictions([1, 1], [1, 1], labels=[0, 1])
    assert np.isnan(display.shares[0]).all()
    saved(display)
    saved(ConfusionDisplay([[5]]))


def test_the_table_has_a_row_for_each_cell():
    table = ConfusionDisplay([[7, 1], [0, 12]], ["cat", "dog"]).table()
    assert list(zip(*(column.tolist() for column in table.values()), strict=True))[1] == ("cat", "dog", 1, 0.125)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        (lambda: ConfusionDisplay([[1, 2, 3]]), r"counts has the shape \(1, 3\): give a square"),
        (lambda: ConfusionDisplay([[1, 2], [3, 4]], ["a"]), r"1 labels for 2 classes"),
        (lambda: ConfusionDisplay.from_predictions([1], [1, 2]), r"1 targets and 2 predictions"),
        (lambda: ConfusionDisplay.from_predictions([1], [3], labels=[1, 2]), r"the class 3 is not in labels"),
    ],
)
def test_what_is_no_matrix_is_refused(how, message):
    with pytest.raises(ValueError, match=message):
        how()
