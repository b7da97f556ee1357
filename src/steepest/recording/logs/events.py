"""Read the event files of TensorBoard."""

from __future__ import annotations

import logging
from pathlib import Path

from steepest.recording.logs.columns import Columns, of_rows

# What the names of event files hold, whoever wrote them.
MARK = "tfevents"


def event_folders(path: Path) -> list[Path]:
    """Return the folders with event files in a folder, itself among them.

    Parameters
    ----------
    path : Path
        The folder.

    Returns
    -------
    list of Path
        The folders, sorted.
    """
    return sorted({file.parent for file in path.rglob(f"*{MARK}*") if file.is_file()})


def of_events(path: Path) -> Columns:
    """Return the scalars of an event file, or of all in a folder, as columns.

    Keras writes folders train and validation, and so do the several scalars of PyTorch: their names come first.

    Parameters
    ----------
    path : Path
        The file or folder.

    Returns
    -------
    dict of str to list
        The columns "step" and "wall_time", and one for each tag.

    Raises
    ------
    ImportError
        If TensorBoard is not installed.
    """
    try:
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    except ImportError:
        raise ImportError(
            'event files need the reader of TensorBoard: pip install "steepest[tensorboard]", or export the losses as '
            "CSV"
        ) from None
    from tensorboard.util import tensor_util

    logging.getLogger("tensorboard").setLevel(logging.ERROR)
    rows: dict[float, dict[str, float]] = {}
    places = [path] if path.is_file() else event_folders(path)
    for place in places:
        prefix = "" if place == path else f"{place.relative_to(path).as_posix()}/"
        # By default only 10,000 scalars of a tag are kept; 0 keeps all.
        events = EventAccumulator(str(place), size_guidance={"scalars": 0, "tensors": 0})
        events.Reload()
        found = {tag: [(e.step, e.wall_time, e.value) for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]}
        for tag in events.Tags()["tensors"]:
            # TensorFlow 2 writes scalars as tensors.
            arrays = [(e.step, e.wall_time, tensor_util.make_ndarray(e.tensor_proto)) for e in events.Tensors(tag)]
            if all(array.size == 1 and array.dtype.kind in "fiu" for _, _, array in arrays):
                found[tag] = [(step, time, float(array.item())) for step, time, array in arrays]
        for tag, entries in found.items():
            for step, time, value in entries:
                row = rows.setdefault(step, {"step": float(step), "wall_time": time})
                row[prefix + tag] = value
    return of_rows(rows[step] for step in sorted(rows))
