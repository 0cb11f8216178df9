"""What JupyterLab does beside its own work when `make lab` has started it."""

import shutil
import subprocess
from pathlib import Path
from typing import Any


def settle(os_path: str, model: dict[str, Any], **_: Any) -> None:
    """Let git see after a save that a notebook has not changed but for its outputs (Jupyter's post_save_hook).

    Git takes a file for changed as soon as its size is another one, whatever the filter makes of it, until the index
    knows the new size. A notebook whose code has changed stays as it is, for its author to add.
    """
    if model["type"] != "notebook" or not shutil.which("git"):
        return
    folder, name = Path(os_path).parent, Path(os_path).name
    git = ["git", "-C", str(folder)]
    if subprocess.run([*git, "diff", "--quiet", "--", name], capture_output=True).returncode == 0:
        subprocess.run([*git, "add", "--update", "--", name], capture_output=True)
