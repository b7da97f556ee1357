"""Sparse text with an L1 penalty: docstrings of installed packages against liblinear at its default tolerance."""

import ast
import importlib.util
import warnings
from pathlib import Path

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
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


def main():
    """Print the times at two strengths, with what is left above the minimum on either side."""
    warnings.simplefilter("ignore")
    texts = [(text, k < CLASS) for k, package in enumerate(PACKAGES) for text in docstrings(package)]
    X = TfidfVectorizer(min_df=3).fit_transform([text for text, _ in texts])
    y = np.array([label for _, label in texts], int)
    print(f"{X.shape[0]:,} texts, {X.shape[1]:,} words, {X.nnz:,} entries")
    for C in (1.0, 10.0):
        penalty = st.penalties.L1(1 / (C * len(y)))

        def ours(penalty=penalty):
            return st.fit(st.models.Logistic(), X, y, penalty=penalty)

        def theirs(C=C):
            other = LogisticRegression(C=C, l1_ratio=1, solver="liblinear", max_iter=1_000, intercept_scaling=100)
            return other.fit(X, y)

        fit, other = ours(), theirs()
        z = X @ other.coef_.ravel() + other.intercept_
        value = np.logaddexp(0, np.where(y, -z, z)).mean() + np.abs(other.coef_).sum() / (C * len(y))
        used = np.count_nonzero(fit.params["coef"])
        print(f"C={C:g}: {used:,} words used, {fit.message}; liblinear {(value - fit.fun) / fit.fun:.1e} above")
        compare(f"L1, C={C:g}", "steepest", {"steepest": ours, "liblinear": theirs}, rounds=5)


if __name__ == "__main__":
    main()
