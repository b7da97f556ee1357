"""Bounds and fixed coefficients of a table's fit, in the shell."""

import numpy as np
import pandas as pd

import steepest as st


def test_the_shell_takes_bounds_and_fixed_coefficients(run, refused):
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"age": rng.normal(size=60), "site": rng.choice(["a", "b"], 60, p=[0.6, 0.4])})
    table["gain"] = table.age - (table.site == "b")
    table.to_csv("table.csv", index=False)
    words = ["fit", "table.csv", "--target", "gain", "--out", "fit", "--positive"]
    assert "give one of the two" in refused(*words, "--bounds", "coef=0:1")
    assert "did you mean 'age'" in refused(*words, "--bounds", "agee=0:1")
    assert "--positive: bounds need all rows at once" in refused(*words, "--batch-size", "8")
    code, out, _ = run(*words, "--bounds", "age=0:0.5", "--fix", "intercept=0")
    assert code == 0
    assert "site=b is at its lower bound 0" in out
    fit = st.load("fit").fit
    assert fit.bounds == {"age": (0.0, 0.5), "site=b": (0.0, None)}
    assert (fit.fixed, fit.at_bound) == ({"intercept": 0.0}, {"age": "high", "site=b": "low"})
