"""`write_report`: write what is known of a run, a fit, a race or several runs as one web page."""

from __future__ import annotations

import os
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from steepest.inspection.diagnosis.diagnose import diagnose
from steepest.inspection.diagnosis.diagnosis import Diagnosis
from steepest.inspection.plots import style
from steepest.inspection.protocol import FitLike, RaceLike, ResultLike, TableFitLike, tree_of
from steepest.inspection.report.figures import Gallery, gallery_of, in_time, kind_of, reason
from steepest.inspection.report.film import MOST_BYTES, reel_of
from steepest.inspection.report.findings import findings_of, findings_of_race
from steepest.inspection.report.numbers import facts_of, flat_of, parameters_of
from steepest.inspection.report.outcome import Verdict
from steepest.inspection.report.patience import Patience
from steepest.inspection.report.space import Space
from steepest.inspection.report.standings import Ranked, leader_of, standings_of, why_unranked
from steepest.inspection.templates import check_jinja, page
from steepest.places import file_of, path_of
from steepest.printable import MOST_LETTERS as MOST_NAME
from steepest.printable import printable, quoted
from steepest.trace import Outcome
from steepest.writing import check_replaceable, new_file

Reportable = ResultLike | RaceLike
# The most lines of the rules of a tree, and the most letters of a title. Chosen, not measured.
MOST_LINES, MOST_LETTERS = 100, 120
# The bytes of the pictures and the animation of a page. The rest of it takes about 20 kB, and it is to be smaller than
# 600 kB.
MOST_PAGE = 560_000
# The titles of reports on runs without a title of their own.
KINDS = {
    "race": "Race of {count} rules",
    "comparison": "Comparison of {count} runs",
    "network": "Fit of a neural network",
    "tree": "Fit of a decision tree",
    "fit": "Fit of {model}",
    "recorded": "A recorded loop",
    "function": "Descent of a function of {parameters}",
}

# The models whose classes are not named as users call them.
MODELS = {
    "NoneType": "a function",
    "Custom": "a function",
    "SVM": "a support vector machine",
    "SVR": "a support vector machine",
}


@np.errstate(all="ignore")
def write_report(
    what: Reportable,
    path: str | os.PathLike[str],
    *,
    title: str | None = None,
    date: str | None = None,
    animation: bool = True,
    three_d: bool = False,
) -> Path:
    """Write a report of a run, a fit, a race or a `Comparison`: one web page that needs no other file.

    It says how the run ended, with the evidence; gives the numbers and how near they are; lists what looks suspicious;
    and shows the figures that suit this run, each with a caption and its data. It opens without a connection, makes no
    request, and suits light and dark screens, phones and paper.

    Parameters
    ----------
    what : run, fit, Race or Comparison
        What to report.
    path : path-like
        The file, whose name ends in .html. An existing file is replaced.
    title : str, optional
        The title; by default that of the run, or what it is.
    date : str, optional
        A date to show below the title; none by default, so that the same run gives the same bytes.
    animation : bool, optional
        Whether to add an animation, if anything moves.
    three_d : bool, optional
        Whether to add the surface of a function of two parameters, which the reader can turn. It adds 5 MB to the page,
        and needs Plotly.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    TypeError
        If `what` is something else, or an argument has the wrong type.
    ValueError
        If the name does not end in .html, or `three_d` is asked for and can't be drawn.
    ModuleNotFoundError
        If Jinja2 or Plotly is missing.
    OSError
        If the file can't be written; an existing one is then not changed.

    Examples
    --------
    >>> import tempfile
    >>> import steepest as st
    >>> run = st.gradient_descent(lambda x, y: x**2 + y**2, (9, 9), learning_rate=1.1, iterations=20)
    >>> text = write_report(run, Path(tempfile.mkdtemp()) / "run.html").read_text("utf-8")
    >>> "It diverged" in text, "keep the step below 1" in text
    (True, True)
    """
    _check(what, path, title, date, animation, three_d)
    # Made first, as it is the only part that may be refused.
    space = Space.of(what) if three_d else None
    patience = Patience(what)
    # First, as it needs the least time, and says the most.
    diagnosis = _diagnosis(what, patience)
    gallery, film = gallery_of(what, patience, [each.picture for each in diagnosis]), None
    if animation and (isinstance(what, ResultLike) or not why_unranked(what)):
        try:
            if seconds := patience.lacking("animation"):
                gallery.slow.append(in_time("The animation", seconds, "animate(path)"))
            else:
                film = reel_of(what, min(MOST_BYTES, MOST_PAGE - sum(picture.size for picture in gallery.shown)))
        except Exception as error:  # noqa: BLE001 - an animation that fails must not cost the reader the rest
            gallery.failed.append(f"The animation: {reason(error)}")
    text = page("report/report.html", film=film, space=space, **_content(what, gallery, diagnosis, title, date))
    with new_file(path) as file:
        file.write(text.encode("utf-8"))
    return path_of(path, "file")


def _check(what: object, path: Any, title: object, date: object, animation: object, three_d: object) -> None:
    """Raise an error if a report can't be written as asked, before anything is drawn."""
    place = path_of(path, "file")
    if place.suffix.lower() != ".html":
        raise ValueError(f"{quoted(place.name)} does not end in .html, as reports do: rename it")
    if not isinstance(what, ResultLike | RaceLike):
        raise TypeError(f"{quoted(what)} can't be reported: give a run, a fit, a race or a Comparison")
    if isinstance(what, RaceLike) and not isinstance(what, ResultLike) and not what.runs:
        raise ValueError("there is no run to report: give at least one")
    for name, text in {"title": title, "date": date}.items():
        if text is not None and not isinstance(text, str):
            raise TypeError(f"{name}={quoted(text)}: give a text, or leave it out")
    for name, switch in {"animation": animation, "three_d": three_d}.items():
        if switch not in (True, False):
            raise TypeError(f"{name}={quoted(switch)}: give True or False")
    check_jinja()
    check_replaceable(file_of(path))


def _diagnosis(what: Reportable, patience: Patience) -> Diagnosis:
    """Return what went wrong in a run; none for several runs, whose diagnoses are among their findings."""
    if not isinstance(what, ResultLike):
        return Diagnosis()
    return diagnose(what, probe=not patience.lacking("diagnosis"))


def _content(
    what: Reportable, gallery: Gallery, diagnosis: Diagnosis, title: str | None, date: str | None
) -> dict[str, object]:
    """Return what the template shows."""
    kind = _kind_in_words(what)
    named = title if title is not None else what.title
    content: dict[str, object] = {
        "title": printable(named, MOST_LETTERS) or kind,
        "kind": kind if named else "",
        "date": date,
        "version": _version(),
        "pictures": gallery.shown,
        "absent": gallery.absent,
        "slow": gallery.slow,
        "failed": gallery.failed,
        "warnings": [],
        "notes": [],
        "reading": [],
        "score": None,
        "verdict": None,
        "facts": [],
        "parameters": None,
        "rules": None,
        "standings": [],
        "leader": "",
        "fitted": isinstance(what, FitLike),
    }
    if not isinstance(what, ResultLike):
        found = findings_of_race(what, figure=bool(gallery.shown))
        content["standings"] = standings = standings_of(what)
        content["leader"] = leader_of(standings)
    else:
        found = findings_of(what, diagnosis)
        content |= {"verdict": Verdict.of(what), "facts": facts_of(what), "parameters": parameters_of(what)}
        content["rules"] = _rules(what)
        if isinstance(what, TableFitLike):
            content |= {"reading": list(map(printable, getattr(what, "notes", []))), "score": _score(what)}
    # From the display that a finding names to the figure that it drew.
    content["drawn"] = {picture.display: picture for picture in reversed(gallery.shown)}
    content["from_trace"] = bool(diagnosis) and diagnosis.from_trace
    content["warnings"] = [each for each in found if each.level == "warning"]
    content["notes"] = [each for each in found if each.level == "note"]
    return content


def _kind_in_words(what: Reportable) -> str:
    if not isinstance(what, ResultLike):
        return KINDS["race" if isinstance(what, Ranked) else "comparison"].format(count=len(what.runs))
    target = f" that predicts “{printable(what.target, MOST_NAME)}”" if isinstance(what, TableFitLike) else ""
    # The record of a run of very many parameters has fewer columns.
    point, model = flat_of(what.x), getattr(what, "model", None)
    count = what.trace.x.shape[1] if point is None else point.size
    name = type(model).__name__
    words = MODELS.get(name, f"a {name.lower()} model")
    kind = "recorded" if what.outcome == Outcome.RECORDED else kind_of(what)
    return KINDS[kind].format(model=words, parameters=style.counted(count, "parameter")) + target


def _score(fit: TableFitLike) -> dict[str, object] | None:
    """Return the score in a sentence, and its confusion matrix."""
    score = getattr(fit, "score", None)
    if score is None:
        return None
    lines = score.words().partition("\n\n")[0].splitlines()
    text = " ".join(f"{line[:1].upper()}{line[1:]}." for line in lines)
    return {"text": text, "confusion": score.confusion}


def _rules(run: ResultLike) -> str | None:
    """Return the rules of a tree as text, one on each line."""
    tree = tree_of(run)
    rules = getattr(run if isinstance(run, FitLike) else tree, "rules", None)
    if tree is None or rules is None:
        return None
    lines = rules().splitlines()
    if len(lines) > MOST_LINES:
        lines = [*lines[:MOST_LINES], f"… and {len(lines) - MOST_LINES:,} more lines in rules()"]
    return "\n".join(lines)


def _version() -> str:
    try:
        return version("steepest")
    except PackageNotFoundError:
        return ""
