"""The page that `animate` writes, in a real browser."""

import pytest

import steepest as st


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """Return the path of a page with a film of 21 frames."""
    run = st.gradient_descent(
        lambda x, y: x**2 + 2 * y**2, (9.0, 4.0), learning_rate=0.1, iterations=20
    )  # fmt: skip
    return run.animate(tmp_path_factory.mktemp("film") / "path.html")


def frame(seen):
    return seen.page.evaluate("frame")


def test_it_asks_for_nothing_and_complains_of_nothing(visit, film):
    seen = visit(film)
    seen.until("frame === last && timer === null")
    assert seen.requests == []
    assert seen.complaints == []
    assert seen.violations() == []
    assert seen.sideways(390) == 0
    assert len(seen.shots("player")) >= 5


def test_it_plays_by_itself_and_pauses(visit, film):
    seen = visit(film)
    seen.until("frame > 1 && frame < last")
    button = seen.page.get_by_role("button", name="Pause")
    button.click()
    paused = frame(seen)
    seen.page.wait_for_timeout(500)
    assert frame(seen) == paused
    seen.page.get_by_role("button", name="Play").click()
    seen.until(f"frame > {paused}")


def test_it_stands_still_for_one_who_wants_no_motion(visit, film):
    seen = visit(film, motion=False)
    seen.page.wait_for_timeout(300)
    assert seen.page.evaluate("[frame === last, timer]") == [True, None]


def test_keys_step_and_go_to_the_ends(visit, film):
    seen = visit(film, motion=False)
    last = frame(seen)
    for key, place in [("ArrowLeft", last - 1), ("Home", 0), ("ArrowLeft", 0), ("ArrowRight", 1), ("End", last)]:
        seen.page.keyboard.press(key)
        assert frame(seen) == place
    seen.page.keyboard.press("Home")
    seen.page.keyboard.press("Space")
    seen.until("frame > 1")
    seen.page.keyboard.press("Space")
    assert seen.page.evaluate("timer") is None


def test_the_slider_scrubs_and_the_picture_and_caption_follow(visit, film):
    seen = visit(film, motion=False)
    whole = seen.page.locator(".film").screenshot()
    caption = seen.page.locator("#caption").inner_text()
    slider = seen.page.get_by_role("slider", name="Frame")
    slider.fill("3")
    assert frame(seen) == 3
    assert seen.page.locator("#caption").inner_text() != caption
    assert seen.page.locator(".film").screenshot() != whole
    # From the keyboard, where the slider has the focus: its own keys move it, once.
    slider.focus()
    seen.page.keyboard.press("ArrowRight")
    assert frame(seen) == 4
    box = slider.bounding_box()
    seen.page.mouse.click(box["x"] + box["width"] - 4, box["y"] + box["height"] / 2)
    assert seen.page.evaluate("frame === last")
