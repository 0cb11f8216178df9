"""README: short, and every box of its picture leads to a chapter and a package; links and numbers of all documents."""

import re
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")
BOX = re.compile(r'(\w+)(?:\[\(?"?([^"\])]+))?')  # name, or name[label], of a node
MOST_LINES = 120
FOLDERS = (".", "docs", "docs/chapters", "kaggle", "outputs", "weights/*", "benchmarks")
DOCUMENTS = sorted(
    [*(path for folder in FOLDERS for path in ROOT.glob(f"{folder}/*.md")), *ROOT.glob("notebooks/*.ipynb")]
)


def picture_and_table() -> tuple[str, list[list[str]]]:
    picture, _, after = README.partition("```mermaid\n")[2].partition("```\n\n")
    return picture, [re.split(r" *\| *", line)[1:-1] for line in after.partition("\n\n")[0].splitlines()[2:]]


def test_readme_is_read_in_a_minute() -> None:
    assert len(README.splitlines()) <= MOST_LINES


def headings(text: str) -> set[str]:
    """Return a document's headings as the ends of links name them."""
    return {
        re.sub(r"[^\w\- ]", "", line.lower()).strip().replace(" ", "-") for line in re.findall(r"^#+ (.*)$", text, re.M)
    }


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_to_what_is_there(path: Path) -> None:
    text = path.read_text()
    if path.suffix == ".ipynb":
        text = "\n".join(cell.source for cell in nbformat.reads(text, 4).cells if cell.cell_type == "markdown")
    for link in re.findall(r"\]\((?!https?:)([^)\s]+)\)", text):
        file, _, heading = link.partition("#")
        target = path.parent / file if file else path
        assert target.exists(), link
        assert not heading or heading in headings(target.read_text()), link


def test_scores_of_the_demo_are_those_of_its_pages() -> None:
    """By the table in which chapter 5 sums up the run, rounded as the documents have them."""
    page = (ROOT / "docs/chapters/05_submission.md").read_text()
    rows = dict(re.findall(r"<th>([^<]+)</th>\n +<td>([\d.]+)</td>\n", page))
    results = (ROOT / "docs/results.md").read_text()
    submitted, constant = f"{float(rows['submission score']):.3f}", f"{float(rows['score of a constant answer']):.3f}"
    ways = " / ".join(f"{float(rows[name]):.3f}" for name in rows if name.startswith(("score greedy", "score beam")))
    kinds = [f"{float(rows[f'score {kind}']):.2f}" for kind in ("address or name", "url", "phone")]
    assert README.count(submitted) == 2 and f"phrase scores {constant}." in README
    assert f"**{submitted}**" in results and f"| {constant} |" in results and f"| {ways} |" in results
    assert f"| {float(rows['validation score']):.3f} |" in results
    assert "names and addresses {}, web addresses {}, phone numbers {} |".format(*kinds) in results


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
