"""`TableFit`, the fit of a model to a table: its score and notes; continuing, saving and loading it."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from textwrap import dedent
from typing import Unpack

import numpy as np

from steepest.finding import Finding
from steepest.fitting.network.resume import network_from_record
from steepest.fitting.resampling.bootstrap import Bootstrap
from steepest.fitting.result import Fit, Limits, described_fit
from steepest.fitting.resume import fit_from_record
from steepest.fitting.tree.resume import tree_from_record
from steepest.fitting.uncertainty.answer import Uncertainty
from steepest.models import Network, Tree
from steepest.printable import printable
from steepest.saving.folder import staged
from steepest.saving.objects import from_json, to_json
from steepest.saving.record import write_record
from steepest.saving.schema import TableRecord, checked
from steepest.tabular.encoding import Encoding
from steepest.tabular.importance import check_importance, effects_of, shuffled_importance
from steepest.tabular.method import has_coefficients, loss_name
from steepest.tabular.one_vs_rest import OneVsRestFit, needs_one_vs_rest, outputs_of
from steepest.tabular.predictor import TablePredictor, in_units
from steepest.tabular.prepare import TableRows, prepare_again
from steepest.tabular.printing.coefficients import coefficient_lines, effect_in_words
from steepest.tabular.printing.warned import MOST_WARNINGS, warning_lines
from steepest.tabular.scale.log_target import LogTarget
from steepest.tabular.score import HeldOut, Score, score_of
from steepest.tabular.warnings.find import warnings_of
from steepest.tabular.warnings.fitted import FittedTable
from steepest.tabular.warnings.said.repeated import not_repeated
from steepest.trace import dumps
from steepest.types import Callback, Json, Seed, Table

PREDICTIONS = "predictions.csv"
PICTURE = "fit.png"


class Continuation(Limits, total=False):
    """The options of `Fit.more`, without the rows."""

    callback: Callback | None
    progress: bool | None


@dataclass(eq=False)
class TableFit(TablePredictor):
    """A model fitted to a table, and all that is needed to predict other tables with it.

    Attributes
    ----------
    fit : Fit
        The fit of the model to the table's numbers. Its attributes are also attributes of this object:
        `outcome`, `message`, `certificate`, `trace`, `params` and the rest.
    encoding : Encoding
        How the columns become numbers.
    target : str
        The column to predict.
    classes : tuple or None
        The labels of a classification; None for a regression.
    loss : Loss
        The loss that was minimised.
    score : Score or None
        The score on the held-out rows; None if no rows were held out.
    notes : list of str
        Sentences on what was read, how each column was encoded, filled in or dropped, and what was fitted.
    warnings : list of Finding
        What is suspicious in the table, each with its evidence and a cure. An empty list if nothing is.
    learnt : array of bool
        A mask of the rows of the table: True for the rows that were fitted.
    held_out : HeldOut or None
        The held-out rows; None if there are none, or if the fit was loaded from disk.
    spread : array or None
        The standard deviation of each column of the matrix in the training rows; None for a model without coefficients
        of columns.
    effects : array or None
        The effect of each column of the table, if the fit was loaded; see `importance`.
    looked_at : FittedTable or None
        What the warnings are told from; None if the fit was loaded, whose warnings `more` leaves as they are.
    """

    score: Score | None
    notes: list[str]
    learnt: np.ndarray = field(repr=False)
    held_out: HeldOut | None = field(default=None, repr=False)
    spread: np.ndarray | None = field(default=None, repr=False)
    warnings: list[Finding] = field(default_factory=list)
    effects: np.ndarray | None = field(default=None, repr=False)
    looked_at: FittedTable | None = field(default=None, repr=False)

    @np.errstate(all="ignore")
    def more(
        self, table: Table = None, *, encoding: str | None = None, sheet: str | None = None, **how: Unpack[Continuation]
    ) -> TableFit:
        """Continue from where this fit stopped, and score the result.

        Parameters
        ----------
        table : path, DataFrame, pyarrow.Table or dict, optional
            The table of the fit. It must be given if the fit was loaded from disk, because tables are not saved.
        encoding, sheet : str, optional
            The encoding of a CSV and the sheet of a workbook, as for `fit_table`.
        **how : optional
            ``epochs``, ``tolerance``, ``seconds``, ``callback`` and ``progress``, as for `Fit.more`.

        Returns
        -------
        TableFit
            A new fit, whose trace continues the trace of this fit.

        Raises
        ------
        ValueError
            If the table is not that of the fit.
        RuntimeError
            If the fit was loaded from disk, and no table is given or the fit is one of each class against the rest.
        """
        looked_at = self.looked_at
        if table is None:
            if self.data is None:
                raise RuntimeError("the table of a fit is not saved with it: give it again, fit.more(table, …)")
            fitted, held_out = self.fit.more(**how), self.held_out
            scale = LogTarget.of(fitted, self.loss) if self.log_target else None
            if held_out is not None:
                held_out = replace(held_out, predicted=in_units(outputs_of(fitted, held_out.X), scale))
        else:
            log_target = self.log_target is not None
            ready = prepare_again(
                table, self.target, self.classes, self.encoding, self.learnt, log_target=log_target,
                text_encoding=encoding, sheet=sheet,
            )  # fmt: skip
            rows = (ready.logged() if log_target else ready).training
            fitted = self.fit.more(rows.X, rows.y, **how)
            scale = LogTarget.of(fitted, self.loss) if log_target else None
            held_out = held_out_of(fitted, ready.held_out, scale)
        fitted.columns, fitted.trace.names = self.fit.columns, self.fit.trace.names
        score = None
        if held_out is not None and fitted.data is not None:
            y, measured = fitted.data[1], self.loss
            if scale is not None:
                y, measured = np.exp(y), scale.measured_by(measured)
            score = score_of(held_out, y, measured, self.classes, fitted.success)
        notes, warnings = self.notes, self.warnings
        if self.log_target is not None and scale is not None:
            before, after = (printable(each.note(self.target, self.loss)) for each in (self.log_target, scale))
            notes = [after if note == before else note for note in notes]
        if looked_at is not None:
            looked_at = replace(looked_at, fit=fitted, log_target=scale)
            warnings = warnings_of(looked_at)
        return replace(
            self, fit=fitted, score=score, held_out=held_out, log_target=scale, notes=notes, warnings=warnings,
            looked_at=looked_at,
        )  # fmt: skip

    def bootstrap(
        self, resamples: int = 1000, kind: str = "rows", *, rng: Seed = None, progress: bool | None = None
    ) -> Bootstrap:
        """Refit the model to the rows of the fit drawn again, as `Fit.bootstrap` does.

        The encoding of the columns stays that of the fit. Rows that were held out are not drawn.

        Parameters
        ----------
        resamples, kind, rng, progress
            As for `Fit.bootstrap`.

        Returns
        -------
        Bootstrap
            The refits, with standard errors and intervals for each encoded column.

        Raises
        ------
        ValueError
            If the fit has not converged, or its rows do not determine its coefficients.
        RuntimeError
            If the fit was loaded, or its model is a network, a tree or one of each class against the rest.
        """
        return self.fit.bootstrap(resamples, kind, rng=rng, progress=progress)

    def save(self, folder: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
        """Write the fit, its encoding, its held-out predictions and a picture into a folder: all of them, or none.

        Parameters
        ----------
        folder : path
            The folder, which is created if missing; a fit that was saved there is replaced in one step.
        overwrite : bool
            Also write into a folder with other files, and replace those that have the same names.

        Returns
        -------
        pathlib.Path
            The folder.

        Raises
        ------
        FileExistsError
            If the folder holds other files, or files that have changed since they were saved.
        OSError
            If the folder can't be written.
        """
        from steepest.inspection import FitDisplay, save_figure

        with staged(folder, overwrite) as draft:
            save_figure(FitDisplay.from_run(self), draft / PICTURE)
            if self.held_out is not None:
                self.write(draft / PREDICTIONS, self.held_out.predicted, self.held_out)
            write_record(draft, *self._saved())
        return Path(folder)

    def importance(
        self, kind: str = "permutation", *, repeats: int | None = None, rng: Seed = 0
    ) -> dict[str, float]:  # fmt: skip
        """Return how much each column of the table matters, the largest first.

        The columns of the matrix that a column of texts or dates became are taken together.

        Parameters
        ----------
        kind : {"permutation", "effect"}
            "permutation" is what the loss of the held-out rows, `score.loss`, grows by if the values of the column are
            shuffled among them. It suits any model, and tells what the predictions would lose. "effect" is the standard
            deviation of what the column adds to the output of a linear model in the rows of the fit: for a column of
            numbers |coefficient| × standard deviation. It has the unit of that output: of the target, of its logarithm
            with ``log_target=True``, or log odds.
        repeats : int, optional
            How often each column is shuffled; 10 times by default.
        rng : int, numpy.random.Generator or None
            Draws the orders.

        Returns
        -------
        dict of str to float
            The importance by column. Without held-out rows columns are shuffled in those of the fit, on which columns
            that the model followed by chance look important, too. Of several classes the largest effect counts.

        Raises
        ------
        RuntimeError
            If the fit was loaded, as rows are not saved with it; the effects are saved.
        AttributeError
            If the model has no coefficients of columns, and so no effects.
        ValueError
            If an argument is not known, or has no meaning beside the others.

        Notes
        -----
        Breiman, "Random forests" (2001). Two columns that tell the same share their importance: each looks useless, as
        the other is left. With more than 10,000 rows, so many of them are drawn.

        Examples
        --------
        >>> heights = {"age": [2, 4, 6, 8], "sex": ["f", "m", "f", "f"], "height": [86.0, 103.0, 116.0, 128.0]}
        >>> from steepest.tabular.fit import fit_table
        >>> fitted = fit_table(heights, "height", held_out=0)
        >>> {name: round(value, 2) for name, value in fitted.importance(kind="effect").items()}
        {'age': 15.81, 'sex': 1.05}
        """
        repeats, groups = check_importance(kind, repeats, rng), self.encoding.groups
        if kind == "effect":
            _ = self.coefficients  # a model without them is refused
            effects = self._effects()
            if effects is None:
                raise RuntimeError("this folder holds no effects, as an earlier version wrote it: fit the table again")
            pairs = zip(groups, effects.tolist(), strict=True)
            return dict(sorted(pairs, key=lambda pair: -pair[1]))
        rows = self.data
        if self.held_out is not None:
            truth = self.held_out.truth
            rows = self.held_out.X, truth if self.log_target is None else np.log(truth)
        if rows is None:
            raise RuntimeError(
                "the rows of a table are not saved with its fit, so no column can be shuffled: fit the table again"
                + (', or ask for kind="effect"' if has_coefficients(self.model) else "")
            )
        return shuffled_importance(self.fit, groups, *rows, self.loss, repeats, rng)

    def _effects(self) -> np.ndarray | None:
        """Return the effect of each column of the table; None if it is not known."""
        if not has_coefficients(self.model):
            return None
        if self.data is None:
            return self.effects
        return effects_of(self.encoding.groups, self.data[0], self.params["coef"])

    def _saved(self) -> tuple[dict[str, Json], dict[str, np.ndarray]]:
        """Return the record and the arrays to save."""
        record, arrays = self.fit._saved()
        optional = {"spread": self.spread, "effects": self._effects()}
        known = {name: each for name, each in optional.items() if each is not None}
        return record | self._record(), arrays | {"learnt": self.learnt} | known

    def __str__(self) -> str:
        doubt = self.score.doubt() if self.score else ""
        lines = [doubt, ""] if doubt else []
        # The score comes first, and its confusion matrix and the warnings last.
        score, _, confusion = self._score_in_words().partition("\n\n")
        lines += [score, "", *map(printable, self._notes()), "", self._described()]
        lines += ["", confusion] if confusion else []
        if self.warnings:
            lines += ["", *warning_lines(self.warnings)]
        return "\n".join(lines)

    def _described(self) -> str:
        """Return the fit as text, without its notes and its score."""
        if not has_coefficients(self.model):
            return super().__str__()
        coef, intercept = (np.asarray(self.params[name]) for name in ("coef", "intercept"))
        outputs = 1 if coef.ndim == 1 else len(coef)
        estimates = np.column_stack([coef.reshape(outputs, -1), np.atleast_1d(intercept)])

        def table(uncertainty: Uncertainty | None) -> tuple[list[str], list[str], bool]:
            errors = None
            if uncertainty is not None:
                # All coefficients class by class, then all intercepts.
                flat = uncertainty.flat_errors
                errors = np.column_stack([flat[:-outputs].reshape(outputs, -1), flat[-outputs:]])
            labels = (self.classes or ()) if outputs > 1 else ()
            relative = self.log_target is not None
            names, lines, with_errors = coefficient_lines(
                self.encoding.names, labels, estimates, errors, self.spread, relative
            )
            if self.spread is not None:
                names.append("effect")
                lines.append(printable(effect_in_words(self.loss.name, self.target, self.classes, relative)))
            return names, lines, with_errors

        on = " of the logarithm" if self.log_target is not None else ""
        return described_fit(self.fit, self.fit._named, table, loss_name(self.loss) + on)

    def _summary(self) -> tuple[str, str]:
        headline, _, text = self._described().partition("\n")
        if doubt := self.score.doubt() if self.score else "":
            headline, text = doubt, f"{headline}\n{text}"
        return headline, "\n".join(
            [self._score_in_words(), "", dedent(text), "", *warning_lines(self.warnings), *self._notes()]
        )

    def _notes(self) -> list[str]:
        """Return the notes to print: those that say more than the warnings."""
        return not_repeated(self.notes, self.warnings[:MOST_WARNINGS], self.encoding.left_out)

    def _score_in_words(self) -> str:
        return self.score.words() if self.score else "no rows were held out, so there is no score"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TableFit):
            return NotImplemented
        # Compare the records as text: in numbers, NaN would differ from NaN.
        return self.fit == other.fit and dumps(self._record()) == dumps(other._record())

    def _record(self) -> dict[str, Json]:
        """Return the fields that are saved in addition to those of `fit`."""
        return {
            "result": "table",
            "encoding": self.encoding.to_dict(),
            "target": self.target,
            "classes": self.classes and list(self.classes),
            "loss": to_json(self.loss),
            "score": self.score and asdict(self.score),
            "notes": self.notes,
            "warnings": [asdict(each) for each in self.warnings],
            **({} if self.log_target is None else {"log_target": asdict(self.log_target)}),
        }

    @classmethod
    def from_record(cls, record: dict[str, Json], arrays: dict[str, np.ndarray]) -> TableFit:
        """Rebuild a fit from the files that `save` wrote.

        Parameters
        ----------
        record : dict
            The content of the JSON file, without its entry `result`.
        arrays : dict of str to array
            The arrays in the same folder.

        Returns
        -------
        TableFit
            An equal fit.
        """
        checked(record, TableRecord)
        record = dict(record)
        # Folders of earlier versions lack them.
        warnings = [checked(each, Finding) for each in record.pop("warnings", [])]
        scale = record.pop("log_target", None)
        own = {name: record.pop(name) for name in ("encoding", "target", "classes", "loss", "score", "notes")}
        if record["model"] is None:
            raise ValueError("the fit of a table has a model, and this one has none")
        classes, loss = own["classes"] and tuple(own["classes"]), from_json(own["loss"])
        if record["model"]["kind"] == "network":
            fit: Fit = network_from_record(record, arrays)
        elif record["model"]["kind"] == "tree":
            fit = tree_from_record({**record, "loss": own["loss"]}, arrays)
        else:
            fit = fit_from_record(record, arrays, OneVsRestFit if needs_one_vs_rest(classes, loss) else Fit)
        if classes is not None and len(set(classes)) != _classes_of(fit):
            raise ValueError(f"the model does not fit {len(classes)} classes")
        return cls(
            fit=fit,
            encoding=Encoding.from_dict(own["encoding"]),
            target=own["target"],
            classes=classes,
            loss=loss,
            score=own["score"] and checked(own["score"], Score),
            notes=own["notes"],
            warnings=warnings,
            learnt=arrays["learnt"],
            # Folders of earlier versions lack these.
            spread=arrays.get("spread"),
            effects=arrays.get("effects"),
            log_target=scale and checked(scale, LogTarget),
        )


def _classes_of(fit: Fit) -> int:
    """Return for how many classes a fitted model has outputs; two classes share one output."""
    if isinstance(fit.model, Network):
        assert fit.model.frame is not None
        return max(len(fit.model.frame.low), 2)
    if isinstance(fit.model, Tree):
        return max(fit.params["values"].shape[1], 2)
    coef = np.asarray(fit.params["coef"])
    return len(coef) if coef.ndim > 1 else 2


def held_out_of(fit: Fit, rows: TableRows, scale: LogTarget | None = None) -> HeldOut | None:
    """Return held-out rows with the outputs of a fit; None if there are no rows.

    Parameters
    ----------
    fit : Fit
        The fit.
    rows : TableRows
        The rows, with the target in its own units.
    scale : LogTarget, optional
        The way back to them, if the target was fitted as its logarithm.

    Returns
    -------
    HeldOut or None
        The rows with the outputs.
    """
    if not len(rows.y):
        return None
    return HeldOut(rows.numbers, rows.y, in_units(outputs_of(fit, rows.X), scale), rows.X)
