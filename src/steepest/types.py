"""Types that many files name.

NumPy's arrays, JAX's and those of a function that is being traced have no common type that a checker knows. These names
say what is meant in place of `Any`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

# A number or an array of numbers: NumPy's, JAX's, or one that is being traced.
Array = Any
# Tuples, lists and dicts of arrays, nested: parameters by name, or what a rule remembers.
Tree = Any
# A function that the user wrote, or one compiled from it.
Function = Callable[..., Any]
# What callback= takes: it is called after each iteration, and stops the run by raising StopIteration.
Callback = Callable[..., Any]
# What rng= takes.
Seed = int | np.random.Generator | None
# What direction= and step= take: a name, a number, a function, an object of the library or of optax.
RuleLike = Any
# Rows of features: an array, a sparse matrix or a DataFrame.
Rows = Any
# A table: a path, a DataFrame, a table of pyarrow or a dict of columns.
Table = Any
# What a JSON file can hold.
Json = Any
