"""The page of all parameters is what the code says of them, and says something of each."""

from dataclasses import fields
from typing import Annotated, Literal

import pytest
import yaml
from pydantic import Field, PositiveInt

from fingerspelling.parameters import Probability, explanations
from fingerspelling.plots.parameters import sections
from fingerspelling.runs.config import ROOT, RunConfig
from fingerspelling.runs.manual import _values, manual
from fingerspelling.training import TrainingConfig

SECTIONS = {name: shown for name, _, shown in sections(RunConfig.from_values({"params": ""}), ROOT)}


def test_the_page_is_what_the_code_says() -> None:
    said = "run `python -m fingerspelling.runs.manual > docs/parameters.md`"
    assert (ROOT / "docs/parameters.md").read_text() == manual(), said


def test_every_parameter_is_explained() -> None:
    assert [f"{name}.{each.name}" for name, shown in SECTIONS.items() for each in shown if not each.meaning] == []
    assert sum(map(len, SECTIONS.values())) > 130
    assert {each.name for each in SECTIONS["training"]} < {field.name for field in fields(TrainingConfig)}


@pytest.mark.parametrize("file", sorted((ROOT / "notebooks/params").glob("*.yaml")), ids=lambda file: file.stem)
def test_every_key_of_a_file_is_on_the_page(file: str) -> None:
    def check(values: dict, section: str) -> None:
        known = {each.name for each in SECTIONS[section]}
        for name, value in values.items():
            inner = f"{section}.{name}".removeprefix(".")
            if isinstance(value, dict):
                check(value, "simulation" if inner == "training.simulation" else inner)
            else:
                assert name in known, inner

    check(yaml.safe_load(file.read_text()), "")


class Sample:
    """A class with comments."""

    # Above,
    # in two lines.
    first: int = 1  # and beside.

    second: str = "# no comment"
    third: Annotated[  # of several
        int, Field(ge=0)
    ] = 0  # lines

    def method(self) -> None:
        pass  # none of a field


def test_comments_above_and_beside_a_field_explain_it() -> None:
    assert explanations(Sample) == {
        "first": "Above, in two lines. and beside.",
        "second": "",
        "third": "of several lines",
    }


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (bool, "true or false"),
        (PositiveInt, "whole number above 0"),
        (Probability, "number from 0 to 1"),
        (Literal["fp32", "auto"], "fp32 or auto"),
        (PositiveInt | None, "whole number above 0 or none"),
        (tuple[float, float], "list of 2 numbers"),
        (tuple[PositiveInt, ...], "list of whole numbers above 0"),
        (Annotated[float, Field(ge=0.1, lt=10)], "number from 0.1 below 10"),
    ],
)
def test_types_are_put_in_words(kind: object, words: str) -> None:
    assert _values(kind) == words
