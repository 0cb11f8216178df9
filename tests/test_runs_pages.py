import base64
import re
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image

from fingerspelling.files import DataError
from fingerspelling.runs.config import NOTEBOOKS, ROOT
from fingerspelling.runs.pages import IMAGES, build

STYLED = "<style scoped>\n    th { color: red }\n\n    td { color: red }\n</style>\n"  # as pandas writes it
COLOURS = {figure: (60 * number, 0, 0) for number, figure in enumerate(IMAGES.values())}
TABLE = f"<div>\n{STYLED}<table><tr><td>7</td></tr></table></div>"


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    """Return a run whose chapters hold a link, a picture, a table and a piece of script each."""
    image = tmp_path / "image.png"
    Image.new("RGB", (40, 30), "teal").save(image)
    png = base64.b64encode(image.read_bytes()).decode()
    folder = tmp_path / "run/notebooks"
    folder.mkdir(parents=True)
    (tmp_path / "run/figures").mkdir()
    for figure in IMAGES.values():
        Image.new("RGB", (4, 3), COLOURS[figure]).save(tmp_path / "run/figures" / f"{figure}.png")
    for i, name in enumerate(NOTEBOOKS):
        cells = [
            new_markdown_cell(
                f"# {i}. What is {name}?\n\n[another]({NOTEBOOKS[i - 1]}.ipynb) [all](../docs/parameters.md)"
            ),
            new_code_cell("run_dir = '/secret/place'", metadata={"tags": ["injected-parameters"]}),
            new_code_cell(
                f"show()  # of {ROOT}/outputs/demo",
                outputs=[
                    new_output(
                        "display_data", {"image/png": png}, metadata={"image/png": {"alt": "a [teal] rectangle"}}
                    ),
                    new_output("display_data", {"text/html": TABLE, "text/plain": "7"}),
                    new_output("display_data", {"text/html": "<script>play()</script>", "text/plain": "clip of 'a_b'"}),
                    *[new_output("stream", text=text) for text in ("\rread:  75%|███ | 3/4", "\rread: 100%|████| 4/4")],
                    *[
                        new_output("stream", text=text)
                        for text in ("\n", "begun\n", "  still at it, 15 s\n", f"  done{' soon' * 25}\n")
                    ],
                ],
            ),
        ]
        nbformat.write(new_notebook(cells=cells), folder / f"{name}.ipynb")
    return tmp_path / "run"


def test_every_chapter_becomes_a_page_whose_links_and_pictures_are_there(run_dir: Path, tmp_path: Path) -> None:
    pages = tmp_path / "pages"
    (pages / "07_gone").mkdir(parents=True)
    (pages / "07_gone/output.png").write_bytes(b"")
    build(run_dir, pages, tmp_path / "images")
    files = {path.relative_to(pages).as_posix() for path in pages.rglob("*") if path.is_file()}
    assert {file for file in files if file.endswith(".md")} == {"README.md", *(f"{name}.md" for name in NOTEBOOKS)}
    assert "07_gone/output.png" not in files
    for page in pages.glob("*.md"):
        text = page.read_text()
        for target in re.findall(r"\]\(([^)]+)\)", text):
            assert (pages / target).is_file(), f"{page.name} points to {target}"
        shown = re.sub(r"\]\([^)]*\)", "]", text)  # links to docs/ lead out of the test's folder
        assert "secret" not in shown and str(ROOT) not in shown
        if page.name != "README.md":
            assert "![a  teal  rectangle](" in text
            assert "<td>7</td>" in text and "<style" not in text and "color" not in text
            assert "has a clip of 'a\\_b'." in text and "<script" not in text


def test_what_was_printed_is_there_without_the_progress_of_that_day(run_dir: Path, tmp_path: Path) -> None:
    build(run_dir, tmp_path / "pages", tmp_path / "images")
    text = (tmp_path / "pages" / f"{NOTEBOOKS[0]}.md").read_text()
    long = f"      done{' soon' * 18}\n            soon soon"  # in two lines, as GitHub would cut it
    assert f"    begun\n{long}" in text
    assert not {"%|", "still"} & {*re.findall(r"%\||still", text)}


def test_in_html_clips_play(run_dir: Path, tmp_path: Path) -> None:
    build(run_dir, tmp_path / "pages", tmp_path / "images")
    page = (run_dir / "book" / f"{NOTEBOOKS[0]}.html").read_text()
    assert "<script>play()</script>" in page
    assert f'href="{NOTEBOOKS[-1]}.html"' in page
    assert "secret" not in page and "<script src=" not in page and "import(" not in page
    assert f"url={NOTEBOOKS[0]}.html" in (run_dir / "book/index.html").read_text()


def test_the_same_run_gives_the_same_pages(run_dir: Path, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        build(run_dir, tmp_path / folder, tmp_path / "images")
    for page in (tmp_path / "a").rglob("*.*"):
        assert page.read_bytes() == (tmp_path / "b" / page.relative_to(tmp_path / "a")).read_bytes()


def test_pictures_of_other_documents_are_figures_of_the_run(run_dir: Path, tmp_path: Path) -> None:
    build(run_dir, tmp_path / "pages", tmp_path / "images")
    for name, figure in IMAGES.items():
        assert Image.open(tmp_path / "images" / f"{name}.png").convert("RGB").getpixel((0, 0)) == COLOURS[figure]
    documents = "".join((ROOT / name).read_text() for name in ("README.md", "docs/results.md"))
    assert set(re.findall(r"images/(\w+)\.png", documents)) == IMAGES.keys()
    assert {path.stem for path in (ROOT / "docs/images").iterdir()} == IMAGES.keys()


def test_a_chapter_that_has_not_been_run_is_named(run_dir: Path, tmp_path: Path) -> None:
    (run_dir / "notebooks" / f"{NOTEBOOKS[2]}.ipynb").unlink()
    with pytest.raises(DataError, match=f"{NOTEBOOKS[2]}.ipynb: no such chapter"):
        build(run_dir, tmp_path / "pages", tmp_path / "images")
    assert not (tmp_path / "pages").exists()
