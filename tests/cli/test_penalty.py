"""The penalty that the command line chooses by itself."""

import pytest
from tests.tabular.test_penalty import table


@pytest.fixture
def file(tmp_path):
    path, data = tmp_path / "noisy.csv", table(3.0)
    rows = [",".join(map(str, row)) for row in zip(*data.values(), strict=True)]
    path.write_text("\n".join([",".join(data), *rows]))
    return path


def test_a_strength_is_chosen_and_said(run, file):
    code, out, _ = run("fit", file, "--target", "y", "--out", "fitted")
    assert code == 0
    assert "penalty L2(" in out
    assert "on standardised columns" in out
    assert "by exact leave-one-out" in out


def test_a_strength_beside_the_choice_is_refused(refused, file):
    assert "--penalty auto chooses the strength" in refused(
        "fit", file, "--target", "y", "--out", "fitted", "--penalty", "auto", "--alpha", "1"
    )
    net = ("fit", file, "--target", "y", "--out", "fitted", "--penalty", "auto-elasticnet")
    assert "or choose --penalty elasticnet" in refused(*net, "--alpha", "1")
    assert "auto-elasticnet chooses it" in refused(*net, "--l1-ratio", "0.3")


def test_an_elastic_net_is_chosen_and_said(run, file):
    code, out, _ = run("fit", file, "--target", "y", "--out", "fitted", "--penalty", "auto-elasticnet")
    assert code == 0
    assert "by 5 folds" in out
