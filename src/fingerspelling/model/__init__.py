"""The winning model: configuration, preprocessing, feature extractors, encoder, decoders."""

from fingerspelling.model.configuration import FingerspellingConfig
from fingerspelling.model.modeling import Encoded, FingerspellingModel
