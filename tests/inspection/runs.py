"""Runs and fits with known paths, with the attributes that displays read."""

from types import SimpleNamespace

import numpy as np

from steepest.models import Custom
from steepest.trace import Outcome, Trace


def make_run(f, points, *, names="xy", gradient_norm=None, outcome=Outcome.COMPLETED, **more):
    """Return a run with the given points and the values of f there."""
    points = np.asarray(points, dtype=float).reshape(len(points), -1)
    rows = np.arange(len(points))
    with np.errstate(all="ignore"):
        value = np.array([f(point) for point in points])
    slope = np.ones(len(rows)) if gradient_norm is None else gradient_norm
    columns = {"iteration": rows, "evaluations": 2 * rows + 1, "value": value, "gradient_norm": slope}
    columns |= {name: more.pop(name) for name in ("epoch",) if name in more}
    trace = Trace(columns, points, list(names)[: points.shape[1]])
    run = {"trace": trace, "evaluate": f, "maximized": False, "title": "a title", "outcome": outcome}
    return SimpleNamespace(**run | {"gradient_at": no_gradient} | more)


def make_fit(f, points, data, params, model=None, **more):
    """Return a fit whose epochs have the given points and the losses f there; of a line by default."""
    points = np.asarray(points, dtype=float)
    model = model or Custom(lambda x, m, b: m * x + b)
    more = {"names": "mb", "epoch": np.arange(len(points))} | more
    return make_run(f, points, data=data, params=params, model=model, columns=None, **more)


def no_gradient(point):
    raise AssertionError("this run needs no gradient")


def bowl(point):
    return float(point[0] ** 2 + point[1] ** 2)


def not_at_hand(point):
    raise RuntimeError("function not at hand: this run was loaded")


def halving(rows=11, start=(9, 4), t=0.25, **more):
    """Return plain descent on x² + y²: point k is the start times (1 - 2t)^k, its value the first times (1 - 2t)^2k."""
    shrink = (1 - 2 * t) ** np.arange(rows)
    with np.errstate(over="ignore"):
        return make_run(bowl, np.outer(shrink, start), gradient_at=lambda p: 2 * np.asarray(p), **more)


def clashes(figure):
    """Return the pairs of texts of a figure that lie on each other, and the texts that leave the page."""
    from matplotlib.axis import Axis
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.text import Text

    FigureCanvasAgg(figure).draw()
    # Labels of ticks outside of the limits are not drawn.
    unseen = {
        tick.label1
        for axis in figure.findobj(Axis)
        for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks())
        if not min(axis.get_view_interval()) <= tick.get_loc() <= max(axis.get_view_interval())
    }
    texts = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text() and text not in unseen]
    boxes = [(text.get_text(), text.get_window_extent().padded(-1)) for text in texts]
    page = figure.bbox.padded(2)
    found = [name for name, box in boxes if not (page.contains(*box.min) and page.contains(*box.max))]
    return found + [(a, b) for k, (a, one) in enumerate(boxes) for b, other in boxes[:k] if one.overlaps(other)]
