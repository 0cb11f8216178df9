import json
from pathlib import Path

import pandas as pd
import pytest

from fingerspelling.__main__ import main
from fingerspelling.files import DataError
from fingerspelling.runs.compare import compare

PHRASE = "abcdefghij"


def a_run(
    folder: Path, edits: list[int], learning_rate: float, first_id: int = 0, together: bool = False, share: float = 0.0
) -> Path:
    """A run that made so many errors on clips of ten characters, each of another signer."""
    (folder / "seed1/model").mkdir(parents=True)
    clips = pd.DataFrame(
        {
            "sequence_id": range(first_id, first_id + len(edits)),
            "participant_id": range(len(edits)),
            "phrase": PHRASE,
            "prediction": [PHRASE[n:] for n in edits],
        }
    )
    clips.to_parquet(folder / "seed1/out_of_fold.parquet")
    if together:
        better = clips.assign(prediction=PHRASE)
        better.attrs["readers"] = {"num_beams": 4, "ctc_weight": 0.3}
        better.to_parquet(folder / "out_of_fold.parquet")
    wild = {"share": share, "wording": {"word": learning_rate}}  # of which nothing is used, without a share
    training = {
        "model": {"d_model": 32},
        "training": {"learning_rate": learning_rate, "seed": 1, "simulation": {"clips": 9, "wild": wild}},
        "data": {"clips": "x"},
    }
    (folder / "seed1/training.json").write_text(json.dumps(training))
    history = [{"epoch": epoch, "eval_loss": 2.0 / epoch, "eval_score": 0.3 * epoch} for epoch in (1, 2)]
    (folder / "seed1/metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in history))
    return folder


def test_runs_are_set_side_by_side(tmp_path: Path) -> None:
    good = a_run(tmp_path / "good", [1] * 12, 1e-3)
    bad = a_run(tmp_path / "bad", [4, 5] * 6, 2e-3)
    near = a_run(tmp_path / "near", [0, 0, 0, 0, 0, 0, 3, 3, 3, 3, 3, 2], 1e-3)
    elsewhere = a_run(tmp_path / "elsewhere", [2] * 12, 1e-3, first_id=500)
    table = compare([bad, good, elsewhere, near, tmp_path / "no run"])
    assert table.index.tolist() == ["good", "near", "elsewhere", "bad"]
    assert table["score"].tolist() == pytest.approx([0.9, 1 - 17 / 120, 0.8, 0.55])
    assert [verdict.split(" (")[0] for verdict in table["verdict"]] == [
        "the best",
        "may be chance",
        "other clips",
        "more than chance",
    ]
    assert table["behind"]["bad"] == pytest.approx(0.35)
    assert table["training.learning_rate"].tolist() == [1e-3, 1e-3, 1e-3, 2e-3]
    assert "model.d_model" not in table and "training.seed" not in table
    assert not any("wild" in name for name in table)


def test_a_section_that_some_runs_lack_is_one_row(tmp_path: Path) -> None:
    shares = {"a": (1, 0.5, 1e-3), "b": (2, 0.0, 1e-3), "c": (3, 0.5, 2e-3)}
    runs = {name: a_run(tmp_path / name, [edits], rate, share=share) for name, (edits, share, rate) in shares.items()}
    wild = "training.simulation.wild"
    table = compare([runs["a"], runs["b"]])
    assert table.filter(like="wild").to_dict("list") == {wild: ["used", "–"]}
    table = compare([*runs.values()])  # two have it, and differ
    assert table.filter(like="wild").to_dict("list") == {
        wild: ["used", "–", "used"],
        f"{wild}.wording.word": [1e-3, "–", 2e-3],
    }


def test_what_all_models_read_together_counts(tmp_path: Path) -> None:
    alone = a_run(tmp_path / "alone", [1] * 3, 1e-3)
    together = a_run(tmp_path / "together", [1] * 3, 1e-3, together=True)
    table = compare([alone, together])
    assert table["score"].tolist() == [1.0, 0.9]
    assert table["submission.num_beams"].tolist() == [4, 1]


def test_command_prints_the_table_and_draws_the_curves(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    runs = {"one": ([1, 2], 1e-3), "two": ([3, 4], 2e-3)}
    folders = [a_run(tmp_path / name, edits, rate) for name, (edits, rate) in runs.items()]
    figure = tmp_path / "curves.png"
    assert main(["compare", *map(str, folders), "--figure", str(figure)]) == 0
    printed = capsys.readouterr().out
    assert printed.index("one") < printed.index("two") and "0.85" in printed
    assert "training.learning_rate  0.001  0.002\n" in printed and max(map(len, printed.splitlines())) <= 110
    assert figure.stat().st_size > 5000
    assert main(["compare", *map(str, folders), "--figure", str(tmp_path / "nowhere/curves.png")]) == 2
    assert capsys.readouterr() == ("", f"{tmp_path / 'nowhere'}: no such folder to write curves.png to\n")


def test_without_a_run_it_says_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(DataError, match="no run that has read"):
        compare([tmp_path])
    assert main(["compare", str(tmp_path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_runs_of_the_same_name_are_told_apart_by_their_paths(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    runs = [a_run(tmp_path / "a/demo", [1] * 12, 1e-3), a_run(tmp_path / "b/demo", [4, 5] * 6, 2e-3)]
    assert compare(runs).index.tolist() == list(map(str, runs))
    assert main(["compare", *map(str, runs), "--figure", str(tmp_path / "curves.png")]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert [sum(row.startswith(f"{run} ") for row in rows) for run in runs] == [1, 1]


@pytest.mark.parametrize("file", ["seed1/out_of_fold.parquet", "seed1/training.json", "seed1/metrics.jsonl"])
def test_a_damaged_file_of_a_run_is_named(tmp_path: Path, file: str, capsys: pytest.CaptureFixture) -> None:
    folder = a_run(tmp_path / "run", [1] * 12, 1e-3)
    for damaged in ("{", "[1]"):
        if (file, damaged) != ("seed1/metrics.jsonl", "[1]"):  # which pandas takes for a table
            (folder / file).write_text(damaged)
            assert main(["compare", str(folder), "--figure", str(tmp_path / "curves.png")]) == 2
            assert capsys.readouterr().err.startswith(f"{folder / file}: not readable (")
