"""Plain NumPy code, traced by JAX: a stand-in for an array that routes NumPy's protocols to `jax.numpy`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

MOST_OPERATIONS = 30_000


class UntraceableError(TypeError):
    """The code does something with a traced value that would lose its derivative."""


class Budget:
    """What one trace has spent, and whether it was refused something.

    Operations are counted so that a Python loop over a million rows is left to plain calls. A
    refusal is kept, because the user's code may catch the exception and go on without a derivative.
    """

    spent = 0
    refused = ""

    @classmethod
    def renew(cls) -> None:
        cls.spent, cls.refused = 0, ""

    @classmethod
    def settle(cls) -> None:
        if cls.refused:
            raise UntraceableError(cls.refused)

    @classmethod
    def spend(cls) -> None:
        cls.spent += 1
        if cls.spent > MOST_OPERATIONS:
            raise UntraceableError(
                f"the code makes more than {MOST_OPERATIONS:,} array operations, too many to compile"
            )


def wrap(value: Any) -> Any:
    """Return JAX arrays as `Traced`, containers of them likewise, anything else as it is."""
    if isinstance(value, jax.Array):
        return Traced(value)
    if isinstance(value, (list, tuple)) and any(isinstance(v, (jax.Array, list, tuple)) for v in value):
        wrapped = [wrap(v) for v in value]
        return type(value)(*wrapped) if hasattr(value, "_fields") else type(value)(wrapped)
    return value


def unwrap(value: Any) -> Any:
    """Return what `wrap` wrapped; object arrays of traced scalars become one JAX array."""
    if isinstance(value, Traced):
        return value.value
    if isinstance(value, np.ndarray) and value.dtype == object:
        return stack(value.tolist())
    if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
        return type(value)(unwrap(v) for v in value)
    if isinstance(value, dict):
        return {key: unwrap(v) for key, v in value.items()}
    return value


def holds_traced(value: Any) -> bool:
    """Tell whether a value is traced, or a list or object array that has a traced value in it."""
    if isinstance(value, Traced):
        return True
    if isinstance(value, np.ndarray) and value.dtype == object:
        return any(holds_traced(v) for v in value.flat)
    return isinstance(value, (list, tuple)) and any(holds_traced(v) for v in value)


def stack(value: Any) -> Any:
    """Turn nested lists of traced and plain numbers into one JAX array."""
    if isinstance(value, (list, tuple)):
        return jnp.stack([jnp.asarray(stack(v)) for v in value]) if len(value) else jnp.zeros(0)
    return unwrap(value)


def _arrays(argument: Any) -> Any:
    if not isinstance(argument, (list, tuple)):
        return argument
    if any(isinstance(v, (jax.Array, np.ndarray)) for v in argument):
        return [jnp.asarray(stack(v)) for v in argument]
    return jnp.asarray(stack(argument)) if isinstance(argument, list) else argument


def _forbidden(what: str) -> Callable[..., Any]:
    def refuse(self: Traced, *_: Any, **__: Any) -> Any:
        Budget.refused = f"{what} of a traced value would lose its derivative"
        raise UntraceableError(Budget.refused)

    return refuse


def _binary(operation: str) -> Callable[[Traced, Any], Any]:
    def operate(self: Traced, other: Any) -> Any:
        Budget.spend()
        other = jnp.asarray(stack(other)) if isinstance(other, (list, tuple)) else unwrap(other)
        result = getattr(self.value, operation)(other)
        return result if result is NotImplemented else wrap(result)

    return operate


def _in_place(operation: str) -> Callable[[Traced, Any], Traced]:
    def operate(self: Traced, other: Any) -> Traced:
        Budget.spend()
        if not self.value.ndim:
            return wrap(getattr(self.value, operation)(unwrap(other)))
        changed = getattr(self.value, operation)(unwrap(other))
        if changed.shape != self.value.shape:
            raise ValueError(f"cannot add in place: shape {changed.shape} does not fit {self.value.shape}")
        self.value = changed
        return self

    return operate


class Traced:
    """An array whose operations are recorded by JAX while NumPy code runs on it.

    Whatever would turn it into a plain number (`float`, `int`, `item`, `tolist`, `round`) raises
    `UntraceableError`: a derivative is never lost silently.
    """

    __slots__ = ("value",)
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, value: Any) -> None:
        self.value = value

    def __repr__(self) -> str:
        return f"Traced(shape={self.value.shape})"

    def __jax_array__(self) -> Any:
        return self.value

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        Budget.spend()
        out = kwargs.pop("out", None)
        if kwargs.pop("where", True) is not True:
            raise UntraceableError(f"where= of {ufunc.__name__} can't be traced")
        if kwargs.get("dtype") is not None and np.dtype(kwargs["dtype"]).kind not in "fc":
            raise UntraceableError(f"dtype={kwargs['dtype']} of {ufunc.__name__} would lose the derivative")
        kwargs.pop("dtype", None)
        arguments = [stack(x) if isinstance(x, (list, tuple)) else unwrap(x) for x in inputs]
        result = wrap(_ufunc_method(ufunc, method)(*arguments, **unwrap(kwargs)))
        if out is None:
            return result
        if len(out) != 1 or not isinstance(out[0], Traced):
            raise UntraceableError(f"out= of {ufunc.__name__} must be an array made from the point")
        out[0].value = jnp.broadcast_to(result.value, out[0].shape)
        return out[0]

    def __array_function__(self, func: Callable, types: Any, args: tuple, kwargs: dict[str, Any]) -> Any:
        Budget.spend()
        if kwargs.get("out") is not None:
            raise UntraceableError(f"out= of {func.__name__} can't be traced")
        twin = _twin(func)
        arguments, options = unwrap(args), unwrap({k: v for k, v in kwargs.items() if v is not np._NoValue})
        try:
            return wrap(twin(*arguments, **options))
        except TypeError:
            # JAX refuses lists of numbers where NumPy takes them as arrays.
            return wrap(twin(*map(_arrays, arguments), **options))

    def __getitem__(self, index: Any) -> Any:
        Budget.spend()
        index = _listless(index)
        plain = unwrap(index)
        if not holds_traced(index) and not isinstance(index, Traced):
            # JAX clamps an index that is out of bounds; NumPy raises, and so must this.
            np.broadcast_to(False, self.shape)[index]
        return wrap(self.value[plain])

    def __setitem__(self, index: Any, new: Any) -> None:
        Budget.spend()
        new = stack(new) if isinstance(new, (list, tuple)) else unwrap(new)
        if self.value.dtype.kind not in "fc" and np.result_type(new).kind in "fc":
            raise UntraceableError("a float written into an array of whole numbers loses its derivative")
        index = _listless(index)
        if not holds_traced(index):
            np.broadcast_to(False, self.shape)[index]
        self.value = self.value.at[unwrap(index)].set(new)

    def __iter__(self) -> Iterator[Any]:
        if not self.value.ndim:
            raise TypeError("iteration over a 0-d array")
        return (self[k] for k in range(len(self)))

    def __len__(self) -> int:
        if not self.value.ndim:
            raise TypeError("len() of unsized object")
        return self.value.shape[0]

    def __bool__(self) -> bool:
        return bool(self.value)

    def __contains__(self, item: Any) -> bool:
        return bool((self.value == unwrap(item)).any())

    def __getattr__(self, name: str) -> Any:
        if name in _ATTRIBUTES:
            return wrap(getattr(self.value, name))
        if name in _METHODS:
            return lambda *args, **kwargs: _call_method(self, name, args, kwargs)
        ufunc = getattr(np, name, None)
        if isinstance(ufunc, np.ufunc):
            # NumPy calls such a method on each element of an object array.
            return lambda *others: ufunc(self, *others)
        raise AttributeError(f"a traced array has no attribute {name!r}")

    def astype(self, dtype: Any, **_: Any) -> Any:
        if self.value.dtype.kind in "fc" and np.dtype(dtype).kind not in "fc":
            raise UntraceableError(f"astype({dtype}) of a traced value would lose its derivative")
        return Traced(self.value.astype(jnp.result_type(float) if np.dtype(dtype).kind == "f" else dtype))

    def fill(self, value: Any) -> None:
        self[...] = value

    def copy(self, *_: Any, **__: Any) -> Traced:
        return Traced(self.value)

    def flatten(self, *_: Any) -> Traced:
        return Traced(self.value.ravel())

    def __neg__(self) -> Any:
        return wrap(-self.value)

    def __pos__(self) -> Any:
        return Traced(self.value)

    def __abs__(self) -> Any:
        return wrap(abs(self.value))

    def __invert__(self) -> Any:
        return wrap(~self.value)

    __float__ = _forbidden("float()")
    __int__ = _forbidden("int()")
    __index__ = _forbidden("a whole number")
    __complex__ = _forbidden("complex()")
    __round__ = _forbidden("round()")
    __floor__ = _forbidden("floor()")
    __ceil__ = _forbidden("ceil()")
    __trunc__ = _forbidden("trunc()")
    __format__ = _forbidden("text")
    __str__ = _forbidden("text")
    item = _forbidden("item()")
    tolist = _forbidden("tolist()")
    tobytes = _forbidden("tobytes()")
    round = _forbidden("round()")


for _name in ["add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and", "or", "xor"]:
    for _side in ("", "r"):
        setattr(Traced, f"__{_side}{_name}__", _binary(f"__{_side}{_name}__"))
for _name in ["add", "sub", "mul", "truediv", "pow", "matmul"]:
    setattr(Traced, f"__i{_name}__", _in_place(f"__{_name}__"))
for _name in ["lt", "le", "gt", "ge", "eq", "ne"]:
    setattr(Traced, f"__{_name}__", _binary(f"__{_name}__"))

_ATTRIBUTES = frozenset(["shape", "ndim", "size", "dtype", "T", "mT", "real", "imag"])
_METHODS = frozenset(
    [
        "sum",
        "mean",
        "prod",
        "max",
        "min",
        "std",
        "var",
        "dot",
        "reshape",
        "ravel",
        "clip",
        "cumsum",
        "cumprod",
        "transpose",
        "swapaxes",
        "squeeze",
        "argmax",
        "argmin",
        "argsort",
        "all",
        "any",
        "diagonal",
        "trace",
        "take",
        "repeat",
        "conj",
        "conjugate",
        "nonzero",
        "searchsorted",
        "ptp",
    ]
)


def _listless(index: Any) -> Any:
    """Return an index with arrays where NumPy allows lists and JAX does not."""
    if isinstance(index, list):
        return index if holds_traced(index) else np.asarray(index)
    return tuple(map(_listless, index)) if isinstance(index, tuple) else index


def _call_method(array: Traced, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    Budget.spend()
    if kwargs.pop("out", None) is not None:
        raise UntraceableError(f"out= of {name} can't be traced")
    return wrap(getattr(array.value, name)(*unwrap(args), **unwrap(kwargs)))


def _ufunc_method(ufunc: np.ufunc, method: str) -> Callable[..., Any]:
    if method == "__call__":
        return _twin_ufunc(ufunc)
    table = {"reduce": _REDUCE, "accumulate": _ACCUMULATE}.get(method, {})
    if ufunc.__name__ in table:
        twin = table[ufunc.__name__]

        def along(x: Any, axis: Any = 0, keepdims: bool = False, initial: Any = None) -> Any:
            options = {} if method == "accumulate" else {"keepdims": keepdims}
            if initial is not None and initial is not np._NoValue:
                raise UntraceableError(f"initial= of {ufunc.__name__}.{method} can't be traced")
            return twin(x, axis=axis, **options)

        return along
    if method == "outer":
        twin = _twin_ufunc(ufunc)
        return lambda a, b: twin(jnp.reshape(a, jnp.shape(a) + (1,) * jnp.ndim(b)), b)
    raise UntraceableError(f"{ufunc.__name__}.{method} can't be traced")


_REDUCE: dict[str, Callable[..., Any]] = {
    "add": jnp.sum,
    "multiply": jnp.prod,
    "maximum": jnp.max,
    "minimum": jnp.min,
    "logical_and": jnp.all,
    "logical_or": jnp.any,
    "logaddexp": jax.scipy.special.logsumexp,
}
_ACCUMULATE: dict[str, Callable[..., Any]] = {"add": jnp.cumsum, "multiply": jnp.cumprod}


def _twin_ufunc(ufunc: np.ufunc) -> Callable[..., Any]:
    name = ufunc.__name__
    if getattr(np, name, None) is ufunc and hasattr(jnp, name):
        return getattr(jnp, name)
    special = sys.modules.get("scipy.special")
    if special is not None and getattr(special, name, None) is ufunc and hasattr(jax.scipy.special, name):
        return getattr(jax.scipy.special, name)
    raise UntraceableError(f"{name} has no counterpart in JAX")


def _twin(func: Callable[..., Any]) -> Callable[..., Any]:
    name, module = func.__name__, getattr(func, "__module__", None)
    home: Any = {"numpy": jnp, "numpy.linalg": jnp.linalg, "numpy.fft": jnp.fft}.get(module or "")
    if home is None or not hasattr(home, name):
        raise UntraceableError(f"{module}.{name} has no counterpart in JAX")
    return getattr(home, name)
