"""Signers who fingerspell, simulated: an endless stand-in for the competition's recordings.

phrases -> movement (postures of the alphabet in time) -> body (hand, arms, face in space) -> camera -> detector.
"""

from fingerspelling.simulation.alphabet import hand_shape
from fingerspelling.simulation.config import SimulationConfig
from fingerspelling.simulation.dataset import signed_places, simulate
from fingerspelling.simulation.phrases import sample_phrase, training_phrases
from fingerspelling.simulation.render import render_clip
from fingerspelling.simulation.signer import Signer
