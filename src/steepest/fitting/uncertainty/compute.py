"""The uncertainty of a fit: one pass over its rows for the information, and a second one for a sandwich."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from steepest.derivatives.structure import Structure
from steepest.descent.covariance import NEAR, distance, without
from steepest.fitting.basis import Basis
from steepest.fitting.uncertainty.answer import Uncertainty
from steepest.fitting.uncertainty.families import FAMILIES, Family, family_of
from steepest.fitting.uncertainty.own_loss import own_family
from steepest.fitting.uncertainty.reasons import EARLY, Fitted, held, obstacle
from steepest.fitting.uncertainty.request import Request
from steepest.fitting.uncertainty.rows import DerivedRows, FunctionRows, LinearRows
from steepest.fitting.uncertainty.sums import Sandwich, Sums
from steepest.models import Custom, Linear, Multinomial
from steepest.models.losses import softmax
from steepest.models.penalties import ridge_of, scales_of

EPS = float(np.finfo(float).eps)
# A step that moves the predictions by less than this share of the data may be a rounding error.
ROUNDED = 1e-10
# Residuals below this share of the data are rounding errors. Those of Lanczos1 of NIST, whose data have 14 digits, are
# ten times larger.
EXACT = 32 * EPS
LOOSE = "not determined by the rows: other values fit equally well"


@np.errstate(all="ignore")
def uncertainty_of(fit: Fitted, request: Request, level: float) -> Uncertainty:
    """Return the uncertainty of a fit; one without errors, with the reason, if none follow from it.

    Parameters
    ----------
    fit : Fit
        The fit.
    request : Request
        What the user asks for.
    level : float
        The level of the intervals.

    Returns
    -------
    Uncertainty
        The uncertainty.
    """
    try:
        structure, x = Structure.of(fit.params)
    except (TypeError, ValueError):
        # The parameters of networks and trees may be empty, or arrays that NumPy does not know.
        return Statement(fit, request, level, (), np.zeros(0)).none(obstacle(fit, 0))
    names = tuple(fit.view.names if fit.view else fit.trace.names)
    statement = Statement(fit, request, level, names if len(names) == x.size else structure.names, x)
    return statement.computed()


@dataclass(frozen=True)
class Statement:
    """The uncertainty of a fit as it is being computed."""

    fit: Fitted
    request: Request
    level: float
    names: tuple[str, ...]
    x: np.ndarray

    def none(self, why: str, reasons: dict[str, str] | None = None) -> Uncertainty:
        """Return an uncertainty without errors, and why."""
        size = len(self.x)
        return Uncertainty(
            self.names, without(size), reasons or {}, why, "", self.level, math.nan, math.nan,
            self.request.robust, self.request.weights, self.request.absolute_sigma, self.x, self.fit.params,
            np.full((size, 0), math.nan),
        )  # fmt: skip

    def computed(self) -> Uncertainty:
        """Return the uncertainty."""
        fit, basis = self.fit, self.fit.basis
        if why := obstacle(fit, self.x.size):
            return self.none(why)
        assert basis is not None
        family = family_of(basis.loss)
        if isinstance(family, str):
            return self.none(family)
        own = family is None
        family = own_family(basis.loss) if family is None else family
        self.check(family)
        reasons = held(fit, self.names)
        free = np.array([name not in reasons for name in self.names])
        if not free.any():
            return self.none("every parameter was held, or ended on a bound", reasons)
        if isinstance(fit.model, Multinomial) and not free.all():
            return self.none("errors of several classes are not known where some coefficients are held", reasons)
        rows = _rows(fit, basis, free)
        observed = own or bool(self.request.robust)
        sums = Sums.over(rows, family, observed)
        return self.stated(rows, sums, family, ridge_of(basis.penalty) * sums.mass / family.unit, reasons, free)

    def stated(
        self, rows: DerivedRows, sums: Sums, family: Family, ridge: float, reasons: dict[str, str], free: np.ndarray
    ) -> Uncertainty:  # fmt: skip
        """Return the uncertainty from the sums over the rows; `ridge` is the penalty's curvature, in units of these."""
        request = self.request
        factor, q = rows.ridge
        if not all(np.isfinite(part).all() for part in (sums.triangle, sums.gradient, sums.pearson)):
            return self.none("a prediction, its loss or their derivatives are not finite in some rows", reasons)
        inverse = sums.inverse(math.sqrt(ridge) * factor, rows.precision)
        if inverse is None:
            return self.none("the loss is not at a minimum: its curvature is negative along some direction", reasons)
        # Without a penalty its columns are orthonormal, so that their squares add up to the rank. With one they add up
        # to the effective number of parameters, the trace of the hat matrix.
        spread = sums.spread(inverse.root)
        used = float((spread**2).sum())
        count = sums.mass if request.weights == "frequency" else float(sums.count)
        left = count - used
        robust = request.robust or ("" if family.likely else "HC1")
        estimated = family.dispersed and not request.absolute_sigma and not robust
        if (estimated or robust == "HC1") and left < 1 - 1e-6 * count:
            return self.none(self.too_few(count, used if ridge else float(free.sum()), left, sums), reasons)
        scale = math.nan if robust else sums.pearson / left if estimated else 1.0
        if robust:
            shift = sums.gradient / sums.mass if ridge else np.zeros(len(q))
            half = Sandwich(robust, inverse.root, shift).half(rows, family, request, count / left)
            if not np.isfinite(half).all():
                return self.none(f"a row has the leverage 1, and {robust} divides by 1 minus it: ask for HC1", reasons)
        else:
            half = math.sqrt(scale) * (inverse.root @ spread.T if ridge else inverse.root)
        root = np.full((len(self.names), half.shape[1]), math.nan)
        root[free] = rows.to_user(half)
        loose = np.zeros(len(self.names), dtype=bool)
        loose[free] = inverse.undetermined(rows.to_user, rows.reach)
        root[loose] = math.nan
        covariance = root @ root.T
        covariance[loose, loose] = math.inf
        reasons = reasons | {name: LOOSE for name, is_loose in zip(self.names, loose, strict=True) if is_loose}
        gradient = sums.gradient + ridge * factor**2 * q
        label = _label(family, request, robust, bool(ridge))
        if family.normal and (estimated or robust) and sums.pearson <= EXACT**2 * sums.size:
            label += (
                "; the model goes through every row: residuals are rounding errors, and errors from them mean nothing"
            )
        degrees = left if family.normal and not request.absolute_sigma else math.inf
        move = inverse.root.T @ gradient
        step = rows.to_user(inverse.root @ move[:, None])[:, 0]
        if estimated and sums.pearson > 0:
            # The variance at the minimum, which is smaller than that at a point far from it.
            step = step / math.sqrt(max(1 - float(move @ move) / sums.pearson, EPS))
        far = distance(step, self.x[free], np.linalg.norm(root[free], axis=1))
        # If the model goes through every row, the errors and the step are rounding errors, so the step proves nothing.
        rounded = family.normal and float(move @ move) <= ROUNDED**2 * sums.size
        if far > NEAR and not rounded:
            outcome = self.fit.outcome
            label = f"{label}; the fit ended {far:.2g} {EARLY} ({outcome}): let it go on"
        return Uncertainty(
            self.names, covariance, reasons, "", label, self.level, degrees, scale, robust, request.weights,
            request.absolute_sigma, self.x, self.fit.params, root, far,
        )  # fmt: skip

    def check(self, family: Family) -> None:
        """Raise ValueError if the loss has not what was asked for."""
        request, loss = self.request, getattr(self.fit.basis, "loss", None)
        if request.absolute_sigma and not family.normal:
            raise ValueError(
                f"absolute_sigma=True is for the squared loss, whose weights are 1/σ², and this one is {loss!r}: leave "
                "it out"
            )
        if request.robust in ("HC2", "HC3") and family is FAMILIES[softmax]:
            raise ValueError(
                f'robust="{request.robust}" divides by the leverage of a row, and a row of several classes has none: '
                'give "HC0" or "HC1"'
            )

    def too_few(self, count: float, used: float, left: float, sums: Sums) -> str:
        """Return why no variance can be estimated."""
        if self.request.weights == "frequency" and count < sums.count:
            return (
                f"the weights add up to {count:.4g}, and they count rows: no variance can be estimated beside "
                f'{used:.4g} parameters; if the weights are 1/σ², ask for weights="precision"'
            )
        if left > 1e-6 * count:
            # Under a penalty the effective number of parameters is no whole number.
            return (
                f"{count:.4g} rows leave {left:.2g} degrees of freedom beside {used:.4g} parameters, and a variance "
                "needs 1: give more rows, a stronger penalty, or hold parameters with fixed="
            )
        return (
            f"{count:.4g} rows leave nothing to estimate the variance from beside {used:.4g} parameters: give more "
            "rows, or hold parameters with fixed="
        )


def _rows(fit: Fitted, basis: Basis, free: np.ndarray) -> DerivedRows:
    model, learnt = fit.model, basis.learnt
    assert isinstance(model, (Linear, Custom))
    X = basis.X if learnt.all() else basis.X[np.flatnonzero(learnt)]
    y, weight = (np.asarray(part, dtype=float)[learnt] for part in (basis.y, basis.weight))
    if isinstance(model, Linear):
        scales = scales_of(basis.penalty)
        return LinearRows(model, fit.params, model.shaped(X, fit.params), y, weight, free, scales)
    return FunctionRows(model, fit.params, X, y, weight, free, basis.slopes)


def _label(family: Family, request: Request, robust: str, penalised: bool) -> str:
    """Return what errors assume."""
    if robust and family.likely:
        parts = [f"sandwich ({robust}), which allows for errors of unequal variance"]
    elif robust:
        parts = [f"{family.label} ({robust})"]
    elif request.absolute_sigma:
        parts = ["errors with the known variances 1/weight"]
    else:
        parts = [family.label]
    if request.weights == "precision" and not request.absolute_sigma:
        # The variance of two classes or of counts follows from their mean, and has no factor of its own.
        scaled = family.dispersed or robust
        parts.append(
            "weights taken as 1/σ² up to a factor" if scaled else "weights taken as precisions, without a factor"
        )
    if penalised:
        parts.append("penalised, strength taken as fixed")
    return "; ".join(parts)
