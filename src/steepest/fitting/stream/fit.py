"""`fit` of an iterator of blocks, which only some of its arguments suit."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from steepest.arguments import generator
from steepest.derivatives.objective import Objective
from steepest.derivatives.structure import Calling, Structure
from steepest.descent.budget import Budget
from steepest.descent.driver import Driver
from steepest.descent.ending import Ending
from steepest.descent.plan import Plan
from steepest.descent.view import View
from steepest.fitting.options import check_rescaling, check_shuffle, read_model, read_rows
from steepest.fitting.result import Fit
from steepest.fitting.stream.blocks import Block, Blocks
from steepest.fitting.stream.learner import BATCH, StreamLearner
from steepest.fitting.stream.solver import StreamSolver
from steepest.models import Linear, losses
from steepest.models.penalties import L2
from steepest.rules import directions, steps
from steepest.rules.pair import Rules
from steepest.trace import Outcome
from steepest.types import Callback

# A block of so many rows tells whether an answer is of use.
TELLING = 100
ADVICE = "all rows at once, where memory holds them, give the exact one"
# More updates than any stream brings.
ENDLESS = 2**62


def fit_blocks(
    model: Any, X: Any, start: Any, loss: Any, penalty: Any, asked: dict[str, Any], how: dict[str, Any], dtype: Any,
    seconds: Any, rng: Any, callback: Any, progress: Any,
) -> Fit:  # fmt: skip
    """Fit a linear model to a stream; arguments that need all rows at once are refused."""
    model = read_model(model)
    if not isinstance(model, Linear):
        raise TypeError("X is an iterator, which only linear models learn from: give arrays, or models.Linear()")
    epochs, step, rescale, shuffle = how["epochs"], how["step"], how["rescale"], how["shuffle"]
    given = [word for word, value in asked.items() if value is not None]
    if given or not (isinstance(step, str) and step == "auto"):
        word = (given or ["step"])[0]
        raise ValueError(f"X is an iterator: {word}= has no meaning for a single reading of its blocks; leave it out")
    if epochs not in (None, 1):
        raise ValueError(f"epochs={epochs!r}: X is an iterator, which can be read only once; give arrays for more")
    if not (penalty is None or isinstance(penalty, L2)):
        raise ValueError(f"penalty={penalty!r}: X is an iterator, for which only penalties.L2 is known")
    check_rescaling(rescale)
    check_shuffle(shuffle)
    Budget.of(None, seconds, epochs=epochs)
    own: Any = model.loss
    cost = losses.named(own if loss is None else loss)
    if cost not in (losses.squared, losses.log_loss):
        raise ValueError(
            "X is an iterator: a single reading takes the squared loss or log loss; give arrays for others"
        )
    size, draws = read_rows(how["batch_size"]), generator(rng) if shuffle else None
    blocks = Blocks(X, model, cost, dtype, whitened=rescale == "whiten")
    first = next(blocks, None)
    if first is None:
        raise ValueError("the stream brought no rows: give an iterator of (X, y) blocks that was not read before")
    params = model.start(first.X, start)
    point = np.append(params["coef"], params["intercept"])
    learner = StreamLearner(model, cost, penalty.strength if penalty else 0.0, rescale, size or BATCH, draws, point)
    if start is None:
        learner.begin(first)
    budget = Budget(seconds=seconds, most=ENDLESS)
    return fit_stream(learner, blocks, first, params, budget, callback, progress)[0]


@dataclass(frozen=True)
class StreamView(View):
    """The view of a stream, which is read once: its trace has a row a block, and one epoch in all."""

    def epochs(self, rows: np.ndarray) -> np.ndarray:
        """Return the epoch of each row of the trace: 0 at the start, 1 from the first block on."""
        return np.minimum(rows[:, 1:2], 1)


def fit_stream(
    learner: StreamLearner, blocks: Blocks, first: Block, params: dict[str, np.ndarray], budget: Budget,
    callback: Callback | None, progress: bool | None,
) -> tuple[Fit, StreamLearner]:  # fmt: skip
    """Read a stream to its end.

    Parameters
    ----------
    learner : StreamLearner
        The model at its start.
    blocks, first : Blocks, Block
        The stream, and the block that was read from it already.
    params : dict
        The layout of the parameters.
    budget, callback, progress
        As for a descent.

    Returns
    -------
    Fit, StreamLearner
        The fit, which says that it is approximate, and the learner after it.
    """
    structure, _ = Structure.of(params)
    names = structure.names if first.names is None else (*first.names, "intercept")
    view = StreamView(Calling(structure, spread=False), names, "epoch")
    solvers: list[StreamSolver] = []

    def begun(*arguments: Any) -> StreamSolver:
        solvers.append(StreamSolver(*arguments, learner=learner, first=first, blocks=blocks))
        return solvers[0]

    def slope(x: np.ndarray) -> tuple[float, np.ndarray]:
        # A stream gives no block twice: these are of the last one, before it was learnt from.
        return solvers[0].value, solvers[0].learner.slope

    why = "exact: the loss was traced and compiled"
    # The driver looks at the clock after each block, however long it takes.
    objective = Objective(len(view.names), lambda x: slope(x)[0], slope, "traced", why, heavy=True)
    plan = Plan(objective, view, Rules(directions.Plain(), steps.DoG()), 1.0, budget, solver=begun)
    with plan.progress(progress) as shown:
        driver = Driver(plan, learner.average, callback, shown)
        run = driver.finish(concluded(driver.go(), solvers[0]))
        shown.finish(run.trace)
    known = {f.name: getattr(run, f.name) for f in fields(run)} | {"objective": None, "view": None}
    return Fit(**known, model=learner.model, columns=first.names), solvers[0].learner


def concluded(ending: Ending, solver: StreamSolver) -> Ending:
    """Return how a stream ended, in words: no success if its last block says that nothing was learnt."""
    outcome, cause = ending.outcome, ending.facts if ending.outcome is Outcome.RAISED else ""
    if outcome is Outcome.INTERRUPTED:
        cause = f"stopped at block {solver.blocks.number}; "
    gains = solver.learner.gains(solver.block, solver.learner.average)
    if outcome is Outcome.COMPLETED and not gains and len(solver.block.y) >= TELLING:
        outcome = Outcome.ITERATION_LIMIT
    worse = "" if gains else "on the last block it is no better than the start; "
    blocks = f"{solver.count:,} block{'s' * (solver.count != 1)}"
    read = f"{solver.rows:,} rows in {blocks} read once, so that the answer is approximate"
    return Ending(outcome, f"{cause}{read}; {worse}{ADVICE}")
