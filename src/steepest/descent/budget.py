"""What a run may spend, and how near it must come."""

from __future__ import annotations

import math
import numbers
from dataclasses import dataclass
from typing import Any

from steepest.descent.state import Rules


@dataclass(frozen=True)
class Budget:
    """What a run may spend, and how near it must come; with a tolerance of 0, as near as rounding lets it."""

    tolerance: float = 0.0
    iterations: int | None = None
    evaluations: int | None = None
    seconds: float | None = None
    most: int = 10_000

    @classmethod
    def of(cls, tolerance: Any, seconds: Any, evaluations: Any = None, most: int = 10_000, **count: Any) -> Budget:
        """Check what the user gave: ``iterations=`` or ``epochs=`` is the count."""
        ((name, iterations),) = count.items()
        for word, value in {name: iterations, "evaluations": evaluations}.items():
            if value is not None and not (_is_number(value) and value == int(value) and value >= 0):
                raise ValueError(f"{word}={value!r}: give a whole number, 0 or more")
        for word, value in {"tolerance": tolerance, "seconds": seconds}.items():
            if value is not None and not (_is_number(value) and value > 0):
                raise ValueError(f"{word}={value!r}: give a positive number")
        near = 0.0 if tolerance is None else float(tolerance)
        return cls(near, iterations, evaluations, seconds, most)

    @property
    def asked(self) -> bool:
        """Whether a tolerance was asked for."""
        return self.tolerance > 0

    def counts(self, rules: Rules) -> bool:
        """Tell whether exactly the iterations given are to be done."""
        return not (rules.searches or rules.adapts) and self.iterations is not None and not self.asked


def _is_number(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool) and math.isfinite(value)
