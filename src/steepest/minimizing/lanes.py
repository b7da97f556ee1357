"""Several descents of one function side by side: lanes of one compiled loop, each as it would go alone."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from steepest.derivatives.precision import compiled_code
from steepest.descent.drive import Drive, Ending, Plan
from steepest.descent.engine import Engine, chunk_sizes
from steepest.descent.loop import chunk_of
from steepest.descent.run import Run
from steepest.descent.state import Packed

WIDTHS = (4, 8, 16, 32)
MOST_LANES = WIDTHS[-1]


def descend_together(plan: Plan, starts: Sequence[np.ndarray], progress: bool | None) -> list[Run]:
    """Run a descent from each of a few starts, all in one compiled loop, and return them in order."""
    with plan.progress(progress) as shown:
        drives = [plan.drive(start) for start in starts]
        endings = _go(drives, shown)
        return [drive.finish(ending) for drive, ending in zip(drives, endings, strict=True)]


def _go(drives: list[Drive], shown: Any) -> list[Ending]:
    engines = [drive.engine for drive in drives]
    width = next(width for width in WIDTHS if width >= len(engines))
    for engine in engines:
        engine.lanes = width
    endings: list[Ending | None] = [None] * len(drives)
    sizes = chunk_sizes(time.perf_counter, heavy=False)
    try:
        while True:
            endings = [ending or drive.verdict() for drive, ending in zip(drives, endings, strict=True)]
            going = [k for k, ending in enumerate(endings) if ending is None]
            if not going:
                return endings  # type: ignore[return-value]
            since = [drive.elapsed for drive in drives]
            size, together = next(sizes)
            allowances = [drives[k].allowance(size) if k in going else (0, 0) for k in range(len(drives))]
            for k, rows in zip(going, _chunk(engines, width, allowances, together, going), strict=True):
                drives[k].record(rows, since[k])
            ahead = min((drives[k] for k in going), key=lambda drive: float(drive.engine.state.best_value))
            state = ahead.engine.state
            norm = float(np.linalg.norm(state.gradient))
            point = ahead.view.rows(np.asarray(state.x)[None])[0]
            shown.show(int(state.iteration), ahead.engine.sign * float(state.value), norm, point, ahead.elapsed)
    except KeyboardInterrupt:
        return [ending or drive.interrupted() for drive, ending in zip(drives, endings, strict=True)]


def _chunk(
    engines: list[Engine], width: int, allowances: list[tuple[int, int]], together: int, going: list[int]
) -> list[np.ndarray]:
    """Go on for one chunk in all lanes, and return the rows of those still going."""
    model = engines[0]
    compiled, capacity = model.objective.compiled, model.capacity
    assert compiled is not None

    def vectorised() -> Any:
        return jax.vmap(chunk_of(compiled, capacity), in_axes=(None, 0, None, 0, 0, None))

    loop = compiled.loop((capacity, jax.tree.structure(model.bare), width), vectorised)
    # Lanes without a descent stand still beside the others: the width is compiled in.
    spare = [0] * (width - len(engines))
    lanes = [*range(len(engines)), *spare]
    granted = [(min(rows, capacity), evaluations) for rows, evaluations in allowances] + [(0, 0)] * len(spare)
    limits = [
        engines[k].limits(rows, evaluations, int(engines[k].state.iteration), max(rows, 1), together)
        for k, (rows, evaluations) in zip(lanes, granted, strict=True)
    ]
    packed = jax.tree.map(lambda *parts: np.stack(parts), *(engines[k].packed for k in lanes))
    numbers, sizes = jax.tree.map(lambda *parts: np.stack(parts), *limits)
    with compiled_code():
        packed, recorded = loop(model.bare, packed, model.objective.arrays, numbers, sizes, model.box)
    packed, recorded = jax.tree.map(np.asarray, packed), np.asarray(recorded)
    return [engines[k].reach(_lane(packed, k), recorded[k]) for k in going]


def _lane(packed: Packed, k: int) -> Packed:
    return jax.tree.map(lambda array: array[k], packed)
