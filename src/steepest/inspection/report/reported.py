"""The method `report` of runs, races and fits."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from steepest.inspection.report.write import Reportable


class Reported:
    """An object that a report can be written of."""

    def report(
        self,
        path: str | os.PathLike[str],
        *,
        title: str | None = None,
        date: str | None = None,
        animation: bool = True,
        three_d: bool = False,
    ) -> Path:
        """Write a report: one web page with the outcome, the numbers, what looks suspicious, and the figures.

        The page holds all that it needs, opens without a connection, and makes no request. The same object gives the
        same bytes.

        Parameters
        ----------
        path : path
            The file, whose name ends in .html. An existing file is replaced.
        title : str, optional
            The title; by default that of the run, or what it is.
        date : str, optional
            A date to show below the title; none by default.
        animation : bool, optional
            Whether to add an animation, if anything moves.
        three_d : bool, optional
            Whether to add the surface of a function of two parameters, which the reader can turn. It adds 5 MB to the
            page, and needs Plotly.

        Returns
        -------
        pathlib.Path
            The file.

        Raises
        ------
        ValueError
            If the name does not end in .html, or `three_d` is asked for and can't be drawn.
        ModuleNotFoundError
            If Jinja2 or Plotly is missing.
        OSError
            If the file can't be written.

        Examples
        --------
        >>> import tempfile
        >>> import steepest as st
        >>> run = st.minimize(lambda x, y: (1 - x) ** 2 + 100 * (y - x**2) ** 2, (-1.2, 1.0))
        >>> page = run.report(Path(tempfile.mkdtemp()) / "run.html", title="A curved valley")
        >>> "A minimum is found, and checked" in page.read_text("utf-8")
        True
        """
        from steepest.inspection.report.write import write_report

        what = cast("Reportable", self)
        return write_report(what, path, title=title, date=date, animation=animation, three_d=three_d)
