"""Landmarks -> one feature vector a frame."""

import torch.nn.functional as F
from torch import Tensor, nn


class MaskedBatchNorm(nn.BatchNorm1d):
    """Batch normalisation whose statistics, in training, come from the real frames only."""

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Normalise features.

        Args:
            x: float [batch, frames, features].
            mask: bool [batch, frames], True on real frames; None where all are real.

        Returns:
            float [batch, frames, features]; in training, 0 on padding frames.
        """
        if not self.training or mask is None:
            return super().forward(x.flatten(0, 1)).view_as(x)
        real = super().forward(x[mask])
        return x.new_zeros(x.shape, dtype=real.dtype).masked_scatter(mask[..., None], real)


class FeatureExtractor(nn.Module):
    """Convolution over time x point, then a linear projection of each frame (the winner's "CNN features")."""

    def __init__(self, n_points: int, d_out: int, frame_stride: int = 1, channels: int = 32) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, channels, 3, stride=(frame_stride, 2), padding=1, bias=False)
        self.conv_norm = nn.BatchNorm2d(channels)
        self.linear = nn.Linear(channels * ((n_points + 1) // 2), d_out, bias=False)
        self.norm = MaskedBatchNorm(d_out)

    def forward(self, frames: Tensor, mask: Tensor | None = None) -> Tensor:
        """Extract features.

        Args:
            frames: float [batch, frames, points, 3], 0 where a point is missing and on padding frames.
            mask: bool [batch, frames / frame_stride], True on real frames.

        Returns:
            float [batch, frames / frame_stride, d_out], rounded up.
        """
        y = F.silu(self.conv_norm(self.conv(frames.permute(0, 3, 1, 2))))
        y = self.norm(self.linear(y.permute(0, 2, 3, 1).flatten(2)), mask)
        return y if mask is None else y * mask[..., None]
