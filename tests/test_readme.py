"""README: short, its links lead somewhere, and every box of its picture to a chapter and a package."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")
BOX = re.compile(r'(\w+)(?:\[\(?"?([^"\])]+))?')  # name, or name[label], of a node
MOST_LINES = 120


def picture_and_table() -> tuple[str, list[list[str]]]:
    picture, _, after = README.partition("```mermaid\n")[2].partition("```\n\n")
    return picture, [re.split(r" *\| *", line)[1:-1] for line in after.partition("\n\n")[0].splitlines()[2:]]


def test_readme_is_read_in_a_minute() -> None:
    assert len(README.splitlines()) <= MOST_LINES


def test_links_lead_to_what_is_there() -> None:
    links = LINK.findall(README)
    assert len(links) > 30
    assert not [link for link in links if not (ROOT / link).exists()]


def test_every_box_of_the_picture_is_linked_to_its_chapter_and_its_packages() -> None:
    """In the table beneath: within a picture, GitHub follows no relative links."""
    picture, rows = picture_and_table()
    nodes = [BOX.match(node.strip()).groups() for node in picture.splitlines()[1].split("-->")]
    boxes = {(label or name).replace("<br>", " ") for name, label in nodes}
    named = {box: row for row in rows for box in row[0].split(", ")}
    for box in boxes:
        row = next(row for name, row in named.items() if box.startswith(name))
        chapter, packages = LINK.findall(row[1]), LINK.findall(row[3])
        assert len(chapter) == 1 and chapter[0].startswith("docs/chapters/")
        assert packages and all(package.startswith("src/fingerspelling/") for package in packages)
    assert len(boxes) == 7
