"""The page in a real browser: it loads from disk, finds the hand and reads what `fingerspelling read` reads.

Needs npm, which fetches the pinned packages, Chromium, and Playwright's driver for Python.
"""

import ast
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from synthetic import make_model

from fingerspelling.export import export_tflite
from fingerspelling.landmarks import POINTS, SELECTED, as_columns, as_points
from fingerspelling.plots.style import FINGERS
from fingerspelling.runs.config import ROOT
from fingerspelling.scoring import confidence
from fingerspelling.scoring.submission import ARGUMENTS, ARGUMENTS_FILE
from fingerspelling.text import CHARACTERS, CONSTANT_PHRASE
from fingerspelling.video import reading
from fingerspelling.video.reading import Reader
from fingerspelling.video.recording import Recording, read_recording

WEB = ROOT / "web"
FILMS = Path(__file__).with_name("films")
# Pictures are drawn by the processor; the camera is a film, and nobody is asked whether it may be used.
OPTIONS = ["--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
CAMERA = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
FASTEST = 8  # frames per second, on two cores that have nothing else to do


def source(name: str) -> str:
    return (WEB / "src" / name).read_text()


def constant(name: str, file: str) -> str:
    return re.search(rf"const {name} = (.+?);(?:  //|\n)", source(file), re.DOTALL)[1]


def test_the_page_reads_the_points_and_characters_of_the_package() -> None:
    for name, place in {"LEFT_HAND": 468, "POSE": 489, "RIGHT_HAND": 522}.items():
        assert f"{name} = {place}" in source("landmarks.js")
        assert POINTS[place] == f"{name.lower()}_0"
    order = [ast.literal_eval(constant(name, "reader.js")) for name in ("LIPS", "NOSE", "RIGHT_EYE", "LEFT_EYE")]
    arms = ast.literal_eval(constant("ARMS", "reader.js").split(".map")[0])
    hands = [*range(468, 489), *range(522, 543)]
    selected = [*order[0], *hands, *order[1], *order[2], *order[3], *(489 + i for i in arms)]
    assert [POINTS[i] for i in selected] == SELECTED
    assert ast.literal_eval(constant("CHARACTERS", "reader.js")) == CHARACTERS
    assert ast.literal_eval(constant("NOTHING", "reader.js")) == CONSTANT_PHRASE
    assert ast.literal_eval(constant("LEAST", "reader.js")) == confidence.LEAST
    assert ast.literal_eval(constant("DOUBTFUL", "reader.js")) == confidence.DOUBTFUL
    assert ast.literal_eval(constant("FINGERS", "page.js")) == FINGERS


def test_the_page_cuts_as_the_command_does() -> None:
    for name in ("FPS", "REST", "LONGEST", "SHORTEST"):
        assert float(constant(name, "frames.js")) == getattr(reading, name)


def test_packages_are_pinned() -> None:
    package, lock = (json.loads((WEB / name).read_text()) for name in ("package.json", "package-lock.json"))
    for name, version in {**package["dependencies"], **package["devDependencies"]}.items():
        assert lock["packages"][f"node_modules/{name}"]["version"] == version
    assert all("integrity" in entry for name, entry in lock["packages"].items() if name)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that says how sure it is."""
    folder = tmp_path_factory.mktemp("page")
    sure = {"intercept": 0.3, "slope": 1.5, "threshold": 0.0}
    (folder / ARGUMENTS_FILE).write_text(json.dumps(ARGUMENTS | {"confidence": sure}))
    model = make_model(ctc_weight=0.3)
    return export_tflite([model], folder / "model.tflite", "fp16", num_beams=2, tells_probability=True)


@pytest.fixture(scope="module")
def built(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the page, built as `make web` builds it."""
    from fingerspelling.export import static

    if not shutil.which("npm"):
        pytest.skip("no npm: the page cannot be built")
    folder = tmp_path_factory.mktemp("web") / "web"
    shutil.copytree(WEB, folder, ignore=shutil.ignore_patterns("node_modules", "dist", "model"))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("sys.argv", ["static", str(model), str(folder / "model")])
        static.main()
    fetched = subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=folder, capture_output=True, text=True)
    if fetched.returncode:
        pytest.skip(f"npm cannot fetch the packages: {fetched.stderr.strip()[:200]}")
    subprocess.run(["node", "build.mjs", "model"], cwd=folder, check=True, capture_output=True)
    return folder / "dist"


@pytest.fixture(scope="module")
def browse(built: Path, chromium: Callable) -> Callable:
    """Opens the page from disk, in a browser that is offline; returns it once it is ready, and what it asked for."""

    def open_page(*options: str) -> tuple[Any, list[str]]:
        page, asked = chromium(*OPTIONS, *options).new_page(), []
        page.context.set_offline(True)
        page.on("request", lambda request: asked.append(request.url))
        page.goto((built / "index.html").as_uri())
        page.wait_for_function("page.ready", timeout=240_000)
        return page, asked

    return open_page


@pytest.mark.timeout(900)
def test_a_video_is_read_from_disk_without_a_network(browse: Any, built: Path, model: Path, tmp_path: Path) -> None:
    page, asked = browse()
    recording = read_recording(FILMS / "signer.parquet")
    # The same landmarks give the same phrase as the file of any length does.
    points = as_points(recording.landmarks)
    found = [[None if np.isnan(point).any() else point.tolist() for point in frame] for frame in points]
    reader = Reader(model.parent)
    for frames in (20, 45, len(points)):
        answer = reader.read(recording.selected[:frames])
        assert page.evaluate("frames => page.read(frames)", found[:frames]) == answer.text
        assert page.evaluate("page.confidence()") == pytest.approx(answer.confidence, abs=1e-3)

    page.set_input_files("#file", FILMS / "signer.mp4")
    page.wait_for_function("page.done", timeout=400_000)
    page.screenshot(path=tmp_path / "page.png")
    assert page.evaluate("page.frames") == len(points)
    seen = page.evaluate("page.points")
    hands = [i for i, frame in enumerate(seen) if frame[522]]
    assert len(hands) > 0.9 * len(points)
    # The same graph, whose builds decode and round differently: in the median, a 500th of the picture.
    apart = [abs(a - b) for i in hands for j in range(522, 543) for a, b in zip(seen[i][j], points[i, j], strict=True)]
    assert np.nanmedian(apart) < 0.003
    # What the page shows is what the command reads in the landmarks that the page has found.
    landmarks = as_columns(np.array([[point or [np.nan] * 3 for point in frame] for frame in seen], np.float32))
    (read,) = reading.read(Recording(landmarks, np.arange(len(seen)) / 30), reader)
    assert page.inner_text("#phrase") == (read.text or "…")
    assert all(url.startswith((built.as_uri(), "data:", "blob:")) for url in asked)


@pytest.mark.timeout(900)
def test_a_webcam_is_read_as_one_signs(browse: Any, tmp_path: Path) -> None:
    if not shutil.which("ffmpeg"):
        pytest.skip("no ffmpeg to make the film that stands in for a camera")
    film = tmp_path / "camera.mjpeg"
    subprocess.run(["ffmpeg", "-v", "error", "-i", FILMS / "signer.mp4", "-q:v", "3", film], check=True)
    quiet = os.getloadavg()[0] < 0.5  # before the browser takes both cores
    page, _ = browse(*CAMERA, f"--use-file-for-fake-video-capture={film}")
    page.click("#camera")
    page.wait_for_function("page.frames > 12", timeout=200_000)
    if quiet:
        before, start = page.evaluate("[page.frames, performance.now()]")
        page.wait_for_timeout(10_000)
        after, end = page.evaluate("[page.frames, performance.now()]")
        assert 1000 * (after - before) / (end - start) >= FASTEST
    page.wait_for_function("page.points.some(frame => frame[522] || frame[468])", timeout=200_000)
    page.click("#stop")
    assert "Stopped" in page.inner_text("#status")


@pytest.mark.timeout(600)
def test_what_is_no_video_is_a_sentence(browse: Any, tmp_path: Path) -> None:
    page, _ = browse()
    (tmp_path / "text.mp4").write_text("hello")
    page.set_input_files("#file", tmp_path / "text.mp4")
    page.wait_for_function("document.getElementById('status').textContent.includes('not a video')", timeout=60_000)
