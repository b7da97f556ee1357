"""`Case`: the facts of a run that a diagnosis rests on, each computed once."""

from __future__ import annotations

import ast
from collections.abc import Callable
from functools import cached_property
from typing import Any, TypeVar

import numpy as np

from steepest.call import Call, Code
from steepest.inspection.diagnosis.at_hand import RowsAtHand
from steepest.inspection.diagnosis.curvature import EXACT, Curvature, measured, seen
from steepest.inspection.diagnosis.curvature import ROUNDING as OF_DIFFERENCES
from steepest.inspection.diagnosis.function import FunctionAtHand
from steepest.inspection.diagnosis.loop import is_of_batches, is_plain
from steepest.inspection.diagnosis.pace import OTHER, Pace
from steepest.inspection.diagnosis.tail import Tail, tail_of
from steepest.inspection.protocol import BasisLike, FitLike, ResultLike, TableFitLike
from steepest.trace import Outcome, Trace

Made = TypeVar("Made")

# The most pairs of rows whose secants are computed.
MOST_PAIRS = 1_000
# The words in `why` of a run whose values differ from call to call.
REPEATS = "differ from call to call"
# Losses that are never below zero.
LOSSES = ("squared", "huber", "absolute", "log loss", "softmax", "hinge", "squared hinge")
# The points at equal distances of the sum of the sizes at which the values of a schedule are compared.
SAMPLES = 60
# The schedules of steepest.
SCHEDULES = ("Shrinking", "Exponential", "Staircase", "Cosine", "OneCycle", "Schedule")
# Changes of a gradient or a value below this share of it are rounding errors.
ROUNDING = 1e-8
# A drop of the value by plain descent is t g² (1 - tλ/2), so never above t g² where the function curves upwards. Half
# of the rows may exceed it by this share, for curvature that changes.
PLAIN = 1.05


class Case:
    """The facts of a run that a diagnosis rests on, each computed once.

    Values have their sign turned if the run maximised, so that lower is better. Columns that the trace lacks are NaN.

    Parameters
    ----------
    run : ResultLike
        The run or fit.
    probe : bool
        Whether its function may be evaluated again.
    """

    def __init__(self, run: ResultLike, probe: bool) -> None:
        self.run = run
        self.sign = -1.0 if run.maximized else 1.0
        self.function = FunctionAtHand(run, probe)
        self._made: dict[str, Any] = {}

    @property
    def trace(self) -> Trace:
        """The record."""
        return self.run.trace

    @property
    def outcome(self) -> Outcome:
        """How the run ended."""
        return self.run.outcome

    @cached_property
    def call(self) -> Call | None:
        """How the run was asked for; None if that is not known."""
        return getattr(self.run, "call", None)

    def asked(self, name: str) -> Any:
        """Return an argument of the call; None if it was not given or is not known.

        Parameters
        ----------
        name : str
            The argument.

        Returns
        -------
        object
            The value as it was given.
        """
        return self.call.get(name) if self.call else None

    def column(self, name: str) -> np.ndarray:
        """Return a column of the trace; NaN if it has none of this name.

        Parameters
        ----------
        name : str
            The name.

        Returns
        -------
        array
            The numbers, one for each row.
        """
        if name in self.trace.columns:
            return np.asarray(self.trace.columns[name], dtype=float)
        return np.full(len(self.trace), np.nan)

    def once(self, name: str, make: Callable[[], Made]) -> Made:
        """Return what several finders of a room share, made when it is first asked for.

        Parameters
        ----------
        name : str
            A name for it.
        make : callable
            Makes it.

        Returns
        -------
        object
            What was made.
        """
        if name not in self._made:
            self._made[name] = make()
        return self._made[name]

    @cached_property
    def value(self) -> np.ndarray:
        """The value of each row; lower is better."""
        return self.sign * self.column("value")

    @cached_property
    def slope(self) -> np.ndarray:
        """The norm of the gradient of each row."""
        return self.column("gradient_norm")

    @cached_property
    def size(self) -> np.ndarray:
        """The step size that led to each row."""
        return self.column("step_size")

    @cached_property
    def iteration(self) -> np.ndarray:
        """The iteration of each row."""
        return self.column("iteration")

    @cached_property
    def validation(self) -> np.ndarray:
        """The loss on other rows."""
        return self.column("validation")

    @cached_property
    def points(self) -> np.ndarray | None:
        """The points, one for each row; None if they are not recorded, or only as a sketch."""
        x = np.asarray(self.trace.x, dtype=float)
        size = sum(np.size(leaf) for leaf in _leaves(self.run.x))
        is_sketch = any(str(name).startswith("projection ") for name in self.trace.names[-1:])
        return x if x.shape[1] and x.shape[1] == size and not is_sketch else None

    @cached_property
    def fit(self) -> FitLike | None:
        """The fit, which is that inside the fit of a table; None if the run is no fit."""
        run = self.run.fit if isinstance(self.run, TableFitLike) else self.run
        return run if isinstance(run, FitLike) else None

    @cached_property
    def basis(self) -> BasisLike | None:
        """The loss, the penalty and the rows of the fit; None if they are not at hand."""
        return getattr(self.fit, "basis", None)

    @cached_property
    def rows(self) -> RowsAtHand | None:
        """The rows that the fit learned from; None if they are not at hand."""
        return RowsAtHand.of(self.fit)

    @cached_property
    def pace(self) -> Pace:
        """The rule of the steps and their sizes."""
        asked = self.asked("step") if self.asked("step") is not None else self.asked("learning_rate")
        if isinstance(asked, Code):
            asked = ast.literal_eval(asked)
        elif asked is None and self.call is not None:
            # A loaded run has its schedule as code, and one that was asked for without a step has found its sizes.
            code = self.call.arguments.get("step")
            asked = "auto" if code is None else _schedule if _is_schedule(str(code)) else None
        direction = getattr(self.fit or self.run, "direction", {})
        if self.is_loop and is_plain(self.size, self.points, self._recorded) is False:
            direction = {"name": OTHER}
        return Pace.of(direction, asked, self.size, self.iteration, self.is_loop)

    @cached_property
    def is_loop(self) -> bool:
        """Whether the run was recorded in a loop of the user's own."""
        return self.outcome is Outcome.RECORDED

    @cached_property
    def is_batched(self) -> bool:
        """Whether the steps were taken on batches of rows, as asked, or as the values of a loop show."""
        return self.asked("batch_size") is not None or self._jumps

    @cached_property
    def _jumps(self) -> bool:
        """Whether the values of a loop jump about as those of batches do."""
        if not self.is_loop:
            return False
        return is_of_batches(self.value, self.slope, self.size, self.points, self._recorded)

    @cached_property
    def _recorded(self) -> np.ndarray | None:
        """The gradients that a loop recorded, of what it lowered."""
        given = getattr(self.run, "gradients", None)
        return None if given is None else self.sign * np.asarray(given, dtype=float)

    @cached_property
    def noisy(self) -> bool:
        """Whether values at one point differ from call to call: as the run has seen, or as one more call tells."""
        if float(getattr(self.run, "noise", 0.0) or 0.0) > 0 or REPEATS in self.run.why:
            return True
        # The code of a function that was traced is known, and repeats.
        x = self.points
        if self.run.kind == "traced" or x is None or not len(x) or self.fit is not None or self.is_loop:
            return False
        first, again = self.function.value(x[0]), self.function.value_again(x[0])
        known = first is not None and again is not None and np.isfinite([first, again]).all()
        return bool(known and first != again)

    @cached_property
    def place(self) -> np.ndarray | None:
        """The best point, flat; None if it is not known or not finite."""
        try:
            x = np.concatenate([np.ravel(np.asarray(leaf, dtype=float)) for leaf in _leaves(self.run.x)])
        except (TypeError, ValueError):
            return None
        return x if x.size and np.isfinite(x).all() else None

    @cached_property
    def free(self) -> np.ndarray:
        """Which entries of `place` may move: those that were not fixed and lie on no bound."""
        size = 0 if self.place is None else len(self.place)
        names = list(self.trace.names)
        held = {*getattr(self.run, "at_bound", {}), *getattr(self.run, "fixed", {})}
        return np.array([name not in held for name in names]) if len(names) == size else np.ones(size, dtype=bool)

    @cached_property
    def slope_at_place(self) -> np.ndarray | None:
        """The gradient at `place`, by one probe; None if the function is not at hand."""
        found = None if self.place is None else self.function.gradient(self.place)
        return found if found is not None and np.isfinite(found).all() else None

    @cached_property
    def curvature(self) -> Curvature | None:
        """The curvature at `place`, by up to five products with the Hessian, else by the gradients of the trace.

        None if it is not known.
        """
        if self.slope_at_place is None:
            return self._curvature_seen()
        slope, x = self.slope_at_place, self.place
        if slope is None or x is None or len(slope) != len(x) or getattr(self.run, "within", None) is not None:
            return None
        other = np.random.default_rng(len(x)).standard_normal(len(x))
        if self.points is not None and len(self.points) > 1 and np.isfinite(self.points[:2]).all():
            first = self.points[1] - self.points[0]
            length = np.linalg.norm(first)
            other = other / np.linalg.norm(other) / 10 + (first / length if length > 0 else 0.0)
        single = float(getattr(getattr(self.run, "objective", None), "precision", 0.0)) > EXACT
        rounding = EXACT if self.run.kind == "traced" and not single else OF_DIFFERENCES
        return measured(lambda v: self.function.product(x, v), slope, other, self.free, rounding)

    def _curvature_seen(self) -> Curvature | None:
        x, g = self.points, self.gradients
        rows = self.sane[:-1] if len(self.sane) > 1 else self.sane
        if x is None or g is None or len(g) != len(x) or len(rows) <= x.shape[1]:
            return None
        if len(rows) > MOST_PAIRS:
            rows = rows[np.unique(np.geomspace(1, len(rows), MOST_PAIRS).astype(int) - 1)]
        rows = rows[np.isfinite(g[rows]).all(axis=1)]
        with np.errstate(all="ignore"):
            return seen(x[rows], g[rows]) if len(rows) else None

    @cached_property
    def gradients(self) -> np.ndarray | None:
        """The gradient of each row: recorded, or told by the moves of plain descent; None if they are not known."""
        if self._recorded is not None:
            return self._recorded
        x, pace = self.points, self.pace
        held = getattr(self.run, "bounds", {}) or getattr(self.run, "within", None) is not None
        known = pace.rule in ("Plain", "Momentum") or (pace.rule == "Nesterov" and not self._restarts)
        if self.is_loop or x is None or not known or self.trace.stride > 1 or self.is_batched or held:
            return None
        with np.errstate(all="ignore"):
            moved = (x[:-1] - x[1:]) / self.size[1:, None]
            if pace.rule == "Momentum":
                moved = moved - pace.decay * _later(moved, 1)
            elif pace.rule == "Nesterov":
                moved = _without_velocity(moved, pace.decay)
        return np.vstack([moved, np.full((1, x.shape[1]), np.nan)])

    @property
    def _restarts(self) -> bool:
        return bool(getattr(self.fit or self.run, "direction", {}).get("restart", False))

    @cached_property
    def sane(self) -> np.ndarray:
        """The rows whose values are at most as far above the first as that lies above the best."""
        known = self.value[np.isfinite(self.value)]
        if not known.size:
            return np.zeros(0, dtype=int)
        limit = known[0] + max(known[0] - known.min(), 0.0)
        # The first three rows show how a descent blows up, before it reaches points that are far away.
        is_sane = (self.value <= limit) | ((np.arange(len(self.value)) < 3) & np.isfinite(self.value))
        return np.flatnonzero(is_sane)

    @cached_property
    def secants(self) -> np.ndarray:
        """Curvature seen on the way, |Δg| / |Δx| from one row to the next: at most the largest eigenvalue there.

        From the norms of gradients alone it is that along the gradient, 2/t (1 + Δf / (t g²)), if the descent is plain.
        """
        rows = self.sane[:-1][np.diff(self.sane) == 1] if len(self.sane) > 1 else self.sane[:0]
        if len(rows) > MOST_PAIRS:
            rows = rows[np.unique(np.geomspace(1, len(rows), MOST_PAIRS).astype(int) - 1)]
        g, x = self.gradients, self.points
        with np.errstate(all="ignore"):
            if g is not None and x is not None and len(g) == len(x):
                turn, move = (
                    np.linalg.norm(g[rows + 1] - g[rows], axis=1),
                    np.linalg.norm(x[rows + 1] - x[rows], axis=1),
                )
                floor = np.linalg.norm(x[rows], axis=1)
                clear = (turn > ROUNDING * np.linalg.norm(g[rows], axis=1)) & (move > ROUNDING * floor)
                found = np.where(clear, turn / move, np.nan)
            else:
                found = self._curvature_along(rows)
        return found[np.isfinite(found)]

    def _curvature_along(self, rows: np.ndarray) -> np.ndarray:
        """Return the curvature along the gradient from the drop of the value; NaN unless the descent is plain."""
        lost = np.full(len(rows), np.nan)
        if self.pace.rule not in ("Plain", "") or self.trace.stride > 1 or self.is_batched or not len(rows):
            return lost
        t = self.size[rows if self.is_loop else rows + 1]
        drop = self.value[rows] - self.value[rows + 1]
        share = drop / (t * self.slope[rows] ** 2)
        clear = np.abs(drop) > 1e-11 * np.abs(self.value[rows])
        # A loop may use another rule than plain descent, in which the drop has nothing to do with t g².
        if not clear.any() or np.median(share[clear]) > PLAIN or share[clear][0] > PLAIN:
            return lost
        return np.where(clear & (share < 1), 2 / t * (1 - share), np.nan)

    @cached_property
    def top_seen(self) -> float:
        """The largest curvature that the rows of the trace show; NaN if they show none."""
        return float(self.secants.max()) if self.secants.size and self.secants.max() > 0 else np.nan

    @cached_property
    def top_curvature(self) -> float:
        """The largest curvature: at `place` if that is known, else that seen on the way; NaN if it is not known."""
        return self.top_seen if self.curvature is None else self.curvature.top

    @cached_property
    def tail(self) -> Tail:
        """How fast the last values fell, by iterations; with a schedule, by steps of its largest size."""
        value, at = self.value[self.sane], self.iteration[self.sane]
        if self.pace.kind != "schedule" or len(at) < SAMPLES // 2:
            return tail_of(value, at)
        # A schedule that ends makes the values seem to converge. In the sum of its sizes they fall as before.
        size = np.nan_to_num(self.size)
        way = np.cumsum(np.where(np.arange(len(size)) > 0, np.roll(size, 1) if self.is_loop else size, 0.0))[self.sane]
        even = np.linspace(way[0], way[-1], SAMPLES)
        return tail_of(np.interp(even, way, value), even / self.pace.peak)

    @cached_property
    def fall(self) -> float:
        """How far the value fell, from the first row to the best."""
        known = self.value[np.isfinite(self.value)]
        return float(known[0] - known.min()) if known.size else np.nan

    @cached_property
    def gap_left(self) -> float:
        """How far the best value may lie above the minimum: by the curvature at hand, else by the rate of the tail."""
        gap = self.tail.gap
        if self.curvature is not None and self.curvature.is_bowl.any():
            # Along a bent valley the values may fall farther than the quadratic model.
            gap = max(self.curvature.gap, gap if np.isfinite(gap) else 0.0)
        known = self.value[np.isfinite(self.value)]
        # A loss does not fall below zero, whatever a tail or a local model says.
        return min(gap, float(known.min())) if self.is_loss and known.size and gap > 0 else gap

    @cached_property
    def is_loss(self) -> bool:
        """Whether the value is a loss, and penalties, that are never below zero."""
        return getattr(getattr(self.basis, "loss", None), "name", "") in LOSSES

    @cached_property
    def is_network(self) -> bool:
        """Whether the parameters hold matrices that multiply each other or the rows, as in a network.

        The loss of such a model has flat directions everywhere, along which it falls for as long as one waits.
        """
        names = list(self.trace.names)
        return any(", " in name and "[" in name and not name.startswith("coef[") for name in names)

    @cached_property
    def is_quadratic(self) -> bool:
        """Whether the function at hand is quadratic: along a line its third differences are rounding errors.

        So is the squared loss of a model that is linear in its parameters.
        """
        x = self.points
        if x is None or not len(x) or not np.isfinite(x[0]).all() or not self.function.is_at_hand or self.noisy:
            return False
        rng = np.random.default_rng(x.shape[1])
        # Steps of the size of the parameters, or of their moves, show what is not quadratic.
        moved = np.abs(x[self.sane] - x[0]).max(axis=0) if len(self.sane) else np.zeros(x.shape[1])
        size = np.maximum(np.abs(x[0]), moved)
        along = np.where(size > 0, size, max(float(size.max()), 1.0)) * rng.choice([-1.0, 1.0], x.shape[1])
        along *= rng.uniform(0.5, 1.0, x.shape[1])
        found = [self.function.value(x[0] + k * along) for k in range(-1, 3)]
        if any(value is None or not np.isfinite(value) for value in found):
            return False
        values = np.array(found, dtype=float)
        bend, error = float(np.abs(np.diff(values, 2)).max()), 64 * np.finfo(float).eps * float(np.abs(values).max())
        return bool(bend > 100 * error and abs(np.diff(values, 3)[0]) <= ROUNDING * bend + error)

    @cached_property
    def share_left(self) -> float:
        """The share of the whole descent that is still ahead; NaN if it is not known."""
        if self.gap_left == np.inf:
            return 1.0
        whole = self.fall + self.gap_left
        return self.gap_left / whole if whole > 0 else np.nan


def _schedule(k: int) -> float:
    """Stand for a schedule that is known by its code alone."""
    raise NotImplementedError


def _is_schedule(code: str) -> bool:
    """Return whether the code of a step is that of a schedule, or the name of a function."""
    return code.removeprefix("st.steps.").split("(")[0] in SCHEDULES or code.isidentifier()


def _later(rows: np.ndarray, by: int) -> np.ndarray:
    """Return rows moved down by so many, with zeros above."""
    return np.vstack([np.zeros((min(by, len(rows)), rows.shape[1])), rows[: max(len(rows) - by, 0)]])


def _without_velocity(moved: np.ndarray, decay: float) -> np.ndarray:
    """Return the gradients behind the moves of Nesterov's momentum, divided by the step size.

    A move is g + μv, with v ← μv + g. So v is a sum of past moves with the factors aʲ / (1 + μ), a = μ / (1 + μ), which
    six doublings bring to 64 terms, and a⁶⁴ < 1e-19.
    """
    factor = decay / (1 + decay)
    velocity = moved / (1 + decay)
    for power in range(6):
        velocity = velocity + factor ** (2**power) * _later(velocity, 2**power)
    return velocity - decay * _later(velocity, 1)


def _leaves(tree: Any) -> list[Any]:
    if isinstance(tree, dict):
        return [leaf for each in tree.values() for leaf in _leaves(each)]
    if isinstance(tree, (list, tuple)):
        return [leaf for each in tree for leaf in _leaves(each)]
    return [tree]
