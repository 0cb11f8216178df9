"""Kaggle's API on localhost, as far as the official client needs it here; and everything that can go wrong with it.

    python tests/kaggle_stub.py    # as root, since the client knows port 80 alone: an account to try commands with

Read for it: kaggle 2.2.5 and kagglesdk 0.1.38, which send JSON in camelCase by POST to /v1/<service>/<method>.
"""

import base64
import contextlib
import json
import threading
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

OWNER, KEY, TOKEN = "signer", "0123456789abcdef", "KGAT_stub"
METADATA = {  # of the kernel 03, but for its id and what it needs
    "title": "Fingerspelling trial 03 training",
    "code_file": "03-training.ipynb",
    "language": "python",
    "kernel_type": "notebook",
}
HANG = "hang"  # a fault: no answer at all
AFTERWARDS = "afterwards"  # a fault: what was asked is done, but the answer is lost
HALF = "half"  # a fault of a download: the connection ends halfway


@dataclass
class Version:
    """A version of a kernel: what was pushed, the states that it goes through, and what it leaves."""

    request: dict
    states: deque[str] = field(default_factory=lambda: deque(["COMPLETE"]))  # the last one stays
    failure: str = ""
    log: list[str] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)

    def look(self) -> str:
        return self.states.popleft() if len(self.states) > 1 else self.states[0]


@dataclass
class Answer(Exception):
    """An answer that is not the usual one."""

    status: int
    body: dict = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)


class KaggleStub:
    """A server with a state that tests look at and change.

    Attributes:
        kernels: versions by "owner/slug".
        datasets: uploaded files of each version by "owner/slug"; dataset_states: what their status is in turn.
        faults: by method, such as "SaveKernel", or "download", the next faults: a status, HANG, AFTERWARDS, HALF, or an
            Answer; and None for none.
        calls: the methods that were asked for, in order.
        on_push: called with each new version, to decide how it goes.
    """

    def __init__(self, port: int = 0) -> None:
        self.kernels: dict[str, list[Version]] = defaultdict(list)
        self.datasets: dict[str, list[list[bytes]]] = defaultdict(list)
        self.dataset_states: dict[str, deque[str]] = defaultdict(lambda: deque(["READY"]))
        self.submissions: list[dict] = []
        self.faults: dict[str, deque] = defaultdict(deque)
        self.calls: list[str] = []
        self.on_push: Callable[[str, Version], None] = lambda kernel, version: None
        self.save_error = self.dataset_error = ""
        self.quota_hours = 30.0
        self.uploads: dict[str, bytes] = {}
        self.released = threading.Event()  # ends what hangs
        self.server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self) -> "KaggleStub":
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        self.server.shutdown()
        self.server.server_close()

    # --- what the client asks for

    def IntrospectToken(self, asked: dict) -> dict:
        return {"active": True, "username": OWNER} if asked["token"] == TOKEN else {"active": False}

    def SaveKernel(self, asked: dict) -> dict:
        if self.save_error:
            return {"error": self.save_error}
        slug = asked["slug"]
        version = Version(asked)
        known = {source for source in asked.get("kernelDataSources", []) if self.kernels.get(source)}
        self.kernels[slug].append(version)
        self.on_push(slug, version)
        return {
            "ref": f"/code/{slug}",
            "url": f"https://www.kaggle.com/code/{slug}",
            "versionNumber": len(self.kernels[slug]),
            "invalidKernelSources": [source for source in asked.get("kernelDataSources", []) if source not in known],
            "invalidCompetitionSources": [
                name for name in asked.get("competitionDataSources", []) if name == "not-joined"
            ],
        }

    def version(self, asked: dict) -> Version:
        versions = self.kernels.get(f"{asked['userName']}/{asked['kernelSlug']}")
        if not versions:
            raise Answer(403, {"code": 403, "message": "Permission 'kernels.get' was denied"})
        number = int((asked.get("versionLabel") or f"v{len(versions)}").removeprefix("v"))
        if not 1 <= number <= len(versions):
            raise Answer(404)
        return versions[number - 1]

    def GetKernel(self, asked: dict) -> dict:
        self.version(asked)
        versions = self.kernels[f"{asked['userName']}/{asked['kernelSlug']}"]
        return {"metadata": {"currentVersionNumber": len(versions)}, "blob": {}}

    def GetKernelSessionStatus(self, asked: dict) -> dict:
        version = self.version(asked)
        state = version.look()
        return {"status": state, "failureMessage": version.failure if state == "ERROR" else None}

    def ListKernelSessionOutput(self, asked: dict) -> dict:
        version, start = self.version(asked), int(asked.get("pageToken") or 0)
        names, end = sorted(version.files), start + 2  # pages are short
        slug, number = f"{asked['userName']}/{asked['kernelSlug']}", asked.get("versionLabel", "").removeprefix("v")
        number = number or len(self.kernels[slug])
        return {
            "files": [
                {"fileName": name, "url": f"{self.url}/files/{slug}/{number}/{name}"} for name in names[start:end]
            ],
            "log": json.dumps([{"stream_name": "stdout", "time": 1.0, "data": line} for line in version.log]),
            "nextPageToken": str(end) if end < len(names) else "",
        }

    def GetAcceleratorQuotaStatistics(self, asked: dict) -> dict:
        allowed = {"timeUsed": f"{int((30 - self.quota_hours) * 3600)}s", "totalTimeAllowed": "108000s"}
        return {"quotaRefreshTime": "2026-11-28T00:00:00Z", "gpuQuota": allowed}

    def GetDatasetStatus(self, asked: dict) -> dict:
        name = f"{asked['ownerSlug']}/{asked['datasetSlug']}"
        if name not in self.datasets:
            raise Answer(404)
        states = self.dataset_states[name]
        return {"status": states.popleft() if len(states) > 1 else states[0]}

    def StartBlobUpload(self, asked: dict) -> dict:
        token = f"blob{len(self.uploads)}-{asked['name']}"
        self.uploads[token] = b""
        return {"token": token, "createUrl": f"{self.url}/upload/{token}"}

    def CreateDataset(self, asked: dict) -> dict:
        return self._new_dataset(f"{asked['ownerSlug']}/{asked['slug']}", asked)

    def CreateDatasetVersion(self, asked: dict) -> dict:
        return self._new_dataset(f"{asked['ownerSlug']}/{asked['datasetSlug']}", asked["body"])

    def _new_dataset(self, name: str, asked: dict) -> dict:
        if self.dataset_error:
            return {"status": "error", "error": self.dataset_error}
        self.datasets[name].append(
            {file["token"].partition("-")[2]: self.uploads[file["token"]] for file in asked["files"]}
        )
        return {"status": "ok", "url": f"https://www.kaggle.com/datasets/{name}"}

    def CreateCodeSubmission(self, asked: dict) -> dict:
        self.submissions.insert(0, {"ref": 100 + len(self.submissions), "status": "PENDING", "asked": asked})
        return {"message": "Successfully submitted", "ref": self.submissions[0]["ref"]}

    def ListSubmissions(self, asked: dict) -> dict:
        return {"submissions": [{name: one[name] for name in one if name != "asked"} for one in self.submissions]}

    # --- how it is carried

    def _handler(stub) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                pass

            def reply(self, status: int, body: bytes = b"", kind: str = "application/json", **headers: str) -> None:
                self.send_response(status)
                for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                with contextlib.suppress(OSError):
                    self.wfile.write(body)

            def fault(self, method: str) -> Any:
                stub.calls.append(method)
                fault = stub.faults[method].popleft() if stub.faults[method] else None
                if fault == HANG:
                    stub.released.wait()
                    self.close_connection = True
                    raise ConnectionAbortedError
                if isinstance(fault, int):
                    raise Answer(fault)
                if isinstance(fault, Answer):
                    raise fault
                return fault

            def known(self) -> bool:
                basic = base64.b64encode(f"{OWNER}:{KEY}".encode()).decode()
                return self.headers.get("Authorization") in {f"Basic {basic}", f"Bearer {TOKEN}"}

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"] or 0))
                method = urlsplit(self.path).path.rsplit("/", 1)[-1]
                try:
                    fault = self.fault(method)
                    if not self.known() and method != "IntrospectToken":
                        raise Answer(401, {"code": 401, "message": "Unauthenticated"})
                    answer = getattr(stub, method)(json.loads(body or b"{}"))
                    if fault == AFTERWARDS:
                        raise Answer(502)
                    self.reply(200, json.dumps(answer).encode())
                except Answer as answer:
                    self.reply(answer.status, json.dumps(answer.body).encode(), **answer.headers)
                except ConnectionAbortedError:
                    pass

            def do_PUT(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"] or 0))
                try:
                    self.fault("upload")
                    token = self.path.rsplit("/", 1)[-1]
                    if "*" in self.headers.get("Content-Range", ""):
                        whole = int(self.headers["Content-Range"].rpartition("/")[2]) == len(stub.uploads[token])
                        self.reply(200 if whole else 308)
                        return
                    stub.uploads[token] = body
                    self.reply(200)
                except Answer as answer:
                    self.reply(answer.status)
                except ConnectionAbortedError:
                    pass

            def do_GET(self) -> None:
                address = urlsplit(self.path)
                try:
                    if "/logs/stream/" in address.path:
                        owner, slug = address.path.split("/")[-2:]
                        label = parse_qs(address.query).get("versionLabel", [""])[0]
                        self.stream(stub.version({"userName": owner, "kernelSlug": slug, "versionLabel": label}))
                        return
                    _, _, owner, slug, number, *name = address.path.split("/")
                    content = stub.kernels[f"{owner}/{slug}"][int(number) - 1].files["/".join(name)]
                    start = int(self.headers.get("Range", "bytes=0-")[6:].rstrip("-"))
                    if self.fault("download") == HALF:
                        self.half(content[start:], number)
                        return
                    kind = {"Accept-Ranges": "bytes", "ETag": f'"{number}"'}
                    self.reply(206 if start else 200, content[start:], "application/octet-stream", **kind)
                except Answer as answer:
                    self.reply(answer.status)
                except ConnectionAbortedError:
                    pass

            def half(self, content: bytes, number: str) -> None:
                self.send_response(200)
                headers = {"Content-Length": str(len(content)), "Accept-Ranges": "bytes", "ETag": f'"{number}"'}
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content[: len(content) // 2])
                self.close_connection = True

            def stream(self, version: Version) -> None:
                events = [{"stream_name": "stdout", "time": 1.0, "data": line} for line in version.log]
                if version.states[0] in {"COMPLETE", "ERROR"}:
                    self.fault("stream")
                    self.reply(200, json.dumps(events).encode())
                    return
                broken = self.fault("stream") == HALF
                lines = [f"data: {json.dumps(event)}\n\n" for event in events]
                body = "".join(lines[: len(lines) // 2] if broken else [*lines, "data: END_OF_LOG\n\n"]).encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.send_header("Content-Length", str(len(body) + broken))
                self.end_headers()
                self.wfile.write(body)
                self.close_connection = broken

        return Handler


def _pretend(kernel: str, version: Version) -> None:
    """Let a kernel run for some looks, print a line and leave a file."""
    version.states = deque(["QUEUED", "RUNNING", "COMPLETE"])
    version.log = [f"{kernel} has run\n"]
    version.files = {"submission.zip" if "submission" in kernel else f"{kernel.split('/')[1]}.txt": b"pretended"}


if __name__ == "__main__":
    stub = KaggleStub(80)
    stub.on_push = _pretend
    print(f"export KAGGLE_API_ENVIRONMENT=LOCALHOST KAGGLE_API_TOKEN={TOKEN}", flush=True)
    stub.server.serve_forever()
