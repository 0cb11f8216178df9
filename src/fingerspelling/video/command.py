"""`fingerspelling read`: a video, a webcam or kept landmarks in, phrases out."""

import argparse
import shutil
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from fingerspelling.files import InputError, refuse_missing_folder, to_path
from fingerspelling.scoring.submission import shipped
from fingerspelling.video.reading import NoHand, Reader, Reading, read
from fingerspelling.video.recording import Recording, read_recording, record
from fingerspelling.video.report import write_page, write_picture
from fingerspelling.video.terminal import hands

STATUS = "Exit status, as grep's: 0 if something was read, 1 if nothing was readable, 2 if there was an error."
SAMPLE_FILE = "sample.parquet"  # beside the weights that are shipped: a simulated signer's clip

CUT_SHORT = 0.9  # of the length by a file's own account; less was decoded: it is damaged


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("video", nargs="?", type=to_path, help="a video, or the parquet file of an earlier --keep")
    parser.add_argument("--camera", type=int, metavar="N", help="record a webcam instead; 0 is the first")
    parser.add_argument("--seconds", type=float, default=8.0, help="how long the webcam records (default: %(default)g)")
    parser.add_argument(
        "--submission", type=to_path, metavar="FILE", help="another model: submission.zip or model.tflite"
    )
    parser.add_argument(
        "--keep", type=to_path, metavar="PARQUET", help="write the landmarks, with the competition's columns"
    )
    parser.add_argument("--picture", type=to_path, metavar="PNG", help="write a picture of when which letter was read")
    parser.add_argument("--html", type=to_path, metavar="HTML", help="write a page that plays what was read")
    parser.add_argument("--mediapipe", metavar="PYTHON", help="a Python that has MediaPipe (default: one is made)")


def run(options: argparse.Namespace) -> int:
    """Read what the command line names, and print a phrase per line; what else there is to say goes to stderr.

    Returns the exit status: 1 where nothing was readable.

    Raises:
        InputError: no input or two, no model, no MediaPipe, or nothing that can be decoded.
    """
    if (options.video is None) == (options.camera is None):
        raise InputError("name a video, or a webcam with --camera 0")
    refuse_missing_folder(options.keep, options.picture, options.html)
    began = time.perf_counter()
    reader = Reader(options.submission)
    loaded = time.perf_counter()
    recording = _recording(options)
    extracted = time.perf_counter()
    if options.keep:
        recording.write(options.keep)
    try:
        readings = read(recording, reader)
    except NoHand as error:
        print(error, file=sys.stderr)
        return 1
    done = time.perf_counter()
    status = _print(readings)
    frames, length = len(recording.seconds), recording.seconds[-1] - recording.seconds[0]
    fastest = max(reading.milliseconds for reading in readings)
    print(
        f"{frames} frames, {length:.1f} s; model {loaded - began:.1f} s, landmarks {extracted - loaded:.1f} s, reading "
        f"{fastest:.0f} ms, letters' times and certainty {done - extracted:.1f} s",
        file=sys.stderr,
    )
    if options.picture:
        write_picture(options.picture, recording, readings)
    if options.html:
        write_page(options.html, recording, readings, str(options.video or f"camera {options.camera}"))
    return status


def read_sample(submission: Path | None, picture: Path | None) -> int:
    """Read the clip that is shipped: draw its hands, print its phrase, and write a picture, of .html a page.

    Returns the exit status: 1 where nothing was readable.

    Raises:
        InputError: there are no weights, or the picture has no folder to go to or cannot be drawn.
    """
    refuse_missing_folder(picture)
    reader, recording = Reader(submission), read_recording(shipped() / SAMPLE_FILE)
    readings = read(recording, reader)
    with suppress(UnicodeEncodeError):  # not every terminal has braille
        print(hands(recording, readings, shutil.get_terminal_size().columns), end="\n\n")
    status = _print(readings)
    if picture:
        if picture.suffix == ".html":
            write_page(picture, recording, readings, "a simulated signer")
        else:
            write_picture(picture, recording, readings)
        print(f"{picture} shows it", file=sys.stderr)
    return status


def _recording(options: argparse.Namespace) -> Recording:
    if options.video and options.video.suffix == ".parquet":
        return read_recording(options.video)
    source = options.camera if options.video is None else options.video
    pictures = bool(options.picture or options.html)
    recording = record(source, seconds=options.seconds, pictures=pictures, mediapipe=options.mediapipe)
    if recording.seconds[-1] < CUT_SHORT * recording.length - 1:
        read_to = f"{recording.seconds[-1]:.1f} of {recording.length:.1f} s"
        print(f"{source}: damaged; it can be decoded for {read_to}", file=sys.stderr)
    return recording


def _print(readings: Sequence[Reading]) -> int:
    """Print a phrase per line; returns the exit status: 1 where none was readable."""
    for reading in readings:
        when = f"{reading.start:.1f}-{reading.end:.1f} s\t" if len(readings) > 1 else ""
        print(f"{when}{reading.answer}", flush=True)
    return int(not any(reading.letters for reading in readings))
