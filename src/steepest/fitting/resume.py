"""How a fit goes on from where it stopped, at once or after it was loaded from disk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np

from steepest.descent.budget import Budget
from steepest.descent.checkpoint import Checkpoint
from steepest.descent.early_stopping import BestEpoch
from steepest.fitting.linear.problem import LinearProblem
from steepest.fitting.result import Fit
from steepest.fitting.setup import FitOptions, FitSetup, TrainingData
from steepest.saving.folder import point_from_json, point_to_json
from steepest.saving.models import NAMED
from steepest.saving.objects import UnnamedError, from_json, to_json

PLACE = "onward/"
ELSE = "more() goes on with the same rows; for others begin anew from here, fit(model, X, y, start=fit.params)"
FUNCTION = "function not at hand: the model of this fit is a function, and functions are not saved"

Arrays = dict[str, np.ndarray]
Rows = tuple[Any, ...]


@dataclass(frozen=True)
class LiveFit:
    """A fit whose rows are at hand: how it was set up, and where it stopped."""

    task: FitSetup
    checkpoint: Checkpoint

    def more(self, fit: Fit, rows: Rows, how: dict[str, Any], callback: Any, progress: Any) -> Fit:
        """Go on by a budget for what is to come, with the rows that are at hand; a tolerance asked for before stays."""
        X, y, weight, validation = rows
        if any(part is not None for part in rows):
            if X is None or y is None:
                raise TypeError("give both X and y, or neither: the rows of this fit are at hand")
            known = self.task.given
            given = TrainingData.read(X, y, weight, validation, self.task.asked.dtype)
            if weight is None:
                given = replace(given, seen=given.seen._replace(weight=known.seen.weight))
            if validation is None:
                given = replace(given, validation=known.validation)
            check_same(given, known.fingerprint(), known.seen.X.shape)
        before = self.task.plan.budget
        budget = Budget.of(most=before.most, **how)
        budget = budget if budget.asked else replace(budget, tolerance=before.tolerance)
        task = replace(self.task, plan=replace(self.task.plan, budget=budget))
        fitted, checkpoint = task.go(callback, progress, self.checkpoint, fit.trace)
        fitted.resumable = LiveFit(task, checkpoint)
        return fitted

    def saved(self) -> tuple[dict[str, Any], Arrays]:
        """Return all that it takes to go on but the rows, as JSON and arrays, or why that can't be."""
        task, checkpoint, asked, solver = self.task, self.checkpoint, self.task.asked, self.checkpoint.solver
        if not isinstance(task.problem, LinearProblem) or type(asked.model) not in NAMED.values():
            return {"why": FUNCTION}, {}
        words = {f.name: getattr(asked, f.name) for f in fields(asked) if f.name not in ("model", "start", "dtype")}
        try:
            words = {name: to_json(word) for name, word in words.items()}
        except UnnamedError as error:
            return {"why": str(error)}, {}
        words["start"] = None if asked.start is None else point_to_json(task.problem.params)
        words["dtype"] = None if asked.dtype is None else np.dtype(asked.dtype).name
        best = {name: value for name, value in asdict(checkpoint.best).items() if name != "x"}
        record = {
            "asked": words,
            "rows": task.given.fingerprint(),
            "shape": list(task.given.seen.X.shape),
            "budget": {"tolerance": task.plan.budget.tolerance},
            "halt": {
                f.name: getattr(checkpoint, f.name) for f in fields(checkpoint) if f.name not in ("solver", "best")
            },
            "engine": solver.counters(),
            "best": best,
        }
        arrays = {f"state/{k}": array for k, array in enumerate(solver.arrays())}
        if checkpoint.best.x is not None:
            arrays["best"] = checkpoint.best.x
        known = vars(task.problem.coordinates)
        arrays |= {f"coordinates/{name}": value for name, value in known.items() if value is not None}
        return record, {PLACE + name: np.asarray(value) for name, value in arrays.items()}


@dataclass(frozen=True)
class SavedFit:
    """The saved state of a fit, without its rows, which must be given again to go on."""

    record: dict[str, Any]
    arrays: Arrays

    @classmethod
    def of(cls, record: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> SavedFit:
        """Take from the arrays of a fit what is needed to go on."""
        return cls(record, {name: array for name, array in arrays.items() if name.startswith(PLACE)})

    def saved(self) -> tuple[dict[str, Any], Arrays]:
        """Return what was saved, to be saved again."""
        return self.record, self.arrays

    def more(self, fit: Fit, rows: Rows, how: dict[str, Any], callback: Any, progress: Any) -> Fit:
        """Go on, with rows that must be those of the fit."""
        if "why" in self.record:
            raise RuntimeError(self.record["why"])
        if rows[0] is None or rows[1] is None:
            raise RuntimeError("the rows of a fit are not saved with it: give them again, fit.more(X, y, …)")
        return self.awake(fit.model, rows).more(fit, (None,) * 4, how, callback, progress)

    def awake(self, model: Any, rows: Rows) -> LiveFit:
        """Set the fit up again, and stand where it stopped."""
        X, y, weight, validation = rows
        record = self.record
        words = {name: from_json(word) for name, word in record["asked"].items() if name != "start"}
        start = record["asked"]["start"]
        asked = FitOptions(model=model, start=None if start is None else point_from_json(start), **words)
        if validation is None and asked.drawn is not None:
            validation = float(record["rows"]["validation"])
        given = TrainingData.read(X, y, weight, validation, asked.dtype)
        check_same(given, record["rows"], record["shape"])
        known = self.under("coordinates/")
        budget = record["budget"]
        # Folders of version 0.1.0 hold the default of its time where no tolerance was asked for.
        near = budget["tolerance"] if budget.get("asked", True) else 0.0
        task = FitSetup.of(asked, given, Budget(near), known)
        solver = task.plan.solver_at(task.start)
        leaves = [array for _, array in sorted(self.under("state/").items(), key=lambda item: int(item[0]))]
        solver.restore(leaves, record["engine"])
        best = BestEpoch(**record["best"], x=self.arrays.get(f"{PLACE}best"))
        return LiveFit(task, Checkpoint(solver=solver, best=best, **record["halt"]))

    def under(self, name: str) -> Arrays:
        """Return the arrays under a name."""
        place = PLACE + name
        return {key.removeprefix(place): array for key, array in self.arrays.items() if key.startswith(place)}


def check_same(given: TrainingData, known: Mapping[str, str], shape: Any) -> None:
    """Refuse rows that are not those of the fit."""
    if list(given.seen.X.shape) != list(shape):
        raise ValueError(f"X has the shape {given.seen.X.shape} and had {tuple(shape)} in the fit: {ELSE}")
    for what, digest in given.fingerprint().items():
        if digest != known[what]:
            raise ValueError(f"{what} is not what it was in the fit: {ELSE}")
