"""The site of the documents, once `make docs` has built it."""

from pathlib import Path

import pytest

SITE = Path(__file__).resolve().parents[2] / "docs" / "_build" / "html"
PAGES = ("index", "howto", "comparison", "gallery", "certificates", "api/descent", "tutorial/descent")

pytestmark = pytest.mark.skipif(not (SITE / "index.html").exists(), reason="make docs builds the site")


def elsewhere(seen):
    return [address for address in seen.requests if not address.startswith("file:")]


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_quiet_and_for_everybody(visit, page):
    seen = visit(SITE / f"{page}.html")
    assert elsewhere(seen) == []
    assert seen.complaints == []
    assert seen.sideways(390) == 0
    assert seen.violations() == []


@pytest.mark.parametrize(
    ("words", "section"), [("lasso", "lasso"), ("minimise", "Minimise"), ("logistic regression", "Logistic")]
)
def test_a_search_finds_the_task(visit, words, section):
    seen = visit(SITE / "index.html")
    seen.page.goto(f"{(SITE / 'search.html').as_uri()}?q={words}")
    seen.until("document.querySelectorAll('#search-results li a').length > 0")
    address = seen.page.locator("#search-results li a").first.get_attribute("href")
    assert address.startswith("howto.html#")
    seen.page.goto(f"{SITE.as_uri()}/{address}")
    anchor = address.partition("#")[2]
    heading = f"document.getElementById('{anchor}').closest('section').querySelector('h2').textContent"
    assert section in seen.page.evaluate(heading)


def test_a_moving_picture_can_be_held(visit):
    seen = visit(SITE / "index.html")
    shown = "document.querySelector('picture.only-light img').currentSrc"
    assert seen.page.evaluate(shown).endswith(".gif")
    seen.page.click("button.hold:visible")
    seen.until(f"{shown}.endsWith('-still.png')")


def test_one_who_wants_no_motion_sees_none(visit):
    seen = visit(SITE / "index.html", motion=False)
    assert seen.page.evaluate("document.querySelector('picture.only-light img').currentSrc").endswith("-still.png")
