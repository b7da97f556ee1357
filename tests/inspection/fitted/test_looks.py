"""What every picture of a fit promises: transparent, legible, no text over another, quick for 100,000 rows."""

import time

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from steepest.inspection import (
    CalibrationDisplay,
    CoefficientsDisplay,
    ConfusionDisplay,
    LineDisplay,
    PredictedDisplay,
    ResidualsDisplay,
    RocDisplay,
)
from steepest.inspection.plots.fitted.band import Band

RNG = np.random.default_rng(0)


def displays(rows):
    """Return one display of each kind for so many rows, with long names."""
    truth = RNG.normal(size=rows)
    predicted = truth + RNG.normal(size=rows)
    probability = RNG.random(rows)
    happened = (RNG.random(rows) < probability).astype(int)
    label = "a long name of a class"
    steps = np.arange(rows)
    paths = np.outer(np.log1p(steps), [1, 1.01, 1.02, -1, -1.01])
    x = np.linspace(0, 1, 50)
    band = Band(x - 1, x + 1, 0.95, x - 0.1, x + 0.1, 0.5)
    return [
        PredictedDisplay(truth, predicted, unseen=happened == 1, target="arrival delay", title="a title"),
        ResidualsDisplay(truth, predicted, title="a title"),
        CoefficientsDisplay(steps, paths, ["humidity"] * 5, title="a title"),
        ConfusionDisplay.from_predictions(happened, probability > 0.5, title="a title", labels=[0, 1]),
        ConfusionDisplay(np.full((20, 20), 123), [f"{label} {k}" for k in range(20)], title="a title"),
        ConfusionDisplay(np.full((30, 30), 12_345), [f"{label} {k}" for k in range(30)], title="a title"),
        RocDisplay.from_predictions(happened, probability, labels=[0, 1]),
        RocDisplay.from_predictions(
            RNG.integers(0, 8, rows), RNG.dirichlet(np.ones(8), rows), labels=[f"{label} {k}" for k in range(8)]
        ),
        CalibrationDisplay.from_predictions(happened, probability),
        LineDisplay(truth, truth, x, x, band=band, title="a title"),
    ]  # fmt: skip


def extents(figure):
    """Return the boxes of all texts that are seen, after the layout."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    texts = [each for each in figure.findobj(Text) if each.get_visible() and each.get_text().strip()]
    hidden = {
        tick
        for ax in figure.axes
        for axis in (ax.xaxis, ax.yaxis)
        for side in (axis.majorTicks, axis.minorTicks)
        for each in side
        for tick in (each.label1, each.label2)
        if not _is_seen(ax, axis, each)
    }
    return {each.get_text(): each.get_window_extent(renderer) for each in texts if each not in hidden}


def _is_seen(ax, axis, tick):
    low, high = sorted(axis.get_view_interval())
    return low <= tick.get_loc() <= high and tick.get_visible()


@pytest.mark.parametrize("display", displays(300), ids=lambda display: type(display).__name__)
def test_no_text_lies_over_another_and_all_are_inside_on_a_transparent_page(display, saved):
    saved(display)
    assert display.caption.endswith(".")
    assert len({len(column) for column in display.table().values()}) == 1
    figure = display.figure_
    boxes = extents(figure)
    width, height = figure.canvas.get_width_height()
    for name, box in boxes.items():
        assert box.x0 >= -1, name
        assert box.x1 <= width + 1, name
        assert box.y0 >= -1, name
        assert box.y1 <= height + 1, name
    names = list(boxes)
    for k, name in enumerate(names):
        shrunk = boxes[name].padded(-1)
        assert not [other for other in names[:k] if shrunk.overlaps(boxes[other].padded(-1))], name


def test_100_000_rows_are_drawn_in_less_than_a_second():
    slowest = {}
    # The matrices of many classes are the same for any number of rows.
    for display in (each for each in displays(100_000) if len(getattr(each, "labels", ())) <= 8):
        began = time.process_time()
        FigureCanvasAgg(display.to_figure()).draw()
        slowest[display] = time.process_time() - began
    assert max(slowest.values()) < 1, slowest
