"""The beginning of a network's fit: its arguments are checked, and it descends."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import DTypeLike

from steepest.descent.budget import Budget
from steepest.fitting.network.result import NetworkFit
from steepest.fitting.network.resume import LiveNetwork
from steepest.fitting.network.setup import NetworkOptions, NetworkSetup
from steepest.fitting.setup import TrainingData
from steepest.models import Network
from steepest.printable import quoted
from steepest.types import Callback, Function

# The arguments of `fit` that a network does not take, and why.
REASONS = {
    "penalty": "dropout, the decay of weights and rows left out keep it from following every row; leave it out",
    "tolerance": "no optimum is certified; limit the fit by epochs= or seconds=",
    "rescale": "its columns are scaled by their quartiles; leave it out",
    "start": "it starts at the linear fit; leave it out",
    "direction": "its recipe includes the rule; leave it out",
    "step": "its recipe includes the step size; leave it out",
}


def fit_network(
    network: Network, data: TrainingData, loss: Function, budget: Budget, random: np.random.Generator,
    callback: Callback | None, progress: bool | None, *, batch_size: int | None, dtype: DTypeLike | None,
    refused: Mapping[str, object],
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

    Returns
    -------
    NetworkFit
        The fit.
    """
    for name, value in {**refused, "tolerance": budget.tolerance or None}.items():
        if value is not None:
            raise ValueError(f"{name}={quoted(value)} is not for a network: {REASONS[name]}")
    epochs = None if budget.iterations is None else int(budget.iterations)
    seed = int(random.integers(2**31))
    drawn = int(random.integers(2**31)) if isinstance(data.validation, float) else None
    options = NetworkOptions(network, loss, batch_size, epochs, seed, drawn)
    setup = NetworkSetup.of(options, data, budget)
    fitted, checkpoint = setup.go(callback, progress)
    fitted.resumable = LiveNetwork(setup, checkpoint)
    return fitted
