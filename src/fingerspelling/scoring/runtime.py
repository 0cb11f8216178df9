"""The TensorFlow Lite runtime, and a process of its own in which it runs somebody else's model.

A malformed model can crash the runtime, fill the memory or never end. There it ends its own process alone: this one
gets a sentence. One process runs all clips; `python -m fingerspelling.scoring.runtime` is what it runs.
"""

import os
import pickle
import signal
import subprocess
import sys
import weakref
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from fingerspelling.files import DataError

SIGNATURE, INPUT, OUTPUT = "serving_default", "inputs", "outputs"
PROBABILITY = "probability"  # an output that a model may have in addition, float32 [1]
PATIENCE = 300  # seconds for a clip; the competition's limit allows a third of one on average


class ModelError(DataError):
    """A model that the runtime cannot load or run; the message names it and says why."""


class ModelDied(ModelError):
    """The process of a model has died; the message says of what."""


def load_runner(model: bytes, threads: int | None = None) -> Any:
    """Return the signature runner of a TensorFlow Lite model, with whichever runtime is installed, in this process.

    Raises:
        ValueError, RuntimeError: not the bytes of a model that runs here with the competition's signature.
    """
    interpreter = _interpreter_class()(model_content=model, num_threads=threads)
    signatures = interpreter.get_signature_list()
    signature = signatures.get(SIGNATURE)
    if signature is None or INPUT not in signature["inputs"] or OUTPUT not in signature["outputs"]:
        raise ValueError(f"no signature {SIGNATURE} from {INPUT!r} to {OUTPUT!r}; it has {signatures}")
    return interpreter.get_signature_runner(SIGNATURE)


def _interpreter_class() -> type:
    for runtime in ("ai_edge_litert", "tflite_runtime"):
        with suppress(ImportError):
            return import_module(f"{runtime}.interpreter").Interpreter
    return import_module("tensorflow").lite.Interpreter


class ModelProcess:
    """A model in a process of its own, which is started anew for the next clip if it dies.

    Attributes:
        input_shape: of the signature's input, -1 for any size; empty if any shape will do.
        peak_memory_mb: the most memory that the process has taken, up to the last answer.
        probability: of the last answer, per character, by the model's account; None if it gives none.

    Args:
        model: the content of a .tflite file.
        threads: for the model; by default TensorFlow Lite's own choice, as on Kaggle.
        patience: seconds that loading, or a clip, may take.
        name: what errors call the model, such as its file.

    Raises:
        ModelError: `load_runner` cannot load it.
        ModelDied: its process dies, or takes too long.
    """

    def __init__(
        self, model: bytes, threads: int | None = None, patience: int = PATIENCE, name: str = "the model"
    ) -> None:
        self._loading, self._name = (model, threads, patience), name
        self.peak_memory_mb = float("nan")
        self.probability: float | None = None
        self.input_shape: list[int] = self._start()

    def characters(self, frames: np.ndarray) -> list[int]:
        """Run a clip, float32 [frames, columns]; returns the arg-max of every row of the output.

        Raises:
            ModelDied: the process dies, or takes too long.
            ModelError: the model cannot run on this clip, or returns no matrix.
        """
        if not self._end.alive:
            self._start()
        return self._ask(frames)

    def _start(self) -> list[int]:
        # As this process finds the package; but no file of the working directory stands in for a module.
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # the messages of C++ about a crash
            env=environment,
        )
        self._end = weakref.finalize(self, _end, self._process)
        try:
            return self._ask(self._loading)
        except ModelError:
            self._end()
            raise

    def _ask(self, question: object) -> list[int]:
        asked, answered = self._process.stdin, self._process.stdout
        assert asked and answered
        try:
            pickle.dump(question, asked)
            asked.flush()
            answer, self.probability, self.peak_memory_mb = pickle.load(answered)
        except (EOFError, BrokenPipeError, pickle.UnpicklingError):
            self._process.wait()
            self._end()
            raise ModelDied(f"{self._name} {_death(self._process.returncode)}") from None
        except BaseException:  # interrupted: a later answer would be taken for another clip's
            self._end()
            raise
        if isinstance(answer, str):
            raise ModelError(f"{self._name}: {answer}")
        return answer


def _end(process: subprocess.Popen) -> None:
    with suppress(BrokenPipeError), process:  # closes the pipes and waits
        process.kill()


def _death(status: int) -> str:
    """Say of what a process has died."""
    if status >= 0:
        return f"ended its process with status {status}"
    name = signal.Signals(-status).name
    reasons = {"SIGALRM": "took too long", "SIGKILL": "was killed, most often because memory has run out"}
    return reasons.get(name, f"crashed its process ({name})")


def _serve() -> None:
    """Load the model that standard input brings, then run clip after clip, until it ends."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a runtime prints is no answer
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches this process too, but its parent ends it
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(OSError):  # Linux takes this process first when memory runs out
        Path("/proc/self/oom_score_adj").write_text("1000")
    run = None
    while True:
        try:
            question = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        probability: float | None = None
        try:
            if run is None:
                model, threads, patience = question
                _interpreter_class()  # to import TensorFlow takes seconds, which are not the model's
                _alarm(patience)
                run = load_runner(model, threads)
                answer: list[int] | str = run.get_input_details()[INPUT]["shape_signature"].tolist()
            else:
                _alarm(patience)
                outputs = run(**{INPUT: question})
                if (rows := outputs[OUTPUT]).ndim != 2:
                    raise ValueError(f"{OUTPUT} has the shape {rows.shape}, not [length, classes]")
                answer = rows.argmax(axis=1).tolist()
                if PROBABILITY in outputs:
                    probability = float(outputs[PROBABILITY].item())
        except Exception as error:  # whatever a model makes the runtime raise
            answer = " ".join(str(error).split()) or repr(error)
        _alarm(0)
        pickle.dump((answer, probability, _peak_memory()), answers)
        answers.flush()


def _alarm(seconds: int) -> None:
    """Let this process die after so many seconds, even within the runtime; 0 lets it live. Windows cannot."""
    if sys.platform != "win32":
        signal.alarm(seconds)


def _peak_memory() -> float:
    """Return this process's largest resident memory so far, in MB."""
    with suppress(OSError), open("/proc/self/status") as status:  # Linux' getrusage would count the parent's as well
        return next(int(line.split()[1]) / 1e3 for line in status if line.startswith("VmHWM"))
    if sys.platform == "win32":
        return float("nan")
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3)  # bytes there, kilobytes elsewhere


if __name__ == "__main__":
    _serve()
