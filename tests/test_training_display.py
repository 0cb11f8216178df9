import io
from pathlib import Path

import nbformat
import pytest
from matplotlib.figure import Figure
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from fingerspelling.training.display import TrainingDisplay, displayed

PRINTED = [
    "--- training seed1",
    "step 10/400, loss 2.0",
    "validation on 8 clips: score 0.5",
    "    'a' was read as 'b'",
    "step 20/400, loss 1.0",
    "held-out clips:  50%|#####     | 1/2",
]


def display(live: bool, batch: bool, draw: object = lambda: None) -> tuple[TrainingDisplay, io.StringIO, io.StringIO]:
    log, out = io.StringIO(), io.StringIO()
    return TrainingDisplay(log, out, draw, live, batch), log, out


def test_a_terminal_sees_everything_and_the_log_has_it() -> None:
    shown, log, out = display(live=False, batch=False)
    shown.write("\n".join(PRINTED) + "\r")
    assert out.getvalue().splitlines() == log.getvalue().splitlines() == PRINTED


def test_a_batch_run_sees_a_line_of_progress_every_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 1.0, 2.0, 3.0, 59.0, 61.0])
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    shown, log, out = display(live=False, batch=True)
    print(*PRINTED, sep="\n", file=shown)
    assert log.getvalue().splitlines() == PRINTED
    assert out.getvalue().splitlines() == [*PRINTED[:4], PRINTED[5]]


def test_jupyterlab_has_one_display_that_is_updated(monkeypatch: pytest.MonkeyPatch) -> None:
    contents = []

    class Handle:
        def update(self, html: object) -> None:
            contents.append(html.data)

    def first(html: object, display_id: bool) -> Handle:
        assert display_id and not contents
        contents.append(html.data)
        return Handle()

    monkeypatch.setattr("IPython.display.display", first)
    clock = iter([0.0, 1.0, 2.0, 3.0, 4.0, 99.0])
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    shown, _, out = display(live=True, batch=False, draw=Figure)
    print(*PRINTED, sep="\n", file=shown)
    assert not out.getvalue()
    assert len(contents) == 4  # two lines of progress came too soon
    assert contents[-1].startswith("<svg")
    text = "\n".join([PRINTED[5], PRINTED[2], "    &#x27;a&#x27; was read as &#x27;b&#x27;"])
    assert contents[-1].endswith(f"<pre>{text}</pre>")


def test_out_of_notebooks_an_interrupt_stays_one(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt) as stopped, displayed(tmp_path / "run/training.log", lambda: None):
        print("step 3/9, loss 1.0")
        raise KeyboardInterrupt
    assert stopped.type is KeyboardInterrupt
    assert (tmp_path / "run/training.log").read_text() == "step 3/9, loss 1.0\n"


@pytest.mark.parametrize("session", ["", "chapter.ipynb"])
def test_in_a_notebook_an_interrupt_says_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, session: str
) -> None:
    if session:
        monkeypatch.setenv("JPY_SESSION_NAME", session)
    source = f"""
from pathlib import Path
from fingerspelling.training.display import displayed
with displayed(Path({str(tmp_path / "log")!r}), lambda: None):
    print("step 3/9, loss 1.0")
    raise KeyboardInterrupt
"""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    with pytest.raises(CellExecutionError):
        NotebookClient(notebook, timeout=120).execute()
    *shown, error = notebook.cells[0].outputs
    assert error.traceback == ["stopped at step 3; run this cell again to go on from the last checkpoint"]
    kinds = {output.output_type for output in shown}
    assert kinds == ({"display_data"} if session else {"stream"})
