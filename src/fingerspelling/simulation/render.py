"""One clip of one signer: movement, body, camera and detector in a row."""

import numpy as np

from fingerspelling.simulation.body import hand_of, pose_person
from fingerspelling.simulation.camera import photograph
from fingerspelling.simulation.config import SimulationConfig
from fingerspelling.simulation.detector import detect
from fingerspelling.simulation.movement import spell
from fingerspelling.simulation.signer import Signer
from fingerspelling.text import encode


def render_clip(signer: Signer, phrase: str, rng: np.random.Generator, config: SimulationConfig) -> np.ndarray:
    """Record a signer who spells a phrase.

    Returns:
        float32 [frames, 543, 3], points in the order of landmarks.POINTS, NaN where not detected.

    Raises:
        ValueError: the phrase is empty or has a character outside the 59.
    """
    return render_rows(signer, phrase, rng, config).swapaxes(1, 2)


def render_rows(signer: Signer, phrase: str, rng: np.random.Generator, config: SimulationConfig) -> np.ndarray:
    """Return the same as render_clip as [frames, 3, 543]: flattened, a row is one of the competition's files."""
    if not encode(phrase):
        raise ValueError("an empty phrase cannot be spelled")
    motion, _ = spell(phrase, signer, rng, config)
    scene = pose_person(signer, motion, config.fps, rng)
    shake = _shake(len(motion), config.fps, rng) * (1.0 if signer.handheld else 0.1)
    clip = photograph(scene, signer.focal, shake)
    return detect(clip, hand_of(signer), signer.lost, config, rng)


def _shake(frames: int, fps: float, rng: np.random.Generator) -> np.ndarray:
    """Return the slow wandering of a hand-held camera, float32 [frames, 2] in frame widths."""
    time = np.arange(frames, dtype=np.float32)[:, None] / fps
    hertz = rng.uniform(0.1, 1.2, (4, 1, 2))
    swing = np.sin(2 * np.pi * (time * hertz + rng.random((4, 1, 2))))
    return (swing * rng.normal(0, 0.006, (4, 1, 2))).sum(0).astype(np.float32)
