"""The duality gap of the method of multipliers, as a proven bound on how far a point is above the minimum.

The slopes of all rows, with the multipliers at hand, make tangents whose sum with the penalty has its minimum at a w
that is known. The derivation is in docs/certificates.md.
"""

from __future__ import annotations

import math

import numpy as np

from steepest.derivatives.differences import EPS
from steepest.descent.loop.bound import Bound
from steepest.fitting.linear.solvers.multipliers.rows import Dense, Sparse
from steepest.fitting.linear.solvers.multipliers.terms import Terms


def bound_at(
    terms: Terms, rows: Sparse | Dense, lam: float, q: np.ndarray, w: np.ndarray, b: float, unit: float,
    blur: float, near: float,
) -> Bound:  # fmt: skip
    """Return the bound at coefficients w and an intercept b from multipliers q; a gap up to `near` counts as rounding.

    `unit` is the relative rounding error of a sum, and `blur` bounds how far outputs move as the point is rounded in
    the user's units.
    """
    sizes: Sparse | Dense = rows.absolute()
    z = rows.along(w) + b
    s, nu = terms.inner(z), terms.slopes(q)
    g = lam * w + rows.slopes(nu)
    losses, gaps = terms.losses(s), terms.gaps(s, q)
    value = float(losses.sum()) + lam / 2 * float(w @ w)
    # How far rounding may move each output, and with it the losses, whose slopes are those of their best multipliers.
    moved = unit * (sizes.along(np.abs(w)) + abs(b) + np.abs(terms.knot).max(axis=0)) + blur
    steepest = terms.multipliers(s, np.zeros_like(s), 0.0) if terms.curve else terms.high * (terms.weight > 0)
    slopes = (terms.weight * (np.abs(steepest) + np.abs(q))).sum(axis=0)
    squared = (terms.weight.sum(axis=0) / terms.curve) @ moved**2 if terms.curve else 0.0
    slack = unit * (abs(value) + float((terms.weight * np.abs(q * s)).sum())) + float(slopes @ moved) + squared
    error = unit * (sizes.slopes(np.abs(nu)) + lam * np.abs(w))
    away, lost = float(np.linalg.norm(g)), float(np.linalg.norm(error))
    # The slopes sum to 0 up to rounding only. A plane that leans along the intercept is lower at the minimum, by no
    # more than the lean times how far the best intercept may be.
    reach = float(np.abs(terms.knot).max()) + float(rows.lengths().max()) * math.sqrt(2 * value / lam)
    lean, slack = abs(float(nu.sum())) * (abs(b) + reach), slack + EPS * float(np.abs(nu).sum()) * (abs(b) + reach)
    gap = max(float(gaps.sum()), 0.0) + (away + lost) ** 2 / (2 * lam) + slack + lean
    floor = max(4 * (lost**2 / (2 * lam) + slack), near)
    return Bound(gap if math.isfinite(gap) else math.inf, floor, 1)
