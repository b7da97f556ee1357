"""The words that mean a missing value where numbers or dates are expected."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from steepest.tabular.reading.arrow import arrow

if TYPE_CHECKING:
    import pyarrow as pa

# In a column of categories most of them may be levels, such as "none" or "-", and stay there.
MISSING = frozenset(word.strip() for word in """
    ?|??|???|-|--|---|–|—|.|..|...|…|*|**|#
    na|n/a|n.a.|n.a|n/d|n.d.|nan|null|none|nil|nul|missing|(missing)|unknown|unk|undefined|blank|(blank)|empty|(empty)
    <na>|#n/a|#na|#value!|#div/0!|#ref!|#name?|#null!|#num!
    nodata|no_data|no data|not available|not applicable|not reported|not known|no answer|tba|tbd
""".replace("\n", "|").split("|"))  # fmt: skip


def is_missing(texts: pa.Array, more: Iterable[str] = ()) -> np.ndarray:
    """Return which texts mean a missing value, in any case of their letters.

    Parameters
    ----------
    texts : pyarrow.Array
        Texts without spaces around them.
    more : iterable of str
        Texts that mean a missing value, besides the usual ones.

    Returns
    -------
    array of bool
        True for each text that does.

    Examples
    --------
    >>> is_missing(arrow().array(["12", "N/A", "--", "nobody"]), ["Nobody"]).tolist()
    [False, True, True, True]
    """
    pyarrow = arrow()
    known = pyarrow.array(sorted(MISSING | {word.strip().lower() for word in more}), texts.type)
    return pyarrow.compute.is_in(pyarrow.compute.utf8_lower(texts), known).to_numpy(zero_copy_only=False)
