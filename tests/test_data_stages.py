import shutil
from pathlib import Path

import pytest

from fingerspelling.data.stages import last_checkpoint
from fingerspelling.files import SEAL, is_whole, seal

FILES = {
    "model.safetensors": b"weights",
    "optimizer.pt": b"moments",
    "scheduler.pt": b"rate",
    "trainer_state.json": b"{}",
}


def write(folder: Path, step: int) -> Path:
    checkpoint = folder / f"checkpoint-{step}"
    checkpoint.mkdir()
    for name, content in FILES.items():
        (checkpoint / name).write_bytes(content)
    seal(checkpoint)
    return checkpoint


@pytest.mark.parametrize("name", [*FILES, SEAL])
@pytest.mark.parametrize("damage", ["gone", "cut", "changed", "grown"])
def test_a_checkpoint_with_any_damaged_file_does_not_count(tmp_path: Path, name: str, damage: str) -> None:
    older, newer = write(tmp_path, 90), write(tmp_path, 100)
    assert last_checkpoint(tmp_path) == newer
    file = newer / name
    content = file.read_bytes()
    if damage == "gone":
        file.unlink()
    else:
        file.write_bytes({"cut": content[:-1], "changed": content[:-1] + b"?", "grown": content + b"?"}[damage])
    assert not is_whole(newer)
    assert last_checkpoint(tmp_path) == older
    assert not newer.exists()


def test_a_note_that_is_no_json_is_damage(tmp_path: Path) -> None:
    (write(tmp_path, 1) / SEAL).write_bytes(b"[" * 10**5)
    assert last_checkpoint(tmp_path) is None


def test_a_checkpoint_survives_a_copy(tmp_path: Path) -> None:
    write(tmp_path, 5)
    copied = Path(shutil.copytree(tmp_path, tmp_path / "elsewhere", copy_function=shutil.copyfile))
    assert last_checkpoint(copied) == copied / "checkpoint-5"


def test_numbers_decide_which_is_the_newest(tmp_path: Path) -> None:
    assert last_checkpoint(tmp_path / "nowhere") is None
    write(tmp_path, 100)
    write(tmp_path, 90)
    assert last_checkpoint(tmp_path) == tmp_path / "checkpoint-100"
