"""Reading back what runs and fits have saved."""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np

from steepest.descent.run import Run
from steepest.fitting.resume import fit_from_record
from steepest.saving.folder import read_record, unreadable
from steepest.tabular.result import TableFit
from steepest.types import Json

READERS: dict[str, Callable[[dict[str, Json], dict[str, np.ndarray]], Run | TableFit]] = {
    "run": Run._revive,
    "fit": fit_from_record,
    "table": TableFit.from_record,
}


def load(folder: str | os.PathLike[str]) -> Run | TableFit:
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
        return READERS[record.pop("result")](record, arrays)
    except (KeyError, TypeError, ValueError) as error:
        raise unreadable(folder, error) from None
