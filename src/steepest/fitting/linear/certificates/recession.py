"""Decide whether a linear model has a finite optimum, from the rows alone; no other module decides it.

A convex f has no minimum if and only if it falls without end along some direction v: no row's loss grows along v, lim
ℓᵢ(s aᵢᵀv) / s ≤ 0 for all i, and the loss of some row changes (Rockafellar, "Convex analysis", 1970, section 27). These
are linear inequalities in v. For the log loss, a v that satisfies them separates the classes, though rows may lie on
the separating plane. For counts, such a v lowers the outputs of some rows whose count is 0, and moves no other output.

The theorem of the alternative proves that there is no such v if there are slopes uᵢ in the interior of the range of ℓᵢ′
with Σ pᵢ uᵢ aᵢ = 0. The slopes ℓ′ + ℓ″ A d of Newton's step d are such slopes if d moves every output by less than 1,
as it does at the last point of nearly every fit. The derivations are in docs/certificates.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from steepest.derivatives.bounds import Box
from steepest.fitting.linear.certificates import reasons
from steepest.fitting.linear.certificates.cone import Cone, growth_signs
from steepest.fitting.linear.certificates.linear_program import find_direction
from steepest.fitting.linear.coordinates import edges
from steepest.models.losses.base import Loss
from steepest.types import Rows


class Finding(NamedTuple):
    """Why the loss falls without end (empty if no reason is known), and whether that answer is proven."""

    endless: str
    sure: bool = True


NONE, UNKNOWN = Finding(""), Finding("", sure=False)


@dataclass
class Recession:
    """Whether the loss of a linear model falls without end on its rows; decided once, because only the rows matter.

    Attributes
    ----------
    X, y, weight : array
        The rows, their targets and their weights.
    loss : Loss
        ℓ.
    unpenalised : bool
        Whether there is no penalty at all; with a penalty only the intercepts are free.
    names : sequence of str or None
        The names of the columns, if they have names.
    bounds : Box or None
        The bounds of the parameters, in the user's units: no parameter grows without end beyond them.
    found : Finding or None
        The answer; None before it was found.
    """

    X: Rows
    y: np.ndarray
    weight: np.ndarray
    loss: Loss
    unpenalised: bool
    names: Sequence[str] | None
    bounds: Box | None = None
    found: Finding | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        nothing = np.zeros((1, self.loss.outputs) if self.loss.outputs else 1)
        closed = self.bounds is not None and bool(np.all(np.isfinite(self.bounds.low) & np.isfinite(self.bounds.high)))
        if closed or self.loss.asymptote(nothing, np.zeros(1)) is None:
            self.found = NONE
        elif reason := self.from_targets():
            self.found = Finding(reason)
        elif not self.unpenalised:
            self.found = NONE

    @property
    def endless(self) -> bool:
        """Whether the loss is known to fall without end."""
        return self.found is not None and bool(self.found.endless)

    @property
    def watch(self) -> int:
        """When a fall without end stops a descent: 0 never, 1 once such a fall is suspected, 2 at once."""
        return 2 if self.found == Finding(reasons.EQUAL_TARGETS) else int(self.found is None)

    def exclude(self) -> None:
        """Record that a descent has proven that the loss has a minimum."""
        self.found = self.found or NONE

    def decide(self, point: np.ndarray | None = None, brief: bool = False) -> Finding:
        """Decide whether the loss falls without end.

        Parameters
        ----------
        point : array or None
            Coefficients and intercepts that a descent has reached, in the user's units: the first direction to try.
        brief : bool
            Whether to read the rows only a few times, even if that leaves the question open.

        Returns
        -------
        Finding
            The reason, and whether the answer is proven.
        """
        if self.found is not None:
            return self.found
        if self.bounds is None and (columns := self.separating_columns()):
            self.found = self.falls_along(columns, together=False)
            return self.found
        cone = Cone.of(self.X, self.y, self.weight, self.loss, self.bounds)
        direction = None if point is None else cone.from_user(point)
        if direction is not None and cone.proves(direction):
            self.found = self.falls_along(cone.columns(direction), together=True)
        elif not brief:
            found, decided = find_direction(cone, direction)
            if found is not None:
                self.found = self.falls_along(cone.columns(found), together=True)
            else:
                self.found = NONE if decided else UNKNOWN
        return self.found or UNKNOWN

    def falls_along(self, columns: Sequence[int], together: bool) -> Finding:
        """Return the finding that the loss falls as the coefficients of these columns grow."""
        return Finding(reasons.of_columns(columns, self.names, self.loss, together))

    def from_targets(self) -> str:
        """Return why the loss falls without end along the intercepts alone; empty if it does not."""
        y = self.y[self.weight > 0]
        if (contrasts := self.loss.contrasts) is not None:
            absent = np.setdiff1d(np.arange(len(contrasts)), y.astype(int))
            if not absent.size:
                return ""
            if absent.size == len(contrasts) - 1:
                return reasons.EQUAL_TARGETS
            return reasons.of_absent_classes(absent.tolist())
        signs = growth_signs(self.loss, y)
        up, down = (
            (True, True) if self.bounds is None else (np.isinf(self.bounds.high[-1]), np.isinf(self.bounds.low[-1]))
        )
        return reasons.EQUAL_TARGETS if (up and np.all(signs > 0)) or (down and np.all(signs < 0)) else ""

    def separating_columns(self) -> list[int]:
        """Return the columns that separate the rows each by itself; comparisons find them without rounding errors."""
        counts = self.weight > 0
        if not self.X.shape[1]:
            return []
        if (contrasts := self.loss.contrasts) is not None:
            groups = [counts & (self.y == k) for k in range(len(contrasts))]
        else:
            sign = np.where(counts, growth_signs(self.loss, self.y), 2)
            groups = [sign == 1, sign == -1, sign == 0]
        empty = np.stack([np.full(self.X.shape[1], np.inf), np.full(self.X.shape[1], -np.inf)])
        low, high = np.swapaxes([edges(self.X[rows]) if rows.any() else empty for rows in groups], 0, 1)
        varies = low.min(axis=0) < high.max(axis=0)
        if contrasts is not None:
            separates = np.zeros_like(varies)
            for k in range(len(groups)):
                rest = np.arange(len(groups)) != k
                separates |= (high[k] <= low[rest].min(axis=0)) | (high[rest].max(axis=0) <= low[k])
        else:
            # The three groups: rows whose output may grow, may fall, and may not move.
            (up, down, still), (above, below, same) = low, high
            separates = np.maximum(below, same) <= np.minimum(up, still)
            separates |= np.maximum(above, same) <= np.minimum(down, still)
        return [int(j) for j in np.flatnonzero(separates & varies)]
