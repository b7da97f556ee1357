"""Read numbers and arrays of any library: at once if they may change, else as references to be fetched together."""

from __future__ import annotations

import math
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

# The squares of smaller numbers are not normal floats.
SMALL = 1e-150


class Remote:
    """An array on a device, with the copy of it that nobody else can change or delete.

    Parameters
    ----------
    array : array
        The copy.

    Attributes
    ----------
    shape : tuple
        Its shape, which is known even if the device fails.
    """

    __slots__ = ("array", "shape")

    def __init__(self, array: Array) -> None:
        self.array, self.shape = array, tuple(map(int, np.shape(array)))


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
    # A large array of doubles is not copied for its norm.
    found = leaf if type(leaf) is np.ndarray and leaf.dtype == float else taken(leaf, name)
    assert isinstance(found, np.ndarray)
    return norms_of(found.reshape(1, -1))[0]


def norms_of(rows: np.ndarray) -> np.ndarray:
    """Return the norm of each row, also of numbers whose squares are beyond the floats.

    Parameters
    ----------
    rows : array of shape (rows, numbers)
        The rows.

    Returns
    -------
    array of shape (rows,)
        The norms.

    Examples
    --------
    >>> norms_of(np.array([[3.0, 4.0], [3e200, 4e200], [np.inf, 0.0]]))
    array([5.e+000, 5.e+200,     inf])
    """
    with np.errstate(all="ignore"):
        norms = np.sqrt(np.einsum("ij,ij->i", rows, rows))
        # The squares of smaller numbers lose digits, and those of larger ones are infinite.
        odd = np.flatnonzero(~((norms > SMALL) & (norms < np.inf)))
        if len(odd) and rows.shape[1]:
            scale = np.abs(rows[odd]).max(axis=1)
            usual = (scale > 0) & (scale < np.inf)
            odd, scale = odd[usual], scale[usual]
            scaled = rows[odd] / scale[:, None]
            norms[odd] = scale * np.sqrt(np.einsum("ij,ij->i", scaled, scaled))
    return norms


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


def fetched(arrays: Sequence[np.ndarray | Remote]) -> tuple[list[np.ndarray], str]:
    """Return arrays of NumPy, with those on devices fetched together, and why some could not be; they are NaN.

    Parameters
    ----------
    arrays : sequence of array or Remote
        The arrays.

    Returns
    -------
    arrays : list of array
        Arrays of doubles.
    fault : str
        The last error of a device; "" if there was none.
    """
    of_jax = [each for each in arrays if isinstance(each, Remote) and _is_of_jax(each.array)]
    together: dict[int, np.ndarray] = {}
    if of_jax:
        try:
            found = sys.modules["jax"].device_get([each.array for each in of_jax])
            together = {id(each): array for each, array in zip(of_jax, found, strict=True)}
        except Exception:  # noqa: BLE001 - one of them was deleted, or the device is gone: each is tried by itself
            pass
    whole, fault = [], ""
    for each in arrays:
        if isinstance(each, Remote):
            try:
                array = np.asarray(together[id(each)] if id(each) in together else _arrived(each.array), dtype=float)
            except Exception as error:  # noqa: BLE001 - a device that has failed raises errors of its own library
                fault = f"{type(error).__name__}: {error}"[:200]
                array = np.full(each.shape, np.nan)
            whole.append(array)
        else:
            whole.append(np.asarray(each, dtype=float))
    return whole, fault


def _arrived(array: Array) -> np.ndarray:
    if hasattr(array, "detach"):
        return _of_tensor(array)
    return array.get() if _is_of_cupy(array) else np.asarray(array)


def _is_of_jax(value: object) -> bool:
    return "jax" in sys.modules and isinstance(value, sys.modules["jax"].Array)


def _is_of_cupy(value: object) -> bool:
    # Columns of pandas have a `get`, too.
    return hasattr(value, "__cuda_array_interface__") and hasattr(value, "get")


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
    if isinstance(given, np.ma.MaskedArray) and given.dtype.kind in "fiub":
        return np.where(np.ma.getmaskarray(given), np.nan, array.astype(float))
    if array.dtype.kind in "fiub":
        return np.array(array, dtype=float)
    if array.dtype.kind == "V" and "float" in str(array.dtype):
        return np.array(array.astype(np.float32), dtype=float)
    if array.dtype.kind == "O" and not holds_text(array):
        try:
            return np.array(array, dtype=float)
        except (TypeError, ValueError):
            pass
        except OverflowError:
            return np.array([number_of(each) for each in array.flat]).reshape(array.shape)
    raise TypeError(f"{name} is {quoted(given)}: it must hold real numbers")


def number_of(value: Any) -> float:
    """Return a number as a float; NaN for None, and an integer beyond the floats as infinity.

    Parameters
    ----------
    value : number or None
        The number.

    Returns
    -------
    float
        The float.

    Examples
    --------
    >>> number_of(None), number_of(-(10**400)), number_of(3)
    (nan, -inf, 3.0)
    """
    try:
        return math.nan if value is None else float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


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
    size = math.prod(found.shape)
    if size != 1:
        raise ValueError(f"{name} holds {size} numbers, and a step has one: give their sum or their mean")
    return found
