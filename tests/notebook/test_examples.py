"""The notebooks in `examples`: each is small, without outputs, and runs: those that take longer, nightly."""

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

BOOKS = sorted((Path(__file__).parents[2] / "examples").glob("*.ipynb"))


def test_all_are_there():
    assert [book.stem for book in BOOKS] == ["divergence", "function", "table", "tree"]


@pytest.mark.parametrize("path", BOOKS, ids=lambda path: path.stem)
def test_none_holds_outputs(path):
    assert path.stat().st_size < 10_000
    book = nbformat.read(path, 4)
    nbformat.validate(book)
    for cell in book.cells:
        assert cell.cell_type in ("code", "markdown")
        if cell.cell_type == "code":
            assert (cell.outputs, cell.execution_count) == ([], None)


def test_it_runs(tmp_path):
    path = next(book for book in BOOKS if book.stem == "divergence")
    book = nbformat.read(path, 4)
    NotebookClient(book, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}).execute()
    shown = [output for cell in book.cells if cell.cell_type == "code" for output in cell.outputs]
    assert not [output for output in shown if output.output_type in ("error", "stream")]
    said = " ".join(output.data["text/plain"] for output in shown)
    # What the words between the cells say.
    assert all(part in said for part in ("diverged: ", "0.08", "completed: 40 iterations", "converged (audited)"))
    assert sum("application/vnd.jupyter.widget-view+json" in output.data for output in shown) == 1
    assert len(nbformat.writes(book)) < 500_000


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("name", "words"),
    [("function", "converged (audited)"), ("table", "converged (certified)"), ("tree", "restart")],
)
def test_it_runs_as_users_execute_it(name, words, tmp_path):
    copy = tmp_path / f"{name}.ipynb"
    copy.write_bytes(next(book for book in BOOKS if book.stem == name).read_bytes())
    command = [sys.executable, "-c", "from nbclient.cli import main; main()", "--inplace", "--timeout=300", str(copy)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=400, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    book = nbformat.read(copy, 4)
    shown = [output for cell in book.cells if cell.cell_type == "code" for output in cell.outputs]
    assert words in " ".join(output.get("data", {}).get("text/plain", "") for output in shown)
    assert sum("image/png" in output.get("data", {}).get("text/html", "") for output in shown) >= 1
    assert copy.stat().st_size < 500_000
