"""The finders for networks and for over-fitting: each file here looks for one cause."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from steepest.finding import Finding
from steepest.inspection.diagnosis.case import Case
from steepest.inspection.diagnosis.learning.dead import dead_units
from steepest.inspection.diagnosis.learning.exploding import exploding_weights
from steepest.inspection.diagnosis.learning.overfitting import over_fitting
from steepest.inspection.diagnosis.learning.saturated import saturated_units
from steepest.inspection.diagnosis.learning.vanishing import vanishing_gradients

FINDERS: tuple[Callable[[Case], Iterable[Finding]], ...] = (
    dead_units,
    saturated_units,
    vanishing_gradients,
    exploding_weights,
    over_fitting,
)
