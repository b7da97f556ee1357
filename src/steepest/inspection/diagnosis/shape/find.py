"""The finders for the function, its gradient and its shape: each file here looks for one cause."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from steepest.finding import Finding
from steepest.inspection.diagnosis.case import Case
from steepest.inspection.diagnosis.shape.bound import answer_at_a_bound
from steepest.inspection.diagnosis.shape.far import endless
from steepest.inspection.diagnosis.shape.finite import function_raised, not_finite
from steepest.inspection.diagnosis.shape.gradient import wrong_gradient
from steepest.inspection.diagnosis.shape.kink import kink
from steepest.inspection.diagnosis.shape.minima import several_minima
from steepest.inspection.diagnosis.shape.plateau import plateau
from steepest.inspection.diagnosis.shape.saddle import saddle

FINDERS: tuple[Callable[[Case], Iterable[Finding]], ...] = (
    wrong_gradient, endless, not_finite, function_raised, kink, saddle, plateau, answer_at_a_bound,
)  # fmt: skip
# It looks for lower ground elsewhere, with the evaluations that all others have left.
LAST: tuple[Callable[[Case], Iterable[Finding]], ...] = (several_minima,)
