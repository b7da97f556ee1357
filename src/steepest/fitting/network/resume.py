"""How a network's fit continues: with its rows in memory, or after it was loaded from a folder."""

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
from steepest.fitting.network.options import NetworkOptions
from steepest.fitting.network.result import NetworkFit
from steepest.fitting.network.setup import ENDLESS, NetworkSetup
from steepest.fitting.network.solver import NetworkSolver
from steepest.fitting.network.task import Before
from steepest.fitting.result import Fit, GivenRows, Limits
from steepest.fitting.resume import PLACE, SavedFit, check_again, check_same, sound_state
from steepest.fitting.setup import TrainingData
from steepest.models import Network
from steepest.saving.objects import UnnamedError, from_json, to_json
from steepest.types import Callback, Json

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class LiveNetwork:
    """A network's fit with its rows in memory: the set-up, and the checkpoint at which it stopped."""

    setup: NetworkSetup
    checkpoint: Checkpoint

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        # Nothing here changes, and compiled code can't be copied.
        return self

    @property
    def state(self) -> Before:
        """The states of the members, from which a fit to other rows can go on."""
        solver = self.checkpoint.solver
        assert isinstance(solver, NetworkSolver)
        return Before(solver.members, solver.age + solver.epoch)

    def more(self, fit: Fit, rows: GivenRows, how: Limits, callback: Callback | None, progress: bool | None) -> Fit:
        """Continue to the end of the schedule; at its end, begin another one, of as many epochs or those given."""
        check_again(self.setup.data, rows)
        if how.get("tolerance") is not None:
            raise ValueError("tolerance= is not for a network: no optimum is certified; use epochs= or seconds=")
        asked = Budget.of(None, how.get("seconds"), epochs=how.get("epochs"))
        if asked.iterations == 0:
            return fit
        solver = copy.copy(self.checkpoint.solver)
        assert isinstance(solver, NetworkSolver)
        if solver.epoch >= solver.began + solver.epochs:
            solver.began_again(asked.iterations or self.setup.task.epochs)
        budget = replace(asked, most=ENDLESS)
        setup = replace(self.setup, plan=replace(self.setup.plan, budget=budget))
        fitted, checkpoint = setup.go(callback, progress, replace(self.checkpoint, solver=solver), fit.trace)
        fitted.resumable = LiveNetwork(setup, checkpoint)
        return fitted

    def basis(self) -> Basis | None:
        """Return the loss, the penalty and the rows."""
        options = self.setup.options
        return self.setup.data.basis(options.loss, options.penalty, options.drawn)

    def saved(self) -> tuple[dict[str, Json], Arrays]:
        """Return all but the rows as JSON and arrays; if the fit can't continue once saved, the reason as JSON."""
        setup, options, solver = self.setup, self.setup.options, self.checkpoint.solver
        try:
            asked = {f.name: to_json(getattr(options, f.name)) for f in fields(options) if f.name != "network"}
        except UnnamedError as error:
            return {"why": str(error)}, {}
        record = {
            "asked": asked,
            "members": options.network.members,
            "rows": setup.data.fingerprint(),
            "shape": list(setup.data.rows.X.shape),
            "halt": self.checkpoint.counters(),
            "engine": solver.counters(),
        }
        return record, {f"{PLACE}state/{k}": array for k, array in enumerate(solver.arrays())}


@dataclass(frozen=True)
class SavedNetwork(SavedFit):
    """The saved state of a network's fit, which can continue once the user gives its rows again."""

    def more(self, fit: Fit, rows: GivenRows, how: Limits, callback: Callback | None, progress: bool | None) -> Fit:
        """Continue with rows, which must be those of the fit."""
        assert isinstance(fit, NetworkFit)
        return self.live(fit, rows).more(fit, (None, None, None, None), how, callback, progress)

    def live(self, fit: NetworkFit, rows: GivenRows) -> LiveNetwork:
        """Set up the fit again, at the state in which it was saved."""
        X, y, weight, validation = self.checked_rows(rows)
        record, network = self.record, fit.model
        assert isinstance(network, Network)
        with sound_state():
            values = {name: from_json(value) for name, value in record["asked"].items()}
            options = NetworkOptions(network=replace(network, members=record["members"]), **values)
        if validation is None and options.drawn is not None:
            validation = float(record["rows"]["validation"])
        data = TrainingData.read(X, y, weight, validation, None)
        check_same(data, record["rows"], record["shape"])
        with sound_state():
            setup = NetworkSetup.of(options, data, Budget(most=ENDLESS))
            solver = setup.plan.solver_at(setup.start)
            leaves = self.under("state/")
            solver.restore([leaves[str(k)] for k in range(len(leaves))], record["engine"])
            return LiveNetwork(setup, Checkpoint(solver=solver, best=BestEpoch(), **record["halt"]))


def network_from_record(record: dict[str, Json], arrays: Mapping[str, np.ndarray]) -> NetworkFit:
    """Rebuild a network's fit from its record and arrays, with the state that `more` continues from."""
    record = dict(record)
    state = record.pop("onward", None)
    fit = NetworkFit._revive(record, dict(arrays))
    if state is not None:
        fit.resumable = SavedNetwork.of(state, arrays)
    return fit
