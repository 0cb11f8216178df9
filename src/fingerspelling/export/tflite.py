"""Convert an ensemble of PyTorch models to one TensorFlow Lite file."""

import contextlib
import copy
import os
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Literal, get_args

import torch
from torch.export import Dim, ExportedProgram

from fingerspelling import text
from fingerspelling.export.fold import fold_constants
from fingerspelling.export.transcriber import ClipTranscriber
from fingerspelling.files import TEMPORARY, disk_full_named, write_whole
from fingerspelling.landmarks import SELECTED_COLUMNS
from fingerspelling.model import FingerspellingModel

Precision = Literal["fp32", "fp16", "int8"]
SHARED_SIZES = ("max_frames", "max_new_tokens", "vocab_size", "min_frames", "min_confidence")
HEARTBEAT = 15.0  # seconds between two messages that a long step is still going on


def export_tflite(
    models: Sequence[FingerspellingModel],
    path: str | Path,
    precision: Precision = "fp16",
    *,
    loop: bool = True,
    num_beams: int = 1,
    ctc_weight: float = 0.0,
    tells_probability: bool = False,
) -> Path:
    """Write models as one .tflite file that the competition's scorer runs.

    Its signature serving_default takes "inputs", float32 [frames, 390] in the order of `SELECTED_COLUMNS`, with any
    number of frames, and returns "outputs", float32 [length, 59]: one row per character of the phrase, whose largest
    value is that character's. If asked for, it also returns "probability", float32 [1], of `ClipTranscriber`, which the
    competition's scorer does not look at. It consists of TensorFlow Lite's builtin operators only.

    Args:
        models: the ensemble; logits are averaged. The models stay as they are.
        path: the file; it appears only when whole.
        precision: of the weights: fp32, fp16 or int8. int8 is for linear layers, which quantise their inputs as they
            come (dynamic range), and for runtimes of 2024 and later. All other activations are float32.
        loop: decode in a WHILE operator, which stops at the phrase's end; otherwise always in max_new_tokens steps one
            after another, for runtimes that cannot run such an operator.
        num_beams: hypotheses of the search.
        ctc_weight: of the CTC heads in its scores; with 1 beam and a weight of 0, decoding is greedy.
        tells_probability: whether the file also returns the phrase's probability; it needs 2 beams or more.

    Raises:
        ValueError: no model, models that do not go together or spell too little for the constant phrase, an unknown
            precision, or settings that mean no search (`make_search`).
        UnmappedOperatorError: the models use an operator that has no TensorFlow counterpart.
    """
    path = Path(path)
    _check(models, precision)
    with _step("tracing the model"):
        folded = [copy.deepcopy(model).eval().cpu().float() for model in models]
        for model in folded:
            fold_constants(model)
        program = _trace(ClipTranscriber(folded, num_beams, ctc_weight, tells_probability))
    with _step("loading TensorFlow"):
        conversion = _conversion()
    path.parent.mkdir(parents=True, exist_ok=True)
    with disk_full_named(path), _scratch(path) as folder:
        with _step("building the TensorFlow graph"):
            conversion.save(program, folder, None if loop else models[0].config.max_new_tokens)
        with _step(f"converting to TensorFlow Lite, {precision}"):
            content = conversion.convert(folder, precision)
    write_whole(path, content)
    print(f"{path.name}: {len(models)} model(s), {precision}, {len(content) / 1e6:.1f} MB", flush=True)
    return path


@contextlib.contextmanager
def _scratch(path: Path) -> Iterator[str]:
    """Make a folder beside a file, to be cleared where one is killed; TensorFlow's temporary files go there as well."""
    before = tempfile.tempdir
    with tempfile.TemporaryDirectory(TEMPORARY, f".{path.name}.", path.parent) as folder:
        tempfile.tempdir = folder
        try:
            yield folder
        finally:
            tempfile.tempdir = before


def _check(models: Sequence[FingerspellingModel], precision: str) -> None:
    if not models:
        raise ValueError("there is no model to export")
    if precision not in get_args(Precision):
        raise ValueError(f"precision {precision!r} is none of {', '.join(get_args(Precision))}")
    for name in SHARED_SIZES:
        if len(sizes := {getattr(model.config, name) for model in models}) > 1:
            raise ValueError(f"models of one ensemble must share {name}, these have {sorted(sizes)}")
    if models[0].config.max_new_tokens < len(text.CONSTANT_PHRASE):
        raise ValueError(f"max_new_tokens is less than {text.CONSTANT_PHRASE!r} has, the answer where nothing is read")


def _trace(transcriber: ClipTranscriber) -> ExportedProgram:
    example = torch.rand(150, len(SELECTED_COLUMNS))
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore", FutureWarning)  # of PyTorch about its own tree utilities
        warnings.filterwarnings("ignore", ".*torch.compile inside torch.export")  # of PyTorch 2.10 about its own loop
        warnings.filterwarnings("ignore", "Guards may run slower on Python 3.13.0")  # of a graph that never runs
        program = torch.export.export(
            transcriber.eval(),
            (example,),
            dynamic_shapes=({0: Dim("frames", min=1, max=100_000)},),
            prefer_deferred_runtime_asserts_over_guards=True,
        )
        return program.run_decompositions({})  # to ATen operators without side effects


def _conversion() -> ModuleType:
    """Import what needs TensorFlow, which takes seconds, without TensorFlow's messages about this machine."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with _stderr_discarded():  # some come before that level counts
        from fingerspelling.export import conversion
    return conversion


@contextlib.contextmanager
def _stderr_discarded() -> Iterator[None]:
    """Discard what is written to file descriptor 2, as C++ does, past Python's sys.stderr."""
    stderr = os.dup(2)
    try:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)


@contextlib.contextmanager
def _step(what: str) -> Iterator[None]:
    """Print what is being done, every now and then that it is still going on, and how long it took."""
    started = time.monotonic()
    done = threading.Event()

    def beat() -> None:
        while not done.wait(HEARTBEAT):
            print(f"  still {what}, {time.monotonic() - started:.0f} s", flush=True)

    print(f"{what} ...", flush=True)
    heart = threading.Thread(target=beat, daemon=True)
    heart.start()
    try:
        yield
    finally:
        done.set()
        heart.join()
    print(f"  {time.monotonic() - started:.1f} s", flush=True)
