"""Write `statsmodels_errors.json`: covariances by statsmodels, on rows that are drawn here.

Run it in an environment of its own: ``pip install statsmodels; python statsmodels_errors.py``.
"""

import json
from pathlib import Path

import numpy as np

TIGHT = {"maxiter": 200, "tol": 1e-14}
SANDWICHES = ("HC0", "HC1", "HC2", "HC3")


def listed(matrix):
    """Return a covariance with the intercept last, as lists."""
    order = [*range(1, len(matrix)), 0]
    return np.asarray(matrix)[np.ix_(order, order)].tolist()


def by_kind(make):
    """Return the covariance that assumes equal variance, and those that do not."""
    return {"": listed(make().fit().cov_params())} | {
        kind: listed(make().fit(cov_type=kind).cov_params()) for kind in SANDWICHES
    }


def glm(y, X, family, **weights):
    """Return the covariances of a generalised linear model."""
    import statsmodels.api as sm

    model = sm.GLM(y, X, family, **weights)
    return {kind: listed(model.fit(**TIGHT, cov_type=kind or "nonrobust").cov_params()) for kind in ("", "HC0")}


def main():
    """Draw the rows, fit them and write the file."""
    import statsmodels
    import statsmodels.api as sm

    rng = np.random.default_rng(21)
    columns = np.round(rng.normal(size=(60, 3)) * [1, 40, 0.02] + [0, 300, 0], 4)
    X = sm.add_constant(columns)
    z = columns @ [0.7, 0.01, 25] - 3.2
    weight = rng.integers(1, 5, 60)
    targets = {
        "squared": np.round(z + rng.normal(size=60) * (0.3 + abs(z)), 3),
        "log loss": (rng.random(60) < 1 / (1 + np.exp(-z))).astype(int),
        "poisson": rng.poisson(np.exp(z / 2 + 1)),
        "gamma": np.round(rng.gamma(2, np.exp(z / 2) / 2) + 0.001, 3),
        "softmax": rng.integers(0, 3, 60),
    }
    families = {
        "log loss": sm.families.Binomial(),
        "poisson": sm.families.Poisson(),
        "gamma": sm.families.Gamma(sm.families.links.Log()),
    }
    y = targets["squared"]
    repeated = np.repeat(np.arange(60), weight)
    found = {
        "squared": by_kind(lambda: sm.OLS(y, X)),
        "squared, precision": by_kind(lambda: sm.WLS(y, X, weights=weight)),
        "squared, frequency": by_kind(lambda: sm.OLS(y[repeated], X[repeated])),
        "softmax": np.asarray(sm.MNLogit(targets["softmax"], X).fit(disp=0, tol=1e-14, method="newton").cov_params()),
    }
    for name, family in families.items():
        found[name] = glm(targets[name], X, family)
        found[f"{name}, frequency"] = glm(targets[name], X, family, freq_weights=weight)
    # In the order of the contrasts of class 1 and of class 2 with class 0, each with the intercept last.
    order = [k + part for part in (0, 4) for k in (1, 2, 3, 0)]
    found["softmax"] = found["softmax"][np.ix_(order, order)].tolist()
    record = {
        "source": f"statsmodels {statsmodels.__version__}, by tests/oracles/statsmodels_errors.py",
        "columns": columns.tolist(),
        "weight": weight.tolist(),
        "targets": {name: values.tolist() for name, values in targets.items()},
        "covariances": found,
    }
    Path(__file__).with_suffix(".json").write_text(json.dumps(record) + "\n")


if __name__ == "__main__":
    main()
