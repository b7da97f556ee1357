"""`steepest report` and `steepest compare`: reports of saved runs and fits, as web pages."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from steepest.cli.options import Command, check_file, say

if TYPE_CHECKING:
    # For the type checker alone: at run time this import would load NumPy, and the command line should start quickly.
    from steepest.inspection.report.write import Reportable

COMPARISON = "comparison.html"
TITLE = "The title of the page."
DATE = "A date to show below the title; none by default, so that the same run gives the same page."


@click.command(cls=Command)
@click.argument("folder")
@click.option("--out", metavar="FILE", help="The page, FOLDER-report.html by default; an existing one is replaced.")
@click.option("--title", help=TITLE)
@click.option("--date", help=DATE)
@click.option("--3d", "three_d", is_flag=True, help="Add the path of two variables in 3-D; needs Plotly.")
def report(folder: str, out: str | None, title: str | None, date: str | None, three_d: bool) -> int:
    """Write a report of the run or fit in FOLDER: a web page that needs no other file and no connection."""
    path = _page(out, _beside(folder), [folder])

    from steepest.loading import load

    return _write(load(folder), path, title, date, three_d)


@click.command(cls=Command)
@click.argument("folders", nargs=-1)
@click.option(
    "--out", metavar="FILE", help=f"The page, {COMPARISON} by default; an existing one is replaced."
)  # fmt: skip
@click.option("--title", help=TITLE)
@click.option("--date", help=DATE)
def compare(folders: tuple[str, ...], out: str | None, title: str | None, date: str | None) -> int:
    """Write a report that compares the runs or fits in FOLDERS: their standings, and one figure on one clock."""
    if len(folders) < 2:
        raise click.UsageError(f"compare needs two folders or more, and got {len(folders)}: one is for steepest report")
    path = _page(out, COMPARISON, folders)

    from steepest.inspection import Comparison
    from steepest.loading import load

    return _write(Comparison({name: load(folder) for name, folder in _named(folders).items()}), path, title, date)


def _beside(folder: str) -> str:
    """Return the path of a page beside a folder, which is not in it, as its files are those that were saved."""
    place = Path(folder)
    # The name of "." or ".." is only known once it is resolved.
    place = place if place.name not in ("", "..") else place.resolve()
    return str(place.with_name(f"{place.name}-report.html")) if folder.strip() and place.name else ""


def _page(out: str | None, otherwise: str, folders: list[str] | tuple[str, ...]) -> Path:
    """Return the path of the page, or refuse it before anything is read."""
    path = otherwise if out is None else out
    if out is not None and Path(out).suffix.lower() != ".html":
        raise click.UsageError(f"--out {out}: the name of a page ends in .html")
    return (
        check_file(path, "--out", [file for folder in folders for file in Path(folder).glob("*")]) if path else Path()
    )


def _named(folders: tuple[str, ...]) -> dict[str, str]:
    """Return the folders by their names, or by their paths if two have the same name."""
    paths = [Path(folder).resolve() for folder in folders]
    twice = [folder for folder, path in zip(folders, paths, strict=True) if paths.count(path) > 1]
    if twice:
        raise click.UsageError(f"{twice[0]} is given twice: give each folder once")
    names = Counter(path.name for path in paths)
    return {path.name if names[path.name] == 1 else folder: folder for folder, path in zip(folders, paths, strict=True)}


def _write(what: Reportable, path: Path, title: str | None, date: str | None, three_d: bool = False) -> int:
    from steepest.inspection import write_report

    say(f"report: {write_report(what, path, title=title, date=date, three_d=three_d)}")
    return 0
