"""`steepest diagnose`, its cures as commands, and the words after a run that failed."""

import shlex

import pytest

import steepest.inspection.diagnosis.diagnose as rooms
from steepest.call import Call
from steepest.cli.app import app
from steepest.cli.cures import in_shell
from steepest.finding import Finding

FORMULA = "x**2 + 10*y**2"
TYPED = {
    "minimize": ("minimize", FORMULA, "--start=9,9", "--learning-rate", "0.3", "--iterations=50", "--out", "runs/x"),
    "fit": ("fit", "a.csv", "--target", "y", "--out", "runs/y", "--ridge", "0.5", "--log-target", "--drop", "a,b"),
}
CALLS = {
    "minimize": Call(
        "minimize", {"f": max, "start": 9.0, "step": 0.3, "iterations": 50}, ("f", "start"), None, TYPED["minimize"]
    ),
    "fit": Call(
        "fit_table", {"table": "a.csv", "target": "y", "drop": ["a", "b"]}, ("table", "target"), None, TYPED["fit"]
    ),
}
for name, call in CALLS.items():
    call.typed = TYPED[name]


def cured(command, **changes):
    call = CALLS[command]
    finding = Finding("warning", "a cause", "It went wrong.", call=str(call.changed(**changes)))
    return in_shell(finding, call, app.commands).call


@pytest.mark.parametrize(
    ("command", "changes", "removed", "added"),
    [
        ("minimize", {"step": 0.05}, ["--learning-rate", "0.3"], ["--learning-rate", "0.05"]),
        ("minimize", {"step": None}, ["--learning-rate", "0.3"], []),
        ("minimize", {"step": "armijo"}, ["--learning-rate", "0.3"], ["--step", "armijo"]),
        (
            "minimize",
            {"iterations": 900, "direction": "adam"},
            ["--iterations=50"],
            ["--iterations", "900", "--direction", "adam"],
        ),
        ("fit", {"drop": ["a", "c d"]}, ["--drop", "a,b"], ["--drop", "a,c d"]),
        ("fit", {"penalty": "auto"}, ["--ridge", "0.5"], ["--penalty", "auto"]),
        ("fit", {"loss": "log loss"}, [], ["--loss", "log-loss"]),
    ],
)
def test_a_cure_of_the_shell_is_the_command_with_other_options(command, changes, removed, added):
    left = [word for word in TYPED[command] if word not in removed]
    words = shlex.split(cured(command, **changes))
    assert words[0] == "steepest"
    assert sorted(words[1:]) == sorted([*left, *added])
    for name, value in zip(added[::2], added[1::2], strict=True):
        assert words[words.index(name) + 1] == value
    # The command can be read: its options exist, and each is given once.
    app.commands[command].make_context(command, words[2:])


def test_a_penalty_or_a_network_becomes_its_options():
    import steepest as st

    words = shlex.split(cured("fit", penalty=st.penalties.L2(0.1), model=st.models.Network(hidden=(8, 4))))
    assert "--ridge" not in words
    assert words[words.index("--penalty") :][:4] == ["--penalty", "l2", "--alpha", "0.1"]
    assert words[words.index("--hidden") + 1] == "8,4"


def test_what_has_no_option_is_left_to_python():
    assert cured("minimize", repeats=10).startswith("st.minimize(")
    assert cured("minimize", name="race").startswith("st.race(")
    assert (
        in_shell(Finding("note", "a", "b", call="learning_rate = 0.1"), CALLS["minimize"], app.commands).call
        == "learning_rate = 0.1"
    )


@pytest.fixture
def found(monkeypatch):
    """Let a diagnosis find two things in each run that was given a learning rate."""

    def finder(case):
        if case.asked("step") not in (None, "auto"):
            yield Finding(
                "warning",
                "a cause",
                "It went wrong.",
                "Go slower.",
                call=str(case.call.changed(step=0.01)),
                confidence=0.95,
            )
            yield Finding("note", "a doubt", "It may be.", confidence=0.6)

    monkeypatch.setattr(rooms, "FINDERS", (finder,) * 2)


def test_the_command_says_what_went_wrong_and_how_sure_that_is(run, found):
    words = ("minimize", FORMULA, "--start=9,9", "--learning-rate", "0.3", "--iterations", "50")
    code, out, _ = run(*words, "--out", "one")
    assert code == 1
    assert out.endswith("diagnosis: It went wrong. (95 % sure); steepest diagnose one says what to do\n")
    code, out, _ = run("diagnose", "one")
    assert code == 1
    assert "1. A cause (95 % sure)\n   It went wrong.\n   What to do: Go slower.\n" in out
    assert f"steepest minimize '{FORMULA}' --start=9,9 --iterations 50 --out one --learning-rate 0.01\n" in out
    assert "\n4. " not in out
    assert "and 1 more: add --all\n" in out
    assert "judged from the record alone" in out
    assert "\n4. A doubt" in run("diagnose", "one", "--all")[1]
    # Without a folder the cure follows at once.
    out = run(*words)[1]
    assert out.splitlines()[-1].startswith("diagnosis: It went wrong. (95 % sure); try steepest minimize ")


def test_nothing_is_said_of_a_healthy_run(run, found):
    code, out, _ = run("minimize", FORMULA, "--start=9,9", "--out", "one")
    assert (code, "diagnosis" in out) == (0, False)
    code, out, _ = run("diagnose", "one")
    assert code == 0
    assert "Nothing suspicious was found." in out


def test_what_the_command_refuses(run, refused):
    run("minimize", "x**2", "--start=9", "--out", "one")
    assert "--loss is for a log" in refused("diagnose", "one", "--loss", "a")
    assert "--loss" in refused("diagnose", "one", "--los", "a")


def test_a_log_says_which_column_was_taken_also_if_nothing_was_found(run, tmp_path):
    path = tmp_path / "losses.csv"
    path.write_text("epoch,loss\n" + "".join(f"{k},{0.5**k}\n" for k in range(30)))
    code, out, _ = run("diagnose", str(path))
    assert code == 0
    assert "loss from 'loss'" in out
    assert "Nothing suspicious was found" in out
