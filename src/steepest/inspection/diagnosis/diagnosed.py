"""The method `diagnose` of runs and fits."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from steepest.inspection.diagnosis.diagnosis import Diagnosis
    from steepest.inspection.protocol import ResultLike


class Diagnosed:
    """An object that tells why it went wrong."""

    def diagnose(self, *, probe: bool = True) -> Diagnosis:
        """Find out what went wrong, and what to do about it; nothing is found in a healthy run.

        Each finding has a name, one plain sentence, its evidence, a cure with code to paste, and a confidence.

        Parameters
        ----------
        probe : bool, optional
            Whether to evaluate the function again, by at most 20 gradients. Without, or if the function is not at
            hand, the record alone decides, with less confidence.

        Returns
        -------
        Diagnosis
            The findings, the most important first.

        Examples
        --------
        >>> import steepest as st
        >>> run = st.minimize(lambda x, y: x**2 + y**2, (9, 9))
        >>> len(run.diagnose())
        0
        """
        from steepest.inspection.diagnosis.diagnose import diagnose

        return diagnose(cast("ResultLike", self), probe)
