"""`steepest fit` and `steepest predict`: fit a model to a table, and predict tables with it."""

from __future__ import annotations

import io
import re
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

import click

from steepest.cli.diagnose import say_why
from steepest.cli.model_options import read_loss, read_model, read_penalty
from steepest.cli.options import (
    OVERWRITE,
    Command,
    check_file,
    check_folder,
    note_command,
    read_bounds,
    read_fixed,
    say,
    written,
)

if TYPE_CHECKING:
    # For the type checker alone: at run time these imports would load NumPy, and the command line should start quickly.
    import numpy as np

    from steepest.tabular.encoding import Missing
    from steepest.tabular.result import TableFit
    from steepest.tabular.target import Task


class Options(TypedDict):
    """The options that are passed to `fit_table` unchanged."""

    features: list[str] | None
    missing: Missing | None
    task: Task | None
    log_target: bool
    held_out: float
    split: str
    max_categories: int
    decimal: str | None
    thousands: str | None
    day_first: bool | None
    encoding: str | None
    sheet: str | None
    kernel: str
    gamma: float | None
    components: int | None
    batch_size: int | None
    epochs: int | None
    validation: float | None
    direction: str | None
    tolerance: float | None
    seconds: float | None
    max_bytes: float | None


def _names(_: click.Context, __: click.Parameter, text: str | None) -> list[str] | None:
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]


def _kinds(_: click.Context, __: click.Parameter, text: str | None) -> dict[str, str] | None:
    """Read kinds of columns such as zip=text,day=number."""
    if text is None:
        return None
    pairs = [pair.rpartition("=") for pair in text.split(",") if pair.strip()]
    if wrong := next(("".join(pair) for pair in pairs if not pair[1]), None):
        raise click.UsageError(f"--kinds {wrong}: give kinds by column, such as --kinds zip=text,day=number")
    return {name.strip(): kind.strip() for name, _, kind in pairs}


def _bytes(_: click.Context, __: click.Parameter, text: str | None) -> float | None:
    """Read a number of bytes such as 8GB."""
    if text is None:
        return None
    number = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kKmMgGtT]?)[bB]?\s*", text)
    if number is None:
        raise click.UsageError(f"--max-bytes {text}: give a number of bytes, such as 500MB or 8GB")
    return float(number[1]) * 1000 ** " kmgt".index(number[2].lower() or " ")


_max_bytes = click.option(
    "--max-bytes", metavar="8GB", callback=_bytes,
    help="The most that FILE may hold once it is unpacked; a quarter of this machine's memory by default.",
)  # fmt: skip
_encoding = click.option(
    "--encoding", metavar="NAME", help="The encoding of a CSV, such as cp1251 or shift_jis; told from FILE by default."
)
_sheet = click.option("--sheet", metavar="NAME", help="The sheet of a workbook; by default the first with a table.")


@click.command(cls=Command)
@click.argument("file")
@click.option("--target", required=True, metavar="COLUMN", help="The column to predict.")
@click.option("--out", required=True, metavar="FOLDER", help="Where to save model, trace, predictions and picture.")
@click.option("--overwrite", is_flag=True, help=OVERWRITE)
@click.option("--features", metavar="A,B", callback=_names, help="The columns to predict from; all others by default.")
@click.option("--drop", metavar="A,B", callback=_names, help="Columns to leave out.")
@click.option(
    "--missing",
    help="Missing values: mean fills them, drop drops the row, error, or keep, for a tree; keep for a tree by default, "
    "else mean.",
)
@click.option("--task", help="regression or classification; the target decides by default.")
@click.option(
    "--held-out", type=float, default=0.2, show_default=True, help="The share of rows held out for the score."
)
@click.option(
    "--split",
    metavar="random|time|COLUMN",
    default="random",
    show_default=True,
    help="Which rows are held out: random ones, the last by the dates, or by a column: its last rows, or some groups.",
)
@click.option(
    "--log-target",
    is_flag=True,
    help="Fit the logarithm of the target, which must be above 0; predictions are in its own units.",
)
@click.option(
    "--max-categories",
    type=int,
    default=50,
    show_default=True,
    help="The most texts of a column with a column of 0 and 1 each; beyond it, means of the target.",
)
@click.option("--decimal", metavar="MARK", help="The decimal mark, . or , ; the values of a column tell it by default.")
@click.option("--thousands", metavar="MARK", help="The mark between thousands: , . ' _ or a space; '' for none.")
@click.option(
    "--na", metavar="A,B", callback=_names, help="Values that mean a missing one, such as -999, besides the usual ones."
)
@click.option(
    "--day-first/--month-first",
    default=None,
    help="The order in dates such as 3/4/2020; the dates of a column tell it by default.",
)
@click.option(
    "--kinds",
    metavar="ZIP=text,CODE=number",
    callback=_kinds,
    help="What columns hold, if not what their values tell: number, date or text.",
)
@_encoding
@_sheet
@click.option(
    "--model",
    default="linear",
    show_default=True,
    help="linear, svm: a support vector machine, network: a neural network, or tree: a decision tree.",
)
@click.option("--hidden", metavar="64,64", help="For network: the units of each hidden layer.")
@click.option("--members", type=int, help="For network: how many networks are averaged; 8 by default.")
@click.option("--depth", type=int, help="For tree: its depth, from 1 to 8; the best from 2 to 6 by default.")
@click.option("--splits", help="For tree: one column in each split, or all; one by default.")
@click.option("--leaves", help="For tree: constant or linear; constant by default.")
@click.option("--kernel", default="linear", show_default=True, help="For svm: linear or rbf.")
@click.option("--gamma", type=float, help="γ of the kernel rbf, exp(-γ ‖x - x'‖²), for standardised columns.")
@click.option(
    "--components",
    type=int,
    metavar="COUNT",
    help="The number of features to approximate the kernel rbf with; 300 by default.",
)
@click.option(
    "--loss",
    metavar="NAME",
    help="squared, absolute, huber:20, quantile:0.9, epsilon-insensitive:0.1, poisson, gamma; log-loss, softmax, "
    "hinge or squared-hinge; also in scikit-learn's spelling. Model and target decide by default.",
)
@click.option(
    "--penalty",
    help="auto, auto-l1 or auto-elasticnet, which choose the strength; l2, l1, elasticnet or none. l2 with --alpha.",
)
@click.option("--alpha", type=float, help="The strength λ: λ/2 ‖w‖² for l2, λ ‖w‖₁ for l1.")
@click.option("--l1-ratio", type=float, help="The share of λ for l1 in an elastic net; 0.5 by default.")
@click.option("--ridge", type=float, help="Short for --penalty l2 --alpha.")
@click.option("--positive", is_flag=True, help="Keep all coefficients at 0 or above.")
@click.option("--bounds", metavar="age=0:,dose=-1:1", help="The limits of coefficients; coef stands for all of them.")
@click.option("--fix", "fix", metavar="intercept=0", help="Coefficients that keep a value.")
@click.option("--batch-size", type=int, metavar="ROWS", help="Rows per update; all by default.")
@click.option("--epochs", type=int, help="Passes through the rows, at most; with a learning rate, exactly.")
@click.option("--validation", type=float, help="The share of the training rows held out for early stopping.")
@click.option("--learning-rate", type=float, help="A constant learning rate; by default each step chooses its size.")
@click.option("--direction", help="plain, momentum, nesterov, adam, bfgs or l-bfgs.")
@click.option(
    "--tolerance",
    type=float,
    help="Stop when at most this share of the loss, or of its descent, is left; by default at the rounding limit.",
)
@click.option("--seconds", type=float, help="The time, at most.")
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="The seed of the held-out rows and of shuffling.",
)
@_max_bytes
def fit(
    file: str,
    target: str,
    out: str,
    overwrite: bool,
    drop: list[str] | None,
    na: list[str] | None,
    kinds: dict[str, str] | None,
    loss: str | None,
    penalty: str | None,
    alpha: float | None,
    l1_ratio: float | None,
    ridge: float | None,
    learning_rate: float | None,
    model: str,
    hidden: str | None,
    members: int | None,
    depth: int | None,
    splits: str | None,
    leaves: str | None,
    positive: bool,
    bounds: str | None,
    fix: str | None,
    seed: int,
    **options: Unpack[Options],
) -> int:
    """Fit a model that predicts a column of FILE: CSV (also .gz, .zip, .tsv, .txt), JSON, Excel, Feather or Parquet.

    A target of two different values, or of texts, is a classification; one of more numbers is a regression.
    """
    cost = read_loss(loss)
    weight_penalty = read_penalty(penalty, alpha, l1_ratio, ridge)
    kind = read_model(model, {
        "hidden": hidden, "members": members, "depth": depth, "splits": splits, "leaves": leaves,
    })  # fmt: skip
    limits = read_bounds(bounds)
    if positive and limits and "coef" in limits:
        raise click.UsageError("--positive and --bounds coef= both limit all coefficients: give one of the two")
    held = read_fixed(fix)
    folder = check_folder(out, "--out", overwrite)

    from steepest.activity import activity, doing
    from steepest.fitting.linear.edges import POSITIVE, positive_as
    from steepest.tabular.fit import fit_table

    step = "auto" if learning_rate is None else learning_rate
    with activity(None), positive_as("--positive") if positive else nullcontext():
        fitted = fit_table(
            file, target, drop=drop or (), na=na or (), kinds=kinds, model=kind, loss=cost, penalty=weight_penalty,
            bounds={**POSITIVE, **(limits or {})} if positive else limits, fixed=held, step=step, rng=seed, **options,
        )  # fmt: skip
        note_command(fitted)
        doing("computing errors")
        text = str(fitted)
        # Other texts for the screen need a clear line.
        doing("")
        say(text)
        doing("saving")
        fitted.save(folder, overwrite=overwrite)
    say(f"saved in: {folder} (model and preprocessing, trace, predictions.csv, fit.png)")
    say_why(fitted, out)
    return 0 if fitted.success else 1


@click.command(cls=Command)
@click.argument("folder")
@click.argument("file")
@click.option("--out", metavar="FILE", help="Where to write the predictions as CSV; by default to the screen.")
@_encoding
@_sheet
@_max_bytes
def predict(
    folder: str, file: str, out: str | None, encoding: str | None, sheet: str | None, max_bytes: float | None
) -> int:
    """Predict each row of FILE with the fit that is saved in FOLDER."""
    from steepest.activity import activity
    from steepest.loading import load
    from steepest.tabular.reading.arrow import TableError, counted
    from steepest.tabular.result import TableFit

    path = check_file(out, "--out", [Path(file), *Path(folder).glob("*")]) if out is not None else None
    fitted = load(folder)
    if not isinstance(fitted, TableFit):
        raise TableError(
            f"{folder} does not hold the fit of a table, so it predicts nothing: give the folder of a table's fit"
        )
    with activity(None):
        outputs, notes, doubts = fitted.outputs(file, max_bytes, encoding=encoding, sheet=sheet)
    for note in notes:
        # The predictions on the screen may be redirected to a file.
        say(note, err=path is None)
    for note in doubts:
        say(f"warning: {note}", err=True)
    if path is None:
        _print_predictions(fitted, outputs)
        return 0
    fitted.write(path, outputs)
    say(f"wrote {counted(len(outputs), 'prediction')} of {fitted.target} to {path}")
    return 0


def _print_predictions(fitted: TableFit, outputs: np.ndarray) -> None:
    """Print predictions as CSV: byte by byte into a file or a pipe, and with escapes on a terminal."""
    written().printing = True
    if not sys.stdout.isatty():
        fitted.write(sys.stdout.buffer, outputs)
        return
    lines = io.BytesIO()
    fitted.write(lines, outputs)
    say(lines.getvalue().decode().rstrip("\n"))
