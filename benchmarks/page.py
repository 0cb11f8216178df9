"""How many pictures per second the page reads from a camera, in a Chromium without a graphics card.

    make web && python benchmarks/page.py [FILM] [--page web/dist] [--seconds 20] [--repeats 3]

A film, again and again, stands in for the camera. Then the page reads the film as a file, once: its phrase is to be
that of `fingerspelling read FILM`. Needs Chromium, ffmpeg and `pip install playwright`; nothing else may be running.
"""

import argparse
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parents[1]
OPTIONS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
CAMERA = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
STARTING = 10  # pictures, before which MediaPipe prepares its networks
LEFT_HAND, RIGHT_HAND = 468, 522
STATE = f"[page.frames, performance.now() / 1000, page.points.map(f => Boolean(f[{LEFT_HAND}] || f[{RIGHT_HAND}]))]"


@contextmanager
def opened(folder: Path, *options: str) -> Iterator[Any]:
    """Open the page in a browser of its own; yields it once it is ready."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=[*OPTIONS, *options])
        page = browser.new_page()
        page.goto((folder / "index.html").absolute().as_uri())
        page.wait_for_function("page.ready", timeout=120_000)
        yield page
        browser.close()


def live(folder: Path, camera: Path, seconds: float) -> tuple[float, float]:
    """Return the pictures per second, and the share of them in which a hand is seen."""
    with opened(folder, *CAMERA, f"--use-file-for-fake-video-capture={camera}") as page:
        page.click("#camera")
        page.wait_for_function(f"page.frames > {STARTING}", timeout=120_000)
        before, start, _ = page.evaluate(STATE)
        time.sleep(seconds)
        after, end, seen = page.evaluate(STATE)
    hands = seen[-(after - before) :]
    return (after - before) / (end - start), sum(hands) / len(hands)


def main() -> None:
    """Print a line per run, and the median."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("film", nargs="?", type=Path, default=ROOT / "tests" / "films" / "signer.mp4")
    parser.add_argument("--page", type=Path, default=ROOT / "web" / "dist")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    rates = []
    with tempfile.TemporaryDirectory() as folder:
        camera = Path(folder) / "camera.mjpeg"
        subprocess.run(["ffmpeg", "-v", "error", "-i", arguments.film, "-q:v", "3", camera], check=True)
        for _ in range(arguments.repeats):
            rate, hands = live(arguments.page, camera, arguments.seconds)
            rates.append(rate)
            print(f"{rate:.1f} pictures/s, a hand in {hands:.0%}", flush=True)
    print(f"median {statistics.median(rates):.1f} pictures/s")
    with opened(arguments.page) as page:
        page.set_input_files("#file", arguments.film)
        page.wait_for_function("page.done", timeout=600_000)
        frames, rate, phrase = page.evaluate("[page.frames, page.rate, document.getElementById('phrase').textContent]")
        print(f"as a file: {frames} pictures, {rate:.1f} pictures/s, reads {phrase}")


if __name__ == "__main__":
    main()
