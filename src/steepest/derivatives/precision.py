"""Double precision for one run at a time, never for the user's whole process."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


def double_precision() -> AbstractContextManager[None]:
    """Return a context in which JAX computes in 64 bits, for this thread alone."""
    return jax.enable_x64(True)


def precisely(f: Callable[[Any], Any], x: np.ndarray) -> Any:
    """Return what a user's function gives at a point; code written for JAX would round to 32 bits by itself."""
    with np.errstate(all="ignore"):
        returned = f(x.copy())
        if not isinstance(returned, jax.Array):
            return returned
        with double_precision():
            return np.asarray(f(jnp.asarray(x)))
