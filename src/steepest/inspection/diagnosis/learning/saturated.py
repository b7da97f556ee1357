"""Saturated units: units of tanh or a sigmoid at the flat ends of their curve, where they hardly answer any more."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from steepest.finding import Finding
from steepest.inspection.diagnosis.case import Case
from steepest.inspection.diagnosis.learning.cure import (
    own_cure,
    picture_of,
    with_new_start,
    with_smaller_step,
)
from steepest.inspection.diagnosis.learning.dead import told
from steepest.inspection.diagnosis.learning.network import BIAS, NetworkFacts, network_of
from steepest.inspection.diagnosis.learning.vanishing import vanished, vanished_arrays
from steepest.inspection.diagnosis.words import FROM_RECORD

NAME = "saturated units"
CURE = "Start with smaller random weights, and give columns in standard units."
# An output is at a flat end if its unit has less than this share of its largest slope.
FLAT = 0.05
# A layer is saturated if this share of its outputs is at a flat end. With inputs and weights of the usual size it is a
# few in a hundred; weights five times that size take it to a half.
MOST, NEARLY = 0.8, 0.65
# A network that has come to this share of the loss of a constant has learnt, and may need the ends.
LEARNT, LITTLE = 0.1, 0.3
# Seen from outside, units are saturated if the weights that lead to them have a slope this many times less than those
# that lead away from them, each as a share of its size; or if their biases have one this many times less. In networks
# that learn it is up to 20 times less for both: the slope of tanh at 2 is 1/14 of its largest, and at 4 it is 1/750.
WEIGHTS, BIASES = 300.0, 50.0
# From outside nothing is said of a network that has come to this share of its first loss.
LEARNT_AT_ALL = 0.03


class Pull(NamedTuple):
    """How strongly the loss pulls at the arrays of a network.

    Parameters
    ----------
    names : list of str
        The names of the weights, from the first layer to the last.
    shares : list of float
        The slope of each, as a share of its size.
    slopes : list of float
        The slope of each.
    biases : list of float
        The slope of the biases of each layer; empty if they are not known.
    source : str
        Where that is from.
    """

    names: list[str]
    shares: list[float]
    slopes: list[float]
    biases: list[float]
    source: str


def saturated_units(case: Case) -> Iterator[Finding]:
    """Yield a finding if most units of a layer are saturated.

    Parameters
    ----------
    case : Case
        The facts of the run.

    Yields
    ------
    Finding
        The finding.
    """
    for layer, count, units in told(case, "saturated"):
        if 2 * count >= units:
            text = f"{count} of {units} hidden units of layer {layer} are at the flat ends of tanh and hardly learn."
            evidence = "The network itself noted it."
            cure = "Let the library choose the steps, or use another activation."
            yield Finding("warning", NAME, text, cure, evidence, own_cure(case, "silu"), picture_of(case), 0.9)
            return
    network = network_of(case)
    if network is not None and network.hidden_at_end:
        yield from _measured(case, network)
    else:
        yield from _seen(case, network)


def flat_share(outputs: np.ndarray | None) -> float:
    """Return the share of outputs at a flat end; 0 if the slopes are not known."""
    return 0.0 if outputs is None else float(np.mean(outputs < FLAT))


def _measured(case: Case, network: NetworkFacts) -> Iterator[Finding]:
    ends = [flat_share(layer.slopes) for layer in network.hidden_at_end]
    starts = [flat_share(layer.slopes) for layer in network.hidden_at_start]
    place = int(np.argmax(ends))
    # A layer that is nearly so is told of if the network has learnt little.
    is_nearly = ends[place] >= NEARLY and network.remaining > LITTLE
    if network.remaining < LEARNT or not (ends[place] >= MOST or is_nearly):
        return
    layer = network.hidden_at_end[place]
    at_start = starts[place] if place < len(starts) else np.nan
    text = (
        f"{100 * ends[place]:.0f} % of the outputs of the {layer.outputs.shape[1]} hidden units of layer {place + 1} "
        f"are at the flat ends of {layer.kind}, where a unit hardly answers to its inputs, so its weights hardly learn."
    )
    # A start at the flat ends is to blame for steps that are too long there, too.
    by_start, by_steps = (0.97, 0.8) if ends[place] >= MOST else (0.75, 0.65)
    evidence = f"At the start it was {100 * at_start:.0f} %; a flat end has less than 5 % of the largest slope."
    if at_start >= NEARLY:
        yield Finding("warning", NAME, text, CURE, evidence, with_new_start(case, network), picture_of(case), by_start)
    else:
        cure = "Start again with smaller steps, which don't throw the units to their ends."
        yield Finding(
            "warning", NAME, text, cure, evidence, with_smaller_step(case, network), picture_of(case), by_steps
        )


def _seen(case: Case, network: NetworkFacts | None) -> Iterator[Finding]:
    """Yield a finding from slopes alone: the loss hardly pulls at weights or biases, but at what follows them."""
    value = case.value
    if len(value) < 2 or not np.isfinite(value).all() or value.min() < LEARNT_AT_ALL * value[0]:
        return
    pull = _pull(case, network)
    if pull is None or (vanished_arrays(case) if network is None else vanished(network)) is not None:
        return
    for k in range(len(pull.names) - 1):
        share, slope = pull.shares[k], pull.slopes[k]
        by_weights = pull.shares[k + 1] / share if share > 0 else 0.0
        by_biases = pull.slopes[k + 1] / pull.biases[k] if pull.biases and pull.biases[k] > 0 else 0.0
        if slope > 0 and (by_weights > WEIGHTS or by_biases > BIASES):
            text = (
                f"The units that {pull.names[k]} leads to are at the flat ends of their curve: the loss pulls "
                f"{max(by_weights, by_biases):,.0f} times less at them than at {pull.names[k + 1]}, which follows."
            )
            evidence = f"Seen in {pull.source}. {FROM_RECORD}"
            call = "" if network is None else with_new_start(case, network)
            yield Finding("warning", NAME, text, CURE, evidence, call, picture_of(case), 0.8)
            return


def _pull(case: Case, network: NetworkFacts | None) -> Pull | None:
    """Return how strongly the loss pulls at each array: by recorded slopes, or by how far the arrays were moved."""
    slopes = getattr(case.run, "leaf_slopes", None) or {}
    norms = getattr(case.run, "leaf_norms", None) or {}
    source = "the recorded slopes of the arrays"
    if slopes and set(slopes) <= set(norms):
        sizes = {name: _root_mean_square(each) for name, each in slopes.items()}
        first = {name: float(np.asarray(norms[name], dtype=float)[0]) for name in slopes}
    elif network is not None and case.points is not None and np.isfinite(case.points).all():
        far, source = case.points[-1] - case.points[0], "the recorded points"
        sizes = {leaf.name: float(np.linalg.norm(leaf.of(far))) for leaf in network.leaves}
        first = {leaf.name: float(np.linalg.norm(leaf.of(case.points[0]))) for leaf in network.leaves}
    else:
        return None
    names = [name for name in sizes if not BIAS.search(name)]
    biases = [sizes[name] for name in sizes if BIAS.search(name)]
    if len(names) < 2 or not all(first[name] > 0 for name in names):
        return None
    known = biases if len(biases) in (len(names), len(names) - 1) else []
    shares = [sizes[name] / first[name] for name in names]
    return Pull(names, shares, [sizes[name] for name in names], known, source)


def _root_mean_square(numbers: np.ndarray) -> float:
    numbers = np.asarray(numbers, dtype=float)
    numbers = numbers[np.isfinite(numbers)]
    return float(np.sqrt(np.mean(numbers**2))) if numbers.size else 0.0
