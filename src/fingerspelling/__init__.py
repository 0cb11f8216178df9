"""MediaPipe landmarks of a person who fingerspells -> the spelled phrase."""

import warnings

__version__ = "0.2.0"

# tqdm asks for widgets whenever a notebook imports it; headless runs cannot show any, and progress here is text.
warnings.filterwarnings("ignore", message="IProgress not found")
