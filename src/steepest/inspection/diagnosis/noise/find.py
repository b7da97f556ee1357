"""The finders for noise, rounding and lost time: each file here looks for one cause."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from steepest.finding import Finding
from steepest.inspection.diagnosis.case import Case
from steepest.inspection.diagnosis.noise.batch_noise import batch_noise
from steepest.inspection.diagnosis.noise.compiling import compiling
from steepest.inspection.diagnosis.noise.order import order
from steepest.inspection.diagnosis.noise.random_values import random_values
from steepest.inspection.diagnosis.noise.single import single
from steepest.inspection.diagnosis.noise.slow import slow

FINDERS: tuple[Callable[[Case], Iterable[Finding]], ...] = (single, random_values, batch_noise, order, slow, compiling)
