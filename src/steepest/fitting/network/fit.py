"""The beginning of a network's fit: its arguments are checked, and it descends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import DTypeLike

from steepest.descent.budget import Budget
from steepest.fitting.network.options import NetworkOptions
from steepest.fitting.network.result import NetworkFit
from steepest.fitting.network.resume import LiveNetwork
from steepest.fitting.network.setup import NetworkSetup
from steepest.fitting.network.task import Before
from steepest.fitting.options import refuse
from steepest.fitting.setup import TrainingData
from steepest.models import Network
from steepest.models.penalties import L2
from steepest.printable import quoted
from steepest.types import Callback, Function, PyTree, RuleLike

# The arguments of `fit` that a network does not take, and why.
REASONS = {
    "bounds": "single weights of a network have no meaning of their own; leave it out",
    "fixed": "single weights of a network have no meaning of their own; leave it out",
    "shuffle": "it learns from the rows in another order in each epoch; leave it out",
    "tolerance": "no optimum is certified; limit the fit by epochs= or seconds=",
    "rescale": "its columns are scaled by their quartiles; leave it out",
}


def fit_network(
    network: Network, data: TrainingData, loss: Function, budget: Budget, random: np.random.Generator,
    callback: Callback | None, progress: bool | None, *, batch_size: int | None, dtype: DTypeLike | None,
    refused: Mapping[str, object], start: PyTree = None, penalty: Function | None = None,
    direction: RuleLike = None, step: RuleLike = "auto", classes: int | None = None,
) -> NetworkFit:  # fmt: skip
    """Fit a network to rows that were read and checked.

    Parameters
    ----------
    network : Network
        The network.
    data : TrainingData
        The rows.
    loss : callable
        The loss.
    budget : Budget
        The epochs and the seconds.
    random : numpy.random.Generator
        Draws the seeds.
    callback, progress, batch_size, dtype
        As for `fit`.
    refused : mapping
        The arguments of `fit` that a network does not take; each must be None.
    start : NetworkFit or None
        An earlier fit, from whose parameters and moments this one goes on.
    penalty : L2 or None
        A penalty on the weights, in the coordinates of the network.
    direction, step : object
        As for `fit`: the rule of the user, in place of the recipe.
    classes : int or None
        The number of classes, if the rows may lack some.

    Returns
    -------
    NetworkFit
        The fit.
    """
    refuse("a network", {**refused, "tolerance": budget.tolerance or None}, REASONS)
    if not (penalty is None or isinstance(penalty, L2)):
        raise ValueError(f"penalty={quoted(penalty)}: a network takes only penalties.L2, on its weights")
    known, before = _before(network, start, data)
    epochs = None if budget.iterations is None else int(budget.iterations)
    seed = int(random.integers(2**31))
    drawn = int(random.integers(2**31)) if isinstance(data.validation, float) else None
    # Rules compute in double precision, as they do elsewhere.
    has_rules = not (direction is None and isinstance(step, str) and step == "auto")
    kind = "float64" if has_rules or (dtype is not None and np.dtype(dtype) == np.float64) else "float32"
    options = NetworkOptions(
        network, loss, batch_size, epochs, seed, drawn, penalty, direction, step, kind, classes
    )  # fmt: skip
    setup = NetworkSetup.of(options, data, budget, known, before)
    fitted, checkpoint = setup.go(callback, progress)
    fitted.resumable = LiveNetwork(setup, checkpoint)
    return fitted


def _before(network: Network, start: PyTree, data: TrainingData) -> tuple[Network | None, Before | None]:
    """Return the network and the states of the members of an earlier fit; None if start= is None."""
    if start is None:
        return None, None
    if not isinstance(start, NetworkFit) or not isinstance(start.model, Network):
        raise TypeError(f"start={quoted(start)}: a network starts at its linear fit, or where an earlier fit stopped")
    if not isinstance(start.resumable, LiveNetwork):
        raise ValueError("start= is a fit without the moments of its rule, as it was loaded or copied: leave it out")
    known, columns = start.model, network.shaped(data.rows.X).shape[1]
    frame = known.frame
    assert frame is not None
    if replace(known, frame=None, members=network.members) != replace(network, frame=None):
        raise ValueError("start= is the fit of a network of other layers: leave it out")
    if columns != len(frame.center):
        raise ValueError(f"X has {columns} columns, and those of start= are {len(frame.center)}")
    return replace(known, frame=replace(frame, share=np.array(1.0))), start.resumable.state
