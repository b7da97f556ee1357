"""The frame of a network for its rows: scales, linear starts, and the units of the targets."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from steepest.fitting.network.start import LinearStarts
from steepest.fitting.target import LOCATED, Target, response_of, targets_of
from steepest.fitting.validation import LabelledRows
from steepest.models.frame import Frame, column_scales
from steepest.types import Function


def framed(
    loss: Function, rows: LabelledRows, own: list[np.ndarray], starts: LinearStarts, known: Frame | None,
    is_linear: bool,
) -> tuple[Frame, list[Target]]:  # fmt: skip
    """Return the frame of a network, a known one or that of the rows, and the target of each member in its units.

    The outputs of a network stay within the targets that it has seen; those of a linear model do not.
    """
    is_new = known is None
    if known is None:
        coef, intercept, outputs = starts.coef, starts.intercept, len(starts.level)
        known = Frame(
            **column_scales(rows.X, rows.weight)._asdict(), coef=coef, intercept=intercept,
            unit=np.ones_like(intercept), low=np.full(outputs, -np.inf), high=np.full(outputs, np.inf),
            share=np.array(1.0), line=starts.line, level=starts.level, response=response_of(loss),
        )  # fmt: skip
    is_located = isinstance(loss, LOCATED) and not is_linear
    if is_located:
        # A network that continues may have seen targets beyond those of these rows.
        bounds = np.concatenate([known.low, known.high])
        seen = np.append(rows.y, bounds[np.isfinite(bounds)])
        known = replace(known, low=np.array([seen.min()]), high=np.array([seen.max()]))
    known = replace(known, line=starts.line, level=starts.level)
    if is_new:
        starts_of_rows = [known.linear(rows.X[numbers], k) for k, numbers in enumerate(own)]
        targets = targets_of(loss, starts_of_rows, [rows.at(numbers) for numbers in own])
        return replace(known, unit=np.stack([target.unit for target in targets])), targets
    return known, [Target.in_unit(loss, float(unit[0])) for unit in known.unit]
