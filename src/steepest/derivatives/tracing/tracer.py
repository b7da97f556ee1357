"""Plain NumPy code, traced by JAX: a stand-in for an array that routes NumPy's protocols to `jax.numpy`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple, NoReturn

import jax
import jax.numpy as jnp
import numpy as np

from steepest.derivatives.differences import EPS
from steepest.derivatives.tracing.numpy_twins import VIEWS, WRITERS, function_twin, ufunc_twin

MOST_OPERATIONS = 30_000
Function = Callable[..., Any]


class UntraceableError(TypeError):
    """The code does something with a traced value that would lose its derivative."""


class Budget:
    """The account of one trace: operations so far, a refusal, and whether it seeded random numbers.

    Operations are counted so that a Python loop over a million rows is left to plain calls. A
    refusal is kept, because the user's code may catch the exception and go on without a derivative.
    `precision` is the rounding of the coarsest type that the code asks for: the trace computes in doubles all the same.
    """

    spent = 0
    refused = ""
    seeded = False
    precision = EPS

    @classmethod
    def renew(cls) -> None:
        cls.spent, cls.refused, cls.seeded, cls.precision = 0, "", False, EPS

    @classmethod
    def ask(cls, dtype: Any) -> None:
        """Remember that the code asks for a type of floating numbers."""
        if dtype is not None and np.dtype(dtype).kind == "f" and np.dtype(dtype).itemsize < 8:
            cls.precision = max(cls.precision, float(np.finfo(dtype).eps))

    @classmethod
    def settle(cls) -> None:
        if cls.refused:
            raise UntraceableError(cls.refused)

    @classmethod
    def spend(cls) -> None:
        cls.spent += 1
        if cls.spent > MOST_OPERATIONS:
            refuse(f"the code makes more than {MOST_OPERATIONS:,} array operations, too many to compile")


class Decisions:
    """The answers to questions about traced values, `if x > 0`: as they fall, recorded, or as they fell before."""

    answers: list[bool] | None = None
    guards: list[Any] | None = None

    @classmethod
    @contextmanager
    def recorded(cls) -> Iterator[list[bool]]:
        """Record the answers of code that runs on numbers."""
        cls.answers = []
        try:
            yield cls.answers
        finally:
            cls.answers = None

    @classmethod
    @contextmanager
    def replayed(cls, answers: Sequence[bool]) -> Iterator[list[Any]]:
        """Give code that is traced the answers that were recorded, and keep the questions."""
        cls.answers, cls.guards = list(answers), []
        try:
            yield cls.guards
        finally:
            cls.answers = cls.guards = None

    @classmethod
    def answer(cls, value: Any) -> bool:
        """Return whether a value is true."""
        if cls.guards is not None:
            if len(cls.guards) == len(cls.answers or ()):
                refuse("the code asks other questions when it is traced")
            cls.guards.append(jnp.asarray(value).reshape(()) != 0)
            return (cls.answers or [])[len(cls.guards) - 1]
        answer = bool(value)
        if cls.answers is not None:
            cls.answers.append(answer)
        return answer


def refuse(why: str) -> NoReturn:
    """Raise, and remember it for code that catches the exception."""
    Budget.refused = why
    raise UntraceableError(why)


def wrap(value: Any) -> Any:
    """Return JAX arrays and plain arrays of floats as `Traced`, containers likewise, anything else as it is."""
    if isinstance(value, Traced):
        return value
    if isinstance(value, jax.Array) or (isinstance(value, np.ndarray) and value.ndim and value.dtype.kind in "fc"):
        return Traced(value)
    if isinstance(value, (list, tuple)) and any(isinstance(v, (jax.Array, np.ndarray, list, tuple)) for v in value):
        wrapped = [wrap(v) for v in value]
        return type(value)(*wrapped) if hasattr(value, "_fields") else type(value)(wrapped)
    return value


def unwrap(value: Any) -> Any:
    """Return what `wrap` wrapped; object arrays of traced scalars become one JAX array."""
    if isinstance(value, Traced):
        return value.value
    if isinstance(value, np.ndarray):
        return stack(value.tolist()) if value.dtype == object and depends(value) else value
    if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
        return type(value)(unwrap(v) for v in value)
    if isinstance(value, dict):
        return {key: unwrap(v) for key, v in value.items()}
    if callable(value) and not isinstance(value, type):
        # JAX calls it back with arrays of its own, which NumPy code would not take.
        return lambda *args, **options: unwrap(value(*map(wrap, args), **options))
    return value


def depends(value: Any) -> bool:
    """Tell whether JAX follows a value, or any value in a container."""
    if isinstance(value, Traced):
        return isinstance(value.value, jax.Array)
    if isinstance(value, jax.Array):
        return True
    if isinstance(value, np.ndarray):
        return value.dtype == object and any(map(depends, value.flat))
    if isinstance(value, dict):
        return any(map(depends, value.values()))
    return isinstance(value, (list, tuple)) and any(map(depends, value))


def stack(value: Any) -> Any:
    """Turn nested lists of traced and plain numbers into one JAX array."""
    if isinstance(value, (list, tuple)):
        return jnp.stack([jnp.asarray(stack(v)) for v in value]) if len(value) else jnp.zeros(0)
    return unwrap(value)


def stacked(value: Any) -> Any:
    """Return a list with traced values in it as one array, anything else as it is."""
    return wrap(stack(value)) if isinstance(value, (list, tuple)) and depends(value) else value


@contextmanager
def branching() -> Iterator[None]:
    """Remember where JAX has to know a value to go on, for code that catches the exception."""
    try:
        yield
    except (jax.errors.JAXTypeError, jax.errors.JAXIndexError):
        Budget.refused = Budget.refused or "the code branches on values"
        raise


def apply(plain: Function, twin: Function | None, args: Any, options: dict[str, Any]) -> Any:
    """Compute with JAX's counterpart what depends on the point, and with NumPy itself what does not."""
    Budget.spend()
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
            # JAX refuses lists of numbers where NumPy takes them as arrays.
            return wrap(twin(*map(_arrays, args), **{name: _arrays(option) for name, option in options.items()}))


def _arrays(argument: Any) -> Any:
    if not isinstance(argument, (list, tuple)):
        return argument
    if any(isinstance(v, (jax.Array, np.ndarray)) and v.ndim for v in argument):
        return [jnp.asarray(stack(v)) for v in argument]
    return jnp.asarray(stack(argument)) if isinstance(argument, list) else argument


def written(array: Any, index: Any, new: Any) -> Any:
    """Return an array with new values at an index, of JAX as soon as one of them depends on the point."""
    if depends(array) or depends(index) or depends(new):
        return jnp.asarray(array).at[index].set(new)
    changed = array.copy()
    changed[index] = new
    return changed


# The index of a view that was reshaped or transposed; None would be an index to NumPy.
_NO_INDEX = object()


class _Lens(NamedTuple):
    """A view of another array: that array, how to read it, and the index."""

    base: Traced
    read: Function
    index: Any

    def write(self, new: Any) -> None:
        whole = self.base.value
        where = self.read(np.arange(whole.size).reshape(whole.shape))
        self.base.value = written(whole.reshape(-1), where, new).reshape(whole.shape)


def _forbidden(name: str, what: str) -> Function:
    def stop(self: Traced, *args: Any, **options: Any) -> Any:
        if not depends(self):
            return getattr(self.value, name)(*args, **options)
        return refuse(f"{what} of a traced value would lose its derivative")

    return stop


def _operand(self: Traced, other: Any) -> tuple[Any, Any]:
    Budget.spend()
    if isinstance(other, (list, tuple)):
        other = stack(other) if depends(other) else np.asarray(other)
    other = unwrap(other)
    return (jnp.asarray(self.value) if depends(other) else self.value), other


def _binary(name: str) -> Function:
    def operate(self: Traced, other: Any) -> Any:
        if getattr(type(other), "__array_ufunc__", True) is None:
            return NotImplemented
        value, other = _operand(self, other)
        result = getattr(value, name)(other)
        return result if result is NotImplemented else wrap(result)

    return operate


def _in_place(name: str) -> Function:
    def operate(self: Traced, other: Any) -> Any:
        value, other = _operand(self, other)
        changed = getattr(value, name)(other)
        if not self.ndim:
            return wrap(changed)
        self.store(changed)
        return self

    return operate


class Traced:
    """An array whose operations are recorded by JAX while NumPy code runs on it.

    Whatever would turn it into a plain number (`int`, `item`, `tolist`, text) raises
    `UntraceableError`: a derivative is never lost silently. An array that the code makes and may
    write into is one too, and holds a plain array as long as nothing in it depends on the point.
    """

    __slots__ = ("_lens", "_seen", "_value")

    def __init__(self, value: Any, lens: _Lens | None = None) -> None:
        self._value, self._lens = value, lens
        self._seen = lens.base.value if lens else None

    @property
    def value(self) -> Any:
        """The array of JAX or NumPy that this stands for; a view reads it anew where its base has changed."""
        if self._lens and self._lens.base.value is not self._seen:
            self._seen = self._lens.base.value
            self._value = self._lens.read(self._seen)
        return self._value

    @value.setter
    def value(self, new: Any) -> None:
        if self._lens:
            self._lens.write(new)
        else:
            self._value = new

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        # For `isinstance`: code that asks then takes the branch that it takes with NumPy.
        return np.ndarray if self.ndim else self.dtype.type

    def __repr__(self) -> str:
        return f"Traced(shape={self.shape})"

    def __jax_array__(self) -> Any:
        return jnp.asarray(self.value)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        if method == "at":
            return _add_at(ufunc, *inputs)
        out, where = options.pop("out", None), options.get("where", True)
        if options.get("dtype") is not None and np.dtype(options["dtype"]).kind not in "fc":
            refuse(f"dtype={options['dtype']} of {ufunc.__name__} would lose the derivative")
        Budget.ask(options.pop("dtype", None))
        if method == "__call__" and options.pop("where", True) is not True:
            return _masked(ufunc, inputs, out, where)
        plain = ufunc if method == "__call__" else getattr(ufunc, method)
        result = apply(plain, ufunc_twin(ufunc, method), map(stacked, inputs), options)
        return result if out is None else _target(out, ufunc).store(result)

    def __array_function__(self, func: Function, types: Any, args: tuple, options: dict[str, Any]) -> Any:
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

    def view_by(self, look: Function, index: Any = _NO_INDEX) -> Any:
        """Return what a look at this array gives: a view of it where NumPy would give one, else a copy."""
        Budget.spend()
        shadow = self.shadow()
        # JAX clamps an index that is out of bounds; NumPy raises here, and so must this.
        seen = look(shadow)
        found = look(self.value)
        if np.ndim(seen) and np.may_share_memory(seen, shadow):
            return Traced(found, _Lens(self, look, index))
        return wrap(found)

    def shadow(self) -> np.ndarray:
        """Return a plain array that lies in memory as this one does in NumPy: NumPy tells what is a view of it."""
        return self._lens.read(self._lens.base.shadow()) if self._lens else np.empty(self.shape, bool)

    def store(self, new: Any) -> Traced:
        """Write new values over all of this array, as `out=` and `+=` do."""
        if np.broadcast_shapes(np.shape(new), self.shape) != self.shape:
            raise ValueError(f"cannot write in place: shape {np.shape(new)} does not fit {self.shape}")
        self[...] = new
        return self

    def __getitem__(self, index: Any) -> Any:
        index = _listless(index)
        if depends(index):
            Budget.spend()
            with branching():
                return wrap(jnp.asarray(self.value)[unwrap(index)])
        index = unwrap(index)
        return self.view_by(lambda array: array[index], index)

    def __setitem__(self, index: Any, new: Any) -> None:
        Budget.spend()
        index = unwrap(_listless(index))
        if isinstance(new, Traced) and new._lens and new._lens.base is self and _same(new._lens.index, index):
            # `y[1:] += 1` has written through the view already.
            return
        new = unwrap(stacked(new))
        if self.dtype.kind not in "fc" and np.result_type(new).kind in "fc":
            refuse("a float written into an array of whole numbers loses its derivative")
        if not depends(index):
            # JAX drops what is written out of bounds; NumPy raises, and so must this.
            np.broadcast_to(False, self.shape)[index]
        if isinstance(index, jax.Array) and index.dtype == bool and not np.ndim(new):
            mask = index.reshape(index.shape + (1,) * (self.ndim - index.ndim))
            self.value = jnp.where(mask, new, self.value)
            return
        with branching():
            self.value = written(self.value, index, new)

    def __iter__(self) -> Iterator[Any]:
        if not self.ndim:
            raise TypeError("iteration over a 0-d array")
        return (self[k] for k in range(len(self)))

    def __len__(self) -> int:
        if not self.ndim:
            raise TypeError("len() of unsized object")
        return self.shape[0]

    def __bool__(self) -> bool:
        with branching():
            return Decisions.answer(self.value)

    def __contains__(self, item: Any) -> bool:
        return bool((self == item).any())

    def __hash__(self) -> int:
        if self.ndim:
            raise TypeError("unhashable type: 'numpy.ndarray'")
        return refuse("a key made of a traced value would lose its derivative")

    def __getattr__(self, name: str) -> Any:
        if name in _ATTRIBUTES:
            return wrap(getattr(self.value, name))
        if name in _METHODS:
            return partial(getattr(np, name), self)
        if name.startswith("__array_") and not depends(self):
            return getattr(self.value, name)
        ufunc = getattr(np, name, None)
        if isinstance(ufunc, np.ufunc):
            # NumPy calls such a method on each element of an object array.
            return partial(ufunc, self)
        raise AttributeError(f"a traced array has no attribute {name!r}")

    @property
    def T(self) -> Any:  # noqa: N802
        return np.transpose(self)

    @property
    def flat(self) -> Any:
        return np.ravel(self)

    def reshape(self, *shape: Any, **options: Any) -> Any:
        return np.reshape(self, shape[0] if len(shape) == 1 else shape, **options)

    def transpose(self, *axes: Any) -> Any:
        return np.transpose(self, (axes[0] if len(axes) == 1 else axes) or None)

    def astype(self, dtype: Any, **_: Any) -> Any:
        kind = np.dtype(dtype).kind
        if not depends(self):
            return wrap(self.value.astype(dtype))
        if self.dtype.kind in "fc" and kind not in "fc":
            refuse(f"astype({np.dtype(dtype)}) of a traced value would lose its derivative")
        Budget.ask(dtype)
        return Traced(self.value.astype(jnp.result_type(float) if kind == "f" else dtype))

    def fill(self, value: Any) -> None:
        self[...] = value

    def sort(self, axis: int = -1, **_: Any) -> None:
        self.store(np.sort(self, axis))

    def partition(self, kth: Any, axis: int = -1, **_: Any) -> None:
        self.store(np.partition(self, kth, axis))

    def compress(self, condition: Any, axis: int | None = None) -> Any:
        return np.compress(condition, self, axis)

    def copy(self, *_: Any, **__: Any) -> Traced:
        return Traced(self.value)

    def flatten(self, *_: Any) -> Any:
        return np.ravel(self).copy()

    def __copy__(self) -> Traced:
        return self.copy()

    def __deepcopy__(self, _: Any) -> Traced:
        return self.copy()

    def __neg__(self) -> Any:
        return wrap(-self.value)

    def __pos__(self) -> Any:
        return Traced(self.value)

    def __abs__(self) -> Any:
        return wrap(abs(self.value))

    def __invert__(self) -> Any:
        return wrap(~self.value)

    def __round__(self, digits: int | None = None) -> Any:
        return np.round(self, digits or 0)

    def __floor__(self) -> Any:
        return np.floor(self)

    def __ceil__(self) -> Any:
        return np.ceil(self)

    def __trunc__(self) -> Any:
        return np.trunc(self)


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
for _name in ["add", "sub", "mul", "truediv", "floordiv", "mod", "divmod", "pow", "matmul", "and", "or", "xor"]:
    for _side in ("", "r"):
        setattr(Traced, f"__{_side}{_name}__", _binary(f"__{_side}{_name}__"))
    if _name != "divmod":
        setattr(Traced, f"__i{_name}__", _in_place(f"__{_name}__"))
for _name in ["lt", "le", "gt", "ge", "eq", "ne"]:
    setattr(Traced, f"__{_name}__", _binary(f"__{_name}__"))

_ATTRIBUTES = frozenset(["shape", "ndim", "size", "dtype", "mT", "real", "imag"])
# Methods that are the function of NumPy with the array as its first argument.
_METHODS = frozenset(
    name
    for name in dir(np.ndarray)
    if name != "resize" and isinstance(getattr(np, name, None), (np.ufunc, type(np.sum)))
)


def _listless(index: Any) -> Any:
    """Return an index with arrays where NumPy allows lists and JAX does not."""
    if isinstance(index, list):
        return index if depends(index) else np.asarray(index)
    return tuple(map(_listless, index)) if isinstance(index, tuple) else index


def _same(one: Any, other: Any) -> bool:
    """Tell whether two indices of slices and numbers are the same."""
    return repr(one) == repr(other)


def _target(out: tuple[Any, ...], function: Any) -> Traced:
    """Return the array that a function is to write into."""
    if len(out) != 1 or not isinstance(out[0], Traced):
        refuse(f"{function.__name__} can write only into an array that the function makes")
    return out[0]


def _add_at(ufunc: np.ufunc, target: Any, *rest: Any) -> None:
    def plain(array: np.ndarray, *rest: Any) -> np.ndarray:
        array = array.copy()
        ufunc.at(array, *rest)
        return array

    _target((target,), ufunc).store(apply(plain, ufunc_twin(ufunc, "at"), (target, *rest), {}))


def _masked(ufunc: np.ufunc, inputs: Any, out: Any, where: Any) -> Any:
    """Call a ufunc where a mask is true and keep what stood in `out` elsewhere."""
    if out is None:
        refuse(f"{ufunc.__name__} with where= and no out= leaves values to chance")
    target = _target(out, ufunc)
    # Elsewhere the arguments are 1/2, which nearly every function takes: the derivative there must be finite.
    return target.store(np.where(where, ufunc(*(np.where(where, x, 0.5) for x in inputs)), target))
