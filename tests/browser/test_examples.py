"""The notebooks in `examples` that take longer, executed as a user's are: in a process of their own."""

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize(
    ("name", "words"),
    [("function", "converged (audited)"), ("table", "converged (certified)"), ("tree", "restart")],
)
def test_it_runs(name, words, tmp_path):
    copy = tmp_path / f"{name}.ipynb"
    copy.write_bytes((EXAMPLES / f"{name}.ipynb").read_bytes())
    command = [sys.executable, "-c", "from nbclient.cli import main; main()", "--inplace", "--timeout=300", str(copy)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=400, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    book = nbformat.read(copy, 4)
    shown = [output for cell in book.cells if cell.cell_type == "code" for output in cell.outputs]
    assert words in " ".join(output.get("data", {}).get("text/plain", "") for output in shown)
    assert sum("image/png" in output.get("data", {}).get("text/html", "") for output in shown) >= 1
    assert copy.stat().st_size < 500_000
