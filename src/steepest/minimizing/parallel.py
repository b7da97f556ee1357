"""Several descents of one function side by side: lanes of one compiled loop, each as it would go alone."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from steepest.derivatives.precision import compiled_code
from steepest.descent.driver import Driver
from steepest.descent.ending import Ending
from steepest.descent.loop.loop import chunk_of
from steepest.descent.loop.rule_solver import RuleSolver, chunk_sizes
from steepest.descent.loop.state import Packed
from steepest.descent.plan import Plan
from steepest.descent.run import Run

WIDTHS = (4, 8, 16, 32)
MOST_LANES = WIDTHS[-1]


def descend_together(plan: Plan, starts: Sequence[np.ndarray], progress: bool | None) -> list[Run]:
    """Run a descent from each of a few starts, all in one compiled loop, and return them in order."""
    with plan.progress(progress) as shown:
        drivers = [Driver(plan, start) for start in starts]
        endings = _go(drivers, shown)
        return [driver.finish(ending) for driver, ending in zip(drivers, endings, strict=True)]


def _go(drivers: list[Driver], shown: Any) -> list[Ending]:
    solvers = [driver.solver for driver in drivers if isinstance(driver.solver, RuleSolver)]
    width = next(width for width in WIDTHS if width >= len(solvers))
    for solver in solvers:
        solver.width = width
    endings: list[Ending | None] = [None] * len(drivers)
    sizes = chunk_sizes(time.perf_counter, heavy=False)
    try:
        while True:
            endings = [ending or driver.verdict() for driver, ending in zip(drivers, endings, strict=True)]
            going = [k for k, ending in enumerate(endings) if ending is None]
            if not going:
                return endings  # type: ignore[return-value]
            since = [driver.meter.elapsed for driver in drivers]
            size, together = next(sizes)
            allowances = [drivers[k].allowance(size) if k in going else (0, 0) for k in range(len(drivers))]
            for k, rows in zip(going, _chunk(solvers, width, allowances, together, going), strict=True):
                drivers[k].log.record(rows, since[k])
            ahead = min((drivers[k] for k in going), key=lambda driver: driver.solver.status.best_value)
            status = ahead.solver.status
            norm = float(np.linalg.norm(status.gradient))
            point = ahead.plan.view.rows(status.x[None])[0]
            shown.show(status.iteration, ahead.solver.sign * status.value, norm, point, ahead.meter.elapsed)
    except KeyboardInterrupt:
        return [ending or driver.interrupted() for driver, ending in zip(drivers, endings, strict=True)]


def _chunk(
    solvers: list[RuleSolver], width: int, allowances: list[tuple[int, int]], together: int, going: list[int]
) -> list[np.ndarray]:
    """Go on for one chunk in all lanes, and return the rows of those still going."""
    model = solvers[0]
    compiled, capacity = model.objective.compiled, model.capacity
    assert compiled is not None

    def vectorised() -> Any:
        return jax.vmap(chunk_of(compiled, capacity), in_axes=(None, 0, None, 0, 0, None))

    loop = compiled.loop((capacity, jax.tree.structure(model.bare), width), vectorised)
    # Lanes without a descent stand still beside the others: the width is compiled in.
    spare = [0] * (width - len(solvers))
    lanes = [*range(len(solvers)), *spare]
    granted = [(min(rows, capacity), evaluations) for rows, evaluations in allowances] + [(0, 0)] * len(spare)
    limits = [
        solvers[k].limits(rows, evaluations, int(solvers[k].state.iteration), max(rows, 1), together)
        for k, (rows, evaluations) in zip(lanes, granted, strict=True)
    ]
    packed = jax.tree.map(lambda *parts: np.stack(parts), *(solvers[k].packed for k in lanes))
    numbers, sizes = jax.tree.map(lambda *parts: np.stack(parts), *limits)
    with compiled_code():
        packed, recorded = loop(model.bare, packed, model.objective.arrays, numbers, sizes, model.box)
    packed, recorded = jax.tree.map(np.asarray, packed), np.asarray(recorded)
    return [solvers[k].reach(_lane(packed, k), recorded[k]) for k in going]


def _lane(packed: Packed, k: int) -> Packed:
    return jax.tree.map(lambda array: array[k], packed)
