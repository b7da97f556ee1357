"""Support vector machines on sparse text: the hinge and the squared hinge against scikit-learn's LinearSVC.

LinearSVC penalises the intercept, too, so that its objective is slightly above the minimum. "as low" stops as soon as
the objective is at most that of LinearSVC at its default tolerance. CPU seconds tell more than seconds on a busy
machine: set OPENBLAS_NUM_THREADS=1, and compare ratios.
"""

import warnings

import numpy as np
from sklearn.svm import LinearSVC
from stopwatch import compare
from text import words

import steepest as st


def main():
    """Print the times at two strengths, with what is left above the minimum on either side."""
    warnings.simplefilter("ignore")
    X, y = words()
    for loss in ("hinge", "squared hinge"):
        for C in (1.0, 10.0):
            penalty = st.penalties.L2(1 / (C * len(y)))

            def ours(callback=None, loss=loss, penalty=penalty):
                return st.fit(st.models.Logistic(), X, y, loss=loss, penalty=penalty, callback=callback)

            def theirs(loss=loss, C=C):
                return LinearSVC(loss=loss.replace(" ", "_"), C=C, dual="auto", max_iter=100_000).fit(X, y)

            fit, other = ours(), theirs()
            margins = np.maximum(0.0, 1 - (2 * y - 1) * (X @ other.coef_.ravel() + other.intercept_))
            losses = margins if loss == "hinge" else margins**2
            value = losses.mean() + (other.coef_**2).sum() / (2 * C * len(y))

            def until_as_low(progress, value=value):
                if progress.fun <= value:
                    raise StopIteration

            print(f"{loss}, C={C:g}: {fit.message}; LinearSVC {(value - fit.fun) / fit.fun:.1e} above")
            jobs = {"steepest": ours, "as low": lambda: ours(until_as_low), "LinearSVC": theirs}
            compare(f"{loss}, C={C:g}", "steepest", jobs, rounds=5)


if __name__ == "__main__":
    main()
