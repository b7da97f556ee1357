"""`Call`: how a result was asked for, as text that can be pasted, also with other arguments."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, Protocol, TypeVar

import numpy as np

from steepest.types import Json

P = ParamSpec("P")
# The most numbers of an argument that are written out; longer ones are written as the name of the argument.
MOST_NUMBERS = 8
# Where the objects are that users make, by the module of their class.
HOMES = {
    "steepest.rules.directions": "st.directions",
    "steepest.rules.steps": "st.steps",
    "steepest.models.losses": "st.losses",
    "steepest.models.penalties": "st.penalties",
    "steepest.models": "st.models",
    "steepest.sets": "st.sets",
}


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
        self, name: str, arguments: Mapping[str, object], positional: tuple[str, ...] | list[str] = ()
    ) -> None:
        self.name, self.arguments, self.positional = name, dict(arguments), tuple(positional)

    def __str__(self) -> str:
        parts = [written(self.arguments[name], name) for name in self.positional if name in self.arguments]
        parts += [
            f"{name}={written(value, name)}" for name, value in self.arguments.items() if name not in self.positional
        ]
        return f"st.{self.name}({', '.join(parts)})"

    def __repr__(self) -> str:
        return f"Call({self})"

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
        return None if isinstance(value, Code) and not value.is_literal else value

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
        arguments = {**self.arguments, **changes}
        kept = {key: value for key, value in arguments.items() if value is not None or key not in changes}
        return Call(name or self.name, kept, self.positional)

    def to_json(self) -> Json:
        """Return the call for a JSON file: its arguments are texts.

        Returns
        -------
        dict
            The record.
        """
        texts = {name: written(value, name) for name, value in self.arguments.items()}
        return {"name": self.name, "arguments": texts, "positional": list(self.positional)}

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
        return cls(record["name"], arguments, tuple(record["positional"]))


class Code(str):
    """Text that is written into a call as it is."""

    @property
    def is_literal(self) -> bool:
        """Whether the text is a number or another literal of Python."""
        import ast

        try:
            ast.literal_eval(self)
        except (ValueError, SyntaxError):
            return False
        return True


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
    >>> written(st.directions.Momentum(0.9), "direction"), written(np.zeros(2), "start"), written(np.zeros(99), "X")
    ('st.directions.Momentum(decay=0.9)', '[0.0, 0.0]', 'X')
    """
    if isinstance(value, Code):
        return str(value)
    if value is None or isinstance(value, (bool, int, float, str)):
        # NumPy's numbers are written as Python's.
        return repr(value.item() if isinstance(value, np.generic) else value)
    if isinstance(value, (np.generic, np.ndarray)) and np.size(value) <= MOST_NUMBERS:
        return repr(value.tolist())
    if isinstance(value, (list, tuple)) and len(value) <= MOST_NUMBERS:
        parts = [written(each, "") for each in value]
        if all(parts):
            inside = ", ".join(parts) + "," * (isinstance(value, tuple) and len(parts) == 1)
            return f"[{inside}]" if isinstance(value, list) else f"({inside})"
    if isinstance(value, dict) and len(value) <= MOST_NUMBERS:
        pairs = [(written(key, ""), written(each, "")) for key, each in value.items()]
        if all(key and each for key, each in pairs):
            return "{" + ", ".join(f"{key}: {each}" for key, each in pairs) + "}"
    home = next((short for module, short in HOMES.items() if type(value).__module__.startswith(module)), None)
    text = "" if home is None else repr(value)
    # An object that holds a function without a name can't be written.
    if home is not None and " at 0x" not in text:
        return f"st.{text}" if text.startswith("losses.") else f"{home}.{text}"
    own = getattr(value, "__name__", "")
    return own if callable(value) and own.isidentifier() else name


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
    title = function.__name__

    @functools.wraps(function)
    def noting(*args: P.args, **kwargs: P.kwargs) -> R:
        result = function(*args, **kwargs)
        result.call = Call(title, {**dict(zip(names, args, strict=False)), **kwargs}, names[: len(args)])
        return result

    return noting
