"""`Call`: how a result was asked for, as text that can be pasted, also with other arguments."""

from __future__ import annotations

import ast
import functools
import inspect
import keyword
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, ParamSpec, Protocol, TypeVar

import numpy as np

from steepest.types import Json

P = ParamSpec("P")
# The most numbers of an argument that are written out; longer ones are written as the name of the argument.
MOST_NUMBERS = 8
# So deep lists and dicts are written out.
MOST_DEPTH = 16
# The public place of each kind of object, by the module of its class.
HOMES = {
    "steepest.rules.directions": "st.directions",
    "steepest.rules.steps": "st.steps",
    "steepest.models.losses": "st.losses",
    "steepest.models.penalties": "st.penalties",
    "steepest.models": "st.models",
    "steepest.sets": "st.sets",
}
# Arguments that may hold many rows, or objects of the user. A result keeps their text, so that they leave the memory.
DATA = frozenset({"X", "y", "table", "sample_weight", "validation", "start", "initial_point", "callback"})
# The types of values that can't change, and take no memory.
SIMPLE = frozenset({type(None), bool, int, float, str})
# The arguments of `minimize` in place of those of `gradient_descent`.
TEXTBOOK = {"initial_point": "start", "learning_rate": "step"}


class HasCall(Protocol):
    """A result that knows how it was asked for."""

    call: Call | None


R = TypeVar("R", bound=HasCall)


class Call:
    """How a result was asked for: a function of steepest, and the arguments that were given.

    Parameters
    ----------
    name : str
        The function, such as "minimize".
    arguments : mapping of str to object
        The arguments that were given, by name.
    positional : sequence of str, optional
        Those of them that are written without their names.
    defaults : mapping of str to object, optional
        The defaults of the function. An argument that has its default is not written.
    typed : sequence of str, optional
        The command of the shell that asked for it, after the word "steepest"; () if none did.

    Examples
    --------
    >>> call = Call("minimize", {"f": sum, "start": (9, 9), "step": 0.3}, ["f", "start"])
    >>> print(call)
    st.minimize(sum, (9, 9), step=0.3)
    >>> print(call.changed(step=0.1, iterations=50))
    st.minimize(sum, (9, 9), step=0.1, iterations=50)
    >>> print(call.changed(step=None))
    st.minimize(sum, (9, 9))
    """

    def __init__(
        self,
        name: str,
        arguments: Mapping[str, object],
        positional: tuple[str, ...] | list[str] = (),
        defaults: Mapping[str, object] | None = None,
        typed: tuple[str, ...] | list[str] = (),
    ) -> None:
        self.name, self.arguments, self.positional = name, arguments, positional
        self.defaults, self.typed = defaults or {}, typed

    def __str__(self) -> str:
        parts = [written(self.arguments[name], name) for name in self.positional if name in self.arguments]
        return f"st.{self.name}({', '.join([*parts, *(f'{name}={text}' for name, text in self.options().items())])})"

    def __repr__(self) -> str:
        return f"Call({self})"

    def options(self) -> dict[str, str]:
        """Return the arguments that are written with their names, as code.

        Returns
        -------
        dict of str to str
            The code of each, without those that have their default.
        """
        named = {name: value for name, value in self.arguments.items() if name not in self.positional}
        return {
            name: written(value, name)
            for name, value in named.items()
            if not (name in self.defaults and _is_same(value, self.defaults[name]))
        }

    def get(self, name: str) -> Any:
        """Return an argument as it was given; None if it was not, or if the result was loaded and it is only a name.

        Parameters
        ----------
        name : str
            The argument.

        Returns
        -------
        object
            The value.
        """
        value = self.arguments.get(name)
        return value.literal if isinstance(value, Code) else value

    def changed(self, name: str | None = None, **changes: object) -> Call:
        """Return the call with other arguments; those that are None are left out.

        Parameters
        ----------
        name : str, optional
            Another function to call.
        **changes : object
            The arguments to change. A `Code` is written as it is.

        Returns
        -------
        Call
            The new call.
        """
        if self.name == "gradient_descent" and not self._is_textbook(name, changes):
            return self._as_minimize().changed(None if name == "minimize" else name, **changes)
        if self.name == "gradient_descent" and "step" in changes:
            changes["learning_rate"] = changes.pop("step")
        # The defaults of another function are not known here.
        defaults = self.defaults if name in (None, self.name) else None
        arguments = {**self.arguments, **changes}
        kept = {key: value for key, value in arguments.items() if value is not None or key not in changes}
        return Call(name or self.name, kept, self.positional, defaults, self.typed)

    def _is_textbook(self, name: str | None, changes: Mapping[str, object]) -> bool:
        """Return whether `gradient_descent` can be called with these changes."""
        step = changes.get("step", changes.get("learning_rate", 1.0))
        known = {"f", "initial_point", "learning_rate", "iterations", "step"}
        is_number = isinstance(step, (int, float, np.number, Code))
        return (
            name in (None, self.name)
            and is_number
            and set(changes) <= known
            and changes.get("iterations", 1) is not None
        )

    def _as_minimize(self) -> Call:
        """Return the call of `minimize` that does the same."""
        arguments = {TEXTBOOK.get(name, name): value for name, value in self.arguments.items()}
        positional = tuple(TEXTBOOK.get(name, name) for name in self.positional if name in ("f", "initial_point"))
        return Call("minimize", arguments, positional, None, self.typed)

    def to_json(self) -> Json:
        """Return the call for a JSON file: its arguments are texts.

        Returns
        -------
        dict
            The record.
        """
        texts = {name: written(self.arguments[name], name) for name in self.positional if name in self.arguments}
        record = {"name": self.name, "arguments": texts | self.options(), "positional": list(self.positional)}
        return record | ({"typed": list(self.typed)} if self.typed else {})

    @classmethod
    def from_json(cls, record: Mapping[str, Json]) -> Call:
        """Return the call from its record.

        Parameters
        ----------
        record : mapping
            The result of `to_json`.

        Returns
        -------
        Call
            The call, whose arguments are texts.
        """
        arguments = {name: Code(text) for name, text in record["arguments"].items()}
        return cls(record["name"], arguments, tuple(record["positional"]), None, tuple(record.get("typed", ())))


class Code(str):
    """Text that is written into a call as it is."""

    @property
    def literal(self) -> Any:
        """The number, or other literal of Python, that the text is; None if it is none."""
        try:
            return ast.literal_eval(self)
        except (ValueError, SyntaxError):
            return None


def written(value: object, name: str) -> str:
    """Return an argument as code: a literal, how a rule or model of steepest is made, or else a name.

    Parameters
    ----------
    value : object
        The argument.
    name : str
        The name of the parameter, which stands for values that are too long or have no code.

    Returns
    -------
    str
        The code.

    Examples
    --------
    >>> import steepest as st
    >>> written(st.directions.Momentum(0.5), "direction"), written(np.zeros(2), "start"), written(np.zeros(99), "X")
    ('st.directions.Momentum(decay=0.5)', '[0.0, 0.0]', 'X')
    """
    return _written(value, 0) or name


def _written(value: Any, depth: int) -> str:
    """Return a value as code; "" if it has none. Below `MOST_DEPTH` no container is looked into: it may hold itself."""
    if isinstance(value, Code):
        return str(value)
    if isinstance(value, np.generic):
        # NumPy's numbers are written as Python's, which has no long doubles.
        value = float(value) if value.dtype.kind == "f" else value.item()
    if value is None or isinstance(value, (bool, int, float, complex, str)):
        return _literal(value)
    if isinstance(value, np.ndarray) and value.size <= MOST_NUMBERS and value.dtype.kind in "biufcU":
        return _written((value.astype(float) if value.dtype.kind == "f" else value).tolist(), depth + 1)
    if isinstance(value, (list, tuple, dict)) and len(value) <= MOST_NUMBERS and depth < MOST_DEPTH:
        entries = [each for pair in value.items() for each in pair] if isinstance(value, dict) else value
        parts = []
        for each in entries:
            parts.append(_written(each, depth + 1))
            if not parts[-1]:
                return ""
        if isinstance(value, dict):
            return "{" + ", ".join(f"{key}: {each}" for key, each in zip(parts[::2], parts[1::2], strict=True)) + "}"
        inside = ", ".join(parts) + "," * (isinstance(value, tuple) and len(parts) == 1)
        return f"[{inside}]" if isinstance(value, list) else f"({inside})"
    if isinstance(value, os.PathLike):
        return _literal(os.fspath(value))
    if type(value).__module__ == "steepest.expression":
        # A formula that was typed.
        return str(getattr(value, "code", ""))
    if text := _made(value):
        return text
    own = getattr(value, "__name__", "")
    is_name = callable(value) and isinstance(own, str) and own.isidentifier() and not keyword.iskeyword(own)
    return own if is_name else ""


def _literal(value: Any) -> str:
    """Return a number or a text as code, also one of a subclass; "" if it is too long."""
    if isinstance(value, float):
        return repr(float(value)) if math.isfinite(value) else f"float('{float(value)}')"
    if isinstance(value, str):
        return repr(str.__str__(value))
    if isinstance(value, complex) and not (math.isfinite(value.real) and math.isfinite(value.imag)):
        return ""
    try:
        return repr(int(value) if isinstance(value, int) and not isinstance(value, bool) else value)
    except ValueError:
        # Python writes no integer of more than 4,300 digits.
        return ""


def _made(value: Any) -> str:
    """Return how an object of steepest is made, with the fields that differ from their defaults; "" if it is none."""
    kind: Any = type(value)
    home = next((short for module, short in HOMES.items() if kind.__module__.startswith(module)), None)
    if home is None:
        return ""
    text = repr(value)
    is_record = is_dataclass(type(value)) and text.startswith(f"{kind.__qualname__}(")
    if is_record and all(f"{each.name}=" in text for each in fields(kind) if each.repr and each.init):
        # A representation with all fields, most of which have their defaults.
        given = [each.name for each in fields(kind) if each.init and not _has_default(value, each)]
        parts = [(name, _written(getattr(value, name), 0)) for name in given]
        is_known = all(part for _, part in parts)
        return f"{home}.{kind.__qualname__}({', '.join(f'{name}={part}' for name, part in parts)})" if is_known else ""
    # An object that holds a function without a name can't be written.
    if " at 0x" in text:
        return ""
    return f"st.{text}" if text.startswith("losses.") else f"{home}.{text}"


def _has_default(value: object, each: Any) -> bool:
    default = each.default_factory() if each.default_factory is not MISSING else each.default
    return default is not MISSING and _is_same(getattr(value, each.name), default)


def _is_same(value: object, default: object) -> bool:
    """Return whether an argument is its default; other objects than numbers and texts must be the same."""
    if value is default:
        return True
    parts = value if isinstance(value, tuple) else (value,)
    return type(value) is type(default) and all(type(each) in SIMPLE for each in parts) and value == default


def remembered(function: Callable[P, R]) -> Callable[P, R]:
    """Make a function note on its result how it was called, in the attribute `call`.

    Parameters
    ----------
    function : callable
        A function that returns a result with the attribute `call`.

    Returns
    -------
    callable
        The function.
    """
    parameters = list(inspect.signature(function).parameters.values())
    names = [each.name for each in parameters if each.kind is not each.KEYWORD_ONLY]
    defaults = {each.name: each.default for each in parameters if each.default is not each.empty}
    # A call of `minimize` takes 100 µs at its best, so this is to take no more than a hundredth of it.
    title, rows = function.__name__, tuple(each.name for each in parameters if each.name in DATA)

    @functools.wraps(function)
    def noting(*args: P.args, **kwargs: P.kwargs) -> R:
        result = function(*args, **kwargs)
        arguments: dict[str, object] = dict(zip(names, args, strict=False))
        arguments.update(kwargs)
        for name in rows:
            if name in arguments:
                arguments[name] = kept(arguments[name], name)
        result.call = Call(title, arguments, names[: len(args)], defaults)
        return result

    return noting


def kept(value: object, name: str) -> object:
    """Return an argument as a result may keep it: rows and objects of the user as text, the others as they are.

    Parameters
    ----------
    value : object
        The argument.
    name : str
        Its name.

    Returns
    -------
    object
        A number or text, or the code of the argument.

    Examples
    --------
    >>> kept(np.zeros(1000), "X"), kept(0.2, "validation"), kept({"x": [1, 2]}, "start")
    ('X', 0.2, "{'x': [1, 2]}")
    """
    kind = type(value)
    if kind in SIMPLE or (kind is tuple and all(type(each) in SIMPLE for each in value)):  # type: ignore[attr-defined]
        return value
    if kind is np.ndarray and value.size <= MOST_NUMBERS:  # type: ignore[attr-defined]
        # A copy, as users change arrays in place.
        return value.copy()  # type: ignore[attr-defined]
    return os.fspath(value) if isinstance(value, os.PathLike) else Code(written(value, name))
