"""What is said of loops that were recorded, and of logs: the cause alone, in their own units, with a picture."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

import steepest as st

SLOPES = np.array([2.0, 0.4])


def looped(rate, steps=40, *, sign=1.0, broken_at=None, keep=False, x=True, gradient=True):
    """Record plain descent of a bowl whose minimum is at (300, 300), as of weights in raw units."""
    rec, w, g = st.Recorder(), np.zeros(2), np.zeros(2)
    for k in range(steps):
        value, now = float(np.sum(SLOPES * (w - 300) ** 2) / 2), SLOPES * (w - 300)
        g = g + now if keep else now
        if broken_at is not None and k >= broken_at:
            value, g = np.nan, np.full(2, np.nan)
        rec.step(value, gradient=g if gradient else None, x=w if x else None, learning_rate=rate)
        w = w - sign * rate * g
    return rec.run


def named(run):
    return [finding.name for finding in run.diagnose()]


class TestRecorded:
    def test_a_divergence_is_named_once(self):
        assert named(looped(1.5)) == ["step above the stability limit"]

    def test_one_to_infinity_is_no_plateau(self):
        with np.errstate(all="ignore"):
            assert named(looped(1e8, 60)) == ["step above the stability limit"]

    def test_a_step_that_is_added_goes_uphill(self):
        (found,) = looped(0.1, sign=-1).diagnose()
        assert found.name == "wrong gradient"
        assert found.call == "x = x - learning_rate * gradient"

    def test_one_that_climbs_on_purpose_does_not(self):
        rec, w = st.Recorder(maximize=True), np.zeros(2)
        for _ in range(60):
            gradient = -SLOPES * (w - 300)
            rec.step(-float(np.sum(SLOPES * (w - 300) ** 2)) / 2, gradient=gradient, x=w, learning_rate=0.5)
            w = w + 0.5 * gradient
        assert not named(rec.run)

    def test_a_gradient_that_is_never_set_to_0_is_wrong(self):
        (found,) = looped(0.05, 150, keep=True).diagnose()
        assert found.name == "wrong gradient"
        assert "set to 0" in found.cure

    def test_a_loss_of_nan_is_dated_and_weights_in_raw_units_did_not_explode(self):
        (found,) = looped(0.5, broken_at=20).diagnose()
        assert found.name == "not finite"
        assert found.text.startswith("At iteration 20 the loss became NaN")
        assert "bounds" not in found.cure

    @pytest.mark.parametrize("how", [{"x": False}, {"gradient": False}, {"sign": -1.0}, {"keep": True}, {}])
    def test_the_pictures_that_findings_name_can_be_drawn(self, how):
        rate = 0.05 if how.get("keep") else 1.5
        run = looped(rate, 150 if how.get("keep") else 40, **how)
        assert named(run)
        for finding in run.diagnose():
            getattr(st.inspection, finding.picture).from_run(run).plot()
            plt.close("all")

    def test_the_best_value_is_not_called_a_minimum(self):
        assert "lowest  " in str(looped(0.1, 3))
        assert "minimum" not in str(looped(0.1, 3))
        assert " at " not in str(looped(0.1, 3, x=False)).partition("lowest")[2]

    def test_without_a_validation_loss_none_is_drawn(self):
        assert st.inspection.DescentDisplay.from_run(looped(0.1, 3)).validation is None


class TestLogs:
    def test_a_loss_of_nan_needs_no_more_epochs(self):
        losses = {"epoch": range(40), "loss": [1 / (k + 1) if k < 20 else np.nan for k in range(40)]}
        (found,) = st.read_log(losses).diagnose()
        assert found.text.startswith("At epoch 20 the loss became NaN")

    def test_more_epochs_are_more_than_were_made(self):
        found = st.read_log({"epoch": range(15), "loss": 3 * 0.97 ** np.arange(15), "lr": [0.001] * 15}).diagnose()
        for each in found:
            if each.name == "too few iterations":
                name, _, count = each.call.partition(" = ")
                assert name == "epochs"
                assert int(count) > 15

    def test_steps_that_a_log_leaves_out_were_not_rejected(self):
        log = {"step": range(9, 300, 10), "loss": np.exp(-np.arange(30) / 9), "val_loss": [np.nan, 0.5, np.nan] * 10}
        display = st.inspection.DescentDisplay.from_run(st.read_log(log)).plot()
        assert not display.events
        marked = [line.get_xdata() for line in display.ax_.lines if line.get_label() == "validation"]
        assert len(marked[0]) == 10
        plt.close("all")

    def test_over_fitting_is_told_in_epochs(self):
        epoch = np.arange(60)
        rising = 0.2 + np.exp(-epoch / 5) + 0.004 * np.maximum(0, epoch - 15)
        (found,) = st.read_log({"epoch": epoch, "loss": np.exp(-epoch / 10), "val_loss": rising}).diagnose()
        assert found.call == "epochs = 20"


def test_an_absurd_row_of_a_table_has_its_number_there():
    random = np.random.default_rng(0)
    x, z = random.normal(size=(2, 120))
    y = 3 * x + z + 0.1 * random.normal(size=120)
    y[77] = 1e6
    found = st.fit_table({"x": x, "z": z, "y": y}, "y", rng=1).diagnose()
    # Counted from 1, and with the rows held out, unless this row was held out itself.
    assert found[0].text.startswith("Row 78 makes up 100 % ")
    assert "nothing learned" not in [finding.name for finding in found]


def test_a_loss_that_was_never_a_number_is_named_and_one_that_was_not_recorded_is_not():
    rec = st.Recorder()
    for _ in range(5):
        rec.step(float("nan"))
    assert named(rec.run) == ["not finite"]
    rec = st.Recorder()
    for k in range(5):
        rec.step(gradient=[0.5**k, 0.0])
    assert not rec.run.diagnose()
