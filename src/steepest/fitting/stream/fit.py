"""`fit` for an iterator of blocks; a few arguments of `fit` are not supported."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import DTypeLike

from steepest.arguments import generator
from steepest.derivatives.bounds import Box
from steepest.derivatives.objective import Objective
from steepest.derivatives.process.forks import check_fork
from steepest.derivatives.process.interrupts import interruptible
from steepest.derivatives.structure import Calling, Structure
from steepest.descent.budget import Budget
from steepest.descent.driver import Driver
from steepest.descent.ending import Ending
from steepest.descent.plan import Plan
from steepest.descent.view import View
from steepest.fitting.options import ModelLike, check_rescaling, check_shuffle, read_model, read_rows
from steepest.fitting.result import Fit
from steepest.fitting.stream.adaptive import AdaptiveLearner, Forget, Learner, forgetting, read_forget
from steepest.fitting.stream.blocks import Block, Blocks
from steepest.fitting.stream.learner import BATCH, StreamLearner
from steepest.fitting.stream.solver import StreamSolver
from steepest.models import Linear, losses
from steepest.models.penalties import L1, L2, ElasticNet, is_standard, kink_of, scales_of
from steepest.printable import quoted
from steepest.rules import directions, steps
from steepest.rules.pair import Rules
from steepest.trace import Outcome
from steepest.types import Array, Callback, Function, PyTree, RuleLike, Seed

# A last block of at least this many rows tells whether the model has learnt anything. Chosen, not measured: the loss of
# fewer rows varies more by chance.
TELLING = 100
ADVICE = "for the exact answer, fit all rows at once if memory holds them"
# The most drifts that a message gives one by one. Chosen, not measured.
MOST_DRIFTS = 3
# A limit on updates that no stream reaches.
ENDLESS = 2**62


@interruptible()
def fit_blocks(
    model: ModelLike, X: Iterator[tuple[Array, ...]], start: PyTree, loss: str | Function | None,
    penalty: str | Function | None, *, epochs: int | None, step: RuleLike, rescale: str, shuffle: str | bool,
    batch_size: int | None, dtype: DTypeLike | None, seconds: float | None, rng: Seed, callback: Callback | None,
    progress: bool | None, forget: Forget, need_all_rows: Mapping[str, object],
) -> Fit:  # fmt: skip
    """Fit a linear model to a stream.

    `need_all_rows` are the arguments of `fit` that a stream does not support, by name: each must be None.
    """
    check_fork()
    model = read_model(model)
    if not isinstance(model, Linear):
        raise TypeError("X is an iterator, and only linear models learn from one: give arrays, or models.Linear()")
    unsupported = [name for name, value in need_all_rows.items() if value is not None]
    if not (isinstance(step, str) and step == "auto"):
        unsupported.append("step")
    if unsupported:
        raise ValueError(
            f"X is an iterator, and {unsupported[0]}= has no meaning for a single reading of its blocks: leave it out"
        )
    if epochs not in (None, 1):
        raise ValueError(
            f"epochs={quoted(epochs)}: X is an iterator, which can be read only once: give arrays for more epochs"
        )
    if not (penalty is None or isinstance(penalty, (L1, L2, ElasticNet))):
        raise ValueError(
            f"penalty={quoted(penalty)}: X is an iterator, which supports only the penalties L1, L2 and ElasticNet: "
            "use one of them, or give arrays"
        )
    if kink_of(penalty) and rescale == "whiten":
        raise ValueError(
            f"penalty={quoted(penalty)}: it sets coefficients to 0, and rescale='whiten' mixes them: leave rescale= out"
        )
    check_rescaling(rescale)
    check_shuffle(shuffle)
    asked = Budget.of(None, seconds, epochs=epochs)
    cost = losses.named(model.loss if loss is None else loss)
    if cost not in (losses.squared, losses.log_loss):
        raise ValueError(
            "X is an iterator, which supports only the squared loss and log loss: give arrays for other losses"
        )
    size, random = read_rows(batch_size), generator(rng) if shuffle else None
    blocks = Blocks(X, model, cost, dtype, whitened=rescale == "whiten")
    first = next(blocks, None)
    if first is None:
        raise ValueError("the stream has no rows: give an iterator of (X, y) blocks that was not read before")
    params = model.start(first.X, start)
    point = np.append(params["coef"], params["intercept"])
    scales = scales_of(penalty) if not is_standard(penalty) else None
    if scales is not None and len(scales) != len(point) - 1:
        raise ValueError(
            f"penalty={quoted(penalty)} has {len(scales):,} scales, and the blocks have {len(point) - 1:,} columns: "
            "give one for each"
        )
    learner: Learner = StreamLearner(model, cost, penalty, rescale, size or BATCH, random, point)
    learner = forgetting(learner, read_forget(forget))
    if start is None:
        learner.begin(first)
    budget = Budget(seconds=seconds, most=ENDLESS, began=asked.began)
    return fit_stream(learner, blocks, first, params, budget, callback, progress)[0]


@dataclass(frozen=True)
class StreamView(View):
    """The view of a stream, which is read once: its trace has a row per block and a single epoch."""

    def epochs(self, rows: np.ndarray) -> np.ndarray:
        """Return the epoch of each row of the trace: 0 at the start, 1 from the first block on."""
        return np.minimum(rows[:, 1:2], 1)


def fit_stream(
    learner: Learner, blocks: Blocks, first: Block, params: dict[str, np.ndarray], budget: Budget,
    callback: Callback | None, progress: bool | None,
) -> tuple[Fit, Learner]:  # fmt: skip
    """Read a stream to its end.

    Parameters
    ----------
    learner : StreamLearner or AdaptiveLearner
        The model at its start.
    blocks, first : Blocks, Block
        The stream without its first block, and that block.
    params : dict
        Parameters, which show the layout.
    budget, callback, progress
        As for a descent.

    Returns
    -------
    Fit, StreamLearner or AdaptiveLearner
        The fit, whose message says that it is approximate, and the learner at its end.
    """
    structure, _ = Structure.of(params)
    names = structure.names if first.names is None else (*first.names, "intercept")
    view = StreamView(Calling(structure, spread=False), names, "epoch")
    solvers: list[StreamSolver] = []

    def begun(
        objective: Objective, rules: Rules, sign: float, tolerance: float, start: np.ndarray, box: Box | None
    ) -> StreamSolver:  # fmt: skip
        solver = StreamSolver(
            objective, rules, sign, tolerance, start, box, learner=learner, first=first, blocks=blocks
        )
        solvers.append(solver)
        return solver

    def value_and_grad(x: np.ndarray) -> tuple[float, np.ndarray]:
        # A block is read only once, so the value and the gradient are those of the last block, before the model learnt
        # from it.
        return solvers[0].value, solvers[0].learner.slope

    why = "exact: the loss was traced and compiled"
    # `heavy` makes the driver look at the clock after each block, which may take long.
    objective = Objective(len(view.names), lambda x: value_and_grad(x)[0], value_and_grad, "traced", why, heavy=True)
    plan = Plan(objective, view, Rules(directions.Plain(), steps.DoG()), 1.0, budget, solver=begun)
    with plan.progress(progress) as shown:
        driver = Driver(plan, learner.answer, callback, shown)
        run = driver.finish(concluded(driver.go(), solvers[0]))
        shown.finish(run.trace)
    known = {f.name: getattr(run, f.name) for f in fields(run)} | {"objective": None, "view": None}
    return Fit(**known, model=learner.model, columns=first.names), solvers[0].learner


def concluded(ending: Ending, solver: StreamSolver) -> Ending:
    """Return the ending of a stream, with its message; no success if the last block shows that nothing was learnt."""
    outcome, cause = ending.outcome, ending.facts if ending.outcome is Outcome.RAISED else ""
    if outcome is Outcome.INTERRUPTED:
        cause = f"stopped at block {solver.blocks.number}; "
    gains = solver.learner.gains(solver.block, solver.learner.answer)
    flat = solver.learner.is_flattened(solver.block, solver.learner.answer)
    if outcome is Outcome.COMPLETED and not (gains or flat) and len(solver.block.y) >= TELLING:
        outcome = Outcome.ITERATION_LIMIT
    worse = "" if gains else "on the last block the model is no better than the start; "
    if flat:
        worse = "the penalty sets all coefficients to 0; "
    blocks = f"{solver.count:,} block{'s' * (solver.count != 1)}"
    read = f"{solver.rows:,} rows in {blocks} were read once, so the answer is approximate"
    return Ending(outcome, f"{cause}{read}; {worse}{drifted(solver.learner)}{ADVICE}")


def drifted(learner: Learner) -> str:
    """Return the words on drifts that were found; "" if there were none."""
    found = learner.drifts if isinstance(learner, AdaptiveLearner) else ()
    if not found:
        return ""
    rows = ", ".join(f"{row:,}" for row in found[-MOST_DRIFTS:])
    head = f"{len(found)} signs of drift, the last" if len(found) > MOST_DRIFTS else "signs of drift"
    return f"{head} after {rows} rows: a model of the last rows predicted better, and the rows before count less; "
