"""What a reader would see at once in a page: what is cut off, and text that hardly differs from what is behind it.

Chromium does the looking, for tests of JupyterLab, of exported pages and of the clip player.
"""

import os
from pathlib import Path
from typing import Any

LAPTOP = {"width": 1366, "height": 768}
# WCAG 2.2, level AA: https://www.w3.org/TR/WCAG22/#contrast-minimum
LEAST_CONTRAST, LEAST_CONTRAST_LARGE = 4.5, 3.0

CUT = """root => {
  const right = root.getBoundingClientRect().right + 1;
  const cut = [...root.querySelectorAll("*")].filter(node => {
    const style = getComputedStyle(node), box = node.getBoundingClientRect();
    const hidden = !box.width || !box.height || style.visibility === "hidden";
    if (hidden || node.closest("button, select, input")) return false;
    const clips = style.overflowX !== "visible" && node.clientWidth && node.scrollWidth > node.clientWidth + 1;
    return clips || box.right > right;
  });
  return cut.map(node => `<${node.tagName.toLowerCase()} class="${node.className}"> ${node.scrollWidth} px in ` +
                         `${node.clientWidth}: ${node.textContent.trim().slice(0, 120)}`);
}"""

FAINT = """([root, where, least, leastLarge]) => {
  const pen = Object.assign(document.createElement("canvas"), {width: 1, height: 1}).getContext("2d");
  const parsed = {};
  const rgba = colour => parsed[colour] ??= (() => {
    pen.clearRect(0, 0, 1, 1); pen.fillStyle = colour; pen.fillRect(0, 0, 1, 1);
    return [...pen.getImageData(0, 0, 1, 1).data].map(part => part / 255);
  })();
  const over = (top, below) => top.slice(0, 3).map((part, i) => part * top[3] + below[i] * (1 - top[3]));
  const behind = node => {
    if (!node) return [1, 1, 1];
    const own = rgba(getComputedStyle(node).backgroundColor);
    return own[3] === 1 ? own.slice(0, 3) : over(own, behind(node.parentElement));
  };
  const linear = part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  const luminance = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  const aside = "style, script, .jp-InternalAnchorLink, .anchor-link";
  const faint = new Set();
  for (const part of root.querySelectorAll(where)) {
    const texts = document.createTreeWalker(part, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
      const text = texts.currentNode, node = text.parentElement, style = getComputedStyle(node);
      if (!text.data.trim() || !node.getClientRects().length || node.closest(aside)) continue;
      const ground = behind(node), colour = over(rgba(style.color), ground);
      const [dark, bright] = [luminance(ground), luminance(colour)].sort((a, b) => a - b);
      const size = parseFloat(style.fontSize), large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
      const contrast = (bright + 0.05) / (dark + 0.05);
      const colours = `${style.color} on ${ground.map(part => Math.round(255 * part))}`;
      if (contrast >= (large ? leastLarge : least)) continue;
      faint.add(`${contrast.toFixed(1)}: ${colours}: ${text.data.trim().slice(0, 60)}`);
    }
  }
  return [...faint];
}"""


def cut_off(page: Any, root: str) -> list[str]:
    """Return what is wider than the place that shows it, below the element that a selector names."""
    return page.eval_on_selector(root, CUT)


def hardly_legible(page: Any, root: str, where: str) -> list[str]:
    """Return the texts with too little contrast, within elements that the selector `where` names below `root`."""
    handle = page.query_selector(root)
    return page.evaluate(FAINT, [handle, where, LEAST_CONTRAST, LEAST_CONTRAST_LARGE])


def move_slider(page: Any, player: Any) -> tuple[list[str], list[str]]:
    """Move a clip player's slider by some frames; returns what its pictures and its frame's number were, and are."""
    look = """player => [...[...player.querySelectorAll("canvas")].map(canvas => canvas.toDataURL()),
                         player.querySelector("[data-frame]").textContent]"""
    before = player.evaluate(look)
    slider = player.query_selector("[data-slider]")
    slider.scroll_into_view_if_needed()
    slider.focus()
    for _ in range(4):
        page.keyboard.press("ArrowLeft")
    return before, player.evaluate(look)


def check_player(page: Any, player: Any) -> None:
    """Assert that a player's slider changes both of its pictures and the number of the frame."""
    before, after = move_slider(page, player)
    assert all(old != new for old, new in zip(before, after, strict=True)), after[-1]


def keep_picture(page: Any, name: str, scrolled: str | None = None) -> None:
    """Keep a picture of the page in the folder SCREENSHOTS, where somebody wants to judge it.

    Args:
        page: the page.
        name: of the file.
        scrolled: a selector of what scrolls within the page and is wanted as a whole.
    """
    folder = os.environ.get("SCREENSHOTS")
    if not folder:
        return
    if scrolled:
        height = page.eval_on_selector(scrolled, "node => node.scrollHeight")
        page.set_viewport_size({"width": LAPTOP["width"], "height": height + 150})
        page.eval_on_selector(scrolled, "node => node.scrollTo(0, 0)")
    page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)
    page.set_viewport_size(LAPTOP)
