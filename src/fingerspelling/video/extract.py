"""Landmarks of a video or a webcam, by MediaPipe Holistic: a script for MediaPipe's own environment.

    python extract.py video.mp4 folder [--pictures]
    python extract.py --camera 0 --seconds 8 folder [--pictures]

It imports nothing of the package, whose NumPy MediaPipe cannot use. The folder receives landmarks.f32 (float32
[frames, 543, 3]: face, left hand, pose, right hand; NaN where nothing was found), recording.json (seconds of each
frame, size of the picture, length by the file's own account) and, for --pictures, small JPEGs of every so many frames.
Standard output has a line for each step: JSON with "done" and "of" (frames), "say" or "error" (a sentence).
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np

PARTS = {"face_landmarks": 468, "left_hand_landmarks": 21, "pose_landmarks": 33, "right_hand_landmarks": 21}
FPS = 30.0  # of the recordings that models learn from: of a faster video, as many frames are read
PICTURES, PICTURE_HEIGHT = 1500, 360  # at most; pixels
EVERY = 0.5  # seconds between two reports
AHEAD = 16  # frames that MediaPipe is given at once
COUNTDOWN = 3  # seconds
Frame = tuple[float, np.ndarray]  # seconds since the start; blue, green, red, uint8 [height, width, 3]


class Failure(Exception):
    """What a person can put right, in a sentence."""


def tell(**values: object) -> None:
    """Write one line of the report."""
    print(json.dumps(values), flush=True)


def open_video(path: str) -> Any:
    """Open a video file; frames come upright, as its rotation flag asks."""
    video = cv2.VideoCapture(path)
    if not video.isOpened():
        raise Failure("not a video that can be opened here; is it whole, and of a usual kind such as MP4 (H.264)?")
    video.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)
    return video


def frames_of(video: Any) -> Iterator[Frame]:
    """Yield the frames of a video, of a fast one every second or third."""
    fps = video.get(cv2.CAP_PROP_FPS)
    fps = fps if 1 <= fps <= 1000 else FPS
    stride, number, latest = max(1, round(fps / FPS)), 0, -1.0
    while video.grab():
        if number % stride == 0:
            read, frame = video.retrieve()
            if not read:
                break
            # By the clock of the file, which phones do not keep even; some files have none.
            seconds = video.get(cv2.CAP_PROP_POS_MSEC) / 1e3
            latest = seconds if seconds > latest else latest + stride / fps
            yield latest, frame
        number += 1
    if number == 0:
        raise Failure("no frame of it can be decoded; convert it to MP4 with H.264")


def record(camera: int, seconds: float) -> list[tuple[float, np.ndarray]]:
    """Record a webcam after a countdown, with a mirrored preview where there is a screen.

    Returns seconds and JPEG of each frame: landmarks take longer than a camera waits.
    """
    device = cv2.VideoCapture(camera)
    if not device.isOpened() or not device.read()[0]:
        raise Failure(f"no picture comes from camera {camera}; is it plugged in, and does no other program hold it?")
    taken: list[tuple[float, np.ndarray]] = []
    start, left, screen = time.monotonic() + COUNTDOWN, COUNTDOWN + 1, True
    while (now := time.monotonic() - start) < seconds:
        read, frame = device.read()
        if not read:
            break
        if now >= 0:
            taken.append((now, cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, 95])[1]))
        elif -now <= left - 1:
            left -= 1
            tell(say=f"{left} ...")
        screen = screen and preview(frame, f"{-now:.0f}" if now < 0 else f"{seconds - now:.1f} s left")
    device.release()
    if not taken:
        raise Failure(f"camera {camera} stopped before the recording began")
    tell(say=f"recorded {len(taken)} frames in {taken[-1][0]:.1f} s")
    return taken


def preview(frame: np.ndarray, words: str) -> bool:
    """Show a frame as a mirror would; returns whether there is a screen."""
    try:
        mirror = cv2.flip(frame, 1)
        cv2.putText(mirror, words, (20, 60), cv2.FONT_HERSHEY_SIMPLEX, 2, (255, 255, 255), 4)
        cv2.imshow("fingerspelling", mirror)
        cv2.waitKey(1)
    except cv2.error:
        return False
    return True


def extract(frames: Iterator[Frame], folder: Path, expected: int, stride: int) -> tuple[list[float], tuple[int, int]]:
    """Write the landmarks of frames, exactly as MediaPipe's own example for Holistic finds them.

    Args:
        frames: in the order of time.
        folder: where to.
        expected: how many frames there will be, for the report; 0 if nobody knows.
        stride: a small picture is kept of every so many frames, 0 for none.

    Returns:
        The frames' times in seconds; the picture's width and height.
    """
    seconds: list[float] = []
    size, reported = (0, 0), time.monotonic()

    def images() -> Iterator[np.ndarray]:
        nonlocal size
        for number, (second, frame) in enumerate(frames):
            seconds.append(second)
            size = frame.shape[1], frame.shape[0]
            if stride and number % stride == 0:
                small = round(size[0] * PICTURE_HEIGHT / size[1]), PICTURE_HEIGHT
                picture = cv2.resize(frame, small, interpolation=cv2.INTER_AREA)
                cv2.imwrite(str(folder / f"{number:06d}.jpg"), picture, [cv2.IMWRITE_JPEG_QUALITY, 75])
            yield cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)

    with (folder / "landmarks.f32").open("wb") as file:
        for done, points in enumerate(landmarks(images()), 1):
            file.write(points.tobytes())
            if time.monotonic() - reported > EVERY:
                reported = time.monotonic()
                tell(done=done, of=expected)
    return seconds, size


class Outputs(dict[tuple[str, int], Any]):
    """What MediaPipe finds, by stream and time; Holistic itself keeps the last frame's alone."""

    def __setitem__(self, stream: Any, packet: Any) -> None:
        """Keep a packet of a stream."""
        super().__setitem__((stream, packet.timestamp.value), packet)


def landmarks(images: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """Yield each image's landmarks, float32 [543, 3].

    Holistic's `process` waits until all is found in a frame. Here it is given AHEAD frames at once: while one thread
    looks for the hands in a frame, others decode the next and look for the body in it.
    """
    # Holistic does not need them, but its package imports them, which takes most of the time of its start.
    for name in ("matplotlib", "matplotlib.pyplot", "mediapipe.tasks", "mediapipe.tasks.python"):
        sys.modules.setdefault(name, ModuleType(name))
    from mediapipe.python.solutions.holistic import Holistic

    with Holistic(model_complexity=1) as holistic:
        outputs = holistic._graph_outputs = Outputs()
        kind = holistic._input_stream_type_info["image"]
        while True:
            times = []
            for image in islice(images, AHEAD):
                holistic._simulated_timestamp += 33333  # microseconds, as in `process`
                packet = holistic._make_packet(kind, image).at(holistic._simulated_timestamp)
                holistic._graph.add_packet_to_input_stream(stream="image", packet=packet)
                times.append(holistic._simulated_timestamp)
            if not times:
                return
            holistic._graph.wait_until_idle()
            for moment in times:
                yield np.concatenate([_part(holistic, outputs.get((name, moment)), name) for name in PARTS])
            outputs.clear()


def _part(holistic: Any, packet: Any, name: str) -> np.ndarray:
    part = packet and holistic._get_packet_content(holistic._output_stream_type_info[name], packet)
    if not part:
        return np.full((PARTS[name], 3), np.nan, np.float32)
    return np.array([(point.x, point.y, point.z) for point in part.landmark[: PARTS[name]]], np.float32)


def run(arguments: argparse.Namespace) -> None:
    """Extract what the command line asks for."""
    length = 0.0
    if arguments.camera is None:
        video = open_video(arguments.video)
        fps, count = video.get(cv2.CAP_PROP_FPS), video.get(cv2.CAP_PROP_FRAME_COUNT)
        expected = int(count / max(1, round(fps / FPS))) if 1 <= fps <= 1000 and count > 0 else 0
        length = count / fps if expected else 0.0
        frames = frames_of(video)
    else:
        taken = record(arguments.camera, arguments.seconds)
        expected = len(taken)
        frames = ((second, cv2.imdecode(jpeg, cv2.IMREAD_COLOR)) for second, jpeg in taken)
    stride = max(1, -(-expected // PICTURES)) if arguments.pictures else 0
    tell(say=f"MediaPipe finds the landmarks of {expected or 'all'} frames ...")
    seconds, (width, height) = extract(frames, arguments.folder, expected, stride)
    content = {"seconds": seconds, "width": width, "height": height, "length": length}
    (arguments.folder / "recording.json").write_text(json.dumps(content))


def main() -> int:
    """Parse the command line and extract; returns the exit status."""
    parser = argparse.ArgumentParser()
    parser.add_argument("video", nargs="?")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--camera", type=int)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--pictures", action="store_true")
    try:
        run(parser.parse_args())
    except Failure as failure:
        tell(error=str(failure))
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
