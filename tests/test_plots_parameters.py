from pathlib import Path

from fingerspelling.runs.config import ROOT
from fingerspelling.workbook import Workbook


def test_the_table_shows_everything_and_what_differs_from_the_file_in_bold(tmp_path: Path) -> None:
    changed = ["training.learning_rate=4e-3", "training.spatial.mirror=0.75", "submission.num_beams=1"]
    table = Workbook({"params": "notebooks/params/demo.yaml", "overrides": changed, "seeds": [1, 2]}).parameters
    summary, _, html = table._repr_html_().partition("</summary>")
    assert summary.endswith("<br><b>submission: num_beams 1</b>") and summary.count("<b>") == 4
    for bold in ("learning_rate 0.004", "mirror 0.75", "num_beams 1", "seeds [1, 2]"):
        assert f"<b>{bold}</b></span>" in html
    assert html.count("<b>") == 4
    for plain in ("epochs 7", "d_model 128", "run_dir outputs/demo", "warmup_epochs 0.3", "tensorboard false"):
        assert f">{plain}</span>" in html
    assert "transformers_version" not in html  # nor whatever else is not a parameter of ours
    assert repr(table).splitlines() == [
        "parameters of notebooks/params/demo.yaml",
        "run: seeds [1, 2]",
        "training: learning_rate 0.004",
        "training.spatial: mirror 0.75",
        "submission: num_beams 1",
    ]


def test_without_a_file_beneath_the_winners_values_are_what_is_compared_with(tmp_path: Path) -> None:
    table = Workbook({"params": "", "run_dir": str(tmp_path), "model": {"dropout": 0.3}}).parameters
    assert table._repr_html_().count("<b>") == 2
    assert "<b>dropout 0.3</b>" in table._repr_html_() and "<b>model: dropout 0.3</b>" in table._repr_html_()
    assert str(ROOT) not in table._repr_html_()


def test_a_run_is_set_beside_the_winners_by_what_differs() -> None:
    book = Workbook({"params": "notebooks/params/round2.yaml", "overrides": ["training.spatial.mirror=0.75"]})
    table = book.beside_the_winner()
    assert table.loc["training.spatial.mirror"].tolist() == ["0.75", "0.5"]
    own = {"training.validation_fold", "training.num_workers", "submission.clips"}  # nothing of the recipe
    assert set(table.index) == own | {"training.spatial.mirror"}
    demo = Workbook({"params": "notebooks/params/demo.yaml"}).beside_the_winner()
    assert demo.loc["model.ctc_weight"].tolist() == ["0.5", "0"]
    assert not demo.index.str.contains("simulation|seeds|run_dir").any()


def test_what_a_parameter_means_is_said_where_the_mouse_is_over_it() -> None:
    html = Workbook({"params": "notebooks/params/demo.yaml"}).parameters._repr_html_()
    assert "<span title='clips that the model reads at a time'>batch_size 8</span>" in html
    assert "<span title='jitter of the points, relative to MediaPipe&#x27;s; 0 for none'>noise 1</span>" in html
