"""A run's executed chapters as linked pages, to be read without installing anything.

    python -m fingerspelling.runs.pages outputs/demo [--pages docs/chapters] [--images docs/images]

Markdown, which GitHub shows, goes to the folder of pages; HTML, in which clips also play, to <run_dir>/book; the
pictures of README and of docs/results.md to that of images.
"""

import argparse
import io
import os
import re
import shutil
import sys
import textwrap
from pathlib import Path

import nbformat
from nbconvert import HTMLExporter, MarkdownExporter
from nbconvert.preprocessors import CoalesceStreamsPreprocessor
from nbformat import NotebookNode
from PIL import Image

from fingerspelling.files import DataError, to_path, write_whole
from fingerspelling.processes import exit_status
from fingerspelling.runs.config import NOTEBOOKS, ROOT

LONGEST_LINE = 100  # characters of what was printed
COLOURS = 256  # of a picture; with fewer, colours that mean something move towards their edges'
# What nbconvert would load from the network: MathJax, RequireJS and Mermaid, which no chapter needs.
OFFLINE = """{% extends 'lab/index.html.j2' %}
{% block html_head_js_requirejs %}{% endblock %}
{% block html_head_js_mathjax %}{% endblock %}
{% block html_head_js_mermaidjs %}{% endblock %}"""
IMAGES = {"clip": "clip", "alphabet": "alphabet", "predictions": "submission_predictions"}  # and the figure of each
LINK = re.compile(r"\((\d\d_\w+)\.ipynb\)")
PROGRESS = re.compile(r"^(.*\d+%\|.*|  still .*)\n?", re.M)  # of tqdm, and of a step that takes long: past by now
STYLE = re.compile(r"<style.*?</style>\s*", re.S)  # of pandas' tables; GitHub would show it as text


def build(run_dir: Path, pages: Path, images: Path) -> None:
    """Write a run's chapters as pages, an index of them, and the pictures that other documents show.

    Args:
        run_dir: a run whose notebooks have been executed.
        pages: receives README.md, a page per chapter and its pictures; whatever else is there is removed.
        images: receives IMAGES.

    Raises:
        DataError: a chapter has not been executed.
    """
    chapters = {name: _read(run_dir / "notebooks" / f"{name}.ipynb") for name in NOTEBOOKS}
    book = run_dir / "book"
    shutil.rmtree(pages, ignore_errors=True)
    index = ["# The chapters, as a run of the demo left them", "", "| chapter | question |", "|---|---|"]
    for name, notebook in chapters.items():
        text, pictures = _markdown(name, notebook, pages)
        for file, content in {Path(f"{name}.md"): text.encode(), **pictures}.items():
            write_whole(pages / file, content)
        page = _linked(notebook, "html", book)
        html, _ = HTMLExporter(template_name="lab", raw_template=OFFLINE).from_notebook_node(page)
        write_whole(book / f"{name}.html", html)
        title = notebook.cells[0].source.splitlines()[0].removeprefix("# ").partition(". ")[2]
        index.append(f"| [{name}]({name}.md) | {title} |")
    index += [
        "",
        "Clips play in JupyterLab (`make lab`) and in the HTML pages of `make book`; here are still pictures.",
        "",
        "Made from an executed run by `make book`.",
    ]
    write_whole(pages / "README.md", "\n".join(index) + "\n")
    first = f"{NOTEBOOKS[0]}.html"
    write_whole(
        book / "index.html", f'<meta http-equiv="refresh" content="0; url={first}"><a href="{first}">{first}</a>\n'
    )
    for name, figure in IMAGES.items():
        write_whole(images / f"{name}.png", _small((run_dir / "figures" / f"{figure}.png").read_bytes()))


def _read(path: Path) -> NotebookNode:
    if not path.is_file():
        raise DataError(f"{path}: no such chapter; run all of them first, with make workbook")
    # Paths as seen from the project: where that lies on this machine is nobody's business.
    notebook = nbformat.reads(path.read_text(encoding="utf-8").replace(f"{ROOT}/", ""), 4)
    # What papermill injected is shown by the table below it; its paths are of this machine.
    notebook.cells = [cell for cell in notebook.cells if "injected-parameters" not in cell.metadata.get("tags", [])]
    for cell in (cell for cell in notebook.cells if cell.cell_type == "code"):
        CoalesceStreamsPreprocessor().preprocess_cell(cell, {}, 0)
        for output in cell.outputs:
            if "text" in output:
                output.text = _wrapped(PROGRESS.sub("", output.text).lstrip("\n"))
        cell.outputs = [output for output in cell.outputs if output.get("text", "shown")]
    return notebook


def _wrapped(text: str) -> str:
    """Break lines that GitHub would cut at the right, such as those of a training's progress."""
    return "\n".join(textwrap.fill(line, LONGEST_LINE, subsequent_indent=" " * 8) for line in text.split("\n"))


def _linked(notebook: NotebookNode, suffix: str, folder: Path) -> NotebookNode:
    """Return a copy whose links between chapters are links between pages, and to docs/ as seen from their folder."""
    linked = nbformat.from_dict(notebook)
    for cell in linked.cells:
        if cell.cell_type == "markdown":
            docs = os.path.relpath(ROOT / "docs", folder)
            cell.source = LINK.sub(rf"(\1.{suffix})", cell.source).replace("](../docs/", f"]({docs}/")
    return linked


def _markdown(name: str, notebook: NotebookNode, pages: Path) -> tuple[str, dict[Path, bytes]]:
    """Return a chapter's page and its pictures by their places."""
    linked = _linked(notebook, "md", pages)
    alts = {}
    for number, cell in enumerate(linked.cells):
        for place, output in enumerate(cell.get("outputs", [])):
            html = output.get("data", {}).get("text/html", "")
            if "<script" in html:  # GitHub runs none
                clip = re.sub(r"([\\`*_~<])", r"\\\1", output.data["text/plain"])
                output.data = {"text/markdown": f"*Here, the notebook has a {clip}.*"}
            elif html:
                output.data["text/html"] = STYLE.sub("", html).replace(' border="1"', "")
            alt = output.get("metadata", {}).get("image/png", {}).get("alt", "")
            alts[f"output_{number}_{place}.png"] = re.sub(r"[\[\]\n]", " ", alt)
    text, resources = MarkdownExporter().from_notebook_node(linked)
    pictures = {}
    for file, content in resources["outputs"].items():
        text = text.replace(f"![png]({file})", f"![{alts[file]}]({name}/{file})")
        pictures[Path(name, file)] = _small(content)
    return text, pictures


def _small(png: bytes) -> bytes:
    """Return a picture with fewer colours, in two fifths of the bytes."""
    smaller = io.BytesIO()
    image = Image.open(io.BytesIO(png)).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    image.save(smaller, "PNG", optimize=True)
    return smaller.getvalue()


def main() -> int:
    """Parse the command line and write the pages; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m fingerspelling.runs.pages", description="Write chapters as pages.")
    parser.add_argument("run_dir", type=to_path, help="a run whose notebooks have been executed")
    parser.add_argument("--pages", type=to_path, default=ROOT / "docs/chapters", help="receives the Markdown pages")
    parser.add_argument("--images", type=to_path, default=ROOT / "docs/images", help="receives README's pictures")
    options = parser.parse_args()
    build(options.run_dir, options.pages, options.images)
    print(f"{options.pages / 'README.md'} and {options.run_dir / 'book/index.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(exit_status(main))
