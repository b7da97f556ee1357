"""What can be wrong of the function: its shape, its kinks, its limits; each file here looks for one cause."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from steepest.finding import Finding
from steepest.inspection.diagnosis.case import Case
from steepest.inspection.diagnosis.shape.bounds import answer_at_bound
from steepest.inspection.diagnosis.shape.far import far_out
from steepest.inspection.diagnosis.shape.kink import kink
from steepest.inspection.diagnosis.shape.minima import several_minima
from steepest.inspection.diagnosis.shape.raised import function_raised, not_finite
from steepest.inspection.diagnosis.shape.saddle import saddle
from steepest.inspection.diagnosis.shape.wrong_gradient import wrong_gradient

FINDERS: tuple[Callable[[Case], Iterable[Finding]], ...] = (
    wrong_gradient,
    function_raised,
    not_finite,
    several_minima,
    answer_at_bound,
    saddle,
    kink,
    far_out,
)
