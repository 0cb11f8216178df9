"""An emulation of Kaggle's machine: the folders that a pushed kernel finds there, and how it is started.

Where Linux allows it, a kernel runs in namespaces of its own: /kaggle is really there, inputs are mounted for reading
only, and there is no network. Elsewhere FINGERSPELLING_KAGGLE names another folder, and proxies lead nowhere; then
`Machine.run` checks afterwards that no input has changed.

Run as a script, this module enters the namespaces; it needs nothing but Python's own library there.
"""

import fcntl
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
UNSHARE = ["unshare", "--user", "--map-root-user", "--mount", "--net", "--fork", "--kill-child"]
SIOCSIFFLAGS, IFF_UP = 0x8914, 1  # of Linux: switches a network interface on


@dataclass(frozen=True)
class Version:
    """A version of a kernel that has run: its exit status, its log with the seconds of each line, and its output."""

    status: int
    lines: list[tuple[float, str]]
    output: Path
    notebook: Path

    @property
    def log(self) -> str:
        return "".join(line for _, line in self.lines)


class Machine:
    """A machine that runs kernels.

    Attributes:
        folder: receives a folder for each version that has run.
        isolated: whether kernels run in namespaces of their own.
    """

    def __init__(self, folder: Path, python: Path = Path(sys.executable)) -> None:
        self.folder, self._python = folder, python
        folder.mkdir(parents=True, exist_ok=True)
        self.isolated = (
            sys.platform == "linux" and not subprocess.run([*UNSHARE, "true"], capture_output=True).returncode
        )
        self._versions = 0

    @cached_property
    def python(self) -> Path:
        """A Python with the same packages, but without those installed in place, as this one is in its environment."""
        place = self.folder / "python"
        subprocess.run([self._python, "-m", "venv", "--without-pip", place], check=True)
        ask = "import site, sys; print(*[path for path in site.getsitepackages() if path in sys.path], sep='\\n')"
        theirs = subprocess.run([self._python, "-c", ask], capture_output=True, text=True, check=True).stdout
        (ours,) = place.glob("lib/python*/site-packages")
        (ours / "packages.pth").write_text(theirs)  # the .pth files in there are not read in turn
        return place / "bin/python"

    @property
    def root(self) -> Path:
        """Where kernels find input, working and temp."""
        return Path("/kaggle") if self.isolated else self.folder / "kaggle"

    @property
    def environment(self) -> dict[str, str]:
        """The variables that a kernel's process has, and no others."""
        kept = {name: os.environ[name] for name in ("PATH", "OMP_NUM_THREADS") if name in os.environ}
        variables = {"HOME": str(self.folder / "home"), "LANG": "C.UTF-8", "KAGGLE_KERNEL_RUN_TYPE": "Batch"}
        variables |= {"TF_CPP_MIN_LOG_LEVEL": "3", "MPLBACKEND": "agg"}
        if not self.isolated:
            nowhere = "http://127.0.0.1:9"
            variables |= {"http_proxy": nowhere, "https_proxy": nowhere, "FINGERSPELLING_KAGGLE": str(self.root)}
        return kept | variables

    def build(self, params: Path, *options: str) -> Path:
        """Build the kernels for this machine, as a user does; returns their folder."""
        folder = self.folder / "kernels"
        command = [sys.executable, "-m", "fingerspelling.kaggle.kernels", "--params", params, "--folder", folder]
        environment = os.environ | {"FINGERSPELLING_KAGGLE": str(self.root)}
        subprocess.run([*command, *options], check=True, capture_output=True, env=environment, cwd=ROOT)
        return folder

    def run(self, kernel: Path, inputs: Mapping[str, Path], cells: Mapping[str, str] | None = None) -> Version:
        """Run a kernel's notebook as Kaggle does: papermill on the one file, in an empty folder.

        Args:
            kernel: its folder.
            inputs: folders by their place in /kaggle/input.
            cells: code that takes place after cells with these ids, for what a test wants to disturb.
        """
        self._versions += 1
        place = self.folder / f"{self._versions}-{kernel.name}"
        for name in ("src", "working", "temp"):
            (place / name).mkdir(parents=True)
        pushed = json.loads(
            (kernel / json.loads((kernel / "kernel-metadata.json").read_text())["code_file"]).read_text()
        )
        for name, code in (cells or {}).items():
            (after,) = (i for i, cell in enumerate(pushed["cells"]) if cell["id"] == name)
            cell = {"cell_type": "code", "id": f"{name}-2", "metadata": {}, "outputs": [], "execution_count": None}
            pushed["cells"].insert(after + 1, cell | {"source": code})
        (place / "src/script.ipynb").write_text(json.dumps(pushed))
        notebooks = [f"{self.root}/src/{name}.ipynb" for name in ("script", "__notebook__")]
        command = [str(self.python), "-m", "papermill", *notebooks, "-k", "python3"]
        command += ["--log-output", "--no-progress-bar", "--cwd", f"{self.root}/working"]
        before = {name: _content(folder) for name, folder in inputs.items()}
        status, lines = self._execute(command, place, inputs)
        assert {name: _content(folder) for name, folder in inputs.items()} == before, "an input has changed"
        return Version(status, lines, place / "working", place / "src/__notebook__.ipynb")

    def _execute(
        self, command: list[str], place: Path, inputs: Mapping[str, Path]
    ) -> tuple[int, list[tuple[float, str]]]:
        mounts = {name: str(folder) for name, folder in inputs.items()}
        if self.isolated:
            spec = {"place": str(place), "inputs": mounts, "command": command}
            command = [*UNSHARE, sys.executable, "-I", __file__, json.dumps(spec)]
        else:
            root = self.root
            shutil.rmtree(root, ignore_errors=True)
            (root / "input").mkdir(parents=True)
            for name in ("src", "working", "temp"):
                (root / name).symlink_to(place / name)
            for name, folder in mounts.items():
                (root / "input" / name).parent.mkdir(parents=True, exist_ok=True)
                (root / "input" / name).symlink_to(folder)
        (self.folder / "home").mkdir(exist_ok=True)
        begun, lines = time.monotonic(), []
        with subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=self.environment,
            cwd=place / "working",
        ) as process:
            for line in process.stdout or []:
                lines.append((time.monotonic() - begun, line))
        return process.returncode, lines


def _content(folder: Path) -> list[tuple[str, int, int]]:
    """List a folder's files with their sizes and times."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in files]


def enter(place: str, inputs: Mapping[str, str], command: list[str]) -> None:
    """In new namespaces: make a root that has /kaggle besides all that was there, and become the command in it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as loopback:  # Jupyter talks to its kernels over it
        fcntl.ioctl(loopback, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))
    root = Path(place, "root")
    root.mkdir()
    _mount("-t", "tmpfs", "none", root)
    for top in Path("/").iterdir():
        if top.is_symlink():
            (root / top.name).symlink_to(top.readlink())
        elif top.is_dir() and top.name != "kaggle":
            (root / top.name).mkdir()
            _mount("--rbind", top, root / top.name)
    for name in ("src", "working", "temp"):
        _bind(Path(place, name), root / "kaggle" / name)
    (root / "kaggle/input").mkdir()
    for name, folder in inputs.items():
        _bind(Path(folder), root / "kaggle/input" / name, read_only=True)
    os.chroot(root)
    os.chdir("/kaggle/working")
    os.execv(command[0], command)


def _bind(folder: Path, target: Path, read_only: bool = False) -> None:
    target.mkdir(parents=True)
    _mount("--bind", folder, target)
    if read_only:
        _mount("-o", "remount,bind,ro", target)


def _mount(*arguments: str | Path) -> None:
    subprocess.run(["mount", *map(str, arguments)], check=True)


if __name__ == "__main__":
    enter(**json.loads(sys.argv[1]))
