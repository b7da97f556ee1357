"""Read numbers and arrays of any library: at once if they may change, else as references to be fetched together."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from steepest.derivatives.structure import holds_text
from steepest.printable import quoted
from steepest.types import Array

# Numbers of these types can't change after the call, so that they are kept as they are.
PLAIN = frozenset(
    {float, int, bool, type(None), np.bool_}
    | {np.dtype(kind).type for kind in ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8")}
)


class Remote:
    """An array on a device, with the copy of it that nobody else can change or delete.

    Parameters
    ----------
    array : array
        The copy.
    """

    __slots__ = ("array",)

    def __init__(self, array: Array) -> None:
        self.array = array


def all_taken(leaves: Sequence[tuple[str, Array]], norms: bool) -> list[np.ndarray | Remote]:
    """Return arrays as copies, or the norms of arrays that are too large for that, computed where they lie.

    Parameters
    ----------
    leaves : sequence of (str, array)
        The arrays, with names for errors.
    norms : bool
        Whether to return their norms.

    Returns
    -------
    list of array or Remote
        The copies or norms.
    """
    of_jax = [k for k, (_, leaf) in enumerate(leaves) if _is_of_jax(leaf)]
    found: dict[int, np.ndarray | Remote] = {}
    if of_jax:
        for k in of_jax:
            _check_jax(*leaves[k][::-1])
        copies = _program(norms)([leaves[k][1] for k in of_jax])
        found = {k: Remote(copy) for k, copy in zip(of_jax, copies, strict=True)}
    read = _norm_of if norms else taken
    return [found[k] if k in found else read(leaf, name) for k, (name, leaf) in enumerate(leaves)]


def _norm_of(leaf: Array, name: str) -> np.ndarray | Remote:
    if hasattr(leaf, "detach") and str(getattr(leaf, "device", "cpu")) != "cpu":
        return Remote(leaf.detach().float().norm())
    if _is_of_cupy(leaf):
        return Remote((leaf.ravel() ** 2).sum() ** 0.5)
    found = taken(leaf, name)
    assert isinstance(found, np.ndarray)
    with np.errstate(all="ignore"):
        return np.asarray(np.linalg.norm(found.ravel()))


@lru_cache
def _program(norms: bool) -> Callable[[list[Array]], list[Array]]:
    """Return a compiled function that copies arrays of JAX, or takes their norms."""
    import jax
    import jax.numpy as jnp

    def norm(leaf: Array) -> Array:
        return jnp.linalg.norm(leaf.ravel().astype(jnp.promote_types(leaf.dtype, jnp.float32)))

    return jax.jit(lambda leaves: [norm(leaf) if norms else jnp.copy(leaf) for leaf in leaves])


def taken(value: Array, name: str) -> np.ndarray | Remote:
    """Return an array of any library as a copy: of NumPy, or on its device.

    Parameters
    ----------
    value : array
        An array of NumPy, JAX, PyTorch, CuPy or another library with `__array__`, or numbers in lists.
    name : str
        What it is, for errors.

    Returns
    -------
    array or Remote
        The copy.

    Raises
    ------
    TypeError
        If it holds no real numbers, or stands for an array that a compiled function will compute.
    ValueError
        If its buffer was deleted.

    Examples
    --------
    >>> taken([[1, 2], [3, 4]], "x")
    array([[1., 2.],
           [3., 4.]])
    """
    if type(value) is np.ndarray:
        return _real(value, value, name)
    if _is_of_jax(value):
        return all_taken([(name, value)], norms=False)[0]
    if hasattr(value, "detach"):
        # PyTorch; a tensor on the processor shares its memory with the array, so that it is copied at once.
        detached = value.detach()
        if getattr(detached, "is_cuda", False) or str(getattr(detached, "device", "cpu")) not in (
            "cpu",
            "device('cpu')",
        ):
            return Remote(detached.clone())
        return _real(_of_tensor(detached), value, name)
    if _is_of_cupy(value):
        return Remote(value.copy())
    return _real(_host(value, name), value, name)


def fetched(arrays: Sequence[np.ndarray | Remote]) -> list[np.ndarray]:
    """Return arrays of NumPy, with those on devices fetched together.

    Parameters
    ----------
    arrays : sequence of array or Remote
        The arrays.

    Returns
    -------
    list of array
        Arrays of doubles.
    """
    remote = [each.array for each in arrays if isinstance(each, Remote)]
    if "jax" in sys.modules:
        jax = sys.modules["jax"]
        places = [k for k, array in enumerate(remote) if isinstance(array, jax.Array)]
        for k, array in zip(places, jax.device_get([remote[k] for k in places]), strict=True):
            remote[k] = array
    ready = iter(remote)
    return [np.asarray(_arrived(next(ready)) if isinstance(each, Remote) else each, dtype=float) for each in arrays]


def _arrived(array: Array) -> np.ndarray:
    if isinstance(array, np.ndarray):
        return array
    return _of_tensor(array) if hasattr(array, "detach") else array.get()


def _is_of_jax(value: object) -> bool:
    return "jax" in sys.modules and isinstance(value, sys.modules["jax"].Array)


def _is_of_cupy(value: object) -> bool:
    return hasattr(value, "get") and hasattr(value, "dtype") and hasattr(value, "copy")


def _check_jax(value: Array, name: str) -> None:
    """Raise TypeError or ValueError if an array of JAX has no real numbers."""
    import jax
    import jax.numpy as jnp

    if isinstance(value, jax.core.Tracer):
        raise TypeError(
            f"{name} is a traced value inside a compiled function, which has no numbers yet: call step outside of "
            "jax.jit and jax.grad, with what the function returns"
        )
    if value.is_deleted():
        raise ValueError(
            f"{name} was deleted, because it was donated to a compiled function: call step before that function, or "
            "with what it returns"
        )
    if not (jnp.issubdtype(value.dtype, jnp.floating) or value.dtype.kind in "iub"):
        raise TypeError(f"{name} holds {value.dtype}: it must hold real numbers")


def _of_tensor(tensor: Array) -> np.ndarray:
    tensor = tensor.cpu() if hasattr(tensor, "cpu") else tensor
    try:
        return np.asarray(tensor.numpy() if hasattr(tensor, "numpy") else tensor)
    except TypeError:
        # NumPy has no bfloat16.
        return np.asarray(tensor.float().numpy())


def _host(value: Array, name: str) -> np.ndarray:
    try:
        if hasattr(value, "__dlpack__") and not hasattr(value, "__array__"):
            return np.from_dlpack(value)
        return np.asarray(value)
    except (TypeError, ValueError, RuntimeError, BufferError) as error:
        raise TypeError(f"{name} can't be read as numbers ({error!s:.80}): give a number or an array") from None


def _real(array: np.ndarray, given: object, name: str) -> np.ndarray:
    """Return an array as a copy of doubles; raise TypeError if it holds other things than real numbers."""
    if array.dtype.kind in "fiub":
        return np.array(array, dtype=float)
    if array.dtype.kind == "V" and "float" in str(array.dtype):
        return np.array(array.astype(np.float32), dtype=float)
    if array.dtype.kind == "O" and not holds_text(array):
        try:
            return np.array(array, dtype=float)
        except (TypeError, ValueError):
            pass
    raise TypeError(f"{name} is {quoted(given)}: it must hold real numbers")


def scalar(value: Any, name: str) -> float | np.ndarray | Remote | None:
    """Return one number, or an array of one number, as what can't change after the call.

    Parameters
    ----------
    value : number or array
        The number.
    name : str
        What it is, for errors.

    Returns
    -------
    float, array, Remote or None
        The number; None if it is missing.

    Raises
    ------
    TypeError
        If it is no number.
    ValueError
        If it holds several.

    Examples
    --------
    >>> scalar([1.0, 2.0], "value")
    Traceback (most recent call last):
    ...
    ValueError: value holds 2 numbers, and a step has one: give their sum or their mean
    """
    if type(value) in PLAIN:
        return value
    found = taken(value, name)
    shape = found.array.shape if isinstance(found, Remote) else found.shape
    size = int(np.prod([int(each) for each in shape]))
    if size != 1:
        raise ValueError(f"{name} holds {size} numbers, and a step has one: give their sum or their mean")
    return found
