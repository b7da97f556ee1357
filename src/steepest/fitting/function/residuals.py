"""The residuals of a model of the user's own, with their Jacobian: traced from NumPy code, or by differences."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from steepest.data.batches import Layout
from steepest.derivatives.compiled import Compiled
from steepest.derivatives.differences import EPS, scale_of
from steepest.derivatives.noise import noise_level
from steepest.derivatives.objective import Objective
from steepest.derivatives.precision import compiled_code, precisely
from steepest.derivatives.serving.serve import serve
from steepest.derivatives.structure import Calling, Structure
from steepest.fitting.function.least_squares import SAFELY, Bend, audit_squares, rounding
from steepest.fitting.objective import SAMPLE_ROWS, Rows
from steepest.models import Custom
from steepest.models.losses import squared
from steepest.models.penalties import L2

MOST_PARAMETERS = 200
# How many multiplications an iteration may take before cheaper steps are chosen.
MOST_WORK = 2**32
# How many times rounding is drawn to see what it does to second derivatives.
DRAWS = 4
# How many times longer a step must be to be worth another try.
FARTHER = 4.0

Function = Callable[..., Any]


@dataclass
class ModelResiduals:
    """ρᵢ = √(wᵢ / Σw) (zᵢ - yᵢ), and a row √(λ/2) θ for each parameter under a ridge penalty.

    The squares add up to the objective of the fit. Rows are taken a block at a time, and only the
    triangle of a QR decomposition is kept of them.
    """

    plain: Callable[[np.ndarray], np.ndarray]
    start: np.ndarray
    size: float
    rows: float
    ridge: float
    precision: float = EPS
    exact: _Exact | None = None
    gaps: int = field(default=0, init=False)

    def triangle(self, x: np.ndarray) -> np.ndarray:
        """Return the R of a QR decomposition of [J ρ]; NaN where ρ is not finite."""
        reduced: Any = np.empty((0, x.size + 1))
        for columns in self.blocks(x):
            if not np.all(np.isfinite(columns)):
                return np.full((1, x.size + 1), math.nan)
            reduced = np.linalg.qr(np.vstack([reduced, columns]), mode="r")
        if self.ridge:
            root = math.sqrt(self.ridge / 2)
            rows = root * np.column_stack([np.eye(x.size), x])
            reduced = np.linalg.qr(np.vstack([reduced, rows]), mode="r")
        return reduced

    @property
    def traced(self) -> bool:
        """Whether derivatives are exact."""
        return self.exact is not None

    def reach(self, effects: np.ndarray) -> np.ndarray:
        """Return the step of a central difference, as a part of a parameter that has an effect of so much.

        Rounding of the data, over the step, and what the step squared leaves out err alike.
        """
        above = np.fmax(1.0, self.size / np.fmax(effects, 1e-300))
        return np.minimum(np.cbrt(3 * self.precision * above), 0.1)

    @property
    def cost(self) -> int:
        """How many values of all rows an audit takes."""
        size = self.start.size
        return 1 if self.traced else 3 * (2 * size + 1) + size * (size + 3) // 2 + 1

    def bend(self, x: np.ndarray) -> Bend | None:
        """Return what the Hessian has beside JᵀJ, by differences where it can't be exact; None where not finite."""
        found = (self.exact.bend(x) if self.exact else None) or self.bend_by_differences(x)
        return found if all(np.all(np.isfinite(part)) for part in found) else None

    def bend_by_differences(self, x: np.ndarray) -> Bend:
        """Return Σ ρᵢ ∇²ρᵢ by second differences along each pair of parameters, with errors."""
        fine, coarse = self.by_differences(x), self.by_differences(x, 2.0)
        here, size, scale = fine[:, -1], x.size, scale_of(x, self.start)
        part = self.reach(np.linalg.norm(fine[:, :-1], axis=0) * scale)
        steps = scale * part
        moves = np.diag(steps)
        once = [here @ self.tentative(x + move, here.size) for move in moves]
        curved, length = np.zeros((size, size)), math.sqrt(here @ here)
        for j, k in zip(*np.triu_indices(size), strict=True):
            twice = here @ self.tentative(x + moves[j] + moves[k], here.size)
            curved[j, k] = curved[k, j] = (twice - once[j] - once[k] + here @ here) / (steps[j] * steps[k])
        rounded = self.precision * length * (self.size + length) / math.sqrt(self.rows) / np.outer(steps, steps)
        # Twice the step leaves out four times as much; what is left lies in no direction.
        lacks = (coarse - fine)[:, :-1] / 3
        slopes = np.abs(lacks.T @ here) + np.linalg.norm(lacks, axis=0) * length / math.sqrt(self.rows)
        return Bend(curved, SAFELY * (np.add.outer(part, part) * np.abs(curved) + rounded), SAFELY * slopes)

    def blocks(self, x: np.ndarray) -> Iterator[np.ndarray]:
        """Yield [J ρ] for a block of rows after another."""
        if self.exact is None:
            yield self.by_differences(x)
            return
        blocks = list(self.exact.columns(x))
        if all(np.all(np.isfinite(b[:, -1])) for b in blocks) and not all(np.all(np.isfinite(b)) for b in blocks):
            self.gaps += 1
            blocks = [self.by_differences(x)]
        yield from blocks

    def by_differences(self, x: np.ndarray, longer: float = 1.0) -> np.ndarray:
        """Return [J ρ] by central differences, of steps so many times longer than is best."""
        residuals = self.plain(x)
        columns = np.empty((residuals.size, x.size + 1))
        columns[:, -1] = residuals
        if not np.all(np.isfinite(residuals)):
            return columns
        scale = longer * scale_of(x, self.start)
        least = self.reach(np.full(x.size, math.inf))
        for k in range(x.size):
            columns[:, k] = self.slope(x, residuals, k, least[k] * scale[k])
        # Beside large data a short step of a parameter of little effect is lost in rounding.
        with np.errstate(over="ignore", invalid="ignore"):
            reach = self.reach(np.linalg.norm(columns[:, :-1], axis=0) * scale)
        for k in map(int, np.flatnonzero(reach > FARTHER * least)):
            columns[:, k] = self.slope(x, residuals, k, reach[k] * scale[k])
        return columns

    def slope(self, x: np.ndarray, residuals: np.ndarray, k: int, h: float) -> np.ndarray:
        """Return a column of J by central differences, one-sided beside a wall."""
        up, down = x.copy(), x.copy()
        up[k], down[k] = x[k] + h, x[k] - h
        above, below = self.tentative(up, residuals.size), self.tentative(down, residuals.size)
        if not np.all(np.isfinite(above)):
            up, above = x, residuals
        if not np.all(np.isfinite(below)):
            down, below = x, residuals
        return (above - below) / (up[k] - down[k]) if up[k] != down[k] else np.full(residuals.size, math.nan)

    def tentative(self, x: np.ndarray, rows: int) -> np.ndarray:
        """Return the residuals near a point of interest, NaN where the model raises."""
        try:
            return self.plain(x)
        except Exception:  # noqa: BLE001 - beyond a wall the user's function may raise anything
            return np.full(rows, math.nan)


@dataclass(frozen=True)
class _Exact:
    """The traced model: Σ uᵢ (zᵢ - yᵢ) with its gradient, whose weights u pick what is wanted."""

    few: Compiled
    closed: tuple[Any, ...]
    blocks: list[tuple[Any, ...]]

    def columns(self, x: np.ndarray) -> Iterator[np.ndarray]:
        """Yield [J ρ] for each block: by the weights the gradient is z - y."""
        jitted = self.few.loop("residuals", lambda: _columns(self.few.pure))
        with compiled_code():
            for block in self.blocks:
                yield np.asarray(jitted(x, self.closed, *block))

    def bend(self, x: np.ndarray) -> Bend | None:
        """Return Σ ρᵢ ∇²ρᵢ and its error, or None where the code can't be differentiated twice.

        The error is what comes out where rounding alone, drawn at random, stands in for ρ.
        """
        jitted = self.few.loop("bend", lambda: _bend(self.few.pure))
        try:
            with compiled_code():
                bend, *drawn = np.sum([jitted(x, self.closed, *block) for block in self.blocks], axis=0)
        except Exception:  # noqa: BLE001 - the user's code may have no second derivative in JAX
            return None
        return Bend(bend, SAFELY * (np.linalg.norm(drawn, axis=0) + EPS * np.abs(bend)), np.zeros(x.size))


def _errors(pure: Function, x: Any, closed: Any, X: Any, y: Any) -> Any:
    return jax.grad(lambda u: pure(x, (*closed, X, y, u))[0])(jnp.zeros_like(y))


def _columns(pure: Function) -> Function:
    def columns(x: Any, closed: Any, X: Any, y: Any, root: Any) -> Any:
        def residuals(x: Any) -> Any:
            return root * _errors(pure, x, closed, X, y)

        return jnp.column_stack([jax.jacfwd(residuals)(x), residuals(x)])

    return columns


def _bend(pure: Function) -> Function:
    def bend(x: Any, closed: Any, X: Any, y: Any, root: Any) -> Any:
        errors = _errors(pure, x, closed, X, y)
        drawn = jnp.sin(jnp.outer(jnp.arange(1.0, DRAWS + 1), jnp.arange(1.0, y.size + 1) ** 2))
        rounded = EPS * (jnp.abs(y) + jnp.abs(errors)) * drawn
        weights = root**2 * jnp.vstack([errors, rounded])
        return jax.vmap(lambda u: jax.jacfwd(lambda x: pure(x, (*closed, X, y, u))[1])(x))(weights)

    return bend


def residuals_of(
    function: Function, start: Any, rows: Rows, ridge: float, objective: Objective
) -> tuple[ModelResiduals, Objective]:
    """Serve the residuals of ``function(X, *parameters)``, traced where they can be.

    Parameters
    ----------
    function : callable
        The user's model.
    start : dict
        Where the parameters start; their layout.
    rows : Rows
        The data.
    ridge : float
        The strength λ of a penalty λ/2 ‖θ‖², 0 for none.
    objective : Objective
        The objective of the fit.

    Returns
    -------
    ModelResiduals, Objective
        The residuals, and the objective as they serve it.
    """
    structure, x = Structure.of(start)
    X, y, weight = rows.first(rows.layout.rows)
    root = np.sqrt(weight / rows.mass)

    def weighted(parameters: Any, X: Any, y: Any, u: Any) -> Any:
        return (u * (function(X, *parameters.values()) - y)).sum()

    def plain(x: np.ndarray) -> np.ndarray:
        z = precisely(lambda x: function(X, *structure.build(x).values()), x)
        return np.asarray(root * (z - y), dtype=float)

    def look(at: np.ndarray) -> Any:
        return audit_squares(residuals, at, x)

    residuals = ModelResiduals(plain, x, float(np.linalg.norm(root * y)), float(1 / (root**4).sum()), ridge)
    sample = (*rows.first(SAMPLE_ROWS)[:2], 1.0 + 0.5 * np.sin(np.arange(min(SAMPLE_ROWS, len(y))) ** 2 + 1.0))
    few = serve(weighted, Calling(structure, spread=False, args=sample), x)
    if few.compiled is not None and len(few.arrays) >= len(sample):
        closed = tuple(few.arrays[: len(few.arrays) - len(sample)])
        residuals.exact = _Exact(few.compiled, closed, _blocks(rows))
        return residuals, replace(objective, audit=look)
    value = objective.value(x)
    usual = rounding(residuals, residuals.triangle(x), x) / SAFELY
    residuals.precision *= max(1.0, noise_level(objective.value, x, value) / usual)
    why = f"central differences of residuals, because {few.obstacle or few.why}"
    return residuals, replace(objective, kind="differences", why=why, cost=2 * x.size + 1, compiled=None, audit=look)


def _blocks(rows: Rows) -> list[tuple[Any, ...]]:
    layout: Layout = rows.layout
    root = np.sqrt(rows.weight / rows.mass)
    with compiled_code():
        return [
            jax.device_put(tuple(a[k * layout.block : (k + 1) * layout.block] for a in (rows.X, rows.y, root)))
            for k in range(layout.blocks)
        ]


def hindrance(model: Any, loss: Any, penalty: Any, parameters: int, batched: bool) -> str:
    """Return why a fit can't go by its residuals, or nothing where it can.

    Parameters
    ----------
    model : model
        What is fitted.
    loss, penalty : callable
        What its predictions and its parameters cost.
    parameters : int
        How many there are.
    batched : bool
        Whether an update sees only some rows.

    Returns
    -------
    str
        The end of a sentence, or nothing.
    """
    if not isinstance(model, Custom):
        return "it is for functions of your own, and a linear model needs no such steps"
    if loss is not squared:
        return "it is for the squared loss, whose square roots are residuals"
    if penalty is not None and not isinstance(penalty, L2):
        return "of the penalties only L2 is a sum of squares"
    if batched:
        return "it needs all rows at once, without batch_size="
    if parameters > MOST_PARAMETERS:
        return f"it factors a matrix over all {parameters:,} parameters, and takes at most {MOST_PARAMETERS}"
    return ""
