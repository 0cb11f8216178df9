import base64
import json
import re
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from browser import LAPTOP, check_player, cut_off, hardly_legible

from fingerspelling import plots
from fingerspelling.landmarks import HAND_BONES, PARTS
from fingerspelling.plots.player import STEPS
from fingerspelling.plots.style import FINGERS

PHRASE = "</script> a&b"


def a_clip(n_frames: int = 40) -> np.ndarray:
    """A right hand that moves to the right, unseen in the first ten frames, and no left one."""
    frames = np.random.default_rng(0).uniform(0.2, 0.4, (1, 130, 3)).repeat(n_frames, 0)
    frames += np.linspace(0, 0.1, n_frames)[:, None, None]
    frames[:10, PARTS["right_hand"]] = np.nan
    frames[:, PARTS["left_hand"]] = np.nan
    return frames.astype(np.float16)


def a_player(n_frames: int = 40) -> plots.ClipPlayer:
    signed = np.repeat([-1, 0, 10, -1], n_frames // 4)
    return plots.ClipPlayer(a_clip(n_frames), PHRASE, signed, "<a", [15, 25])


def clip_of(html: str) -> dict:
    found = re.search(r"const clip = (.*);\n", html)
    assert found
    return json.loads(found[1])


def points_of(clip: dict) -> np.ndarray:
    return np.frombuffer(base64.b64decode(clip["points"]), np.uint8).reshape(clip["frames"], -1, 2)


def test_points_are_those_of_the_clip_in_254_steps() -> None:
    clip = clip_of(a_player()._repr_html_())
    points, frames = points_of(clip), a_clip()
    wrist = clip["person"][-len(HAND_BONES)][0]
    assert (points[:10, wrist] == 255).all()
    np.testing.assert_allclose(points[10:, wrist] / STEPS, frames[10:, PARTS["right_hand"][0], :2], atol=0.004)
    assert {line[0] for line in clip["person"]} | {line[1] for line in clip["person"]} <= set(range(len(points[0])))


def test_close_up_shows_the_hand_that_is_seen_large_in_the_middle() -> None:
    clip = clip_of(a_player()._repr_html_())
    close = points_of(clip)[10:, sorted({place for line in clip["hand"] for place in line[:2]})].astype(float) / STEPS
    assert close.shape[1] == 21
    low, high = close.min(1), close.max(1)
    assert (low > 0).all() and (high < 1).all()
    np.testing.assert_allclose((high - low).max(1), 0.8, atol=0.1)
    np.testing.assert_allclose((low + high) / 2, 0.5, atol=0.2)


def test_letters_stand_where_they_are_signed_and_read() -> None:
    clip = clip_of(a_player()._repr_html_())
    assert clip["signed"] == [""] * 10 + ["<"] * 10 + ["a"] * 10 + [""] * 10
    assert clip["rows"] == [["signed", [["<", 14.5, 5], ["a", 24.5, 5]]], ["read", [["<", 15, 0], ["a", 25, 0]]]]
    recorded = clip_of(plots.ClipPlayer(a_clip(), PHRASE)._repr_html_())
    assert recorded["signed"] is None and recorded["rows"] == []


def test_phrase_cannot_break_out_and_two_players_share_a_page() -> None:
    first, second = a_player()._repr_html_(), a_player()._repr_html_()
    assert first.count("</script>") == 1
    assert re.findall(r'id="(clip-[^"]+)"', first) != re.findall(r'id="(clip-[^"]+)"', second)
    assert repr(a_player()) == "moving picture of a clip of 40 frames that spells '</script> a&b', read as '<a'"


def test_longest_clip_stays_small() -> None:
    assert len(a_player(384)._repr_html_()) < 150_000


@pytest.mark.parametrize("frames", [a_clip()[:5], a_clip()[:1], a_clip()[:0]])
def test_clips_without_a_hand_or_a_frame_are_shown(frames: np.ndarray) -> None:
    assert clip_of(plots.ClipPlayer(frames, "abc")._repr_html_())["frames"] == len(frames)


def test_without_its_script_it_says_what_is_missing() -> None:
    html = a_player()._repr_html_().split("<script>")[0]
    assert '<div data-moving style="display:none">' in html  # a sanitizer takes `hidden` away, but leaves this
    assert "For the moving one, run the cell" in html
    assert re.findall(r"<text[^>]*>([^<]*)</text>", html) == ["&lt;", "a"]  # as they are signed
    of_video = plots.ClipPlayer(a_clip(), PHRASE, prediction="abc", read_at=[2, 20, 30])._repr_html_()
    assert re.findall(r"<text[^>]*>([^<]*)</text>", of_video) == ["b", "c"]  # as they are read, where a hand is seen
    assert plots.ClipPlayer(a_clip(), PHRASE)._repr_html_().count("<g ") == 9
    assert {*re.findall(r'stroke="(#\w+)"', html)} == {*FINGERS}


def test_without_its_script_it_is_a_filmstrip(chromium: Callable) -> None:
    page = chromium().new_context(java_script_enabled=False, viewport=LAPTOP).new_page()
    page.set_content(f"<!doctype html>{a_player()._repr_html_()}")
    strip = page.locator("svg")
    assert strip.is_visible() and strip.locator("path").first.bounding_box()["height"] > 20
    assert not page.is_visible("[data-moving]")


@pytest.mark.parametrize("width", [LAPTOP["width"], 420])
def test_it_runs_in_a_browser(chromium: Callable, width: int) -> None:
    page = chromium().new_page(viewport=LAPTOP | {"width": width})
    page.set_content(f"<!doctype html>{a_player()._repr_html_()}")
    assert not page.is_visible("[data-still]") and page.is_visible("[data-moving]")
    shown = [page.inner_text(f"[data-{name}]") for name in ("frame", "now", "read")]
    assert shown == ["frame 25 of 39", "a", "<a"]
    check_player(page, page.query_selector("[id^=clip-]"))
    assert page.inner_text("[data-frame]") == "frame 21 of 39" and page.inner_text("[data-read]") == "<"
    assert not cut_off(page, "body") and not hardly_legible(page, "body", "*")
    page.click("[data-play]")
    page.wait_for_function("document.querySelector('[data-frame]').textContent === 'frame 39 of 39'")
    assert "play" in page.inner_text("[data-play]")


def test_letters_that_were_read_together_stand_beside_each_other(chromium: Callable) -> None:
    page = chromium().new_page(viewport=LAPTOP)
    read = plots.ClipPlayer(a_clip(), PHRASE, prediction="abcdefgh", read_at=[2, 2, 30, 38, 38, 38, 39, 39])
    page.set_content(f"<!doctype html>{read._repr_html_()}")
    boxes = [mark.bounding_box() for mark in page.query_selector_all("[data-rows] span ~ span")]
    assert [box["width"] for box in boxes] == [boxes[0]["width"]] * 8
    assert all(left["x"] + left["width"] <= right["x"] + 0.5 for left, right in pairwise(boxes))
    assert not cut_off(page, "body")
