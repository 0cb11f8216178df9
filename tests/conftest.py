import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import pytest
from kaggle_stub import TOKEN, KaggleStub
from synthetic import COUNTING_CLIPS, make_model, write_competition, write_counting_store

from fingerspelling.data.extraction import extract
from fingerspelling.data.store import ClipStore
from fingerspelling.model import FingerspellingModel

# A slow machine is no failure: time limits are for what hangs (pytest-timeout).
hypothesis.settings.register_profile("unhurried", deadline=None)
hypothesis.settings.load_profile("unhurried")

REAL = Path(__file__).resolve().parents[1] / "../shared/real"  # recordings that are not part of this project


@pytest.fixture(scope="session")
def competition(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny competition, for reading only; see `synthetic` for what it holds."""
    folder = tmp_path_factory.mktemp("tiny") / "competition"
    write_competition(folder)
    return folder


@pytest.fixture
def own_competition(competition: Path, tmp_path: Path) -> Path:
    """A copy of the tiny competition that a test may damage."""
    return Path(shutil.copytree(competition, tmp_path / "competition"))


@pytest.fixture(scope="session")
def store(competition: Path) -> ClipStore:
    """The tiny competition's clips."""
    folder = competition.parent / "clips"
    extract(competition, folder)
    return ClipStore(folder)


@pytest.fixture
def tiny_model() -> FingerspellingModel:
    """The whole architecture with disturbed random weights, in evaluation mode."""
    return make_model()


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Public recordings and tables of the real competition, where they are at hand."""
    if not REAL.is_dir():
        pytest.skip(f"{REAL} is not there: the check against real recordings needs them")
    return REAL


@pytest.fixture(scope="module")
def counting(tmp_path_factory: pytest.TempPathFactory) -> ClipStore:
    """200 clips of 2..120 frames of 40 signers; every value says which clip and frame it comes from."""
    lengths = np.random.default_rng(0).integers(2, 120, COUNTING_CLIPS)
    return write_counting_store(tmp_path_factory.mktemp("counting"), lengths, np.arange(COUNTING_CLIPS) % 40)


@pytest.fixture(scope="module")  # and not of the session: while it is at work, asyncio can run nothing else
def chromium() -> Iterator[Callable[..., Any]]:
    """Start the installed Chromium with further options, as often as a test likes; Playwright downloads none."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="no Playwright to drive the browser")
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if not program:
        pytest.skip("no Chromium")
    with sync_api.sync_playwright() as playwright:
        yield lambda *options: playwright.chromium.launch(executable_path=program, args=["--no-sandbox", *options])


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What would have been waited for, in seconds."""
    seconds: list[float] = []
    monkeypatch.setattr(time, "sleep", seconds.append)
    return seconds


@pytest.fixture
def kaggle(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, slept: list[float]) -> Iterator[KaggleStub]:
    """A stub of Kaggle's API, to which the official client speaks with a token, and without waiting."""
    kaggle_env = pytest.importorskip("kagglesdk.kaggle_env", reason="the extra kaggle is not installed")
    for name in ("KAGGLE_USERNAME", "KAGGLE_KEY", "KAGGLE_CONFIG_DIR", "KAGGLE_API_ENVIRONMENT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("KAGGLE_API_TOKEN", TOKEN)
    with KaggleStub() as stub:
        monkeypatch.setitem(kaggle_env._env_to_endpoint, kaggle_env.KaggleEnv.PROD, stub.url)
        from kaggle.api.kaggle_api_extended import KaggleApi  # once it would speak to the stub, as it does on import

        monkeypatch.setattr(KaggleApi, "config", str(tmp_path / "home/kaggle.json"))
        yield stub
