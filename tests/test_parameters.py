from dataclasses import FrozenInstanceError, field
from pathlib import Path

import pytest

from fingerspelling.parameters import ParameterError, build, parameters, read_parameters, unknown_name
from fingerspelling.training import TrainingConfig


@parameters
class Inner:
    share: float = 0.5
    bounds: tuple[int, int] = (1, 2)


@parameters
class Outer:
    count: int = 3
    name: str = "x"
    files: tuple[str, ...] = ()
    switched: bool = True
    inner: Inner = field(default_factory=Inner)

    def __post_init__(self) -> None:
        if self.count < 0:
            raise ValueError(f"count {self.count} is below 0")


def test_what_is_not_given_keeps_its_default() -> None:
    assert build(Outer, None, "outer") == build(Outer, {}, "outer") == Outer()
    assert build(Outer, {"inner": {"share": 0.25}}, "outer") == Outer(inner=Inner(share=0.25))


def test_yaml_values_become_the_fields_types() -> None:
    built = build(Outer, {"count": "12", "files": ["a", "b"], "inner": {"share": "1e-3", "bounds": [3, 4]}}, "outer")
    assert built == Outer(12, files=("a", "b"), inner=Inner(0.001, (3, 4)))
    assert isinstance(built.inner.share, float)
    assert isinstance(build(Inner, {"share": 1}, "inner").share, float)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"coumt": 3}, "outer.coumt: no such parameter; did you mean count?"),
        ({"zzz": 3}, "outer.zzz: no such parameter; there are count, files, inner, name, switched"),
        ({"inner": {"shares": 1}}, "outer.inner.shares: no such parameter; did you mean share?"),
        ({"inner": {"qq": 1}}, "outer.inner.qq: no such parameter; there are bounds, share"),
        ({"count": -1}, "outer: count -1 is below 0"),
        ({"bounds": 1}, "outer.bounds: no such parameter; did you mean outer.inner.bounds?"),
        ({"inner.boundz": 1}, "outer.inner.boundz: no such parameter; did you mean outer.inner.bounds?"),
        (
            {"inner.share": 1},
            "outer.inner.share: is inside of a section; give it as an override, overrides: [outer.inner.share=...]",
        ),
        ({"COUNT": 3}, "outer.COUNT: no such parameter; did you mean count?"),
        ({"count": 10**20}, "outer.count: 100000000000000000000 is too large; at most 2,147,483,647"),
        (
            {"inner": {"bounds": [1, -(10**10)]}},
            "outer.inner.bounds.1: -10000000000 is too large; at most 2,147,483,647",
        ),
        ({"inner": {"share": 1e300}}, "outer.inner.share: 1e+300 is too large; at most 2,147,483,647"),
    ],
)
def test_names_and_ranges_are_told_word_by_word(values: dict, message: str) -> None:
    with pytest.raises(ParameterError) as error:
        build(Outer, values, "outer")
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("values", "place", "got"),
    [
        ({"count": "many"}, "outer.count: ", "'many'"),
        ({"count": 2.5}, "outer.count: ", "2.5"),
        ({"count": None}, "outer.count: ", "None"),
        ({"count": [1]}, "outer.count: ", "[1]"),
        ({"name": 3}, "outer.name: ", "3"),
        ({"switched": "perhaps"}, "outer.switched: ", "'perhaps'"),
        ({"files": "a.parquet"}, "outer.files: ", "'a.parquet'"),
        ({"files": ["a", 3]}, "outer.files.1: ", "3"),
        ({"inner": 3}, "outer.inner: ", "3"),
        ({"inner": {"share": "half"}}, "outer.inner.share: ", "'half'"),
        ({"inner": {"bounds": [1, "x"]}}, "outer.inner.bounds.1: ", "'x'"),
        ({"inner": {"bounds": [1]}}, "outer.inner.bounds", ""),
    ],
)
def test_wrong_types_are_named_with_place_and_value(values: dict, place: str, got: str) -> None:
    with pytest.raises(ParameterError) as error:
        build(Outer, values, "outer")
    assert str(error.value).startswith(place)
    assert got in str(error.value)


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(ParameterError) as error:
        build(Outer, {"coumt": 1, "name": 2, "inner": {"share": "half"}}, "outer")
    for place in ("outer.coumt", "outer.name", "outer.inner.share"):
        assert place in str(error.value)


@pytest.mark.parametrize("values", [3, "x", [1, 2], [("count", 3)]])
def test_a_section_has_names(values: object) -> None:
    with pytest.raises(ParameterError, match=r"outer: expected names with values, got "):
        build(Outer, values, "outer")


@pytest.mark.parametrize("values", [{3: 4}, {None: 1}, {True: 1}])
def test_names_are_words(values: dict) -> None:
    with pytest.raises(ParameterError, match=r"outer"):
        build(Outer, values, "outer")


def test_parameters_do_not_change_once_made() -> None:
    with pytest.raises(FrozenInstanceError):
        Outer().count = 4


def test_a_file_gives_names_with_values(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text("training: {epochs: 3}\nrun_dir: here")
    assert read_parameters(file) == {"training": {"epochs": 3}, "run_dir": "here"}
    file.write_text("# nothing")
    assert read_parameters(file) == {}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "^No such file or directory$"),
        (b"a: [1", "^while parsing .* line 1"),
        (b"a: \xff", "utf-8|unacceptable"),
        (b"- 1", "^expected names with values$"),
        (b"3: 4", "^expected names with values$"),
        (b"a: {b: 1, b: 2}", "^b is given twice .* line 1"),
        (b"a: 1\na: 2", "^a is given twice .* line 2"),
        (b"a: 010", "^010 may be read as different numbers"),
        (b"a: -07", "^-07 may be read"),
        (b"a: 0o17", "^0o17 may be read"),
        (b"a: 1:30", "^1:30 may be read"),
        (b"a: 1_000", "^1_000 may be read"),
        (b"a: &x [1]\nb: *x", "^aliases are not allowed .* line 2"),
        (b"a: " + b"9" * 5000, "4300 digits"),
        (b"[" * 5000, "^nested too deeply$"),
        (b"a: &x [*x]", "^aliases are not allowed .* line 1"),
        (b"a: &x {b: *x}", "^aliases are not allowed .* line 1"),
        (b"a: !!python/object:os.system x", "^!!python/object:os.system is a tag, and tags are not allowed .* line 1"),
        (b"a: !!python/object/apply:os.system [x]", "^!!python/object/apply:os.system is a tag"),
        (b"a: !!int 010", "^!!int is a tag"),
        (b"a: !!int x", "^!!int is a tag"),
        (b"a: !!float 1:30", "^!!float is a tag"),
        (b"a: !!bool maybe", "^!!bool is a tag"),
        (b"a: !!null 3", "^!!null is a tag"),
        (b"a: !!timestamp x", "^!!timestamp is a tag"),
        (b"a: !!binary x", "^!!binary is a tag"),
        (b"a: !!set {b, c}", "^!!set is a tag"),
        (b"a: !!pairs [b: 1, b: 2]", "^!!pairs is a tag"),
        (b"!!merge b: {a: 1}", "^!!merge is a tag"),
        (b"!!map {a: 1}", "^!!map is a tag"),
        (b"a: ! 3", "^! is a tag"),
        (b"%TAG !e! tag:yaml.org,2002:\n---\na: !e!int 010", "^!!int is a tag, .* line 3"),
    ],
)
def test_a_file_that_holds_no_parameters_is_an_error(tmp_path: Path, content: bytes | None, message: str) -> None:
    file = tmp_path / "x.yaml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ParameterError, match=message) as error:
        read_parameters(file)
    assert "\n" not in str(error.value)


def test_the_closest_name_is_offered() -> None:
    assert unknown_name("training", "lerning_rate", ["training.seed", "training.learning_rate"]) == (
        "training.lerning_rate: no such parameter; did you mean learning_rate?"
    )


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"lerning_rate": 1.0e-3}, r"training\.lerning_rate: no such parameter; did you mean learning_rate\?"),
        ({"spatial": {"mirorr": 0.5}}, r"training\.spatial\.mirorr: no such parameter; did you mean mirror\?"),
        ({"temporal": {"resample_range": [0.5]}}, r"training\.temporal\.resample_range"),
        ({"precision": "fp8"}, r"training.precision: .*got 'fp8'"),
        ({"validation_fold": 7}, r"training: validation_fold 7 is not among 4 folds"),
        ({"epochs": "1.5"}, r"training\.epochs: .*'1\.5'"),
    ],
)
def test_training_parameters_are_checked(values: dict, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        build(TrainingConfig, values, "training")


def test_training_parameters_come_from_yaml_strings() -> None:
    assert build(TrainingConfig, {"learning_rate": "1e-3"}, "training").learning_rate == 0.001


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("yes", "yes"),
        ("off", "off"),
        ("true", True),
        ("null", None),
        ("", None),
        ("0", 0),
        ("-12", -12),
        ("1e-3", 0.001),
        ("1.0e+2", 100.0),
        (".5", 0.5),
        ("'010'", "010"),
        ("2020-01-01", "2020-01-01"),
    ],
)
def test_yaml_is_read_as_it_looks(tmp_path: Path, written: str, value: object) -> None:
    file = tmp_path / "x.yaml"
    file.write_text(f"a: {written}")
    (read,) = read_parameters(file).values()
    assert (read, type(read)) == (value, type(value))
