"""What a run says of its origin."""

import json
import subprocess
from pathlib import Path

import pytest

from fingerspelling.runs import provenance


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    def git(*arguments: str) -> None:
        subprocess.run(
            ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b", *arguments], check=True
        )

    git("init", "-q")
    (tmp_path / "params").mkdir()
    (tmp_path / "params/x.yaml").write_text("a: 1")
    (tmp_path / "code.py").write_text("")
    (tmp_path / ".gitignore").write_text("outputs/\n")
    git("add", ".")
    git("commit", "-qm", "first")
    return tmp_path


def test_changed_files_are_those_that_the_commit_does_not_hold(checkout: Path) -> None:
    def changed(*paths: str) -> list[str] | None:
        return provenance.changed_files([checkout / path for path in paths], checkout)

    assert changed() == []
    (checkout / "params/x.yaml").write_text("a: 2")
    (checkout / "params/new.yaml").write_text("")
    (checkout / "code.py").unlink()
    (checkout / "outputs").mkdir()
    (checkout / "outputs/x").write_text("")
    assert changed() == ["code.py", "params/x.yaml", "params/new.yaml"]
    assert changed("params") == ["params/x.yaml", "params/new.yaml"]
    assert changed("code.py") == ["code.py"]


def test_without_a_checkout_nothing_is_claimed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert provenance.changed_files([], tmp_path) is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert provenance.changed_files() is None
    provenance.code.cache_clear()
    code = provenance.code()
    provenance.code.cache_clear()
    assert (code["commit"], code["dirty"]) == (None, None) and len(code["sources"]) == 12
    assert "no commit (sources " in provenance.line(provenance.record({}, [1], 1.0) | code)


def test_a_record_holds_what_ran_and_is_kept_by_chapter(tmp_path: Path) -> None:
    record = provenance.record({"training": {"epochs": 3}}, [1, 2], 3723.4)
    provenance.write(tmp_path, "03_training", record)
    provenance.write(tmp_path, "04_error_analysis", record | {"seconds": 1})
    kept = json.loads((tmp_path / "run.json").read_text())
    assert kept.keys() == {"03_training", "04_error_analysis"}
    assert kept["03_training"] == json.loads(json.dumps(record))
    assert kept["03_training"]["parameters"] == {"training": {"epochs": 3}}
    assert {"python", "torch", "numpy"} <= kept["03_training"]["versions"].keys()
    assert kept["03_training"]["machine"]["threads"] >= 1
    line = provenance.line(record)
    for part in ("seeds 1, 2", "torch ", " thread", "62.1 min"):
        assert part in line
    assert max(map(len, line.splitlines())) <= provenance.LINE


@pytest.mark.parametrize(("seconds", "said"), [(9.6, "10 s"), (99, "99 s"), (600, "10.0 min"), (16200, "4.5 h")])
def test_durations(seconds: float, said: str) -> None:
    assert provenance.duration(seconds) == said
