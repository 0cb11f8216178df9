"""The eyes of the tests of pages see what is cut off and what is hardly legible, and nothing else."""

from collections.abc import Callable

import pytest
from browser import LAPTOP, cut_off, hardly_legible

LONG = "x" * 400


@pytest.mark.parametrize(
    ("html", "cut", "faint"),
    [
        ("<p>a short line</p>", 0, 0),
        (f"<p style='overflow-wrap:anywhere'>{LONG}</p>", 0, 0),
        (f"<pre style='overflow:auto'>{LONG}</pre>", 1, 0),
        ("<img style='width:1500px;height:9px;display:block'>", 1, 0),
        ("<p style='color:#999'>grey</p>", 0, 1),
        ("<p style='color:#888;font-size:30px'>grey, but large</p>", 0, 0),
        ("<div style='background:#111'><p>black on black</p></div>", 0, 1),
        ("<div style='background:#111'><p style='color:#fff8;background:#fff1'>half white on it</p></div>", 0, 0),
    ],
)
def test_what_is_wrong_with_a_page_is_seen(chromium: Callable, html: str, cut: int, faint: int) -> None:
    page = chromium().new_page(viewport=LAPTOP)
    page.set_content(f"<!doctype html><body>{html}")
    assert len(cut_off(page, "body")) == cut and len(hardly_legible(page, "body", "*")) == faint
