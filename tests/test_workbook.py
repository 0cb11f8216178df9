import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from PIL import Image

from fingerspelling.data.competition import ENVIRONMENT_VARIABLE, KAGGLE_MOUNTS
from fingerspelling.data.store import ClipStore
from fingerspelling.decoding.search import decode
from fingerspelling.decoding.transcribe import Transcript, read_store
from fingerspelling.files import DataError
from fingerspelling.model import FingerspellingModel
from fingerspelling.parameters import ParameterError, read_parameters
from fingerspelling.plots.style import finished
from fingerspelling.runs import provenance
from fingerspelling.runs.config import ROOT
from fingerspelling.scoring import metric
from fingerspelling.training import confidence_targets, train
from fingerspelling.training.limit import StoppedInTime
from fingerspelling.workbook import Workbook, workbook

TINY = yaml.safe_load((ROOT / "tests/tiny.yaml").read_text())


def phrases(*arguments: object, **named: object) -> list[str]:
    return [transcript.phrase for transcript in read_store(*arguments, **named)]


@pytest.fixture(autouse=True)
def no_data_at_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ENVIRONMENT_VARIABLE, raising=False)


def test_seeds_decide_how_many_models_are_trained(tmp_path: Path) -> None:
    alone = Workbook({"run_dir": str(tmp_path), "training": {"seed": 7}})
    assert [folder.name for folder in alone.trainings] == ["seed7"]
    both = Workbook({"run_dir": str(tmp_path), "training": {}, "seeds": [1, 2]})
    assert {folder.name: recipe.training.seed for folder, recipe in both.trainings.items()} == {"seed1": 1, "seed2": 2}


def test_whose_clips_validation_reads_is_said(tmp_path: Path) -> None:
    said = {}
    for fold in (-1, 0):
        training = {"validation_fold": fold}
        said[fold] = Workbook({"run_dir": str(tmp_path), "training": training}).validated_on
    assert said == {-1: "signers that training has seen", 0: "signers that training never saw"}


# --- the chain: first round, scores, a model a seed, what they read together


@pytest.fixture(scope="module")
def chain(competition: Path, tmp_path_factory: pytest.TempPathFactory) -> dict:
    """Parameters of a run on the tiny competition that is finished."""
    folder = tmp_path_factory.mktemp("chain")
    first = read_parameters(ROOT / TINY["first_round"])
    first["training"] |= {"min_frames": 15, "batch_size": 4}
    (folder / "round1.yaml").write_text(yaml.safe_dump(first))
    values = TINY | {
        "run_dir": str(folder / "run"),
        "data_dir": str(competition),
        "first_round": str(folder / "round1.yaml"),
        "training": TINY["training"] | {"epochs": 1, "batch_size": 4},
        "submission": {"clips": 6},
    }
    Workbook(values).read_held_out()
    return values


def test_the_first_round_scores_every_clip_and_teaches_the_models(chain: dict, store: ClipStore) -> None:
    book = Workbook(chain)
    assert [folder.name for folder in book.folds] == ["fold0", "fold1"]
    table = store.table[~store.table["supplemental"]].set_index("sequence_id")
    assert table["n_frames"].min() < book.config.first_round.training.min_frames  # and that clip is scored, too
    scores = book.train_first_round().set_index("sequence_id")
    assert sorted(scores.index) == sorted(table.index)
    assert len(scores[["participant_id", "fold"]].drop_duplicates()) == scores["participant_id"].nunique()
    assert scores["score"].tolist() == metric.clip_scores(scores["prediction"], table["phrase"][scores.index])
    pd.testing.assert_frame_equal(pd.read_parquet(book.run_dir / "scores.parquet"), book.train_first_round())
    for recipe in book.trainings.values():
        targets = confidence_targets(book.store, recipe.training.scores)
        by_id = pd.Series(targets, book.store.table["sequence_id"])
        assert by_id[scores.index].tolist() == scores["raw_score"].tolist()


def test_the_models_read_together(chain: dict, store: ClipStore) -> None:
    book = Workbook(chain)
    first, second = book.train()
    assert not np.array_equal(first.output_projection.weight.detach(), second.output_projection.weight.detach())
    clips = book.read_held_out()
    places = np.flatnonzero(store.table["sequence_id"].isin(clips["sequence_id"]))
    assert clips["prediction"].tolist() == phrases([first, second], store, places)
    assert clips["score"].tolist() == metric.clip_scores(clips["prediction"], clips["phrase"])


def test_what_is_there_is_neither_trained_nor_read_again(chain: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def recording(models: list, *about: object, **named: object) -> list[Transcript]:
        asked.append(len(models))
        return read_store(models, *about, **named)

    monkeypatch.setattr(workbook, "read_store", recording)
    monkeypatch.setattr("fingerspelling.training.run.FingerspellingTrainer", None)
    read = Workbook(chain).read_held_out()
    assert asked == []
    alone = Workbook(chain | {"seeds": [2]})
    pd.testing.assert_frame_equal(alone.read_held_out(), pd.read_parquet(alone.run_dir / "seed2/out_of_fold.parquet"))
    assert asked == []
    pd.testing.assert_frame_equal(Workbook(chain | {"seeds": [2, 1]}).read_held_out(), read)
    assert asked == []
    file = alone.run_dir / "seed2/out_of_fold.parquet"  # as if the model had been trained anew
    pd.read_parquet(file).assign(prediction="x").to_parquet(file)
    Workbook(chain | {"seeds": [2, 1]}).read_held_out()
    assert asked == [2]


def test_what_a_search_reads_is_kept_apart_from_what_was_read_greedily(chain: dict, store: ClipStore) -> None:
    search = {"num_beams": 3, "ctc_weight": 0.5}
    for seeds in ([1], [1, 2]):
        greedy = Workbook(chain | {"seeds": seeds})
        searching = Workbook(chain | {"seeds": seeds, "submission": search})
        models, clips = searching.train(), searching.read_held_out()
        places = np.flatnonzero(store.table["sequence_id"].isin(clips["sequence_id"]))
        by_search = phrases(models, store, places, decode=partial(decode, **search))
        assert clips["prediction"].tolist() == by_search
        assert greedy.read_held_out()["prediction"].tolist() == phrases(models, store, places) != by_search


def test_models_do_without_a_first_round_that_is_gone(chain: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Workbook, "folds", property(lambda book: {book.run_dir / "nowhere": book.config.first_round}))
    assert len(Workbook(chain).train()) == 2
    assert not (Path(chain["run_dir"]) / "nowhere").exists()


def test_without_a_first_round_there_are_no_scores(chain: dict) -> None:
    book = Workbook(chain | {"first_round": ""})
    assert book.train_first_round() is None
    assert all(recipe.training.scores == () for recipe in book.trainings.values())


def test_several_gpus_train_in_processes_of_their_own(
    chain: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    launched = []

    def training_elsewhere(params: Path, processes: int) -> None:
        launched.append(processes)
        assert ClipStore(params.parent / "clips").table is not None  # filled before there are several processes
        with monkeypatch.context() as elsewhere:
            elsewhere.setattr(workbook, "training_processes", lambda: 1)
            Workbook(read_parameters(params)).train()

    monkeypatch.setattr(workbook, "training_processes", lambda: 2)
    monkeypatch.setattr(workbook, "train_in_processes", training_elsewhere)
    assert len(Workbook(chain).train()) == 2
    assert launched == []  # they are finished
    book = Workbook(chain | {"run_dir": tmp_path, "first_round": "", "seeds": [3]})
    assert len(book.train()) == 1
    assert launched == [2]


def test_a_run_shares_its_time_and_has_all_of_it_when_started_again(
    chain: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = []

    def recording(*about: object) -> FingerspellingModel:
        limits.append(about[4])
        return train(*about)

    monkeypatch.setattr(workbook, "train", recording)
    hurried = {"training": chain["training"] | {"stop_after_hours": 1e-6}}
    book = Workbook(chain | hurried | {"run_dir": str(tmp_path / "run")})
    for stopped in ("before fold1", "before seed1", "before seed2"):
        with pytest.raises(StoppedInTime, match=stopped):  # in this very process, a training further each time
            book.train()
    assert len(book.train()) == 2
    rounds = [limit for limit in limits if limit]
    assert len({id(limit) for limit in rounds}) == 4
    assert [limit is rounds[0] for limit in rounds[:2]] == [True, True]


def test_many_clips_are_read_on_the_gpu(chain: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    moved, reads = set(), []

    def reading(read: Callable) -> Callable:
        def checking(models: list, *about: object) -> Any:
            reads.append({*models} <= moved)
            return read(models, *about)

        return checking

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(workbook, "training_processes", lambda: 1)
    monkeypatch.setattr(torch.nn.Module, "cuda", lambda model: moved.add(model))
    for name in ("read_store", "certainty"):
        monkeypatch.setattr(workbook, name, reading(getattr(workbook, name)))
    book = Workbook(chain | {"submission": {"num_beams": 2, "clips": 6}})
    book.score_decodings(5)
    book.certainty()
    assert reads == [True] * 3


def test_a_share_of_simulated_signers_is_refused(tmp_path: Path, competition: Path) -> None:
    book = Workbook({**TINY, "run_dir": str(tmp_path / "run"), "data_fraction": 0.5})
    with pytest.raises(
        ParameterError, match=r"^data_fraction: .* the competition's files, which are not here; .* data_dir"
    ):
        book.extract()
    assert not [*tmp_path.glob("run/[!.]*")]
    share = Workbook({**TINY, "run_dir": str(tmp_path / "run"), "data_fraction": 0.5, "data_dir": str(competition)})
    assert share.data_dir == tmp_path / "run/share"


def test_a_run_keeps_to_its_data(tmp_path: Path, competition: Path) -> None:
    assert Workbook({**TINY, "run_dir": str(tmp_path / "run")}).data_dir.is_dir()
    with pytest.raises(ParameterError, match=r"run_dir: .* holds a run on simulated signers, not on .*competition"):
        Workbook({**TINY, "run_dir": str(tmp_path / "run"), "data_dir": str(competition)})


@pytest.mark.parametrize(
    ("run", "how"), [(".", "are the same"), ("run", "lie one inside"), ("../..", "lie one inside")]
)
def test_a_run_and_its_data_have_folders_of_their_own(tmp_path: Path, competition: Path, run: str, how: str) -> None:
    data = tmp_path / "data"
    data.symlink_to(competition)
    with pytest.raises(ParameterError, match=rf"^run_dir: .* and the data, {data}, {how} .*; choose another run_dir$"):
        Workbook({**TINY, "run_dir": str(competition / run), "data_dir": str(data)})
    assert not (competition / "run").exists()


def test_opening_a_run_makes_no_folder(tmp_path: Path) -> None:
    book = Workbook({**TINY, "run_dir": str(tmp_path / "run")})
    assert len(book.trainings) == 2 and len(book.folds) == 2
    assert not any(tmp_path.iterdir())


def test_the_state_of_a_run_has_a_row_per_stage(tmp_path: Path, chain: dict) -> None:
    nothing = Workbook({"run_dir": str(tmp_path / "run")}).state
    assert nothing.empty and list(nothing) == ["state", "made", "version"]
    state = Workbook(chain).state
    assert state.loc["seed1", "state"] == "done" and state.loc["clips", "state"].startswith("done: ")


def test_a_folder_that_holds_no_data_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere"):
        Workbook({**TINY, "run_dir": str(tmp_path), "data_dir": str(tmp_path / "nowhere")})
    with pytest.raises(DataError, match=r"holds no train\.csv"):
        Workbook({**TINY, "run_dir": str(tmp_path), "data_dir": str(tmp_path)})


def test_metrics_are_kept_across_notebooks(tmp_path: Path) -> None:
    book = Workbook({**TINY, "run_dir": str(tmp_path)})
    book.keep_metrics(score=0.5)
    assert book.keep_metrics(clips=3) == {"score": 0.5, "clips": 3.0}


def test_figures_are_saved(tmp_path: Path) -> None:
    book = Workbook({**TINY, "run_dir": str(tmp_path)})
    figure = finished(plt.figure(), "An empty figure.", "Nothing is in it.")
    assert book.figure(figure, "empty").figure is figure
    assert (tmp_path / "figures/empty.png").stat().st_size > 500
    assert Image.open(tmp_path / "figures/empty.png").text["Description"] == "An empty figure. Nothing is in it."


def test_a_scheduler_extracts_the_clips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(workbook, "extract", lambda *about: asked.append(about[2]))
    for address in ("tcp://somewhere:8786", ""):
        Workbook({**TINY, "run_dir": str(tmp_path / "run"), "dask_address": address}).extract()
    assert asked == ["tcp://somewhere:8786", None]


def test_a_run_fetched_from_kaggle_opens_where_its_data_are_not(chain: dict, tmp_path: Path) -> None:
    done, run = Path(chain["run_dir"]), tmp_path / "run"
    shutil.copytree(done, run)
    (run / "data.txt").write_text(f"{KAGGLE_MOUNTS[0]}\n")
    values = {name: value for name, value in chain.items() if name != "data_dir"} | {"run_dir": str(run)}
    book = Workbook(values)
    assert not book.simulated
    pd.testing.assert_frame_equal(book.read_held_out(), Workbook(chain).read_held_out())
    with pytest.raises(DataError, match="was trained on Kaggle, whose data are not here; name them as data_dir"):
        _ = book.data_dir
    assert not (run / "competition").exists()
    assert Workbook(values | {"data_dir": chain["data_dir"]}).data_dir == Path(chain["data_dir"])


def test_what_a_chapter_ran_with_is_kept(tmp_path: Path) -> None:
    values = {"params": str(ROOT / "tests/tiny.yaml"), "overrides": ["training.epochs=9"], "run_dir": str(tmp_path)}
    book = Workbook(values)
    line = book.keep_provenance("03_training")
    record = provenance.read(tmp_path)["03_training"]
    assert line == provenance.line(record)
    assert (record["parameters"]["training"]["epochs"], record["parameters"]["training"]["folds"]) == (9, 2)
    assert record["seeds"] == [1, 2] and 0 <= record["seconds"] < 60
    book.keep_provenance("05_submission")
    assert provenance.read(tmp_path).keys() == {"03_training", "05_submission"}


def test_paths_are_shown_from_the_project_or_from_beside_the_run(tmp_path: Path) -> None:
    book = Workbook({**TINY, "run_dir": str(tmp_path / "mine")})
    assert book.shown(ROOT / "outputs/demo/submission.zip") == "outputs/demo/submission.zip"
    assert book.shown(tmp_path / "mine/figures/clip.png") == "mine/figures/clip.png"
    assert book.shown("/kaggle/input/asl-fingerspelling") == "/kaggle/input/asl-fingerspelling"


def test_clips_play_with_the_letters_that_are_known(tmp_path: Path, chain: dict) -> None:
    recorded = Workbook(chain)
    clip = recorded.read_held_out().iloc[0]
    player = recorded.player(clip, recorded.frames(clip), recorded.train())
    assert len(player.frames) == clip["n_frames"] and player.signed is None
    assert player.prediction == clip["prediction"] and len(player.read_at) == len(clip["prediction"])
    simulated = Workbook({**TINY, "run_dir": str(tmp_path / "run")})
    clip = simulated.store.table[~simulated.store.table["supplemental"]].iloc[0]
    player = simulated.player(clip, simulated.frames(clip))
    assert player.signed is not None and len(player.signed) == clip["n_frames"]
    assert 0 <= player.signed.max() < len(clip["phrase"]) and player.read_at == ()


def test_ways_of_decoding_are_scored_on_the_same_clips(chain: dict) -> None:
    book = Workbook({**chain, "submission": {**chain["submission"], "num_beams": 2}})
    table = book.score_decodings(5)
    assert table.index.tolist() == ["greedy", "beam of 2 (as submitted)"]
    assert (table["clips"] == min(5, len(book.read_held_out()))).all()
    alone = Workbook(chain).score_decodings(5)
    assert alone.index.tolist() == ["greedy (as submitted)"]
    sure = book.certainty()
    assert len(sure) == len(book.read_held_out()) and (sure >= 0).all() and (sure <= 1).all()


def test_figures_of_other_models_are_dropped_and_damaged_ones_made_anew(tmp_path: Path) -> None:
    book = Workbook({**TINY, "run_dir": str(tmp_path)})
    book.keep_metrics(score=0.5)
    other = Workbook({**TINY, "run_dir": str(tmp_path), "submission": {"num_beams": 7}})
    assert other.keep_metrics(clips=3) == {"clips": 3.0}
    (tmp_path / "seed1").mkdir()
    (tmp_path / "seed1/out_of_fold.parquet").write_bytes(b"what a training has read")
    assert other.keep_metrics(clips=4) == {"clips": 4.0}
    assert other.keep_metrics(score=0.6) == {"clips": 4.0, "score": 0.6}
    for damaged in ("{", "[]", "5", '{"clips": 1}', "[[1, 2]]"):
        (tmp_path / "metrics.json").write_text(damaged)
        assert other.keep_metrics(score=0.7) == {"score": 0.7}


def test_predictions_that_are_damaged_are_read_anew(chain: dict, tmp_path: Path) -> None:
    run = Path(shutil.copytree(chain["run_dir"], tmp_path / "run", copy_function=shutil.copyfile))
    expected = Workbook(chain | {"run_dir": str(run)}).read_held_out()
    for file in ("out_of_fold.parquet", "seed1/out_of_fold.parquet", "first_round/fold0/out_of_fold.parquet"):
        whole = (run / file).read_bytes()
        for damaged in (whole[:-200], whole[:50] + b"\0\1\2\3" + whole[54:], b""):
            (run / file).write_bytes(damaged)
            book = Workbook(chain | {"run_dir": str(run)})
            pd.testing.assert_frame_equal(book.read_held_out(), expected)
            book.train_first_round()
            assert (run / file).read_bytes() == whole, file
