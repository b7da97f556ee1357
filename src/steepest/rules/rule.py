"""What makes a class a rule: a frozen record of hyper-parameters that compiled code takes as an argument."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any, dataclass_transform

import jax

State = Any
Array = Any


@dataclass_transform(frozen_default=True)
def rule(cls: type) -> type:
    """Make a class a frozen record that JAX takes as an argument: its numbers never recompile.

    The class is part of the static data: JAX compares two dataclasses by their fields alone, and
    would run what it compiled for one rule with the numbers of another.
    """
    cls = dataclass(frozen=True)(cls)
    moving = [f.name for f in fields(cls) if not f.metadata.get("static")]
    static = [f.name for f in fields(cls) if f.metadata.get("static")]

    def flatten(record: Any) -> tuple[list[Any], tuple[Any, ...]]:
        return [getattr(record, n) for n in moving], (cls, *(getattr(record, n) for n in static))

    def unflatten(data: tuple[Any, ...], values: Iterable[Any]) -> Any:
        record: Any = object.__new__(cls)
        for name, value in [*zip(moving, values, strict=True), *zip(static, data[1:], strict=True)]:
            object.__setattr__(record, name, value)
        return record

    jax.tree_util.register_pytree_node(cls, flatten, unflatten)
    return cls
