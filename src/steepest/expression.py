"""Formulas from the command line, as Python functions of plain NumPy code.

The text is never executed. Its tokens are checked one by one, so that a message can name the column of a
mistake. Then `ast` parses the text, and each node becomes an operation listed here or is refused.
"""

from __future__ import annotations

import ast
import functools
import inspect
import keyword
import math
import operator as op
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from steepest.arguments import guess_or_list
from steepest.printable import quoted
from steepest.types import Array, Function

# Limits of a formula: characters, depth of nesting, and numbers and operations. Chosen, not measured: far more than a
# person types, and few enough to parse, trace and differentiate quickly, without a RecursionError.
LONGEST = 10_000
DEEPEST = 100
MOST_NODES = 2_000
# Whole exponents up to this number stay integers. Chosen, not measured: JAX multiplies out integer powers.
LARGEST_WHOLE_EXPONENT = 64

# A number, the name of a variable, or an operation followed by its operands.
Term: TypeAlias = "float | str | tuple[Function, *tuple[Term, ...]]"


class ExpressionError(ValueError):
    """Raised for a formula, a start or bounds that cannot be read; the message is one line for the user."""


def _smallest(*values: Array) -> Array:
    return functools.reduce(np.minimum, values)


def _largest(*values: Array) -> Array:
    return functools.reduce(np.maximum, values)


# No floor, ceil or round: their derivative is zero wherever it exists.
_NUMPY = (
    "sin cos tan sinh cosh tanh arcsin arccos arctan arctan2 arcsinh arccosh arctanh asin acos atan atan2 "
    "asinh acosh atanh exp expm1 log log1p log2 log10 sqrt cbrt abs sign hypot where"
)
_EXTREMES = {"min": _smallest, "minimum": _smallest, "max": _largest, "maximum": _largest}
_FUNCTIONS: dict[str, Function] = {name: getattr(np, name) for name in _NUMPY.split()} | _EXTREMES
_CONSTANTS = {"pi": math.pi, "e": math.e, "tau": math.tau}
_RESERVED = _FUNCTIONS.keys() | _CONSTANTS.keys()
_OPERATORS = {ast.Add: op.add, ast.Sub: op.sub, ast.Mult: op.mul, ast.Div: op.truediv}
_COMPARISONS = {ast.Lt: op.lt, ast.LtE: op.le, ast.Gt: op.gt, ast.GtE: op.ge, ast.Eq: op.eq, ast.NotEq: op.ne}
_TOKEN = re.compile(
    r"(?P<number>(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)|(?P<name>[a-z_]\w*)"
    r"|(?P<sign>\*\*|//|<<|>>|[<>=!]=|[-+*/<>(),])|(?P<space> +)|(?P<other>.)",
    re.ASCII | re.IGNORECASE,
)
_INSTEAD = (
    {"^": "** for a power", "²": "**2", "³": "**3", "√": "sqrt(x)", "π": "pi", "τ": "tau", "÷": "/"}
    | dict.fromkeys("−–—‐‑", "-")
    | dict.fromkeys("×·⋅∙•∗", "*")
    | dict.fromkeys("[]{}", "( and ), the only brackets of a formula")
    | {"≤": "<=", "≥": ">=", "≠": "!=", ".": "functions bare: sin(x), not np.sin(x)"}
    | {"=": "only the part to the right of it (or ==, in a where)"}
)
_ALLOWED = "a formula has only numbers, names, + - * / ** ( ) and functions"


@dataclass(frozen=True)
class Expression:
    """A parsed formula: a function of its variables in alphabetical order.

    Parameters
    ----------
    text : str
        The formula as typed, with each white space character replaced by a blank.
    names : tuple of str
        The variables, in alphabetical order, which are the positional arguments.
    tree : float, str or tuple
        The operations, as `parse` found them.

    Examples
    --------
    >>> f = parse("x**2 + sin(y)")
    >>> f.names
    ('x', 'y')
    >>> f(3.0, 0.0)
    9.0
    """

    text: str
    names: tuple[str, ...]
    tree: Term = field(repr=False)
    # A property would not do: inspect.signature(Expression) would find the property object itself, and raise a
    # TypeError. So the signature is set on each instance.
    __signature__: inspect.Signature = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        parameters = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_ONLY) for name in self.names]
        object.__setattr__(self, "__signature__", inspect.Signature(parameters))

    def __call__(self, *values: Array) -> Array:
        """Return the formula's value: a float for floats, an array for arrays."""
        if len(values) != len(self.names):
            raise TypeError(f"{_quoted(self.text)} takes ({', '.join(self.names)}), and was given {len(values)}")
        # `where` computes both branches, so a warning would often be about the branch that is not used.
        with np.errstate(all="ignore"):
            return _evaluate(self.tree, dict(zip(self.names, map(_real, values), strict=True)))

    @property
    def code(self) -> str:
        """The formula as a function of NumPy, to paste into Python.

        Examples
        --------
        >>> parse("max(x, 0) + sin(y)*pi").code
        'lambda x, y: np.maximum(x, 0) + np.sin(y) * np.pi'
        """
        root = _InNumPy().visit(ast.parse(self.text, mode="eval"))
        return f"lambda {', '.join(self.names)}: {ast.unparse(root)}"


class _InNumPy(ast.NodeTransformer):
    """Writes the functions and constants of formulas as NumPy's."""

    def visit_Name(self, node: ast.Name) -> ast.expr:
        numpy = {"min": "minimum", "max": "maximum"}.get(node.id, node.id)
        if node.id == "tau":
            return ast.BinOp(ast.Constant(2), ast.Mult(), ast.Attribute(ast.Name("np"), "pi"))
        if node.id not in _RESERVED:
            return node
        # NumPy's own name: asin is an alias in newer versions alone.
        own = _FUNCTIONS[node.id].__name__ if node.id in _FUNCTIONS and numpy == node.id else numpy
        return ast.Attribute(ast.Name("np"), {"_smallest": "minimum", "_largest": "maximum"}.get(own, own))

    def visit_Call(self, node: ast.Call) -> ast.expr:
        function, operands = self.visit(node.func), [self.visit(each) for each in node.args]
        if function.attr not in ("minimum", "maximum"):
            return ast.Call(function, operands, [])
        # NumPy's take two numbers each.
        return functools.reduce(lambda one, other: ast.Call(function, [one, other], []), operands)


def parse(text: str, names: Sequence[str] | None = None) -> Expression:
    """Parse a formula, and return it as a function.

    Parameters
    ----------
    text : str
        Numbers, variables, ``pi``, ``e``, ``tau``, ``+ - * / **``, brackets, and functions by their
        NumPy names; ``where(x < 0, a, b)`` is a if the comparison holds and b if not.
    names : sequence of str, optional
        The variables of the function, of which the formula may use some or none. By default they are
        those that the formula uses.

    Returns
    -------
    Expression
        A function of the variables, by default in alphabetical order. It computes in floating point: an
        overflow is infinite, and an undefined value NaN.

    Raises
    ------
    ExpressionError
        If the text is not such a formula; the message names the mistake, the column and a correction.

    Examples
    --------
    >>> parse("(1 - x)**2 + 100*(y - x**2)**2")(1, 2)
    100.0
    >>> parse("2x")
    Traceback (most recent call last):
    steepest.expression.ExpressionError: 'x' at column 2: no operator before it; for a product write 2*x
    """
    text = re.sub(r"\s", " ", text).strip()
    if not text:
        raise ExpressionError("the formula is empty; write one such as x**2 + y**2")
    if len(text) > LONGEST:
        raise ExpressionError(f"{_quoted(text)} has {len(text):,} characters; shorten it to {LONGEST:,}")
    _check_tokens(text)
    too_deep = ExpressionError(
        f"{_quoted(text)} is nested more than {DEEPEST} deep, each term of a sum or product being one level; "
        "split it with brackets, as in (a + b) + (c + d)"
    )
    try:
        root = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        # The tokens and their order have been checked, so only the depth can be wrong.
        raise too_deep from None
    depth, nodes = _measure(root)
    if depth > DEEPEST:
        raise too_deep
    if nodes > MOST_NODES:
        raise ExpressionError(f"{_quoted(text)} has {nodes:,} numbers and operations; keep to {MOST_NODES:,}")
    tree = _read(root, text)
    used = {node.id for node in ast.walk(root) if isinstance(node, ast.Name)} - _RESERVED
    if names is not None:
        unknown = sorted(used - set(names))
        if unknown:
            raise ExpressionError(f"{_quoted(text)} has {quoted(unknown[0])}, and the variables are {', '.join(names)}")
        return Expression(text, tuple(names), tree)
    if not used:
        raise ExpressionError(f"{_quoted(text)} has no variable to descend along; name one, as in x**2")
    return Expression(text, tuple(sorted(used)), tree)


def parse_point(text: str, names: Sequence[str]) -> dict[str, float]:
    """Parse a point: "x=9,y=9", or "9,9" in the order of the names.

    Parameters
    ----------
    text : str
        One finite number for each name, separated by commas.
    names : sequence of str
        The variables, all of which the point must give, as in `Expression.names`.

    Returns
    -------
    dict of str to float
        The numbers by name, in the order of `names`.

    Raises
    ------
    ExpressionError
        If a name is unknown, missing or repeated, the count is wrong, or a number is not finite.

    Examples
    --------
    >>> parse_point("y=2, x=-1", ["x", "y"])
    {'x': -1.0, 'y': 2.0}
    >>> parse_point("-1, 2", ["x", "y"])
    {'x': -1.0, 'y': 2.0}
    """
    example = "write " + ",".join(f"{name}=1" for name in names)
    given = _by_name(text, names, "numbers", example)
    missing = [name for name in names if name not in given]
    if missing:
        raise ExpressionError(f"{_quoted(text)} has no {', '.join(missing)}: {example}")
    return {name: _finite(name, given[name]) for name in names}


def parse_bounds(text: str, names: Sequence[str]) -> dict[str, tuple[float | None, float | None]]:
    """Parse bounds of variables: "x=-5:5,y=0:", or "-5:5,0:" in the order of the names.

    Parameters
    ----------
    text : str
        The lower and the upper bound of a variable, around a colon; either may be left out.
    names : sequence of str
        The variables of the formula; a variable without bounds is free.

    Returns
    -------
    dict of str to (low, high)
        The bounds by name, None for a missing one.

    Raises
    ------
    ExpressionError
        If a name is unknown or repeated, the count is wrong, or a bound is not a finite number.

    Examples
    --------
    >>> parse_bounds("y=0:", ["x", "y"])
    {'y': (0.0, None)}
    """
    example = "write " + ",".join(f"{name}=-1:1" for name in names)
    bounds: dict[str, tuple[float | None, float | None]] = {}
    for name, pair in _by_name(text, names, "pairs", example).items():
        low, colon, high = (piece.strip() for piece in pair.partition(":"))
        if not colon:
            raise ExpressionError(f"{_quoted(pair)} for {name} has no colon: {example}")
        bounds[name] = (_finite(name, low) if low else None, _finite(name, high) if high else None)
    return bounds


def _by_name(text: str, names: Sequence[str], what: str, example: str) -> dict[str, str]:
    """Return the text for each name, from "name=text" pairs or from one text per name in order."""
    parts = [part.strip() for part in text.split(",")]
    if "=" not in text:
        count = len(parts) if text.strip() else 0
        if count != len(names):
            raise ExpressionError(f"{_quoted(text)} has {count} of {len(names)} {what}: {example}")
        return dict(zip(names, parts, strict=True))
    given: dict[str, str] = {}
    for part in parts:
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals:
            raise ExpressionError(f"{_quoted(part)} has no name where others have one: {example}")
        if name not in names:
            raise ExpressionError(f"{_quoted(name)} is not a variable of the formula: {example}")
        if name in given:
            raise ExpressionError(f"{_quoted(name)} is given twice: {example}")
        given[name] = value
    return given


def _finite(name: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise ExpressionError(f"{_quoted(text)} for {name} is not a number: write one such as -1.5") from None
    if not math.isfinite(number):
        raise ExpressionError(f"{_quoted(text)} for {name} is not finite: write a number of at most 1.8e308")
    return number


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:37] + "..."


def _quoted(text: str) -> str:
    # repr escapes line breaks and unprintable characters, so a message stays one line.
    return repr(_short(text))


def _refusal(token: str, column: int, problem: str) -> ExpressionError:
    return ExpressionError(f"{_quoted(token)} at column {column}: {problem}")


def _check_tokens(text: str) -> None:
    """Raise an error at the first token that is not allowed, or not allowed after the token before it."""
    opened: list[int] = []
    before, value_next = "", True
    for match in _TOKEN.finditer(text):
        kind, token, column = str(match.lastgroup), match.group(), match.start() + 1
        if kind == "space":
            continue
        problem = _token_problem(kind, token) or _order_problem(before, value_next, kind, token)
        if token == "(":
            opened.append(column)
        elif token == ")" and not (opened and opened.pop()):
            problem = problem or "no bracket is open here; leave it out"
        if len(opened) > DEEPEST:
            problem = f"nested more than {DEEPEST} deep; leave brackets out"
        if problem:
            raise _refusal(token, column, problem)
        before, value_next = token, kind == "sign" and token != ")"
    if value_next:
        raise _refusal(before, len(text) - len(before) + 1, "the formula ends too early; add a value")
    if opened:
        raise _refusal("(", opened[-1], "never closed; add a )")


def _token_problem(kind: str, token: str) -> str:
    """Return the reason why a token is never allowed, or ""."""
    if kind == "other":
        if token in _INSTEAD:
            return f"write {_INSTEAD[token]}"
        return "write names in the letters a to z" if token.isalpha() else _ALLOWED
    if keyword.iskeyword(token):
        return "a keyword of Python; rename the variable, or nest where(x < 0, a, b) for conditions"
    if token.startswith("_"):
        return "a name begins with a letter; leave out the underscore"
    if kind == "number" and math.isinf(float(token)):
        return "too large; the largest number is about 1.8e308"
    if token.isdigit() and token.startswith("0") and len(token) > 1:
        return "write it without the leading zeros"
    return ""


def _order_problem(before: str, value_next: bool, kind: str, token: str) -> str:
    """Return the reason why a token cannot follow the token before it, or ""."""
    is_value = kind != "sign" or token == "("
    if value_next:
        return "" if is_value or token in ("+", "-") else "a number, a name or a ( is missing before it"
    if not is_value or (token == "(" and before.isidentifier()):
        return ""
    if before in _FUNCTIONS:
        return f"brackets are missing; write {before}({_short(token)})"
    return f"no operator before it; for a product write {_short(before)}*{_short(token)}"


def _measure(root: ast.expr) -> tuple[int, int]:
    """Return the depth of a tree and the number of its nodes."""
    # Go level by level, as the tree may be too deep for a recursion.
    level: list[ast.expr] = [root]
    depth = nodes = 0
    while level:
        depth, nodes = depth + 1, nodes + len(level)
        level = [n for node in level for n in ast.iter_child_nodes(node) if isinstance(n, ast.expr)]
    return depth, nodes


def _read(node: ast.expr, text: str) -> Term:
    """Return a node of Python's syntax tree as a term, or raise an error at the text that is not allowed."""
    read = functools.partial(_read, text=text)
    match node:
        case ast.Constant(value=int() | float() as number):
            # Return a float: Python's integers are exact at any size, so 9**9**9**9 would never end.
            return float(number)
        case ast.Name(id=name) if name not in _FUNCTIONS:
            return _CONSTANTS.get(name, name)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return read(operand)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return op.neg, read(operand)
        case ast.BinOp(left=base, op=ast.Pow(), right=exponent):
            whole = _whole_number(exponent)
            return op.pow, read(base), read(exponent) if whole is None else whole
        case ast.BinOp(left=left, op=sign, right=right) if type(sign) in _OPERATORS:
            return _OPERATORS[type(sign)], read(left), read(right)
        case ast.Call(func=ast.Name(id="where"), args=[ast.Compare(ops=[sign]) as test, a, b], keywords=[]):
            if type(sign) in _COMPARISONS:
                condition = _COMPARISONS[type(sign)], read(test.left), read(test.comparators[0])
                return np.where, condition, read(a), read(b)
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if _takes(name, len(args)):
            return _FUNCTIONS[name], *map(read, args)
    part = text[node.col_offset : node.end_col_offset]
    raise _refusal(part, node.col_offset + 1, _node_problem(node))


def _whole_number(exponent: ast.expr) -> int | None:
    """Return a small whole exponent as an integer, so that the derivative of x**2 is exact at 0; else None."""
    match exponent:
        case ast.Constant(value=int(n)) if n <= LARGEST_WHOLE_EXPONENT:
            return n
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int(n))) if n <= LARGEST_WHOLE_EXPONENT:
            return -n
    return None


def _takes(name: str, count: int) -> bool:
    """Tell whether a function of this name takes `count` arguments."""
    if name in _EXTREMES:
        return count >= 2
    # `where` is not a ufunc, so it has no `nin`; `_read` handles it.
    return count == getattr(_FUNCTIONS.get(name), "nin", None)


def _node_problem(node: ast.expr) -> str:
    """Return the reason why a node is not allowed."""
    match node:
        case ast.Name(id=name):
            return f"a function, not a variable; write {name}(x)"
        case ast.Compare() | ast.Call(func=ast.Name(id="where")):
            return "a comparison is the first of three arguments of where: nest where(x < 0, a, b)"
        case ast.Call(func=ast.Name(id=name), args=args) if name in _FUNCTIONS:
            count = "two or more" if name in _EXTREMES else getattr(_FUNCTIONS[name], "nin", None)
            return f"{len(args)} given where {name} takes {count}; separate them by commas"
        case ast.Call(func=ast.Name(id=name)):
            known = guess_or_list(name, sorted(_FUNCTIONS))
            return f"not a function; for a product write {_short(name)}*(...); {known}"
    return _ALLOWED


def _real(value: Array) -> Array:
    """Return integers as floats, as NumPy's integers overflow silently and refuse negative powers."""
    if isinstance(value, (np.ndarray, np.generic)):
        return value.astype(float) if value.dtype.kind in "iub" else value
    return float(value) if isinstance(value, int) else value


def _evaluate(term: Term, values: dict[str, Array]) -> Array:
    if isinstance(term, str):
        return values[term]
    if not isinstance(term, tuple):
        return term
    operation, *rest = term
    operands = [_evaluate(operand, values) for operand in rest]
    if all(type(operand) in (int, float, np.float64) for operand in operands):
        # Python's floats raise an error on 1/0, and (-8)**0.5 is complex; NumPy's floats behave as arrays do. The
        # result is a Python float again, which does not change the precision of an array that it is combined with.
        return float(operation(*map(np.float64, operands)))
    return operation(*operands)
