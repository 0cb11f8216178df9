"""The client against a stub of Kaggle's API: what it does, and what it says where Kaggle does not."""

import json
from pathlib import Path

import pytest
from kaggle_stub import AFTERWARDS, HALF, HANG, KEY, METADATA, OWNER, Answer, KaggleStub, Version

pytest.importorskip("kagglesdk", reason="the extra kaggle is not installed")
from fingerspelling.kaggle import client as client_module
from fingerspelling.kaggle import patience
from fingerspelling.kaggle.client import Client
from fingerspelling.kaggle.patience import KaggleError

KERNEL = f"{OWNER}/fingerspelling-trial-03-training"
DATASET = f"{OWNER}/fingerspelling-trial-weights"


@pytest.fixture
def client(kaggle: KaggleStub) -> Client:
    return Client()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A kernel."""
    folder = tmp_path / "kernel"
    folder.mkdir()
    metadata = {
        "id": KERNEL,
        **METADATA,
        "enable_internet": False,
        "kernel_sources": [],
        "competition_sources": [],
    }
    (folder / "kernel-metadata.json").write_text(json.dumps(metadata))
    (folder / "03-training.ipynb").write_text(json.dumps({"cells": []}))
    return folder


def test_a_kernel_is_pushed_watched_and_fetched(
    client: Client, kaggle: KaggleStub, folder: Path, tmp_path: Path
) -> None:
    def on_push(kernel: str, version: Version) -> None:
        version.states.extendleft(["RUNNING", "QUEUED"])
        version.log = ["epoch 1\n", "epoch 2\n"]
        version.files = {"seed1/model/weights": bytes(range(256)), "metrics.json": b"{}", "a": b"a"}

    kaggle.on_push = on_push
    assert client.version(KERNEL) == 0
    assert [client.push(folder, KERNEL), client.push(folder, KERNEL)] == [1, 2] and client.version(KERNEL) == 2
    assert kaggle.kernels[KERNEL][0].request["enableInternet"] is False
    assert client.session(KERNEL).status == "QUEUED"
    assert list(client.follow(f"{KERNEL}/1")) == ["epoch 1\n", "epoch 2\n"]
    assert client.session(KERNEL).status == "RUNNING"  # of the second version, which nobody watched
    client.download(f"{KERNEL}/1", tmp_path / "output")
    fetched = {str(path.relative_to(tmp_path / "output")) for path in (tmp_path / "output").rglob("*.*")}
    assert fetched == {"metrics.json", "fingerspelling-trial-03-training.log"}
    assert (tmp_path / "output/seed1/model/weights").read_bytes() == bytes(range(256))


def test_a_dataset_is_made_then_gets_versions_and_is_waited_for(
    client: Client, kaggle: KaggleStub, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    (tmp_path / "dataset-metadata.json").write_text(
        json.dumps({"id": DATASET, "title": "fingerspelling trial weights", "licenses": [{"name": "other"}]})
    )
    (tmp_path / "weights").write_bytes(b"12")
    (tmp_path / "seed1").mkdir()
    (tmp_path / "seed1/model").write_bytes(b"34")
    kaggle.dataset_states[DATASET].extendleft(["BLOBS_RECEIVED", "NOT_YET_PERSISTED"])
    client.upload(tmp_path, DATASET, "first")
    (tmp_path / "weights").write_bytes(b"56")
    client.upload(tmp_path, DATASET, "second")
    assert [version["weights"] for version in kaggle.datasets[DATASET]] == [b"12", b"56"]
    assert "seed1.zip" in kaggle.datasets[DATASET][0]
    out = capsys.readouterr().out
    assert out.splitlines()[:2] == [f"waiting for {DATASET}: {s}" for s in ("not_yet_persisted", "blobs_received")]

    kaggle.dataset_states[DATASET].appendleft("FAILED")
    with pytest.raises(KaggleError, match="could not take it in"):
        client.wait_for_dataset(DATASET)
    with pytest.raises(KaggleError, match="no such dataset; make it first"):
        client.wait_for_dataset(f"{OWNER}/absent")
    kaggle.dataset_error = "The title is in use"
    with pytest.raises(KaggleError, match="made no dataset: The title is in use"):
        client.upload(tmp_path, DATASET, "third")


def test_a_dataset_that_stays_pending_is_given_up(
    client: Client, kaggle: KaggleStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    kaggle.datasets[DATASET] = []
    kaggle.dataset_states[DATASET][0] = "BLOBS_RECEIVED"
    monkeypatch.setattr(client_module, "DATASET_PATIENCE", 0.0)
    with pytest.raises(KaggleError, match="still pending"):
        client.wait_for_dataset(DATASET)


def test_a_submission_is_made_once(client: Client, kaggle: KaggleStub) -> None:
    kaggle.faults["CreateCodeSubmission"] += [503, AFTERWARDS]
    assert client.submit("asl-fingerspelling", KERNEL, 3, "submission.zip", "a try") == 100
    (submission,) = kaggle.submissions
    asked = submission["asked"]
    assert (asked["kernelOwner"], asked["kernelVersion"], asked["fileName"]) == (OWNER, 3, "submission.zip")
    submission |= {"status": "COMPLETE", "publicScore": "0.81", "privateScore": "0.80"}
    (read,) = client.submissions("asl-fingerspelling")
    assert (read.ref, read.status.name, read.public_score, read.private_score) == (100, "COMPLETE", "0.81", "0.80")


@pytest.mark.parametrize("fault", [AFTERWARDS, 500, 503, 429])
def test_a_kernel_is_pushed_once_where_the_answer_is_lost(
    fault: object, client: Client, kaggle: KaggleStub, folder: Path
) -> None:
    kaggle.faults["SaveKernel"].append(fault)
    assert client.push(folder, KERNEL) == 1
    assert len(kaggle.kernels[KERNEL]) == 1


def test_kaggle_is_asked_again_when_it_says(
    client: Client, kaggle: KaggleStub, slept: list[float], capsys: pytest.CaptureFixture
) -> None:
    kaggle.kernels[KERNEL].append(Version({}))
    kaggle.faults["GetKernelSessionStatus"] += [Answer(429, headers={"Retry-After": "77"}), 500, 502]
    assert client.session(KERNEL).status == "COMPLETE"
    assert slept == [77.0, 4.0, 8.0]
    assert capsys.readouterr().err.splitlines() == [
        "Kaggle answers 429 Too Many Requests; trying again in 77 s",
        "Kaggle answers 500 Internal Server Error; trying again in 4 s",
        "Kaggle answers 502 Bad Gateway; trying again in 8 s",
    ]
    kaggle.faults["GetKernelSessionStatus"].append(Answer(429, headers={"Retry-After": "86400"}))
    with pytest.raises(KaggleError, match="too many requests; the same command goes on in an hour"):
        client.session(KERNEL)
    assert len(slept) == 3  # nobody waits for a day


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (401, "does not accept the credentials; make a new token at https://"),
        (403, "denies access; see that owner and name are right"),
        (404, "knows nothing of this name; see that it is right"),
        (400, "refuses: it answers 400 Bad Request"),
        (Answer(400, {"code": 400, "message": "Too long."}), "refuses: Too long"),
        (429, "too many requests; the same command goes on"),
        (500, "answers 500 Internal Server Error, a failure of its own; the same command goes on"),
        (HANG, "has not answered within 0 s; see to the connection"),
    ],
)
def test_what_remains_is_said_in_a_sentence(
    fault: object, said: str, client: Client, kaggle: KaggleStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "TIMEOUT", (1.0, 0.05))
    kaggle.kernels[KERNEL].append(Version({}))
    for method in ("GetKernelSessionStatus", "GetAcceleratorQuotaStatistics"):
        kaggle.faults[method].extend([fault] * patience.ATTEMPTS)
    for ask, about in ((lambda: client.session(KERNEL), KERNEL), (client.quota, "GPU quota")):
        with pytest.raises(KaggleError) as raised:
            ask()
        assert said in str(raised.value) and str(raised.value).startswith(f"{about}: Kaggle ")
        assert "\n" not in str(raised.value)


def test_a_kaggle_that_is_not_there_is_said(client: Client, kaggle: KaggleStub) -> None:
    kaggle.server.shutdown()
    kaggle.server.server_close()
    with pytest.raises(KaggleError, match=f"^{KERNEL}: Kaggle cannot be reached; see to the connection"):
        client.session(KERNEL)


def test_what_kaggle_refuses_is_said_with_what_to_do(client: Client, kaggle: KaggleStub, folder: Path) -> None:
    for told, advice in [
        ("Maximum weekly GPU quota of 30.00 hours reached.", "hours reached; wait for the next week"),
        ("Maximum batch GPU session count of 2 reached.", "of 2 reached; wait until a session has ended"),
        ("Notebook not found", "not found$"),
    ]:
        kaggle.save_error = told
        with pytest.raises(KaggleError, match=f"^{KERNEL}: Kaggle refuses: .*{advice}"):
            client.push(folder, KERNEL)
    assert KERNEL not in kaggle.kernels


def test_a_kernel_that_runs_without_its_inputs_is_a_failure(client: Client, kaggle: KaggleStub, folder: Path) -> None:
    metadata = json.loads((folder / "kernel-metadata.json").read_text())
    metadata |= {"kernel_sources": [f"{OWNER}/absent"], "competition_sources": ["not-joined"]}
    (folder / "kernel-metadata.json").write_text(json.dumps(metadata))
    with pytest.raises(KaggleError, match=f"version 1 runs without not-joined, {OWNER}/absent"):
        client.push(folder, KERNEL)


@pytest.mark.parametrize("faults", [[HALF], [HALF] * 4, [500, HALF, None, 503, HALF]])
def test_a_truncated_download_goes_on(faults: list, client: Client, kaggle: KaggleStub, tmp_path: Path) -> None:
    content = bytes(range(256)) * 100
    kaggle.kernels[KERNEL].append(Version({}, files={"clips/one.arrow": content, "two": content[::-1]}))
    kaggle.faults["download"].extend(faults)
    client.download(KERNEL, tmp_path)
    assert (tmp_path / "clips/one.arrow").read_bytes() == content
    assert (tmp_path / "two").read_bytes() == content[::-1]
    assert not list(tmp_path.rglob("*partial"))


def test_a_broken_stream_is_taken_up_again(client: Client, kaggle: KaggleStub, slept: list[float]) -> None:
    version = Version({}, log=[f"line {number}\n" for number in range(6)])
    version.states.extendleft(["RUNNING"] * 3)
    kaggle.kernels[KERNEL].append(version)
    kaggle.faults["stream"] += [404, HALF, HALF]
    assert list(client.follow(KERNEL)) == version.log


def test_a_failed_kernel_says_why(client: Client, kaggle: KaggleStub) -> None:
    version = Version({}, failure="Your notebook tried to allocate more memory")
    version.states[0] = "ERROR"
    kaggle.kernels[KERNEL].append(version)
    session = client.session(KERNEL)
    assert session.finished and session.failure.startswith("Your notebook")


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({}, "there are no Kaggle credentials; make a token at https://"),
        ({"KAGGLE_API_TOKEN": "wrong"}, "does not accept the token in KAGGLE_API_TOKEN; make a token"),
    ],
)
def test_credentials_are_checked_first(
    environment: dict, said: str, kaggle: KaggleStub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.delenv("KAGGLE_API_TOKEN")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(KaggleError, match=said):
        Client()
    assert capsys.readouterr().out == ""


def test_a_key_is_sent_with_its_user(kaggle: KaggleStub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KAGGLE_API_TOKEN")
    monkeypatch.setenv("KAGGLE_USERNAME", OWNER)
    monkeypatch.setenv("KAGGLE_KEY", KEY)
    assert Client().owner == OWNER and Client().quota().hours == 30.0
    monkeypatch.setenv("KAGGLE_KEY", "wrong")
    with pytest.raises(KaggleError, match=r"does not accept the credentials \(Unauthenticated\)"):
        Client().quota()


def test_kaggle_may_be_slow_when_credentials_are_checked(
    kaggle: KaggleStub, monkeypatch: pytest.MonkeyPatch, slept: list[float]
) -> None:
    monkeypatch.setattr(patience, "TIMEOUT", (1.0, 0.05))
    kaggle.faults["IntrospectToken"] += [429, HANG, 500]
    assert Client().owner == OWNER
    assert len(slept) == 3
