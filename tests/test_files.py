import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from fingerspelling import files
from fingerspelling.files import clear_temporary, disk_full_named, written_whole


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "folder/file.txt"
    with written_whole(path) as temporary:
        temporary.write_text("old")
        assert not path.exists()
    with pytest.raises(KeyboardInterrupt), written_whole(path) as temporary:
        temporary.write_text("half of the n")
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    assert os.listdir(path.parent) == ["file.txt"]


def test_what_is_no_file_is_written_to_and_stays(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with written_whole(pipe) as temporary:
        assert temporary == pipe  # as /dev/stdout may be
    assert pipe.is_fifo()


def test_what_a_killed_write_left_is_cleared(tmp_path: Path) -> None:
    kill = "import os, sys; from pathlib import Path; from fingerspelling.files import written_whole\n"
    kill += "with written_whole(Path(sys.argv[1])) as temporary: temporary.write_text('half'); os._exit(1)"
    path = tmp_path / "folder/file.txt"
    for _ in range(2):
        command = [sys.executable, "-c", kill, path]
        subprocess.run(command, env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)})
    assert not path.exists()
    assert len(os.listdir(path.parent)) == 2  # each process has a name of its own
    (tmp_path / ".model.tmp").mkdir()
    (tmp_path / ".model.tmp/half").touch()
    kept = {tmp_path / ".hidden", tmp_path / "x.tmp"}
    for file in kept:
        file.touch()
    clear_temporary(tmp_path)
    assert {file for file in tmp_path.rglob("*") if file.is_file()} == kept


@pytest.mark.parametrize("error", [RuntimeError("file write failed"), OSError(28, "No space left on device")])
def test_what_fails_on_a_full_disk_names_the_file(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(type(error)) as raised, disk_full_named(tmp_path / "new/model"):
        raise error
    assert raised.value is error
    monkeypatch.setattr(files.shutil, "disk_usage", lambda folder: SimpleNamespace(free=files.FULL - 1))
    with pytest.raises(OSError) as raised, disk_full_named(tmp_path / "new/model"):
        raise error
    assert (raised.value.errno, raised.value.filename) == (28, str(tmp_path / "new/model"))
