"""The PyTorch model itself -> model.tflite, without a second implementation of the model.

torch.export traces (tflite.py) the module that transcribes a clip (transcriber.py) with models whose constants are
folded (fold.py). The graph is run (replay.py) on TensorFlow's operators (operators.py, convolutions.py), TensorFlow's
converter makes the file (conversion.py), with 8-bit weights where asked for (weights.py), and it is compared with the
models (parity.py). TensorFlow is imported only to convert.
"""

from fingerspelling.export.parity import check_parity
from fingerspelling.export.tflite import export_tflite
