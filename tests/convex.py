"""Random convex problems, whose certificates are compared with Newton's method in extended precision.

As a program (`make nightly`) it tries 100,000 of them, or as many as its first argument says, and a quarter as many
with bounds; the second argument is the seed.
"""

from __future__ import annotations

import operator
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain

import jax
import numpy as np

from steepest.derivatives.bounds import Box
from steepest.derivatives.precision import double_precision
from steepest.fitting.linear.certificates import box as box_certificate
from steepest.fitting.linear.certificates import l1 as l1_certificate
from steepest.fitting.linear.certificates import smooth as smooth_certificate
from steepest.fitting.linear.coordinates import Changed, Coordinates, coordinates
from steepest.fitting.linear.glm import Glm
from steepest.fitting.linear.quadratic.box import minimize_quadratic_box
from steepest.models.losses import log_loss, poisson, squared

LOSSES = (squared, log_loss, poisson)
SIZES = ((8, 1), (12, 2), (20, 3), (16, 5), (30, 5), (24, 8), (40, 8))
BATCH = 500
EXACT = np.longdouble
STEPS, HALVINGS, SWEEPS = 60, 40, 60


@dataclass
class Problems:
    """A batch of problems of one size: rows in raw units, targets, weights, and penalties."""

    loss: object
    X: np.ndarray
    y: np.ndarray
    weight: np.ndarray
    ridge: np.ndarray
    kink: np.ndarray
    low: np.ndarray | None = None
    high: np.ndarray | None = None

    @property
    def centred(self) -> bool:
        """Whether columns may be centred: not if the intercept, which is last, has bounds."""
        return self.low is None or bool(np.isinf(self.low[:, -1]).all() and np.isinf(self.high[:, -1]).all())


def drawn(rng: np.random.Generator, loss: object, rows: int, columns: int, l1: bool, boxed: bool = False) -> Problems:
    """Draw a batch: means up to 10⁶ standard deviations, units from 10⁻³ to 10⁴, some weights 0.

    In half of the problems the columns are correlated. If they are boxed, a coefficient has no bound, one or two, or is
    fixed; in half of such batches the intercept has bounds, too.
    """
    shape = (BATCH, rows, columns)
    mixing = rng.standard_normal((BATCH, columns, columns))
    correlated = (rng.random(BATCH) < 0.5)[:, None, None]
    X = rng.standard_normal(shape)
    X = np.where(correlated, X @ mixing, X)
    scale = 10 ** rng.uniform(-3, 4, (BATCH, 1, columns))
    centre = 10 ** rng.uniform(-1, 6, (BATCH, 1, columns)) * rng.choice([-1, 1], (BATCH, 1, columns))
    signal = np.einsum("bij,bj->bi", X, rng.standard_normal((BATCH, columns))) * 10 ** rng.uniform(
        -1.5, 0.5, (BATCH, 1)
    )
    X = (X + centre) * scale
    if loss is squared:
        y = (signal + rng.standard_normal((BATCH, rows)) * 10 ** rng.uniform(-3, 1, (BATCH, 1))) * scale[:, :, 0]
    elif loss is log_loss:
        y = (rng.random((BATCH, rows)) < 1 / (1 + np.exp(-signal))).astype(float)
    else:
        y = rng.poisson(np.exp(np.clip(signal + rng.uniform(-1, 4, (BATCH, 1)), -5, 8))).astype(float)
    y[:, :2] = [0, 1]
    weight = np.where(rng.random((BATCH, 1)) < 0.5, 1.0, rng.uniform(0, 3, (BATCH, rows)))
    weight[:, 2:] *= rng.random((BATCH, rows - 2)) < 0.95
    usual = np.exp(np.log(scale[:, 0]).mean(axis=1))
    size = np.abs(y).mean(axis=1) + 1
    ridge = np.where(rng.random(BATCH) < 0.3, 0.0, 10 ** rng.uniform(-8, 2, BATCH) * usual**2)
    kink = 10 ** rng.uniform(-4, 0, BATCH) * usual * size if l1 else np.zeros(BATCH)
    if not boxed:
        return Problems(loss, X, y, weight, ridge, kink)
    sizes = np.hstack(
        [np.abs(y).mean(axis=1, keepdims=True) / scale[:, 0] if loss is squared else 1 / scale[:, 0], size[:, None]]
    )
    low = np.where(rng.random(sizes.shape) < 0.3, -np.inf, rng.uniform(-1, 0.5, sizes.shape) * sizes)
    low = np.where(np.isfinite(low) & (rng.random(sizes.shape) < 0.5), 0.0, low)
    width = rng.choice([0.0, 1.0, np.inf], sizes.shape, p=[0.1, 0.4, 0.5]) * sizes
    free = rng.choice([0.0, np.inf], sizes.shape)
    high = np.where(np.isfinite(low), np.where(np.isfinite(low), low, 0.0) + width, free)
    if rng.random() < 0.5:
        low[:, -1], high[:, -1] = -np.inf, np.inf
    return Problems(loss, X, y, weight, ridge, kink, low, high)


class Exact:
    """The problems of a batch in extended precision, in centred and scaled coordinates, the intercept last."""

    def __init__(self, given: Problems) -> None:
        self.loss, self.y = given.loss, given.y.astype(EXACT)
        self.p = given.weight.astype(EXACT) / given.weight.astype(EXACT).sum(axis=1, keepdims=True)
        X = given.X.astype(EXACT)
        self.mean = (self.p[:, :, None] * X).sum(axis=1, keepdims=True) * given.centred
        self.scale = np.sqrt((self.p[:, :, None] * (X - self.mean) ** 2).sum(axis=1, keepdims=True))
        self.A = np.concatenate([(X - self.mean) / self.scale, np.ones_like(X[:, :, :1])], axis=2)
        none = np.zeros((len(X), 1), EXACT)
        self.ridge = np.hstack([given.ridge.astype(EXACT)[:, None] / self.scale[:, 0] ** 2, none])
        self.kink = np.hstack([given.kink.astype(EXACT)[:, None] / self.scale[:, 0], none])
        self.low = self.high = None
        if given.low is not None:
            scale = np.hstack([self.scale[:, 0], none + 1])
            self.low, self.high = given.low.astype(EXACT) * scale, given.high.astype(EXACT) * scale

    def terms(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return ℓ, ℓ′ and ℓ″ from their textbook formulas."""
        with np.errstate(all="ignore"):
            if self.loss is squared:
                return (z - self.y) ** 2, 2 * (z - self.y), np.full_like(z, 2)
            if self.loss is log_loss:
                e = np.exp(-np.abs(z))
                share = np.where(z > 0, 1, e) / (1 + e)
                return np.maximum(z, 0) + np.log1p(e) - self.y * z, share - self.y, e / (1 + e) ** 2
            return np.exp(z) - self.y * z, np.exp(z) - self.y, np.exp(z)

    def smooth(self, v: np.ndarray) -> np.ndarray:
        """Return the value without kinks."""
        z = np.einsum("bij,bj->bi", self.A, v)
        return (self.p * self.terms(z)[0]).sum(axis=1) + (self.ridge * v**2).sum(axis=1) / 2

    def value(self, v: np.ndarray) -> np.ndarray:
        """Return the value at coordinates v."""
        with np.errstate(all="ignore"):
            return self.smooth(v) + (self.kink * np.abs(v)).sum(axis=1)

    def value_at(self, point: np.ndarray) -> np.ndarray:
        """Return the value at (coef, intercept) in the user's units.

        It is computed on the centred columns: with means of 10⁶ standard deviations, the raw ones would round too much.
        """
        coef, intercept = point[:, :-1].astype(EXACT), point[:, -1:].astype(EXACT)
        shift = (coef * self.mean[:, 0]).sum(axis=1, keepdims=True)
        return self.value(np.hstack([coef * self.scale[:, 0], intercept + shift]))

    def in_users_units(self, v: np.ndarray) -> np.ndarray:
        """Return (coef, intercept) of coordinates v."""
        coef = v[:, :-1] / self.scale[:, 0]
        return np.hstack([coef, v[:, -1:] - (coef * self.mean[:, 0]).sum(axis=1, keepdims=True)])

    def slopes(self, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the gradient and the Hessian without kinks."""
        _, first, second = self.terms(np.einsum("bij,bj->bi", self.A, v))
        g = np.einsum("bij,bi->bj", self.A, self.p * first) + self.ridge * v
        H = np.einsum("bij,bi,bik->bjk", self.A, self.p * second, self.A)
        k = np.arange(v.shape[1])
        H[:, k, k] += self.ridge
        return g, H

    def step(self, v: np.ndarray) -> np.ndarray:
        """Return the step to the minimum of the quadratic model with the L1 penalty."""
        g, H = self.slopes(v)
        if self.low is not None:
            return self.step_in_box(v, g, H)
        if not self.kink.any():
            return solved(H, -g)
        w, r = v.copy(), g.copy()
        for _ in range(SWEEPS):
            for j in range(v.shape[1]):
                ahead, h = w[:, j] - r[:, j] / H[:, j, j], H[:, j, j]
                new = np.sign(ahead) * np.maximum(np.abs(ahead) - self.kink[:, j] / h, 0)
                r += H[:, j] * (new - w[:, j])[:, None]
                w[:, j] = new
        return w - v

    def step_in_box(self, v: np.ndarray, g: np.ndarray, H: np.ndarray) -> np.ndarray:
        """Return the step to the minimum of the quadratic model in the box: sweeps, then Newton's step of the rest."""
        w, r = v.copy(), g.copy()
        for _ in range(SWEEPS):
            for j in range(v.shape[1]):
                with np.errstate(all="ignore"):
                    new = np.clip(w[:, j] - r[:, j] / H[:, j, j], self.low[:, j], self.high[:, j])
                new = np.where(np.isfinite(new), new, w[:, j])
                r += H[:, j] * (new - w[:, j])[:, None]
                w[:, j] = new
        free = (w > self.low) & (w < self.high)
        masked = np.where(free[:, :, None] & free[:, None], H, np.eye(v.shape[1], dtype=EXACT))
        there = w + solved(masked, np.where(free, -r, 0))
        inside = ((there >= self.low) & (there <= self.high)).all(axis=1, keepdims=True)
        return np.where(inside, there, w) - v

    def optimum(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the optimum of each problem and its value, by Newton steps that are halved until they descend."""
        v = np.zeros(self.A.shape[::2], EXACT)
        v = v if self.low is None else np.clip(v, self.low, self.high)
        best, done = self.value(v), np.zeros(len(v), bool)
        for _ in range(STEPS):
            step = self.step(v)
            step = np.where(np.isfinite(step).all(axis=1, keepdims=True), step, 0)
            t, fell = np.ones((len(v), 1), EXACT), done.copy()
            for _ in range(HALVINGS):
                there = np.where(fell[:, None], v, v + t * step)
                there = there if self.low is None else np.clip(there, self.low, self.high)
                value = self.value(there)
                better = ~fell & (value < best)
                v, best = np.where(better[:, None], there, v), np.where(better, value, best)
                fell |= better
                if fell.all():
                    break
                t = np.where(fell[:, None], t, t / 2)
            # If no part of a step lowers the value, only rounding is left.
            done |= ~fell
            if done.all():
                break
        if not self.kink.any() and self.low is None:
            # Values agree to rounding now, but gradients still improve the point.
            for _ in range(2):
                step = self.step(v)
                v = v + np.where(np.isfinite(step).all(axis=1, keepdims=True), step, 0)
        return v, best


def solved(H: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return H⁻¹ b for a batch, by Cholesky factors; NumPy has none in extended precision."""
    L, x = root(H), b.copy()
    size = b.shape[1]
    with np.errstate(all="ignore"):
        for j in range(size):
            x[:, j] = (x[:, j] - (L[:, j, :j] * x[:, :j]).sum(axis=1)) / L[:, j, j]
        for j in reversed(range(size)):
            x[:, j] = (x[:, j] - (L[:, j + 1 :, j] * x[:, j + 1 :]).sum(axis=1)) / L[:, j, j]
    return x


def root(H: np.ndarray) -> np.ndarray:
    """Return the Cholesky factor of a batch."""
    L = np.zeros_like(H)
    with np.errstate(all="ignore"):
        for j in range(H.shape[1]):
            rest = H[:, j:, j] - np.einsum("bik,bk->bi", L[:, j:, :j], L[:, j, :j])
            L[:, j:, j] = rest / np.sqrt(rest[:, :1])
    return L


def points(rng: np.random.Generator, exact: Exact, optimum: np.ndarray, given: Problems) -> np.ndarray:
    """Return points in the user's units, at distances of 1e-9 to 10 from the optimum in the metric of its Hessian."""
    noise = rng.standard_normal(optimum.shape).astype(EXACT) * 10 ** rng.uniform(-9, 1, (len(optimum), 1))
    L = root(exact.slopes(optimum)[1])
    with np.errstate(all="ignore"):
        # L⁻ᵀ times the noise.
        for j in reversed(range(noise.shape[1])):
            noise[:, j] = (noise[:, j] - (L[:, j + 1 :, j] * noise[:, j + 1 :]).sum(axis=1)) / L[:, j, j]
    noise = np.where(np.isfinite(noise), noise, 0)
    v = np.where((exact.kink > 0) & (optimum == 0) & (rng.random(noise.shape) < 0.7), 0, optimum + noise)
    if exact.low is not None:
        # Without a finite optimum, the best point so far may be anywhere.
        v = np.where(np.abs(v) < 1e100, v, 0)
        at_edge = (optimum <= exact.low) | (optimum >= exact.high)
        v = np.clip(
            np.where(at_edge & (rng.random(noise.shape) < 0.7) & (np.abs(optimum) < 1e100), optimum, v),
            exact.low,
            exact.high,
        )
    return exact.in_users_units(v).astype(float)


def certified(given: Problems, near: np.ndarray, rescale: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the points as the library represents them, its bounds on the gap and on parameters; NaN if it has none."""
    where: list[Coordinates] = []
    A = np.empty_like(given.X)
    for k, X in enumerate(given.X):
        ridge = given.ridge[k] / certificate_curvature(given, k)
        found = coordinates(X, given.weight[k], rescale, ridge, centred=given.centred)
        where.append(found)
        if found.directions == X.shape[1]:
            Changed(X, found).write(A[k], None)
    whole = np.array([found.directions == given.X.shape[2] for found in where])
    theta = np.stack([found.from_user(x) if full else 0 * x for found, x, full in zip(where, near, whole, strict=True)])
    boxed = given.low is not None
    scales = np.stack([np.append(found.scale, 1.0) for found in where])
    box = Box(given.low * scales, given.high * scales) if boxed else None
    if box is not None:
        theta = np.clip(theta, box.low, box.high)
    at = np.stack(
        [found.to_user(t) if full else x for found, t, x, full in zip(where, theta, near, whole, strict=True)]
    )
    transforms = [found.transform if full else where[0].transform for found, full in zip(where, whole, strict=True)]
    mass = given.weight.sum(axis=1)
    lam = np.stack([np.append(kink / found.scale, 0.0) for kink, found in zip(given.kink, where, strict=True)])
    with double_precision():
        lowest = np.full(BATCH, -np.inf)
        glm = Glm(
            A,
            given.y,
            given.weight,
            mass,
            given.ridge,
            np.stack(transforms),
            None,
            lowest,
            given.loss,
            given.X.shape[1],
        )
        l1 = given.kink.any()
        if box is not None:
            edges = box_certificate.Edges(box, 0 * lam)
            value, slope, z, H = jax.vmap(box_certificate.point_parts)(glm, edges, theta)
            # The step is computed in NumPy, one problem at a time.
            d = np.stack(
                [
                    minimize_quadratic_box(*map(np.asarray, (H[k], slope[k])), theta[k], Box(box.low[k], box.high[k]))
                    for k in range(len(theta))
                ]
            )
            parts, sensitivity = jax.vmap(box_certificate.step_parts)(glm, edges, theta, value, slope, z, H, d - theta)
        elif l1:
            parts, sensitivity = jax.vmap(l1_certificate.measured_parts)(glm, lam, theta)
        else:
            parts, sensitivity = jax.vmap(smooth_certificate.measured_parts)(glm, theta)
        parts, sensitivity = jax.device_get((parts, sensitivity))
    bounds, errors = np.full(len(near), np.nan), np.full(near.shape, np.nan)
    for k in np.flatnonzero(whole):
        one = jax.tree.map(operator.itemgetter(k), parts)
        if boxed:
            alone = replace(glm, X=A[k], lowest=-np.inf)
            report = box_certificate.bound_of(one, sensitivity[k], theta[k], where[k], alone, 0.0)
        elif l1:
            report = l1_certificate.bound_of(
                one, sensitivity[k], theta[k], where[k], replace(glm, X=A[k], lowest=-np.inf)
            )
        else:
            alone = replace(glm, X=A[k], lowest=-np.inf)
            report = smooth_certificate.bound_of(one, sensitivity[k], theta[k], where[k], alone)
            found = smooth_certificate.parameter_errors(one, sensitivity[k], theta[k], where[k], where[k], alone)
            errors[k] = np.nan if found is None else found
        bounds[k] = np.nan if report is None else report.gap
    return at, bounds, errors


def certificate_curvature(given: Problems, k: int) -> float:
    """Return ℓ″ if all predictions are the mean."""
    mean = np.average(given.y[k], weights=given.weight[k])
    return {squared: 2.0, log_loss: mean * (1 - mean)}.get(given.loss, mean) or 1.0


Trial = tuple[str, np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]


@np.errstate(all="ignore")
def trial(batch: int, seed: int, boxed: bool = False) -> Trial:
    """Return a batch as (what, bounds, true gaps, values, bounds of parameters, their true errors)."""
    rng = np.random.default_rng([seed, batch] + [1] * boxed)
    loss = LOSSES[batch % 3]
    rows, columns = SIZES[batch // 3 % len(SIZES)]
    l1, rescale = batch % 5 == 4 and not boxed, "scale" if batch % 2 or boxed else "whiten"
    given = drawn(rng, loss, rows, columns, l1, boxed)
    exact = Exact(given)
    v, best = exact.optimum()
    at, bounds, errors = certified(given, points(rng, exact, v, given), "scale" if l1 else rescale)
    value = exact.value_at(at)
    with np.errstate(over="ignore", invalid="ignore"):
        gaps, values = (value - best).astype(float), value.astype(float)
    away = np.abs(at - exact.in_users_units(v)).astype(float)
    return f"{loss.name}{', L1' if l1 else ''}{', bounds' if boxed else ''}", bounds, gaps, values, errors, away


def trials(count: int, seed: int, boxed: bool = False) -> Iterator[Trial]:
    """Yield batches of `count` problems in all, rounded up to whole batches."""
    for batch in range(-(-count // BATCH)):
        yield trial(batch, seed, boxed)


def main(count: int, seed: int) -> int:
    """Print a summary; return how many bounds lay below the truth."""
    wrong = made = finite = known_errors = far = 0
    tight: dict[str, list[np.ndarray]] = {}
    for what, bounds, gaps, values, errors, away in chain(trials(count, seed), trials(count // 4, seed, boxed=True)):
        bounded = np.isfinite(errors) & np.isfinite(away) & np.isfinite(gaps)[:, None]
        known_errors, far = known_errors + int(bounded.sum()), far + int(np.sum(errors[bounded] < away[bounded]))
        known = np.isfinite(bounds) & np.isfinite(gaps)
        wrong += int(np.sum(bounds[known] < gaps[known]))
        made, finite = made + len(bounds), finite + int(known.sum())
        large = known & (gaps > 1e-12 * np.abs(values))
        tight.setdefault(what, []).append(bounds[large] / gaps[large])
    print(f"{made:,} problems, {finite:,} certificates, {wrong} below the truth")  # noqa: T201
    print(f"{known_errors:,} errors of parameters, {far} below the truth")  # noqa: T201
    for what, several in sorted(tight.items()):
        ratio = np.concatenate(several)
        cuts = ", ".join(f"{q:.0%} {np.quantile(ratio, q):.3g}" for q in (0.5, 0.9, 0.99))
        print(f"  {what}: certificate / truth {cuts}; least {ratio.min():.6g}, of {len(ratio):,}")  # noqa: T201
    return wrong + far


if __name__ == "__main__":
    asked = [int(word) for word in sys.argv[1:]]
    sys.exit(main(*(asked + [100_000, 0][len(asked) :])) > 0)
