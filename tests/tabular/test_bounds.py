"""Bounds of coefficients by the names of a table's columns."""

import numpy as np
import pytest

import steepest as st

RNG = np.random.default_rng(0)
TABLE = {
    "age": RNG.normal(size=60),
    "dose": RNG.normal(size=60),
    "site": RNG.choice(["a", "b", "c"], 60, p=[0.5, 0.3, 0.2]).tolist(),
}
TABLE["gain"] = TABLE["age"] - TABLE["dose"] - np.array([{"a": 0, "b": 1, "c": -2}[s] for s in TABLE["site"]])


def test_a_column_of_texts_stands_for_all_its_levels():
    fitted = st.fit_table(TABLE, "gain", held_out=0, bounds={"site": (0, None), "age": (None, 0.5)}, fixed={"dose": -1})
    assert fitted.fit.bounds == {"age": (None, 0.5), "site=b": (0.0, None), "site=c": (0.0, None)}
    assert fitted.fit.at_bound == {"age": "high", "site=b": "low"}
    found = fitted.coefficients
    assert (found["age"], found["site=b"], found["dose"]) == (0.5, 0.0, -1.0)
    assert found["site=c"] > 1
    alone = st.fit_table(TABLE, "gain", held_out=0, bounds={"site=b": (0, None)}).coefficients
    assert alone["site=b"] == 0.0


def test_an_unknown_column_is_refused_with_a_guess():
    with pytest.raises(ValueError, match="did you mean 'dose'"):
        st.fit_table(TABLE, "gain", bounds={"doze": (0, 1)})
