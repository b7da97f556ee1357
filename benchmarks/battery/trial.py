"""`Trial`: a run with a known cause, or a healthy one, and how to tell whether a cure worked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

HEALTHY = "healthy"


@dataclass(frozen=True)
class Trial:
    """A run with a known cause, or a healthy one.

    Parameters
    ----------
    cause : str
        The name of its cause in `steepest.inspection.diagnosis.causes`, or "healthy".
    make : callable
        Makes the run.
    scope : mapping
        The names that the pasted cure uses, such as f, start, X and y; `st` and `np` are always there.
    solved : callable, optional
        Tells whether the result of the pasted cure is free of the trouble; None if no code cures it.
    also : tuple of str
        Names that are as true of it as `cause`.
    loop : callable, optional
        Writes the same descent by a loop of the user's own into a recorder; None if it makes no sense there.
    """

    cause: str
    make: Callable[[], Any]
    scope: Mapping[str, Any] = field(default_factory=dict)
    solved: Callable[[Any], bool] | None = None
    also: tuple[str, ...] = ()
    loop: Callable[[Any], None] | None = None


# Makes one trial from a generator and a severity from 0 (mild, but a user would want to know) to 1 (gross).
Sabotage = Callable[[np.random.Generator, float], Trial]
