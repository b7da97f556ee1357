"""The facts of a tree's fit that its pictures share: the fit itself, and the names of its classes."""

from __future__ import annotations

from steepest.inspection.protocol import RunLike, TableFitLike, TreeFitLike, fitted_target, tree_of


def tree_fit(run: RunLike) -> TreeFitLike:
    """Return the fit of a tree.

    Parameters
    ----------
    run : fit
        The fit of a tree, or of a tree to a table.

    Returns
    -------
    TreeFitLike
        The fit of the tree itself.

    Raises
    ------
    ValueError
        If the run is another one.
    """
    fit = tree_of(run)
    if fit is None:
        raise ValueError("this run is not the fit of a tree: use DescentDisplay.from_run(run), which draws any run")
    return fit


def labels_of(run: RunLike) -> list[str]:
    """Return the names of the classes of a tree; none if it predicts numbers.

    Parameters
    ----------
    run : fit
        The fit of a tree, or of a tree to a table.

    Returns
    -------
    list of str
        The names.
    """
    fit = tree_fit(run)
    form, (leaf, *_) = fit.model.form, fit.outline().leaves
    assert form is not None
    assert leaf.prediction is not None
    if form.response not in ("probability", "probabilities"):
        return []
    known = run.classes if isinstance(run, TableFitLike) else None
    return [str(label) for label in known or (f"class {k}" for k in range(len(leaf.prediction)))]


def target_of(run: RunLike) -> str:
    """Return the name of the target; "y" if it has none.

    Parameters
    ----------
    run : fit
        The fit of a tree, or of a tree to a table.

    Returns
    -------
    str
        The name.
    """
    data = tree_fit(run).data
    named = fitted_target(run)
    return str(getattr(data[1] if data else None, "name", None) or named or "y")
