"""Effects and the picture of a whole fit, against closed forms and the fit's own rows."""

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from scipy import stats
from tests.inspection.fitted.test_looks import extents

import steepest as st
from steepest.inspection import (
    CalibrationDisplay,
    ConfusionDisplay,
    DescentDisplay,
    EffectsDisplay,
    FitDisplay,
    RocDisplay,
    save_figure,
)
from steepest.inspection.plots.fit import Panel

RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 3)) * [1.0, 5.0, 0.2]
Y = X @ [1.0, -2.0, 3.0] + RNG.normal(size=300)
TABLE = {"a": X[:, 0], "b": X[:, 1], "c": X[:, 2]}
KINDS = np.select([Y > 5, Y > -5], ["high", "middle"], "low")


@pytest.fixture(scope="module")
def fits():
    """Fits of numbers, of two and of three classes, with scores, without held-out rows, and one that diverged."""
    return {
        "numbers": st.fit_table(TABLE | {"y": Y}, "y", rng=0),
        "two": st.fit_table(TABLE | {"y": Y > 0}, "y", rng=0),
        "three": st.fit_table(TABLE | {"y": KINDS}, "y", rng=0, penalty=st.penalties.L2(0.01), tolerance=0.1),
        "all rows": st.fit_table(TABLE | {"y": Y}, "y", held_out=0, penalty=None),
        "diverged": st.fit_table(TABLE | {"y": Y}, "y", rng=0, step=10.0, epochs=30),
    }


def test_effects_and_intervals_are_those_of_the_textbook():
    fit = st.fit_table(TABLE | {"y": Y}, "y", held_out=0, penalty=None)
    rows = np.column_stack([X, np.ones(300)])
    coef, residual, *_ = np.linalg.lstsq(rows, Y, rcond=None)
    errors = np.sqrt(residual[0] / 296 * np.diag(np.linalg.inv(rows.T @ rows)))[:3]
    reach, spread = stats.t(296).ppf(0.975) * errors, X.std(axis=0)
    display = EffectsDisplay.from_run(fit)
    np.testing.assert_allclose(display.effects[:, 0], coef[:3] * spread, rtol=1e-6)
    np.testing.assert_allclose(display.low[:, 0], (coef[:3] - reach) * spread, rtol=1e-5)
    np.testing.assert_allclose(display.high[:, 0], (coef[:3] + reach) * spread, rtol=1e-5)
    assert display.shown == ["b", "a", "c"]
    assert "A standard deviation of b changes y most, by −" in display.caption
    again = EffectsDisplay.from_run(st.fit(st.models.Linear(), X, Y))
    np.testing.assert_allclose(again.effects, display.effects, rtol=1e-6)


def test_a_model_without_coefficients_has_the_importance_of_its_columns():
    fit = st.fit_table(TABLE | {"y": Y}, "y", model=st.models.Tree(depth=1, restarts=2), rng=0, epochs=2)
    display = EffectsDisplay.from_run(fit)
    assert display.shuffled
    assert display.effects[:, 0].tolist() == list(fit.importance(repeats=5).values())
    assert "grows most" in display.caption
    assert "low" not in display.table()


def test_effects_of_nothing_are_refused():
    with pytest.raises(ValueError, match="no effect is a finite number"):
        EffectsDisplay(["a"], [np.nan])
    with pytest.raises(ValueError, match="not that of 2 names"):
        EffectsDisplay(["a", "b"], [1.0])
    with pytest.raises(TypeError, match="this is a int"):
        EffectsDisplay.from_run(3)


HEADINGS = {
    "numbers": ["Predicted against true, 60 held-out rows", "Residuals", "Largest effects", "Choice of the penalty"],
    "two": ["ROC curve, 60 held-out rows", "Calibration", "Largest effects", "Choice of the penalty"],
    "three": ["Predicted classes, 60 held-out rows", "Calibration", "Largest effects"],
    "all rows": ["Predicted against true, the 300 rows of the fit", "Residuals", "Largest effects"],
    "diverged": ["Predicted against true, 60 held-out rows", "Residuals", "Largest effects"],
}


@pytest.mark.parametrize("name", HEADINGS)
def test_panels_are_level_and_no_text_lies_over_another(fits, name):
    display = FitDisplay.from_run(fits[name])
    assert [panel.heading.replace("59", "60") for panel in display.panels] == HEADINGS[name]
    assert display.caption.endswith(".")
    figure = display.to_figure()
    assert figure.get_facecolor()[3] == 0
    assert len(display.axes_) == len(display.panels) + 1
    edges = np.array([ax.get_position().extents for ax in display.axes_])
    for row in (edges[:2], edges[2:]):
        np.testing.assert_allclose(np.ptp(row[:, [1, 3]], axis=0), 0, atol=1e-9)
    boxes = extents(figure)
    names = list(boxes)
    for k, text in enumerate(names):
        box = boxes[text].padded(-1)
        assert not [other for other in names[:k] if box.overlaps(boxes[other].padded(-1))], text


def test_a_loaded_fit_has_what_needs_no_rows(fits, tmp_path):
    folder = fits["numbers"].save(tmp_path / "fit")
    assert (folder / "fit.png").stat().st_size > 10_000
    display = FitDisplay.from_run(st.load(folder))
    assert [panel.heading for panel in display.panels] == ["Largest effects", "Choice of the penalty"]
    assert "rows are not saved" in display.caption
    np.testing.assert_allclose(
        display.panels[0].display.effects, FitDisplay.from_run(fits["numbers"]).panels[2].display.effects
    )
    save_figure(display, tmp_path / "again.png")


def test_plot_shows_it_and_on_one_axes_its_first_panel(fits):
    ax = Figure().add_subplot()
    assert isinstance(fits["two"].plot(ax), FitDisplay)
    assert "ROC curve" in ax.get_title(loc="left")
    assert fits["two"]._repr_html_()
    with pytest.raises(ValueError, match="got 6 axes, and this picture has 5 panels"):
        FitDisplay.from_run(fits["two"]).plot([ax] * 6)
    with pytest.raises(TypeError, match="this is a int"):
        FitDisplay.from_run(3)
    # All areas alike have no worst and best class.
    alike = RocDisplay.from_predictions([0, 1, 2], np.eye(3), labels=["a", "b", "c"])
    assert "all are told apart equally well (area 1.000)" in alike.caption


def test_many_columns_with_long_names_and_many_classes_stay_inside():
    names = [f"a long name of a column, number {k}" for k in range(500)]
    effects, classes = (
        EffectsDisplay(names, RNG.normal(size=500), on="y"),
        [f"a class of many words {k}" for k in range(30)],
    )
    matrix, mistakes = (ConfusionDisplay(RNG.integers(1, 99, (k, k)), classes[:k]) for k in (12, 30))
    chances = RNG.random(300)
    calibration = CalibrationDisplay.from_predictions((RNG.random(300) < chances).astype(int), chances)
    descent = DescentDisplay([0, 1, 2], [3.0, 2.0, 1.0], [1.0, 0.1, 0.0])
    assert len(effects.shown) == 12
    for first in (matrix, mistakes):
        panels = [Panel("Classes", first), Panel("Calibration", calibration), Panel("Effects", effects)]
        display = FitDisplay(panels, descent)
        figure = display.to_figure()
        FigureCanvasAgg(figure).draw()
        boxes = extents(figure)
        assert min(box.x0 for box in boxes.values()) >= -1
        assert max(box.x1 for box in boxes.values()) <= figure.canvas.get_width_height()[0] + 1
        # Long names keep their ends, in which they differ.
        assert f"a long name o…{effects.shown[0][-12:]}" in boxes


def test_effects_on_a_logarithm_are_percents_like_those_of_the_table():
    x, z = np.tile([-1.0, 1.0], 20), np.repeat([-1.0, 1.0], 20)
    # One standard deviation of x doubles y, and one of z takes less than half away.
    fit = st.fit_table({"x": x, "z": z, "y": 2.0**x * 0.6**z}, "y", log_target=True, held_out=0, penalty=None)
    display = EffectsDisplay.from_run(fit)
    assert display.shown == ["x", "z"]
    np.testing.assert_allclose(display.effects.ravel(), [100.0, -40.0], rtol=1e-6)
    assert display._axis == "change of y in % per standard deviation"
    assert "changes y most, by +100 %" in display.caption


def test_the_caption_names_the_class_of_the_largest_effect():
    labels = list("abcde")
    many = EffectsDisplay(["x, b", "z, e"], [1.0, -3.0], owners=["b", "e"], on="the log odds of a class")
    assert many.caption.startswith("A standard deviation of z changes the log odds of e most, by −3")
    few = EffectsDisplay(["x", "z"], np.arange(10.0).reshape(2, 5), labels=labels, on="the score of a class")
    assert few.caption.startswith("A standard deviation of z changes the score of e most")
