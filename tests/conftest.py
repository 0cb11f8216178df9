import shutil
from pathlib import Path

import pytest
import torch
from torch import nn

from fingerspelling.clips import ClipStore
from fingerspelling.extraction import extract
from fingerspelling.model import FingerspellingConfig, FingerspellingModel
from synthetic import write_competition

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
def tiny_config() -> FingerspellingConfig:
    """The whole architecture, as small as it gets."""
    return FingerspellingConfig(d_model=32, encoder_layers=1, conv_kernel=7, decoder_layers=1, decoder_ffn_dim=32)


def disturb(model: nn.Module, seed: int = 0) -> None:
    """Give every parameter and running statistic a value that is neither 0 nor 1, so that all of them matter."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if tensor.is_floating_point():
                noise = torch.randn(tensor.shape, generator=generator)
                tensor.add_(noise.abs() if name.endswith("running_var") else noise, alpha=0.2)


@pytest.fixture
def tiny_model(tiny_config: FingerspellingConfig) -> FingerspellingModel:
    """A model with disturbed random weights, in evaluation mode."""
    torch.manual_seed(0)
    model = FingerspellingModel(tiny_config)
    disturb(model)
    return model.eval()


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Public recordings and tables of the real competition, where they are at hand."""
    if not REAL.is_dir():
        pytest.skip(f"{REAL} is not there: the check against real recordings needs them")
    return REAL
