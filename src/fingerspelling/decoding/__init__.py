"""From the encoders' outputs to phrases."""
