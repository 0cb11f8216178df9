"""Puts the notebooks and their parameters into the wheel, inside the package; all else is in pyproject.toml."""

import shutil

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithNotebooks(build_py):
    """In a checkout that is installed in place, the package finds them where they are."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            ignored = shutil.ignore_patterns(".*", "*.toml")
            shutil.copytree(
                "notebooks", f"{self.build_lib}/fingerspelling/notebooks", dirs_exist_ok=True, ignore=ignored
            )


setup(cmdclass={"build_py": BuildWithNotebooks})
