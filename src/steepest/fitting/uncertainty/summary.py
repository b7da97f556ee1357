"""`Summary`: what a fit says about its parameters, as a table."""

from __future__ import annotations

import html
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from steepest.fitting.uncertainty.wording import aligned, chance, grouped, ratio, stated
from steepest.printable import MOST_LETTERS, printable

if TYPE_CHECKING:
    import pandas

# The most parameters in the text of a summary. Chosen, not measured: about ten screens; `to_frame` has them all.
MOST_LISTED = 500
# The most if they have no errors: their values are in `params`.
MOST_WITHOUT_ERRORS = 20


@dataclass(frozen=True, eq=False)
class Summary:
    """The parameters of a fit with errors, tests and intervals, and how well it agrees with its rows.

    Attributes
    ----------
    names : tuple of str
        The parameters, in the order of the trace.
    estimates, errors : array
        Their values and standard errors.
    statistics, p : array
        Each estimate divided by its error, and the probability of one as far from 0 if the parameter were 0.
    statistic : {"t", "z"}
        Whether that is by Student's distribution, or by the normal.
    low, high : array
        The ends of the intervals.
    level : float
        The level of the intervals.
    method : {"wald", "profile"}
        How the intervals were made.
    reasons : dict
        What is special about a parameter, by its name.
    why : str
        Why there are no errors at all; "" if there are some.
    label : str
        What the errors assume.
    values : dict
        How well the fit agrees with its rows: "rows", "degrees of freedom", "s", "R²", "deviance" and others.
    facts : tuple of (str, str)
        The same as text: names and what they are.

    Examples
    --------
    >>> import numpy as np, steepest as st
    >>> x = np.array([0.0, 1.0, 2.0, 3.0])
    >>> summary = st.fit(lambda x, m, b: m * x + b, x, np.array([1.0, 3.1, 4.9, 7.0])).summary()
    >>> print(summary)
            rows  4
            loss  squared
               s  0.094868 with 2 degrees of freedom
              R²  0.999083, adjusted 0.998624
    <BLANKLINE>
                  estimate  error     t        p  95 % low  95 % high
               m     1.980  0.042  46.7  0.00046     1.797      2.163
               b     1.030  0.079  13.0   0.0059     0.688      1.372
    <BLANKLINE>
    errors of equal variance
    """

    names: tuple[str, ...]
    estimates: np.ndarray = field(repr=False)
    errors: np.ndarray = field(repr=False)
    statistics: np.ndarray = field(repr=False)
    p: np.ndarray = field(repr=False)
    statistic: str
    low: np.ndarray = field(repr=False)
    high: np.ndarray = field(repr=False)
    level: float
    method: str
    reasons: dict[str, str]
    why: str
    label: str
    values: dict[str, float] = field(repr=False)
    facts: tuple[tuple[str, str], ...] = field(repr=False)

    def to_frame(self) -> pandas.DataFrame:
        """Return the table as a DataFrame of pandas, with a row for each parameter.

        Returns
        -------
        pandas.DataFrame
            The columns estimate, error, t or z, p, low and high, and reason if there are any.

        Examples
        --------
        >>> import numpy as np, steepest as st
        >>> x = np.array([0.0, 1.0, 2.0, 3.0])
        >>> fit = st.fit(lambda x, m, b: m * x + b, x, np.array([1.0, 3.1, 4.9, 7.0]))
        >>> float(fit.summary().to_frame().loc["m", "error"].round(4))
        0.0424
        """
        import pandas

        columns: dict[str, object] = {
            "estimate": self.estimates, "error": self.errors, self.statistic: self.statistics, "p": self.p,
            "low": self.low, "high": self.high,
        }  # fmt: skip
        if self.reasons:
            columns["reason"] = [self.reasons.get(name, "") for name in self.names]
        return pandas.DataFrame(columns, index=pandas.Index(self.names, name="parameter"))

    def _rows(self) -> list[list[str]]:
        """Return the table as texts, the heading first; estimates alone if there are no errors."""
        if self.why:
            pairs = zip(self.names[:MOST_WITHOUT_ERRORS], self.estimates.tolist(), strict=False)
            return [["", "estimate"], *([printable(name, MOST_LETTERS), f"{value:.8g}"] for name, value in pairs)]
        level = f"{100 * self.level:.6g} %"
        found = [["", "estimate", "error", self.statistic, "p", f"{level} low", f"{level} high"]]
        for k, name in enumerate(self.names[:MOST_LISTED]):
            value, error = stated(float(self.estimates[k]), float(self.errors[k]))
            ends = [stated(float(end), float(self.errors[k]))[0] for end in (self.low[k], self.high[k])]
            ends = [
                "—" if math.isnan(end) else text for end, text in zip((self.low[k], self.high[k]), ends, strict=True)
            ]
            test = [ratio(float(self.statistics[k])), chance(float(self.p[k]))]
            found.append([printable(name, MOST_LETTERS), value, error, *test, *ends])
        return found

    @property
    def notes(self) -> list[str]:
        """Remarks below the table: assumptions, and reasons for missing errors."""
        found = [self.why and f"no errors: {self.why}", self.label]
        if self.method == "profile" and not self.why:
            found.append("intervals by profiles: all other parameters were fitted again at the ends")
        if (left := len(self.names) - (MOST_WITHOUT_ERRORS if self.why else MOST_LISTED)) > 0:
            found.append(f"and {left:,} more parameters: to_frame() has all")
        found += grouped(self.reasons)[:MOST_LISTED]
        return [printable(note) for note in found if note]

    def __str__(self) -> str:
        table = aligned(self._rows(), left=())
        shift = max(0, 10 - max(len(row[0]) for row in self._rows()))
        lines = [f"  {name:>10}  {printable(text)}" for name, text in self.facts]
        lines += [""] * bool(self.facts) + ["  " + " " * shift + line for line in table]
        return "\n".join([*lines, "", *self.notes]).rstrip()

    def _repr_html_(self) -> str:
        """Return the summary as HTML for a notebook."""
        heading, *rows = self._rows()
        cells = "".join(f'<th scope="col">{html.escape(text)}</th>' for text in heading)
        body = "".join(
            f'<tr><th scope="row">{html.escape(name)}</th>'
            + "".join(f"<td>{html.escape(text)}</td>" for text in rest)
            + "</tr>"
            for name, *rest in rows
        )
        facts = "<br>".join(f"{html.escape(name)}: {html.escape(text)}" for name, text in self.facts)
        notes = "<br>".join(map(html.escape, self.notes))
        return f"<p>{facts}</p><table><thead><tr>{cells}</tr></thead><tbody>{body}</tbody></table><p>{notes}</p>"


def _end(value: float, error: float) -> str:
    return "—" if math.isnan(value) else stated(value, error)[0]


@np.errstate(all="ignore")
def significance(estimates: np.ndarray, errors: np.ndarray, degrees: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the statistic of each parameter, and the probability of one as far from 0 if the parameter were 0.

    Parameters
    ----------
    estimates, errors : array
        The parameters and their standard errors.
    degrees : float
        The degrees of freedom of Student's t; infinite for the normal distribution.

    Returns
    -------
    array, array
        t or z, and p; NaN for parameters without an error.
    """
    from scipy.special import ndtr, stdtr

    t = estimates / np.where(np.isfinite(errors) & (errors > 0), errors, math.nan)
    below = stdtr(degrees, -np.abs(t)) if math.isfinite(degrees) else ndtr(-np.abs(t))
    return t, 2 * below
