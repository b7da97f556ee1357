"""`steepest diagnose`: say what went wrong in a saved result, or in the losses that a loop has logged."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from steepest.cli.cures import in_shell
from steepest.cli.options import Command, say

if TYPE_CHECKING:
    # At run time these imports would load NumPy, and the command line should start quickly.
    from steepest.descent.run import Run
    from steepest.tabular.result import TableFit

# The most findings that are printed without --all: the first is nearly always the cause.
MOST = 3
# How sure a finding must be for a word after a run that succeeded. Chosen, not measured: a doubt that is often wrong
# would not be read for long.
SURE = 0.9
RECORD = "run.json"


@click.command(cls=Command)
@click.argument("place", metavar="FOLDER|FILE")
@click.option("--all", "whole", is_flag=True, help="Print all findings; the first three by default.")
@click.option("--loss", metavar="COLUMN", help="For a log: the column of the loss, if its name does not tell it.")
def diagnose(place: str, whole: bool, loss: str | None) -> int:
    """Say what went wrong in the run, fit or table that is saved in FOLDER, or in a log of losses.

    FILE is what a training loop has logged: a CSV, JSON or event file of TensorBoard, or a folder with one. Functions
    and rows are not saved, so the record alone is judged. Each finding has its evidence and a cure to paste.

    The exit code is 0 if nothing suspicious was found, 1 if something was or the run failed, 2 for bad input.
    """
    run = _read(place, loss)
    from steepest.finding import HINT
    from steepest.inspection.diagnosis.diagnosis import told
    from steepest.recording.run import RecordedRun

    found = run.diagnose()
    if run.title:
        say(run.title)
    # That of a log says which columns were taken, on which the verdict rests.
    if found or isinstance(run, RecordedRun):
        say(f"{run.message.replace(HINT, '')}\n")
    shown = found if whole else found[:MOST]
    for number, finding in enumerate(shown, 1):
        say(f"{told(in_shell(finding, run.call, _commands()), number, pictures=False)}\n")
    if left := len(found) - len(shown):
        say(f"and {left} more: add --all")
    for line in found.remarks():
        say(line)
    return 1 if found or found.failure else 0


def say_why(run: Run | TableFit, folder: str | None) -> None:
    """Print in one line what a run that failed, or whose result is in doubt, suffers from.

    Parameters
    ----------
    run : Run or TableFit
        The run.
    folder : str or None
        Where it was saved.
    """
    found = run.diagnose(probe=not run.success)
    if not found or (run.success and found[0].confidence < SURE):
        return
    first = in_shell(found[0], run.call, _commands())
    then = (
        f"steepest diagnose {folder} says what to do" if folder else f"try {first.call}" if first.call else first.cure
    )
    say(f"diagnosis: {first.text} ({100 * first.confidence:.0f} % sure){f'; {then}' if then else ''}")


def _read(place: str, loss: str | None) -> Run | TableFit:
    """Return the saved result, or the run of a log."""
    path = Path(place)
    if (path / RECORD).exists() or (path.is_dir() and not any(path.iterdir())):
        if loss is not None:
            raise click.UsageError(f"--loss is for a log, and {place} holds a saved result: leave --loss out")
        from steepest.loading import load

        return load(place)
    import steepest

    return steepest.read_log(path, loss=loss)


def _commands() -> dict[str, click.Command]:
    group = click.get_current_context().find_root().command
    return dict(group.commands) if isinstance(group, click.Group) else {}
