"""A small table is fitted, scored, drawn and saved without compiling anything, which would take seconds."""

import numpy as np
import pytest

from steepest.derivatives.compiled import Jitted


@pytest.fixture
def file(tmp_path):
    random = np.random.default_rng(0)
    kind = random.integers(0, 3, 150)
    size = kind + random.normal(size=150)
    rows = zip(np.array(["a", "b", "c"])[kind], size, random.normal(size=150), size > 1, strict=True)
    path = tmp_path / "kinds.csv"
    path.write_text("\n".join(["kind,size,noise,large", *(f"{a},{b:.3f},{c:.3f},{d}" for a, b, c, d in rows)]))
    return path


@pytest.mark.parametrize(
    ("target", "features", "word"),
    [("size", "kind,noise", "R²"), ("kind", "size,noise", "softmax"), ("large", "kind,noise", "log loss")],
)
def test_nothing_is_compiled(run, file, monkeypatch, target, features, word):
    def refuse(self, *args):
        raise AssertionError("compiled code was called")

    monkeypatch.setattr(Jitted, "__call__", refuse)
    code, out, _ = run("fit", file, "--target", target, "--features", features, "--out", "fitted")
    assert code == 0
    assert word in out
    assert "saved in: fitted" in out
