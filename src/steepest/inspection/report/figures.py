"""`FIGURES`: which displays a report shows of which kind of run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from steepest import inspection
from steepest.inspection.plots.display import Display
from steepest.inspection.protocol import (
    FitLike,
    RaceLike,
    ResultLike,
    TableFitLike,
    has_members,
    has_restarts,
)
from steepest.inspection.report.illustration import Illustration
from steepest.inspection.report.numbers import has_features
from steepest.inspection.report.patience import Patience
from steepest.inspection.report.standings import why_unranked
from steepest.inspection.window import BLOWN_UP, NotAtHandError
from steepest.printable import printable

# The words by which the messages of loaded runs say that a function or rows are missing.
NOT_AT_HAND = "not at hand"
# The calls that draw the pictures which evaluate the function most often; displays draw the others.
DRAWN = {"CurveDisplay": "run.plot()", "ContourDisplay": "run.plot()", "RaceDisplay": "race.plot()"}
# The most letters of an error. Chosen, not measured: two lines.
MOST_QUOTED = 200


class Row(NamedTuple):
    """A display in reports.

    Attributes
    ----------
    kinds : str
        The kinds of run that it suits, of those that `kinds_of` returns, separated by spaces.
    display : str
        The name of the display in `steepest.inspection`.
    make : str
        The method that makes it of a run. If it raises NotAtHandError, it is named as left out; if another
        ValueError, the run has no such picture, and nothing is said.
    heading : str
        What it shows.
    """

    kinds: str
    display: str
    make: str
    heading: str


# In the order of the report: the answer first, then the way to it, then why it went so.
FIGURES = (
    Row("race", "RaceDisplay", "from_race", "The runs on one clock"),
    Row("own-gradient", "WrongGradientDisplay", "from_run", "The gradient against differences"),
    Row("one", "CurveDisplay", "from_run", "The path along the function"),
    Row("two", "ContourDisplay", "from_run", "The path across the function"),
    Row("many", "SliceDisplay", "from_run", "The path in the plane where it varies most"),
    Row("fit network", "LineDisplay", "from_run", "The data and the fit"),
    Row("tree", "TreeDisplay", "from_run", "The tree"),
    Row("table", "ConfusionDisplay", "from_run", "The classes, actual and predicted"),
    Row("table", "RocDisplay", "from_run", "How well the classes are told apart"),
    Row("table", "CalibrationDisplay", "from_run", "Whether the probabilities are right"),
    Row("fit network tree", "PredictedDisplay", "from_run", "The predictions against the targets"),
    Row("fit network tree", "ResidualsDisplay", "from_run", "The residuals"),
    Row("table", "EffectsDisplay", "from_run", "How much each column matters"),
    Row("fit", "StrengthDisplay", "from_run", "The choice of the penalty"),
    Row("coefficients", "CoefficientsDisplay", "from_run", "The coefficients"),
    Row("batches", "NoiseConeDisplay", "from_run", "The gradients of batches"),
    Row("blown-up", "DivergenceDisplay", "from_run", "The step that went too far"),
    Row("function fit", "DescentDisplay", "from_run", "The progress"),
    Row("network", "MembersDisplay", "from_run", "The progress of the members"),
    Row("tree", "RestartsDisplay", "from_run", "The progress of the restarts"),
    Row("fixed", "StabilityDisplay", "from_run", "The step size under its ceiling"),
    Row("fixed", "EigenDisplay", "from_run", "The path along the axes of the curvature"),
    Row("unfinished", "LedgerDisplay", "from_run", "What each step promised, and gave"),
)
# The headings of displays that findings name, and that are in no row.
HEADINGS = {
    "EffectiveRateDisplay": "The step sizes in effect",
    "FitDisplay": "The fit",
    "LandscapeDisplay": "The loss around the answer",
    "SnapshotsDisplay": "The fit as it grew",
    "TrainingDisplay": "The losses of the rows learnt and held out",
} | {row.display: row.heading for row in FIGURES}


@dataclass(frozen=True)
class Gallery:
    """The pictures of a report.

    Parameters
    ----------
    shown : list of Illustration
        The pictures.
    absent : list of str
        What others would show, which need the function or the rows, and these are not at hand.
    slow : list of str
        What others would show, which would take long, with their time, one sentence each.
    failed : list of str
        What went wrong with others, one sentence each.
    """

    shown: list[Illustration]
    absent: list[str]
    slow: list[str]
    failed: list[str]


def kinds_of(what: ResultLike | RaceLike) -> set[str]:
    """Return the kinds of a run, which decide on its pictures.

    Parameters
    ----------
    what : run, fit or race
        The run.

    Returns
    -------
    set of str
        What `kind_of` returns, but "unranked" for runs whose values can't be ranked; and "table" for the fit of a
        table. For a fit also "coefficients", unless they are those of features of a kernel, and "batches" if it made
        several steps in an epoch. For the descent of a function also "one", "two" or "many" parameters; "fixed" if all
        steps have one size; "blown-up" if it diverged or met values that are not finite; "unfinished" if it did not do
        what was asked; and "own-gradient" if the user gave the gradient.
    """
    kinds = {kind_of(what)}
    if not isinstance(what, ResultLike):
        # Gaps from one best value mean nothing if the values are those of different functions.
        return {"unranked"} if why_unranked(what) else kinds
    if isinstance(what, TableFitLike):
        kinds.add("table")
    if "fit" in kinds:
        epochs = int(what.trace.columns["epoch"][-1])
        found = {"coefficients": not has_features(what), "batches": 0 < epochs < what.nit}
        return kinds | {kind for kind, holds in found.items() if holds}
    if "function" not in kinds:
        return kinds
    kinds.add({1: "one", 2: "two"}.get(what.trace.x.shape[1], "many"))
    sizes = np.asarray(what.trace.columns.get("step_size", ()), dtype=float)[1:]
    found = {
        "fixed": len(sizes) > 1 and bool(np.isfinite(sizes).all()) and float(np.ptp(sizes)) == 0,
        "blown-up": what.outcome in BLOWN_UP,
        "unfinished": not what.success,
        "own-gradient": what.kind == "given",
    }
    return kinds | {kind for kind, holds in found.items() if holds}


def kind_of(what: ResultLike | RaceLike) -> str:
    """Return the main kind of a run.

    Parameters
    ----------
    what : run, fit or race
        The run.

    Returns
    -------
    {"race", "network", "tree", "fit", "function"}
        The kind.
    """
    if not isinstance(what, ResultLike):
        return "race"
    if has_restarts(what):
        return "tree"
    if has_members(what):
        return "network"
    return "fit" if isinstance(what, FitLike) else "function"


def gallery_of(what: ResultLike | RaceLike, patience: Patience | None = None, wanted: Sequence[str] = ()) -> Gallery:
    """Draw the pictures of a run.

    Parameters
    ----------
    what : run, fit or race
        The run.
    patience : Patience, optional
        How long its function may be evaluated.
    wanted : sequence of str, optional
        The displays that findings name; those that suit no kind of the run follow the others.

    Returns
    -------
    Gallery
        The pictures. One that can't be made of this run is left out; one that fails otherwise is named.
    """
    gallery, kinds = Gallery([], [], [], []), kinds_of(what)
    patience = Patience(what) if patience is None else patience
    rows = [row for row in FIGURES if kinds & set(row.kinds.split())]
    others = dict.fromkeys(name for name in wanted if name not in {row.display for row in rows})
    rows += [Row("", name, "from_run", HEADINGS[name]) for name in others if name in HEADINGS]
    for row in rows:
        if seconds := patience.lacking(row.display):
            drawn = DRAWN.get(row.display, f"inspection.{row.display}.{row.make}(run).plot()")
            gallery.slow.append(in_time(row.heading, seconds, drawn))
            continue
        for display in _made(row, what, gallery):
            try:
                name = f"figure-{len(gallery.shown) + 1}"
                gallery.shown.append(Illustration.of(display, name, row.heading))
            except Exception as error:  # noqa: BLE001 - one picture that fails must not cost the reader the others
                gallery.failed.append(f"{row.heading}: {reason(error)}")
    return gallery


def _made(row: Row, what: ResultLike | RaceLike, gallery: Gallery) -> Iterator[Display]:
    """Yield the display of a row, if it can be made of a run."""
    try:
        display = getattr(getattr(inspection, row.display), row.make)(what)
    except Exception as error:  # noqa: BLE001 - as above
        # Pictures raise the one, and the methods of runs that they call the other.
        if isinstance(error, NotAtHandError) or (isinstance(error, RuntimeError) and NOT_AT_HAND in str(error)):
            gallery.absent.append(row.heading)
        elif not isinstance(error, ValueError):
            gallery.failed.append(f"{row.heading}: {reason(error)}")
        return
    if isinstance(display, Display):
        yield display


def in_time(heading: str, seconds: float, instead: str) -> str:
    """Return in a sentence that something was left out, as it would take long.

    Parameters
    ----------
    heading : str
        What it shows.
    seconds : float
        How long it would take.
    instead : str
        What makes it.

    Returns
    -------
    str
        The sentence.

    Examples
    --------
    >>> in_time("The path", 21.3, "run.plot()")
    'The path: left out, as it would take about 20 s; run.plot() draws it.'
    """
    return f"{heading}: left out, as it would take about {float(f'{seconds:.1g}'):,g} s; {instead} draws it."


def reason(error: Exception) -> str:
    """Return what went wrong, in words.

    Parameters
    ----------
    error : Exception
        The error.

    Returns
    -------
    str
        Its class and its message, on one line.

    Examples
    --------
    >>> reason(KeyError("x"))
    "KeyError: 'x'"
    """
    return printable(f"{type(error).__name__}: {error}", MOST_QUOTED)
