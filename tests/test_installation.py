"""How the project is installed: in place, as a wheel that runs in any folder, and in a copied folder."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from fingerspelling.parameters import ParameterError
from fingerspelling.runs.config import PROJECT, ROOT, refuse_another_checkout

SHOW = """
from fingerspelling.runs.config import DEMO, RunConfig, parameter_file
from fingerspelling.parameters import read_parameters
from fingerspelling.runs.config import CHAPTERS, NOTEBOOKS
print(RunConfig.from_values({}).run_dir)
both_rounds = read_parameters(parameter_file("notebooks/params/small_round2.yaml"))
print(RunConfig.from_values(both_rounds).first_round is not None)
print(all((CHAPTERS / f"{name}.ipynb").is_file() for name in NOTEBOOKS))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel of a copy, so that the checkout stays as it is."""
    pytest.importorskip("setuptools", minversion="77", reason="an older setuptools does not read pyproject.toml")
    copy, folder = tmp_path_factory.mktemp("copy"), tmp_path_factory.mktemp("wheel")
    for name in ("src", "notebooks"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    build = f"from setuptools.build_meta import build_wheel; build_wheel({str(folder)!r})"
    done = subprocess.run([sys.executable, "-c", build], cwd=copy, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (wheel,) = folder.glob("*.whl")
    return wheel


def test_a_wheel_holds_the_notebooks_and_their_parameters(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if name.startswith("fingerspelling/")}
    sources = {path.relative_to(ROOT / "src") for path in (ROOT / "src/fingerspelling").rglob("*") if path.is_file()}
    notebooks = {*(ROOT / "notebooks").rglob("*.ipynb"), *(ROOT / "notebooks").rglob("*.yaml")}
    expected = sources | {Path("fingerspelling") / path.relative_to(ROOT) for path in notebooks}
    assert packed == {str(path) for path in expected if not {"__pycache__", ".ipynb_checkpoints"} & {*path.parts}}


def test_from_a_wheel_a_run_goes_to_the_working_folder(wheel: Path, tmp_path: Path) -> None:
    installed, here = tmp_path / "site-packages", tmp_path / "here"
    here.mkdir()
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
    environment = os.environ | {"PYTHONPATH": str(installed)}
    done = subprocess.run([sys.executable, "-c", SHOW], cwd=here, env=environment, capture_output=True, text=True)
    assert done.stdout.splitlines() == [str(here / "outputs/demo"), "True", "True"], done.stderr


def test_in_a_copied_checkout_the_other_ones_code_does_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in (ROOT, ROOT / "notebooks", tmp_path):
        monkeypatch.chdir(folder)
        refuse_another_checkout()
    copy = tmp_path / "copy"
    (copy / "src/fingerspelling/runs").mkdir(parents=True)
    (copy / "src/fingerspelling/runs/config.py").touch()
    (copy / "notebooks").mkdir()
    for folder in (copy, copy / "notebooks"):
        monkeypatch.chdir(folder)
        with pytest.raises(ParameterError, match=f"^{copy}: what runs here is the code of {PROJECT}; `make` in {copy}"):
            refuse_another_checkout()


def test_make_renews_an_environment_that_came_with_a_copied_folder(tmp_path: Path) -> None:
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        (tmp_path / name).symlink_to(ROOT / name)
    ready = tmp_path / ".venv/ready"
    ready.parent.mkdir()

    def renewed() -> bool:
        make = ["make", "--dry-run", "lint", f"PYTHON={sys.executable}"]
        done = subprocess.run(make, cwd=tmp_path, capture_output=True, text=True, check=True)
        return " -m venv --clear .venv" in done.stdout

    assert renewed()
    ready.write_text(f"{tmp_path}\n")
    assert not renewed()
    ready.write_text("/where/it/was/copied/from\n")
    assert renewed() and not ready.exists()


READ_ONLY = f"mount --bind {ROOT} {ROOT} && mount -o remount,ro,bind {ROOT} && cd {ROOT}"
RUN = """
import sys
from fingerspelling.processes import exit_status
from fingerspelling.workbook import Workbook

def run(folder):
    simulation = {"signers": 2, "clips": 3, "supplemental_clips": 0, "tempo": 4, "processes": 1}
    book = Workbook({"params": "tests/tiny.yaml", "run_dir": folder, "simulation": simulation})
    return len(book.store)

print(exit_status(lambda: run("outputs/nowhere")), exit_status(lambda: run(sys.argv[1])))
"""


def test_in_a_checkout_that_is_read_only_a_run_goes_elsewhere_or_is_refused(tmp_path: Path) -> None:
    """In a mount namespace of its own."""
    inside = ["unshare", "--mount", "--map-root-user", "sh", "-c"]
    if sys.platform != "linux" or subprocess.run([*inside, READ_ONLY], capture_output=True).returncode:
        pytest.skip("no mount namespaces here")
    (tmp_path / "run.py").write_text(RUN)
    command = f"{READ_ONLY} && exec {sys.executable} {tmp_path}/run.py {tmp_path}/run"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([*inside, command], env=environment, capture_output=True, text=True)
    reason = "cannot be written to (Read-only file system); choose another run_dir"
    assert done.stderr == f"{ROOT / 'outputs/nowhere'}: {reason}\n"
    assert done.stdout.splitlines()[-1] == "2 3", "refused here, three clips there"
    assert not (ROOT / "outputs/nowhere").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_everything_ends_with_an_interrupted_installation(number: int, tmp_path: Path) -> None:
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    pip, python = tmp_path / "pip", tmp_path / "python"  # what takes minutes; what makes the environment
    pip.write_text("#!/bin/sh\ntouch at-work\nexec sleep 300\n")
    python.write_text('#!/bin/sh\n[ "$1" = -c ] && exit\nmkdir -p .venv/bin\ncp pip .venv/bin/python\n')
    for script in (pip, python):
        script.chmod(0o755)
    make = subprocess.Popen(
        ["make", "lint", f"PYTHON={python}"],
        cwd=tmp_path,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # tests in a shell's background ignore it
    )
    while not (tmp_path / "at-work").exists():
        assert make.poll() is None
        time.sleep(0.02)
    if number == signal.SIGINT:
        os.killpg(make.pid, number)  # as a terminal does
    else:
        make.send_signal(number)
    assert make.wait(timeout=60) != 0
    limit = time.monotonic() + 30
    while left := of_session(make.pid):
        assert time.monotonic() < limit, left
        time.sleep(0.05)


def of_session(leader: int) -> list[str]:
    """Name the processes of a session."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            state, _, _, session, *_ = (process / "stat").read_text().rpartition(")")[2].split()
            if int(session) == leader and state != "Z":
                found.append((process / "cmdline").read_text().replace("\0", " "))
    return found


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="Windows has no root")
def test_jupyter_starts_for_root_too(tmp_path: Path) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "bin").mkdir()
    for user, allowed in (("0", True), ("1000", False)):
        (tmp_path / "bin/id").write_text(f"#!/bin/sh\necho {user}\n")
        (tmp_path / "bin/id").chmod(0o755)
        environment = os.environ | {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
        make = ["make", "--dry-run", "lab", f"PYTHON={sys.executable}"]
        for file in ("pyproject.toml", "constraints.txt"):
            (tmp_path / file).touch()
        done = subprocess.run(make, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
        assert ("--allow-root" in done.stdout) == allowed
