"""Events that name what is wrong inside a network: units that learn nothing, and weights that explode."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from steepest.inspection.diagnosis.learning.units import is_constant
from steepest.models import Network
from steepest.models.frame import responded
from steepest.trace import Event, Trace
from steepest.types import Array, Rows

# Units and probabilities are examined on at most so many rows, in about 10 ms for the default network.
SAMPLE = 256
# A unit is saturated if the slope of its activation is below this on at least this share of the rows.
FLAT_SLOPE, MOST_ROWS = 1e-3, 0.99
# The distance from 0 or 1 at which a probability is saturated: that is about the rounding of single precision.
CERTAIN = 1e-7
# Weights explode if their root mean square grows by this factor.
GROWTH = 100.0

# The outputs of the hidden layers of one member, each an array of shape (rows, units).
Hidden = Sequence[np.ndarray]


def events_of(network: Network, members: Sequence[Mapping[str, Array]], X: Rows, trace: Trace) -> list[Event]:
    """Return the events that name what is wrong inside a network; none for a sound one.

    Parameters
    ----------
    network : Network
        The network, with its frame.
    members : sequence of dict
        The parameters of each member by name.
    X : array or CSR of shape (rows, columns)
        Rows like those of the fit, at most `SAMPLE`.
    trace : Trace
        The record of the fit.

    Returns
    -------
    list of Event
        The events.
    """
    epoch = int(trace.columns["iteration"][-1])
    dense = X.toarray() if hasattr(X, "tocsr") else np.asarray(X)
    if (dense == dense[0]).all():
        # Every unit is constant on rows that are alike.
        return exploding_weights(trace)
    with np.errstate(all="ignore"):
        pairs = [_seen(network, dense, k, parts) for k, parts in enumerate(members)]
        hidden, z = [layers for layers, _ in pairs], np.stack([z for _, z in pairs])
        found = dead_units(epoch, hidden) + saturated_units(epoch, hidden, network.activation)
        return found + saturated_outputs(epoch, network, z) + exploding_weights(trace)


def _seen(network: Network, X: np.ndarray, member: int, parts: Mapping[str, Array]) -> tuple[Hidden, np.ndarray]:
    """Return the outputs of each hidden layer of a member, and those of the member."""
    blocks: dict[int, list[np.ndarray]] = {}

    def see(layer: int, h: np.ndarray) -> np.ndarray:
        blocks.setdefault(layer, []).append(h)
        return h

    z = network.of_member(X, member, parts, see)
    return [np.concatenate(each) for each in blocks.values()], z


def dead_units(epoch: int, members: Sequence[Hidden]) -> list[Event]:
    """Return an event for each layer with units whose output is the same for every row: they learn nothing.

    Parameters
    ----------
    epoch : int
        The epoch of the events.
    members : sequence of sequence of array
        The outputs of the hidden layers of each member.

    Returns
    -------
    list of Event
        The events.

    Examples
    --------
    >>> h = np.array([[0.0, 1.0], [0.0, 2.0]])
    >>> dead_units(3, [[h]])[0].detail
    'layer 1: 1 of 2 hidden units (50 %) has the same output for every row, and learns nothing'
    """
    does = "{have} the same output for every row, and {learn} nothing"
    return _by_layer(epoch, "dead units", does, [[is_constant(h) for h in layers] for layers in members])


def saturated_units(epoch: int, members: Sequence[Hidden], activation: str) -> list[Event]:
    """Return an event for each layer with units of tanh at its ends, where its slope vanishes.

    Parameters
    ----------
    epoch : int
        The epoch of the events.
    members : sequence of sequence of array
        The outputs of the hidden layers of each member.
    activation : str
        The name of the activation. Only tanh is flat at both ends; the others are flat where they are dead.

    Returns
    -------
    list of Event
        The events.

    Examples
    --------
    >>> h = np.tanh(np.array([[20.0, 1.0], [-20.0, 2.0]]))
    >>> saturated_units(3, [[h]], "tanh")[0].detail
    'layer 1: 1 of 2 hidden units (50 %) is saturated on 99 % of the rows, and learns slowly'
    """
    if activation != "tanh":
        return []

    def saturated(h: np.ndarray) -> np.ndarray:
        return (np.mean(1 - h**2 < FLAT_SLOPE, axis=0) >= MOST_ROWS) & ~is_constant(h)

    does = f"{{are}} saturated on {MOST_ROWS:.0%} of the rows, and {{learn}} slowly".replace("%", " %")
    return _by_layer(epoch, "saturated", does, [[saturated(h) for h in layers] for layers in members])


def saturated_outputs(epoch: int, network: Network, z: np.ndarray) -> list[Event]:
    """Return an event if all probabilities of the members together are 0 or 1, to rounding.

    Parameters
    ----------
    epoch : int
        The epoch of the event.
    network : Network
        The network, with its frame.
    z : array of shape (members, rows, outputs)
        The outputs of the members.

    Returns
    -------
    list of Event
        The event, or none.
    """
    frame = network.frame
    if frame is None or frame.response not in ("probability", "probabilities"):
        return []
    p = responded(frame.response, frame.combined(z))
    if not p.size or not (np.minimum(p, 1 - p) <= CERTAIN).all():
        return []
    detail = f"every probability is within {CERTAIN:g} of 0 or 1, on {len(p):,} rows: they are hardly to be believed"
    return [Event(epoch, "saturated", detail, p.size)]


def exploding_weights(trace: Trace) -> list[Event]:
    """Return an event for each group of parameters that grew by a factor of 100 or more, or is not finite.

    Parameters
    ----------
    trace : Trace
        The record of the fit, whose points are the root mean squares of the groups.

    Returns
    -------
    list of Event
        The events, at the epochs where the growth began.

    Examples
    --------
    >>> epochs = {"iteration": np.arange(3)}
    >>> exploding_weights(Trace(epochs, np.array([[1.0], [20.0], [200.0]]), ["weights 1"]))[0].detail
    'weights 1: their root mean square grew from 1 to 200, by a factor of 100 or more from epoch 2 on'
    """
    found = []
    for name, sizes in zip(trace.names, np.asarray(trace.x, dtype=float).T, strict=True):
        # The layers divide by the root of their inputs, so that 1 is a usual size: a group may start at 0.
        large = ~(sizes < GROWTH * max(sizes[0], 1.0))
        if large.any():
            row = int(np.argmax(large))
            epoch = int(trace.columns["iteration"][row])
            if not np.isfinite(sizes[row]):
                detail = f"{name}: their root mean square is not finite from epoch {epoch:,} on"
            else:
                grew = f"grew from {sizes[0]:.3g} to {np.nanmax(sizes):.3g}"
                since = f"by a factor of {GROWTH:g} or more from epoch {epoch:,} on"
                detail = f"{name}: their root mean square {grew}, {since}"
            found.append(Event(epoch, "exploding weights", detail))
    return found


def _by_layer(epoch: int, kind: str, does: str, members: Iterable[Sequence[np.ndarray]]) -> list[Event]:
    """Return an event for each layer with units that are marked, with their number and share in all members."""
    found = []
    for layer, marks in enumerate(zip(*members, strict=True), start=1):
        units = np.concatenate(marks)
        if count := int(units.sum()):
            words = {"have": "has", "learn": "learns", "are": "is"} if count == 1 else {}
            verbs = does.format_map({"have": "have", "learn": "learn", "are": "are"} | words)
            share = f"{100 * count / len(units):.3g} %"
            detail = f"layer {layer}: {count:,} of {len(units):,} hidden units ({share}) {verbs}"
            found.append(Event(epoch, kind, detail, count))
    return found
