"""Double precision for one run at a time, never for the user's whole process."""

from __future__ import annotations

from contextlib import AbstractContextManager

import jax


def double_precision() -> AbstractContextManager[None]:
    """Return a context in which JAX computes in 64 bits, for this thread alone."""
    return jax.enable_x64(True)
