"""Names for types that many files use.

To a type checker, NumPy arrays, JAX arrays and traced arrays have no common type but `Any`; these names are clearer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

# A number or an array of numbers: of NumPy, of JAX, or traced.
Array = Any
# Tuples, lists and dicts of arrays, nested: parameters by name, or the state of a rule.
PyTree = Any
# A function that the user wrote, or one compiled from it.
Function = Callable[..., Any]
# The value of callback=: a function called after each iteration, which may stop the run by raising StopIteration.
Callback = Callable[..., Any]
# The value of rng=: a seed, a generator, or None for a new seed.
Seed = int | np.random.Generator | None
# The value of direction= or step=: a name, a number, a function, an object of the library or of optax.
RuleLike = Any
# Rows of features: an array, a sparse matrix or a DataFrame.
Rows = Any
# A table: a path, a DataFrame, a table of pyarrow or a dict of columns.
Table = Any
# The value of bounds=: pairs (low, high), a mapping from names to pairs, or a `scipy.optimize.Bounds`.
Bounds = Any
# The value of fixed=: a mapping from names or positions to the values of coordinates that stay as they are.
Fixed = Any
# Any value that JSON can hold.
Json = Any
