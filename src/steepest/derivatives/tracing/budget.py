"""The state of a running trace: the number of operations, the reason of a refusal, and the branches of the code."""

from __future__ import annotations

import math
import threading
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


class _Running(threading.local):
    """The state of the trace that runs in this thread.

    Attributes
    ----------
    spent : int
        How many array operations the code has made.
    most : float
        How many it may make: infinitely many while no trace runs, as the library's own code is always compiled.
    refused : str
        Why the trace was refused; empty if it was not. The user's code may catch the exception and go on without a
        derivative, so the refusal is stored, and raised again at the end.
    seeded : bool
        Whether the code has seeded the random numbers that it draws.
    precision : float
        The relative rounding error of the coarsest type that the code asks for. The trace itself computes in doubles.
    answers : list of bool or None
        The answers to conditions on traced values, such as `if x > 0`: those recorded so far, or those to replay; None
        if they are neither recorded nor replayed.
    guards : list of array or None
        The conditions that were met while answers are replayed.
    """

    spent = 0
    most = math.inf
    refused = ""
    seeded = False
    precision = EPS
    answers: list[bool] | None = None
    guards: list[Array] | None = None


running = _Running()


@contextmanager
def tracing() -> Iterator[None]:
    """Run a trace in this context, and raise an error at its end if it was refused.

    The code may itself call a function that is traced: the state of the outer trace is restored after the inner one.
    """
    outer = dict(vars(running))
    vars(running).clear()
    running.most = MOST_OPERATIONS
    try:
        yield
        if running.refused:
            raise UntraceableError(running.refused)
    finally:
        vars(running).clear()
        vars(running).update(outer)


def note_type(dtype: DTypeLike | None) -> None:
    """Take note of a floating-point type that the code asks for."""
    if dtype is not None and np.dtype(dtype).kind == "f" and np.dtype(dtype).itemsize < 8:
        running.precision = max(running.precision, float(np.finfo(dtype).eps))


def spend() -> None:
    """Count one array operation."""
    running.spent += 1
    if running.spent > running.most:
        refuse(f"the code makes more than {running.most:,} array operations, too many to compile")


@contextmanager
def recorded() -> Iterator[list[bool]]:
    """Record the answers to conditions, while code runs on numbers."""
    answers: list[bool] = []
    running.answers = answers
    try:
        yield answers
    finally:
        running.answers = None


@contextmanager
def replayed(answers: Sequence[bool]) -> Iterator[list[Array]]:
    """Give recorded answers to code that is traced for one path through its branches, and collect its conditions.

    The conditions are guards: the path is valid at the points where they have the same answers.
    """
    running.answers, running.guards = list(answers), []
    try:
        yield running.guards
    finally:
        running.answers = running.guards = None


def answer(value: Array) -> bool:
    """Return whether a value is true: as recorded while answers are replayed, else as computed."""
    if running.guards is not None:
        if len(running.guards) == len(running.answers or ()):
            refuse("the code takes other branches when it is traced")
        running.guards.append(jnp.asarray(value).reshape(()) != 0)
        return (running.answers or [])[len(running.guards) - 1]
    found = bool(value)
    if running.answers is not None:
        running.answers.append(found)
    return found


def refuse(why: str) -> NoReturn:
    """Refuse the trace: raise an error, and store the reason, as the user's code may catch the error."""
    running.refused = why
    raise UntraceableError(why)


@contextmanager
def branching() -> Iterator[None]:
    """Store a refusal if JAX raises an error because it needs a value: the user's code may catch the error."""
    try:
        yield
    except (jax.errors.JAXTypeError, jax.errors.JAXIndexError):
        running.refused = running.refused or "the code branches on values"
        raise
