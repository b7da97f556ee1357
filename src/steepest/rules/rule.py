"""The decorator of every rule: it makes a class a frozen record of hyper-parameters for compiled code."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, fields
from typing import TypeVar, dataclass_transform

import jax

from steepest.types import Array

T = TypeVar("T")


@dataclass_transform(frozen_default=True)
def rule(cls: type[T]) -> type[T]:
    """Make a class a frozen record and a JAX pytree, so that new numbers in its fields need no new compilation.

    A field with ``metadata={"static": True}`` is compiled in. The class is compiled in, too: code compiled for one rule
    never runs with the numbers of another.
    """
    cls = dataclass(frozen=True)(cls)
    dynamic = [f.name for f in fields(cls) if not f.metadata.get("static")]  # type: ignore[arg-type]
    static = [f.name for f in fields(cls) if f.metadata.get("static")]  # type: ignore[arg-type]

    def flatten(record: T) -> tuple[list[Array], tuple[Hashable, ...]]:
        return [getattr(record, n) for n in dynamic], (cls, *(getattr(record, n) for n in static))

    def unflatten(data: tuple[Hashable, ...], values: Iterable[Array]) -> T:
        record = object.__new__(cls)
        for name, value in [*zip(dynamic, values, strict=True), *zip(static, data[1:], strict=True)]:
            object.__setattr__(record, name, value)
        return record

    jax.tree_util.register_pytree_node(cls, flatten, unflatten)
    return cls
