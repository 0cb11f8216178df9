"""A film of a simulated signer, with skin and light: what MediaPipe gets to see in the tests of `fingerspelling read`.

python tests/film.py signer.mp4 "a phrase"      # needs ffmpeg; tests/films/signer.mp4 is one that is kept
"""

import subprocess
import sys
from pathlib import Path

import numpy as np
from matplotlib.tri import Triangulation

from fingerspelling.landmarks import HAND, SELECTED
from fingerspelling.plots import render3d
from fingerspelling.plots.hands import EDGES, FINGER_JOINTS, PALM_RADIUS, RADII, TRIANGLES, WEB_RADIUS, WIDTHS
from fingerspelling.simulation.body import hand_of, pose_person, sway_head
from fingerspelling.simulation.camera import POSE_POINTS, WIDTH_OVER_HEIGHT
from fingerspelling.simulation.config import SimulationConfig
from fingerspelling.simulation.face import EXPRESSIONS, REST, move_face
from fingerspelling.simulation.geometry import rotate
from fingerspelling.simulation.movement import sign
from fingerspelling.simulation.signer import Signer

HEIGHT = 640  # pixels of the film
UNIT = HEIGHT / render3d.PIXELS  # the film's height, in units of the renderer
SKIN, LIP, EYE, IRIS, HAIR, SHIRT, WALL = PARTS = range(7)
COLOURS = np.array(
    [(226, 178, 150), (176, 88, 84), (240, 236, 230), (60, 40, 30), (52, 38, 30), (58, 84, 120), (205, 208, 204)]
)
LIPS = {int(name[5:]) for name in SELECTED[:40]}
EYES = {int(name[5:]) for name in SELECTED if name.startswith("face")} - LIPS - {1, 2, 98, 327}
BROWS = {70, 63, 105, 66, 107, 55, 65, 52, 53, 46, 300, 293, 334, 296, 336, 285, 295, 282, 283, 276}
MESH = Triangulation(*REST[:2]).triangles
LIGHT = np.array([-0.25, -0.3, -0.92])  # towards the lamp, of length 1


def film(phrase: str, seed: int = 8, fps: float = 30.0) -> list[np.ndarray]:
    """Return the frames of a right-handed signer, uint8 [HEIGHT, width, 3] each, red, green, blue."""
    config = SimulationConfig(seed=seed, fps=fps)
    rng = config.generator(0)
    signer = Signer.sample(rng, left_handed=0.0)
    motion, _ = sign(phrase, signer, rng, config)
    turn, place = sway_head(signer, len(motion), fps, rng)
    amounts = move_face(len(motion), fps, signer.restless, rng)
    faces = np.repeat(signer.face[:, :, None], len(motion), 2)
    for number, axis, reach in EXPRESSIONS:
        faces[axis] += amounts[number] * reach[:, None]
    head = rotate(turn, faces) + place[:, None]
    skull = rotate(turn, np.array([[[0], [0]], [[-0.035], [0]], [[0.075], [0.06]]], np.float32)) + place[:, None]
    scene = pose_person(signer, motion, turn, place, rng)
    frames = (np.moveaxis(part, -1, 0) for part in (head, skull, scene))
    return [_frame(signer, *parts) for parts in zip(*frames, strict=True)]


def _frame(signer: Signer, head: np.ndarray, skull: np.ndarray, scene: np.ndarray) -> np.ndarray:
    canvas = render3d.Canvas(np.zeros(2), UNIT)
    scale = signer.focal * UNIT * WIDTH_OVER_HEIGHT  # units of the renderer, for a metre at a metre's distance

    def seen(points: np.ndarray) -> np.ndarray:
        """Return points [3, n] in metres as the renderer's [n, 3], perspective done."""
        x, y, z = points
        return np.stack([UNIT / 2 + scale * x / z, UNIT / 2 + scale * y / z, scale * np.log(z)], 1)

    def rod(start: np.ndarray, end: np.ndarray, radius: float, part: int) -> None:
        ends = seen(np.stack([start, end], 1))
        size = scale * radius / ((start[2] + end[2]) / 2)
        canvas.rod(*ends, size, part)
        for point in ends:
            canvas.ball(point, size, part)

    for radius, part, point in ((0.1, HAIR, 0), (0.075, SKIN, 1)):
        canvas.ball(seen(skull[:, [point]])[0], scale * radius / skull[2, point], part)
    face = seen(head)
    for corners in MESH:
        among = [len(set(corners.tolist()) & set(group)) == 3 for group in (LIPS, EYES, BROWS)]
        part = LIP if among[0] else IRIS if among[1] else HAIR if among[2] else SKIN
        normal = np.cross(face[corners[1]] - face[corners[0]], face[corners[2]] - face[corners[0]])
        normal *= -np.sign(normal[2]) / max(np.linalg.norm(normal), 1e-9)
        canvas.triangle(face[corners], normal, 0.0, part)
    pose = scene[:, POSE_POINTS]
    neck = pose[:, [11, 12]].mean(1)
    rod(head.mean(1) + np.array([0, 0.05, 0.09]), neck + np.array([0, 0.03, 0.02]), 0.055, SKIN)
    lower = np.array([0, 0.02, 0])
    rod(pose[:, 11] + lower, pose[:, 12] + lower, 0.06, SHIRT)
    for share in np.linspace(0.1, 0.9, 7):
        top = pose[:, 11] * share + pose[:, 12] * (1 - share) + 3 * lower
        rod(top, top + 30 * lower, 0.085, SHIRT)
    for shoulder, elbow, wrist in ((11, 13, 15), (12, 14, 16)):
        rod(pose[:, shoulder], pose[:, elbow], 0.05, SHIRT)
        rod(pose[:, elbow], pose[:, elbow] * 0.45 + pose[:, wrist] * 0.55, 0.042, SHIRT)
        rod(pose[:, elbow], pose[:, wrist], 0.029, SKIN)
    _hand(canvas, seen(scene[:, hand_of(signer)]), scale * signer.palm / signer.wrist[2])
    return _shade(canvas)


def _hand(canvas: render3d.Canvas, hand: np.ndarray, palm: float) -> None:
    assert hand.shape == (HAND, 3)
    facing = np.sum([np.cross(hand[b] - hand[a], hand[c] - hand[a]) for a, b, c in TRIANGLES[1:4]], 0)
    facing *= (-1 if facing[2] > 0 else 1) / np.linalg.norm(facing)
    for triangle in TRIANGLES:
        radius = WEB_RADIUS if 2 in triangle else PALM_RADIUS
        canvas.triangle(hand[list(triangle)], facing, radius * palm, SKIN)
    for start, end in [*EDGES, (0, 9), (0, 13), (1, 9)]:
        canvas.rod(hand[start], hand[end], PALM_RADIUS * palm, SKIN)
        canvas.ball(hand[end], PALM_RADIUS * palm, SKIN)
    canvas.ball(hand[0], PALM_RADIUS * palm, SKIN)
    canvas.rod(hand[2], hand[5], WEB_RADIUS * palm, SKIN)
    for joints, width in zip(FINGER_JOINTS, WIDTHS, strict=True):
        radii = RADII * width * palm
        for joint, radius in zip(joints, radii, strict=True):
            canvas.ball(hand[joint], radius, SKIN)
        for start, end, radius in zip(joints, joints[1:], (radii[1:] + radii[:-1]) / 2, strict=False):
            canvas.rod(hand[start], hand[end], radius, SKIN)


def _shade(canvas: render3d.Canvas) -> np.ndarray:
    lit = 0.55 + 0.5 * np.maximum(canvas.normal @ LIGHT, 0)
    depth = np.where(canvas.part >= 0, canvas.depth, 99)
    # Where something nearer is beside it, a place lies in its shadow.
    near = np.min([np.roll(depth, shift, (0, 1)) for shift in [(2, 2), (-2, -2), (2, -2), (-2, 2), (4, 0), (0, 4)]], 0)
    lit = lit * (1 - 0.35 * np.clip((depth - near - 0.08) / 0.3, 0, 1))
    image = COLOURS[canvas.part] * lit[..., None]
    rows = np.linspace(1.0, 0.85, len(image))[:, None, None]
    image = np.where((canvas.part >= 0)[..., None], image, COLOURS[WALL] * rows)
    for axis in (0, 1):  # soften what would be stairs
        image = (np.roll(image, 1, axis) + 2 * image + np.roll(image, -1, axis)) / 4
    width = round(HEIGHT * WIDTH_OVER_HEIGHT)
    left = (image.shape[1] - width) // 2
    return image[:, left : left + width].clip(0, 255).astype(np.uint8)


def write(path: Path, frames: list[np.ndarray], fps: float = 30.0, *options: str) -> None:
    """Write frames as a video, with ffmpeg; options are of its output."""
    height, width = frames[0].shape[:2]
    raw = ["-f", "rawvideo", "-pixel_format", "rgb24", "-video_size", f"{width}x{height}", "-framerate", f"{fps:g}"]
    encoder = ["-c:v", "libx264", "-pix_fmt", "yuv420p", "-crf", "23", *options]
    content = b"".join(frame.tobytes() for frame in frames)
    subprocess.run(["ffmpeg", "-v", "error", "-y", *raw, "-i", "-", *encoder, str(path)], input=content, check=True)


if __name__ == "__main__":
    write(Path(sys.argv[1]), film(sys.argv[2]))
