"""Reports in a real browser: they ask for nothing, complain of nothing, and can be read and operated by anyone."""

import numpy as np
import pytest

import steepest as st


def valley(x, y):
    return (1 - x) ** 2 + 100 * (y - x**2) ** 2


def run():
    return st.minimize(valley, (-1.2, 1.0))


def failed():
    return st.gradient_descent(lambda x, y: x**2 + 3 * y**2, (9, 9), learning_rate=0.4, iterations=40)


def race():
    rules = {"slow": 0.0001, "too fast": 0.1, "auto": "auto"}
    return st.race(valley, (-1.2, 1.0), rules, evaluations=60)


def table():
    random = np.random.default_rng(0)
    size = random.normal(size=120)
    rows = {
        "size": np.where(np.arange(120) % 9 == 0, np.nan, size),
        "<script>alert(1)</script>": random.normal(size=120),
    }
    return st.fit_table(rows | {"kind": np.where(size + 0.3 * random.normal(size=120) > 0, "large", "small")}, "kind")


@pytest.mark.parametrize("make", [run, failed, race, table], ids=lambda make: make.__name__)
def test_it_asks_for_nothing_and_leaves_nobody_out(visit, tmp_path, make):
    seen = visit(make().report(tmp_path / "report.html"))
    for details in seen.page.locator("summary").all():
        details.click()
    assert seen.requests == []
    assert seen.complaints == []
    assert seen.violations() == []
    assert seen.sideways(390) == 0
    assert len(seen.shots(f"report-{make.__name__}")) >= 5


def test_the_player_plays_and_takes_only_its_own_keys(visit, tmp_path):
    seen = visit(run().report(tmp_path / "report.html"))
    last = seen.page.evaluate("last")
    seen.page.wait_for_timeout(300)
    # A reader of a report begins at its top, and nothing moves before it is asked to.
    assert seen.page.evaluate("[frame, timer]") == [last, None]
    seen.page.keyboard.press("ArrowLeft")
    seen.page.keyboard.press("Space")
    assert seen.page.evaluate("[frame, timer]") == [last, None]
    seen.until("scrollY > 0")
    seen.page.get_by_role("button", name="Play").click()
    seen.until("frame > 1 && frame < last")
    seen.page.get_by_role("button", name="Pause").click()
    seen.page.keyboard.press("Home")
    assert seen.page.evaluate("frame") == 0
    caption = seen.page.locator("#caption").inner_text()
    seen.page.keyboard.press("ArrowRight")
    assert seen.page.locator("#caption").inner_text() != caption


def test_a_picture_is_as_wide_as_a_phone_allows_and_its_letters_can_be_read(visit, tmp_path):
    seen = visit(run().report(tmp_path / "report.html", animation=False), width=390)
    sizes = seen.page.evaluate(
        """[...document.querySelectorAll(".picture svg text")].map(
            text => parseFloat(getComputedStyle(text).fontSize) * text.ownerSVGElement.getScreenCTM().a
        )"""
    )
    # In pixels: those at the axes, which are most, and the values on contour lines.
    assert np.median(sizes) >= 8.5
    assert min(sizes) >= 6
    assert seen.page.locator(".picture svg").first.bounding_box()["width"] >= 300


def test_the_print_has_all_figures_and_no_controls(visit, tmp_path):
    seen = visit(run().report(tmp_path / "report.html"), scheme="dark")
    seen.page.emulate_media(media="print")
    assert not seen.page.locator("#controls").is_visible()
    assert not seen.page.locator("nav").is_visible()
    assert seen.page.locator(".picture svg").first.is_visible()
    # Paper is white, whatever the screen is.
    assert seen.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


def test_a_surface_in_3d_asks_for_nothing(visit, tmp_path):
    pytest.importorskip("plotly")
    path = st.gradient_descent(lambda x, y: x**2 + y**2, (3.0, 2.0), learning_rate=0.1, iterations=10)
    seen = visit(path.report(tmp_path / "report.html", three_d=True, animation=False))
    assert "Cloud" not in seen.page.locator("body").inner_text()
    # Without a graphics card a surface takes minutes, so that only what leads to it is tried.
    assert seen.page.evaluate("typeof Plotly.react") == "function"
    assert (seen.requests, seen.complaints, seen.violations()) == ([], [], [])
