"""The value, the slope and the curvature of a loss in each row, in NumPy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from steepest.fitting.uncertainty.families import Family, family_of
from steepest.models import losses
from steepest.models.losses import Kinked, Loss
from steepest.models.losses.base import probabilities
from steepest.models.losses.softmax import Contrasted

# The smoothing of a loss with kinks, as a share of the size of its errors. Strengths are compared by the loss itself on
# rows left out, which so small a smoothing hardly changes. Chosen, not measured.
SMOOTHED = 0.05

OfRows = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Slopes:
    """A loss to be minimised by Newton's steps; z has a column for each output, one for most losses.

    Attributes
    ----------
    outputs : int
        The number of outputs of a row.
    exact : callable
        The loss of each row, by which strengths are compared.
    value : callable
        The loss that is minimised: smoothed, if it has kinks.
    first : callable
        Its slopes, of shape (rows, outputs).
    second : callable
        Its curvature, of shape (rows, outputs, outputs).
    bound : callable or None
        A curvature that no step exceeds, by which steps lead down where those by the curvature itself do not.
    unit : float
        The curvature of a row with an ordinary error: the unit of a strength.
    classes : bool
        Whether the targets are classes.
    jumps : bool
        Whether the curvature jumps, so that that of one fit is no guide to that of another.
    gap : callable
        How far the tangent at the slope first + second t is below the loss that is minimised, for outputs, targets and
        changes t of the outputs: see `Loss.fenchel_young_gap`.
    """

    outputs: int
    exact: OfRows
    value: OfRows
    first: OfRows
    second: OfRows
    bound: OfRows | None
    unit: float
    classes: bool
    jumps: bool
    gap: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def slopes_of(loss: Loss, y: np.ndarray, weight: np.ndarray, classes: int = 0, apart: bool = False) -> Slopes:
    """Return the slopes of a loss of the library.

    Parameters
    ----------
    loss : Loss
        The loss.
    y, weight : array of shape (rows,)
        The targets, and how often each row counts.
    classes : int
        The number of classes of softmax.
    apart : bool
        Whether each class of softmax has an output of its own, as an L1 penalty needs.

    Returns
    -------
    Slopes
        The slopes.

    Examples
    --------
    >>> y = np.array([0.0, 1.0])
    >>> slopes_of(losses.log_loss, y, np.ones(2)).first(np.zeros((2, 1)), y)
    array([[ 0.5],
           [-0.5]])
    """
    if loss is losses.softmax:
        return _of_classes(Contrasted(classes, apart))
    if isinstance(loss, Kinked):
        return _of_kinks(loss, y, weight)
    family = family_of(loss)
    assert isinstance(family, Family)
    bend: OfRows = family.curved or (lambda z, y: family.root(z, y) ** 2)
    bounded = np.isfinite(loss.steepest)
    return Slopes(
        1,
        lambda z, y: loss(z[:, 0], y),
        lambda z, y: loss(z[:, 0], y),
        lambda z, y: family.unit * family.score(z[:, 0], y)[:, None],
        lambda z, y: family.unit * bend(z[:, 0], y)[:, None, None],
        (lambda z, y: np.full((len(y), 1, 1), loss.steepest)) if bounded else None,
        loss.curvature(float(np.average(y, weights=weight))),
        loss.classes,
        jumps=not loss.curved,
        gap=lambda z, y, t: loss.fenchel_young_gap(z[:, 0], y, t[:, 0]),
    )


def _of_classes(loss: Contrasted) -> Slopes:
    Q = loss.contrasts

    # A row for each class: sums over classes are then sums of long rows, which take a fifth of the time.
    def odds(v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        scores = Q @ v.T
        scores -= scores.max(axis=0)
        return scores, np.exp(scores)

    def value(v: np.ndarray, y: np.ndarray) -> np.ndarray:
        scores, each = odds(v)
        return np.asarray(np.log(each.sum(axis=0)) - scores[y.astype(int), np.arange(len(y))])

    def first(v: np.ndarray, y: np.ndarray) -> np.ndarray:
        p = odds(v)[1]
        p /= p.sum(axis=0)
        p[y.astype(int), np.arange(len(y))] -= 1.0
        return np.asarray(p.T @ Q)

    # The products of two contrasts, class by class.
    pairs = (Q[:, :, None] * Q[:, None, :]).reshape(len(Q), -1)

    def second(v: np.ndarray, y: np.ndarray) -> np.ndarray:
        p = odds(v)[1]
        p /= p.sum(axis=0)
        mean = p.T @ Q
        inner = (p.T @ pairs).reshape(len(v), loss.outputs, loss.outputs)
        return np.asarray(inner - mean[:, :, None] * mean[:, None, :])

    return Slopes(
        loss.outputs, value, value, first, second, None, 1 / loss.class_count, classes=True, jumps=False,
        gap=loss.fenchel_young_gap,
    )  # fmt: skip


def _of_kinks(loss: Kinked, y: np.ndarray, weight: np.ndarray) -> Slopes:
    order = np.argsort(y)
    middle = y[order][np.searchsorted(np.cumsum(weight[order]), weight.sum() / 2)]
    size = 1.0 if loss.classes else float(np.average(np.abs(y - middle), weights=weight)) or 1.0
    smoothing = SMOOTHED * size

    def over(z: np.ndarray, y: np.ndarray, part: Callable[..., np.ndarray]) -> np.ndarray:
        return np.asarray(sum(part(c, sign, sign * z[:, 0] - knot) for c, sign, knot in loss.parts(y)))

    def first(z: np.ndarray, y: np.ndarray) -> np.ndarray:
        return over(z, y, lambda c, sign, s: c * sign * probabilities(s / smoothing)[0])[:, None]

    def second(z: np.ndarray, y: np.ndarray) -> np.ndarray:
        def bend(c: float, sign: float, s: np.ndarray) -> np.ndarray:
            p, rest = probabilities(s / smoothing)
            return c * p * rest / smoothing

        return over(z, y, bend)[:, None, None]

    def bound(z: np.ndarray, y: np.ndarray) -> np.ndarray:
        # Jaakkola and Jordan (2000): the parabola that touches the softplus at s and -s lies above it.
        def bend(c: float, sign: float, s: np.ndarray) -> np.ndarray:
            half = np.maximum(np.abs(s / smoothing) / 2, 1e-8)
            return c / smoothing * np.tanh(half) / (4 * half)

        return over(z, y, bend)[:, None, None]

    def gap(z: np.ndarray, y: np.ndarray, t: np.ndarray) -> np.ndarray:
        # A smoothed term is the log loss of a row of class 0, in other units.
        def part(c: float, sign: float, s: np.ndarray) -> np.ndarray:
            change = sign * t[:, 0] / smoothing
            return c * smoothing * losses.log_loss.fenchel_young_gap(s / smoothing, 0 * s, change)

        return over(z, y, part)

    return Slopes(
        1, lambda z, y: loss(z[:, 0], y), lambda z, y: np.asarray(loss.smoothed(z[:, 0], y, smoothing)), first, second,
        bound, 1.0 if loss.classes else 1 / size, loss.classes, jumps=True, gap=gap,
    )  # fmt: skip
