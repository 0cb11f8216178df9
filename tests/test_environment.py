"""pyproject.toml, constraints.txt and environment.yml must name the same packages."""

import re
import tomllib
from itertools import chain

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from fingerspelling.config import ROOT


def by_name(lines: list[str]) -> dict[str, Requirement]:
    requirements = [Requirement(line) for line in lines]
    assert len({canonicalize_name(r.name) for r in requirements}) == len(requirements), "a package stands twice"
    return {canonicalize_name(requirement.name): requirement for requirement in requirements}


@pytest.fixture(scope="module")
def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def ranges(project: dict) -> dict[str, Requirement]:
    return by_name([*project["dependencies"], *chain(*project["optional-dependencies"].values())])


@pytest.fixture(scope="module")
def pins() -> dict[str, Requirement]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return by_name([line for line in lines if line and not line.startswith("#")])


def test_every_dependency_is_pinned_inside_its_range(ranges: dict, pins: dict) -> None:
    for name, requirement in ranges.items():
        (pin,) = pins[name].specifier
        assert pin.operator == "=="
        assert requirement.specifier.contains(pin.version), f"{name} {pin.version} is outside {requirement}"
        assert {part.operator for part in requirement.specifier} == {">=", "<"}, f"{requirement} is no range"


def test_pins_are_exact_and_torch_builds_alike_everywhere(pins: dict) -> None:
    for name, pin in pins.items():
        assert re.fullmatch(r"==[\w.]+", str(pin.specifier)), f"{name}: {pin} is no exact public version"
    assert str(pins["torch"].specifier) == "==2.13.0"


def test_conda_environment_is_the_same_set_with_a_reason_each(project: dict, ranges: dict) -> None:
    text = (ROOT / "environment.yml").read_text()
    dependencies = yaml.safe_load(text)["dependencies"]
    (pip,) = (entry["pip"] for entry in dependencies if isinstance(entry, dict))
    assert {name: str(r) for name, r in by_name(pip).items()} == {name: str(r) for name, r in ranges.items()}
    (python,) = (entry for entry in dependencies if str(entry).startswith("python"))
    assert python == f"python{project['requires-python']}"
    for line in text.splitlines():
        if line.startswith("      - "):
            assert re.search(r"\s# \w.{8,}", line), f"no reason beside {line.strip()}"


def test_installed_packages_are_those_of_the_project(ranges: dict) -> None:
    """What the sources import is declared."""
    import ast
    import sys
    from importlib.metadata import packages_distributions

    imported = set()
    for path in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                imported.add(node.module.split(".")[0])
    imported -= {*sys.stdlib_module_names, "fingerspelling", "tflite_runtime"}
    distributions = packages_distributions()
    for module in imported:
        names = {canonicalize_name(name) for name in distributions[module]}
        assert names & ranges.keys(), f"{module} is imported, but pyproject.toml has none of {names}"
