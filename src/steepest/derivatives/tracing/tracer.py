"""Traces of plain NumPy code by JAX: `Traced` stands in for an array and sends NumPy's calls to `jax.numpy`."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import DTypeLike

from steepest.derivatives.tracing.budget import UntraceableError, answer, branching, note_type, refuse, spend
from steepest.derivatives.tracing.numpy_twins import VIEWS, WRITERS, function_twin, ufunc_twin
from steepest.printable import quoted
from steepest.types import Array, Function, PyTree

# An index, an option or another argument of a NumPy function: a slice, a number, an array, a tuple of them.
Argument = Any


def wrap(value: PyTree) -> PyTree:
    """Wrap JAX arrays, and NumPy arrays of real or complex numbers, as `Traced`, also inside lists and tuples."""
    if isinstance(value, Traced):
        return value
    if isinstance(value, jax.Array) or (isinstance(value, np.ndarray) and value.ndim and value.dtype.kind in "fc"):
        return Traced(value)
    if isinstance(value, (list, tuple)) and any(isinstance(v, (jax.Array, np.ndarray, list, tuple)) for v in value):
        wrapped = [wrap(v) for v in value]
        return type(value)(*wrapped) if hasattr(value, "_fields") else type(value)(wrapped)
    return value


def unwrap(value: PyTree) -> PyTree:
    """Undo `wrap`, and return an object array of traced scalars as a JAX array."""
    if isinstance(value, Traced):
        return value.value
    if isinstance(value, np.ndarray):
        return stack(value.tolist()) if value.dtype == object and depends(value) else value
    if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
        return type(value)(unwrap(v) for v in value)
    if isinstance(value, dict):
        return {key: unwrap(v) for key, v in value.items()}
    if callable(value) and not isinstance(value, type):
        # JAX calls the function with its own arrays, which NumPy code can't use: wrap them.
        return lambda *args, **options: unwrap(value(*map(wrap, args), **options))
    return value


def depends(value: PyTree) -> bool:
    """Tell whether a value, or any value in a container, depends on the point; such values are JAX arrays."""
    if isinstance(value, Traced):
        return isinstance(value.value, jax.Array)
    if isinstance(value, jax.Array):
        return True
    if isinstance(value, np.ndarray):
        return value.dtype == object and any(map(depends, value.flat))
    if isinstance(value, dict):
        return any(map(depends, value.values()))
    return isinstance(value, (list, tuple)) and any(map(depends, value))


def stack(value: PyTree) -> Array:
    """Return nested lists of traced and plain numbers as one JAX array."""
    if isinstance(value, (list, tuple)):
        return jnp.stack([jnp.asarray(stack(v)) for v in value]) if len(value) else jnp.zeros(0)
    return unwrap(value)


def stacked(value: PyTree) -> PyTree:
    """Return a list that contains traced values as one array; other values are unchanged."""
    return wrap(stack(value)) if isinstance(value, (list, tuple)) and depends(value) else value


def apply(plain: Function, twin: Function | None, args: Argument, options: dict[str, Argument]) -> PyTree:
    """Call JAX's counterpart if an argument depends on the point, and NumPy's own function otherwise."""
    spend()
    args, options = unwrap(tuple(args)), unwrap(options)
    if not (depends(args) or depends(options)):
        return wrap(plain(*args, **options))
    if twin is None:
        home = getattr(plain, "__module__", None)
        refuse(f"{home + '.' if home else ''}{plain.__name__} has no counterpart in JAX")
    with branching():
        try:
            return wrap(twin(*args, **options))
        except UntraceableError:
            raise
        except TypeError:
            # NumPy accepts lists of numbers as arrays, but JAX refuses them: make them arrays.
            return wrap(twin(*map(_arrays, args), **{name: _arrays(option) for name, option in options.items()}))


def _arrays(argument: Argument) -> Argument:
    """Return a list of numbers as an array, and a list of arrays as JAX arrays."""
    if not isinstance(argument, (list, tuple)):
        return argument
    if any(isinstance(v, (jax.Array, np.ndarray)) and v.ndim for v in argument):
        return [jnp.asarray(stack(v)) for v in argument]
    return jnp.asarray(stack(argument)) if isinstance(argument, list) else argument


def written(array: Array, index: Argument, new: Array) -> Array:
    """Return a copy of an array with new values at an index: a JAX array if anything depends on the point."""
    if depends(array) or depends(index) or depends(new):
        return jnp.asarray(array).at[index].set(new)
    changed = array.copy()
    changed[index] = new
    return changed


# The `index` of a view that was made by reshaping or transposing. It is not None, because None is an index in NumPy.
_NO_INDEX = object()


class _Lens(NamedTuple):
    """How a view reads and writes the array that it was made from.

    Attributes
    ----------
    base : Traced
        The array that the view was made from.
    read : callable
        Takes an array with the shape of the base, and returns the same view of that array.
    index : argument
        The index that made the view, or `_NO_INDEX`.
    """

    base: Traced
    read: Function
    index: Argument

    def write(self, new: Array) -> None:
        """Write new values through the view into the base."""
        whole = self.base.value
        places = self.read(np.arange(whole.size).reshape(whole.shape))
        self.base.value = written(whole.reshape(-1), places, new).reshape(whole.shape)


def _forbidden(name: str, what: str) -> Function:
    def stop(self: Traced, *args: Argument, **options: Argument) -> Array:
        if not depends(self):
            return getattr(self.value, name)(*args, **options)
        return refuse(f"{what} of a traced value would lose its derivative")

    return stop


def _operands(self: Traced, other: PyTree) -> tuple[Array, Array]:
    """Return both operands as plain arrays, or both as JAX arrays."""
    spend()
    if isinstance(other, (list, tuple)):
        other = stack(other) if depends(other) else np.asarray(other)
    other = unwrap(other)
    return (jnp.asarray(self.value) if depends(other) else self.value), other


def _binary(name: str) -> Function:
    def operate(self: Traced, other: PyTree) -> PyTree:
        if getattr(type(other), "__array_ufunc__", True) is None:
            return NotImplemented
        value, other = _operands(self, other)
        result = getattr(value, name)(other)
        return result if result is NotImplemented else wrap(result)

    return operate


def _in_place(name: str) -> Function:
    def operate(self: Traced, other: PyTree) -> Array:
        value, other = _operands(self, other)
        changed = getattr(value, name)(other)
        if not self.ndim:
            return wrap(changed)
        self.store(changed)
        return self

    return operate


def _unary(name: str) -> Function:
    return lambda self: wrap(getattr(self.value, name)())


def _by_numpy(function: Function) -> Function:
    return lambda self: function(self)


class Traced:
    """An array whose operations JAX records while NumPy code runs on it.

    Any conversion to plain numbers or text (`int`, `item`, `tolist`, `str`) raises
    `UntraceableError`: a derivative is never lost silently. The arrays that the code makes are traced
    too, since the code may write traced values into them; they hold plain arrays until something in
    them depends on the point.
    """

    __slots__ = ("_base_value", "_lens", "_value")

    def __init__(self, value: Array, lens: _Lens | None = None) -> None:
        self._value, self._lens = value, lens
        # The value of the base that `_value` was read from.
        self._base_value = lens.base.value if lens else None

    @property
    def value(self) -> Array:
        """The JAX or NumPy array behind this object; a view reads it again after its base has changed."""
        if self._lens and self._lens.base.value is not self._base_value:
            self._base_value = self._lens.base.value
            self._value = self._lens.read(self._base_value)
        return self._value

    @value.setter
    def value(self, new: Array) -> None:
        if self._lens:
            self._lens.write(new)
        else:
            self._value = new

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        # `isinstance` reads this attribute, so code that tests the type takes the same branch as with NumPy.
        return np.ndarray if self.ndim else self.dtype.type

    def __repr__(self) -> str:
        return f"Traced(shape={self.shape})"

    def __jax_array__(self) -> Array:
        return jnp.asarray(self.value)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: PyTree, **options: Argument) -> PyTree:
        if method == "at":
            return _at(ufunc, *inputs)
        out, where = options.pop("out", None), options.get("where", True)
        if options.get("dtype") is not None and np.dtype(options["dtype"]).kind not in "fc":
            refuse(f"dtype={options['dtype']} of {ufunc.__name__} would lose the derivative")
        note_type(options.pop("dtype", None))
        if method == "__call__" and options.pop("where", True) is not True:
            return _masked(ufunc, inputs, out, where)
        plain = ufunc if method == "__call__" else getattr(ufunc, method)
        result = apply(plain, ufunc_twin(ufunc, method), map(stacked, inputs), options)
        return result if out is None else _target(out, ufunc).store(result)

    def __array_function__(self, func: Function, types: Argument, args: tuple, options: dict[str, Argument]) -> PyTree:
        options = {name: option for name, option in options.items() if option is not np._NoValue}
        if func in WRITERS:
            return WRITERS[func](_target(args[:1], func), *args[1:], **options)
        twin = function_twin(func)
        if func in VIEWS and args and twin:
            return args[0].view_by(
                lambda array: (twin if isinstance(array, jax.Array) else func)(array, *args[1:], **options)
            )
        out = options.pop("out", None)
        result = apply(func, twin, args, options)
        return result if out is None else _target((out,), func).store(result)

    def view_by(self, read: Function, index: Argument = _NO_INDEX) -> PyTree:
        """Call `read` on this array: return a view if NumPy would return one, else a new array."""
        spend()
        shadow = self.shadow()
        # This raises an error if the index is out of bounds, as NumPy does; JAX would clamp the index.
        plain = read(shadow)
        result = read(self.value)
        if np.ndim(plain) and np.may_share_memory(plain, shadow):
            return Traced(result, _Lens(self, read, index))
        return wrap(result)

    def shadow(self) -> np.ndarray:
        """Return a plain array that is laid out in memory as NumPy would lay out this array.

        `view_by` calls `read` on the plain array, to find out whether NumPy would return a view or a copy.
        """
        return self._lens.read(self._lens.base.shadow()) if self._lens else np.empty(self.shape, bool)

    def store(self, new: Array) -> Traced:
        """Overwrite the whole array, as `out=` and `+=` do."""
        if np.broadcast_shapes(np.shape(new), self.shape) != self.shape:
            raise ValueError(f"cannot write in place: shape {np.shape(new)} does not fit {self.shape}")
        self[...] = new
        return self

    def __getitem__(self, index: Argument) -> PyTree:
        index = _without_lists(index)
        if depends(index):
            spend()
            with branching():
                return wrap(jnp.asarray(self.value)[unwrap(index)])
        index = unwrap(index)
        return self.view_by(lambda array: array[index], index)

    def __setitem__(self, index: Argument, new: PyTree) -> None:
        spend()
        index = unwrap(_without_lists(index))
        if isinstance(new, Traced) and new._lens and new._lens.base is self and _same(new._lens.index, index):
            # `y[1:] += 1` has already written through the view.
            return
        new = unwrap(stacked(new))
        if self.dtype.kind not in "fc" and np.result_type(new).kind in "fc":
            refuse("a float written into an array of whole numbers loses its derivative")
        if not depends(index):
            # This raises an error if the index is out of bounds, as NumPy does; JAX would write nothing.
            np.broadcast_to(False, self.shape)[index]
        if isinstance(index, jax.Array) and index.dtype == bool and not np.ndim(new):
            mask = index.reshape(index.shape + (1,) * (self.ndim - index.ndim))
            self.value = jnp.where(mask, new, self.value)
            return
        with branching():
            self.value = written(self.value, index, new)

    def __iter__(self) -> Iterator[PyTree]:
        if not self.ndim:
            raise TypeError("iteration over a 0-d array")
        return (self[k] for k in range(len(self)))

    def __len__(self) -> int:
        if not self.ndim:
            raise TypeError("len() of unsized object")
        return self.shape[0]

    def __bool__(self) -> bool:
        with branching():
            return answer(self.value)

    def __contains__(self, item: Array) -> bool:
        return bool((self == item).any())

    def __hash__(self) -> int:
        if self.ndim:
            raise TypeError("unhashable type: 'numpy.ndarray'")
        return refuse("a key made of a traced value would lose its derivative")

    def __getattr__(self, name: str) -> Array:
        if name in _ATTRIBUTES:
            return wrap(getattr(self.value, name))
        if name in _METHODS:
            return partial(getattr(np, name), self)
        if name.startswith("__array_") and not depends(self):
            return getattr(self.value, name)
        ufunc = getattr(np, name, None)
        if isinstance(ufunc, np.ufunc):
            # A ufunc on an object array calls the method of that name on each element.
            return partial(ufunc, self)
        raise AttributeError(f"a traced array has no attribute {quoted(name)}")

    @property
    def T(self) -> Array:  # noqa: N802
        return np.transpose(self)

    @property
    def flat(self) -> Array:
        return np.ravel(self)

    def reshape(self, *shape: Argument, **options: Argument) -> Array:
        return np.reshape(self, shape[0] if len(shape) == 1 else shape, **options)

    def transpose(self, *axes: Argument) -> Array:
        return np.transpose(self, (axes[0] if len(axes) == 1 else axes) or None)

    def astype(self, dtype: DTypeLike, **_: Argument) -> Array:
        kind = np.dtype(dtype).kind
        if not depends(self):
            return wrap(self.value.astype(dtype))
        if self.dtype.kind in "fc" and kind not in "fc":
            refuse(f"astype({np.dtype(dtype)}) of a traced value would lose its derivative")
        note_type(dtype)
        return Traced(self.value.astype(jnp.result_type(float) if kind == "f" else dtype))

    def fill(self, value: Array) -> None:
        self[...] = value

    def sort(self, axis: int = -1, **_: Argument) -> None:
        self.store(np.sort(self, axis))

    def partition(self, kth: Argument, axis: int = -1, **_: Argument) -> None:
        self.store(np.partition(self, kth, axis))

    def compress(self, condition: Array, axis: int | None = None) -> Array:
        return np.compress(condition, self, axis)

    def copy(self, *_: Argument, **__: Argument) -> Traced:
        return Traced(self.value)

    __copy__ = __deepcopy__ = copy

    def flatten(self, *_: Argument) -> Array:
        return np.ravel(self).copy()

    def __pos__(self) -> Traced:
        return Traced(self.value)

    def __round__(self, digits: int | None = None) -> Array:
        return np.round(self, digits or 0)


# Methods that return plain numbers or text, with their names in the error message.
_FORBIDDEN = {
    "__float__": "float()",
    "__int__": "int()",
    "__index__": "a whole number",
    "__complex__": "complex()",
    "__format__": "text",
    "__str__": "text",
    "item": "item()",
    "tolist": "tolist()",
    "tobytes": "tobytes()",
}
for _name, _what in _FORBIDDEN.items():
    setattr(Traced, _name, _forbidden(_name, _what))
for _name in ["neg", "abs", "invert"]:
    setattr(Traced, f"__{_name}__", _unary(f"__{_name}__"))
for _name in ["floor", "ceil", "trunc"]:
    setattr(Traced, f"__{_name}__", _by_numpy(getattr(np, _name)))
for _name in ["add", "sub", "mul", "truediv", "floordiv", "mod", "divmod", "pow", "matmul", "and", "or", "xor"]:
    for _side in ("", "r"):
        setattr(Traced, f"__{_side}{_name}__", _binary(f"__{_side}{_name}__"))
    if _name != "divmod":
        setattr(Traced, f"__i{_name}__", _in_place(f"__{_name}__"))
for _name in ["lt", "le", "gt", "ge", "eq", "ne"]:
    setattr(Traced, f"__{_name}__", _binary(f"__{_name}__"))

_ATTRIBUTES = frozenset(["shape", "ndim", "size", "dtype", "mT", "real", "imag"])
# Methods that do the same as the NumPy function with the same name.
_METHODS = frozenset(
    name
    for name in dir(np.ndarray)
    if name != "resize" and isinstance(getattr(np, name, None), (np.ufunc, type(np.sum)))
)


def _without_lists(index: Argument) -> Argument:
    """Return an index with its lists replaced by arrays: NumPy allows lists in an index and JAX does not."""
    if isinstance(index, list):
        return index if depends(index) else np.asarray(index)
    return tuple(map(_without_lists, index)) if isinstance(index, tuple) else index


def _same(one: Argument, other: Argument) -> bool:
    """Tell whether two indices of slices and numbers are the same."""
    return repr(one) == repr(other)


def _target(out: tuple[PyTree, ...], function: Function) -> Traced:
    """Return the array that a function writes into, or refuse the trace if that array is not traced."""
    if len(out) != 1 or not isinstance(out[0], Traced):
        refuse(f"{function.__name__} can write only into an array that the function makes")
    return out[0]


def _at(ufunc: np.ufunc, target: PyTree, *rest: PyTree) -> None:
    """Call `ufunc.at` on a traced array."""

    def plain(array: np.ndarray, *rest: Array) -> np.ndarray:
        array = array.copy()
        ufunc.at(array, *rest)
        return array

    _target((target,), ufunc).store(apply(plain, ufunc_twin(ufunc, "at"), (target, *rest), {}))


def _masked(ufunc: np.ufunc, inputs: tuple[PyTree, ...], out: tuple[PyTree, ...] | None, where: Array) -> Traced:
    """Call a ufunc where a mask is true, and leave `out` unchanged elsewhere."""
    if out is None:
        refuse(f"{ufunc.__name__} with where= and no out= leaves the other values undefined")
    target = _target(out, ufunc)
    # Masked values become 1/2, which is in the domain of nearly every function. At a masked value itself the derivative
    # could be infinite, and differentiation would multiply it by 0, which gives NaN.
    return target.store(np.where(where, ufunc(*(np.where(where, x, 0.5) for x in inputs)), target))
