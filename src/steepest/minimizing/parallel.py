"""Parallel descents of one function, in the lanes of one compiled loop; each has the same result as if it ran alone."""

from __future__ import annotations

import time
from collections.abc import Sequence

import jax
import numpy as np

from steepest.derivatives.precision import compiled_code
from steepest.derivatives.process.interrupts import answer_interrupt, check_interrupt
from steepest.descent.driver import Driver
from steepest.descent.ending import Ending
from steepest.descent.loop.loop import chunk_of
from steepest.descent.loop.rule_solver import RuleSolver, chunk_sizes
from steepest.descent.loop.state import Packed
from steepest.descent.plan import Plan
from steepest.descent.progress import Progress
from steepest.descent.run import Run
from steepest.types import Function

# The numbers of lanes for which loops are compiled. Chosen, not measured: with more widths there are more
# compilations, with fewer there are more unused lanes.
WIDTHS = (4, 8, 16, 32)
MAX_LANES = WIDTHS[-1]


def descend_parallel(plan: Plan, starts: Sequence[np.ndarray], progress: bool | None) -> list[Run]:
    """Descend from each of at most `MAX_LANES` starts in one compiled loop, and return the runs in order."""
    with plan.progress(progress) as shown:
        drivers = [Driver(plan, start) for start in starts]
        endings = _run(drivers, shown)
        return [driver.finish(ending) for driver, ending in zip(drivers, endings, strict=True)]


def _run(drivers: list[Driver], progress: Progress) -> list[Ending]:
    """Run all descents until they stop, and return their endings."""
    solvers = [driver.solver for driver in drivers if isinstance(driver.solver, RuleSolver)]
    width = next(width for width in WIDTHS if width >= len(solvers))
    for solver in solvers:
        solver.width = width
    endings: dict[int, Ending] = {}
    sizes = chunk_sizes(time.perf_counter, heavy=False)
    try:
        while True:
            for k in sorted(set(range(len(drivers))) - set(endings)):
                if (ending := drivers[k].verdict()) and not drivers[k].turns_out_noisy(ending):
                    endings[k] = ending
            running = [k for k in range(len(drivers)) if k not in endings]
            if not running:
                break
            if solvers[0].objective.compiled is None:
                # A second call has shown that the function is noisy, so that plain calls serve from now on.
                for k in running:
                    meter = drivers[k].meter
                    meter.count_calls(drivers[k].solver.status.evaluations + meter.judged)
                    endings[k] = drivers[k].go()
                break
            check_interrupt()
            since = [driver.meter.elapsed for driver in drivers]
            size, together = next(sizes)
            allowances = [drivers[k].allowance(size) if k in running else (0, 0) for k in range(len(drivers))]
            for k, rows in zip(running, _run_chunk(solvers, width, allowances, together, running), strict=True):
                drivers[k].log.record(rows, since[k])
            best = min((drivers[k] for k in running), key=lambda driver: driver.solver.status.best_value)
            status = best.solver.status
            norm = float(np.linalg.norm(status.gradient))
            point = best.plan.view.rows(status.x[None])[0]
            progress.show(status.iteration, best.solver.sign * status.value, norm, point, best.meter.elapsed)
    except KeyboardInterrupt:
        # The descents that have not ended end as interrupted, below.
        answer_interrupt()
    return [endings[k] if k in endings else driver.interrupted() for k, driver in enumerate(drivers)]


def _run_chunk(
    solvers: list[RuleSolver], width: int, allowances: list[tuple[int, int]], together: int, running: list[int]
) -> list[np.ndarray]:
    """Run one chunk of steps in all lanes, and return the new rows of the descents that are running."""
    model = solvers[0]
    compiled, capacity = model.objective.compiled, model.capacity
    assert compiled is not None

    def vectorised() -> Function:
        return jax.vmap(chunk_of(compiled, capacity, alone=False), in_axes=(None, 0, None, 0, 0, None))

    loop = compiled.loop((capacity, jax.tree.structure(model.bare), width), vectorised)
    # The compiled loop has a fixed width, so unused lanes hold a copy of the first descent and take no steps.
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
        packed, recorded = loop(model.bare, packed, model.objective.arrays, numbers, sizes, model.domain)
    packed, recorded = jax.tree.map(np.asarray, packed), np.asarray(recorded)
    return [solvers[k].reach(_lane(packed, k), recorded[k]) for k in running]


def _lane(packed: Packed, k: int) -> Packed:
    return jax.tree.map(lambda array: array[k], packed)
