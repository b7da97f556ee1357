"""L-BFGS with an exact search in the plane of the direction and the last step, for generalised linear models.

A step costs two readings of X, one for A d and one for the gradient, which is one evaluation: the
search goes along vectors that are carried. Where the curvature has changed so much that L-BFGS has
not arrived after a number of steps, the Hessian is formed, and descent goes on in coordinates in
which it is the identity; its reading of X counts as an evaluation.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from steepest.derivatives.bounds import Box
from steepest.derivatives.compiled import shared
from steepest.derivatives.differences import EPS
from steepest.derivatives.objective import Objective
from steepest.derivatives.precision import compiled_code
from steepest.descent.directions import LBFGS
from steepest.descent.state import CANDIDATE, COLUMNS, RUNNING, STALLED, Rules
from steepest.fitting import proximal
from steepest.fitting.glm import Glm, whitened
from steepest.fitting.plane import search
from steepest.fitting.recession import separates
from steepest.fitting.scaling import WIDEST_GRAM

Array = Any

MOST_ROWS = 64
MOST_NUMBERS = 2**18
MOST_IDLE = 4
CAUTIOUS = 200
# The arithmetic of a Hessian is that of half as many gradients as there are columns: it must not be the most of it.
RENEWED_AFTER = 6
COLUMNS_A_STEP = 16


class Stand(NamedTuple):
    """Where the descent stands: the point, the way from it, the last step with its product, and what was seen.

    L-BFGS sees θ = M q, where `metric` is M, absent for the identity; it has been so for `since` steps.
    """

    x: Array
    value: Array
    gradient: Array
    z: Array
    direction: Array
    step: Array
    along_step: Array
    metric: Any
    q: Array
    way: Array
    last: Array
    pairs: Any
    since: Array
    iteration: Array
    evaluations: Array
    first_value: Array
    estimate: Array
    flattest: Array
    steepest: Array
    resets: Array
    idle: Array
    code: Array

    @property
    def best_x(self) -> Array:
        """The point itself: the search never goes up."""
        return self.x

    @property
    def best_value(self) -> Array:
        """The value there."""
        return self.value

    @property
    def non_finite(self) -> int:
        """How many points were evaluated where f is not finite; the search meets them in its plane alone."""
        return 0


def begin(glm: Glm, x: Array, metric: Any) -> Stand:
    """Stand at a start."""
    value, gradient, z = glm.slope(x)
    zero, none, q = jnp.zeros((), int), jnp.zeros(()), jnp.zeros_like(x)
    here = faced(Stand(
        x, value, gradient, z, q, q, jnp.zeros_like(z), metric, q, q, q, LBFGS().start(q), zero, zero, zero + 1, value,
        none, none + jnp.inf, none, zero, zero, zero,
    ))  # fmt: skip
    code = jnp.where(here.estimate <= 4 * EPS * jnp.abs(value), CANDIDATE, RUNNING)
    return here._replace(resets=zero, code=code)


def pushed(metric: Any, q: Array) -> Array:
    """Return M q."""
    return metric @ q if metric.ndim == 2 else metric * q


def pulled(metric: Any, g: Array) -> Array:
    """Return Mᵀ g, the gradient by q."""
    return metric.T @ g if metric.ndim == 2 else metric * g


def patience(size: int) -> int:
    """Return after how many steps a metric is renewed."""
    return max(RENEWED_AFTER, size // COLUMNS_A_STEP)


def renewed(here: Stand, metric: Array) -> Stand:
    """Return the stand in coordinates of another metric, with no step remembered; the same where that is not finite."""
    none = jnp.zeros_like(here.x)
    there = here._replace(
        metric=metric, q=none, last=none, step=none, along_step=jnp.zeros_like(here.z), pairs=LBFGS().start(none)
    )
    sound = jnp.all(jnp.isfinite(metric))
    there = jax.tree.map(lambda new, old: jnp.where(sound, new, old), there, here)
    return there._replace(since=jnp.zeros_like(here.since))


def faced(here: Stand) -> Stand:
    """Return the stand with its next direction, and with what that promises: half the decrement."""
    pull = pulled(here.metric, here.gradient)
    way, pairs = LBFGS()(pull, here.pairs, here.q)
    lost = ~(pull @ way < 0)
    way = jnp.where(lost, -pull, way)
    return here._replace(
        way=way, pairs=pairs, direction=pushed(here.metric, way), estimate=-(pull @ way) / 2, resets=here.resets + lost
    )


def turn(glm: Glm, here: Stand, tolerance: Array) -> tuple[Stand, Array]:
    """Take one step, and turn at its end; also return the part of it that went along the direction."""
    d, s = here.direction, here.step
    along = glm.along(d)
    w, W = glm.weights(here.x[:-1]), jnp.stack([glm.weights(d[:-1]), glm.weights(s[:-1])])
    a, _ = search(glm, here.z, jnp.stack([along, here.along_step]), w, W, here.value)
    step = a[0] * d + a[1] * s
    x = here.x + step
    value, gradient, z = glm.slope(x)
    y = gradient - here.gradient
    curvature = (step @ y) / (step @ step)
    rounding = 4 * EPS * jnp.abs(value)
    there = here._replace(
        x=x, value=value, gradient=gradient, z=z, step=step, along_step=a[0] * along + a[1] * here.along_step,
        q=here.q + a[0] * here.way + a[1] * here.last, last=a[0] * here.way + a[1] * here.last, since=here.since + 1,
        iteration=here.iteration + 1, evaluations=here.evaluations + 1,
        flattest=jnp.where(curvature > 0, jnp.minimum(here.flattest, curvature), here.flattest),
        steepest=jnp.where(curvature > 0, jnp.maximum(here.steepest, curvature), here.steepest),
        idle=jnp.where(value < here.value - rounding, 0, here.idle + 1),
    )  # fmt: skip
    if here.metric.ndim == 2:
        late = there.since >= patience(x.size)
        there = jax.lax.cond(late, lambda: renewed(there, whitened(glm.hessian(x))[0]), lambda: there)
        there = there._replace(evaluations=there.evaluations + late)
    there = faced(there)
    estimate = there.estimate
    if x.size > CAUTIOUS and here.metric.ndim == 1:
        estimate = jnp.maximum(estimate, gradient @ gradient / (2 * there.flattest))
    near = estimate <= jnp.maximum(tolerance * (here.first_value - value), rounding)
    idle = there.idle >= MOST_IDLE
    code = jnp.where(near | separates(glm, z), CANDIDATE, jnp.where(idle, STALLED, RUNNING))
    there = there._replace(estimate=estimate, code=code)
    worse = ~(value <= here.value + rounding) | jnp.all(step == 0)
    stays = here._replace(evaluations=there.evaluations, code=jnp.asarray(STALLED))
    return jax.tree.map(lambda old, new: jnp.where(worse, old, new), stays, there), a[0]


def capacity_of(size: int) -> int:
    """Return how many rows of the trace a chunk may hold."""
    return int(np.clip(MOST_NUMBERS // (len(COLUMNS) + size), 1, MOST_ROWS))


def chunk_of(step: Callable[..., tuple[Any, Array]]) -> Callable[..., tuple[Any, Array]]:
    """Return the loop around a step: (data, stand, limits of rows, evaluations and tolerance) -> (stand, rows)."""

    def chunk(data: tuple[Any, ...], stand: Any, limits: Array) -> tuple[Any, Array]:
        first, stop = stand.iteration, stand.evaluations + limits[1]

        def going(carry: tuple[Any, Array]) -> Array:
            here = carry[0]
            return (here.code == RUNNING) & (here.iteration - first < limits[0]) & (here.evaluations < stop)

        def body(carry: tuple[Any, Array]) -> tuple[Any, Array]:
            here, rows = carry
            there, t = step(*data, here, limits[2])
            # The row of a step that was not taken is overwritten, or cut off with the rest.
            return there, rows.at[here.iteration - first].set(row_of(there, t))

        rows = jnp.zeros((capacity_of(stand.x.size), len(COLUMNS) + stand.x.size))
        return jax.lax.while_loop(going, body, (stand, rows))

    return shared(chunk)


def row_of(stand: Any, t: Array) -> Array:
    """Return a row of the trace; t is the step that led there."""
    norm = jnp.linalg.norm(stand.gradient)
    head = [stand.iteration, stand.evaluations, stand.value, norm, t]
    return jnp.concatenate([jnp.stack([jnp.asarray(number, float) for number in head]), stand.x])


class LinearEngine:
    """One descent of a generalised linear model under way, as the driver sees it.

    Parameters
    ----------
    data : tuple
        What is descended, as the compiled functions take it.
    objective, rules, sign, tolerance, start, box
        As for `steepest.descent.engine.Engine`; the rules are its own, and there is no box.
    """

    begin: Callable[..., Any]
    chunk: Callable[..., tuple[Any, Array]]
    carried: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self, data: tuple[Any, ...], first: Any, objective: Objective, rules: Rules, sign: float, tolerance: float,
        start: np.ndarray, box: Box | None = None,
    ) -> None:  # fmt: skip
        self.data, self.objective, self.sign, self.box = data, objective, sign, box
        self.tolerance, self.start, self.gaps = tolerance, start, 0
        with compiled_code():
            self.stand(self.begin(*data, start, first))

    def kept(self) -> list[np.ndarray]:
        """Return where it stands as arrays that a file can hold.

        A product of the rows is left out where it is had again bit for bit, and where the descent has ended.
        """
        stand = self._stand
        ended = int(self.state.code) != RUNNING
        for name, of in _PRODUCTS.items():
            known = getattr(stand, name, None)
            if known is not None and (ended or np.array_equal(self.product(getattr(stand, of)), known)):
                stand = stand._replace(**{name: np.empty(0)})
        return [np.asarray(leaf) for leaf in jax.tree.leaves(stand)]

    def regain(self, kept: list[np.ndarray]) -> None:
        """Stand where another stood that has kept this."""
        stand = jax.tree.unflatten(jax.tree.structure(self._stand), kept)
        for name, of in _PRODUCTS.items():
            if hasattr(stand, name) and not getattr(stand, name).size:
                stand = stand._replace(**{name: self.product(getattr(stand, of))})
        self.stand(stand)

    def product(self, d: Array) -> Array:
        """Return A d."""
        with compiled_code():
            return _along(self.data[0], d)

    def stand(self, stand: Any) -> None:
        """Stand at a state; what the driver reads of it becomes NumPy's."""
        self._stand = stand
        small = {name: value for name, value in stand._asdict().items() if name not in _CARRIED}
        self.state = stand._replace(**jax.device_get(small))

    def mark(self, code: int) -> None:
        """Change what is said of the point where the descent stands."""
        with compiled_code():
            self.stand(self._stand._replace(code=jnp.asarray(code)))

    def row(self, t: float = 0.0) -> np.ndarray:
        """Return where the descent stands as a row of the trace."""
        with compiled_code():
            return np.array(row_of(self._stand, t))

    def run(self, rows: int, evaluations: int, together: int) -> np.ndarray:
        """Go on for at most so many rows and evaluations, and return the rows."""
        rows = min(rows, capacity_of(self.start.size))
        before = int(self.state.iteration)
        with compiled_code():
            stand, recorded = self.chunk(self.data, self._stand, np.array([rows, evaluations, self.asked]))
            recorded = np.array(recorded)
        # Only here, as what Ctrl-C held back is raised before, and the rows would be lost.
        self.stand(stand)
        return recorded[: int(self.state.iteration) - before]

    @property
    def asked(self) -> float:
        """How near is near enough, as a part of the descent."""
        return self.tolerance


class PlaneEngine(LinearEngine):
    """L-BFGS with the search in the plane; `first` is what the loss's second derivative is on the whole."""

    begin, chunk = staticmethod(shared(begin)), staticmethod(chunk_of(turn))

    def __init__(self, glm: Glm, first: float, exact: bool, *arguments: Any) -> None:
        # In coordinates that whiten it, least squares is solved to rounding by a step or two.
        self.exact = exact
        size = glm.X.shape[1] + 1
        root = np.full(size, 1 / np.sqrt(first))
        super().__init__((glm,), np.diag(root) if size <= WIDEST_GRAM + 1 else root, *arguments)

    @property
    def asked(self) -> float:
        return 0.0 if self.exact else self.tolerance

    def mark(self, code: int) -> None:
        """Change what is said of the point; go on with what a certificate has learnt."""
        metric = getattr(self.objective.certify, "metric", None)
        if metric is not None and self._stand.metric.ndim == 2:
            with compiled_code():
                self.stand(_renewed(self._stand, metric))
        super().mark(code)


class NewtonEngine(LinearEngine):
    """Proximal Newton steps, for an L1 penalty."""

    begin, chunk = staticmethod(shared(proximal.begin)), staticmethod(chunk_of(proximal.newton))


class SpectralEngine(LinearEngine):
    """Proximal Barzilai-Borwein steps, for an L1 penalty of more columns than a Hessian is formed for."""

    begin, chunk = staticmethod(NewtonEngine.begin), staticmethod(chunk_of(proximal.spectral))


# What is a product of the rows, and with what.
_PRODUCTS = {"z": "x", "along_step": "step"}
_along = shared(lambda glm, d: glm.along(d))
_renewed = shared(lambda stand, metric: faced(renewed(stand, metric)))
_CARRIED = ("z", "along_step", "metric", "pairs")
