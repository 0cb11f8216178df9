"""benchmarks/ablations.py with tiny trainings."""

import json
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml

from fingerspelling.parameters import read_parameters
from fingerspelling.runs.config import ROOT
from fingerspelling.scoring import metric

sys.path.insert(0, str(ROOT / "benchmarks"))
import ablations
from ablations import BASELINE, TOGETHER, VARIANTS, Measured, Variant, chosen_recipes, main, table

TINY = ROOT / "tests/tiny.yaml"


@pytest.fixture
def params(tmp_path: Path) -> Path:
    values = read_parameters(TINY)
    sections = {name: values[name] for name in ("simulation", "model", "training")}
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump({**sections, "training": {**sections["training"], "epochs": 1}}))
    return path


def test_variants_are_trained_once_and_read_in_other_ways(
    params: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    variants = [
        Variant(BASELINE, {}),
        Variant("still", {"training": {"temporal": {"resample": 0.0}, "spatial": {"affine": 0.0}}}, -0.005),
        Variant("mistyped", {"training": {"spatial": {"fingerz": 0.0}}}),
        Variant("no change", {"training": {"epochs": 1}}),
    ]
    monkeypatch.setattr(ablations, "VARIANTS", variants)
    trained = []

    def recording(*arguments: object) -> object:
        trained.append(arguments[1].training)
        if len(trained) == 3:
            raise KeyboardInterrupt
        return train(*arguments)

    train = ablations.train
    monkeypatch.setattr(ablations, "train", recording)
    folder = tmp_path / "ablations"
    command = ["--params", str(params), "--folder", str(folder), "--seeds", "2", "--processes", "1"]
    with pytest.raises(KeyboardInterrupt):
        main(command)
    printed = capsys.readouterr().out
    assert printed.index("left out: mistyped (training.spatial.fingerz: no such parameter") < printed.index(
        "4 trainings"
    )
    assert "left out: no change" in printed
    assert main(command) == 0
    assert [(config.seed, config.spatial.affine > 0) for config in trained] == [
        (1, True), (1, False), (2, True), (2, True), (2, False)
    ]  # fmt: skip
    assert "hours left" in capsys.readouterr().out

    results = pd.read_json(folder / "results.jsonl", lines=True).set_index(["variant", "seed"])
    assert {(BASELINE, 1), (BASELINE, 2), ("still", 1), ("still", 2), (TOGETHER, 2)} < set(results.index)
    read = pd.read_parquet(next(folder.glob("trainings/still/seed2/out_of_fold.parquet")))
    score = metric.score(read["prediction"], read["phrase"])
    assert results.loc[("still", 2), "score"] == pytest.approx(score)
    assert not list(folder.glob("trainings/*/*/checkpoints"))
    readings = results.loc[
        [(name, seed) for name in (*ablations.READINGS, ablations.ALL_READ) for seed in (1, 2)], "score"
    ]
    assert readings.le(1).all()

    assert main([*command, "--table"]) == main(command) == 0
    assert len(trained) == 5
    assert "| still |" in capsys.readouterr().out


def line(
    variant: str, seed: int, score: float, with_ctc: float | None = None, minutes: float | None = 4.0
) -> dict[str, object]:
    return {"variant": variant, "seed": seed, **Measured(score, with_ctc, minutes, 1_230_000)._asdict()}


def test_the_table_tells_differences_with_their_spread() -> None:
    lines = [
        line(BASELINE, 1, 0.70, 0.81),
        line(BASELINE, 2, 0.72, 0.82),
        line("without cut-mix", 1, 0.64, 0.80),
        line("without cut-mix", 2, 0.66, 0.81),
        line("Muon", 1, 0.75, minutes=5.0),
        line(TOGETHER, 2, 0.74, minutes=None),
    ]
    rows = table(lines).splitlines()
    # Both pairs differ by 0.02, so the standard deviation between seeds is 0.02 / sqrt(2); half of that with CTC.
    assert rows[2:] == [
        "| Muon | 0.750 (+0.040 ± 0.017) | | | 5.0 | 1.23 M | 1 |",
        f"| {TOGETHER} | 0.740 (+0.030 ± 0.017) | | +0.010 | | 1.23 M | 1 |",
        f"| {BASELINE} | 0.710 | 0.815 | | 4.0 | 1.23 M | 2 |",
        "| without cut-mix | 0.650 (-0.060 ± 0.014) | 0.805 (-0.010 ± 0.007) | -0.005 | 4.0 | 1.23 M | 2 |",
    ]


def test_nothing_to_compare_yet(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert main(["--table", "--folder", str(tmp_path)]) == 0
    assert "no training of the baseline" in capsys.readouterr().out
    assert "no training of the baseline" in table([line("Muon", 1, 0.5)])


@pytest.mark.parametrize("side_by_side", [True, False])
def test_a_failed_training_costs_no_other(
    params: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture, side_by_side: bool
) -> None:
    monkeypatch.setattr(ablations, "VARIANTS", [Variant(BASELINE, {}), Variant("big", {"model": {"d_model": 64}})])
    folder = tmp_path / "ablations"
    other = folder / "trainings/big/seed1"
    other.mkdir(parents=True)
    (other / "training.json").write_text(json.dumps({"model": {"d_model": 16}, "training": {}}))
    command = ["--params", str(params), "--folder", str(folder), "--seeds", "1"]
    assert main([*command, "--processes", "2" if side_by_side else "1"]) == 1
    captured = capsys.readouterr()
    assert "big, seed 1: " in captured.err
    assert f"| {BASELINE} |" in captured.out
    logs = [path.parts[-3] for path in folder.glob("trainings/*/*/training.log")]
    assert sorted(logs) == (["big", "the-recipe-as-it-is"] if side_by_side else [])
    assert ("the trained model is in" in captured.out) == (not side_by_side)


@pytest.mark.parametrize(
    ("options", "reason"),
    [(["--params", "absent.yaml"], "absent.yaml: No such file"), (["--only", "cutmix"], "no variant has 'cutmix'")],
)
def test_bad_commands_say_so(options: list[str], reason: str, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert main([*options, "--folder", str(tmp_path)]) == 2
    assert reason in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--seeds", "--processes"])
def test_nothing_is_trained_by_nobody(option: str, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit, match="2"):
        main([option, "0", "--folder", str(tmp_path)])
    assert f"{option} 0" in capsys.readouterr().err


def test_only_some_and_the_baseline() -> None:
    values = read_parameters(ROOT / "notebooks/params/ablations.yaml")
    assert list(chosen_recipes(values, ["cut-mix", "finger"])) == [
        BASELINE, "without cut-mix", "without finger dropout", "finger dropout as it was meant"
    ]  # fmt: skip
    assert len({variant.name for variant in VARIANTS}) == len(VARIANTS)
