"""Wild signers: people whose habits, hands and places before the camera differ more than the competition's."""

from dataclasses import replace

import numpy as np

from fingerspelling.simulation.alphabet import SHAPES, TURN
from fingerspelling.simulation.camera import WIDTH_OVER_HEIGHT
from fingerspelling.simulation.config import Shapes, SimulationConfig
from fingerspelling.simulation.geometry import between
from fingerspelling.simulation.hand import Skeleton, touching
from fingerspelling.simulation.phrases import sample_phrase, sample_wording
from fingerspelling.simulation.signer import Signer

MEETING = {"o": 1, "0": 1, "f": 1, "9": 1, "d": 2, "8": 2, "7": 3, "6": 4}  # the finger that the thumb's tip meets
GAP = (0.08, 0.25)  # palms between the last points of thumb and finger where both meet
SIDEWAYS = "ghpq"  # letters that point aside or down, everybody somewhere else
IN_PICTURE = (0.08, 0.92)  # of width and height: where the spelling hand's wrist is
RELAXED = SHAPES["relaxed"][: TURN.start].reshape(5, 4)
FOLDED = (60.0, 120.0)  # degrees, knuckle and middle joint together: from where on a finger hides its tip, and wholly


def sample_signer(rng: np.random.Generator, config: SimulationConfig) -> Signer:
    """Draw one of the simulation's signers: of the competition's kind, or a share of wild ones."""
    wild = config.wild.share > 0 and rng.random() < config.wild.share
    return wild_signer(rng, config) if wild else Signer.sample(rng, config.left_handed)


def phrase_of(signer: Signer, rng: np.random.Generator, config: SimulationConfig) -> str:
    """Make up what a signer spells."""
    if signer.wild:
        return sample_wording(rng, config.wild.wording)
    return sample_phrase(rng, config.min_length, config.max_length)


def wild_signer(rng: np.random.Generator, config: SimulationConfig) -> Signer:
    """Draw a person whose habits, hand and place before the camera differ more than the competition's."""
    wild = config.wild
    shapes = wild.shapes
    signer = Signer.sample(rng, wild.view.left_handed, between(rng, shapes.spread), shapes.still, shapes.unison)
    skeleton = replace(signer.skeleton, thumb_of_fist=float(rng.uniform(0.5, 1) * shapes.thumb_of_fist))
    # Where the hand is from the head: beside the face or below it, metres; then both as shares of the picture.
    distance = signer.focal * WIDTH_OVER_HEIGHT * signer.palm / between(rng, wild.view.palm)
    head = np.array([signer.side * rng.normal(0.08, 0.06), rng.normal(-0.1, 0.08), distance + rng.uniform(0.05, 0.3)])
    offset = np.array([-signer.side * rng.uniform(0.02, 0.32), rng.uniform(-0.02, 0.38), 0])
    wrist = np.array([head[0], head[1] * min(1.0, distance), distance]) + offset
    scale = signer.focal * np.array([1, WIDTH_OVER_HEIGHT])
    return replace(
        signer,
        wild=True,
        skeleton=skeleton,
        postures=_touching(_misjudged(signer.postures, shapes, rng), skeleton, shapes.touch, rng),
        travel=rng.uniform(0.35, 0.9),
        anticipation=rng.uniform(0.05, 0.5),
        bounce=signer.bounce * between(rng, (0.3, 1.5)),
        outward=rng.normal(0, 0.25),
        wrist=np.append(np.clip(0.5 + scale * wrist[:2] / wrist[2], *IN_PICTURE), wrist[2]),
        head=np.append(0.5 + scale * head[:2] / head[2], head[2]),
        handheld=rng.random() < 0.2,
    )


def _misjudged(postures: dict[str, np.ndarray], shapes: Shapes, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Return postures half-formed, and with thumbs and folded fingers as trackers misjudge what they cannot see."""
    lax = np.float32(rng.random() * shapes.lax)
    errors = np.empty((len(postures), 5, 4), np.float32)
    half = np.empty(len(postures), np.float32)
    turned = np.zeros((len(postures), 3), np.float32)
    for row, character in enumerate(postures):
        rng.standard_normal(dtype=np.float32, out=errors[row])
        half[row] = rng.random()
        if character in SIDEWAYS:
            rng.standard_normal(dtype=np.float32, out=turned[row])
    lengths = [len(posture) for posture in postures.values()]
    error, half_formed, aside = (np.repeat(drawn, lengths, 0) for drawn in (errors, half, turned))
    error *= np.float32(shapes.folded)
    own = np.concatenate(list(postures.values()))
    own[:, TURN] += aside * np.float32(shapes.turned)
    angles = own[:, : TURN.start].reshape(-1, 5, 4)  # a view
    folded = np.clip((angles[:, 1:, 0] + angles[:, 1:, 2] - FOLDED[0]) / (FOLDED[1] - FOLDED[0]), 0, 1)
    angles[:, 0] += error[:, 0] * folded[:, :3].mean(1, keepdims=True)
    angles[:, 1:, 2:] += error[:, 1:, 2:] * folded[:, :, None]
    angles += (lax * half_formed)[:, None, None] * (RELAXED - angles)
    return dict(zip(postures, np.split(own, np.cumsum(lengths)[:-1]), strict=True))


def _touching(
    postures: dict[str, np.ndarray], skeleton: Skeleton, share: float, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Return postures in most of which the thumb meets the fingertip that it should meet."""
    chosen = [character for character in MEETING if rng.random() < share]
    if not chosen:
        return postures
    hands = np.concatenate([postures[character] for character in chosen])
    fingers = np.array([MEETING[character] for character in chosen])
    met = touching(hands, skeleton, fingers, rng.uniform(*GAP, len(chosen)))
    return postures | {character: met[[number]] for number, character in enumerate(chosen)}
