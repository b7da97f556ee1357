"""`load`: read a saved run or fit."""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np

from steepest.descent.run import Run
from steepest.fitting.network.resume import network_from_record
from steepest.fitting.resume import fit_from_record
from steepest.fitting.tree.resume import tree_from_record
from steepest.places import path_of
from steepest.recording.log import NAME as LOG
from steepest.recording.run import RecordedRun
from steepest.saving.record import FAULTS, FORMAT, RECORD, includes, read_record, unreadable
from steepest.tabular.result import TableFit
from steepest.types import Json

READERS: dict[str, Callable[[dict[str, Json], dict[str, np.ndarray]], Run | TableFit]] = {
    "run": Run._revive,
    "recording": RecordedRun._revive,
    "fit": fit_from_record,
    "network": network_from_record,
    "tree": tree_from_record,
    "table": TableFit.from_record,
}


def load(folder: str | os.PathLike[str]) -> Run | TableFit:
    """Read a run or a fit from a folder that `save` has written.

    Functions are not saved. So a loaded run cannot evaluate its function, and a loaded fit predicts only if
    its model is one of `steepest.models`.

    Parameters
    ----------
    folder : path
        The folder that was given to `save`.

    Returns
    -------
    Run, Fit or TableFit
        A result equal to the saved one.

    Raises
    ------
    FileNotFoundError
        If the folder holds no saved run.
    ValueError
        If a file is damaged, or was not written by `save`, or if `folder` is empty.

    Examples
    --------
    >>> import tempfile, steepest as st
    >>> run = st.minimize(lambda x: (x - 1) ** 2, 0.0)
    >>> load(run.save(tempfile.mkdtemp())) == run
    True
    """
    path = path_of(folder, "folder")
    # A recording that has not ended has no record, but its log.
    if (path / LOG).exists() and not (path / RECORD).exists():
        try:
            return RecordedRun.from_log(path)
        except FAULTS as error:
            raise unreadable(path, LOG, error) from None
    manifest, arrays = read_record(path)
    record = dict(manifest.record)
    try:
        result = READERS[record.pop("result")](record, arrays)
        # The result must hold all that the record says. It may hold more, which a later version of this library saves.
        if manifest.version == FORMAT and not includes(result._saved()[0], manifest.record):
            raise ValueError("its entries do not fit together")
    except KeyError as error:
        raise unreadable(path, RECORD, f"it lacks the entry {error}") from None
    except FAULTS as error:
        raise unreadable(path, RECORD, error) from None
    return result
