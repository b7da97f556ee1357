"""Trees on the command line."""

import pytest
from tests.tabular.test_trees import TABLE


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "late.csv"
    rows = zip(*TABLE.values(), strict=True)
    lines = [",".join("" if value is None else str(value) for value in row) for row in rows]
    path.write_text("\n".join([",".join(TABLE), *lines]))
    return path


def test_a_tree_is_fitted_and_predicts(run, file):
    code, out, _ = run("fit", file, "--target", "late", "--model", "tree", "--depth", 2, "--out", "fitted")
    assert code == 0
    assert "carrier is B6 or DL" in out
    code, out, _ = run("predict", "fitted", file)
    assert code == 0
    assert out.startswith('"row","predicted","probability of late"')
    shares = [float(line.split(",")[2]) for line in out.splitlines()[1:]]
    assert len(shares) == len(TABLE["late"])
    assert all(0 < share < 1 for share in shares)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--model", "tree", "--depth", "9"], "512 leaves"),
        (["--model", "linear", "--depth", "3"], "--depth is for --model tree, and the model is linear"),
        (["--model", "tree", "--hidden", "3"], "--hidden is for --model network, and the model is tree"),
        (["--model", "tree", "--splits", "two"], "'one' or 'all'"),
        (["--model", "tree", "--leaves", "linear"], "linear leaves"),
        (["--model", "tree", "--learning-rate", "0.1"], "is not for a tree"),
        (["--model", "network", "--missing", "keep"], "needs every value"),
    ],
)
def test_what_makes_no_sense_is_refused(refused, file, options, words):
    assert words in refused("fit", file, "--target", "late", "--out", "fitted", *options)
