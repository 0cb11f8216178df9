"""benchmarks/runtimes.py, with this Python as every runtime: nothing is installed."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from competitor import CLASSES, write_submission

from fingerspelling import text
from fingerspelling.runs.config import ROOT
from fingerspelling.scoring.submission import Submission

sys.path.insert(0, str(ROOT / "benchmarks"))
import runtimes
from runtimes import Runtime, RuntimeUnavailableError, compare, environment, find_python


@pytest.fixture(scope="module")
def submission(tmp_path_factory: pytest.TempPathFactory) -> Submission:
    return Submission(write_submission(tmp_path_factory.mktemp("competitor") / "submission"))


def frames_of(phrase: str) -> np.ndarray:
    return np.stack([text.encode(phrase), np.zeros(len(phrase))], axis=1).astype(np.float32)


def test_the_matrix_compares_every_runtime_with_the_first(submission: Submission, tmp_path: Path) -> None:
    liar = tmp_path / "python"  # a runtime that answers the second clip otherwise
    answer = {
        "version": "liar",
        "python": "2",
        "rows": [text.encode("dog"), [1]],
        "milliseconds": [5, 7],
        "megabytes": 3,
    }
    liar.write_text(f"#!/bin/sh\necho '{json.dumps(answer)}' > $4\n")
    liar.chmod(0o755)
    pythons = {"missing": "no Python 1.0", "here": Path(sys.executable), "liar": liar}
    table = compare(submission, [frames_of("dog"), frames_of("7")], pythons)
    assert table["same"].tolist()[1:] == [2, 1] and table["same"].isna().tolist() == [True, False, False]
    assert table["error"].tolist() == ["no Python 1.0", "", ""]
    assert table.loc["here", ["ms", "ms_without_xnnpack", "mb"]].gt(0).all()
    assert table.loc["liar", ["ms", "mb"]].tolist() == [6, 3]


def test_a_failing_model_is_reported_with_its_last_line(submission: Submission) -> None:
    clip = np.full((1, 2), CLASSES, np.float32)
    table = compare(submission, [clip], {"here": Path(sys.executable)})
    assert table["same"].isna().all()
    assert table["error"].str.contains("RuntimeError|ValueError").all()


def test_an_environment_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    monkeypatch.setattr(
        runtimes, "_call", lambda *command: calls.append(command) or (tmp_path / "env").mkdir(exist_ok=True)
    )
    monkeypatch.setattr(runtimes, "find_python", lambda version: Path(f"python{version}"))
    runtime = Runtime("3.9", ["tflite-runtime==2.9.1"])
    for _ in range(2):
        assert environment(runtime, tmp_path / "env") == tmp_path / "env/bin/python"
    assert [command[:3] for command in calls] == [
        (Path("python3.9"), "-m", "venv"),
        (tmp_path / "env/bin/python", "-m", "pip"),
    ]
    environment(Runtime("3.9", ["tflite-runtime==2.10.0"]), tmp_path / "env")
    assert len(calls) == 4


def test_a_python_is_looked_for_on_the_path_then_by_pyenv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shim, real = tmp_path / "shims/python3.9", tmp_path / "versions/3.9.18/bin/python"
    for path, status in ((shim, 127), (real, 0)):
        path.parent.mkdir(parents=True)
        path.write_text(f"#!/bin/sh\nexit {status}\n")
        path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{shim.parent}:/usr/bin:/bin")
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    assert find_python("3.9") == real
    with pytest.raises(RuntimeUnavailableError, match=r"no Python 3\.99"):
        find_python("3.99")
