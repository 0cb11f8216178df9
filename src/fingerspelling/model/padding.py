"""From clips padded to a batch to the plain sequence of their real frames, and back.

Whatever treats every frame by itself works on the sequence: nothing is spent on padding, and the statistics of batch
normalisation come from real frames only. Attention and convolution, where frames meet, work on the batch.
"""

import torch
from torch import Tensor


class Padding:
    """Where the real frames of a batch are.

    Args:
        batch: how many clips there are.
        n_frames: length of the longest clip.
        mask: bool [batch, frames], True on real frames; None where all are real.
    """

    def __init__(self, batch: int, n_frames: int | torch.SymInt, mask: Tensor | None) -> None:
        self.batch, self.n_frames, self.mask = batch, n_frames, mask
        self.places = None if mask is None else mask.flatten().nonzero().squeeze(1)

    def unpad_input(self, x: Tensor) -> Tensor:
        """Keep the real frames, [batch, frames, ...] to [real frames, ...]."""
        x = x.flatten(0, 1)
        return x if self.places is None else x.index_select(0, self.places)

    def pad_input(self, x: Tensor) -> Tensor:
        """Put real frames back among padding of zeros, [real frames, features] to [batch, frames, features]."""
        if self.places is not None:
            x = x.new_zeros(self.batch * self.n_frames, x.shape[1]).index_copy_(0, self.places, x)
        return x.view(self.batch, self.n_frames, x.shape[1])
