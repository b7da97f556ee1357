"""Reading back what runs and fits have saved."""

from __future__ import annotations

import os

from steepest.descent.run import Run
from steepest.fitting.result import Fit
from steepest.fitting.resume import SavedFit
from steepest.saving.folder import read_record, unreadable
from steepest.tabular.fit import TableFit


def load(folder: str | os.PathLike[str]) -> Run:
    """Read a run or a fit back from the folder that its `save` wrote.

    Functions are not saved: the run of a function can't be evaluated again, and a fit predicts where
    its model is one of `steepest.models`.

    Parameters
    ----------
    folder : path
        The folder.

    Returns
    -------
    Run, Fit or TableFit
        Equal to the one saved.

    Raises
    ------
    FileNotFoundError
        If no run is saved there.
    ValueError
        If the files are not of a run that this version can read.

    Examples
    --------
    >>> import tempfile, steepest as st
    >>> run = st.minimize(lambda x: (x - 1) ** 2, 0.0)
    >>> load(run.save(tempfile.mkdtemp())) == run
    True
    """
    record, arrays = read_record(folder)
    try:
        kind: type[Run] = {"run": Run, "fit": Fit, "table": TableFit}[record.pop("result")]
        state = record.pop("onward", None)
        run = kind._revive(record, arrays)
        if isinstance(run, Fit) and state is not None:
            run.resumable = SavedFit.of(state, arrays)
        return run
    except (KeyError, TypeError, ValueError) as error:
        raise unreadable(folder, error) from None
