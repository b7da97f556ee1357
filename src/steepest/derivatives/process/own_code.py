"""Names of compiled functions that are the library's own: they are known before the code is traced.

Traced code of such a function follows from the library's source files, and from the shapes and types of its arguments.
So a new process can load the program without tracing, which takes as long as all else.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import jax

PACKAGE = __name__.split(".", maxsplit=1)[0]
# Besides arrays, the code may hold numbers, texts and losses of the library, whose repr has all their parameters.
LOSSES = f"{PACKAGE}.models.losses."
PLAIN = (bool, int, float, str, type(None))


def own_name(function: Callable[..., Any], args: tuple[Any, ...]) -> str:
    """Return a text with all that the code of a function depends on, but for settings and versions.

    Parameters
    ----------
    function : callable
        The function to compile.
    args : tuple
        Its arguments.

    Returns
    -------
    str
        The text; "" if code of the user may be part of the function or of its arguments.
    """
    if not (code := _of_function(function)):
        return ""
    leaves, tree = jax.tree.flatten(args)
    parts = (code, _of_tree(tree), digest_of(Path(__file__).parents[2]))
    return "\0".join((*parts, repr([_of_array(leaf) for leaf in leaves]))) if all(parts) else ""


def _of_function(function: Any) -> str:
    """Return where a function of the library is written, and what it holds from there; "" if it is not its own."""
    if isinstance(function, PLAIN):
        return repr(function)
    if not isinstance(function, types.FunctionType) or not _is_own(function.__module__):
        return ""
    held = [_of_function(cell.cell_contents) for cell in function.__closure__ or ()]
    given = [_of_function(default) for default in function.__defaults__ or ()]
    if function.__kwdefaults__ or not all(held + given):
        return ""
    place = (function.__module__, function.__qualname__, function.__code__.co_firstlineno)
    return repr((place, held, given))


def _of_tree(tree: Any) -> str:
    """Return the layout of arguments, with what is no array in them; "" if that may be an object of the user."""
    todo = [tree]
    while todo:
        node = todo.pop()
        if (data := node.node_data()) is not None:
            kind, rest = data
            if not (_is_own(kind.__module__) or kind in (tuple, list, dict, type(None))) or not _is_known(rest):
                return ""
        todo.extend(node.children())
    return repr(tree)


def _is_known(data: Any) -> bool:
    """Tell whether the text of an object says all about it."""
    if isinstance(data, (tuple, list)):
        return all(map(_is_known, data))
    if isinstance(data, type):
        return _is_own(data.__module__)
    return isinstance(data, PLAIN) or type(data).__module__.startswith(LOSSES)


def _is_own(module: str) -> bool:
    return module == PACKAGE or module.startswith(PACKAGE + ".")


def _of_array(leaf: Any) -> tuple[Any, ...]:
    kind = jax.typeof(leaf)
    return getattr(kind, "shape", None), str(getattr(kind, "dtype", kind)), getattr(kind, "weak_type", None)


@cache
def digest_of(root: Path) -> str:
    """Return the digest of the source files below a folder; "" if they can't be read.

    Parameters
    ----------
    root : Path
        The folder.

    Returns
    -------
    str
        The digest, of the names and the contents.
    """
    digest = sha256()
    try:
        for path in sorted(root.rglob("*.py")):
            digest.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes())
    except OSError:
        return ""
    return digest.hexdigest()
