"""submission.zip: loaded and run clip by clip, and written.

By the competition's evaluation page, a clip's selected columns go through the signature serving_default of
model.tflite. The characters are the arg-max of every row of "outputs"; an index outside the map stands for none.

What the package ships is a submission, too, which also says how sure it is.
"""

import json
import zipfile
from contextlib import nullcontext
from pathlib import Path
from typing import NamedTuple

import numpy as np

from fingerspelling.files import PACKAGE, DataError, parse_json, refuse_no_file, written_whole
from fingerspelling.landmarks import COLUMNS, SELECTED_COLUMNS
from fingerspelling.scoring.confidence import DOUBTFUL, Calibration
from fingerspelling.scoring.runtime import INPUT, ModelProcess
from fingerspelling.text import CONSTANT_PHRASE, decode

MODEL_FILE, ARGUMENTS_FILE = "model.tflite", "inference_args.json"
ARGUMENTS = {"selected_columns": SELECTED_COLUMNS}  # of the workbook's models
WEIGHTS = PACKAGE / "weights"  # what the package ships: a submission's two files, and a sample clip
NOTHING = "(nothing readable)"
LIMIT_MB = 40.0  # of all files of a submission together, by the competition's rules; 10**6 bytes each
LARGEST_MB = 10 * LIMIT_MB  # what is read at all: more is no submission, but something that fills the memory


class Answer(NamedTuple):
    """What was read of a clip."""

    text: str  # "" where nothing was readable
    confidence: float | None  # the score to be expected, 0..1; None from a model that does not say

    @property
    def doubtful(self) -> bool:
        """Whether one character in five or more is likely to be wrong."""
        return self.text != "" and self.confidence is not None and self.confidence < DOUBTFUL

    def __str__(self) -> str:
        if not self.text or self.confidence is None:
            return self.text or NOTHING
        return f"{self.text}\t{self.confidence:.0%}" + "\tdoubtful" * self.doubtful


class Submission:
    """A competitor's model.tflite and inference_args.json, ready to run.

    Attributes:
        columns: the landmark columns that the model reads, in its order.
        calibration: what inference_args.json says about the model's confidence; None if it says nothing.
        model: the bytes of model.tflite.
        process: in which the model runs.

    Args:
        path: submission.zip, a folder with its two files, or the model.tflite of one of the workbook's models.
        threads: for the model; by default TensorFlow Lite's own choice, as on Kaggle.

    Raises:
        DataError: a file is missing or is not what it should be.
    """

    def __init__(self, path: str | Path, threads: int | None = None):
        path = Path(path)
        if path.suffix == ".tflite":
            arguments, self.model = json.dumps(ARGUMENTS).encode(), _read_member(path.parent, path.name)
            name = str(path)
        else:
            arguments, self.model = (_read_member(path, name) for name in (ARGUMENTS_FILE, MODEL_FILE))
            name = f"{path}: {MODEL_FILE}"
        try:
            self.columns = _selected_columns(arguments)
        except ValueError as error:
            raise DataError(f"{path}: {ARGUMENTS_FILE}: {error}") from error
        self.calibration = calibration_in(arguments)
        self.process = ModelProcess(self.model, threads, name=name)
        if (shape := self.process.input_shape) and shape[-1] not in (len(self.columns), -1):
            raise DataError(
                f"{name}: {INPUT} has {shape[-1]} columns, but {ARGUMENTS_FILE} selects {len(self.columns)}"
            )

    def transcribe(self, frames: np.ndarray) -> str:
        """Read one clip, float32 [frames, columns].

        Raises:
            ModelDied: the model takes its process down with it, or too long; the next clip has a new one.
            ModelError: the model cannot run on this clip, or returns no matrix.
        """
        return decode(self.process.characters(frames))

    def read(self, frames: np.ndarray) -> Answer:
        """Read one clip, or say that nothing in it is readable; arguments and errors are those of `transcribe`.

        That is where the answer is the constant phrase, or its confidence below the threshold.
        """
        text = self.transcribe(frames)
        readable = text != CONSTANT_PHRASE
        if self.calibration is None or self.process.probability is None:
            return Answer(text if readable else "", None)
        confidence = self.calibration.confidence(self.process.probability)
        return Answer(text if readable and confidence >= self.calibration.threshold else "", confidence)


def shipped() -> Path:
    """Return the folder of the weights that the package ships, as `Submission` takes it.

    Raises:
        DataError: this copy of the package has none.
    """
    if not (WEIGHTS / MODEL_FILE).is_file():
        raise DataError(f"{WEIGHTS}: this copy of the package has no weights; name a model with --submission")
    return WEIGHTS


def _read_member(path: Path, name: str) -> bytes:
    refuse_no_file(path / name if path.is_dir() else path)
    try:
        with nullcontext() if path.is_dir() else zipfile.ZipFile(path) as archive:
            megabytes = (archive.getinfo(name).file_size if archive else (path / name).stat().st_size) / 1e6
            if megabytes <= LARGEST_MB:
                return archive.read(name) if archive else (path / name).read_bytes()
    except Exception as error:  # whatever a damaged archive makes zipfile raise
        raise DataError(f"{path}: cannot read {name} ({error})") from error
    raise DataError(f"{path}: {name} takes {megabytes:.0f} MB; the competition allows {LIMIT_MB:g} in all")


def _selected_columns(arguments: bytes) -> list[str]:
    """Return the columns that inference_args.json selects; a ValueError says what is wrong with it."""
    available = {"frame", *COLUMNS}
    try:
        columns = list(parse_json(arguments)["selected_columns"])
        unknown = [name for name in columns if name not in available]
    except (KeyError, TypeError) as error:
        raise ValueError(f"has no list selected_columns ({error!r})") from error
    if unknown or not columns:
        raise ValueError(f"selected_columns has {unknown[0]!r}, which no clip has" if unknown else "selects no column")
    return columns


def calibration_in(arguments: bytes) -> Calibration | None:
    """Return what inference_args.json says about confidence; None if nothing, or something else by that word."""
    try:
        values = parse_json(arguments)["confidence"]
        return Calibration(**{name: float(value) for name, value in values.items()})
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def write_submission(tflite: str | Path, zip_path: str | Path) -> Path:
    """Write submission.zip: a model of `export_tflite` and the columns that it reads; it appears only when whole.

    Raises:
        ValueError: they are larger than `LIMIT_MB`, unpacked.
        OSError: the model cannot be read.
    """
    zip_path = Path(zip_path)
    model = Path(tflite).read_bytes()
    arguments = json.dumps(ARGUMENTS).encode()
    size_mb = (len(model) + len(arguments)) / 1e6
    if size_mb >= LIMIT_MB:
        raise ValueError(f"{tflite}: {size_mb:.2f} MB with its arguments; a submission must stay below {LIMIT_MB:g} MB")
    with written_whole(zip_path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, content in ((ARGUMENTS_FILE, arguments), (MODEL_FILE, model)):
            entry = zipfile.ZipInfo(name)  # of 1980, so that the same model gives the same bytes
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED)
    return zip_path
