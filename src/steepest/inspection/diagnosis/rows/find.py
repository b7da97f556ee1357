"""The finders for the rows of a fit: each file here looks for one cause, or for causes of one kind."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from steepest.finding import Finding
from steepest.inspection.diagnosis.case import Case
from steepest.inspection.diagnosis.rows.classes import rare_classes, separable_classes
from steepest.inspection.diagnosis.rows.columns import constant_columns, dependent_columns
from steepest.inspection.diagnosis.rows.curved import curved_targets
from steepest.inspection.diagnosis.rows.guess import no_better_than_a_constant
from steepest.inspection.diagnosis.rows.leaking import leaking_columns
from steepest.inspection.diagnosis.rows.outliers import outlying_rows
from steepest.inspection.diagnosis.rows.tables import warned_of_table
from steepest.inspection.diagnosis.rows.targets import unscaled_targets

FINDERS: tuple[Callable[[Case], Iterable[Finding]], ...] = (
    warned_of_table,
    leaking_columns,
    separable_classes,
    unscaled_targets,
    constant_columns,
    dependent_columns,
    outlying_rows,
    rare_classes,
    curved_targets,
    no_better_than_a_constant,
)
