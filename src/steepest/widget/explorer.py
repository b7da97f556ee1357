"""`Explorer`: the widget of `explore`. It needs anywidget, so that only `explore` imports this file."""

from __future__ import annotations

import base64
import math
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import traitlets

from steepest.descent.run import Run
from steepest.widget.scene import MOST_STEPS, Scene
from steepest.widget.words import in_words

HERE = Path(__file__).parent
RULES = ("learning_rate", "momentum", "iterations", "start")


class Explorer(anywidget.AnyWidget):
    """A picture of a function with the path of a descent, whose rules can be changed by sliders.

    Parameters
    ----------
    scene : Scene
        What stands still.
    rate : float or None
        The learning rate at first; None for the usual one.
    momentum : float
        The share of the velocity that remains.
    iterations : int
        The number of steps.
    """

    _esm = HERE / "explorer.js"
    _css = HERE / "explorer.css"

    learning_rate = traitlets.Float(help="The learning rate.").tag(sync=True)
    momentum = traitlets.Float(help="The share of the velocity that remains.").tag(sync=True)
    iterations = traitlets.Int(help="The number of steps.").tag(sync=True)
    start = traitlets.List(traitlets.Float(), help="The first point.").tag(sync=True)

    outcome = traitlets.Unicode(help="How the descent ended.").tag(sync=True)
    path = traitlets.Bytes(help="The points of the path, in pairs of float64.").tag(sync=True)
    best = traitlets.Int(help="The row of the best point.").tag(sync=True)

    names = traitlets.List(traitlets.Unicode(), help="The names of the axes.").tag(sync=True)
    box = traitlets.List(traitlets.List(traitlets.Float()), help="Low and high of the axes.").tag(sync=True)
    frame = traitlets.List(traitlets.Float(), help="The place of the axes in the picture.").tag(sync=True)
    picture = traitlets.Unicode(help="The picture of the function.").tag(sync=True)
    rates = traitlets.List(traitlets.Float(), help="The ends of the slider.").tag(sync=True)
    is_curve = traitlets.Bool(help="Whether the function has one variable.").tag(sync=True)

    def __init__(self, scene: Scene, *, rate: float | None, momentum: float, iterations: int) -> None:
        low, high, usual = scene.rates
        rate = usual if rate is None else rate
        self._scene, self._run = scene, scene.best
        encoded = base64.b64encode(scene.png).decode("ascii")
        super().__init__(
            learning_rate=rate,
            momentum=momentum,
            iterations=iterations,
            start=scene.start.tolist(),
            names=scene.names,
            box=scene.box.tolist(),
            frame=list(scene.frame),
            picture=f"data:image/png;base64,{encoded}",
            rates=[min(low, rate), max(high, rate)],
            is_curve=scene.start.size == 1,
        )
        self._descend()
        self.observe(self._descend, list(RULES))

    @property
    def run(self) -> Run:
        """The last run; where no descent was possible from a start, that of the start before."""
        return self._run

    def _repr_mimebundle_(self, **kwargs: dict[str, Any]) -> Any:
        """Return the widget for a notebook, and the card of the run for where no widgets run, as on a web page."""
        bundle = super()._repr_mimebundle_(**kwargs)
        if bundle is not None:
            content = bundle[0] if isinstance(bundle, tuple) else bundle
            content["text/plain"] = self.outcome
            if (html := self._run._repr_html_()) is not None:
                content["text/html"] = html
        return bundle

    @traitlets.validate("learning_rate")
    def _check_rate(self, proposal: Any) -> float:
        if not (math.isfinite(proposal.value) and proposal.value > 0):
            raise traitlets.TraitError(f"learning_rate={proposal.value!r}: give a number above 0")
        return float(proposal.value)

    @traitlets.validate("momentum")
    def _check_momentum(self, proposal: Any) -> float:
        if not 0 <= proposal.value < 1:
            raise traitlets.TraitError(f"momentum={proposal.value!r}: give a number from 0 to below 1")
        return float(proposal.value)

    @traitlets.validate("iterations")
    def _check_iterations(self, proposal: Any) -> int:
        if not 1 <= proposal.value <= MOST_STEPS:
            raise traitlets.TraitError(f"iterations={proposal.value!r}: give a whole number from 1 to {MOST_STEPS}")
        return int(proposal.value)

    @traitlets.validate("start")
    def _check_start(self, proposal: Any) -> list[float]:
        size = self._scene.start.size
        if len(proposal.value) != size or not np.isfinite(proposal.value).all():
            raise traitlets.TraitError(f"start={proposal.value!r}: give {size} finite number{'s' * (size > 1)}")
        return list(proposal.value)

    def _descend(self, change: object = None) -> None:
        """Descend by the current rules, and send the path."""
        start = np.array(self.start)
        try:
            run = self._scene.descend(start, self.learning_rate, self.momentum, self.iterations)
        except Exception as error:  # noqa: BLE001 - the user's function may raise anything at a start that was clicked
            self.outcome, self.path, self.best = f"No descent from there: {error}", b"", 0
            return
        self._run = run
        with np.errstate(all="ignore"):
            points, value = np.asarray(run.trace.x, dtype=float), np.asarray(run.trace.value, dtype=float)
            drawn = np.column_stack([points, value])[:, :2]
            best = int(np.argmin(np.where(np.isfinite(value), value, np.inf)))
            least = self._scene.best.fun if self._scene.best.success else math.nan
            said = in_words(run, least, self._scene.curvature, self.momentum)
            low, high = self._scene.box.T
            if not ((drawn >= low) & (drawn <= high)).all():
                said += " The path leaves the picture."
        # One message for all three, so that the picture never shows a path with the words of another.
        with self.hold_sync():
            self.outcome, self.path, self.best = said, np.ascontiguousarray(drawn, dtype="<f8").tobytes(), best
