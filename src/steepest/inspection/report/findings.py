"""Collect what looks suspicious in a run, with its diagnosis, and what merely happened, each said once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby

import numpy as np

from steepest.finding import Finding, Level
from steepest.inspection.diagnosis.diagnose import diagnose
from steepest.inspection.plots import style
from steepest.inspection.protocol import (
    FitLike,
    RaceLike,
    ResultLike,
    TableFitLike,
    has_members,
    has_restarts,
)
from steepest.inspection.report.standings import Ranked, evaluations_of, why_unranked
from steepest.printable import MOST_LETTERS, printable
from steepest.trace import Event

# For each kind of event its level and its meaning in words. A kind that is missing here is a note.
EVENTS: dict[str, tuple[Level, str]] = {
    "rejected": ("note", "Steps that led too far were tried again, shorter"),
    "reset": ("note", "The direction was begun anew"),
    "non-finite": ("warning", "The function had no finite value at points that were tried"),
    "differences": ("note", "Derivatives were taken by differences"),
    "thinned": ("note", "The record was too long to keep every row"),
    "audit": ("note", "The answer was audited"),
    "retraced": ("note", "The code was traced again, because it took another branch"),
    "probe": ("note", "The curvature of the coordinates was probed"),
    "newton": ("note", "Newton's steps were taken"),
    "saddle": ("note", "A saddle was met, and left"),
    "features": ("note", "Columns were replaced or left out"),
    "members": ("note", "The network has several members"),
    "collinear": ("warning", "Collinear columns"),
    "ill-conditioned": ("warning", "Collinear columns"),
    "rank-deficient": ("warning", "The data do not determine all parameters"),
    "dead units": ("warning", "Units of the network are dead"),
    "saturated": ("warning", "The probabilities are too sure of themselves"),
    "exploding weights": ("warning", "Weights of the network exploded"),
}
# These kinds are left out if a warning about the table has one of these titles, and so names the columns.
BY_COLUMNS = ("collinear", "ill-conditioned", "rank-deficient")
DEPENDENCES = ("collinear columns", "duplicated column", "more columns than rows")
# The most parameters that a finding names.
MOST_NAMED = 6
_COLUMNS = tuple(EVENTS[kind][1] for kind in BY_COLUMNS)
_NOT_FINITE = ("Values are infinite or not numbers", EVENTS["non-finite"][1])
# For each cause of a diagnosis the other findings that say less of the same. Names of columns' warnings are those of
# tables. All are compared without regard to capitals.
SAID: dict[str, tuple[str, ...]] = {
    "step above the stability limit": (*_NOT_FINITE, EVENTS["exploding weights"][1]),
    "not finite": _NOT_FINITE,
    "unbounded below": _NOT_FINITE,
    "wrong gradient": _NOT_FINITE,
    "no finite optimum": (EVENTS["saturated"][1],),
    "separable classes": (EVENTS["saturated"][1],),
    "several minima": ("Only one start came to this value",),
    "dead units": (EVENTS["dead units"][1],),
    "saturated units": (EVENTS["saturated"][1],),
    "exploding weights": (EVENTS["exploding weights"][1], *_NOT_FINITE),
    "constant column": (*_COLUMNS, "constant column", "constant columns", "nearly constant column"),
    "duplicated column": (*_COLUMNS, *DEPENDENCES[:2]),
    "collinear columns": (*_COLUMNS, *DEPENDENCES[:2]),
    "ill-conditioned": _COLUMNS,
    "outliers": ("nothing learned",),
    "under-fitting": ("nothing learned",),
    "class imbalance": ("rare class", "rare classes"),
}


def findings_of(run: ResultLike, diagnosis: Sequence[Finding] = ()) -> list[Finding]:
    """Return what was found in a run, warnings first, and among them the diagnosis.

    Parameters
    ----------
    run : run or fit
        The run.
    diagnosis : sequence of Finding, optional
        The diagnosis of the run.

    Returns
    -------
    list of Finding
        The diagnosis, and the findings of all `FINDERS` but those that say less of the same.
    """
    said = {title.lower() for finding in diagnosis for title in (finding.name, *SAID.get(finding.name, ()))}
    others = [finding for finder in FINDERS for finding in finder(run) if finding.name.lower() not in said]
    found = [*(replace(each, name=each.name[:1].upper() + each.name[1:]) for each in diagnosis), *others]
    return sorted(found, key=lambda finding: finding.level != "warning")


def findings_of_race(race: RaceLike, figure: bool = True) -> list[Finding]:
    """Return what makes runs hard to compare, or worth a look one by one.

    Parameters
    ----------
    race : RaceLike
        The runs.
    figure : bool, optional
        Whether the report has the figure that compares them on one clock.

    Returns
    -------
    list of Finding
        The findings.
    """
    runs, found = race.runs, []
    unranked = why_unranked(race)
    if unranked:
        found.append(Finding("warning", "The runs can't be ranked", unranked))
    elif len({round(float(run.trace.value[0]), 12) for run in runs.values() if len(run.trace)}) > 1:
        text = "Their first values differ, so they start elsewhere, or belong to different functions."
        found.append(Finding("note", "The runs do not start alike", text))
    titles = {run.title for run in runs.values() if run.title}
    if len(titles) > 1 and not isinstance(race, Ranked) and not unranked:
        text = f"They are titled {', '.join(f'“{_named(title)}”' for title in sorted(titles)[:3])}."
        found.append(Finding("note", "The runs may be of different functions", text))
    spent = {name: evaluations_of(run) for name, run in runs.items() if len(run.trace)}
    if spent and not unranked and max(spent.values()) > 2 * min(spent.values()):
        least, most = min(spent, key=spent.__getitem__), max(spent, key=spent.__getitem__)
        ended = f"“{_named(least)}” ended after {style.counted(spent[least], 'evaluation')}"
        later = f"“{_named(most)}” after {spent[most]:,}"
        text = f"{ended}, and {later}: compare them at the same evaluation{', as the figure does' * figure}."
        found.append(Finding("note", "The runs took unequal work", text))
    for name, run in runs.items():
        if not isinstance(run, ResultLike):
            continue
        # The runs of a race try rules that may fail. So only failures are explained, and from their traces.
        known = () if run.success else diagnose(run, probe=False)[:1]
        doubts = [each for each in findings_of(run, known) if each.level == "warning"]
        found += [replace(each, name=f"{_named(name)}: {each.name}", picture="") for each in doubts]
    return sorted(found, key=lambda finding: finding.level != "warning")


def _named(name: object) -> str:
    return printable(name, MOST_LETTERS)


def _of_events(run: ResultLike) -> Iterator[Finding]:
    """Yield one finding for each kind of event, as a run may have thousands of events."""
    counted = "epoch" if isinstance(run, FitLike) else "step"
    known = BY_COLUMNS if _names_dependent_columns(run) else ()
    events = sorted((event for event in run.events if event.kind not in known), key=lambda event: event.kind)
    for kind, same in groupby(events, key=lambda event: event.kind):
        level, title = EVENTS.get(kind, ("note", kind))
        yield Finding(level, title, _in_words(list(same), counted))


def _in_words(events: list[Event], counted: str) -> str:
    total, first, last = sum(event.count for event in events), events[0], events[-1]
    details = list(dict.fromkeys(event.detail for event in events if event.detail))
    if first.kind == "rejected":
        worst = max(events, key=lambda event: event.count)
        if len(events) == 1:
            return f"{style.counted(total, 'trial')}, in {counted} {first.iteration:,}."
        often = (
            f"in {style.counted(len(events), counted)}, most of them in {counted} {worst.iteration:,} ({worst.count:,})"
        )
        return f"{style.counted(total, 'trial')} {often}."
    where = "" if not last.iteration else f" ({counted} {first.iteration:,})"
    if len(events) > 1 and last.iteration > first.iteration:
        where = f" ({len(events):,} times, from {counted} {first.iteration:,} to {last.iteration:,})"
    shown = "; ".join(details[:3]) + ("; …" if len(details) > 3 else "")
    times = f", {first.count:,} times" if len(events) == 1 and first.count > 1 and not shown[:1].isdigit() else ""
    return f"{shown[:1].upper()}{shown[1:]}{times}{where}."


def _of_values(run: ResultLike) -> Iterator[Finding]:
    bad = ~np.isfinite(np.asarray(run.trace.value, dtype=float))
    bad |= ~np.isfinite(np.asarray(run.trace.x, dtype=float)).all(axis=1)
    if bad.any():
        first = int(run.trace.columns["iteration"][np.argmax(bad)])
        text = f"{int(bad.sum()):,} of {len(bad):,} rows of the record are not finite, the first at {first:,}."
        yield Finding("warning", "Values are infinite or not numbers", text)


def _of_gradients(run: ResultLike) -> Iterator[Finding]:
    if run.kind == "differences":
        yield Finding("note", "The derivatives are not exact", f"{run.why[:1].upper()}{run.why[1:]}.")


def _of_errors(run: ResultLike) -> Iterator[Finding]:
    error, names = np.array(run.certificate.x_error, dtype=float), run.trace.names
    loose = np.flatnonzero(~np.isfinite(error)).tolist()
    if loose and not _names_dependent_columns(run):
        named = [_named(names[k]) if len(names) == error.size else f"parameter {k}" for k in loose[:MOST_NAMED]]
        text = f"Other values fit as well: {', '.join(named)}{', …' * (len(loose) > MOST_NAMED)}."
        yield Finding("warning", f"{style.counted(len(loose), 'parameter')} not determined", text)


def _of_starts(run: ResultLike) -> Iterator[Finding]:
    values = np.array([each.fun for each in run.runs])
    if not values.size:
        return
    falls = [abs(float(each.trace.value[0]) - run.fun) for each in run.runs]
    # As the run itself counts them: equal up to a millionth of the descent.
    same = int(np.sum(np.abs(values - run.fun) <= 1e-6 * max(filter(np.isfinite, falls), default=0.0)))
    text = f"{same:,} of {len(values):,} starts came to this value."
    if same == 1:
        yield Finding("warning", "Only one start came to this value", f"{text} More starts may find a better one.")
    else:
        yield Finding("note", "Several starts agree", text)


def _of_scores(run: ResultLike) -> Iterator[Finding]:
    score = getattr(run, "score", None)
    if not isinstance(run, TableFitLike) or score is None:
        return
    if not score.loss < score.baseline_loss:
        yield Finding(
            "warning",
            "The model predicts no better than a guess",
            f"On rows held out its loss is {style.number(score.loss)}, and that of guessing {score.guess} is "
            f"{style.number(score.baseline_loss)}.",
        )


def _of_tables(run: ResultLike) -> Iterator[Finding]:
    """Yield what was found in the table of a fit."""
    if isinstance(run, TableFitLike):
        for each in getattr(run, "warnings", ()):
            yield replace(each, name=each.name[:1].upper() + each.name[1:])


def _names_dependent_columns(run: ResultLike) -> bool:
    """Return whether warnings about a table name the columns of which events only say that they depend on others."""
    warnings = getattr(run, "warnings", ()) if isinstance(run, TableFitLike) else ()
    return any(each.name in DEPENDENCES for each in warnings)


def _of_fits(run: ResultLike) -> Iterator[Finding]:
    """Yield a note if nothing is known of rows that a fit has not seen; networks and trees hold out rows themselves."""
    if not isinstance(run, FitLike) or has_members(run) or has_restarts(run):
        return
    if "validation" not in run.trace.columns and getattr(run, "score", None) is None:
        text = "Nothing here tells how well the model predicts rows that it has not seen."
        yield Finding("note", "No rows were held out", text)


# Each yields the findings of one kind.
FINDERS: tuple[Callable[[ResultLike], Iterable[Finding]], ...] = (
    _of_values,
    _of_scores,
    _of_tables,
    _of_fits,
    _of_errors,
    _of_gradients,
    _of_starts,
    _of_events,
)
