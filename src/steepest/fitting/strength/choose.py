"""The choice of a penalty's strength: a path of strengths, a score of each on rows left out, and the rule."""

from __future__ import annotations

import numpy as np
from scipy.linalg import eigh

from steepest.activity import doing
from steepest.fitting.strength.approximate import losses_without
from steepest.fitting.strength.columns import Directions
from steepest.fitting.strength.folds import COUNT, held_out_losses
from steepest.fitting.strength.leave_one_out import mean_square, squared_errors
from steepest.fitting.strength.newton import VANISHED, Point, descend, hessian
from steepest.fitting.strength.record import APPROXIMATE, EXACT, FOLDS, StrengthPath
from steepest.fitting.strength.slopes import Slopes, slopes_of
from steepest.models import losses
from steepest.models.losses import Loss
from steepest.types import Rows

# Strengths are tried from so many times the curvature of the loss along the direction in which the columns vary most,
# where hardly anything is left of the coefficients, down to so small a share of the curvature, or of a row's.
STRONGEST, WEAKEST, WEAKEST_ROWS = 10.0, 1e-4, 1.0
# No penalty of classes weighs less than this beside one row: at it, coefficients of 10 for one deviation are as likely
# as not. Where classes are separable, rows left out tell strengths below it no better apart than by chance.
WEAKEST_OF_CLASSES = 0.01
# How many strengths are tried in a factor of 10: of least squares, where they cost next to nothing, and of other
# losses, of which two more are tried beside the best.
OF_SQUARES, OF_OTHERS = 4, 1
# The most parameters of the fits that strengths are compared by: a step takes time that grows with their cube.
MOST_PARAMETERS = 1_500
# From so many parameters on, several classes take conjugate gradients on folds, up to a limit, and so many numbers of
# rows times classes. Of digits, with 585, they take less time on all 1,797 rows than Newton's steps on 325.
LARGE, MOST_OF_CLASSES, MOST_SCORES = 500, 100_000, 4 * 10**6
# The most directions of fits to more columns than that: so many rows are drawn.
MOST_ROWS_OF_WIDE = 1_000
# A Newton step on all rows takes rows times parameters squared multiplications; of tables that take more, only so many
# rows are compared on, but at least so many for each column.
MOST_WORK, ROWS_FOR_EACH = 10**8, 5
# Least squares takes one decomposition for all strengths, as many multiplications as so many steps.
STEPS_OF_SQUARES = 20
# A penalty is a clear gain if it saves this share of what rows lose by being left out. Measured on 27 public tables:
# with 0.01, 0.025 or 0.1, or with the best strength always, the mean held-out score is lower by 0.0005 to 0.0007. With
# the standard error alone it is lower by 0.0002, because weak effects of few rows then go without a penalty.
CLEAR = 0.05


def choose_strength(
    loss: Loss, X: Rows, y: np.ndarray, weight: np.ndarray, classes: int = 0,
    scales: np.ndarray | None = None,
) -> StrengthPath:  # fmt: skip
    """Choose the strength of an L2 penalty on scaled columns, by the loss of rows left out.

    The strength of the least loss is chosen; no penalty, if that is no clear gain: if it saves no more than one
    standard error, which is that of the difference row by row, and no more than 5 % of what rows lose by being left
    out. For least squares on uncorrelated columns that is where their F statistic is above about 10.

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
    scales : array of shape (columns,), optional
        What the columns are divided by; by default their standard deviations.

    Returns
    -------
    StrengthPath
        The scores, and the strength.

    Raises
    ------
    ValueError
        If there are more than 100,000 coefficients of several classes.

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
    directions = Directions.of(X, weight, scales)
    if full := too_many(len(directions.size), classes):
        raise ValueError(f"penalty='auto': {full}; give a strength, such as penalties.L2(1e-4, scales='standard')")
    by_products = is_large(len(directions.size), outputs)
    slopes = slopes_of(loss, y, weight, classes, apart=by_products)
    strengths = tried(slopes, directions, OF_SQUARES if loss is losses.squared else OF_OTHERS)
    if loss is losses.squared:
        method, table = EXACT, squared_errors(directions, y, strengths)
        fitted = mean_square(directions, y)
    else:
        by_folds = loss.kinked or by_products
        method = FOLDS if by_folds else APPROXIMATE
        strengths, table, fitted = _along(slopes, directions, y, strengths, by_folds)
    scores, errors, paired, chosen = scored(strengths, table, directions, fitted)
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
        fitted=fitted,
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
    # More columns have no more directions than rows that are drawn.
    parameters = (min(columns, MOST_ROWS_OF_WIDE) + 1) * max(classes - 1, 1)
    if parameters <= MOST_OF_CLASSES or classes <= 2:
        return ""
    return (
        f"strengths are compared for at most {MOST_OF_CLASSES:,} coefficients of several classes, and there are "
        f"{parameters:,}"
    )


def is_large(columns: int, outputs: int) -> bool:
    """Return whether fits of several classes have so many parameters that they take conjugate gradients."""
    return outputs > 1 and (columns + 1) * outputs > LARGE


def most_rows(columns: int, outputs: int) -> int:
    """Return on how many rows at most strengths are compared."""
    parameters = (columns + 1) * outputs
    if is_large(columns, outputs):
        return (
            max(MOST_SCORES // parameters, ROWS_FOR_EACH * (columns + 1))
            if columns <= MOST_ROWS_OF_WIDE
            else (MOST_ROWS_OF_WIDE)
        )
    if parameters > MOST_PARAMETERS:
        return MOST_ROWS_OF_WIDE
    return max(MOST_WORK // parameters**2, ROWS_FOR_EACH * (columns + 1))


def tried(slopes: Slopes, directions: Directions, density: int) -> np.ndarray:
    """Return the strengths to try, the largest first; the last is 0 if the rows determine a fit without a penalty."""
    if not directions.size.size:
        return np.zeros(1)
    top = np.ceil(np.log10(STRONGEST * max(directions.reach, 1.0)))
    bottom = np.floor(np.log10(min(WEAKEST, WEAKEST_ROWS / directions.mass)))
    powers = np.arange(round((top - bottom) * density) + 1) / density
    strengths = [rounded(slopes.unit * 10 ** (top - power)) for power in powers]
    strengths = [strength for strength in strengths if not _is_too_weak(strength, slopes, directions)]
    return np.array([*strengths, 0.0] if directions.determined else strengths)


def _is_too_weak(strength: float, slopes: Slopes, directions: Directions) -> bool:
    return slopes.classes and strength * directions.mass < WEAKEST_OF_CLASSES


def rounded(strength: float) -> float:
    """Return a strength of three digits, so that a message can say it whole."""
    return float(f"{strength:.3g}")


def _along(
    slopes: Slopes, directions: Directions, y: np.ndarray, strengths: np.ndarray, by_folds: bool
) -> tuple[np.ndarray, np.ndarray, float]:
    """Return the strengths with two more beside the best, the loss of each row left out, and that of a fit at 0."""
    found: dict[float, np.ndarray] = {}
    ends: dict[float, np.ndarray] = {}
    fitted = float("inf")

    def score(strength: float) -> None:
        nonlocal fitted
        doing("choosing the penalty", len(found), of="strengths tried")
        stronger = [other for other in ends if other >= strength]
        start = ends[min(stronger)] if stronger else None
        if by_folds:
            found[strength], ends[strength] = held_out_losses(slopes, directions, y, strength, start)
            if not strength:
                fits = sum(slopes.exact(directions.columns @ end, y) for end in ends[strength])
                fitted = float(directions.weight @ (fits - found[strength])) / (COUNT - 1) / directions.mass
            return
        A, weight = directions.columns, directions.weight
        theta = np.zeros((A.shape[1], slopes.outputs)) if start is None else start
        point = descend(slopes, A, y, weight, strength * directions.mass, theta)
        found[strength] = np.full(len(y), np.inf)
        if point.converged and (strength or is_bounded(slopes, A, y, weight, point)):
            ends[strength] = point.theta
            found[strength] = losses_without(slopes, A, y, weight, directions.once, point)
            if not strength:
                fitted = float(weight @ slopes.exact(point.z, y)) / directions.mass

    for strength in strengths:
        if not strength or not has_risen(found, directions):
            score(float(strength))
    best = min(found, key=lambda strength: float(directions.weight @ found[strength]))
    for factor in (10**0.5, 10**-0.5) if best else ():
        strength = rounded(best * factor)
        if not _is_too_weak(strength, slopes, directions):
            score(strength)
    order = sorted(found, reverse=True)
    return np.array(order), np.array([found[strength] for strength in order]), fitted


def has_risen(found: dict[float, np.ndarray], directions: Directions) -> bool:
    """Return whether the last two strengths, the weakest so far, are clearly worse than the best.

    Parameters
    ----------
    found : dict of float to array of shape (rows,)
        The loss of each row left out at each strength, the largest first.
    directions : Directions
        The rows, with their weights.

    Returns
    -------
    bool
        Whether weaker penalties need not be tried.
    """
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


def is_bounded(slopes: Slopes, A: np.ndarray, y: np.ndarray, weight: np.ndarray, point: Point) -> bool:
    """Return whether coefficients without a penalty are best at the end of a descent, and not ever larger ones.

    If the loss keeps falling along a direction, as where all rows of a level are of one class, its curvature along that
    direction vanishes.

    Parameters
    ----------
    slopes : Slopes
        The loss.
    A : array of shape (rows, directions + 1)
        The rows, and a column of ones.
    y, weight : array of shape (rows,)
        The targets, and how often each row counts.
    point : Point
        The end of the descent.

    Returns
    -------
    bool
        Whether they are.
    """
    if not slopes.classes and slopes.bound is not None:
        return True
    each = np.eye(slopes.outputs)[None]
    H = hessian(A, weight[:, None, None] * slopes.second(point.z, y))
    # The curvature in units in which the rows vary alike along all directions; a little keeps both definite.
    even = hessian(A, weight[:, None, None] * each)
    little = np.eye(len(H)) * 1e-12 * np.trace(even) / len(even)
    least = eigh(H + slopes.unit * little, even + little, eigvals_only=True, subset_by_index=[0, 0])[0]
    return bool(least > VANISHED * slopes.unit)


def scored(
    strengths: np.ndarray, table: np.ndarray, directions: Directions, fitted: float = -np.inf
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
    fitted : float
        The mean loss of the rows that a fit without a penalty learnt from; if it is not given, whatever is within one
        standard error is no clear gain.

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
    if strengths[-1] == 0 and np.isfinite(scores[-1]):
        saved = scores[-1] - scores[best]
        if saved <= paired[-1] and saved <= CLEAR * (scores[-1] - fitted):
            least = 0.0
    return scores, errors, paired, least
