"""One clip of one signer: movement, body, camera and detector in a row."""

import numpy as np

from fingerspelling.simulation.body import hand_of, pose_person, sway_head
from fingerspelling.simulation.camera import photograph, shake_camera
from fingerspelling.simulation.config import SimulationConfig
from fingerspelling.simulation.detector import detect
from fingerspelling.simulation.face import WHOLE_FACE, move_face, photograph_face
from fingerspelling.simulation.movement import sign
from fingerspelling.simulation.signer import Signer
from fingerspelling.simulation.wild import film
from fingerspelling.text import encode

JUNK = (0.02, 0.5)  # share of the frames that is left of a junk clip


def render_clip(signer: Signer, phrase: str, rng: np.random.Generator, config: SimulationConfig) -> np.ndarray:
    """Record a signer who spells a phrase, see `render_aligned_clip`; float32 [frames, 543, 3]."""
    return render_aligned_clip(signer, phrase, rng, config)[0]


def render_aligned_clip(
    signer: Signer,
    phrase: str,
    rng: np.random.Generator,
    config: SimulationConfig,
    face: tuple[int, ...] = WHOLE_FACE,
) -> tuple[np.ndarray, np.ndarray]:
    """Record a signer who spells a phrase; `face` has the numbers of the face's points that are wanted.

    Returns:
        float32 [frames, 543, 3]: points in the order of landmarks.POINTS, those of the face first; NaN where not
            detected.
        int [frames]: place in the phrase of the character that is signed; -1 for none (see `movement.sign`).

    Raises:
        ValueError: the phrase is empty or has a character outside the 59.
    """
    if not encode(phrase):
        raise ValueError("an empty phrase cannot be spelled")
    if signer.wild:
        return film(signer, phrase, rng, config, face)
    motion, characters = sign(phrase, signer, rng, config)
    if rng.random() < config.junk:  # the recording began too late or ended too early
        length = max(1, int(len(motion) * rng.uniform(*JUNK)))
        start = rng.integers(0, len(motion) - length + 1)
        motion, characters = motion[start : start + length], characters[start : start + length]
    frames, fps = len(motion), config.fps
    turn, place = sway_head(signer, frames, fps, rng)
    shake = shake_camera(frames, fps, rng) * np.float32(1.0 if signer.handheld else 0.1)
    expression = move_face(frames, fps, signer.restless, rng)
    body = pose_person(signer, motion, turn, place, rng)
    photograph(body, signer.focal, shake)
    head = photograph_face(signer.face, turn, place, signer.focal, shake, expression, face)
    clip = np.concatenate([head, body], 1, dtype=np.float32)
    shown = detect(clip, hand_of(signer), signer.lost, config, rng, face)
    return clip[..., shown].T, characters[shown]
