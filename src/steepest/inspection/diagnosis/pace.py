"""`Pace`: the rule of the steps of a run, and their sizes from the first to the last."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

# Rules that give each parameter a rate of its own, so that a step moves it by about the step size.
SCALED = ("AdaGrad", "RMSProp", "Adadelta", "Adam", "AdamW", "NAdam", "AMSGrad")
WITH_VELOCITY = ("Momentum", "Nesterov")
# The rule of a loop of the user's own whose moves are no plain steps.
OTHER = "another"
# Rules that learn the curvature, so that a step of 1 is right whatever the scales are.
METRIC = ("BFGS", "LBFGS", "LevenbergMarquardt", "Newton")
# A schedule has ended if its last size is below this share of its largest. Chosen: 1/k and 1/√k pass it after 10 and
# 100 of their units, and a drop by a factor of 10 is the usual one of a staircase.
ENDED = 0.11
# The share of the sizes after the largest that fall, or stay, in a schedule. Chosen: warm restarts rise now and then.
MONOTONE = 0.9


@dataclass(frozen=True)
class Pace:
    """The sizes of the steps.

    Parameters
    ----------
    kind : {"fixed", "schedule", "search", "unknown"}
        Whether one number was given, sizes that are fixed in advance, or a rule that finds them.
    rule : str
        The rule of the direction; "" if it is not known.
    decay : float
        The share of the velocity that remains; 0 without one.
    peak, last : float
        The largest size, and the mean size of the last tenth of the run.
    total : float
        The sum of all sizes.
    count : float
        The number of steps.
    """

    kind: Literal["fixed", "schedule", "search", "unknown"]
    rule: str
    decay: float
    peak: float
    last: float
    total: float
    count: float

    @property
    def is_scaled(self) -> bool:
        """Whether each parameter has a rate of its own, as in Adam."""
        return self.rule in SCALED

    @property
    def is_metric(self) -> bool:
        """Whether the rule of the direction learns the curvature."""
        return self.rule in METRIC

    @property
    def is_given(self) -> bool:
        """Whether the sizes were given, and not found by a search."""
        return self.kind in ("fixed", "schedule")

    @property
    def ended(self) -> bool:
        """Whether the sizes shrank to a small share of the largest."""
        return self.kind == "schedule" and self.last < ENDED * self.peak

    @classmethod
    def of(
        cls, direction: Mapping[str, object], asked: object, size: np.ndarray, iteration: np.ndarray, is_loop: bool
    ) -> Pace:  # fmt: skip
        """Read the pace of a run.

        Parameters
        ----------
        direction : mapping
            The rule of the direction and its numbers.
        asked : object
            The step that was asked for; None if none was, or if that is not known.
        size, iteration : array
            The columns of the trace.
        is_loop : bool
            Whether the sizes are the learning rates of a loop of the user's own.

        Returns
        -------
        Pace
            The pace.
        """
        rule = str(direction.get("name", ""))
        decay = direction.get("decay", 0.0) if rule in WITH_VELOCITY else 0.0
        count = float(iteration[-1] - iteration[0]) if len(iteration) else 0.0
        known = np.isfinite(size) & (size >= 0)
        known[:1] &= is_loop
        if not known.any() or not (size[known] > 0).any():
            return cls("unknown", rule, float(decay), np.nan, np.nan, np.nan, count)  # type: ignore[arg-type]
        sizes = size[known]
        peak, last = float(sizes.max()), float(sizes[-max(1, len(sizes) // 10) :].mean())
        is_constant = peak <= sizes.min() * (1 + 1e-9)
        kind: Literal["fixed", "schedule", "search", "unknown"] = "search"
        # A schedule may rise at first; sizes that go up and down later were found by a search.
        falls = np.diff(sizes[int(np.argmax(sizes)) :]) <= 0
        is_searched = bool(falls.size and falls.mean() < MONOTONE)
        if (
            (is_loop and not is_searched)
            or isinstance(asked, (int, float))
            or (asked is None and rule == "Plain" and is_constant)
            or (asked is not None and not isinstance(asked, str) and _is_schedule(asked))
        ):
            kind = "fixed" if is_constant else "schedule"
        return cls(kind, rule, float(decay), peak, last, float(sizes.mean()) * count, count)  # type: ignore[arg-type]


def _is_schedule(asked: object) -> bool:
    """Return whether a step is a function of the iteration, or a schedule of ours, which has a method `at`."""
    return callable(getattr(asked, "at", None)) or callable(getattr(asked, "table", None)) or callable(asked)
