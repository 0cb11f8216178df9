import os
import subprocess
import sys
from pathlib import Path

import pytest

from fingerspelling.files import written_whole


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


def test_what_a_killed_write_left_is_overwritten(tmp_path: Path) -> None:
    kill = "import os, sys; from pathlib import Path; from fingerspelling.files import written_whole\n"
    kill += "with written_whole(Path(sys.argv[1])) as temporary: temporary.write_text('half'); os._exit(1)"
    path = tmp_path / "file.txt"
    subprocess.run([sys.executable, "-c", kill, path], env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)})
    assert not path.exists()
    assert len(os.listdir(tmp_path)) == 1
    with written_whole(path) as temporary:
        temporary.write_text("whole")
    assert os.listdir(tmp_path) == ["file.txt"]
