"""Exploding weights: parameters or slopes of a network that grow by orders until the loss is huge or NaN."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from steepest.finding import Finding
from steepest.inspection.diagnosis.case import Case
from steepest.inspection.diagnosis.learning.cure import (
    inputs_of,
    own_cure,
    picture_of,
    with_new_start,
    with_smaller_step,
)
from steepest.inspection.diagnosis.learning.network import NetworkFacts, network_of
from steepest.inspection.diagnosis.words import FROM_RECORD, shown
from steepest.trace import Outcome

NAME = "exploding weights"
CURE = "Take a much smaller step, or cut gradients off at a norm."
# Weights explode if their root mean square grows by this factor, and slopes if their norm grows by the square of it: in
# a network of two layers or more the slope of one layer is that of the next times its weights.
GROWTH = 100.0
# The outputs of a network explode at the start if they grow by this factor or more from the first layer to the last,
# and its loss is the square of that times the loss of a constant.
SPREAD = 10.0
# Fewer layers don't multiply up.
DEEP = 3


def exploding_weights(case: Case) -> Iterator[Finding]:
    """Yield a finding if the weights or slopes of a network exploded.

    Parameters
    ----------
    case : Case
        The facts of the run.

    Yields
    ------
    Finding
        The finding.
    """
    told = [event for event in case.run.events if event.kind == "exploding weights"]
    if told and _is_worse(case):
        text = f"The weights of the network exploded from epoch {told[0].iteration:,} on."
        evidence, cure = (
            f"The network itself noted it: {told[0].detail.rstrip('.')}.",
            "Let the library choose the steps, or take a much smaller one.",
        )
        yield Finding("warning", NAME, text, cure, evidence, own_cure(case, "silu"), picture_of(case), 0.93)
        return
    network = network_of(case)
    if network is None:
        yield from _of_arrays(case)
        return
    if (spread := _spread(network)) is not None:
        text = (
            f"The outputs grow from layer to layer, to {shown(spread[0])} times their size, so that slopes and weights "
            f"explode: the loss at the start is {shown(spread[1])} times that of a constant."
        )
        cure = "Start with smaller random weights, of variance 1 / inputs (2 / inputs for ReLU)."
        evidence = "Measured by the outputs of the hidden layers at the start."
        yield Finding(
            "warning", NAME, text, cure, evidence, with_new_start(case, network, 2.0), picture_of(case), 0.97
        )  # fmt: skip
    elif _is_worse(case) and (grown := _grown(network)) is not None:
        name, factor, when = grown
        text = f"The weights exploded: those of {name} grew by a factor of {factor:,.3g} up to iteration {when:,}."
        if (gain := _gain(network)) > SPREAD**2:
            evidence = f"The weights of the start multiply what goes in by up to {gain:,.0f}. {FROM_RECORD}"
            cure, call = (
                "Start with smaller random weights, of variance 1 / inputs.",
                with_new_start(case, network, 2.0),
            )
            yield Finding("warning", NAME, text, cure, evidence, call, picture_of(case), 0.88)
        else:
            evidence, call = f"Seen in the recorded points. {FROM_RECORD}", with_smaller_step(case, network)
            yield Finding("warning", NAME, text, CURE, evidence, call, picture_of(case), 0.8)


def _is_worse(case: Case) -> bool:
    """Tell whether the loss got worse than at the start in the end, or is not finite."""
    last = case.value[-1] if len(case.value) else np.nan
    is_lost = case.outcome in (Outcome.DIVERGED, Outcome.NON_FINITE)
    return bool(is_lost or not np.isfinite(case.value).all() or not last <= case.value[0])


def _spread(network: NetworkFacts) -> tuple[float, float] | None:
    """Return by which factor outputs grow through the layers at the start, and the loss there by that of a constant."""
    layers = network.hidden_at_start
    whole = network.constant
    first = network.case.value[0] if len(network.case.value) else np.nan
    if len(network.weights) < DEEP or len(layers) < DEEP - 1 or not whole or not first > SPREAD**2 * whole:
        return None
    sizes = [float(np.sqrt(np.mean(layer.outputs**2))) for layer in layers]
    growth = max(sizes) / min(sizes[0], 1.0) if sizes[0] > 0 else np.nan
    return (growth, first / whole) if growth >= SPREAD else None


def _gain(network: NetworkFacts) -> float:
    """Return the product of the sizes that the layers of the start give to inputs of the size 1."""
    if network.start is None or len(network.weights) < DEEP:
        return 0.0
    sizes = [np.sqrt(np.mean(leaf.of(network.start) ** 2) * inputs_of(leaf, network)) for leaf in network.weights]
    return float(np.prod(sizes))


def _grown(network: NetworkFacts) -> tuple[str, float, int] | None:
    """Return the array that grew most, by which factor, and when; None if none exploded."""
    points = network.case.points
    if points is None or not len(points):
        return None
    best = None
    for leaf in network.weights:
        with np.errstate(all="ignore"):
            sizes = np.sqrt(np.mean(leaf.of(points) ** 2, axis=1))
        finite = np.flatnonzero(np.isfinite(sizes))
        if finite.size:
            top = int(finite[np.argmax(sizes[finite])])
            # Weights of the size 1 / √inputs are usual, and 1 is large.
            factor = float(sizes[top] / max(sizes[0], 1.0))
            if factor >= GROWTH and (best is None or factor > best[1]):
                best = (leaf.name, factor, int(network.case.iteration[top]))
    return best


def _of_arrays(case: Case) -> Iterator[Finding]:
    """Yield a finding from the norms of arrays, or of their slopes, that a loop of the user's recorded."""
    for what, given, most in (
        ("weights", getattr(case.run, "leaf_norms", None), GROWTH),
        ("slopes", getattr(case.run, "leaf_slopes", None), GROWTH**2),
    ):
        for name, each in (given or {}).items():
            sizes = np.asarray(each, dtype=float)
            worse, known = ~(case.value <= case.value[0]), np.isfinite(sizes)
            if len(sizes) != len(worse) or not (known & worse).any() or not known[0]:
                continue
            # Weights that grew while the loss fell went where they should, whatever their units.
            usual, most_seen = float(sizes[known & ~worse].max(initial=sizes[0])), float(sizes[known & worse].max())
            if most_seen >= most * max(usual, 1.0) and _is_worse(case):
                grew = f"grew from {shown(usual)} to {shown(most_seen)}"
                text = f"The {what} exploded: the norm of those of {name} {grew}."
                evidence = f"The loss got worse meanwhile. {FROM_RECORD}"
                yield Finding("warning", NAME, text, CURE, evidence, _slower(case), picture_of(case), 0.7)
                return


def _slower(case: Case) -> str:
    sizes = case.size[np.isfinite(case.size) & (case.size > 0)]
    return f"learning_rate = {sizes[-1] / 10:.2g}" if sizes.size else ""
