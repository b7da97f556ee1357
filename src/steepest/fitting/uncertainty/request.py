"""`Request`: the options of `Fit.uncertainty`, read and checked."""

from __future__ import annotations

import math
import numbers
from dataclasses import dataclass
from typing import Self

from steepest.printable import quoted

# The corrections of the sandwich, as statsmodels and R name them.
SANDWICHES = ("HC0", "HC1", "HC2", "HC3")
WEIGHTS = ("frequency", "precision")


@dataclass(frozen=True)
class Request:
    """The options of `Fit.uncertainty` but for the level of its intervals.

    Attributes
    ----------
    robust : str
        "HC0" to "HC3" for a sandwich; "" for none.
    weights : {"frequency", "precision"}
        What the row weights mean: how many rows a row stands for, or 1/σ².
    absolute_sigma : bool
        Whether the weights are 1/σ² with σ in the units of y, so that no variance is estimated.
    """

    robust: str = ""
    weights: str = "frequency"
    absolute_sigma: bool = False

    @classmethod
    def read(cls, robust: bool | str, weights: str, absolute_sigma: bool) -> Self:
        """Return the options; raise ValueError for those that make no sense."""
        kind = "HC1" if robust is True else "" if robust is False else robust
        if robust is not False and kind not in SANDWICHES:
            raise ValueError(f"robust={quoted(robust)}: give True, which is HC1, or one of {', '.join(SANDWICHES)}")
        if weights not in WEIGHTS:
            raise ValueError(
                f'weights={quoted(weights)}: give "frequency", for weights that count rows, or "precision", for 1/σ²'
            )
        if not isinstance(absolute_sigma, bool):
            raise ValueError(f"absolute_sigma={quoted(absolute_sigma)}: give True or False")
        if absolute_sigma and weights != "precision":
            raise ValueError(
                'absolute_sigma=True reads the weights as 1/σ², and weights="frequency" counts rows by them: '
                'give weights="precision"'
            )
        if absolute_sigma and kind:
            raise ValueError(
                f"robust={quoted(robust)} estimates the variance of each row, and absolute_sigma=True takes it as "
                "known: leave one of them out"
            )
        return cls(kind, weights, absolute_sigma)


def read_level(level: float) -> float:
    """Return the level of intervals; raise ValueError unless it is between 0 and 1."""
    number = isinstance(level, numbers.Real) and not isinstance(level, bool)
    if not number or not (math.isfinite(level) and 0 < level < 1):
        raise ValueError(f"level={quoted(level)}: give a number between 0 and 1, such as 0.95 for 95 %")
    return float(level)
