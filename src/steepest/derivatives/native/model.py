"""Models written for JAX: their outputs as a function of one flat vector of parameters and state."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from functools import cached_property

import jax
import jax.numpy as jnp
import numpy as np

from steepest.derivatives.compiled import Jitted, recalled
from steepest.derivatives.native.trees import TreeLayout
from steepest.derivatives.precision import compiled_code
from steepest.derivatives.tracing.fingerprint import Fingerprint
from steepest.printable import quoted
from steepest.types import Array, Function, PyTree


@dataclass(frozen=True)
class Native:
    """A model ``apply(params, X)``, or ``apply(params, state, X, key)`` with a state; it gets JAX's own arrays.

    Its point is one vector: the numbers of the parameters, then those of the state.

    Attributes
    ----------
    apply : callable
        The user's function, which is never copied: compiled code calls it as it is.
    params : TreeLayout
        The parameters.
    state : TreeLayout or None
        The state; None if `apply` takes none.
    """

    apply: Function
    params: TreeLayout
    state: TreeLayout | None

    @classmethod
    def of(cls, apply: Function, params: PyTree, state: PyTree = None) -> tuple[Native, np.ndarray]:
        """Return the model with the layouts of its trees, and the point that they hold."""
        layout, x = TreeLayout.of(params, "the start")
        if state is None:
            return cls(apply, layout, None), x
        further, numbers = TreeLayout.of(state, "the state", floats=False)
        return cls(apply, layout, further), np.concatenate([x, numbers])

    @cached_property
    def fingerprint(self) -> Fingerprint:
        """The code and all the values that it reads, which must live as long as code compiled from them."""
        return Fingerprint([self.apply], constants=True)

    @property
    def key(self) -> Hashable:
        """A key that is equal for models whose traces are the same."""
        return "native", self.fingerprint.key, self.params, self.state

    @property
    def dtype(self) -> np.dtype:
        """The type in which the model gets its rows: the widest of its parameters, but at least float32."""
        with jax.enable_x64(True):
            return np.dtype(jnp.result_type(jnp.float32, *(leaf.dtype for leaf in self.params.leaves)))

    def split(self, x: Array) -> tuple[Array, Array]:
        """Return the parameters and the state of a point, both flat."""
        return x[: self.params.size], x[self.params.size :]

    def outputs(self, x: Array, X: Array) -> Array:
        """Return the outputs at a point, as in a prediction: without a random key, and without a change of state."""
        return self.called(x, X, None)[0]

    def called(self, x: Array, X: Array, key: Array | None) -> tuple[Array, Array]:
        """Return the outputs at a point, and the next state, flat; only traced code may call this."""
        theta, state = self.split(x)
        params, X = self.params.build(theta), jnp.asarray(X).astype(self.dtype)
        if self.state is None:
            return column(self.apply(params, X)), state
        returned = self.apply(params, self.state.build(state), X, key)
        if not isinstance(returned, tuple) or len(returned) != 2:
            raise TypeError(f"apply returned {type(returned).__name__}: with state= it returns (outputs, new_state)")
        return column(returned[0]), self.state.numbers(returned[1], "the state that apply returned")

    @property
    def jitted(self) -> Jitted:
        """The outputs as a function of a point and rows, compiled once for all models with the same key."""
        return recalled(("outputs", self.key), Jitted, lambda: Jitted(self.outputs))

    def shape(self, x: np.ndarray, X: np.ndarray) -> jax.ShapeDtypeStruct:
        """Return the shape and type of the outputs; raise if the function is not written for JAX."""
        try:
            with compiled_code():
                outputs = self.jitted.code(x, X).out_avals
        except (jax.errors.TracerArrayConversionError, jax.errors.ConcretizationTypeError) as error:
            raise TypeError(
                f"with start=, the function gets JAX's arrays, and it asks for plain numbers ({type(error).__name__}): "
                "write it with jax.numpy, or leave start= out and name each parameter, function(X, *parameters)"
            ) from error
        except Exception as error:
            error.add_note("raised by the model at the start")
            raise
        return jax.ShapeDtypeStruct(outputs[0].shape, outputs[0].dtype)

    def predicted(self, x: np.ndarray, X: np.ndarray) -> np.ndarray:
        """Return the outputs at a point."""
        with compiled_code():
            return np.asarray(self.jitted(x, X.astype(self.dtype, copy=False)))


def column(z: Array) -> Array:
    """Return the outputs of a model; those of one column as a vector."""
    if not isinstance(z, jax.Array):
        raise TypeError(
            f"the model returned {quoted(z)}: it must return one array of JAX, with a row for each row of X"
        )
    return z[:, 0] if z.ndim == 2 and z.shape[1] == 1 else z
