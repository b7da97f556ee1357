"""How a tree's fit continues: with its rows in memory, or after it was loaded from a folder."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Self

import numpy as np

from steepest.descent.budget import Budget
from steepest.descent.checkpoint import Checkpoint
from steepest.descent.early_stopping import BestEpoch
from steepest.fitting.basis import Basis
from steepest.fitting.result import Fit, GivenRows, Limits
from steepest.fitting.resume import PLACE, SavedFit, check_again, check_same, sound_state
from steepest.fitting.setup import TrainingData
from steepest.fitting.tree.pool import Candidate
from steepest.fitting.tree.result import TreeFit
from steepest.fitting.tree.setup import ENDLESS, TreeOptions, TreeSetup
from steepest.fitting.tree.soft.solver import SoftSolver
from steepest.models import Tree
from steepest.models.splits import Splits
from steepest.saving.objects import UnnamedError, from_json, to_json
from steepest.trace import Outcome
from steepest.types import Callback, Json

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class LiveTree:
    """A tree's fit with its rows in memory: the set-up, the checkpoint at which it stopped, and the tree it kept."""

    setup: TreeSetup
    checkpoint: Checkpoint
    kept: Candidate

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        # Nothing here changes, and compiled code can't be copied.
        return self

    def more(self, fit: Fit, rows: GivenRows, how: Limits, callback: Callback | None, progress: bool | None) -> Fit:
        """Continue to the end of the schedule; at its end, begin another round of restarts beside the tree kept."""
        check_again(self.setup.data, rows, gaps=True)
        if how.get("tolerance") is not None:
            raise ValueError("tolerance= is not for a tree: no optimum is certified; use epochs= or seconds=")
        asked = Budget.of(None, how.get("seconds"), epochs=how.get("epochs"))
        if asked.iterations == 0:
            return fit
        solver = copy.copy(self.checkpoint.solver)
        assert isinstance(solver, SoftSolver)
        before = None
        if solver.is_done and fit.outcome is Outcome.COMPLETED:
            before, solver.round = self.kept, solver.round + 1
            solver.begin_round(asked.iterations or self.setup.task.epochs)
        plan = replace(self.setup.plan, budget=replace(asked, most=ENDLESS))
        setup = replace(self.setup, plan=plan, before=before or self.setup.before)
        fitted, checkpoint, kept = setup.go(callback, progress, replace(self.checkpoint, solver=solver), fit.trace)
        fitted.resumable = LiveTree(setup, checkpoint, kept)
        return fitted

    def basis(self) -> Basis | None:
        """Return the loss, the penalty and the rows."""
        options = self.setup.options
        return self.setup.data.basis(options.loss, options.penalty, options.drawn)

    def saved(self) -> tuple[dict[str, Json], Arrays]:
        """Return all but the rows as JSON and arrays; if the fit can't continue once saved, the reason as JSON."""
        setup, options, solver = self.setup, self.setup.options, self.checkpoint.solver
        try:
            asked = {f.name: to_json(getattr(options, f.name)) for f in fields(options) if f.name != "tree"}
        except UnnamedError as error:
            return {"why": str(error)}, {}
        known = {"kept": self.kept, "scout": setup.scout, "before": setup.before}
        trees = {name: tree for name, tree in known.items() if tree is not None}
        record = {
            "asked": asked,
            "rows": setup.data.fingerprint(),
            "shape": list(setup.data.rows.X.shape),
            "halt": self.checkpoint.counters(),
            "engine": solver.counters(),
            "trees": {name: tree.name for name, tree in trees.items()},
        }
        arrays = {f"state/{k}": array for k, array in enumerate(solver.arrays())}
        arrays |= {f"{name}/{part}": array for name, tree in trees.items() for part, array in vars(tree.splits).items()}
        return record, {PLACE + name: array for name, array in arrays.items()}


@dataclass(frozen=True)
class SavedTree(SavedFit):
    """The saved state of a tree's fit, which can continue once the user gives its rows again."""

    def more(self, fit: Fit, rows: GivenRows, how: Limits, callback: Callback | None, progress: bool | None) -> Fit:
        """Continue with rows, which must be those of the fit."""
        assert isinstance(fit, TreeFit)
        return self.live(fit, rows).more(fit, (None, None, None, None), how, callback, progress)

    def live(self, fit: TreeFit, rows: GivenRows) -> LiveTree:
        """Set up the fit again, at the state in which it was saved."""
        X, y, weight, validation = self.checked_rows(rows)
        record, tree = self.record, fit.model
        assert isinstance(tree, Tree)
        with sound_state():
            values = {name: from_json(value) for name, value in record["asked"].items()}
            options = TreeOptions(tree=replace(tree, form=None), **values)
        if validation is None and options.drawn is not None:
            validation = float(record["rows"]["validation"])
        data = TrainingData.read(X, y, weight, validation, None, gaps=True)
        check_same(data, record["rows"], record["shape"])
        with sound_state():
            setup = TreeSetup.of(options, data, Budget(most=ENDLESS))
            solver = setup.plan.solver_at(setup.start)
            leaves = self.under("state/")
            solver.restore([leaves[str(k)] for k in range(len(leaves))], record["engine"])
            trees = {
                name: setup.judged(said, Splits(**self.under(f"{name}/"))) for name, said in record["trees"].items()
            }
            setup = replace(setup, scout=trees.get("scout"), before=trees.get("before"))
            return LiveTree(setup, Checkpoint(solver=solver, best=BestEpoch(), **record["halt"]), trees["kept"])


def tree_from_record(record: dict[str, Json], arrays: Mapping[str, np.ndarray]) -> TreeFit:
    """Rebuild a tree's fit from its record and arrays, with the state that `more` continues from."""
    record = dict(record)
    state = record.pop("onward", None)
    fit = TreeFit._revive(record, dict(arrays))
    if state is not None:
        fit.resumable = SavedTree.of(state, arrays)
    return fit
