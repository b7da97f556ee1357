"""How well a fit agrees with its rows: s and R² of a squared loss, the deviance of a likelihood."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from steepest.fitting.basis import Basis
from steepest.fitting.uncertainty.answer import Uncertainty
from steepest.fitting.uncertainty.reasons import Fitted
from steepest.fitting.uncertainty.wording import chance
from steepest.models import Custom, Linear, losses
from steepest.models.losses import Loss
from steepest.models.losses.softmax import Softmax
from steepest.models.penalties import ridge_of
from steepest.printable import quoted

LIKELIHOODS = (losses.log_loss, losses.poisson, losses.gamma)


# Numbers by name, and the same as text: names and what they are.
Goodness = tuple[dict[str, float], tuple[tuple[str, str], ...]]


@np.errstate(all="ignore")
def goodness_of(fit: Fitted, uncertainty: Uncertainty) -> Goodness:
    """Return how well a fit agrees with its rows.

    Parameters
    ----------
    fit : Fit
        The fit.
    uncertainty : Uncertainty
        Its errors.

    Returns
    -------
    dict
        "rows", "degrees of freedom", "s", "R²", "adjusted R²", "F", "F p", "deviance", "null deviance" and "scale", but
        for those that the loss does not have; empty if the rows are not at hand.
    tuple of (str, str)
        The same as text: names and what they are.
    """
    basis, model = fit.basis, fit.model
    if (
        basis is None
        or not basis.intact
        or not isinstance(model, (Linear, Custom))
        or getattr(model, "is_native", False)
        or hasattr(fit, "fits")
    ):
        return {}, ()
    y, weight, z = _rows(model, fit, basis)
    name = getattr(basis.loss, "name", "") or quoted(getattr(basis.loss, "__name__", basis.loss))
    rows = f"{len(y):,}"
    if weight.min() < weight.max():
        kind = "which count rows" if uncertainty.weights == "frequency" else "taken as 1/σ²"
        rows += f", with weights from {weight.min():.4g} to {weight.max():.4g}, {kind}"
    values, lines = {"rows": float(len(y))}, [("rows", rows), ("loss", name)]
    if basis.loss is losses.squared:
        _add_squares(values, lines, y, weight, z, uncertainty, basis, _null(fit))
    elif isinstance(basis.loss, Loss) and (basis.loss in LIKELIHOODS or isinstance(basis.loss, Softmax)):
        _add_deviance(values, lines, y, weight, z, uncertainty, basis.loss, bool(ridge_of(basis.penalty)))
    return values, tuple(lines)


def _rows(model: Linear | Custom, fit: Fitted, basis: Basis) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the targets, the weights and the outputs of the rows that the model learnt from."""
    learnt = np.asarray(basis.learnt)
    X = basis.X if learnt.all() else basis.X[np.flatnonzero(learnt)]
    y, weight = (np.asarray(part, dtype=float)[learnt] for part in (basis.y, basis.weight))
    z = np.asarray(model(model.shaped(X, fit.params), *fit.params.values()), dtype=float)
    return y, weight, z if z.ndim else np.full(len(y), float(z))


def _add_squares(
    values: dict[str, float], lines: list[tuple[str, str]], y: np.ndarray, weight: np.ndarray, z: np.ndarray,
    uncertainty: Uncertainty, basis: Basis, null: _Null,
) -> None:  # fmt: skip
    """Add s, R² and the F test of all coefficients."""
    count = float(weight.sum()) if uncertainty.weights == "frequency" else float(len(y))
    residual = float(weight @ (y - z) ** 2)
    centre = 0.0 if null.is_origin else weight @ y / weight.sum()
    total = float(weight @ (y - centre) ** 2)
    degrees = uncertainty.degrees
    if math.isfinite(degrees):
        values["degrees of freedom"] = degrees
        values["s"] = s = math.sqrt(residual / degrees)
        lines.append(("s", f"{s:.5g} with {_count(degrees)} degrees of freedom"))
    elif uncertainty.absolute_sigma:
        values["χ²"] = residual
        lines.append(("χ²", f"{residual:.5g} with σ known"))
    if null.no_r2:
        lines.append(("R²", f"none: {null.no_r2}"))
    if null.no_r2 or not total > 0:
        return
    values["R²"] = r2 = 1 - residual / total
    text = _share(r2)
    base = count - (not null.is_origin)
    if math.isfinite(degrees) and base > 0:
        values["adjusted R²"] = adjusted = 1 - residual / degrees / (total / base)
        text += f", adjusted {_share(adjusted)}"
    lines.append(("R²", text + ", against 0 and not the mean" * null.is_origin))
    tested = base - degrees
    if ridge_of(basis.penalty) or not (null.is_linear and math.isfinite(degrees) and tested >= 1 and residual > 0):
        return
    equal = "it takes all errors for equally large, and these allow for others: test the parameters one by one"
    if why := null.no_f or (uncertainty.robust and equal):
        lines.append(("F", f"none: {why}"))
        return
    from scipy.special import fdtrc

    values["F"] = f = (total - residual) / tested / (residual / degrees)
    values["F p"] = p = float(fdtrc(tested, degrees, f))
    lines.append(("F", f"{f:.5g} on {_count(tested)} and {_count(degrees)} degrees, p = {chance(p)}"))


class _Null(NamedTuple):
    """The model that R² and F compare a fit with: the mean of the targets, or 0 without an intercept.

    Attributes
    ----------
    is_linear : bool
        Whether the model of the fit is linear, so that there is an F test.
    is_origin : bool
        Whether the intercept was held at 0.
    no_r2, no_f : str
        Why there is no R², and no F; "" if there are.
    """

    is_linear: bool
    is_origin: bool = False
    no_r2: str = ""
    no_f: str = ""


def _null(fit: Fitted) -> _Null:
    if not isinstance(fit.model, Linear):
        return _Null(False)
    fixed, bounds = getattr(fit, "fixed", {}), getattr(fit, "at_bound", {})
    intercept = fixed.get("intercept")
    if "intercept" in bounds or intercept:
        return _Null(True, no_r2="the intercept was held, so that the mean of the targets is no special case of it")
    no_f = "a parameter is on its bound, where the test does not follow F" if bounds else ""
    if any(value for value in fixed.values()):
        no_f = "coefficients were held at values other than 0, so that 0 for all is no special case of the model"
    return _Null(True, intercept is not None, no_f=no_f)


def _add_deviance(
    values: dict[str, float], lines: list[tuple[str, str]], y: np.ndarray, weight: np.ndarray, z: np.ndarray,
    uncertainty: Uncertainty, loss: Loss, is_penalised: bool,
) -> None:  # fmt: skip
    """Add the deviance, and that of a constant prediction."""

    def deviance(z: np.ndarray) -> float:
        return 2 * float(weight @ (loss(z, y) - loss.lowest(y)))

    mean = weight @ y / weight.sum()
    if isinstance(loss, Softmax):
        counts = np.array([weight[y == k].sum() for k in range(z.shape[1])])
        constant = np.broadcast_to(np.log(counts / counts.sum()), z.shape)
    else:
        constant = np.full(len(y), float(loss.link(mean)))
    values["deviance"], values["null deviance"] = deviance(z), deviance(constant)
    text = f"{values['deviance']:.6g}"
    if not (is_penalised or uncertainty.why or uncertainty.robust):
        count = float(weight.sum()) if uncertainty.weights == "frequency" else float(len(y))
        values["degrees of freedom"] = degrees = count - uncertainty.root.shape[1]
        text += f" with {_count(degrees)} degrees of freedom"
    if values["null deviance"] > 0:
        text += f", against {values['null deviance']:.6g} of a constant"
    lines.append(("deviance", text))
    if uncertainty.scale != 1.0 and math.isfinite(uncertainty.scale):
        values["scale"] = uncertainty.scale
        lines.append(("scale", f"{uncertainty.scale:.5g}, Pearson's χ² / degrees of freedom"))


def _share(r2: float) -> str:
    """Return R² as text, with 0 for what is only a rounding error."""
    return f"{round(r2, 12) + 0.0:.6g}"


def _count(number: float) -> str:
    """Return degrees of freedom, which are whole numbers but for penalties and weights."""
    near = round(number)
    return f"{near:,}" if abs(number - near) < 1e-6 * max(1.0, abs(number)) else f"{number:.4g}"
