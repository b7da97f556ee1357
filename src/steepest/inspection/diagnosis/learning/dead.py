"""Dead units: hidden units that put out the same number for every row, so that they learn nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from steepest.finding import Finding
from steepest.inspection.diagnosis.case import Case
from steepest.inspection.diagnosis.learning.cure import own_cure, picture_of, with_new_start, with_smaller_step
from steepest.inspection.diagnosis.learning.network import NetworkFacts, network_of
from steepest.inspection.diagnosis.learning.still import Still, still_arrays, still_units
from steepest.inspection.diagnosis.learning.units import is_constant
from steepest.inspection.diagnosis.learning.vanishing import vanished
from steepest.inspection.diagnosis.words import FROM_RECORD
from steepest.inspection.protocol import HiddenLike

# A few dead units are usual and harm little. From half of a layer on they are said in any case, and from a quarter on
# if the fit is poor: if its loss is above this share of that of a constant.
MANY, SOME, POOR = 0.5, 0.25, 0.1
NAME = "dead units"
CURE = "Start with random weights of a smaller size, and biases of 0."
COUNTS = re.compile(r"layer (\d+): ([\d,]+) of ([\d,]+) hidden units")


def dead_units(case: Case) -> Iterator[Finding]:
    """Yield a finding if many units of a hidden layer are dead.

    Parameters
    ----------
    case : Case
        The facts of the run.

    Yields
    ------
    Finding
        The finding.
    """
    for layer, count, units in told(case, NAME):
        if count >= MANY * units:
            yield _finding(
                case, f"layer {layer}", count, units, "The network itself noted it.", own_cure(case, "silu"), 0.95
            )
            return
    network = network_of(case)
    if network is None:
        yield from _without_points(case)
    elif network.hidden_at_end:
        yield from _measured(case, network)
    else:
        yield from _seen(case, network)


def told(case: Case, kind: str) -> list[tuple[str, int, int]]:
    """Return what the events of a network of the library tell: the layer, how many of its units, and of how many."""
    matches = [COUNTS.match(event.detail) for event in case.run.events if event.kind == kind]
    return [(m[1], int(m[2].replace(",", "")), int(m[3].replace(",", ""))) for m in matches if m]


def is_dead(layer: HiddenLike) -> np.ndarray:
    """Return for each unit whether it is dead; a constant unit that is flat at both ends is said to be saturated."""
    h = layer.outputs
    return np.zeros(h.shape[1], dtype=bool) if layer.kind else is_constant(h, 8 * float(np.finfo(h.dtype).eps))


def _measured(case: Case, network: NetworkFacts) -> Iterator[Finding]:
    """Yield a finding from the outputs of the units."""
    shares = [is_dead(layer).mean() for layer in network.hidden_at_end]
    place = int(np.argmax(shares))
    share, units = float(shares[place]), network.hidden_at_end[place].outputs.shape[1]
    if not is_much(share, network) or _begins_at_zero(network):
        return
    count = round(share * units)
    before = [is_dead(layer).mean() for layer in network.hidden_at_start]
    at_start = float(before[place]) if place < len(before) else np.nan
    if at_start < MANY and vanished(network) is not None:
        # Biases alone have moved, and pushed units of tiny weights over their edge.
        return
    if at_start >= min(share, MANY):
        when = f"{round(at_start * units)} were dead at the start already, from its biases or weights."
        call, cure = with_new_start(case, network, gain=2.0), CURE
    else:
        alive = "few" if np.isnan(at_start) else f"{round(at_start * units)}"
        when = f"At the start {alive} were dead; the others died on the way, from steps that were too long."
        call, cure = with_smaller_step(case, network), "Start again with smaller steps."
    evidence, sure = f"{when} Measured by the outputs of the units.", 0.96 if share >= MANY else 0.85
    yield _finding(case, f"layer {place + 1}", count, units, evidence, call, sure, cure)


def _seen(case: Case, network: NetworkFacts) -> Iterator[Finding]:
    """Yield a finding from the weights that have no slope, or never move."""
    found, source = still_units(network)
    if not found:
        yield from _without_points(case)
        return
    worst: Still = max(found, key=lambda each: each.count / each.units)
    if not is_much(worst.count / worst.units, network) or _begins_at_zero(network) or vanished(network) is not None:
        return
    layer, call = f"the layer of {worst.layer}", with_new_start(case, network, gain=2.0)
    evidence = f"The weights that lead to them and away from them have no slope at all, by {source}. {FROM_RECORD}"
    yield _finding(case, layer, worst.count, worst.units, evidence, call, 0.85)


def _without_points(case: Case) -> Iterator[Finding]:
    """Yield a finding from the slopes of whole arrays that a loop of the user's recorded."""
    if names := still_arrays(case):
        text = f"All hidden units of a layer are dead: the slopes of {' and '.join(names[:2])} are exactly zero."
        evidence = f"The loss can't get below that of a constant. {FROM_RECORD}"
        yield Finding("warning", NAME, text, CURE, evidence, "", picture_of(case), 0.75)


def is_much(share: float, network: NetworkFacts) -> bool:
    """Tell whether a share of units is to be told: half in any case, a quarter if the fit is poor."""
    return share >= MANY or (share >= SOME and not network.remaining < POOR)


def _begins_at_zero(network: NetworkFacts) -> bool:
    """Tell whether all weights of a layer begin at zero, which is a saddle and no death of units."""
    return network.start is not None and any(not leaf.of(network.start).any() for leaf in network.weights)


def _finding(
    case: Case, layer: str, count: int, units: int, evidence: str, call: str, confidence: float,
    cure: str = CURE,
) -> Finding:  # fmt: skip
    who = f"All {units} hidden units" if count == units else f"{count} of the {units} hidden units"
    end = ", and the loss can't get below that of a constant" if count == units else ""
    text = f"{who} of {layer} put out the same number for every row, so they learn nothing{end}."
    return Finding("warning", NAME, text, cure, evidence, call, picture_of(case), confidence)
