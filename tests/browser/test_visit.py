"""The fixture itself: it hears of each thing that the other tests say isn't there."""

BAD = """<!DOCTYPE html><html><head><title></title></head><body style="width: 500px">
<img src="missing.png"><p style="color: #aaa">pale</p><script src="https://example.org/x.js"></script>
<script>console.error("I complain"); setTimeout(() => { throw new Error("I throw") }, 1)</script></body></html>"""
GOOD = """<!DOCTYPE html><html lang="en"><head><title>Good</title><meta name="viewport" content="width=device-width">
</head><body><main><h1>Good</h1>
<img alt="a dot" src="data:image/gif;base64,R0lGODlhAQABAAAAACw="></main></body></html>"""


def test_a_bad_page_is_found_out(visit, tmp_path):
    (tmp_path / "bad.html").write_text(BAD)
    seen = visit(tmp_path / "bad.html")
    seen.until("document.readyState === 'complete'")
    seen.page.wait_for_timeout(200)
    assert [address.rpartition("/")[2] for address in seen.requests] == ["missing.png", "x.js"]
    complaints = " ".join(seen.complaints)
    assert all(part in complaints for part in ("I complain", "I throw", "ERR_INTERNET_DISCONNECTED"))
    found = {line.partition(":")[0] for line in seen.violations()}
    assert {"image-alt", "color-contrast", "html-has-lang", "document-title"} <= found
    assert seen.sideways(390) > 100


def test_a_good_page_is_left_in_peace(visit, tmp_path):
    (tmp_path / "good.html").write_text(GOOD)
    seen = visit(tmp_path / "good.html")
    assert (seen.requests, seen.complaints, seen.violations(), seen.sideways(390)) == ([], [], [], 0)
