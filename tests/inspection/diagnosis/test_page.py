"""The page about diagnosis names each cause, in the order of importance."""

import re
from pathlib import Path

from steepest.inspection.diagnosis.causes import CAUSES, EXPLAINS

PAGE = Path(__file__).parents[3] / "docs" / "diagnosis.md"


def test_the_page_has_a_row_for_each_cause():
    table = PAGE.read_text("utf-8").partition("## What it looks for")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (.+?) \| (.+?) \| (.+?) \|$", table, flags=re.MULTILINE)
    assert [name for name, *_ in rows[2:]] == [cause.name for cause in CAUSES]


def test_what_a_cause_explains_is_a_cause():
    known = {cause.name for cause in CAUSES}
    assert all(known.issuperset(explained) for explained in EXPLAINS.values())
