"""What large weights cost, in the user's own units; intercepts are free."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class L2:
    """The ridge penalty, λ/2 ‖w‖².

    Parameters
    ----------
    strength : float
        λ, in units of loss per squared weight.

    Examples
    --------
    >>> import numpy as np
    >>> float(L2(0.5)(np.array([2.0, 4.0])))
    5.0
    """

    strength: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.strength) and self.strength >= 0):
            raise ValueError(f"L2({self.strength!r}): the strength must be a finite number, 0 or more")

    def __call__(self, weights: Any) -> Any:
        return self.strength / 2 * (weights**2).sum()
