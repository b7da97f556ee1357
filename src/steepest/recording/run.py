"""`RecordedRun`: the run that a recorder makes of a loop of the user's own."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np

from steepest.descent.run import Run
from steepest.places import shown
from steepest.recording.log import blocks
from steepest.recording.rows import Rows
from steepest.recording.trees import built
from steepest.saving.points import size_of, under
from steepest.trace import MOST_COORDINATES, SKETCH, Certificate, Outcome, Trace
from steepest.types import Json, PyTree


@dataclass(eq=False)
class RecordedRun(Run):
    """A loop of the user's own, as a run: with its trace, pictures, report and diagnosis.

    It has all that a `Run` has, but for the function: pictures and numbers that need it say "function not at hand".
    Its outcome is "recorded", which claims nothing; `success` is false.

    Attributes
    ----------
    gradients : array of shape (rows, parameters) or None
        The gradients, row by row; None if none was given, or if they have more than 1,000 coordinates.
    leaf_norms : dict of str to array
        The norm of each array of the point, row by row, by the name of the array.
    leaf_slopes : dict of str to array
        The norm of the gradient by each array, row by row.

    Examples
    --------
    >>> import steepest as st
    >>> rec = st.Recorder()
    >>> x = 8.0
    >>> for _ in range(3):
    ...     rec.step(x**2, gradient=2 * x, x=x, learning_rate=0.25)
    ...     x = x - 0.25 * (2 * x)
    >>> rec.run.gradients
    array([[16.],
           [ 8.],
           [ 4.]])
    """

    gradients: np.ndarray | None = None
    leaf_norms: dict[str, np.ndarray] = field(default_factory=dict)
    leaf_slopes: dict[str, np.ndarray] = field(default_factory=dict)

    @classmethod
    def _of(
        cls, rows: Rows, x: PyTree, jac: PyTree, value: float, maximized: bool, title: str, error: str = ""
    ) -> Self:  # fmt: skip
        """Return the run of rows, with the best point, the gradient and the value there."""
        trace, gradients, leaves, slopes = rows.trace()
        count = rows.count
        steps = f"{count:,} step{'s' * (count != 1)} of a loop"
        ended = f", which then raised {error}" if error else "; nothing is claimed about where it ended"
        return cls(
            x=x, fun=value, jac=jac, nit=int(rows.iteration), nfev=count, njev=count if slopes else 0,
            outcome=Outcome.RECORDED, message=f"recorded: {steps}{ended}", certificate=Certificate(), trace=trace,
            kind="recorded", why="the loop computed it", maximized=maximized, title=title, gradients=gradients,
            leaf_norms=leaves, leaf_slopes=slopes,
        )  # fmt: skip

    @classmethod
    def from_log(cls, folder: Path) -> Self:
        """Return the run from the log in a folder, whose recording still goes on or has died.

        Parameters
        ----------
        folder : path
            The folder.

        Returns
        -------
        RecordedRun
            The run of the steps that were written.

        Raises
        ------
        ValueError
            If no step was written yet.
        """
        rows = Rows()
        header: dict[str, Json] = {}
        kept: dict[str, np.ndarray] = {}
        for header, arrays in blocks(folder):
            if header["layout"] != rows.layout():
                rows.widen(**header["layout"])
            rows.add(arrays.pop("rows").copy())
            kept |= arrays
        if not rows.count:
            raise ValueError(f"{shown(folder)} has a recording without steps: no step was written yet")
        x, jac = (built(form, kept.get(name)) for form, name in zip(header["trees"], ("best", "slope"), strict=True))
        run = cls._of(rows, x, jac, header["value"], header["maximized"], header["title"])
        run.message = f"{run.message}; its recording was not ended: it goes on, or its process has died"
        return run

    def __eq__(self, other: object) -> bool:
        same = super().__eq__(other)
        if same is not True or not isinstance(other, RecordedRun):
            return same
        mine, theirs = self._further(), other._further()
        return list(mine) == list(theirs) and all(
            np.array_equal(mine[name], theirs[name], equal_nan=True) for name in mine
        )

    __hash__ = None

    def _extreme(self) -> str:
        # The least of the values that were recorded, which needs not be a minimum.
        return "highest" if self.maximized else "lowest"

    def _work(self) -> str:
        return f"{self.nfev:,} values and {self.njev:,} gradients recorded"

    def _further(self) -> dict[str, np.ndarray]:
        """Return the arrays that other runs lack."""
        norms = {f"leaf/{name}": array for name, array in self.leaf_norms.items()}
        slopes = {f"slope/{name}": array for name, array in self.leaf_slopes.items()}
        return ({} if self.gradients is None else {"gradients": self.gradients}) | norms | slopes

    def _saved(self) -> tuple[dict[str, Json], dict[str, np.ndarray]]:
        record, arrays = super()._saved()
        return record, arrays | self._further()

    def _header(self) -> dict[str, Json]:
        leaves = {"leaves": list(self.leaf_norms), "slopes": list(self.leaf_slopes)}
        return super()._header() | {"result": "recording"} | leaves

    @classmethod
    def _revive(cls, record: dict[str, Json], arrays: dict[str, np.ndarray]) -> Self:
        run = super()._revive({k: v for k, v in record.items() if k not in ("leaves", "slopes")}, arrays)
        norms, slopes = under("leaf/", arrays), under("slope/", arrays)
        run.leaf_norms = {name: norms[name] for name in record["leaves"]}
        run.leaf_slopes = {name: slopes[name] for name in record["slopes"]}
        run.gradients = arrays.get("gradients")
        rows = [run.gradients, *run.leaf_norms.values(), *run.leaf_slopes.values()]
        if any(each is not None and len(each) != len(run.trace) for each in rows):
            raise ValueError("the gradients or norms differ from the trace in length")
        return run

    @classmethod
    def _check_points(cls, trace: Trace, x: PyTree) -> None:
        """Raise ValueError if the points of the trace are neither like x nor its sketch."""
        # The log of a recording that did not end lacks a large x.
        size = size_of(x) or trace.x.shape[1]
        if trace.x.shape[1] != (size if size <= MOST_COORDINATES else 2 * SKETCH):
            raise ValueError(f"the points of the trace have {trace.x.shape[1]} coordinates, and x has {size}")

    def _at_hand(self) -> Any:
        raise RuntimeError("function not at hand: this run was recorded from a loop, which has no function to call")
