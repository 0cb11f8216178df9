import shutil
from pathlib import Path

import pytest
from synthetic import make_model, write_competition

from fingerspelling.clips import ClipStore
from fingerspelling.extraction import extract
from fingerspelling.model import FingerspellingModel

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
