"""The attributes of runs, fits, races and basin maps that displays read, as protocols.

The classes themselves are defined in packages that import this package, so displays cannot import them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np

from steepest.trace import Certificate, Event, Outcome, Trace
from steepest.types import Array, Function, PyTree, Rows, Table


@runtime_checkable
class RunLike(Protocol):
    """A finished descent."""

    @property
    def trace(self) -> Trace:
        """The record of the descent, with one row for each iteration or epoch."""

    @property
    def maximized(self) -> bool:
        """Whether the best value is the largest."""

    @property
    def outcome(self) -> str:
        """How the run ended."""

    @property
    def title(self) -> str:
        """The text above a picture."""

    def evaluate(self, x: np.ndarray) -> float:
        """Return the value of the function at a point."""

    def gradient_at(self, x: np.ndarray) -> np.ndarray:
        """Return the gradient of the function at a point."""


class DescentLike(RunLike, Protocol):
    """A finished descent whose second derivatives are at hand, and that knows its rule."""

    @property
    def direction(self) -> Mapping[str, str | int | float | bool]:
        """The name of the rule of the direction and its numbers; empty if it is not known."""

    def curvature(self, x: np.ndarray, v: np.ndarray) -> np.ndarray:
        """Return the Hessian at a point times a vector."""


@runtime_checkable
class ResultLike(RunLike, Protocol):
    """A finished descent with all that a report says of it."""

    @property
    def outcome(self) -> Outcome:
        """How the run ended."""

    @property
    def success(self) -> bool:
        """Whether the run did what was asked of it."""

    @property
    def message(self) -> str:
        """The outcome, the evidence and what to try next, in one sentence."""

    @property
    def certificate(self) -> Certificate:
        """How far above the minimum the answer may lie."""

    @property
    def events(self) -> list[Event]:
        """The events of the run."""

    @property
    def x(self) -> PyTree:
        """The best point found."""

    @property
    def fun(self) -> float:
        """The value at x."""

    @property
    def nit(self) -> int:
        """The number of iterations."""

    @property
    def nfev(self) -> int:
        """The number of evaluations of the value."""

    @property
    def njev(self) -> int:
        """The number of evaluations of the gradient."""

    @property
    def kind(self) -> str:
        """How the gradient was computed."""

    @property
    def why(self) -> str:
        """Why the gradient was computed in this way."""

    @property
    def runs(self) -> Sequence[ResultLike]:
        """The runs from all starts; empty if there was one start."""


class HiddenLike(Protocol):
    """The outputs of the units of a hidden layer of a network."""

    @property
    def outputs(self) -> np.ndarray:
        """The outputs, of shape (rows, units)."""

    @property
    def kind(self) -> str:
        """ "tanh" or "sigmoid" for units that are flat at both ends; else ""."""

    @property
    def slopes(self) -> np.ndarray | None:
        """The slope of each output by what went into its unit, as a share of the largest; None if it is not known."""


class Model(Protocol):
    """A model that was fitted to rows."""

    def shaped(self, X: np.ndarray, params: Mapping[str, PyTree] | None = None) -> np.ndarray:
        """Return rows in the shape that the model takes."""

    def __call__(self, X: np.ndarray, *params: PyTree) -> Array:
        """Return the output of the model for each row."""

    def response(self, z: Array) -> Array:
        """Return predictions from outputs."""


@runtime_checkable
class FitLike(RunLike, Protocol):
    """A run whose point is the parameters of a model."""

    @property
    def model(self) -> Model:
        """The model."""

    @property
    def params(self) -> Mapping[str, PyTree]:
        """The fitted parameters by name."""

    @property
    def columns(self) -> Sequence[str] | None:
        """The names of the columns of X; None if X had no names."""

    @property
    def data(self) -> tuple[Rows, Array] | None:
        """X and y; None if the fit was loaded or read a stream."""


class BasisLike(Protocol):
    """The loss, the penalty and the rows of a fit."""

    @property
    def loss(self) -> Function:
        """The loss that was minimised."""

    @property
    def penalty(self) -> Function | None:
        """The penalty."""

    @property
    def X(self) -> Rows:  # noqa: N802 - the field's name for a table
        """All rows that the user gave, as numbers."""

    @property
    def y(self) -> Array:
        """Their targets."""

    @property
    def weight(self) -> Array:
        """Their weights."""

    @property
    def learnt(self) -> Array:
        """Which of them the model learnt from."""

    @property
    def validation(self) -> tuple[Array, Array, Array] | None:
        """Validation rows that were given apart, with targets and weights."""


@runtime_checkable
class PredictorLike(FitLike, Protocol):
    """A fit that predicts other rows, and has its loss, penalty and rows."""

    @property
    def basis(self) -> BasisLike | None:
        """The loss, the penalty and the rows of the fit; None if the rows are not at hand."""

    def predict(self, X: Rows) -> Array:
        """Return the predictions for rows."""

    def in_order(self, X: Rows) -> Rows:
        """Return rows with the columns of the fit, in their order."""


class ErrorsLike(Protocol):
    """How far the parameters of a fit may be from the truth."""

    @property
    def why(self) -> str:
        """Why there are no errors; "" if there are some."""

    @property
    def flat_errors(self) -> np.ndarray:
        """The standard errors, in the order of the trace."""

    @property
    def label(self) -> str:
        """The assumptions behind the errors, in words."""

    @property
    def scale(self) -> float:
        """The estimated variance of a target."""

    @property
    def distance(self) -> float:
        """How many standard errors the fit is from the minimum."""

    def quantile(self, level: float) -> float:
        """Return how many standard errors an interval extends to each side."""


@runtime_checkable
class SpreadLike(FitLike, Protocol):
    """A fit that knows how far its columns spread."""

    @property
    def spread(self) -> np.ndarray | None:
        """The standard deviation of each column; None if the model has no coefficients of columns."""


@runtime_checkable
class ImportanceLike(FitLike, Protocol):
    """A fit that tells how much each column matters."""

    def importance(self, *, repeats: int) -> dict[str, float]:
        """Return what the loss grows by if a column is shuffled so many times."""


@runtime_checkable
class StatedFitLike(PredictorLike, Protocol):
    """A fit that states how far its parameters and predictions may be off."""

    def uncertainty(self, *, level: float) -> ErrorsLike:
        """Return the errors of the parameters."""

    def predict(self, X: Rows, *, interval: str | None = None, level: float | None = None) -> Any:
        """Return predictions; with an interval three arrays, the predictions and the ends."""


@runtime_checkable
class BatchedFitLike(FitLike, Protocol):
    """A fit whose gradients on batches of rows are at hand."""

    @property
    def rows_learnt(self) -> int:
        """The number of rows that the parameters are learnt from."""

    def batch_gradients(self, params: PyTree, rows: Array) -> np.ndarray:
        """Return the gradient on each batch of rows."""


class FrameLike(Protocol):
    """The scales of a network."""

    @property
    def response(self) -> str:
        """The kind of its predictions: "probability", "probabilities", or that of numbers."""


class NetworkLike(Model, Protocol):
    """A network that was fitted to rows."""

    @property
    def frame(self) -> FrameLike | None:
        """Its scales."""


@runtime_checkable
class NetworkFitLike(FitLike, Protocol):
    """The fit of a network."""

    @property
    def model(self) -> NetworkLike:
        """The network."""

    @property
    def snapshots(self) -> Mapping[int, Mapping[str, PyTree]]:
        """The parameters of all members after some epochs; empty if they were not kept."""

    def member(self, number: int) -> dict[str, Array]:
        """Return the parameters of one member."""

    def member_loss(self, number: int, rows: int) -> Function:
        """Return the loss of one member as a function of its parameters."""


class FormLike(Protocol):
    """The facts of the rows that a tree was fitted to."""

    @property
    def response(self) -> str:
        """The kind of its predictions: "probability", "probabilities", or that of numbers."""

    @property
    def filled(self) -> np.ndarray:
        """The medians of the columns."""


class TreeLike(Model, Protocol):
    """A tree that was fitted to rows."""

    @property
    def form(self) -> FormLike | None:
        """The facts of the rows."""

    @property
    def splits(self) -> str:
        """Whether a split looks at "one" column or at a sum of "all"."""

    @property
    def leaves(self) -> str:
        """Whether leaves are "constant" or "linear"."""


class NodeLike(Protocol):
    """A node of a simplified tree."""

    @property
    def number(self) -> int:
        """The number of the split, or of the leaf."""

    @property
    def rows(self) -> int:
        """How many rows came here."""

    @property
    def prediction(self) -> np.ndarray | None:
        """The prediction of a leaf: a number, or a probability for each class; None for a split."""

    @property
    def question(self) -> tuple[str, str] | None:
        """The condition for going left, in two parts."""

    @property
    def left(self) -> NodeLike | None:
        """The node for rows that meet the condition; None for a leaf."""

    @property
    def right(self) -> NodeLike | None:
        """The node for the other rows; None for a leaf."""

    @property
    def leaves(self) -> Sequence[NodeLike]:
        """The leaves, from left to right."""


class SplitsLike(Protocol):
    """The splits of a whole tree: a row x goes right where w·x > t."""

    @property
    def weights(self) -> np.ndarray:
        """w of each node."""

    @property
    def thresholds(self) -> np.ndarray:
        """t of each node."""


class CoordinatesLike(Protocol):
    """The coordinates in which soft trees have their gates."""

    def inward(self, X: np.ndarray) -> np.ndarray:
        """Return rows in these coordinates."""


@runtime_checkable
class TreeFitLike(FitLike, Protocol):
    """The fit of a tree."""

    @property
    def model(self) -> TreeLike:
        """The tree."""

    @property
    def names(self) -> list[str]:
        """The names of the columns; x0, x1 and so on if X had none."""

    @property
    def splits(self) -> SplitsLike:
        """The splits of the whole tree."""

    @property
    def hard_losses(self) -> Sequence[float]:
        """The loss of each restart after its gates became hard splits."""

    @property
    def snapshots(self) -> Mapping[int, Mapping[str, Array]]:
        """The soft trees of all restarts after some epochs; empty if they are not at hand."""

    @property
    def coordinates(self) -> CoordinatesLike | None:
        """The coordinates of the soft trees; None if they are not at hand."""

    def outline(self) -> NodeLike:
        """Return the simplified tree."""


@runtime_checkable
class TableFitLike(FitLike, Protocol):
    """A fit to a table, with the name of the predicted column."""

    @property
    def fit(self) -> FitLike:
        """The fit to the numbers of the table."""

    @property
    def target(self) -> str:
        """The name of the predicted column."""

    @property
    def classes(self) -> Sequence[object] | None:
        """The labels of a classification; None for a regression."""


class LogTargetLike(Protocol):
    """The way back from the logarithms of a target, which were fitted."""

    def back(self, outputs: np.ndarray) -> np.ndarray:
        """Return predictions in the units of the target."""


class HeldOutLike(Protocol):
    """The rows that were held out of the fit to a table."""

    @property
    def truth(self) -> np.ndarray:
        """The targets: numbers, or the index of each row's class."""

    @property
    def predicted(self) -> np.ndarray:
        """The outputs of the model."""


@runtime_checkable
class TablePredictorLike(TableFitLike, Protocol):
    """A fit to a table that predicts other tables, and has rows that were held out of it."""

    @property
    def loss(self) -> Function:
        """The loss that was minimised."""

    @property
    def held_out(self) -> HeldOutLike | None:
        """The held-out rows; None if there are none."""

    def outputs(self, table: Table) -> tuple[np.ndarray, list[str], list[str]]:
        """Return the outputs of the model for each row of a table, notes, and notes on unseen texts."""


@runtime_checkable
class StrengthPathLike(Protocol):
    """The losses of rows left out at several strengths of a penalty, and the strength chosen."""

    @property
    def strengths(self) -> np.ndarray:
        """The strengths, the largest first; 0 for no penalty."""

    @property
    def scores(self) -> np.ndarray:
        """The loss of rows left out at each strength."""

    @property
    def paired(self) -> np.ndarray:
        """The standard errors of the differences from the least loss."""

    @property
    def chosen(self) -> float:
        """The strength that was chosen."""

    @property
    def method(self) -> str:
        """How rows were left out."""

    @property
    def title(self) -> str:
        """A title for pictures."""


@runtime_checkable
class PenaltyPathLike(Protocol):
    """The fits of a linear model at several strengths of a penalty."""

    @property
    def strengths(self) -> np.ndarray:
        """The strengths, from the largest to the smallest."""

    @property
    def coef(self) -> np.ndarray:
        """The coefficients: a row for each strength, and a column for each column of X."""

    @property
    def names(self) -> Sequence[str]:
        """The names of the columns."""

    @property
    def spread(self) -> np.ndarray:
        """The standard deviation of each column."""

    @property
    def losses(self) -> np.ndarray:
        """The loss on the rows of the fit at each strength, without the penalty."""

    @property
    def validation(self) -> np.ndarray | None:
        """The loss on other rows at each strength; None if there are none."""

    @property
    def penalty(self) -> str:
        """The name of the penalty."""

    @property
    def title(self) -> str:
        """The text above a picture."""


@runtime_checkable
class RaceLike(Protocol):
    """Runs of one function by different rules."""

    @property
    def runs(self) -> Mapping[str, RunLike]:
        """The runs by the names of their rules, in order."""

    @property
    def title(self) -> str:
        """The text above a picture."""


class LearningRatesLike(Protocol):
    """The values that short descents reach with several learning rates."""

    @property
    def rates(self) -> np.ndarray:
        """The learning rates."""

    @property
    def values(self) -> np.ndarray:
        """The value at the end of the descent with each."""

    @property
    def first_value(self) -> float:
        """The value at the start."""

    @property
    def limit(self) -> float:
        """The largest stable rate by the curvature at the start."""

    @property
    def diverges(self) -> float:
        """The rate from which on the descents end above their start."""

    @property
    def suggested(self) -> float:
        """The rate to use."""

    @property
    def rule(self) -> str:
        """The rule of the direction."""

    @property
    def steps(self) -> int:
        """The steps of each descent."""


class SensitivityLike(Protocol):
    """The best values that the rules of a race reach with several learning rates."""

    @property
    def names(self) -> Sequence[str]:
        """The rules that have a learning rate."""

    @property
    def rates(self) -> np.ndarray:
        """The learning rates."""

    @property
    def values(self) -> np.ndarray:
        """The best value reached, for each rule and rate."""

    @property
    def diverged(self) -> np.ndarray:
        """Whether the descent diverged, for each rule and rate."""

    @property
    def given(self) -> np.ndarray:
        """The learning rate of each rule in the race."""

    @property
    def given_values(self) -> np.ndarray:
        """The best value reached with it."""

    @property
    def unrated(self) -> Mapping[str, float]:
        """The best values of rules without a learning rate."""

    @property
    def best(self) -> float:
        """The value from which gaps are measured."""

    @property
    def budget(self) -> int:
        """The evaluations that each descent had."""

    @property
    def order(self) -> Sequence[str]:
        """All rules of the race, in order."""

    @property
    def title(self) -> str:
        """The text above a picture."""


@runtime_checkable
class BasinsLike(Protocol):
    """A map of the minima that are reached by descent from the starts on a grid."""

    @property
    def grid_x(self) -> np.ndarray:
        """The first coordinates of the starts."""

    @property
    def grid_y(self) -> np.ndarray:
        """The second coordinates of the starts."""

    @property
    def labels(self) -> np.ndarray:
        """The row of the minimum that is reached from each start; -1 for no minimum."""

    @property
    def minima(self) -> np.ndarray:
        """The minima."""

    @property
    def values(self) -> np.ndarray:
        """The values of the minima."""

    @property
    def counts(self) -> np.ndarray:
        """The number of starts from which each minimum is reached."""

    @property
    def iterations(self) -> np.ndarray:
        """The number of steps from each start."""

    @property
    def diverged(self) -> np.ndarray | None:
        """Whether the descent from each start diverged; None if that is not known."""

    @property
    def maximized(self) -> bool:
        """Whether the minima are maxima."""

    @property
    def names(self) -> tuple[str, str]:
        """The names of the variables."""

    @property
    def title(self) -> str:
        """The text above a picture."""


def log_target_of(run: object) -> LogTargetLike | None:
    """Return the way back from the logarithms that the fit of a table predicts; None if it predicts none.

    Parameters
    ----------
    run : run or fit
        The run.

    Returns
    -------
    LogTargetLike or None
        The way back.
    """
    found: LogTargetLike | None = getattr(run, "log_target", None)
    return found


def fitted_target(run: object) -> str:
    """Return what the fit of a table was fitted to, in words: its target or the logarithm of that.

    Parameters
    ----------
    run : run or fit
        The run.

    Returns
    -------
    str
        The words; "" if the run is not the fit of a table.
    """
    if not isinstance(run, TableFitLike):
        return ""
    return run.target if log_target_of(run) is None else f"log of {run.target}"


def has_members(run: RunLike) -> bool:
    """Return whether a run is the fit of a network, whose trace has the losses of its members.

    Parameters
    ----------
    run : run or fit
        The run.

    Returns
    -------
    bool
        Whether its trace has members.
    """
    return "training 1" in run.trace.columns


def has_restarts(run: RunLike) -> bool:
    """Return whether a run is the fit of a tree, whose trace has the losses of its restarts.

    Parameters
    ----------
    run : run or fit
        The run.

    Returns
    -------
    bool
        Whether its trace has restarts.
    """
    return "restart 1" in run.trace.columns


def tree_of(run: RunLike) -> TreeFitLike | None:
    """Return the fit of a tree: the run itself, or the fit inside that of a table; None for other runs.

    Parameters
    ----------
    run : run or fit
        The run.

    Returns
    -------
    TreeFitLike or None
        The fit of the tree.
    """
    inner = run.fit if isinstance(run, TableFitLike) else run
    return inner if isinstance(inner, TreeFitLike) else None
