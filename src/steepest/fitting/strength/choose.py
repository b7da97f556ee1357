"""The choice of a penalty's strength: a path of strengths, a score of each on rows left out, and the rule."""

from __future__ import annotations

import numpy as np

from steepest.activity import doing
from steepest.fitting.strength.approximate import losses_without
from steepest.fitting.strength.columns import Directions
from steepest.fitting.strength.folds import held_out_losses
from steepest.fitting.strength.leave_one_out import squared_errors
from steepest.fitting.strength.newton import Point, descend, hessian
from steepest.fitting.strength.record import APPROXIMATE, EXACT, FOLDS, StrengthPath
from steepest.fitting.strength.slopes import Slopes, slopes_of
from steepest.models import losses
from steepest.models.losses import Loss
from steepest.types import Rows

# Strengths are tried from so many times the curvature of the loss along the direction in which the columns vary most,
# where hardly anything is left of the coefficients, down to so small a share of the curvature, or of a row's.
STRONGEST, WEAKEST, WEAKEST_ROWS = 10.0, 1e-4, 1.0
# How many strengths are tried in a factor of 10: of least squares, where they cost next to nothing, and of other
# losses, of which two more are tried beside the best.
OF_SQUARES, OF_OTHERS = 4, 1
# The most parameters of the fits that strengths are compared by: a step takes time that grows with their cube.
MOST_PARAMETERS = 1_500
# The most directions of fits to more columns than that: so many rows are drawn.
MOST_ROWS_OF_WIDE = 1_000
# A Newton step on all rows takes rows times parameters squared multiplications; of tables that take more, only so many
# rows are compared on, but at least so many for each column.
MOST_WORK, ROWS_FOR_EACH = 10**8, 5
# Least squares takes one decomposition for all strengths, as many multiplications as so many steps.
STEPS_OF_SQUARES = 20
# The share of its ordinary size at which a curvature has vanished: a descent ends where e⁻²⁰ of it is left.
VANISHED = 1e-7


def choose_strength(loss: Loss, X: Rows, y: np.ndarray, weight: np.ndarray, classes: int = 0) -> StrengthPath:
    """Choose the strength of an L2 penalty on standardised columns, by the loss of rows left out.

    No penalty is chosen if its score is within one standard error of the least, else the strength of the least. The
    error is that of the difference between the two, row by row.

    Parameters
    ----------
    loss : Loss
        The loss.
    X : array or sparse array of shape (rows, columns)
        The rows.
    y, weight : array of shape (rows,)
        Their targets, and how often each row counts, above 0.
    classes : int
        The number of classes of softmax.

    Returns
    -------
    StrengthPath
        The scores, and the strength.

    Raises
    ------
    ValueError
        If there are too many coefficients of several classes.

    Examples
    --------
    >>> x = np.linspace(0.0, 1.0, 9)[:, None]
    >>> choose_strength(losses.squared, x, 3 * x[:, 0], np.ones(9)).chosen
    0.0
    """
    doing("choosing the penalty")
    given, outputs = len(y), max(classes - 1, 1)
    most = most_rows(X.shape[1], outputs) * (STEPS_OF_SQUARES if loss is losses.squared else 1)
    if given > most:
        # A fixed seed, so that the same rows give the same choice.
        drawn = np.sort(np.random.default_rng(0).permutation(given)[:most])
        X, y, weight, mass = X[drawn], y[drawn], weight[drawn], float(weight.sum())
    else:
        mass = float(weight.sum())
    directions = Directions.of(X, weight)
    if full := too_many(len(directions.size), classes):
        raise ValueError(f"penalty='auto': {full}; give a strength, such as penalties.L2(1e-4, scales='standard')")
    slopes = slopes_of(loss, y, weight, classes)
    strengths = tried(slopes.unit, directions, OF_SQUARES if loss is losses.squared else OF_OTHERS)
    if loss is losses.squared:
        method, table = EXACT, squared_errors(directions, y, strengths)
    else:
        method = FOLDS if loss.kinked else APPROXIMATE
        strengths, table = _along(slopes, directions, y, strengths, by_folds=loss.kinked)
    scores, errors, paired, chosen = scored(strengths, table, directions)
    # The penalty weighs λ times the number of rows beside one row. If the strengths were compared on fewer rows, λ is
    # smaller for all of them.
    share = directions.mass / mass
    return StrengthPath(
        strengths=np.array([rounded(s * share) for s in strengths]),
        scores=scores,
        errors=errors,
        paired=paired,
        chosen=rounded(chosen * share),
        method=method,
        rows=len(y),
        given=given,
    )


def too_many(columns: int, classes: int) -> str:
    """Return why strengths can't be compared for so many coefficients of several classes; "" if they can.

    Parameters
    ----------
    columns, classes : int
        The numbers of columns and of classes.

    Returns
    -------
    str
        The reason.

    Examples
    --------
    >>> too_many(10, 3)
    ''
    """
    parameters = (columns + 1) * max(classes - 1, 1)
    if parameters <= MOST_PARAMETERS or classes <= 2:
        return ""
    return (
        f"strengths are compared for at most {MOST_PARAMETERS:,} coefficients of several classes, and there are "
        f"{parameters:,}"
    )


def most_rows(columns: int, outputs: int) -> int:
    """Return on how many rows at most strengths are compared."""
    parameters = (columns + 1) * outputs
    if parameters > MOST_PARAMETERS:
        return MOST_ROWS_OF_WIDE // outputs
    return max(MOST_WORK // parameters**2, ROWS_FOR_EACH * (columns + 1))


def tried(unit: float, directions: Directions, density: int) -> np.ndarray:
    """Return the strengths to try, the largest first; the last is 0 if the rows determine a fit without a penalty."""
    if not directions.size.size:
        return np.zeros(1)
    top = np.ceil(np.log10(STRONGEST * max(directions.reach, 1.0)))
    bottom = np.floor(np.log10(min(WEAKEST, WEAKEST_ROWS / directions.mass)))
    powers = np.arange(round((top - bottom) * density) + 1) / density
    strengths = [rounded(unit * 10 ** (top - power)) for power in powers]
    return np.array([*strengths, 0.0] if directions.determined else strengths)


def rounded(strength: float) -> float:
    """Return a strength of three digits, so that a message can say it whole."""
    return float(f"{strength:.3g}")


def _along(
    slopes: Slopes, directions: Directions, y: np.ndarray, strengths: np.ndarray, by_folds: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Return the strengths with two more beside the best, and the loss of each row left out at each of them."""
    found: dict[float, np.ndarray] = {}
    ends: dict[float, np.ndarray] = {}

    def score(strength: float) -> None:
        doing("choosing the penalty", len(found), of="strengths tried")
        stronger = [other for other in ends if other >= strength]
        start = ends[min(stronger)] if stronger else None
        if by_folds:
            found[strength], ends[strength] = held_out_losses(slopes, directions, y, strength, start)
            return
        A, weight = directions.columns, directions.weight
        theta = np.zeros((A.shape[1], slopes.outputs)) if start is None else start
        point = descend(slopes, A, y, weight, strength * directions.mass, theta)
        found[strength] = np.full(len(y), np.inf)
        if point.converged and (strength or is_finite(slopes, directions, y, point)):
            ends[strength] = point.theta
            found[strength] = losses_without(slopes, A, y, weight, directions.once, point)

    for strength in strengths:
        if not strength or not _has_risen(found, directions):
            score(float(strength))
    best = min(found, key=lambda strength: float(directions.weight @ found[strength]))
    if best:
        for factor in (10**0.5, 10**-0.5):
            score(rounded(best * factor))
    order = sorted(found, reverse=True)
    return np.array(order), np.array([found[strength] for strength in order])


def _has_risen(found: dict[float, np.ndarray], directions: Directions) -> bool:
    """Return whether the last two strengths, the weakest so far, are clearly worse than the best."""
    scores = [float(directions.weight @ each) for each in found.values()]
    best = int(np.argmin(scores)) if scores else 0
    if best >= len(scores) - 2:
        return False
    least, last = list(found.values())[best], list(found.values())[-2:]
    return all(
        score - scores[best] > standard_error(each - least, directions) * directions.mass
        for score, each in zip(scores[-2:], last, strict=True)
    )


def standard_error(values: np.ndarray, directions: Directions) -> float:
    """Return the standard error of a weighted mean; a row of weight 2 counts as two.

    Parameters
    ----------
    values : array of shape (rows,)
        The values.
    directions : Directions
        The rows, with their weights.

    Returns
    -------
    float
        The error; infinite if a value is.
    """
    if not np.isfinite(values).all():
        return float("inf")
    weight, mass = directions.weight, directions.mass
    return float(np.sqrt((weight * directions.once) @ (values - weight @ values / mass) ** 2) / mass)


def is_finite(slopes: Slopes, directions: Directions, y: np.ndarray, point: Point) -> bool:
    """Return whether coefficients without a penalty are best at the end of a descent, and not ever larger ones.

    If the loss keeps falling along a direction, as where all rows of a level are of one class, its curvature along that
    direction vanishes.
    """
    if not slopes.classes and slopes.bound is not None:
        return True
    A = np.column_stack([directions.U / np.sqrt(directions.weight)[:, None], np.full(len(y), directions.mass**-0.5)])
    H = hessian(A, directions.weight[:, None, None] * slopes.second(point.z, y))
    return bool(np.linalg.eigvalsh(H)[0] > VANISHED * slopes.unit)


def scored(
    strengths: np.ndarray, table: np.ndarray, directions: Directions
) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Return the scores, their standard errors, those of the differences from the least, and the strength to take.

    Parameters
    ----------
    strengths : array of shape (strengths,)
        The strengths, the largest first.
    table : array of shape (strengths, rows)
        The loss of each row left out.
    directions : Directions
        The rows, with their weights.

    Returns
    -------
    array, array, array, float
        The scores, their errors, the errors of their differences, and the strength.
    """
    with np.errstate(all="ignore"):
        scores = np.where(np.isfinite(table).all(axis=1), table @ directions.weight / directions.mass, np.inf)
        best = int(np.argmin(scores))
        paired = np.array([standard_error(row - table[best], directions) for row in table])
    errors = np.array([standard_error(row, directions) for row in table])
    least = float(strengths[best])
    if strengths[-1] == 0 and scores[-1] - scores[best] <= paired[-1] and np.isfinite(scores[-1]):
        least = 0.0
    return scores, errors, paired, least
