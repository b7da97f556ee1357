"""Cells in a real kernel: a long run shows one line, which is updated, and the saved notebook stays small."""

import nbformat
import pytest
from nbclient import NotebookClient

# Runs in place of the 2 seconds and the half second that a reader waits.
QUICK = """
import steepest as st
from steepest.descent import progress
from steepest.inspection.motion import progress as drawing
progress.PATIENCE = drawing.PATIENCE = 0.01
progress.PAUSE = drawing.PAUSE = 0.0
def valley(x, y):
    return (1 - x) ** 2 + 100 * (y - x**2) ** 2
"""
DESCENT = "run = st.minimize(valley, (-1.2, 1.0), step=1e-3, iterations=20_000);"
FILM = "run.animate('film.gif', frames=12);"
# However slow the machine is, this run is shorter than what a reader waits.
CARD = "progress.PATIENCE = 60.0; st.gradient_descent(valley, (-1.2, 1.0), learning_rate=1e-3, iterations=50)"
OFF = "progress.PATIENCE = 0.01; st.minimize(valley, (-1.2, 1.0), step=1e-3, iterations=20_000, progress=False);"
INTERRUPTED = """
def stop(intermediate_result):
    if intermediate_result.nit == 500:
        raise KeyboardInterrupt
st.minimize(valley, (-1.2, 1.0), step=1e-3, iterations=20_000, callback=stop);
"""


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    """Return what each cell left in the saved notebook, and how many messages it sent."""
    cells = [QUICK, DESCENT, FILM, CARD, OFF, INTERRUPTED]
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    sent = {}

    class Client(NotebookClient):
        def process_message(self, message, cell, index):
            sent.setdefault(index, []).append(message["msg_type"])
            return super().process_message(message, cell, index)

    folder = tmp_path_factory.mktemp("book")
    client = Client(book, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(folder)}})
    client.execute()
    return [cell.outputs for cell in book.cells], sent


def lines(outputs):
    return [output.data["text/plain"] for output in outputs if output.output_type == "display_data"]


def test_a_long_run_leaves_one_line_that_was_updated(outputs):
    saved, sent = outputs
    assert saved[0] == []
    assert len(saved[1]) == 1
    [line] = lines(saved[1])
    assert line.startswith("20,000 iterations · value ")
    assert line.endswith(" s")
    assert "\n" not in line
    assert sent[1].count("display_data") == 1
    assert sent[1].count("update_display_data") >= 2


def test_an_animation_says_how_far_it_is(outputs):
    [line] = lines(outputs[0][2])
    assert line.startswith("drawing frames · 12 of 12 · ")


def test_a_short_run_shows_its_card_alone(outputs):
    [card] = outputs[0][3]
    assert card.output_type == "execute_result"
    assert "data:image/png" in card.data["text/html"]
    assert card.data["text/plain"].startswith("completed: 50 iterations")


def test_no_progress_is_none(outputs):
    assert outputs[0][4] == []


def test_an_interrupted_run_ends_its_line(outputs):
    [line] = lines(outputs[0][5])
    assert line.startswith("500 iterations")


def test_a_saved_notebook_is_small(outputs):
    cells = [nbformat.v4.new_code_cell(outputs=saved) for saved in outputs[0]]
    assert len(nbformat.writes(nbformat.v4.new_notebook(cells=cells))) < 100_000
