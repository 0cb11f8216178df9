"""`make lab` in a real browser: every chapter opens, runs twice, can be read in both themes, and leaves the tree clean.

The chapters that have run are then exported and opened from disk. SCREENSHOTS=folder keeps a picture of every page.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from base64 import b64decode
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import nbformat
import pytest
import yaml
from browser import LAPTOP, check_player, cut_off, hardly_legible, keep_picture
from PIL import Image

from fingerspelling.runs.config import NOTEBOOKS, ROOT
from fingerspelling.runs.pages import build

TINY = yaml.safe_load((ROOT / "tests/tiny.yaml").read_text()) | {"first_round": "", "seeds": [1]}
TOKEN = "test"
PLAYERS = {"01_eda": 1, "04_error_analysis": 2, "06_your_own_hand": 1}
PANEL = ".jp-NotebookPanel:not(.lm-mod-hidden)"
SHOWN = ".jp-OutputArea-output, .jp-RenderedMarkdown"

OPEN = """async path => {
  const panel = await jupyterapp.commands.execute("docmanager:open", {path, factory: "Notebook"});
  await panel.context.ready; await panel.revealed; await panel.sessionContext.ready;
  while (panel.sessionContext.session?.kernel?.status !== "idle") await new Promise(done => setTimeout(done, 100));
}"""
RUN_ALL = "async () => { await jupyterapp.commands.execute('notebook:run-all-cells'); }"
SAVE = "async () => { await jupyterapp.commands.execute('docmanager:save'); }"
CLOSE = """async () => {
  const panel = jupyterapp.shell.currentWidget;
  await panel.sessionContext.shutdown(); panel.dispose();
}"""
THEME = "async theme => { await jupyterapp.commands.execute('apputils:change-theme', {theme}); }"


class Lab(NamedTuple):
    """JupyterLab at work in a copy of the project."""

    url: str
    project: Path


@pytest.fixture(scope="module")
def lab(chromium: Callable, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Start `make lab` in a copy of the project, a repository of its own, whose demo is the smallest run."""
    folder = tmp_path_factory.mktemp("lab").resolve()
    project = _copy_of_the_project(folder / "project")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = folder / "config/lab/user-settings/@jupyterlab/notebook-extension/tracker.jupyterlab-settings"
    settings.parent.mkdir(parents=True)
    settings.write_text('{"windowingMode": "none"}')  # all cells are there to be looked at, not only those in view
    config = {
        "ServerApp": {"open_browser": False, "port": port},
        "IdentityProvider": {"token": TOKEN},
        "LabApp": {"expose_app_in_browser": True},
    }
    (folder / "config/jupyter_server_config.json").write_text(json.dumps(config))
    (folder / "ready").write_text(f"{project}\n")
    places = {f"JUPYTER_{name.upper()}_DIR": str(folder / name) for name in ("config", "data", "runtime")}
    path = os.pathsep.join(filter(None, [str(project / "src"), os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, **places, "PYTHONPATH": path, "IPYTHONDIR": str(folder / "ipython")}
    command = ["make", "lab", f"BIN={Path(sys.executable).parent}", f"READY={folder / 'ready'}"]
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(command, cwd=project, env=environment, stdout=log, stderr=log, start_new_session=True)
    url = f"http://127.0.0.1:{port}/?token={TOKEN}"
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/api?token={TOKEN}").close()
                break
            except OSError:
                assert server.poll() is None, (folder / "log").read_text()
                time.sleep(0.1)
        yield Lab(url, project)
    finally:
        os.killpg(server.pid, 15)
        server.wait(60)


def _copy_of_the_project(project: Path) -> Path:
    git = ["git", "-c", "user.name=test", "-c", "user.email=test", "-C", str(project)]
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if listed.returncode:
        pytest.skip("not a checkout: there is no tree to keep clean")
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (project / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, project / name)
    demo = project / "notebooks/params/demo.yaml"
    demo.write_text(yaml.safe_dump({**TINY, "run_dir": "outputs/demo"}))
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "add", "--all"], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "a copy"], check=True)
    return project


@pytest.fixture(scope="module")
def page(lab: Lab, chromium: Callable) -> Any:
    """Return the page that `make lab` opens."""
    page = chromium().new_page(viewport=LAPTOP)
    page.goto(lab.url)
    page.wait_for_selector(f"{PANEL} .jp-RenderedMarkdown h1", timeout=120_000)
    return page


@pytest.mark.timeout(300)
def test_the_first_page_shows_the_chapters_as_links(page: Any) -> None:
    links = page.locator(f"{PANEL} .jp-RenderedMarkdown table a")
    chapters = [name for name in NOTEBOOKS if name != "00_start"]
    stems = [Path(link.get_attribute("href")).stem for link in links.all()]
    assert stems[: len(chapters)] == chapters  # the table of chapters; below it, the chain of what they make
    assert {*stems[len(chapters) :]} == {*chapters}
    assert all(0 < link.bounding_box()["y"] < LAPTOP["height"] for link in links.all())
    keep_picture(page, "first")
    links.first.click()
    page.wait_for_selector(
        f"{PANEL}[aria-label*='{chapters[0]}'], .lm-TabBar-tab.jp-mod-current:has-text('{chapters[0]}')"
    )
    page.evaluate(CLOSE)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_chapter_runs_twice_and_can_be_read_in_both_themes(lab: Lab, page: Any, name: str) -> None:
    page.evaluate(OPEN, f"notebooks/{name}.ipynb")
    for _ in range(2):
        page.evaluate(RUN_ALL)
        page.evaluate(SAVE)
        cells = [cell for cell in nbformat.read(_notebook(lab, name), 4).cells if cell.cell_type == "code"]
        assert all(cell.execution_count for cell in cells)
        outputs = [output for cell in cells for output in cell.outputs]
        red = [output for output in outputs if output.output_type == "error" or output.get("name") == "stderr"]
        assert not red
    assert outputs[-1].text.startswith("commit ")  # what it ran with
    players = page.query_selector_all(f"{PANEL} [id^=clip-]")
    assert len(players) == PLAYERS.get(name, 0)
    for player in players:
        check_player(page, player)
    assert not cut_off(page, f"{PANEL} .jp-WindowedPanel-viewport")
    for picture in (output.data["image/png"] for output in outputs if "image/png" in output.get("data", {})):
        assert Image.open(BytesIO(b64decode(picture))).convert("RGBA").getextrema()[3] == (255, 255), "transparent"
    for theme, light in (("JupyterLab Dark", "false"), ("JupyterLab Light", "true")):
        page.evaluate(THEME, theme)
        page.wait_for_selector(f"body[data-jp-theme-light={light}]", state="attached")
        keep_picture(page, f"{name}_{theme[11:].lower()}", f"{PANEL} .jp-WindowedPanel-outer")
        assert not hardly_legible(page, PANEL, SHOWN), theme
    page.evaluate(CLOSE)


def _notebook(lab: Lab, name: str) -> Path:
    return lab.project / "notebooks" / f"{name}.ipynb"


def test_the_tree_is_clean_though_the_outputs_are_kept(lab: Lab) -> None:
    assert any(cell.get("outputs") for name in NOTEBOOKS for cell in nbformat.read(_notebook(lab, name), 4).cells)
    told = subprocess.run(["git", "status", "--porcelain"], cwd=lab.project, capture_output=True, text=True, check=True)
    assert told.stdout == ""


@pytest.fixture(scope="module")
def book(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Export the chapters as they have run; returns the folder of the HTML pages."""
    folder = tmp_path_factory.mktemp("book")
    shutil.copytree(lab.project / "notebooks", folder / "run/notebooks", ignore=shutil.ignore_patterns("params"))
    shutil.copytree(lab.project / "outputs/demo/figures", folder / "run/figures")
    build(folder / "run", folder / "pages", folder / "images")
    return folder / "run/book"


@pytest.mark.timeout(300)
def test_exported_pages_open_from_disk(book: Path, chromium: Callable) -> None:
    browser = chromium()
    for name in NOTEBOOKS:
        page, complaints = browser.new_page(viewport=LAPTOP), []
        page.context.set_offline(True)
        page.on("console", lambda message, to=complaints: to.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error, to=complaints: to.append(str(error)))
        page.on("requestfailed", lambda request, to=complaints: to.append(request.url))
        page.goto((book / f"{name}.html").as_uri())
        players = page.query_selector_all("[id^=clip-]")
        assert len(players) == PLAYERS.get(name, 0)
        for player in players:
            check_player(page, player)
        keep_picture(page, f"{name}_page")
        assert not cut_off(page, "body")
        assert not hardly_legible(page, "body", SHOWN)
        links = [
            link.get_attribute("href") for link in page.query_selector_all(".jp-RenderedMarkdown a[href$='.html']")
        ]
        assert links and all((book / link).is_file() for link in links)
        assert not complaints
        page.close()
