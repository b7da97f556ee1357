"""The residuals of the user's own model, with their Jacobian: traced from NumPy code, or by differences."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from steepest.data.batches import Layout
from steepest.derivatives.bounds import Box
from steepest.derivatives.compiled import Compiled
from steepest.derivatives.differences import EPS, scale_of
from steepest.derivatives.differencing.outliers import Bend, odd_calls, sharpest
from steepest.derivatives.noise import Call, measure_noise
from steepest.derivatives.objective import Objective
from steepest.derivatives.precision import compiled_code, precisely
from steepest.derivatives.serving.serve import serve
from steepest.derivatives.structure import Calling, Structure
from steepest.descent.verdict.audit import Audit
from steepest.fitting.function.hessian import SAFELY, SecondOrder, audit_squares, rounding, slope_rounding
from steepest.fitting.limits import LEVENBERG_PARAMETERS
from steepest.fitting.objective import SAMPLE_ROWS, ArrangedRows
from steepest.models import Custom, Linear
from steepest.models.losses import squared
from steepest.models.penalties import L2
from steepest.types import Array, Function, PyTree

# How many times random rounding errors are drawn to see their effect on second derivatives. Chosen, not measured: with
# more draws the estimate of the effect is better, and each draw costs a Hessian.
DRAWS = 4
# The random rounding errors of up to this many rows are constants of the compiled code. Chosen, not measured: code with
# large constants takes long to compile.
MOST_CONSTANT = 1_000
# A difference is computed again if the best step is this many times longer than the step that was used. Chosen, not
# measured: up to this factor the step that was used is nearly as good.
FARTHER = 4.0
# The most second differences that are kept for each parameter. Chosen, not measured.
MOST_BENDS = 256

# The arrays that traced code reads.
Arrays = tuple[Array, ...]


@dataclass
class ModelResiduals:
    """The residuals √(wᵢ / Σw) (zᵢ - yᵢ), and √(λ/2) θⱼ for each parameter under a ridge penalty.

    The squares add up to the objective of the fit. Rows are processed a block at a time, and only the triangle of a
    QR decomposition is stored.

    Attributes
    ----------
    plain : callable
        The residuals of all rows at a point, in NumPy.
    start : array of shape (n,)
        The start of the parameters.
    size : float
        ‖√(w / Σw) y‖, the length of the data.
    rows : float
        The effective number of rows, which is smaller if weights differ.
    ridge : float
        λ.
    precision : float
        The relative rounding error of a prediction.
    exact : Exact or None
        The traced model; None if it can't be traced.
    gaps : int
        At how many points J was computed by differences, because the exact one was not finite.
    bends : dict
        The last second differences of the objective along each parameter.
    rough : tuple of Call
        The calls of the measurement of noise, if it found more than rounding.
    box : Box or None
        Where the model may be called.
    """

    plain: Callable[[np.ndarray], np.ndarray]
    start: np.ndarray
    size: float
    rows: float
    ridge: float
    precision: float = EPS
    exact: Exact | None = None
    box: Box | None = None
    gaps: int = field(default=0, init=False)
    bends: dict[int, deque[Bend]] = field(default_factory=dict, init=False)
    rough: tuple[Call, ...] = field(default=(), init=False)

    def triangle(self, x: np.ndarray) -> np.ndarray:
        """Return the R of a QR decomposition of [J ρ]; NaN if ρ is not finite."""
        reduced = np.empty((0, x.size + 1))
        for columns in self.blocks(x):
            if not np.all(np.isfinite(columns)):
                return np.full((1, x.size + 1), math.nan)
            reduced = np.asarray(np.linalg.qr(np.vstack([reduced, columns]), mode="r"))
        if self.ridge:
            root = math.sqrt(self.ridge / 2)
            rows = root * np.column_stack([np.eye(x.size), x])
            reduced = np.asarray(np.linalg.qr(np.vstack([reduced, rows]), mode="r"))
        return reduced

    @property
    def traced(self) -> bool:
        """Whether derivatives are exact."""
        return self.exact is not None

    def slopes(self, x: np.ndarray) -> np.ndarray:
        """Return the exact derivatives of the predictions by the parameters, without the weights of the rows."""
        assert self.exact is not None
        roots = np.concatenate([block[-1] for block in self.exact.blocks])
        rows = np.vstack(list(self.exact.columns(x)))[roots > 0, :-1]
        return np.asarray(rows / roots[roots > 0, None])

    def relative_steps(self, effects: np.ndarray) -> np.ndarray:
        """Return the relative step of a central difference for each parameter.

        The step balances two errors: the rounding of the data divided by the step, and the truncation error, which
        grows with the step squared. `effects` are the lengths of the columns of J, each times its parameter.
        """
        data_over_effect = np.fmax(1.0, self.size / np.fmax(effects, 1e-300))
        return np.minimum(np.cbrt(3 * self.precision * data_over_effect), 0.1)

    def second_order(self, x: np.ndarray) -> SecondOrder | None:
        """Return Σ ρᵢ ∇²ρᵢ, by differences if it can't be exact; None if it is not finite."""
        found = (self.exact.second_order(x) if self.exact else None) or self.second_order_by_differences(x)
        return found if all(np.all(np.isfinite(part)) for part in found) else None

    def second_order_by_differences(self, x: np.ndarray) -> SecondOrder:
        """Return Σ ρᵢ ∇²ρᵢ by second differences along each pair of parameters, with its errors."""
        fine, coarse = self.by_differences(x), self.by_differences(x, 2.0)
        here, size, scale = fine[:, -1], x.size, scale_of(x, self.start)
        relative = self.relative_steps(np.linalg.norm(fine[:, :-1], axis=0) * scale)
        steps, free = self.inward(x, scale * relative), self.free(size)
        shifts = np.diag(steps)
        once = [here @ self.at_trial(x + shifts[k], here.size) if free[k] else math.nan for k in range(size)]
        matrix, length = np.zeros((size, size)), math.sqrt(here @ here)
        for j, k in zip(*np.triu_indices(size), strict=True):
            if not (free[j] and free[k]):
                continue
            twice = here @ self.at_trial(x + shifts[j] + shifts[k], here.size)
            matrix[j, k] = matrix[k, j] = (twice - once[j] - once[k] + here @ here) / (steps[j] * steps[k])
        rounded = self.precision * length * (self.size + length) / math.sqrt(self.rows) / np.abs(np.outer(steps, steps))
        # A step twice as long has four times the truncation error, so a third of the difference between the two
        # Jacobians estimates the truncation error of J. Its product with ρ is an error of Jᵀρ; the second term of
        # `slopes` is the size of this product if the error of J is random.
        truncation = (coarse - fine)[:, :-1] / 3
        slopes = np.abs(truncation.T @ here) + np.linalg.norm(truncation, axis=0) * length / math.sqrt(self.rows)
        return SecondOrder(
            matrix, SAFELY * (np.add.outer(relative, relative) * np.abs(matrix) + rounded), SAFELY * slopes
        )

    def blocks(self, x: np.ndarray) -> Iterator[np.ndarray]:
        """Yield [J ρ], a block of rows at a time."""
        if self.exact is None:
            yield self.by_differences(x)
            return
        blocks = list(self.exact.columns(x))
        if all(np.all(np.isfinite(b[:, -1])) for b in blocks) and not all(np.all(np.isfinite(b)) for b in blocks):
            self.gaps += 1
            blocks = [self.by_differences(x)]
        yield from blocks

    def by_differences(self, x: np.ndarray, longer: float = 1.0) -> np.ndarray:
        """Return [J ρ] by central differences, with steps `longer` times the best ones."""
        residuals = self.plain(x)
        columns = np.empty((residuals.size, x.size + 1))
        columns[:, -1] = residuals
        if not np.all(np.isfinite(residuals)):
            return columns
        scale = longer * scale_of(x, self.start)
        least = self.relative_steps(np.full(x.size, math.inf))
        free = self.free(x.size)
        columns[:, :-1][:, ~free] = 0.0
        for k in map(int, np.flatnonzero(free)):
            columns[:, k] = self.slope(x, residuals, k, least[k] * scale[k])
        # If a parameter has little effect on large data, a short step is lost in rounding: take a longer one.
        with np.errstate(over="ignore", invalid="ignore"):
            longer_steps = self.relative_steps(np.linalg.norm(columns[:, :-1], axis=0) * scale)
        for k in map(int, np.flatnonzero(free & (longer_steps > FARTHER * least))):
            columns[:, k] = self.slope(x, residuals, k, longer_steps[k] * scale[k])
        return columns

    def free(self, size: int) -> np.ndarray:
        """Return which parameters have room to move: a parameter with equal bounds has none."""
        return np.ones(size, dtype=bool) if self.box is None else ~self.box.fixed

    def inward(self, x: np.ndarray, steps: np.ndarray) -> np.ndarray:
        """Return steps of which two lead to no point outside the box; those across an edge go the other way."""
        if self.box is None:
            return steps
        above, below = self.box.high - x, x - self.box.low
        sides = np.where((2 * steps > above) & (below > above), -1.0, 1.0)
        room = np.where(sides > 0, above, below) / 2
        return sides * np.where(room > 0, np.minimum(steps, room), steps)

    def slope(self, x: np.ndarray, residuals: np.ndarray, k: int, h: float) -> np.ndarray:
        """Return column k of J by a central difference; by one to one side at an edge of the box, or of the model."""
        if self.box is not None and not self.box.low[k] <= x[k] - h < x[k] + h <= self.box.high[k]:
            return self.slope_inside(x, residuals, k, h)
        up, down = x.copy(), x.copy()
        up[k], down[k] = x[k] + h, x[k] - h
        above, below = self.at_trial(up, residuals.size), self.at_trial(down, residuals.size)
        if not np.all(np.isfinite(above)):
            up, above = x, residuals
        if not np.all(np.isfinite(below)):
            down, below = x, residuals
        if not (up is x or down is x):
            here, there, back = (
                Call(at, self.total(at, part)) for at, part in ((x, residuals), (up, above), (down, below))
            )
            self.bends.setdefault(k, deque(maxlen=MOST_BENDS)).append(Bend.of(here, there, back, h, EPS))
        return (above - below) / (up[k] - down[k]) if up[k] != down[k] else np.full(residuals.size, math.nan)

    def slope_inside(self, x: np.ndarray, residuals: np.ndarray, k: int, h: float) -> np.ndarray:
        """Return column k of J near an edge of the box: the slope of the parabola through three points inside."""
        shift = np.zeros(x.size)
        shift[k] = self.inward(x, np.full(x.size, h))[k]
        once, twice = (self.at_trial(x + times * shift, residuals.size) for times in (1.0, 2.0))
        if np.all(np.isfinite(twice)):
            return (4 * once - twice - 3 * residuals) / (2 * shift[k])
        return (once - residuals) / shift[k]

    def total(self, x: np.ndarray, residuals: np.ndarray) -> float:
        """Return the value of the objective at a point with these residuals."""
        return float(residuals @ residuals + self.ridge / 2 * (x @ x))

    def outliers(self) -> list[Call]:
        """Return the calls whose values stand out: noise explains them, and so may the shape of the model."""
        return odd_calls(self.rough) + sharpest([list(bends) for bends in self.bends.values()])

    def at_trial(self, x: np.ndarray, rows: int) -> np.ndarray:
        """Return the residuals at a trial point, NaN if it is outside the box or the model raises."""
        if self.box is not None and not self.box.contains(x):
            return np.full(rows, math.nan)
        try:
            return self.plain(x)
        except Exception:  # noqa: BLE001 - outside its domain the user's function may raise anything
            return np.full(rows, math.nan)


@dataclass(frozen=True)
class Exact:
    """The traced model: the function Σ uᵢ (zᵢ - yᵢ) of θ and of weights u, with its gradient.

    The gradient of this function by u is z - y, and its Hessian by θ is Σ ρᵢ ∇²ρᵢ if u = √(w / Σw) ρ.

    Attributes
    ----------
    traced : Compiled
        The function, which reads (X, y, u) after the arrays in `closed`.
    closed : tuple
        The arrays that the model reads from its surroundings.
    blocks : list of tuple
        (X, y, √(w / Σw)) of each block of rows.
    """

    traced: Compiled
    closed: Arrays
    blocks: list[Arrays]

    def columns(self, x: np.ndarray) -> Iterator[np.ndarray]:
        """Yield [J ρ] for each block of rows."""
        jitted = self.traced.loop("residuals", lambda: columns_of(errors_of(self.traced.pure)))
        with compiled_code():
            for block in self.blocks:
                yield np.asarray(jitted(x, self.closed, *block))

    def second_order(self, x: np.ndarray) -> SecondOrder | None:
        """Return Σ ρᵢ ∇²ρᵢ and its error, or None if the code can't be differentiated twice.

        The error is estimated by the same sum with random rounding errors in place of ρ.
        """
        jitted = self.traced.loop("second order", lambda: second_order_of(self.traced.pure))
        try:
            with compiled_code():
                matrix, *drawn = np.sum([jitted(x, self.closed, *block) for block in self.blocks], axis=0)
        except Exception:  # noqa: BLE001 - the user's code may have no second derivative in JAX
            return None
        return SecondOrder(matrix, SAFELY * (np.linalg.norm(drawn, axis=0) + EPS * np.abs(matrix)), np.zeros(x.size))


def errors_of(pure: Function) -> Function:
    """Return the function of z - y, which is the gradient of the traced sum by u.

    The sum is traced once for rows of some shape: its derivatives are then those of the code of z - y alone.
    """
    known: dict[Hashable, Function] = {}

    def gradient(x: Array, closed: Arrays, X: Array, y: Array) -> Array:
        return jax.grad(lambda u: pure(x, (*closed, X, y, u))[0])(jnp.zeros_like(y))

    def errors(x: Array, closed: Arrays, X: Array, y: Array) -> Array:
        leaves, tree = jax.tree.flatten((x, closed, X, y))
        shapes = [jax.ShapeDtypeStruct(np.shape(leaf), jnp.result_type(leaf)) for leaf in leaves]
        key = tree, *((shape.shape, shape.dtype) for shape in shapes)
        if key not in known:
            # This import takes 20 ms.
            from jax.extend.core import jaxpr_as_fun

            code: Any = jax.make_jaxpr(gradient)(*jax.tree.unflatten(tree, shapes))
            known[key] = jaxpr_as_fun(code)
        return known[key](*leaves)[0]

    return errors


def columns_of(errors: Function) -> Function:
    """Return the function of [J ρ] over rows, from that of z - y."""

    def columns(x: Array, closed: Arrays, X: Array, y: Array, root: Array) -> Array:
        def residuals(x: Array) -> Array:
            return root * errors(x, closed, X, y)

        return jnp.column_stack([jax.jacfwd(residuals)(x), residuals(x)])

    return columns


def second_order_of(pure: Function) -> Function:
    """Return the function of Σ ρᵢ ∇²ρᵢ over rows, and of the same sums with random rounding errors in place of ρ."""
    errors_at = errors_of(pure)

    def second_order(x: Array, closed: Arrays, X: Array, y: Array, root: Array) -> Array:
        weights = second_order_weights(errors_at(x, closed, X, y), y, root)
        return jax.vmap(lambda u: jax.jacfwd(lambda x: pure(x, (*closed, X, y, u))[1])(x))(weights)

    return second_order


def second_order_by_rows(errors: Function) -> Function:
    """Return the same function as `second_order_of`, from z - y and the second derivatives of each row.

    For few rows this code compiles in half the time. It takes memory for a matrix for each row.
    """

    def second_order(x: Array, closed: Arrays, X: Array, y: Array, root: Array) -> Array:
        weights = second_order_weights(errors(x, closed, X, y), y, root)
        return jnp.tensordot(weights, jax.jacfwd(jax.jacfwd(lambda x: errors(x, closed, X, y)))(x), 1)

    return second_order


def second_order_weights(errors: Array, y: Array, root: Array) -> Array:
    """Return the weights of ∇²z of each row in the sums of the second-order term, a row of them for each sum."""
    # For few rows a constant of the code: most of the time of a small problem would go into these sines.
    arrays = np if y.size <= MOST_CONSTANT else jnp
    drawn = arrays.sin(arrays.outer(arrays.arange(1.0, DRAWS + 1), arrays.arange(1.0, y.size + 1) ** 2))
    rounded = EPS * (jnp.abs(y) + jnp.abs(errors)) * drawn
    return root**2 * jnp.vstack([errors, rounded])


def residuals_of(
    function: Function, start: PyTree, rows: ArrangedRows, ridge: float, objective: Objective, box: Box | None = None
) -> tuple[ModelResiduals, Objective]:
    """Return the residuals of ``function(X, *parameters)``, traced if possible.

    Parameters
    ----------
    function : callable
        The user's model.
    start : dict
        The start of the parameters, by name.
    rows : ArrangedRows
        The data.
    ridge : float
        The strength λ of a penalty λ/2 ‖θ‖², 0 for none.
    objective : Objective
        The objective of the fit.
    box : Box or None
        Where the model may be called.

    Returns
    -------
    ModelResiduals, Objective
        The residuals, and the objective with the audit that they offer.
    """
    structure, x = Structure.of(start)
    X, y, weight = rows.first(rows.layout.rows)
    root = np.sqrt(weight / rows.mass)

    def weighted(parameters: PyTree, X: Array, y: Array, u: Array) -> Array:
        return (u * (function(X, *parameters.values()) - y)).sum()

    def plain(x: np.ndarray) -> np.ndarray:
        objective.clock.admit()
        z = precisely(lambda x: function(X, *structure.build(x).values()), x)
        return np.asarray(root * (z - y), dtype=float)

    def audit(at: np.ndarray) -> Audit | None:
        return audit_squares(residuals, at, x, box)

    def rounded(at: np.ndarray) -> np.ndarray:
        error = 2 * slope_rounding(residuals, residuals.triangle(at), at)
        return error if residuals.traced else error + 2 * residuals.second_order_by_differences(at).slope_error

    objective = replace(objective, slope_rounding=rounded)
    residuals = ModelResiduals(plain, x, float(np.linalg.norm(root * y)), float(1 / (root**4).sum()), ridge, box=box)
    sample = (*rows.first(SAMPLE_ROWS)[:2], 1.0 + 0.5 * np.sin(np.arange(min(SAMPLE_ROWS, len(y))) ** 2 + 1.0))
    served = serve(weighted, Calling(structure, spread=False, args=sample), x, box=box)
    # The model may have kept X, y or u as constants of its code. Such code can't be evaluated for other rows.
    if served.compiled is not None and len(served.arrays) >= len(sample):
        closed = tuple(served.arrays[: len(served.arrays) - len(sample)])
        residuals.exact = Exact(served.compiled, closed, _blocks(rows))
        return residuals, replace(objective, audit=audit)
    value = objective.value(x)
    usual = rounding(residuals, residuals.triangle(x), x) / SAFELY
    noise = measure_noise(objective.value, x, value, scale_of(x, x), box)
    residuals.precision *= max(1.0, noise.level / usual)
    residuals.rough = noise.calls
    why = f"central differences of residuals, because {served.obstacle or served.why}"
    cost = 2 * int(np.count_nonzero(residuals.free(x.size))) + 1
    return residuals, replace(
        objective, kind="differences", why=why, cost=cost, compiled=None, audit=audit, outliers=residuals.outliers
    )


def _blocks(rows: ArrangedRows) -> list[Arrays]:
    layout: Layout = rows.layout
    root = np.sqrt(rows.weight / rows.mass)
    with compiled_code():
        return [
            jax.device_put(tuple(a[k * layout.block : (k + 1) * layout.block] for a in (rows.X, rows.y, root)))
            for k in range(layout.blocks)
        ]


def levenberg_obstacle(
    model: Custom | Linear, loss: Function, penalty: Function | None, parameters: int, batched: bool
) -> str:
    """Return why Levenberg-Marquardt can't fit a model, or "" if it can.

    Parameters
    ----------
    model : Custom or Linear
        The model.
    loss, penalty : callable
        The loss, and the penalty or None.
    parameters : int
        How many parameters the model has.
    batched : bool
        Whether each update reads only a batch of the rows.

    Returns
    -------
    str
        The end of a sentence, or "".
    """
    if not isinstance(model, Custom):
        return "it is for functions of your own, and linear models have solvers of their own"
    if loss is not squared:
        return "it is for the squared loss, which is a sum of squares"
    if penalty is not None and not isinstance(penalty, L2):
        return "it needs a sum of squares, and L2 is the only penalty that is one"
    if batched:
        return "it needs all rows at once, and batch_size= splits them"
    if parameters > LEVENBERG_PARAMETERS:
        return f"it factors a matrix over all {parameters:,} parameters, and takes at most {LEVENBERG_PARAMETERS}"
    return ""
