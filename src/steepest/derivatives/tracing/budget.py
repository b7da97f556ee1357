"""The state of a running trace: the number of operations, the reason of a refusal, and the branches of the code."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NoReturn

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import DTypeLike

from steepest.derivatives.differences import EPS
from steepest.types import Array

# The most array operations of a trace. Chosen, not measured: compilation takes time for each operation, so a Python
# loop over a million rows is better left to plain calls.
MOST_OPERATIONS = 30_000


class UntraceableError(TypeError):
    """Raised if an operation of the code would lose the derivative of a traced value."""


class Budget:
    """The state of the running trace, stored in the class: only one trace can run at a time.

    Attributes
    ----------
    spent : int
        How many array operations the code has made.
    refused : str
        Why the trace was refused; empty if it was not. The user's code may catch the exception and go on without a
        derivative, so the refusal is stored, and `settle` raises it again.
    seeded : bool
        Whether the code has seeded the random numbers that it draws.
    precision : float
        The relative rounding error of the coarsest type that the code asks for. The trace itself computes in doubles.
    """

    spent = 0
    refused = ""
    seeded = False
    precision = EPS

    @classmethod
    def renew(cls) -> None:
        """Begin a trace."""
        cls.spent, cls.refused, cls.seeded, cls.precision = 0, "", False, EPS

    @classmethod
    def note_type(cls, dtype: DTypeLike | None) -> None:
        """Take note of a floating-point type that the code asks for."""
        if dtype is not None and np.dtype(dtype).kind == "f" and np.dtype(dtype).itemsize < 8:
            cls.precision = max(cls.precision, float(np.finfo(dtype).eps))

    @classmethod
    def settle(cls) -> None:
        """End a trace; raise an error if it was refused."""
        if cls.refused:
            raise UntraceableError(cls.refused)

    @classmethod
    def spend(cls) -> None:
        """Count one array operation."""
        cls.spent += 1
        if cls.spent > MOST_OPERATIONS:
            refuse(f"the code makes more than {MOST_OPERATIONS:,} array operations, too many to compile")


class Decisions:
    """The answers to conditions on traced values, such as `if x > 0`.

    While the code runs on numbers, the answers can be recorded. While the code is traced for one path through its
    branches, the recorded answers are replayed, and the conditions become guards: the path is valid at the points where
    the guards have the same answers.
    """

    answers: list[bool] | None = None
    guards: list[Array] | None = None

    @classmethod
    @contextmanager
    def recorded(cls) -> Iterator[list[bool]]:
        """Record the answers of code that runs on numbers."""
        cls.answers = []
        try:
            yield cls.answers
        finally:
            cls.answers = None

    @classmethod
    @contextmanager
    def replayed(cls, answers: Sequence[bool]) -> Iterator[list[Array]]:
        """Give recorded answers to code that is traced, and collect its conditions as guards."""
        cls.answers, cls.guards = list(answers), []
        try:
            yield cls.guards
        finally:
            cls.answers = cls.guards = None

    @classmethod
    def answer(cls, value: Array) -> bool:
        """Return whether a value is true: as recorded while answers are replayed, else as computed."""
        if cls.guards is not None:
            if len(cls.guards) == len(cls.answers or ()):
                refuse("the code takes other branches when it is traced")
            cls.guards.append(jnp.asarray(value).reshape(()) != 0)
            return (cls.answers or [])[len(cls.guards) - 1]
        answer = bool(value)
        if cls.answers is not None:
            cls.answers.append(answer)
        return answer


def refuse(why: str) -> NoReturn:
    """Refuse the trace: raise an error, and store the reason, as the user's code may catch the error."""
    Budget.refused = why
    raise UntraceableError(why)


@contextmanager
def branching() -> Iterator[None]:
    """Store a refusal if JAX raises an error because it needs a value: the user's code may catch the error."""
    try:
        yield
    except (jax.errors.JAXTypeError, jax.errors.JAXIndexError):
        Budget.refused = Budget.refused or "the code branches on values"
        raise
