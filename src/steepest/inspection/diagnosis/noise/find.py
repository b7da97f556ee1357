"""What can be wrong of noise, rounding and time: each file here looks for one cause."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from steepest.finding import Finding
from steepest.inspection.diagnosis.case import Case

FINDERS: tuple[Callable[[Case], Iterable[Finding]], ...] = ()
