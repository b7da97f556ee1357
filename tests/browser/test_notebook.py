"""Notebooks in JupyterLab: the widget of `explore` and the cards, with sliders moved and places clicked."""

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import nbformat
import pytest

CELLS = [
    "import steepest as st",
    "def valley(x, y):\n    return (1 - x) ** 2 + 10 * (y - x**2) ** 2",
    "explorer = st.explore(valley, (-1.0, 1.5))\nexplorer",
    "st.gradient_descent(valley, (-1.0, 1.5), learning_rate=0.01, iterations=30)",
    "st.explore(lambda x: x**4 - 3 * x**2 + x, 1.8)",
]
# The theme follows the browser's, light or dark; nothing covers the page, and cells out of sight stay on it.
SETTINGS = {
    "notebook-extension/tracker": {"windowingMode": "none"},
    "apputils-extension/themes": {"adaptive-theme": True},
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False, "doNotDisturbMode": True},
}
STARTING, STOPPING = 60, 20  # seconds


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """Start JupyterLab on this machine alone, and return the address of a notebook; stop it in any case."""
    home = tmp_path_factory.mktemp("lab")
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
    book.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    (home / "books").mkdir()
    nbformat.write(book, home / "books" / "book.ipynb")
    for name, content in SETTINGS.items():
        file = home / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(content))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex(16)
    folders = {
        "JUPYTER_CONFIG_DIR": home / "config",
        "JUPYTER_DATA_DIR": home / "data",
        "JUPYTER_RUNTIME_DIR": home / "runtime",
        "JUPYTERLAB_SETTINGS_DIR": home / "settings",
        "JUPYTERLAB_WORKSPACES_DIR": home / "workspaces",
        "IPYTHONDIR": home / "ipython",
    }
    options = [
        "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}", "--ServerApp.port_retries=0",
        f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={home / 'books'}",
        "--LabApp.extension_manager=readonly", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]  # fmt: skip
    environment = os.environ | {name: str(folder) for name, folder in folders.items()}
    with (home / "log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *options],
            env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        try:
            _await(f"http://127.0.0.1:{port}/api?token={token}", server, home / "log")
            yield f"http://127.0.0.1:{port}/doc/tree/book.ipynb?token={token}"
        finally:
            # It stops its kernels first, which are in groups of their own.
            server.send_signal(signal.SIGTERM)
            try:
                server.wait(STOPPING)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait(STOPPING)


def _await(address, server, log):
    """Wait until a server answers."""
    due = time.monotonic() + STARTING
    while True:
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError:
            said = log.read_text()[-2000:]
            assert server.poll() is None, f"JupyterLab ended: {said}"
            assert time.monotonic() < due, f"JupyterLab did not answer in {STARTING} s: {said}"
            time.sleep(0.2)


def run_all(seen):
    seen.page.wait_for_selector(".jp-NotebookPanel .jp-Cell", timeout=60_000)
    seen.page.get_by_text("Python 3 (ipykernel) | Idle").wait_for(timeout=60_000)
    seen.page.get_by_role("menuitem", name="Run", exact=True).click()
    seen.page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    seen.page.wait_for_selector(".steepest-explorer >> nth=1", timeout=120_000)
    seen.page.wait_for_selector(".steepest-card", timeout=60_000)


def points(explorer):
    return explorer.locator("polyline.line").get_attribute("points")


def changed(seen, explorer, before):
    """Wait until the path differs, and return it."""
    due = time.monotonic() + 30
    while (now := points(explorer)) == before:
        assert time.monotonic() < due
        seen.page.wait_for_timeout(20)
    return now


def test_the_path_follows_the_sliders_and_the_start(visit, lab):
    seen = visit(lab)
    run_all(seen)
    page = seen.page
    explorer, curve = (page.locator(".steepest-explorer").nth(k) for k in (0, 1))
    words = explorer.get_by_role("status")
    path = points(explorer)
    assert words.inner_text().startswith("After 50 steps the value is ")

    # By keys, as for one who has no mouse.
    rate = explorer.get_by_role("slider", name="Learning rate")
    rate.focus()
    page.keyboard.press("ArrowRight")
    path = changed(seen, explorer, path)
    page.keyboard.press("End")
    path = changed(seen, explorer, path)
    page.wait_for_timeout(300)
    assert words.inner_text().startswith("It diverged")
    rate.fill("40")
    path = changed(seen, explorer, path)

    explorer.get_by_role("slider", name="Momentum").fill("0.9")
    path = changed(seen, explorer, path)
    explorer.get_by_role("slider", name="Steps").fill("7")
    path = changed(seen, explorer, path)
    assert len(path.split()) == 8

    # A click on the middle of the picture; the fields show the same start.
    stage = explorer.locator(".stage")
    stage.click()
    path = changed(seen, explorer, path)
    fields = explorer.get_by_role("spinbutton")
    clicked = [float(value) for value in (fields.nth(0).input_value(), fields.nth(1).input_value())]
    box = stage.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 3, box["y"] + box["height"] / 3, steps=5)
    page.mouse.up()
    path = changed(seen, explorer, path)
    assert [float(fields.nth(k).input_value()) for k in (0, 1)] != clicked
    fields.nth(0).fill("0.5")
    path = changed(seen, explorer, path)

    curve.scroll_into_view_if_needed()
    before = points(curve)
    curve.get_by_role("slider", name="Momentum").fill("0.5")
    changed(seen, curve, before)

    ours = [line for line in seen.complaints if "steepest" in line or "anywidget" in line or "exception" in line]
    assert ours == []
    assert seen.violations(".steepest-explorer") == []
    assert seen.violations(".steepest-card") == []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.wait_for_timeout(500)
        for k, part in enumerate([explorer, page.locator(".steepest-card"), curve]):
            part.screenshot(path=seen.folder / f"notebook-{k}-{scheme}.png")
