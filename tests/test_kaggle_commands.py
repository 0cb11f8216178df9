"""`fingerspelling kaggle ...` as it is typed, from the first push to the score, with kernels as they are built."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from kaggle_stub import AFTERWARDS, HANG, OWNER, KaggleStub, Version

pytest.importorskip("kagglesdk", reason="the extra kaggle is not installed")
from fingerspelling.__main__ import main
from fingerspelling.kaggle import datasets, patience, push
from fingerspelling.kaggle.client import Client
from fingerspelling.runs.config import ROOT

NAME = f"{OWNER}/fingerspelling-mine"
EXTRACTION, TRAINING, SUBMISSION = (f"{NAME}-{step}" for step in ("02-extraction", "03-training", "05-submission"))


@pytest.fixture
def kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kernels are built once for all tests, and what is not committed here is nobody's concern."""
    monkeypatch.setattr(push, "changed_files", lambda paths: [])


@pytest.fixture
def params(tmp_path: Path) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text(
        yaml.safe_dump({"params": str(ROOT / "tests/tiny.yaml"), "run_dir": str(tmp_path / "outputs/mine")})
    )
    return path


@pytest.fixture
def fingerspelling(kaggle: KaggleStub, kernels: None, params: Path) -> Callable[..., int]:
    """Run `fingerspelling kaggle ... --params mine.yaml`."""
    takes_params = {"push", "follow", "status", "fetch", "submit"}
    return lambda *typed: main(["kaggle", *typed, *(["--params", str(params)] if typed[0] in takes_params else [])])


def test_from_the_first_push_to_the_score(
    fingerspelling: Callable[..., int], kaggle: KaggleStub, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    outputs = {
        EXTRACTION: {"clips/1.arrow": b"clips"},
        TRAINING: {"seed1/model/config.json": b"{}"},
        f"{NAME}-04-error-analysis": {"metrics.json": b"{}"},
        SUBMISSION: {"submission.zip": b"zip"},
    }

    def on_push(kernel: str, version: Version) -> None:
        version.states.extendleft(["RUNNING", "QUEUED"])
        version.log, version.files = [f"the last line of {kernel}\n"], outputs[kernel]

    kaggle.on_push = on_push
    assert fingerspelling("push", "02", "03", "04", "05") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.startswith("version")] == [
        f"version 1 of {kernel} runs: https://www.kaggle.com/code/{kernel}" for kernel in outputs
    ]
    assert lines[-2:] == [f"the last line of {SUBMISSION}", f"{SUBMISSION}/1: complete"]
    assert fingerspelling("fetch", "02", "03") == 0
    assert fingerspelling("submit") == 0
    assert "submitted " + SUBMISSION + "/1: submission 100" in capsys.readouterr().out
    run = tmp_path / "outputs/mine"
    assert (run / "clips/1.arrow").read_bytes() == b"clips" and (run / "seed1/model/config.json").exists()

    kaggle.submissions[0] |= {"status": "COMPLETE", "publicScore": "0.812", "privateScore": "0.799"}
    assert fingerspelling("status") == 0
    lines = capsys.readouterr().out.splitlines()
    assert f"01  {NAME}-01-eda: not pushed" in lines and f"03  {TRAINING}/1: COMPLETE" in lines
    assert lines[-2:] == [
        "GPU: 30.0 hours left until Saturday 28 November",
        "submission 100: score 0.812 (public), 0.799 (private)",
    ]
    source = json.loads(kaggle.kernels[TRAINING][0].request["text"])
    assert any("take_over" in cell["source"] for cell in source["cells"])


def test_a_score_is_waited_for(
    fingerspelling: Callable[..., int],
    kaggle: KaggleStub,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    kaggle.kernels[SUBMISSION].append(Version({}))
    listed = kaggle.ListSubmissions

    def list_submissions(asked: dict) -> dict:
        if kaggle.calls.count("ListSubmissions") > 3:
            kaggle.submissions[0] |= {"status": "ERROR", "errorDescription": "Submission Scoring Error"}
        return listed(asked)

    kaggle.ListSubmissions = list_submissions  # type: ignore[method-assign]
    assert fingerspelling("submit", "--follow", "--message", "a try") == 1
    assert capsys.readouterr().out.splitlines()[-1] == "submission 100: ERROR Submission Scoring Error"
    assert kaggle.submissions[0]["asked"]["submissionDescription"] == "a try"


def test_a_training_that_stops_in_time_is_pushed_until_it_has_finished(
    fingerspelling: Callable[..., int], kaggle: KaggleStub
) -> None:
    def on_push(kernel: str, version: Version) -> None:
        more = kernel == TRAINING and len(kaggle.kernels[kernel]) < 3
        version.log = ["stopped in time (training.stop_after_hours: 11.5), at epoch 7"] if more else ["done"]

    kaggle.on_push = on_push
    assert fingerspelling("push", "02", "03", "04") == 0
    assert [len(versions) for versions in kaggle.kernels.values()] == [1, 3, 1]


def test_a_failed_kernel_ends_the_chain(fingerspelling: Callable[..., int], kaggle: KaggleStub) -> None:
    def on_push(kernel: str, version: Version) -> None:
        version.states[0] = "ERROR" if kernel == TRAINING else "COMPLETE"

    kaggle.on_push = on_push
    assert fingerspelling("push", "02", "03", "04") == 1
    assert [len(versions) for versions in kaggle.kernels.values()] == [1, 1]


def test_a_failed_kernel_is_said_followed_fetched_and_not_submitted(
    fingerspelling: Callable[..., int], kaggle: KaggleStub, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    def fail(kernel: str, version: Version) -> None:
        version.states[0], version.failure = "ERROR", "out of memory"
        version.log, version.files = ["step 7\n"], {"seed1/metrics.jsonl": b"{}"}

    kaggle.on_push = fail
    assert fingerspelling("push", "02", "--follow") == 1
    out, _ = capsys.readouterr()
    assert out.splitlines()[-1].startswith(f"{EXTRACTION}/1: ERROR: out of memory; its log says more: https://")
    assert fingerspelling("status") == 1
    assert f"{EXTRACTION}/1: ERROR out of memory" in capsys.readouterr().out
    assert fingerspelling("fetch", "02") == 1
    assert (tmp_path / "outputs/mine/seed1/metrics.jsonl").exists()
    kaggle.kernels[SUBMISSION] = kaggle.kernels[EXTRACTION]
    assert fingerspelling("submit") == 2
    assert "is ERROR, so there is nothing to submit; push it again" in capsys.readouterr().err
    assert not kaggle.submissions


def test_a_kernel_runs_on_when_nobody_watches(
    fingerspelling: Callable[..., int],
    kaggle: KaggleStub,
    capsys: pytest.CaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def on_push(kernel: str, version: Version) -> None:
        version.states.extendleft(["RUNNING"] * 3)
        version.log = ["one\n", "two\n"]

    kaggle.on_push = on_push
    kaggle.faults["GetKernelSessionStatus"].extend([503] * 10)
    assert fingerspelling("push", "02", "--follow") == 2
    runs_on = f"{EXTRACTION}/1 runs on; `fingerspelling kaggle follow 02` watches it"
    assert capsys.readouterr().err.splitlines()[-1].endswith(f"({runs_on})")

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Client, "follow", interrupt)
        assert fingerspelling("follow", "02") == 130
    assert capsys.readouterr().err == f"interrupted; {runs_on}\n"
    assert fingerspelling("follow", "02") == 0
    assert capsys.readouterr().out == f"one\ntwo\n{EXTRACTION}/1: complete\n"
    assert len(kaggle.kernels[EXTRACTION]) == 1


@pytest.mark.parametrize(
    ("typed", "faults", "said"),
    [
        (["push", "03"], {}, f"reads from {EXTRACTION}, which has not been pushed; push that one first"),
        (["push", "9"], {}, "9: no such kernel; there are 0"),
        (["fetch", "03"], {}, f"{TRAINING}: has not been pushed; `fingerspelling kaggle push 03`"),
        (["fetch", "02", "--version", "7"], {}, f"{EXTRACTION}/7: Kaggle "),
        (["submit"], {}, f"{SUBMISSION}: has not been pushed"),
        (["status"], {"GetKernel": [401] * 10}, "does not accept the credentials"),
        (["push", "02"], {"SaveKernel": [500] * 10}, "answers 500 Internal Server Error, a failure of its own"),
        (["push", "02"], {"SaveKernel": [429] * 10}, "too many requests"),
        (["push", "02"], {"SaveKernel": [403]}, "denies access"),
        (["push", "02"], {"SaveKernel": [HANG] * 10}, "has not answered within"),
    ],
)
def test_what_goes_wrong_is_one_sentence_and_no_success(
    typed: list[str],
    faults: dict,
    said: str,
    fingerspelling: Callable[..., int],
    kaggle: KaggleStub,
    tmp_path: Path,
    capsys: pytest.CaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(patience, "TIMEOUT", (1.0, 0.2))
    for method, codes in faults.items():
        kaggle.faults[method].extend(codes)
    assert fingerspelling(*typed) == 2
    out, err = capsys.readouterr()
    *again, sentence = err.splitlines()
    assert said in sentence and all("trying again" in line for line in again)
    assert not out and "Traceback" not in err
    assert not (tmp_path / "outputs").exists() and not kaggle.kernels.get(EXTRACTION)


def test_parameters_that_cannot_be_read_are_named(
    kaggle: KaggleStub, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    for command in (["push", "02", "--uncommitted"], ["fetch", "02"], ["status"]):
        assert main(["kaggle", *command, "--params", str(tmp_path / "absent.yaml")]) == 2
        assert capsys.readouterr().err.endswith(f"{tmp_path / 'absent.yaml'}: No such file or directory\n")


def test_without_credentials_what_is_mistyped_is_said_first_and_nothing_is_asked(
    fingerspelling: Callable[..., int],
    kaggle: KaggleStub,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    monkeypatch.delenv("KAGGLE_API_TOKEN")
    for typed in (["push", "02"], ["status"], ["fetch", "02"], ["submit"], ["wheels"]):
        assert fingerspelling(*typed) == 2
        assert capsys.readouterr().err.startswith("there are no Kaggle credentials; make a token at https://")
    for typed in (["push", "09"], ["fetch", "03", "09"], ["submit", "09"], ["follow", "09"]):
        assert fingerspelling(*typed) == 2
        assert capsys.readouterr().err.startswith("09: no such kernel; there are 00, ")
    for typed in (["kaggle", "push", "02", "--params"], ["kaggle", "status", "--params"], ["sweep"]):
        more = ["training.epochs=1", "--kaggle", "--uncommitted"] if typed == ["sweep"] else []
        assert main([*typed, "absent.yaml", *more]) == 2
        assert capsys.readouterr().err == "absent.yaml: No such file or directory\n"
    assert fingerspelling("weights", "nowhere") == 2
    assert capsys.readouterr().err.startswith("nowhere: holds no trained model")
    assert not kaggle.calls


def test_a_runs_models_become_a_dataset(
    fingerspelling: Callable[..., int], kaggle: KaggleStub, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    run = tmp_path / "my_run"
    assert fingerspelling("weights", str(run)) == 2
    assert "holds no trained model" in capsys.readouterr().err
    for seed in ("seed1", "seed2"):
        (run / seed / "model").mkdir(parents=True)
        (run / seed / "model/config.json").write_text("{}")
        (run / seed / "training.json").write_text("{}")
    (run / "run.json").write_text("{}")
    kaggle.faults["CreateDataset"] += [503, AFTERWARDS]
    kaggle.faults["upload"] += [503, None, 500]
    for _ in range(2):
        assert fingerspelling("weights", str(run)) == 0
    dataset = f"{OWNER}/fingerspelling-my-run-weights"
    assert f"https://www.kaggle.com/datasets/{dataset}" in capsys.readouterr().out
    assert all(version.keys() == {"seed1.zip", "seed2.zip", "run.json"} for version in kaggle.datasets[dataset])
    kaggle.dataset_error = "You have reached your limit of private datasets"
    assert fingerspelling("weights", str(run)) == 2
    assert capsys.readouterr().err == f"{dataset}: Kaggle made no dataset: {kaggle.dataset_error}\n"
    assert (run / "seed1/model/config.json").exists()


def test_absent_packages_become_a_dataset(
    fingerspelling: Callable[..., int],
    kaggle: KaggleStub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:

    def pip(exit_status: int) -> Path:
        script = tmp_path / "pip"
        script.write_text(
            "#!/bin/sh\n"
            f'echo "$@" >> {tmp_path}/asked\n'
            'for argument in "$@"; do case $argument in --dest=*) touch ${argument#--dest=}/$$.whl;; esac; done\n'
            f'echo "ERROR: No matching distribution found for rapidfuzz" >&2\nexit {exit_status}\n'
        )
        script.chmod(0o700)
        return script

    monkeypatch.setattr(datasets.sys, "executable", str(pip(0)))
    assert fingerspelling("wheels") == 0
    asked = (tmp_path / "asked").read_text().splitlines()
    assert ["--python-version=3.12" in asked[0], "--python-version=3.13" in asked[1]] == [True, True]
    assert all("rapidfuzz==" in line.lower() and "ai-edge-litert==" in line and "--no-deps" in line for line in asked)
    (version,) = kaggle.datasets[f"{OWNER}/fingerspelling-wheels"]
    assert len(version) == 2
    monkeypatch.setattr(datasets.sys, "executable", str(pip(1)))
    capsys.readouterr()
    assert fingerspelling("wheels") == 2
    assert capsys.readouterr().err == (
        "wheels for Python 3.12: pip failed: No matching distribution found for rapidfuzz\n"
    )
