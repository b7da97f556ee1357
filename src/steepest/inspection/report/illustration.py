"""`Illustration`: a display as a page shows it: a picture, its caption, and the data behind it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from steepest.inspection.plots.display import Display
from steepest.inspection.report.svg import svg_of
from steepest.printable import MOST_LETTERS, printable

# The most rows and columns of a table behind a picture. Chosen, not measured: a reader who needs more has the trace.
MOST_ROWS, MOST_COLUMNS = 200, 12
BYTES = 20  # of a cell of that table, in a page
# The size of figures as a share of their usual size, so that texts can be read on a phone, which shows a figure of
# 5 inches in 3.7.
SCALE = 0.8


@dataclass(frozen=True)
class DataTable:
    """The data behind a picture.

    Parameters
    ----------
    columns : list of str
        The names of the columns.
    rows : list of list of str
        The cells, as text.
    of : int
        How many rows there are in all; more than are shown if the table was thinned.
    left_out : int
        How many columns are not shown.
    """

    columns: list[str]
    rows: list[list[str]]
    of: int
    left_out: int

    @classmethod
    def from_columns(cls, columns: dict[str, np.ndarray]) -> DataTable:
        """Return the columns of a display as text, with at most 200 rows, evenly thinned.

        Parameters
        ----------
        columns : dict of str to array
            The columns by name, of one length.

        Returns
        -------
        DataTable
            The table.

        Examples
        --------
        >>> table = DataTable.from_columns({"step": np.arange(3), "value": np.array([1.0, 0.25, np.nan])})
        >>> table.columns, table.rows[1:]
        (['step', 'value'], [['1', '0.25'], ['2', 'NaN']])
        """
        shown = {name: np.ravel(columns[name]) for name in list(columns)[:MOST_COLUMNS]}
        rows = min(map(len, shown.values()), default=0)
        drawn = np.unique(np.linspace(0, max(rows - 1, 0), min(rows, MOST_ROWS)).round().astype(int))
        cells = [[_cell(value) for value in values[drawn].tolist()] for values in shown.values()]
        lines = [list(line) for line in zip(*cells, strict=True)]
        return cls([printable(name, MOST_LETTERS) for name in shown], lines, rows, max(len(columns) - MOST_COLUMNS, 0))


@dataclass(frozen=True)
class Illustration:
    """A picture in a report.

    Parameters
    ----------
    name : str
        What its names in the page begin with.
    heading : str
        What it shows.
    caption : str
        What to see, with its numbers.
    svg : str
        The picture.
    data : DataTable
        The data behind it.
    wide : bool
        Whether it is more than twice as wide as high.
    display : str
        The name of the display that drew it.
    """

    name: str
    heading: str
    caption: str
    svg: str
    data: DataTable
    wide: bool
    display: str = ""

    @property
    def size(self) -> int:
        """About how many bytes it takes in a page."""
        return len(self.svg) + BYTES * sum(map(len, self.data.rows))

    @classmethod
    def of(cls, display: Display, name: str, heading: str) -> Illustration:
        """Draw a display.

        Parameters
        ----------
        display : Display
            The display. Its title goes, as the page has it.
        name : str
            What its names in the page begin with.
        heading : str
            What it shows.

        Returns
        -------
        Illustration
            The picture, its caption and its data.
        """
        display.title = ""
        caption, data = display.caption, DataTable.from_columns(display.table())
        figure = display.to_figure(captioned=False, scale=SCALE)
        width, height = figure.get_size_inches()
        svg = svg_of(figure, name, heading, caption)
        return cls(name, heading, caption, svg, data, width > 1.7 * height, type(display).__name__)


def _cell(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return printable(value, MOST_LETTERS)
    if isinstance(value, int):
        return f"{value:,}".replace("-", "−")
    if not np.isfinite(value):
        return "NaN" if np.isnan(value) else "∞" if value > 0 else "−∞"
    return f"{value:.6g}".replace("e+0", "e").replace("e+", "e").replace("e-0", "e-").replace("-", "−")
