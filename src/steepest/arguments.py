"""The arguments that functions take: what draws random numbers, and the words of other libraries answered with ours."""

from __future__ import annotations

import difflib
import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

F = TypeVar("F", bound=Callable[..., Any])

RIVALS = {
    "x0": "start",
    "initial_point": "start",
    "params": "start",
    "jac": "gradient",
    "grad": "gradient",
    "fprime": "gradient",
    "method": "direction",
    "optimizer": "direction",
    "lr": "step",
    "learning_rate": "step",
    "eta": "step",
    "step_size": "step",
    "tol": "tolerance",
    "gtol": "tolerance",
    "ftol": "tolerance",
    "maxiter": "iterations",
    "max_iter": "iterations",
    "n_iter": "iterations",
    "num_iterations": "iterations",
    "n_epochs": "epochs",
    "max_epochs": "epochs",
    "maxfev": "evaluations",
    "maxfun": "evaluations",
    "timeout": "seconds",
    "seed": "rng",
    "random_state": "rng",
    "disp": "progress",
    "verbose": "progress",
    "weights": "sample_weight",
    "regularization": "penalty",
}


def our_words(function: F) -> F:
    """Answer a keyword that the function lacks with the word that it has for it."""
    parameters = inspect.signature(function).parameters

    @functools.wraps(function)
    def answered(*args: Any, **kwargs: Any) -> Any:
        for word in kwargs:
            if word not in parameters:
                raise TypeError(f"{function.__name__}() has no argument {word!r}{hint(word, parameters)}")
        return function(*args, **kwargs)

    return answered  # type: ignore[return-value]


def hint(word: str, ours: Any) -> str:
    """Return what to write instead of a word, as the tail of a sentence."""
    known = RIVALS.get(word.lower())
    if known in ours:
        return f": here it is called {known}="
    near = difflib.get_close_matches(word.lower(), list(ours), n=1)
    return f": did you mean {near[0]}=?" if near else f"; it takes {', '.join(f'{name}=' for name in ours)}"


def generator(rng: Any) -> np.random.Generator:
    """Return what draws random numbers.

    Parameters
    ----------
    rng : int, numpy.random.Generator or None
        A seed, what shall draw, or None for another draw each time.

    Returns
    -------
    numpy.random.Generator
        What draws.

    Raises
    ------
    ValueError
        If it is none of these.
    """
    try:
        return np.random.default_rng(rng)
    except (TypeError, ValueError):
        raise ValueError(f"rng={rng!r}: give a whole number from 0 as the seed, a Generator, or None") from None
