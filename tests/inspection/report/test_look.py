"""The look of reports: contrasts by the formula of WCAG, and pictures in the colours of the page."""

import base64
import io
import re
from importlib import resources
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from steepest.inspection.plots import style
from steepest.inspection.report.svg import LETTERS, svg_of

SHEET = resources.files("steepest.inspection").joinpath("report/report.css").read_text("utf-8")
LIGHT, DARK = (
    dict(re.findall(r"(--[\w-]+): (#\w{6})", block)) for block in re.findall(r":root \{(.*?)\}", SHEET, re.DOTALL)
)


def luminance(colour):
    """Return the relative luminance of WCAG 2.2."""
    parts = np.array([int(colour[k : k + 2], 16) for k in (1, 3, 5)]) / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_the_formula_is_that_of_the_standard():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
def test_texts_stand_out_from_their_ground(scheme):
    assert scheme.keys() == LIGHT.keys()
    on = {name: ["--ground"] for name in ("--ink", "--soft", "--accent", *LETTERS.values())}
    on |= {f"--{tone}": ["--ground", f"--{tone}-ground"] for tone in ("good", "done", "open", "bad")}
    for name in ("--ink", "--soft"):
        on[name] += ["--card"]
    on["--ink"] += [f"--{tone}-ground" for tone in ("good", "done", "open", "bad")]
    for name, grounds in on.items():
        for ground in grounds:
            assert contrast(scheme[name], scheme[ground]) >= 4.5, (name, ground)
    assert contrast(scheme["--edge"], scheme["--ground"]) >= 3


def test_each_colour_of_texts_is_in_the_sheet():
    assert set(LETTERS.values()) <= LIGHT.keys()


def drawn(points=3):
    figure = style.blank(4, 3)
    ax = style.dress(figure.add_subplot())
    ax.scatter(np.arange(points), np.sin(np.arange(points)), color=style.BLUE)
    ax.plot([0, 1], [0, 1], color=style.GREY)
    ax.text(0, 0, "a < b & c", color=style.BLUE)
    style.label(ax, title="$5 & more", x="<x>", y="y")
    return figure


def test_greys_and_coloured_texts_take_the_colours_of_the_page():
    root = ElementTree.fromstring(svg_of(drawn(), "one", "A title", "What <to> see"))
    texts = {text.text: text.attrib["style"] for text in root.iter("text")}
    assert {"$5 & more", "<x>", "y", "a < b & c"} <= texts.keys()
    assert "var(--blue)" in texts["a < b & c"]
    assert "var(--soft)" in texts["<x>"]
    whole = ElementTree.tostring(root, "unicode")
    assert style.GREY not in whole
    # A dot stays in the colour of its series.
    assert f"fill: {style.BLUE}" in whole
    assert "font-family" not in whole
    assert (root.find("title").text, root.find("desc").text) == ("A title", "What <to> see")


def test_names_do_not_meet_those_of_another_picture():
    roots = [ElementTree.fromstring(svg_of(drawn(), name, "t", "d")) for name in ("one", "two")]
    names = [{each.attrib["id"] for each in root.iter() if "id" in each.attrib} for root in roots]
    assert names[0]
    assert not names[0] & names[1]
    for root, known in zip(roots, names, strict=True):
        for each in root.iter():
            for value in each.attrib.values():
                for used in re.findall(r"url\(#(.*?)\)", value):
                    assert used in known
            address = each.attrib.get("href", "")
            assert not address.startswith("#") or address[1:] in known


def test_many_points_become_an_image_and_texts_stay_texts():
    text = svg_of(drawn(20_000), "one", "t", "d")
    assert len(text) < 150_000
    root = ElementTree.fromstring(text)
    (image,) = root.iter("image")
    head, data = image.attrib["href"].split(",")
    assert head in ("data:image/webp;base64", "data:image/png;base64")
    with Image.open(io.BytesIO(base64.b64decode(data))) as picture:
        assert np.asarray(picture.convert("RGBA"))[..., 3].max() == 255
    assert "a < b & c" in [each.text for each in root.iter("text")]
