"""pyproject.toml, constraints.txt and environment.yml must name the same packages."""

import re
import shutil
import subprocess
import sys
import tomllib
from itertools import chain
from pathlib import Path

import hypothesis
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

import fingerspelling
from fingerspelling.runs.config import ROOT

sys.path.insert(0, str(ROOT / "benchmarks"))
import environments
from environments import ENVIRONMENTS, RuntimeUnavailableError, main


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
    from importlib.metadata import packages_distributions

    imported = set()
    for path in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                imported.add(node.module.split(".")[0])
    imported -= {
        *sys.stdlib_module_names,
        "fingerspelling",
        "tflite_runtime",
        "pydantic_core",
        "cv2",  # of the environment that video.environment makes
        "mediapipe",
    }  # pydantic pins its core
    # Named for itself, where an image lacks the package: its module is called otherwise.
    distributions = {"slugify": ["python-slugify"], **packages_distributions()}
    for module in imported:
        names = {canonicalize_name(name) for name in distributions.get(module, [module])}
        assert names & ranges.keys(), f"{module} is imported, but pyproject.toml has none of {names}"


@pytest.mark.parametrize("name", ["kaggle", "colab"])
def test_images_are_inside_the_ranges(name: str, project: dict, ranges: dict) -> None:
    image = by_name(list(ENVIRONMENTS[name].packages))
    for package in image.keys() & ranges.keys():
        for pin in image[package].specifier:
            assert ranges[package].specifier.contains(pin.version), f"{package} {pin.version} is outside its range"
    workbook = by_name(project["optional-dependencies"]["workbook"]).keys()
    assert workbook - image.keys() == {"jupyterlab", "nbstripout"}  # where the tests can do without a browser


def test_every_python_that_is_admitted_is_tested(project: dict) -> None:
    minors = [minor for minor in range(20) if f"3.{minor}" in SpecifierSet(project["requires-python"])]
    admitted = [f"3.{minor}" for minor in minors]
    assert sorted({environment.python for environment in ENVIRONMENTS.values()}) == admitted
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())
    assert workflow["jobs"]["test"]["strategy"]["matrix"]["python"] == admitted
    assert f"(3, {minors[0]}) <= v <= (3, {minors[-1]})" in (ROOT / "Makefile").read_text()


def test_no_test_depends_on_the_speed_of_the_machine() -> None:
    assert hypothesis.settings.default.deadline is None
    for file in (ROOT / "tests").glob("*.py"):
        assert set(re.findall(r"\bdeadline=(\w+)", file.read_text())) <= {"None"}, file


@pytest.mark.parametrize(
    ("programs", "said"),
    [
        (["chromium"], ["lint", "test"]),
        (["google-chrome"], ["lint", "test"]),
        (["apt-get"], ["update", "install", "lint", "test"]),
        ([], ["none can be installed", "lint", "test"]),  # of a system that is not Debian's
        (["refusing"], ["none can be installed", "lint", "test"]),  # to whom is not root
    ],
)
def test_a_pull_request_passes_without_a_browser(tmp_path: Path, programs: list[str], said: list[str]) -> None:
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci/run", tmp_path / ".ci")
    for name in ("make", *programs):
        program = tmp_path / "bin" / name.replace("refusing", "apt-get")
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\n{'exit 100' if name == 'refusing' else 'echo $1'}\n")
        program.chmod(0o755)
    for name in ("bash", "dirname", "rm"):
        (tmp_path / "bin" / name).symlink_to(shutil.which(name))
    done = subprocess.run(
        [tmp_path / ".ci/run"], env={"PATH": str(tmp_path / "bin")}, stdout=subprocess.PIPE, text=True, check=True
    )
    lines = done.stdout.splitlines()
    assert len(lines) == len(said) and all(part in line for part, line in zip(said, lines, strict=True))


def test_the_version_is_the_same_everywhere() -> None:
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == fingerspelling.__version__
    assert (
        re.findall(r"^## \[(.*?)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)[0] == fingerspelling.__version__
    )


REPORT = """<testsuites><testsuite name="pytest">
<testcase classname="a" name="one"/><testcase classname="a" name="two"><system-out>text</system-out></testcase>
<testcase classname="a" name="three"><skipped message="no rapidfuzz">more</skipped></testcase>
<testcase classname="a" name="four"><skipped message="no rapidfuzz">more</skipped></testcase>
<testcase classname="b" name="five"><failure message="assert 1 == 2&#10; + where">more</failure></testcase>
<testcase classname="b" name="six"><error message="fixture">more</error></testcase>
</testsuite></testsuites>"""


def test_a_report_is_counted_with_its_reasons(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text(REPORT)
    outcomes, reasons = environments.read_report(report)
    assert outcomes == {"passed": 2, "skipped": 2, "failed": 2}
    assert reasons == {"no rapidfuzz": 2, "b::five: assert 1 == 2": 1, "b::six: fixture": 1}


def test_pip_is_passed_on_without_addresses(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    pip = tmp_path / "pip"
    pip.write_text(
        """#!/bin/sh
echo "Looking in indexes: https://somewhere/simple"
echo "Collecting torch==2.13.0 (from https://somewhere/simple/torch)"
echo "ERROR: Could not fetch URL https://somewhere/simple/torch: there was a problem"
exit 3
"""
    )
    pip.chmod(0o700)
    with pytest.raises(RuntimeUnavailableError, match="pip failed with exit status 3"):
        environments._install(pip, ["torch==2.13.0"])
    printed = capsys.readouterr().out
    assert "Collecting torch==2.13.0 (from ...\n" in printed
    assert "there was a problem" in printed
    assert "somewhere" not in printed


def test_an_environment_is_kept_until_a_version_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed: list[object] = []
    monkeypatch.setattr(environments, "_install", lambda python, packages: installed.append(packages))
    monkeypatch.setattr(environments, "find_python", lambda version: sys.executable)
    monkeypatch.setattr(environments.subprocess, "run", lambda command, check: command[-1].mkdir(exist_ok=True))
    monkeypatch.setattr(environments, "ROOT", tmp_path)
    constraints = tmp_path / "constraints.txt"
    steps = [("a==1", "py313", 1), ("a==1", "py313", 1), ("a==2", "py313", 2), ("a==3", "kaggle", 3), ("", "kaggle", 3)]
    for content, name, times in steps:
        constraints.write_text(content)
        environments.make(ENVIRONMENTS[name], tmp_path / name)
        assert len(installed) == times


def test_the_table_has_a_row_per_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    def make(environment: environments.Environment, folder: Path) -> Path:
        if environment.python == "3.12":
            raise RuntimeUnavailableError("no Python 3.12")
        return folder / "bin/python"

    def run_tests(python: Path) -> tuple[dict, environments.Counter]:
        assert python.parts[-3] in ENVIRONMENTS
        row = {"Python": "3.13.0", "torch": "2.11.0", "passed": 7, "skipped": 1, "failed": 0, "minutes": 1.25}
        return row, environments.Counter({"no rapidfuzz": 1})

    monkeypatch.setattr(environments, "make", make)
    monkeypatch.setattr(environments, "run_tests", run_tests)
    monkeypatch.setattr(sys, "argv", ["environments.py", "kaggle", "colab", "--folder", str(tmp_path)])
    assert main() == 1
    *_, skipped, _, kaggle, colab = capsys.readouterr().out.splitlines()
    assert skipped == "colab: 1 of: no rapidfuzz"
    assert kaggle.split() == ["kaggle", *["-"] * 6, *["<NA>"] * 3, "-"]
    assert colab.split() == ["colab", "3.13.0", "2.11.0", *["-"] * 4, "7", "1", "0", "1.2"]
    monkeypatch.setattr(sys, "argv", ["environments.py", "colab"])
    assert main() == 0
    monkeypatch.setattr(sys, "argv", ["environments.py", "windows"])
    with pytest.raises(SystemExit):
        main()
    assert "no such environment: windows; there are py311, " in capsys.readouterr().err
    asked: list[environments.Environment] = []
    monkeypatch.setattr(environments, "make", lambda environment, folder: asked.append(environment) or folder)
    monkeypatch.setattr(environments, "run_tests", lambda python: ({"passed": 1, "failed": 0}, environments.Counter()))
    monkeypatch.setattr(sys, "argv", ["environments.py"])
    assert main() == 0
    assert asked == list(ENVIRONMENTS.values())
