"""Where compiled code runs: in double precision, and through to its end."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


def double_precision() -> AbstractContextManager[None]:
    """Return a context in which JAX computes in 64 bits, for this thread alone."""
    return jax.enable_x64(True)


class compiled_code:  # noqa: N801 - a context, named as its kin are
    """A context for compiled code: in 64 bits, and with Ctrl-C held back until it is through.

    XLA goes on compiling after an interrupt, and a process that ends meanwhile crashes. Plain code of
    the user's never runs in here but to be traced, so that it can always be interrupted.
    """

    def __enter__(self) -> None:
        self.pressed = False
        ours = threading.current_thread() is threading.main_thread()
        self.holds = ours and signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if self.holds:
            signal.signal(signal.SIGINT, self.press)
        self.double = double_precision()
        self.double.__enter__()

    def press(self, *_: Any) -> None:
        """Remember that Ctrl-C was pressed; who presses it again does not want to wait."""
        if self.pressed:
            raise KeyboardInterrupt
        self.pressed = True

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> None:
        self.double.__exit__(kind, error, trace)
        if self.holds:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            if self.pressed and error is None:
                raise KeyboardInterrupt


def precisely(f: Callable[[Any], Any], x: np.ndarray) -> Any:
    """Return what a user's function gives at a point; code written for JAX would round to 32 bits by itself."""
    with np.errstate(all="ignore"):
        returned = f(x.copy())
        if not isinstance(returned, jax.Array):
            return returned
        with double_precision():
            return np.asarray(f(jnp.asarray(x)))
