"""People who differ: in their hands, habits, tempo and faces, and in where they are before the camera."""

from dataclasses import dataclass

import numpy as np

from fingerspelling.simulation.alphabet import CHANNELS, PLACE, SIGNS, STILL, TURN, VARIANTS
from fingerspelling.simulation.camera import WIDTH_OVER_HEIGHT
from fingerspelling.simulation.face import sample_face
from fingerspelling.simulation.geometry import log_normal
from fingerspelling.simulation.hand import Skeleton, in_unison, sample_skeleton

# A signer's own way of forming a shape, fixed for each character (degrees; palms).
PERSONAL = np.array([4.0] * TURN.start + [6.0] * 3 + [0.04] * 3, np.float32)
OTHER_WAY = 60.0  # degrees by which the hand is turned otherwise in another way of signing a letter
GENERAL = np.array([2.5] * TURN.start + [14.0, 9.5, 8.5] + [0.0] * 3, np.float32)  # the same for all characters


@dataclass(frozen=True)
class Signer:
    """One person with the habits that stay the same from clip to clip."""

    side: int  # +1 spells with the right hand, -1 with the left
    skeleton: Skeleton  # the hand's lengths, in palms
    palm: float  # metres from the wrist to the knuckle of the middle finger
    # Each character as this person signs it, float32 [keys, 26] (channels of alphabet.py).
    postures: dict[str, np.ndarray]
    doubling: np.ndarray  # added stations of a doubled letter, float32 [keys, 26]: a slide aside or a bounce
    seconds_per_character: float  # tempo
    travel: float  # share of a character's time in which the hand is on its way to it, 0..1
    anticipation: float  # share of a movement done before the character's own time begins, 0..1
    bounce: float  # palms that the wrist is off its place, anew for each character
    outward: float  # palms per 3 s that the hand wanders while spelling, along the image's x
    wrist: np.ndarray  # where the wrist is: x and y as shares of the frame, distance to the camera in metres
    head: np.ndarray  # the same for the head's middle
    focal: float  # focal length in frame widths
    face: np.ndarray  # the person's face at rest, float32 [3, 468] in metres (face.py)
    shoulders: np.ndarray  # metres: half the width, height below the head's middle, and how far behind it
    arm: np.ndarray  # metres: upper arm, forearm
    handheld: bool  # whether the other hand holds the camera
    lost: float  # how readily MediaPipe loses this person's hand, about 1
    restless: float  # how much head and mouth move, about 1
    unison: float = 0.0  # share of the fingers' deviations that is common to all four
    wild: bool = False  # whether this person is filmed as wild.py does it

    @classmethod
    def sample(
        cls,
        rng: np.random.Generator,
        left_handed: float = 0.19,
        spread: float = 1.0,
        still: float = 0.0,
        unison: float = 0.0,
    ) -> "Signer":
        """Draw a person.

        Args:
            rng: source of chance.
            left_handed: share of signers who spell with the left hand.
            spread: how much people differ in the shapes of their hands, relative to the usual.
            still: share of letters that are formed, in part or wholly, as still hands.
            unison: see `Signer`.
        """
        side = -1 if rng.random() < left_handed else 1
        palm = max(rng.normal(0.092, 0.005), 0.075)
        focal = rng.uniform(0.95, 1.15)
        # How large the hand appears decides how far away it is: 0.12-0.18 of the frame's height.
        distance = focal * WIDTH_OVER_HEIGHT * palm / np.clip(rng.normal(0.148, 0.016), 0.11, 0.19)
        across = 0.5 + side * rng.normal(0.1, 0.05)
        from_face = side * np.clip(rng.normal(0.19, 0.07), 0.03, 0.36)  # how far the hand is from the face
        wrist = [across - from_face, np.clip(rng.normal(0.74, 0.06), 0.58, 0.88), distance]
        head = [across, np.clip(rng.normal(0.4, 0.06), 0.25, 0.52), distance + rng.uniform(0.12, 0.25)]
        return cls(
            side=side,
            skeleton=sample_skeleton(rng),
            palm=palm,
            postures=_postures(rng, np.float32(spread), still, unison),
            doubling=_doubling(rng),
            seconds_per_character=float(np.clip(0.255 * log_normal(rng, 0.25), 0.2, 0.65)),
            travel=rng.uniform(0.5, 0.85),
            anticipation=rng.uniform(0.1, 0.35),
            bounce=0.15 * log_normal(rng, 0.8),
            outward=rng.normal(-0.15, 0.2),
            wrist=np.array(wrist),
            head=np.array(head),
            focal=focal,
            face=sample_face(rng),
            shoulders=np.array([rng.normal(0.175, 0.015), rng.normal(0.2, 0.02), rng.normal(0.04, 0.02)]),
            arm=np.array([0.29, 0.25]) * rng.normal(1, 0.06),
            handheld=rng.random() < 0.6,
            lost=log_normal(rng, 0.2),
            restless=log_normal(rng, 0.4),
            unison=unison,
        )


def _way(character: str, draw: float) -> np.ndarray:
    """Return how a signer forms a character who is at such a place, 0..1, among all."""
    for share, postures in VARIANTS.get(character, []):
        if draw < share:
            return postures
        draw -= share
    return SIGNS[character]


def _postures(rng: np.random.Generator, spread: np.float32, still: float, unison: float) -> dict[str, np.ndarray]:
    general = in_unison(rng.standard_normal(CHANNELS, np.float32), unison) * GENERAL * spread
    bases, personal = [], np.empty((len(SIGNS), CHANNELS), np.float32)
    for character, own in zip(SIGNS, personal, strict=True):
        base = _way(character, rng.random())
        if still and character in STILL and rng.random() < still:
            change = STILL[character][int(rng.integers(len(STILL[character])))] - base[:, : TURN.stop]
            partly = np.abs(change[:, TURN]).max() < OTHER_WAY  # nobody signs halfway between up and down
            base = base.copy()
            base[:, : TURN.stop] += change * np.float32(rng.random() if partly else 1.0)
        bases.append(base)
        rng.standard_normal(dtype=np.float32, out=own)
    habits = in_unison(personal, unison) * PERSONAL * spread
    lengths = [len(base) for base in bases]
    postures = np.concatenate(bases) + general + np.repeat(habits, lengths, 0)
    return dict(zip(SIGNS, np.split(postures, np.cumsum(lengths)[:-1]), strict=True))


def _doubling(rng: np.random.Generator) -> np.ndarray:
    if rng.random() < 0.6:  # slide aside
        doubling = np.zeros((1, CHANNELS), np.float32)
        doubling[0, PLACE.start] = -rng.uniform(0.3, 0.7)
    else:  # bounce
        doubling = np.zeros((2, CHANNELS), np.float32)
        doubling[0, PLACE] = 0, -rng.uniform(0.1, 0.25), rng.uniform(0.1, 0.25)
        doubling[0, TURN.start + 1] = -8
        doubling[1, PLACE] = -rng.uniform(0.1, 0.3), 0, -0.1
    return doubling
