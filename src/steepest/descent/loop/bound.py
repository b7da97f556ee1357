"""A proven bound on how far a value is above the minimum."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Bound:
    """How far f is above its minimum at most, as a certificate proves it at a point.

    Attributes
    ----------
    gap : float
        The bound on f - f*; infinite if none is known yet.
    floor : float
        How far rounding may move the value: a smaller gap can't be told from none.
    cost : int
        How many values it took.
    x_error : array or None
        How far each parameter, in the user's units, may lie from the minimiser, if that is bounded too.
    endless : str
        Why there is no minimum, if that is known.
    """

    gap: float
    floor: float
    cost: int
    x_error: np.ndarray | None = None
    endless: str = ""
