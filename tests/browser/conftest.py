"""A real browser: Debian's Chromium without a window, driven by Playwright. `make browser` runs these tests.

Each of them is marked `browser`, so that `make test` leaves it out. The fixture `visit` opens a page, and records what
it does::

    def test_my_page(visit, tmp_path):
        seen = visit(write_page(tmp_path / "page.html"))  # a path, for which the network is off, or an address
        seen.page.click("#play")  # Playwright's page: click, keyboard.press, locator, evaluate, ...
        seen.until("frame > 3")  # waits until this holds in the page, at most 30 seconds
        assert seen.requests == []  # the addresses that the page asked for, its own left out
        assert seen.complaints == []  # errors and warnings of its console, and exceptions
        assert seen.violations() == []  # axe-core's, WCAG A and AA, in light and dark, 390 and 1,280 pixels wide
        assert seen.sideways(390) == 0  # by how many pixels the page is wider than a phone
        seen.shots("page")  # page-390.png, page-390-dark.png, page-1280.png, ..., page-print.pdf, page-print-1.png

`visit(path, scheme="dark", width=390, motion=False)` opens it in dark, on a phone, for one who wants no motion.
`shots` writes to the folder that the variable STEEPEST_SHOTS names, or else to `tmp_path`. Playwright keeps a loop of
asyncio running, so a test here starts none of its own: run a notebook in another process.
"""

import json
import os
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
PHONE, DESK = 390, 1280
HEIGHT = 800
PATIENCE = 30.0  # seconds
NAMES = ("chromium", "chromium-browser", "google-chrome")
STANDARDS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
# Schemes that a page holds its own data in, for which no request leaves it.
INSIDE = ("data:", "blob:", "about:")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Mark the tests of this folder."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser():
    """Return Chromium, started once."""
    from playwright.sync_api import sync_playwright

    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.fail("there is no Chromium: make browser installs it on Debian, as root", pytrace=False)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program)
        yield chromium
        chromium.close()


@pytest.fixture
def visit(browser, tmp_path):
    """Return a function that opens a page and records what it does."""
    contexts = []

    def visit(where, *, scheme="light", width=DESK, motion=True):
        inside = not str(where).startswith("http")
        context = browser.new_context(
            viewport={"width": width, "height": HEIGHT},
            color_scheme=scheme,
            reduced_motion="no-preference" if motion else "reduce",
            offline=inside,
        )
        contexts.append(context)
        context.set_default_timeout(1000 * PATIENCE)
        page = context.new_page()
        seen = Seen(page, Path(os.environ.get("STEEPEST_SHOTS") or tmp_path))
        page.on("console", lambda line: seen.heard(line.type, line.text))
        page.on("pageerror", lambda error: seen.complaints.append(f"exception: {error}"))
        page.on("request", lambda request: seen.asked(request.url))
        page.goto(Path(where).resolve().as_uri() if inside else where)
        return seen

    yield visit
    for context in contexts:
        context.close()


@dataclass
class Seen:
    """An open page, and what it did."""

    page: Any
    folder: Path
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    _first: bool = True

    def heard(self, kind, text):
        if kind in ("error", "warning", "assert"):
            self.complaints.append(f"{kind}: {text}")

    def asked(self, address):
        if self._first:
            self._first = False
        elif not address.startswith(INSIDE):
            self.requests.append(address)

    def until(self, condition):
        """Wait until an expression of JavaScript holds; a page's policy may forbid Playwright's own way to wait."""
        due = time.monotonic() + PATIENCE
        while not self.page.evaluate(condition):
            assert time.monotonic() < due, f"{condition!r} did not come true in {PATIENCE:g} seconds"
            self.page.wait_for_timeout(20)

    def violations(self, inside="html"):
        """Return one line for each thing that axe-core finds wrong: in light and dark, on a phone and on a desk.

        `inside` is a selector of CSS for a part of the page.
        """
        # By the protocol of the debugger, as the page may forbid scripts of others.
        debugger = self.page.context.new_cdp_session(self.page)
        source = resources.files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")
        debugger.send("Runtime.evaluate", {"expression": source})
        found = {}
        for scheme, width in self._views():
            run = f"axe.run({json.dumps(inside)}, {{runOnly: {STANDARDS}, resultTypes: ['violations']}})"
            answer = debugger.send(
                "Runtime.evaluate",
                {"expression": f"{run}.then(found => found.violations)", "awaitPromise": True, "returnByValue": True},
            )
            for violation in answer["result"]["value"]:
                for node in violation["nodes"]:
                    line = f"{violation['id']}: {violation['help']}: {node['html'][:200]} {node['failureSummary']}"
                    found.setdefault(line, f"{line} ({scheme}, {width} px)")
        debugger.detach()
        return list(found.values())

    def sideways(self, width):
        """Return by how many pixels the page is wider than a window of some width."""
        before = self.page.viewport_size
        self.page.set_viewport_size({"width": width, "height": HEIGHT})
        wider = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        self.page.set_viewport_size(before)
        return wider

    def shots(self, name):
        """Write pictures of the whole page, on a phone, on a desk and on paper, and return their paths."""
        self.folder.mkdir(parents=True, exist_ok=True)
        paths = []
        for scheme, width in self._views():
            paths.append(self.folder / f"{name}-{width}{'-dark' * (scheme == 'dark')}.png")
            self.page.screenshot(path=paths[-1], full_page=True)
        paths.append(self.folder / f"{name}-print.pdf")
        self.page.pdf(path=paths[-1], format="A4")
        if shutil.which("pdftoppm"):
            subprocess.run(
                ["pdftoppm", "-r", "80", "-png", paths[-1], self.folder / f"{name}-print"], check=True, timeout=60
            )
            paths += sorted(self.folder.glob(f"{name}-print-*.png"))
        return paths

    def _views(self):
        """Bring the page into light and dark, at both widths, one after another, and back to what it was."""
        before = self.page.viewport_size
        was_dark = self.page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
        for scheme in ("light", "dark"):
            self.page.emulate_media(color_scheme=scheme)
            for width in (PHONE, DESK):
                self.page.set_viewport_size({"width": width, "height": HEIGHT})
                yield scheme, width
        self.page.emulate_media(color_scheme="dark" if was_dark else "light")
        self.page.set_viewport_size(before)
