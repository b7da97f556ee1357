"""`RecordedRun`: what a loop of the user's own has written into a recorder."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NoReturn, Self

import numpy as np

from steepest.descent.run import Run
from steepest.printable import printable
from steepest.saving.points import under
from steepest.trace import Trace
from steepest.types import Json

NORMS, SLOPES, GRADIENTS = "norm of ", "slope of ", "gradients"


@dataclass(eq=False)
class RecordedRun(Run):
    """What a loop of the user's own has written into a recorder: a run whose function is not at hand.

    Attributes
    ----------
    gradients : array of shape (rows, parameters), or None
        The gradient of each row, NaN where none was given; a sketch if `trace.x` is one. None if none was given.
    leaf_norms, leaf_slopes : dict of str to array
        For points of several arrays, the norm of each array, and that of its part of the gradient, for each row.

    Notes
    -----
    A recorded run has all attributes of a run: `trace`, `message` and the rest. Its outcome is "recorded", which claims
    nothing; `x` and `fun` are those of the best step.
    """

    gradients: np.ndarray | None = field(default=None, repr=False)
    leaf_norms: dict[str, np.ndarray] = field(default_factory=dict, repr=False)
    leaf_slopes: dict[str, np.ndarray] = field(default_factory=dict, repr=False)

    def __str__(self) -> str:
        value = np.asarray(self.trace.value, dtype=float)
        lines = [printable(self.message)]
        if np.isfinite(value).any():
            best = int(
                np.nanargmax(value) if self.maximized else np.nanargmin(np.where(np.isfinite(value), value, np.nan))
            )
            lines.append(f"  {'best':>10}  {value[best]:.10g} at step {self.trace.columns['iteration'][best]:,}")
            lines.append(f"  {'last':>10}  {value[-1]:.10g}")
        return "\n".join(lines)

    def _at_hand(self) -> NoReturn:
        raise RuntimeError("function not at hand: a recorded run has only what its loop has written down")

    def _header(self) -> dict[str, Json]:
        return super()._header() | {"result": "recorded"}

    def _saved(self) -> tuple[dict[str, Json], dict[str, np.ndarray]]:
        record, arrays = super()._saved()
        own = {NORMS + name: each for name, each in self.leaf_norms.items()}
        own |= {SLOPES + name: each for name, each in self.leaf_slopes.items()}
        if self.gradients is not None:
            own[GRADIENTS] = self.gradients
        return record, arrays | own

    @classmethod
    def _revive(cls, record: dict[str, Json], arrays: dict[str, np.ndarray]) -> Self:
        run = super()._revive(record, arrays)
        rows = len(run.trace)
        run.gradients = arrays.get(GRADIENTS)
        run.leaf_norms, run.leaf_slopes = under(NORMS, arrays), under(SLOPES, arrays)
        own = [*run.leaf_norms.values(), *run.leaf_slopes.values()]
        if any(each.shape != (rows,) for each in own) or (run.gradients is not None and len(run.gradients) != rows):
            raise ValueError("the columns of the trace differ in length")
        return run

    @classmethod
    def _check_points(cls, trace: Trace, x: object) -> None:
        """Accept any point: that of a loop may be missing, or a sketch."""
