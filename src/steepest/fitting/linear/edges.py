"""`bounds=` and `fixed=` of linear models: a pair for each coefficient and for the intercept, by name."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from steepest.derivatives.bounds import Box
from steepest.printable import quoted
from steepest.types import Bounds, Fixed

# The parameters of a linear model.
COEF, INTERCEPT = "coef", "intercept"
# All coefficients at 0 or above: bounds that other options stand for.
POSITIVE: Bounds = {COEF: (0, None)}
# The most columns that a message lists.
MOST_NAMED = 6
# The name of a coefficient by its number.
LABEL = re.compile(rf"{COEF}\[\d+\]")


def read_edges(bounds: Bounds | None, fixed: Fixed | None, columns: int, names: Sequence[str] | None) -> Box | None:
    """Return the bounds of all coefficients and of the intercept, in the user's units; None if there are none.

    Parameters
    ----------
    bounds : mapping or None
        Pairs (low, high), with None for a missing side: for "coef" one pair for all coefficients or a pair for each,
        for "intercept", and for single columns by name, which count before "coef".
    fixed : mapping or None
        Numbers at which parameters are held, by the same names; None in an array leaves a coefficient free. A number
        for a single column counts before the bounds of "coef", too.
    columns : int
        The number of columns.
    names : sequence of str or None
        The names of the columns, if they have names; coef[0], coef[1] and so on always stand for them, too.

    Returns
    -------
    Box or None
        The bounds, with the intercept last.

    Raises
    ------
    TypeError
        If `bounds` or `fixed` is no mapping.
    ValueError
        If a name is unknown, or that of two parameters, a pair makes no sense, a number is outside its bounds, or
        nothing is left to fit.
    """
    low, high = np.full(columns + 1, -np.inf), np.full(columns + 1, np.inf)
    check_columns(names)
    places = _places(columns, names)
    # The parameters with a pair of their own.
    own = set[int]()
    for name, pair in _items("bounds", bounds, "(0, None)", places, names):
        place = places[name]
        own |= set(place) if name != COEF else set()
        for k, each in zip(place, _pairs(name, pair, len(place)), strict=True):
            low[k], high[k] = _sides(f"the bounds of {_label(name, k, places)}", each)
    for name, value in _items("fixed", fixed, "0.0", places, names):
        place = places[name]
        for k, number in zip(place, _numbers(name, value, len(place)), strict=True):
            if np.isnan(number):
                continue
            counts = name == COEF or k in own
            if counts and not low[k] <= number <= high[k]:
                raise ValueError(
                    f"fixed={{{name!r}: {number:g}}} is outside the bounds ({low[k]:g}, {high[k]:g}) of "
                    f"{_label(name, k, places)}: give a number inside, or leave the bounds out"
                )
            low[k] = high[k] = number
    if np.all(low == high):
        raise ValueError("bounds= and fixed= hold all coefficients and the intercept: leave one of them free to fit")
    free = np.all(np.isinf(low) & np.isinf(high))
    return None if free else Box(low, high)


def check_columns(names: Sequence[str] | None) -> None:
    """Raise ValueError if a column has a name that stands for another parameter, too."""
    for j, name in enumerate(map(str, () if names is None else names)):
        if name in (COEF, INTERCEPT) or (LABEL.fullmatch(name) and name != f"{COEF}[{j}]"):
            raise ValueError(
                f"X has a column {quoted(name)}, a name that stands for another parameter in bounds= and fixed=: "
                "rename the column"
            )


@contextmanager
def positive_as(option: str) -> Iterator[None]:
    """Word errors about the bounds `POSITIVE` by the option that the user gave in their place."""
    try:
        yield
    except ValueError as error:
        words, given = str(error), f"bounds={quoted(POSITIVE)}"
        if not words.startswith(given):
            raise
        raise ValueError(option + words.removeprefix(given)) from None


def to_json(box: Box) -> list[list[float | None]]:
    """Return the bounds as JSON, a pair for each coefficient and for the intercept, with None for a missing side."""
    return [[float(side) if np.isfinite(side) else None for side in pair] for pair in zip(*box, strict=True)]


def from_json(pairs: list[list[float | None]]) -> dict[str, Bounds]:
    """Return the argument bounds= from `to_json`; a parameter with equal bounds is fixed."""
    return {COEF: pairs[:-1], INTERCEPT: pairs[-1]}


def _places(columns: int, names: Sequence[str] | None) -> dict[str, range]:
    """Return which parameters each name stands for."""
    each = () if names is None else names
    known = {f"{COEF}[{j}]": range(j, j + 1) for j in range(columns)}
    known |= {str(name): range(j, j + 1) for j, name in enumerate(each)}
    return known | {COEF: range(columns), INTERCEPT: range(columns, columns + 1)}


def _items(
    option: str, given: Any, example: str, places: Mapping[str, range], names: Sequence[str] | None
) -> list[tuple[str, Any]]:  # fmt: skip
    """Return the pairs of a mapping, those for all coefficients first."""
    if given is None:
        return []
    if not isinstance(given, Mapping):
        raise TypeError(f'{option}={quoted(given)}: give names with values, such as {{"coef": {example}}}')
    for name in given:
        if name not in places:
            near = difflib.get_close_matches(str(name), places, n=1)
            columns = list(places)[: len(places[COEF])] if names is None else list(map(str, names))
            listed = ", ".join(columns[:MOST_NAMED]) + ", …" * (len(columns) > MOST_NAMED)
            meant = f"did you mean {near[0]!r}?" if near else f"known are coef, intercept and the columns: {listed}"
            raise ValueError(f"{option}= names {quoted(name)}, which is no parameter and no column: {meant}")
    return sorted(given.items(), key=lambda item: item[0] != COEF)


def _label(name: str, k: int, places: Mapping[str, range]) -> str:
    """Return a parameter's name, with the number of the coefficient if the name stands for several."""
    return f"{name}[{k}]" if len(places[name]) > 1 else name


def _pairs(name: str, given: Any, count: int) -> list[Any]:
    """Return `count` pairs from one pair for all, or a pair for each."""
    pairs = list(given) if isinstance(given, (Sequence, np.ndarray)) and not isinstance(given, str) else [given]
    if given is None or (len(pairs) == 2 and all(side is None or np.isscalar(side) for side in pairs)):
        return [given] * count
    if name == COEF and len(pairs) != count:
        raise ValueError(
            f"the bounds of coef are {quoted(given)}: give one pair (low, high) for all {count} coefficients, "
            f"or {count} pairs"
        )
    return pairs if name == COEF else [given]


def _sides(what: str, pair: Any) -> tuple[float, float]:
    """Return a pair as numbers, infinite where there is no bound."""
    if pair is None:
        return -np.inf, np.inf
    try:
        low, high = pair
        if isinstance(low, (str, bytes)) or isinstance(high, (str, bytes)):
            raise TypeError("a text is no number")
        low, high = (-np.inf if low is None else float(low)), (np.inf if high is None else float(high))
    except (TypeError, ValueError):
        raise ValueError(f"{what} are {quoted(pair)}: give (low, high), with None for a missing side") from None
    if not low <= high:
        raise ValueError(f"{what} are ({low:g}, {high:g}): low must not exceed high")
    if low == np.inf or high == -np.inf:
        raise ValueError(f"{what} are ({low:g}, {high:g}), which no number meets: give finite numbers or None")
    return low, high


def _numbers(name: str, given: Any, count: int) -> np.ndarray:
    """Return `count` numbers from one for all, or one for each; NaN where None leaves a parameter free."""
    try:
        each_given = np.ravel(np.asarray(given, dtype=object))
        if any(isinstance(each, (str, bytes)) for each in each_given):
            raise TypeError("a text is no number")
        # None becomes NaN, and any other number that is not finite is refused.
        numbers = np.broadcast_to(np.asarray(given, dtype=float), count)
        free = np.array([each is None for each in each_given])
        sound = bool(np.all(np.isfinite(numbers) | np.broadcast_to(free, count)))
    except (TypeError, ValueError):
        sound = False
    if not sound:
        wanted = "a finite number" if count == 1 else f"a finite number, or {count} of them"
        raise ValueError(f"fixed={{{name!r}: {quoted(given)}}}: give {wanted}")
    return numbers
