"""Arrays of any library, read without importing it: copied at once, or kept on their device until many are fetched."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from steepest.printable import quoted
from steepest.types import Array

# Numbers of these types can't change after they were given.
NUMBERS = frozenset({float, int, bool, type(None), np.float64, np.float32, np.float16, np.int64, np.int32})


class OnDevice:
    """An array that waits on its device; its copy there can't be changed or freed by the loop.

    Parameters
    ----------
    array : array
        The copy.
    """

    __slots__ = ("array",)

    def __init__(self, array: Any) -> None:
        self.array = array


Kept = np.ndarray | OnDevice
WHOLE = slice(None)


def kept(given: Any, name: str, part: slice = WHOLE) -> Kept:
    """Return a copy of an array that the loop can't change: a flat one on the host, or one on its device.

    Parameters
    ----------
    given : number, array or list
        The array.
    name : str
        What it is, for errors.
    part : slice, optional
        The numbers to copy, if not all.

    Returns
    -------
    array or OnDevice
        The copy.

    Raises
    ------
    TypeError
        If it is no array of real numbers, or a tracer of JAX.
    """
    if is_jax(given, name):
        import jax.numpy as jnp

        # This is dispatched without waiting, and its result is another buffer, also if the loop donates its own.
        return OnDevice(jnp.array(given.ravel()[part], copy=True))
    if hasattr(given, "detach"):
        given = given.detach()
        given = (given.to_dense() if getattr(given, "is_sparse", False) else given).reshape(-1)[part]
        if not _is_on_host(given):
            return OnDevice(given.clone())
    elif hasattr(given, "__cuda_array_interface__") and hasattr(given, "get"):
        return OnDevice(given.ravel()[part].copy())
    return np.array(on_host(given, name).ravel()[part], dtype=float)


def _is_on_host(tensor: Any) -> bool:
    return str(getattr(tensor, "device", "cpu")).partition(":")[0] == "cpu"


def is_jax(given: Any, name: str) -> bool:
    """Tell whether an object is an array of JAX; raise TypeError for one that is only traced.

    Parameters
    ----------
    given : object
        The object.
    name : str
        What it is, for the error.

    Returns
    -------
    bool
        Whether it is.
    """
    if any(each.__name__ == "Tracer" for each in type(given).__mro__):
        raise TypeError(
            f"{name} is traced by JAX, so it has no value yet: call step() outside of jit, with what the compiled "
            "function returns"
        )
    return hasattr(given, "addressable_shards") and hasattr(given, "is_deleted")


def on_host(given: Any, name: str) -> np.ndarray:
    """Return an array in the memory of the host as NumPy's, which may share its numbers.

    Parameters
    ----------
    given : number, array or list
        The array.
    name : str
        What it is, for errors.

    Returns
    -------
    array
        The numbers, of a type that NumPy knows.

    Raises
    ------
    TypeError
        If it is no array of real numbers.
    """
    try:
        array = np.asarray(given.numpy() if hasattr(given, "detach") else given)
    except TypeError:
        # NumPy has no numbers of two bytes with the range of single precision.
        array = np.asarray(given.float().numpy()) if hasattr(given, "detach") else np.asarray(None)
    except (ValueError, RuntimeError) as error:
        raise TypeError(f"{name} is no array of numbers: {error}") from None
    if array.dtype.kind in "biuf":
        return array
    if array.dtype.kind in "OUScmMV" and "float" not in str(array.dtype):
        raise TypeError(
            f"{name}={quoted(given)} is no real number or array of numbers: give what the loop has computed"
        )
    return array.astype(np.float32)


def fetched(waiting: Sequence[OnDevice]) -> list[np.ndarray]:
    """Return arrays from their devices, in one transfer if they are JAX's.

    Parameters
    ----------
    waiting : sequence of OnDevice
        The arrays.

    Returns
    -------
    list of array
        The arrays on the host, flat, in double precision.
    """
    arrays = [each.array for each in waiting]
    if arrays and all(hasattr(each, "addressable_shards") for each in arrays):
        import jax

        arrays = jax.device_get(arrays)
    else:
        arrays = [
            each.get() if hasattr(each, "get") else on_host(_to_cpu(each), "an array") for each in _joined(arrays)
        ]
    return [np.asarray(each, dtype=float).ravel() for each in arrays]


def _to_cpu(array: Any) -> Any:
    return array.cpu() if hasattr(array, "cpu") else array


def _joined(arrays: list[Any]) -> list[Any]:
    """Return arrays of PyTorch as parts of one that was fetched in one transfer; others as they are."""
    torch = sys.modules.get("torch")
    alike = {(str(each.device), str(each.dtype)) for each in arrays if hasattr(each, "detach")} if arrays else set()
    if torch is None or len(alike) != 1 or not all(hasattr(each, "detach") for each in arrays):
        return arrays
    flat = torch.cat([each.reshape(-1) for each in arrays]).cpu()
    return list(flat.split([each.numel() for each in arrays]))


def number(given: Any, name: str) -> float | OnDevice | None:
    """Return a number of any library as a float, or on its device.

    Parameters
    ----------
    given : number or array of one number
        The number; None if it is missing.
    name : str
        What it is, for errors.

    Returns
    -------
    float, None or OnDevice
        The number.

    Raises
    ------
    ValueError
        If it is an array of several numbers.
    TypeError
        If it is no number.
    """
    if type(given) in NUMBERS:
        return given
    if isinstance(given, str):
        raise TypeError(f"{name}={quoted(given)}: give a number")
    shape = tuple(getattr(given, "shape", np.shape(given) if isinstance(given, list | tuple) else ()))
    if int(np.prod(shape)) != 1:
        raise ValueError(f"{name} has the shape {shape}: give one number, such as its mean")
    one = kept(given, name)
    return one if isinstance(one, OnDevice) else float(one[0])


def norm_of(given: Any, name: str) -> Kept:
    """Return the norm of an array, computed where it is.

    Parameters
    ----------
    given : array
        The array.
    name : str
        What it is, for errors.

    Returns
    -------
    array or OnDevice
        One number.
    """
    if is_jax(given, name):
        import jax.numpy as jnp

        return OnDevice(jnp.linalg.norm(given.ravel().astype(jnp.float32)))
    if hasattr(given, "detach") and not _is_on_host(given):
        return OnDevice(given.detach().float().norm())
    if hasattr(given, "__cuda_array_interface__") and hasattr(given, "get"):
        return OnDevice((given.astype("f4") ** 2).sum() ** 0.5)
    array = on_host(given.detach() if hasattr(given, "detach") else given, name).ravel()
    return np.array([np.linalg.norm(array.astype(np.float32, copy=False) if array.dtype.itemsize < 4 else array)])


def size_of(given: Array) -> int:
    """Return how many numbers an array has.

    Parameters
    ----------
    given : array
        The array.

    Returns
    -------
    int
        The number.
    """
    shape = getattr(given, "shape", None)
    return int(np.prod(tuple(shape))) if shape is not None else int(np.size(given))
