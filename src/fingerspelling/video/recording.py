"""What a camera saw, as landmarks in the competition's format: from a video, a webcam, or a file kept earlier."""

import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from fingerspelling.data.parquet import FRAME, open_parquet, read_clip
from fingerspelling.files import DataError, InputError, written_whole
from fingerspelling.landmarks import COLUMNS, POINTS, SELECTED_COLUMNS, as_columns, as_points, spelling_hand
from fingerspelling.video.environment import python_with_mediapipe

SCRIPT = Path(__file__).with_name("extract.py")
METADATA = b"fingerspelling"  # of a parquet file: JSON with the fields of Recording that are no landmarks
FPS = 30.0
MOST_INT16 = 1 << 15  # frames, at most, whose numbers fit into int16
_SELECTED = [COLUMNS.index(name) for name in SELECTED_COLUMNS]


@dataclass(frozen=True)
class Recording:
    """Landmarks of a video."""

    landmarks: np.ndarray  # float32 [frames, 1629] in the order of landmarks.COLUMNS, NaN where nothing was found
    seconds: np.ndarray  # float64 [frames], when each frame was taken, rising
    width: int = 9  # of the picture in pixels, upright
    height: int = 16  # of the picture in pixels
    length: float = 0.0  # seconds, by the file's own account; 0 if it has none
    # frame -> a small JPEG of it; of every so many frames, if asked for.
    pictures: dict[int, bytes] = field(default_factory=dict)

    @property
    def selected(self) -> np.ndarray:
        """The 390 columns of the winning solution, float32 [frames, 390]."""
        return self.landmarks[:, _SELECTED]

    def spelling_hand(self) -> tuple[np.ndarray, np.ndarray]:
        """Return in which frames the spelling hand was found, and its points in pixels, float [those frames, 21, 2]."""
        points = as_points(self.selected)[..., :2] * [self.width, self.height]
        hand = points[:, spelling_hand(points)]
        frames = np.flatnonzero(np.isfinite(hand).all((1, 2)))
        return frames, hand[frames]

    def write(self, path: Path) -> None:
        """Write a parquet file of one clip with the competition's columns, and the times in its metadata.

        It has no sequence_id: the row of train.csv that names the file gives it one.
        """
        count = len(self.landmarks)
        # as in the competition's files, as long as the numbers fit
        numbers = np.arange(count, dtype=np.int16 if count <= MOST_INT16 else np.int32)
        # from_pandas turns NaN into null, as in the competition's files
        columns = [pa.array(column, from_pandas=True) for column in np.ascontiguousarray(self.landmarks.T)]
        about = {"seconds": self.seconds.round(4).tolist()}
        about |= {name: getattr(self, name) for name in ("width", "height", "length")}
        table = pa.table([pa.array(numbers), *columns], [FRAME, *COLUMNS], metadata={METADATA: json.dumps(about)})
        with written_whole(path) as temporary:
            # Small: of 1,629 columns, statistics take more than the numbers, which are packed best byte by byte.
            packing = {"compression": "zstd", "use_byte_stream_split": COLUMNS}
            pq.write_table(table, temporary, use_dictionary=False, write_statistics=False, **packing)


def read_recording(path: Path) -> Recording:
    """Read a parquet file of `Recording.write`, or one clip of the competition's at 30 frames per second.

    Raises:
        DataError: it cannot be read, lacks a column of the 130 points or holds no frame.
    """
    with open_parquet(path, SELECTED_COLUMNS) as file:
        schema = file.schema_arrow
    present = np.isin(COLUMNS, schema.names)
    points = read_clip(path, [*np.array(COLUMNS)[present]])
    if not len(points):
        raise DataError(f"{path}: holds no frame")
    landmarks = np.full((len(points), len(COLUMNS)), np.nan, np.float32)
    landmarks[:, present] = points
    try:
        about = json.loads((schema.metadata or {}).get(METADATA, b"{}"))
        seconds = np.array(about.pop("seconds", np.arange(len(landmarks)) / FPS), float)
        recording = Recording(landmarks, seconds, **about)
    except (ValueError, TypeError, AttributeError) as error:
        raise DataError(f"{path}: its metadata are not those of a recording ({error})") from error
    if seconds.shape != (len(landmarks),):
        raise DataError(f"{path}: has {len(landmarks)} frames, but {seconds.size} times")
    return recording


def record(
    source: Path | int, *, seconds: float = 8.0, pictures: bool = False, mediapipe: str | None = None
) -> Recording:
    """Find the landmarks of a video or a webcam's picture with MediaPipe Holistic, in a process of its own.

    Args:
        source: a video file, or the number of a camera.
        seconds: how long a camera records.
        pictures: whether to keep small pictures.
        mediapipe: a Python that has MediaPipe, see `python_with_mediapipe`.

    Raises:
        InputError: there is no MediaPipe, no such file or camera, or nothing in it that can be decoded.
    """
    name = f"camera {source}" if isinstance(source, int) else str(source)
    if isinstance(source, Path):
        with source.open("rb"):  # an OSError says why not
            pass
        if source.stat().st_size == 0:
            raise DataError(f"{source}: is empty")
    python = python_with_mediapipe(mediapipe)
    camera = ["--camera", str(source), "--seconds", str(seconds)]
    options = camera if isinstance(source, int) else [str(source.resolve())]
    with tempfile.TemporaryDirectory(prefix="fingerspelling-") as temporary:
        folder = Path(temporary)
        _run([python, "-P", str(SCRIPT), *options, temporary, *(["--pictures"] if pictures else [])], name)
        about = json.loads((folder / "recording.json").read_text())
        landmarks = np.fromfile(folder / "landmarks.f32", np.float32).reshape(-1, len(POINTS), 3)
        images = {int(file.stem): file.read_bytes() for file in sorted(folder.glob("*.jpg"))}
    return Recording(as_columns(landmarks), np.array(about.pop("seconds")), pictures=images, **about)


def _run(command: list[str], name: str) -> None:
    """Run the script, pass its progress on, and turn what it says of a failure into an InputError."""
    started, failure = time.monotonic(), ""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout
        for line in process.stdout:
            try:
                step = json.loads(line)
            except ValueError:  # what a library prints
                continue
            failure = step.get("error", failure)
            if "say" in step:
                print(step["say"], file=sys.stderr, flush=True)
            if "done" in step and sys.stderr.isatty():
                of = f" of {step['of']}" if step["of"] else ""
                print(f"\r{step['done']}{of} frames, {time.monotonic() - started:.0f} s ", end="", file=sys.stderr)
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr)  # the line of progress goes
    if failure:
        raise InputError(f"{name}: {failure}")
    if process.returncode:
        raise InputError(f"{name}: MediaPipe crashed on this file (status {process.returncode})")
