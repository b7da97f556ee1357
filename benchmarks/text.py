"""Sparse text with an L1 or an L2 penalty, also in batches: docstrings of installed packages against scikit-learn.

The last part fits scikit-learn's images of digits, with softmax. CPU seconds tell more than seconds on a busy machine:
set OPENBLAS_NUM_THREADS=1, and compare ratios.
"""

import ast
import importlib.util
import warnings
from pathlib import Path

import numpy as np
from scipy.special import logsumexp
from sklearn.datasets import load_digits
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, SGDClassifier
from stopwatch import compare

import steepest as st

# Texts of the first packages are told from those of the others.
PACKAGES = ("numpy", "scipy", "sklearn", "jax", "pandas", "matplotlib")
CLASS = 3
SHORTEST = 120


def docstrings(package):
    """Yield the longer docstrings of a package, if it is installed."""
    found = importlib.util.find_spec(package)
    for path in sorted(Path(found.origin).parent.rglob("*.py")) if found else ():
        try:
            nodes = ast.walk(ast.parse(path.read_text()))
        except (SyntaxError, UnicodeDecodeError):
            continue
        for node in nodes:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                text = ast.get_docstring(node)
                if text and len(text) > SHORTEST:
                    yield text


def words():
    """Return the weights of the words of each docstring, and whether its package is of the first class."""
    texts = [(text, k < CLASS) for k, package in enumerate(PACKAGES) for text in docstrings(package)]
    X = TfidfVectorizer(min_df=3).fit_transform([text for text, _ in texts])
    print(f"{X.shape[0]:,} texts, {X.shape[1]:,} words, {X.nnz:,} entries")
    return X, np.array([label for _, label in texts], int)


def main():
    """Print the times at three strengths, with what is left above the minimum on either side.

    "as low" stops as soon as the objective is at most that of liblinear at its default tolerance.
    """
    warnings.simplefilter("ignore")
    X, y = words()
    for C in (0.1, 1.0, 10.0):
        penalty = st.penalties.L1(1 / (C * len(y)))

        def ours(callback=None, penalty=penalty):
            return st.fit(st.models.Logistic(), X, y, penalty=penalty, callback=callback)

        def theirs(C=C):
            other = LogisticRegression(C=C, l1_ratio=1, solver="liblinear", max_iter=1_000, intercept_scaling=100)
            return other.fit(X, y)

        fit, other = ours(), theirs()
        z = X @ other.coef_.ravel() + other.intercept_
        value = np.logaddexp(0, np.where(y, -z, z)).mean() + np.abs(other.coef_).sum() / (C * len(y))
        used = np.count_nonzero(fit.params["coef"])
        print(f"C={C:g}: {used:,} words used, {fit.message}; liblinear {(value - fit.fun) / fit.fun:.1e} above")

        def until_as_low(progress, value=value):
            if progress.fun <= value:
                raise StopIteration

        jobs = {"steepest": ours, "as low": lambda ours=ours, until=until_as_low: ours(until), "liblinear": theirs}
        compare(f"L1, C={C:g}", "steepest", jobs, rounds=5)
    ridges(X, y)
    batches(X, y)
    digits()


def ridges(X, y):
    """Print the times with an L2 penalty; scikit-learn at its default tolerance, and at one that leaves as little."""
    for C in (1.0, 10.0):
        penalty = st.penalties.L2(1 / (C * len(y)))
        jobs = {"steepest": lambda penalty=penalty: st.fit(st.models.Logistic(), X, y, penalty=penalty)}
        for solver, tol in (("lbfgs", 1e-4), ("lbfgs", 1e-12), ("newton-cg", 1e-4), ("newton-cg", 1e-12)):
            other = LogisticRegression(C=C, solver=solver, tol=tol, max_iter=1_000)
            jobs[f"{solver}, tol={tol:g}"] = lambda other=other: other.fit(X, y)
        fit = jobs["steepest"]()
        print(f"C={C:g}: {fit.message}; {apart(X, y, C, fit, jobs)}")
        compare(f"L2, C={C:g}", "steepest", jobs, rounds=3)


def apart(X, y, C, fit, jobs):
    """Return how far above our minimum the others end."""
    above = []
    for name, job in list(jobs.items())[1:]:
        other = job()
        z = X @ other.coef_.T + other.intercept_
        z = np.hstack([np.zeros_like(z), z]) if z.shape[1] == 1 else z
        loss = (logsumexp(z, axis=1) - z[np.arange(len(y)), y]).mean()
        value = loss + (other.coef_**2).sum() / (2 * C * len(y))
        above.append(f"{name} {(value - fit.fun) / fit.fun:.0e}")
    return "above it: " + ", ".join(above)


def batches(X, y):
    """Print the times of equal numbers of epochs in batches of 256."""
    penalty = st.penalties.L2(1 / len(y))
    for epochs in (5, 25):
        words = {"batch_size": 256, "direction": "plain", "step": 1.0, "epochs": epochs, "penalty": penalty}
        saga = LogisticRegression(C=1, solver="saga", max_iter=epochs, tol=0)
        sgd = SGDClassifier(loss="log_loss", alpha=1 / len(y), max_iter=epochs, tol=None)
        jobs = {
            "steepest": lambda words=words: st.fit(st.models.Logistic(), X, y, **words),
            "SAGA": lambda saga=saga: saga.fit(X, y),
            "SGDClassifier": lambda sgd=sgd: sgd.fit(X, y),
        }
        compare(f"{epochs} epochs in batches", "steepest", jobs, rounds=3)


def digits():
    """Print the times of softmax on images of digits."""
    X, y = load_digits(return_X_y=True)
    jobs = {"steepest": lambda: st.fit(st.models.Multinomial(), X, y, penalty=st.penalties.L2(1 / len(y)))}
    for solver, tol in (("lbfgs", 1e-4), ("lbfgs", 1e-10), ("newton-cg", 1e-4), ("newton-cholesky", 1e-8)):
        other = LogisticRegression(C=1, solver=solver, tol=tol, max_iter=100_000)
        jobs[f"{solver}, tol={tol:g}"] = lambda other=other: other.fit(X, y)
    fit = jobs["steepest"]()
    print(f"digits: {fit.message}; {apart(X, y, 1, fit, jobs)}")
    compare("softmax on digits", "steepest", jobs, rounds=3)


if __name__ == "__main__":
    main()
