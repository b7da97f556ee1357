"""`Line`: a line below a cell of a notebook that is updated in place, so that the saved notebook holds it once."""

from __future__ import annotations

import sys
from typing import Any


class Line:
    """A line below a cell of a notebook."""

    def __init__(self) -> None:
        self._handle: Any = None

    def show(self, text: str) -> None:
        """Show a text in place of the one before.

        Parameters
        ----------
        text : str
            The text, on one line.
        """
        from IPython.display import display

        # As plain text, which needs no widgets, and in which nothing has to be escaped.
        content = {"text/plain": text}
        if self._handle is None:
            self._handle = display(content, raw=True, display_id=True)
        else:
            self._handle.update(content, raw=True)


def in_notebook() -> bool:
    """Return whether a cell of a notebook is running this, and no terminal or script.

    Returns
    -------
    bool
        Whether IPython is loaded and runs in a kernel.

    Examples
    --------
    >>> in_notebook()
    False
    """
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return getattr(shell, "kernel", None) is not None
