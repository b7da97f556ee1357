"""A proven bound on how far a value is above the minimum."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Bound:
    """A proven bound on f - f* at a point.

    Attributes
    ----------
    gap : float
        The bound on f - f*; infinite if none is known yet.
    floor : float
        The rounding error of the value: a smaller gap can't be distinguished from 0.
    cost : int
        How many values the bound cost.
    x_error : array or None
        The largest distance of each parameter from the minimiser, in the user's units; None if it is not bounded.
    endless : str
        Why f has no minimum; "" if it may have one.
    """

    gap: float
    floor: float
    cost: int
    x_error: np.ndarray | None = None
    endless: str = ""
