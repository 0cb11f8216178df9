"""Landmarks -> one feature vector per frame."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fingerspelling.model.configuration import FingerspellingConfig
from fingerspelling.model.padding import Padding

CHANNELS = 32  # of the convolution


class FeatureExtractor(nn.Module):
    """Convolution over time x point, then a linear projection of each frame (the winner's "CNN features")."""

    def __init__(self, n_points: int, d_out: int, config: FingerspellingConfig) -> None:
        super().__init__()
        self.frame_stride = config.frame_stride
        self.conv = None
        d_in = 3 * n_points
        if config.cnn_features:
            self.conv = nn.Conv2d(3, CHANNELS, 3, stride=(config.frame_stride, 2), padding=1, bias=False)
            self.conv_norm = nn.BatchNorm1d(CHANNELS)
            d_in = CHANNELS * ((n_points + 1) // 2)
        self.linear = nn.Linear(d_in, d_out, bias=False)
        self.norm = nn.BatchNorm1d(d_out)

    def forward(self, frames: Tensor, padding: Padding) -> Tensor:
        """Extract features.

        Args:
            frames: float [batch, frames, points, 3], NaN where a point is missing and on padding frames.
            padding: that of the features, of which there is one per frame_stride frames.

        Returns:
            float [real frames / frame_stride, d_out].
        """
        frames = torch.where(torch.isnan(frames), 0.0, frames)  # 0 is the mean
        if self.conv is None:
            y = padding.unpad_input(frames[:, :: self.frame_stride])
        else:
            y = padding.unpad_input(self.conv(frames.permute(0, 3, 1, 2)).permute(0, 2, 3, 1))
            y = F.silu(self.conv_norm(y.flatten(0, 1)).view_as(y))  # over all points of all real frames
        return self.norm(self.linear(y.flatten(1)))
