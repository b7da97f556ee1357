"""Help with arguments: messages about unknown keywords and names, and the seed of random numbers."""

from __future__ import annotations

import difflib
import functools
import inspect
from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from steepest.printable import quoted

if TYPE_CHECKING:
    import numpy as np

    from steepest.types import Callback, Seed

P = ParamSpec("P")
R = TypeVar("R")

# Keywords of other libraries, such as SciPy, scikit-learn and PyTorch, with steepest's keywords for the same thing. A
# function is told the first that it takes.
RIVALS = {
    "x0": ("start",),
    "initial_point": ("start",),
    "params": ("start",),
    "p0": ("start",),
    "jac": ("gradient",),
    "grad": ("gradient",),
    "fprime": ("gradient",),
    "method": ("direction",),
    "optimizer": ("direction",),
    "solver": ("direction",),
    "lr": ("step",),
    "learning_rate": ("step",),
    "learning_rate_init": ("step",),
    "eta": ("step",),
    "eta0": ("step",),
    "step_size": ("step",),
    "tol": ("tolerance", "tol"),
    "gtol": ("tolerance", "tol"),
    "ftol": ("tolerance", "tol"),
    "tolerance": ("tol",),
    "maxiter": ("iterations", "epochs", "max_epochs"),
    "max_iter": ("iterations", "epochs", "max_epochs"),
    "n_iter": ("iterations", "epochs", "max_epochs"),
    "num_iterations": ("iterations", "epochs", "max_epochs"),
    "iterations": ("epochs", "max_epochs"),
    "n_epochs": ("epochs", "max_epochs"),
    "epochs": ("max_epochs",),
    "max_epochs": ("epochs",),
    "maxfev": ("evaluations",),
    "maxfun": ("evaluations",),
    "timeout": ("seconds",),
    "seed": ("rng", "random_state"),
    "random_state": ("rng",),
    "rng": ("random_state",),
    "disp": ("progress", "verbose"),
    "verbose": ("progress",),
    "progress": ("verbose",),
    "weights": ("sample_weight",),
    "regularization": ("penalty",),
    "validation_split": ("validation", "validation_fraction"),
    "validation": ("validation_fraction",),
}
ANY_START = "a linear fit has the same answer from any start: leave it out, or set warm_start=True to continue"
# Keywords of other libraries that need more than another name: what to do here.
ADVICE = {
    "c": "C is a penalty here, of strength 1 / (C · rows): give it as alpha=, or to fit as penalty=penalties.L2(…)",
    "alpha": "give penalty=penalties.L2(alpha), or L1(alpha)",
    "l1_ratio": "give penalty=penalties.ElasticNet(l1=…, l2=…)",
    "average": "the answer is the minimum itself, so there is nothing to average: leave it out",
    "power_t": "give step= a function of the update, such as lambda k: 0.01 / k**0.25, or leave it out",
    "momentum": "give direction=directions.Momentum(0.9)",
    "nesterovs_momentum": "give direction='nesterov'",
    "n_iter_no_change": "the patience of early stopping is fixed: leave it out",
    "epsilon": "give the loss with its number, such as loss=losses.Huber(1.35) or losses.EpsilonInsensitive(0.1)",
    "shuffle": "rows of batches are always shuffled: leave it out",
    "n_jobs": "all cores are used: leave it out",
    "multi_class": "the loss decides: several classes share the softmax with 'log loss'; leave it out",
    "dual": "there is one formulation: leave it out",
    "coef_init": ANY_START,
    "intercept_init": ANY_START,
    "fit_intercept": "to fit without an intercept, give a function such as lambda X, w: X @ w, or use the estimators",
    "method": "the method follows from the problem: leave it out",
    "jac": "derivatives are exact where the code can be traced: leave it out",
    "maxfev": "a descent ends by itself: leave it out",
    "full_output": "call fit(…), whose result has the residuals, the evaluations and the outcome",
    "nan_policy": "leave out the rows with missing values before the call",
    "check_finite": "values are always checked: leave it out",
    "normalize": "columns are rescaled inside: leave it out",
}


def our_words(function: Callable[P, R]) -> Callable[P, R]:
    """Make a function refuse unknown keywords with a message that gives steepest's name for them."""
    parameters = inspect.signature(function).parameters
    known = [name for name in parameters if name != "self"]

    @functools.wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        for keyword in kwargs:
            if keyword not in parameters:
                name = type(args[0]).__name__ if function.__name__ == "__init__" else function.__name__
                raise TypeError(f"{name}() has no argument {quoted(keyword)}{hint(keyword, known)}")
        return function(*args, **kwargs)

    return checked


def hint(keyword: str, known: Collection[str]) -> str:
    """Return the end of the message about an unknown keyword: the keyword to use instead, or all keywords."""
    ours = next((name for name in RIVALS.get(keyword.lower(), ()) if name in known), None)
    if ours is not None:
        return f": here it is called {ours}="
    if keyword.lower() in ADVICE:
        return f": {ADVICE[keyword.lower()]}"
    near = closest(keyword, known)
    return f": did you mean {near}=?" if near else f"; it takes {', '.join(f'{name}=' for name in known)}"


def closest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is most similar to a mistyped name, or None if none is similar.

    Upper and lower case count as the same. The name itself is never returned: it was given, and did not work.

    Parameters
    ----------
    name : str
        The name that was given.
    known : iterable of str
        The names that exist.

    Returns
    -------
    str or None
        The name that was probably meant.

    Examples
    --------
    >>> closest("momentun", ["plain", "momentum"])
    'momentum'
    """
    by_lower_case = {each.lower(): each for each in known if each != name}
    near = difflib.get_close_matches(name.lower(), by_lower_case, n=1)
    return by_lower_case[near[0]] if near else None


def guess(name: str, known: Iterable[str]) -> str:
    """Return ": did you mean …?" to put after an unknown name, or nothing if no known name resembles it.

    Parameters
    ----------
    name : str
        The name that was given.
    known : iterable of str
        The names that exist.

    Returns
    -------
    str
        The end of a message, to follow "… is not known".

    Examples
    --------
    >>> guess("momentun", ["plain", "momentum"])
    ": did you mean 'momentum'?"
    """
    near = closest(name, known)
    return f": did you mean {near!r}?" if near else ""


def guess_or_list(name: str, known: Collection[str]) -> str:
    """Return "did you mean …?" for an unknown name, or the list of all names if none resembles it.

    Parameters
    ----------
    name : str
        The name that was given.
    known : collection of str
        The names that exist, in the order of the list.

    Returns
    -------
    str
        A clause, to follow "there is no …: ".

    Examples
    --------
    >>> guess_or_list("predct", ["fit", "predict"]), guess_or_list("x", ["fit", "predict"])
    ('did you mean predict?', 'there are fit, predict')
    """
    near = closest(name, known)
    return f"did you mean {near}?" if near else f"there are {', '.join(known)}"


def generator(rng: Seed) -> np.random.Generator:
    """Return the generator of random numbers for a value of `rng=`.

    Parameters
    ----------
    rng : int, numpy.random.Generator or None
        A seed, a generator to use as it is, or None for a new seed from the operating system.

    Returns
    -------
    numpy.random.Generator
        The generator.

    Raises
    ------
    ValueError
        If `rng` is none of these.
    """
    # Imported here because the command line uses this file before it needs NumPy, and should start quickly.
    import numpy as np

    try:
        return np.random.default_rng(rng)
    except (TypeError, ValueError):
        raise ValueError(f"rng={quoted(rng)}: give a whole number from 0 as the seed, a Generator, or None") from None


def check_callback(callback: Callback | None) -> None:
    """Raise TypeError unless a value of `callback=` can be called, or is None.

    Parameters
    ----------
    callback : callable or None
        The value.

    Raises
    ------
    TypeError
        If it can't be called.

    Examples
    --------
    >>> check_callback(3)
    Traceback (most recent call last):
    ...
    TypeError: callback=3: give a function of one argument, the result so far, or leave it out
    """
    if callback is not None and not callable(callback):
        raise TypeError(
            f"callback={quoted(callback)}: give a function of one argument, the result so far, or leave it out"
        )
