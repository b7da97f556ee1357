"""The record of how the strength of a penalty was chosen: the curve of scores, and the choice."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from steepest.types import Json

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from steepest.inspection.plots.fitted.strength import StrengthDisplay

EXACT, APPROXIMATE, FOLDS = "exact leave-one-out", "approximate leave-one-out", "5 folds"


@dataclass(frozen=True, eq=False)
class StrengthPath:
    """The losses on rows that a fit did not learn from, at several strengths of a penalty, and the strength chosen.

    Attributes
    ----------
    strengths : array of shape (strengths,)
        The strengths λ on standardised columns, the largest first. The last one is 0 where no penalty was tried, too.
    scores : array of shape (strengths,)
        The mean loss of rows left out, at each strength; infinite where no fit exists.
    errors : array of shape (strengths,)
        The standard errors of the scores.
    paired : array of shape (strengths,)
        The standard errors of the differences between each score and the least, from the same rows.
    chosen : float
        The strength that was chosen; 0 for no penalty.
    method : str
        How rows were left out.
    rows, given : int
        How many rows the strengths were compared on, and how many there were.
    kind : {"l2", "l1", "elasticnet"}
        The penalty.
    l1_ratio : float or None
        The share of the strength that the elastic net gives to L1; None for another penalty. The curve is that of this
        share.
    ratios : sequence of (float, float)
        The shares of L1 that were tried, each with its least score.
    title : str
        A title for pictures.
    own : (float, float) or None
        The least and the largest strength of the penalty chosen, in the units of the columns.
    levels : bool
        Whether some columns are levels of categories, which are not standardised.
    fitted : float
        The mean loss of the rows that a fit without a penalty learnt from; infinite if there was none.

    Examples
    --------
    >>> import numpy as np, steepest as st
    >>> random = np.random.default_rng(0)
    >>> X = random.normal(size=(30, 20))
    >>> fit = st.fit(st.models.Linear(), X, X[:, 0] + random.normal(size=30), penalty="auto")
    >>> fit.path.chosen > 0, fit.path.method
    (True, 'exact leave-one-out')
    """

    strengths: np.ndarray
    scores: np.ndarray
    errors: np.ndarray = field(repr=False)
    paired: np.ndarray = field(repr=False)
    chosen: float
    method: str
    rows: int
    given: int
    kind: str = "l2"
    l1_ratio: float | None = None
    ratios: tuple[tuple[float, float], ...] = ()
    title: str = ""
    own: tuple[float, float] | None = None
    levels: bool = False
    fitted: float = float("inf")

    @property
    def best(self) -> int:
        """The place of the strength with the least score."""
        return int(np.argmin(self.scores))

    @property
    def score(self) -> float:
        """The score at the strength that was chosen."""
        return float(self.scores[np.flatnonzero(self.strengths == self.chosen)[0]])

    @property
    def measured(self) -> str:
        """The units of the strengths: the columns as they were penalised."""
        return "standardised columns" + " and levels as 0 and 1" * self.levels

    @property
    def _gain(self) -> str:
        """How much the loss of rows left out falls from no penalty to the best."""
        least, none = self.scores[self.best], self.scores[-1]
        # Some losses are negative, or 0 in the best case, and have no share.
        share = 100 * (none - least) / none if none > 0 and least >= 0 else np.nan
        if not np.isfinite(share):
            return f"lowers the loss of rows left out from {none:.4g} to {least:.4g}"
        return f"lowers the loss of rows left out by {f'{share:.1f}' if share >= 0.05 else 'less than 0.1'} %"

    @property
    def why(self) -> str:
        """The strength chosen and the reason, in one sentence."""
        least = self.strengths[self.best]
        by = f"{self.method}" + (f" on {self.rows:,} of {self.given:,} rows" if self.rows < self.given else "")
        if self.ratios:
            tried = [f"{ratio:g}" for ratio, _ in self.ratios]
            by += f", with shares of L1 of {', '.join(tried[:-1])} and {tried[-1]} tried,"
        has_none = self.strengths[-1] == 0 and np.isfinite(self.scores[-1])
        if not self.chosen:
            if self.best == len(self.strengths) - 1:
                return f"no penalty: by {by} every strength tried predicts rows left out no better"
            best = f"{self._named(least)} on {self.measured}"
            return f"no penalty: by {by} the best, {best}, {self._gain}, which is no clear gain"
        text = f"penalty {self._named(self.chosen)} on {self.measured}"
        if self.own is not None:
            least, most = (f"{strength:.3g}" for strength in self.own)
            text += f" ({least if least == most else f'{least} to {most}'} in the units of the columns)"
        text += f": by {by} its loss of {self.score:.4g} is the least"
        if has_none:
            more = self.scores[-1] - self.score
            return f"{text}; without a penalty it is {self.scores[-1]:.4g}, {more:.2g} ± {self.paired[-1]:.2g} more"
        rest = "no finite coefficients are best" if self.strengths[-1] == 0 else "the rows do not determine any"
        return f"{text}, and without a penalty {rest}"

    def _named(self, strength: float) -> str:
        """Return the name of the penalty with a strength."""
        if self.l1_ratio is None:
            return f"{self.kind.upper()}({strength:.3g})"
        l1, l2 = strength * self.l1_ratio, strength * (1 - self.l1_ratio)
        return f"ElasticNet(l1={l1:.3g}, l2={l2:.3g})"

    def plot(self, ax: Axes | None = None) -> StrengthDisplay:
        """Draw the scores against the strength.

        Parameters
        ----------
        ax : matplotlib axes, optional
            Where to draw; a new figure by default.

        Returns
        -------
        StrengthDisplay
            The display, with its numbers as attributes.
        """
        from steepest.inspection.plots.fitted.strength import StrengthDisplay

        return StrengthDisplay.from_run(self).plot(ax)

    def __str__(self) -> str:
        head = f"  {'λ':>10}  {'loss':>12}  {'± error':>10}  {'above the least':>17}"
        lines = [
            f"  {strength:10.4g}  {score:12.6g}  {error:10.2g}  {score - self.scores[self.best]:8.2g} ± {paired:<6.2g}"
            + (" (chosen)" if strength == self.chosen else "")
            for strength, score, error, paired in zip(
                self.strengths, self.scores, self.errors, self.paired, strict=True
            )
        ]
        return "\n".join([self.why, head, *lines])

    def to_json(self) -> Json:
        """Return the record as JSON.

        Returns
        -------
        dict
            The entries by name, with lists in place of arrays.
        """
        return {
            f.name: value.tolist() if isinstance(value := getattr(self, f.name), np.ndarray) else value
            for f in fields(self)
        }

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> StrengthPath:
        """Return the record from JSON.

        Parameters
        ----------
        record : dict
            What `to_json` returned.

        Returns
        -------
        StrengthPath
            The record.
        """
        arrays = ("strengths", "scores", "errors", "paired")
        values: dict[str, Any] = dict(record) | {
            "own": record["own"] and tuple(record["own"]),
            "ratios": tuple((ratio, score) for ratio, score in record.get("ratios", ())),
        }
        return cls(**values | {name: np.array(values[name], float) for name in arrays})
