"""MediaPipe landmarks of a person who fingerspells -> the spelled phrase."""

import warnings

# tqdm asks for widgets whenever a notebook imports it; headless runs cannot show any, and progress here is text.
warnings.filterwarnings("ignore", message="IProgress not found")
