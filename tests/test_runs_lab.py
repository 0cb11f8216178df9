import subprocess
from pathlib import Path

from fingerspelling.runs.lab import settle


def test_only_what_differs_in_outputs_alone_is_settled(tmp_path: Path) -> None:
    def git(*arguments: str) -> str:
        command = ["git", "-c", "user.name=test", "-c", "user.email=test", "-C", str(tmp_path), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    git("init", "-q")
    git("config", "filter.notebooks.clean", "sed /output/d")  # stands in for nbstripout
    (tmp_path / ".gitattributes").write_text("*.ipynb filter=notebooks\n")
    for name in ("run", "edited"):
        (tmp_path / f"{name}.ipynb").write_text("code\n")
    git("add", ".")
    git("commit", "-qm", "all")
    (tmp_path / "run.ipynb").write_text("code\noutput\n")
    (tmp_path / "edited.ipynb").write_text("other code\noutput\n")
    (tmp_path / "mine.ipynb").write_text("code\n")
    for name in ("run", "edited", "mine"):
        settle(os_path=str(tmp_path / f"{name}.ipynb"), model={"type": "notebook"}, contents_manager=None)
    assert git("status", "--porcelain") == " M edited.ipynb\n?? mine.ipynb\n"
    assert (tmp_path / "run.ipynb").read_text() == "code\noutput\n"
