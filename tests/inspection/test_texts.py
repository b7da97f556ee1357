"""No text of a picture lies on another, at the usual size and on small axes, and each picture says what to see."""

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text
from matplotlib.transforms import Bbox

import steepest as st
from steepest.inspection import (
    ContourDisplay,
    CurveDisplay,
    GatesDisplay,
    PartitionDisplay,
    QuiverDisplay,
    SlopesDisplay,
    SurfaceDisplay,
    TrainingDisplay,
    TreeDisplay,
)
from steepest.inspection.plots import style

from .runs import halving, make_run


def written(figure):
    """Return the texts that a figure shows, with their boxes in pixels."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # lays the figure out, for which some axes need two passes
    canvas.draw()
    hidden = set()
    for axis in (axis for ax in figure.axes for axis in (ax.xaxis, ax.yaxis, *([ax.zaxis] if style.is_3d(ax) else []))):
        place = axis.get_transform().transform  # so that a margin on a logarithmic axis is a share of its length
        low, high = sorted(place(axis.get_view_interval()))
        margin = 1e-9 * (high - low)
        ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
        # Ticks outside the axes have texts, which are not drawn.
        gone = [tick for tick in ticks if not low - margin <= place(tick.get_loc()) <= high + margin]
        hidden |= {text for tick in gone for text in (tick.label1, tick.label2)}
    shown = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
    return [(text.get_text().strip(), inked(text)) for text in shown if text not in hidden]


def inked(text):
    """Return the box of a text without the blank line at its top, if there is one."""
    box = text.get_window_extent()
    lines = text.get_text().split("\n")
    blank = box.height / len(lines) if not lines[0] else 0.0
    return Bbox.from_extents(box.x0, box.y0, box.x1, box.y1 - blank)


def overlapping(figure):
    """Return the pairs of texts that overlap by more than a pixel."""
    texts = written(figure)
    assert texts
    pairs = []
    for k, (one, box) in enumerate(texts):
        for other, second in texts[k + 1 :]:
            across = min(box.x1, second.x1) - max(box.x0, second.x0)
            up = min(box.y1, second.y1) - max(box.y0, second.y0)
            if across > 1 and up > 1:
                pairs.append((one, other))
    return pairs


def rosenbrock(p):
    return float((1 - p[0]) ** 2 + 100 * (p[1] - p[0] ** 2) ** 2)


def valley():
    return make_run(
        rosenbrock, [[-1.2, 1], [-1, 1.1], [-0.5, 0.3], [0, 0], [0.5, 0.3], [1, 1]], title="a curved valley"
    )


def line():
    xs = np.arange(-5, 5)
    return st.fit(lambda x, m, b: m * x + b, xs, 30 * xs + 7, start={"m": 49.0, "b": 0.0}, step=0.01, epochs=50)


def board():
    X = np.random.default_rng(0).uniform(-1, 1, size=(120, 2))
    y = (X[:, 0] > 0) ^ (X[:, 1] > 0)
    return st.fit(st.models.Tree(depth=2, restarts=2), X, y, loss="log loss", epochs=16, rng=0)


PICTURES = {
    "contour": lambda: ContourDisplay.from_run(valley()),
    "contour of far values": lambda: ContourDisplay.from_run(
        make_run(lambda p: 1e9 + rosenbrock(p), [[-1.2, 1], [1, 1]])
    ),
    "surface": lambda: SurfaceDisplay.from_run(valley()),
    "quiver": lambda: QuiverDisplay.from_run(halving()),
    "curve": lambda: CurveDisplay.from_run(
        make_run(lambda p: float(p[0] ** 2), 3 * (-0.9) ** np.arange(40), gradient_at=lambda p: 2 * np.asarray(p))
    ),
    "slopes": lambda: SlopesDisplay.from_function(lambda x: x**2, lambda x: 2 * x, at=3.0, h=(4, 2, 0.5)),
    "training": lambda: TrainingDisplay.from_run(line()),
    "tree": lambda: TreeDisplay.from_run(board()),
    "partition": lambda: PartitionDisplay.from_run(board()),
    "gates": lambda: GatesDisplay.from_run(board()),
}


@pytest.mark.parametrize("name", PICTURES)
def test_no_text_lies_on_another(name):
    figure = PICTURES[name]().to_figure()
    assert not overlapping(figure)


@pytest.mark.parametrize("name", PICTURES)
def test_the_caption_is_a_sentence_below_the_axes_and_the_table_has_columns_of_one_length(name):
    display = PICTURES[name]()
    assert display.caption[0].isupper()
    assert display.caption.endswith(".")
    assert any(letter.isdigit() for letter in display.caption)
    figure = display.to_figure()
    assert figure.get_supxlabel().replace("\n", " ").strip() == display.caption
    assert not display.to_figure(captioned=False).get_supxlabel()
    assert len({len(column) for column in display.table().values()}) == 1


def test_texts_on_one_another_are_seen():
    figure = style.blank()
    ax = figure.add_subplot()
    ax.text(0.5, 0.5, "one")
    ax.text(0.51, 0.51, "two")
    assert ("one", "two") in overlapping(figure)
