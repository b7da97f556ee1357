"""The linear starts of a network: those of its members to their own rows, and the certified linear fit to all rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from steepest.descent.budget import Budget
from steepest.fitting.result import Fit
from steepest.fitting.setup import FitOptions, FitSetup, TrainingData
from steepest.fitting.target import LOCATED
from steepest.fitting.validation import LabelledRows
from steepest.models import Gamma, Linear, Logistic, Multinomial, Poisson, losses
from steepest.models.frame import column_deviations, dense_blocks
from steepest.models.penalties import L2
from steepest.trace import Outcome
from steepest.types import Function, Rows

# The linear models of losses whose response is not the output itself.
MODELS: dict[Function, Linear] = {losses.log_loss: Logistic(), losses.poisson: Poisson(), losses.gamma: Gamma()}
# The slope of a loss is a difference over this share of the deviation of the outputs to either side, which rounds off
# kinks as well. Chosen, not measured: a start need not be exact.
REACH = 1e-2
MOST_STEPS = 100


@dataclass(frozen=True)
class LinearStart:
    """Fits linear starts of a loss: quickly, in NumPy, with a slight penalty on columns of unit variance.

    Attributes
    ----------
    loss : callable
        The loss.
    outputs : int
        The number of outputs.
    """

    loss: Function
    outputs: int

    def of(self, rows: LabelledRows) -> tuple[np.ndarray, np.ndarray]:
        """Return the coefficients, (outputs, columns), and the intercepts, (outputs,), of the start for some rows."""
        deviation = column_deviations(rows.X, rows.weight)
        varies, deviation = deviation > 0, np.where(deviation > 0, deviation, 1.0)
        # A ridge of ½ ‖w‖² beside the sum of the losses.
        ridge = 1 / effective(rows.weight)
        solve = _least_squares if self.loss is losses.squared else self.descend
        coef, intercept = solve(rows, deviation, ridge)
        # A column with one value has no effect but that of rounding, which would count if it changed later.
        return np.where(varies, coef / deviation, 0.0), intercept

    def descend(self, rows: LabelledRows, deviation: np.ndarray, ridge: float) -> tuple[np.ndarray, np.ndarray]:
        """Minimise the loss by SciPy's L-BFGS-B."""
        from scipy.optimize import minimize

        share, width = rows.weight / rows.weight.sum(), rows.X.shape[1]
        middle, start = (rows.X.T @ share) / deviation, self.constant(rows.y, rows.weight)
        unit = float(np.abs(rows.y - np.median(rows.y)).mean()) or 1.0
        # Outputs are log odds, logarithms or scores, unless they are numbers like the targets.
        is_number = isinstance(self.loss, losses.Loss) and not self.loss.classes and self.loss not in MODELS
        h = REACH * (unit if is_number else 1.0)

        def value(z: np.ndarray) -> np.ndarray:
            return np.asarray(self.loss(z if self.outputs > 1 else z[:, 0], rows.y))

        def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
            theta = flat.reshape(self.outputs, width + 1)
            w, b = theta[:, :-1], theta[:, -1]
            z = rows.X @ (w / deviation).T + (b - w @ middle)
            slope = np.empty_like(z)
            for k in range(self.outputs):
                step = np.zeros(self.outputs)
                step[k] = h
                slope[:, k] = share * (value(z + step) - value(z - step)) / (2 * h)
            total = slope.sum(axis=0)
            gradient = ((rows.X.T @ slope).T / deviation) - np.outer(total, middle) + ridge * w
            return float(share @ value(z) + ridge / 2 * (w**2).sum()), np.column_stack([gradient, total]).ravel()

        begin = np.column_stack([np.zeros((self.outputs, width)), start]).ravel()
        theta = minimize(objective, begin, jac=True, method="L-BFGS-B", options={"maxiter": MOST_STEPS}).x
        theta = theta.reshape(self.outputs, width + 1)
        return theta[:, :-1], theta[:, -1] - theta[:, :-1] @ middle

    def constant(self, y: np.ndarray, weight: np.ndarray) -> np.ndarray:
        """Return the outputs that predict the mean, or the share of each class."""
        if self.loss is losses.softmax:
            shares = np.bincount(y.astype(int), weights=weight, minlength=self.outputs) / weight.sum()
            # A class without rows gets a share below that of one row, so that its score is finite.
            return np.log(np.maximum(shares, 0.5 / len(y)))
        mean = float(np.average(y, weights=weight))
        if isinstance(self.loss, losses.Loss) and self.loss.classes:
            mean = min(max(mean, 0.5 / len(y)), 1 - 0.5 / len(y))
        output = self.loss.link(mean) if isinstance(self.loss, losses.Loss) else mean
        return np.array([float(output)])

    def alternating(self, rows: LabelledRows, own: list[np.ndarray]) -> LinearStarts:
        """Return the starts of the members, for the rows of each.

        Every other member starts at a linear fit to its own rows, and the others at a constant: together they predict
        better than members of either kind alone. No start knows the rows that its member leaves out, so that their
        loss tells the truth.
        """
        # Only where outputs are numbers, the members may share the prediction with a linear model of all rows.
        is_located = isinstance(self.loss, LOCATED)
        flat = np.zeros((self.outputs, rows.X.shape[1]))
        lines, starts = [], []
        for k, numbers in enumerate(own):
            mine = rows.at(numbers)
            constant = flat, self.constant(mine.y, mine.weight)
            line = self.of(mine) if is_located or k % 2 == 0 else constant
            lines.append(line)
            starts.append(constant if k % 2 else line)
        whole = self.of(rows) if is_located else (flat, np.zeros(self.outputs))
        return LinearStarts(*_stacked(starts), *_stacked(lines), *whole)


class LinearStarts(NamedTuple):
    """The linear models of a network, each as coefficients and intercepts.

    Attributes
    ----------
    coef, intercept : array of shape (members, outputs, columns), array of shape (members, outputs)
        The start of each member.
    fold_coef, fold_intercept : arrays of the same shapes
        A linear fit to the rows of each member.
    line, level : array of shape (outputs, columns), array of shape (outputs,)
        A linear fit to all rows.
    """

    coef: np.ndarray
    intercept: np.ndarray
    fold_coef: np.ndarray
    fold_intercept: np.ndarray
    line: np.ndarray
    level: np.ndarray

    @classmethod
    def of(cls, linear: Fit) -> LinearStarts:
        """Return a linear fit as the start of a single member."""
        line, level = np.atleast_2d(linear.params["coef"]), np.atleast_1d(linear.params["intercept"])
        return cls(line[None], level[None], line[None], level[None], line, level)


def _stacked(models: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    coefs, intercepts = zip(*models, strict=True)
    return np.stack(coefs), np.stack(intercepts)


def _least_squares(rows: LabelledRows, deviation: np.ndarray, ridge: float) -> tuple[np.ndarray, np.ndarray]:
    """Solve (ZᵀWZ + λI) w = ZᵀW(y - ȳ) for centred columns Z of unit variance."""
    share, width = rows.weight / rows.weight.sum(), rows.X.shape[1]
    middle, mean = (rows.X.T @ share) / deviation, float(share @ rows.y)
    # The largest absolute target as unit: products neither overflow nor vanish.
    unit = float(np.abs(rows.y - mean).max()) or 1.0
    left = (rows.y - mean) / unit
    scaled = rows.X * (1 / deviation)
    scaled = scaled.tocsr() if hasattr(scaled, "tocsr") else scaled
    products = sum((block.T * share[place]) @ block for place, block in dense_blocks(scaled)) - np.outer(middle, middle)
    right = scaled.T @ (share * left) - middle * float(share @ left)
    coef = unit * np.linalg.solve(products + ridge * np.eye(width), right)
    return coef[None], np.array([mean - float(coef @ middle)])


def linear_fit(
    rows: LabelledRows, names: list[str] | None, loss: Function, outputs: int, source: tuple[Rows, np.ndarray],
    penalty: L2 | None,
) -> Fit:  # fmt: skip
    """Return the certified linear fit to all rows; if none is given, with the penalty L2(1/n) for separable classes."""
    model: Linear = Linear()
    if isinstance(loss, losses.Loss):
        model = Multinomial(outputs) if loss is losses.softmax else MODELS.get(loss, model)
    data = TrainingData(rows, names, None, source)

    def fitted(penalty: L2 | None) -> Fit:
        options = FitOptions(
            model, loss, penalty, None, None, None, "auto", "batches", "auto", None, seed=0, drawn=None
        )  # fmt: skip
        return FitSetup.of(options, data, Budget()).go(None, False)[0]

    plain = fitted(penalty)
    return fitted(L2(1 / effective(rows.weight))) if plain.outcome is Outcome.NO_FINITE_OPTIMUM else plain


def effective(weight: np.ndarray) -> float:
    """Return the number of rows that the weights stand for: the least counts as one row, and its multiples as several.

    A tiny least weight would make a number without meaning, which is bounded.
    """
    return float(weight.sum() / max(weight[weight > 0].min(), 1e-3 * weight.mean()))
