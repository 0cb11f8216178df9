"""The package's rooms: the README lists them, and imports go down that list only."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src/fingerspelling"
MOST_ROOMS = 20  # that a stranger takes in at a glance
BESIDE = ("benchmarks", "web")  # rooms of code beside the package
FLOORS = (ROOT / "README.md").read_text().partition("import only those below:\n\n")[2].partition("\n\n")[0].splitlines()
# A room's floor, the highest first: of a line such as "    text.py  files.py   the ground", each name has the same.
ROOMS = {
    name.strip("/"): floor
    for floor, line in enumerate(FLOORS)
    for name in re.findall(r"(?<=  )[\w.]+(?:\.py|/)(?=\s)", line.partition(": ")[0])
}

MAP = re.findall(r"^\| .*\?\s*\| .*", (ROOT / "docs/map.md").read_text(), re.M)


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0]


def imported(path: Path) -> set[str]:
    """Return the rooms that a file imports from, inside of functions as well."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "fingerspelling":
            parts = node.module.split(".")[1:2]
            names |= set(parts or [alias.name for alias in node.names])
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("fingerspelling.")}
    return {name if (PACKAGE / name).is_dir() else f"{name}.py" for name in names}


def test_the_readme_lists_all_rooms() -> None:
    there = {path for path in PACKAGE.iterdir() if path.suffix == ".py" or any(path.glob("*.py"))}
    assert {path.name for path in there} - {"__init__.py"} == ROOMS.keys()
    assert len({*ROOMS, *BESIDE}) <= MOST_ROOMS


@pytest.mark.parametrize("room", sorted(ROOMS))
def test_imports_go_down(room: str) -> None:
    files = [PACKAGE / room] if room.endswith(".py") else sorted((PACKAGE / room).rglob("*.py"))
    up = {f"{path.relative_to(PACKAGE)} imports {name}" for path in files for name in imported(path)
          if name != room and ROOMS[name] < ROOMS[room]}  # fmt: skip
    assert not up
    if room not in FLOORS[-1]:
        level = {name for path in files for name in imported(path) if name != room and ROOMS[name] == ROOMS[room]}
        assert not level, "rooms of one floor do not know each other; those of the ground alone do"


@pytest.mark.parametrize("row", MAP, ids=[row.split(" | ")[0].strip("| ") for row in MAP])
def test_the_map_names_what_is_there(row: str) -> None:
    _, places, names = row.strip("| ").split(" | ")
    files = [PACKAGE / place for place in re.findall(r"`([\w/]+\.\w+)`", places)]
    files += [path for place in re.findall(r"`(\w+/)`", places) for path in (PACKAGE / place).glob("*.py")]
    code = "".join(path.read_text() for path in files)
    absent = [name for name in re.findall(r"`([\w.]+)`", names) if not re.search(rf"\b{name.split('.')[-1]}\b", code)]
    assert files and not absent
