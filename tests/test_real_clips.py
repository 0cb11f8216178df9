"""The benchmark's table of real clips."""

from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from fingerspelling.runs.config import ROOT

COLUMNS = ["file", "phrase", "signer"]


@pytest.fixture
def real_clips(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    return pytest.importorskip("real_clips")


@pytest.fixture
def real(tmp_path: Path) -> Path:
    words = tmp_path / "words"
    words.mkdir()
    for name in ("a.parquet", "b.parquet", "c.parquet"):
        (words / name).write_bytes(b"")
    rows = [
        ("a.parquet", "abc", "ann"),
        ("b.parquet", "none", "bob"),
        ("c.parquet", "nan", "bob"),
        ("d.parquet", "x", "x"),
    ]
    pd.DataFrame(rows, columns=COLUMNS).assign(fps=30).to_csv(words / "manifest.csv", index=False)
    letters = tmp_path / "letters"
    letters.mkdir()
    (letters / "landmarks.csv").write_bytes(b"")
    pd.DataFrame([("landmarks.csv", "single letters", 4)], columns=COLUMNS).to_csv(
        letters / "manifest.csv", index=False
    )
    return tmp_path


def test_the_table_has_each_set_and_signer(
    real_clips: ModuleType, real: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    read = {"a.parquet": ("abc", "abc"), "b.parquet": ("on", ""), "c.parquet": ("nan", "nan")}
    monkeypatch.setattr(real_clips, "load", lambda *_: lambda path: read[path.name])
    assert real_clips.main(["model", "--real", str(real), "--predictions"]) == 0
    *predictions, _, whole, ann, bob = capsys.readouterr().out.splitlines()
    assert predictions[1] == "words  bob  'none' was read as 'on'"
    assert whole.split() == ["words", "2", "3", "10", "0.800", "0.600", "0.71", "..", "1.00"]
    assert ann.split() == ["ann", "1", "1", "3", "1.000", "1.000"]
    assert bob.split() == ["bob", "1", "2", "7", "0.714", "0.429"]


def test_without_clips_it_says_so(real_clips: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert real_clips.main(["model", "--real", str(tmp_path)]) == 0
    assert "holds no clips with a manifest.csv: nothing is measured" in capsys.readouterr().out


def test_intervals_are_those_of_drawing_signers(real_clips: ModuleType) -> None:
    low, high = real_clips.bootstrap(np.array([10, 10]), np.array([0, 10]))
    assert (low, high) == (0.0, 1.0)
    assert real_clips.bootstrap(np.full(50, 4), np.full(50, 1)) == (0.75, 0.75)
