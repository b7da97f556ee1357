"""`steepest fit` and `steepest predict`: a table in, coefficients and predictions out."""

from __future__ import annotations

import sys
from typing import Any

import click

from steepest.cli.options import Command, check_file, check_folder
from steepest.cli.words import read_loss, read_penalty


def _names(_: click.Context, __: click.Parameter, text: str | None) -> list[str] | None:
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]


@click.command(cls=Command)
@click.argument("file")
@click.option("--target", required=True, metavar="COLUMN", help="The column to predict.")
@click.option("--out", required=True, metavar="FOLDER", help="Where to keep model, trace, predictions and picture.")
@click.option("--features", metavar="A,B", callback=_names, help="The columns to predict from; all others by default.")
@click.option("--drop", metavar="A,B", callback=_names, help="Columns to leave out.")
@click.option(
    "--missing", default="mean", show_default=True, help="What missing values become: mean, or drop the row, or error."
)
@click.option("--task", help="regression or classification; told from the target by default.")
@click.option("--held-out", type=float, default=0.2, show_default=True, help="The part of the rows kept for the score.")
@click.option("--max-categories", type=int, default=50, show_default=True, help="How many texts a column may have.")
@click.option("--model", default="linear", show_default=True, help="linear, or svm: a support vector machine.")
@click.option("--kernel", default="linear", show_default=True, help="That of a machine: linear or rbf.")
@click.option("--gamma", type=float, help="γ of the kernel rbf, exp(-γ ‖x - x'‖²), of standardised columns.")
@click.option("--components", type=int, metavar="COUNT", help="Features that stand for the kernel rbf; 300 by default.")
@click.option(
    "--loss",
    metavar="NAME",
    help="squared, absolute, huber:20, quantile:0.9, epsilon-insensitive:0.1, poisson, gamma; log-loss, softmax, "
    "hinge or squared-hinge. Told from model and target by default.",
)
@click.option("--penalty", help="l2, l1, elasticnet or none; l2 if there is an --alpha.")
@click.option("--alpha", type=float, help="λ, the strength: λ/2 ‖w‖² for l2, λ ‖w‖₁ for l1.")
@click.option("--l1-ratio", type=float, help="The part of λ that an elastic net gives to l1; 0.5 by default.")
@click.option("--ridge", type=float, help="The same as --penalty l2 --alpha.")
@click.option("--batch-size", type=int, metavar="ROWS", help="Rows for each update; all by default.")
@click.option("--epochs", type=int, help="Passes through the rows, at most; exactly, with a learning rate.")
@click.option("--validation", type=float, help="The part of the rows to learn from that early stopping looks at.")
@click.option("--learning-rate", type=float, help="A constant learning rate; chosen in each step unless given.")
@click.option("--direction", help="plain, momentum, nesterov, adam or l-bfgs.")
@click.option(
    "--tolerance",
    type=float,
    help="What part of the loss, or of its descent, may be left; by default no more than rounding hides.",
)
@click.option("--seconds", type=float, help="How long to descend at most.")
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="What draws the held-out rows and shuffles.",
)
def fit(
    file: str,
    target: str,
    out: str,
    drop: list[str] | None,
    loss: str | None,
    penalty: str | None,
    alpha: float | None,
    l1_ratio: float | None,
    ridge: float | None,
    learning_rate: float | None,
    seed: int,
    **chosen: Any,
) -> int:
    """Fit a model to a column of FILE: a CSV (also .gz or .zip) or a Parquet file.

    Numbers make a regression; two different values, or several texts, a classification.
    """
    cost = read_loss(loss)
    weighed = read_penalty(penalty, alpha, l1_ratio, ridge)
    folder = check_folder(out, "--out")

    from steepest.tabular.fit import fit_table

    step = "auto" if learning_rate is None else learning_rate
    fitted = fit_table(file, target, drop=drop or (), loss=cost, penalty=weighed, step=step, rng=seed, **chosen)
    click.echo(str(fitted))
    fitted.save(folder)
    click.echo(f"kept in: {folder} (model and preprocessing, trace, predictions.csv, descent.png)")
    return 0 if fitted.success else 1


@click.command(cls=Command)
@click.argument("folder")
@click.argument("file")
@click.option("--out", metavar="FILE", help="Where to write the predictions as CSV; the screen by default.")
def predict(folder: str, file: str, out: str | None) -> int:
    """Predict each row of FILE with the fit that is kept in FOLDER."""
    from steepest.loading import load
    from steepest.tabular.reading.arrow import TableError
    from steepest.tabular.result import TableFit

    path = check_file(out, "--out") if out else None
    fitted = load(folder)
    if not isinstance(fitted, TableFit):
        raise TableError(f"{folder} holds the run of a function, which predicts nothing: give the folder of a fit")
    outputs, notes = fitted.outputs(file)
    if path is None:
        fitted.write(sys.stdout.buffer, outputs)
        return 0
    fitted.write(path, outputs)
    for note in notes:
        click.echo(note)
    click.echo(f"wrote {len(outputs):,} predictions of {fitted.target} to {path}")
    return 0
