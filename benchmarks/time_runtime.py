"""Run clips through a model with whichever TensorFlow Lite runtime this Python has; `runtimes.py` starts it.

    python time_runtime.py model.tflite clips.npz result.json [--threads 1] [--repeats 3] [--without-xnnpack]

It runs inside foreign environments, so it needs Python 3.7 and NumPy alone. The result: version and python; per clip,
rows (the arg-max of every row of the output) and milliseconds (the least of the repeats); and megabytes, by which the
process grew at most.
"""

import argparse
import json
import platform
import time

import numpy as np


def import_runtime():
    """Return the name and version of the runtime, its Interpreter and its OpResolverType."""
    try:
        from importlib.metadata import version

        from ai_edge_litert import interpreter

        return "ai-edge-litert " + version("ai-edge-litert"), interpreter.Interpreter, interpreter.OpResolverType
    except ImportError:
        pass
    try:
        import tflite_runtime
        from tflite_runtime import interpreter

        name = "tflite-runtime " + tflite_runtime.__version__
        return name, interpreter.Interpreter, interpreter.OpResolverType
    except ImportError:
        import tensorflow as tf

        return "tensorflow " + tf.__version__, tf.lite.Interpreter, tf.lite.experimental.OpResolverType


def memory_mb(kind):
    """Return this process's memory: VmRSS as it is, VmHWM at its highest. (getrusage would count the parent's.)"""
    with open("/proc/self/status") as file:
        (line,) = (line for line in file if line.startswith(kind))
    return int(line.split()[1]) / 1e3


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("clips", help="an .npz of float32 [frames, columns] each")
    parser.add_argument("result")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--without-xnnpack", action="store_true")
    arguments = parser.parse_args()

    version, interpreter, resolvers = import_runtime()
    with np.load(arguments.clips) as archive:
        clips = [archive[name] for name in archive.files]
    before = memory_mb("VmRSS")
    resolver = resolvers.BUILTIN_WITHOUT_DEFAULT_DELEGATES if arguments.without_xnnpack else resolvers.AUTO
    model = interpreter(
        model_path=arguments.model, num_threads=arguments.threads, experimental_op_resolver_type=resolver
    )
    run = model.get_signature_runner("serving_default")
    rows, milliseconds = [], []
    for clip in clips:
        times = []
        for _ in range(arguments.repeats):
            start = time.perf_counter()
            outputs = run(inputs=clip)["outputs"]
            times.append(1e3 * (time.perf_counter() - start))
        rows.append(outputs.argmax(1).tolist())
        milliseconds.append(min(times))
    result = {
        "version": version,
        "python": platform.python_version(),
        "rows": rows,
        "milliseconds": milliseconds,
        "megabytes": memory_mb("VmHWM") - before,
    }
    with open(arguments.result, "w") as file:
        json.dump(result, file)


if __name__ == "__main__":
    main()
