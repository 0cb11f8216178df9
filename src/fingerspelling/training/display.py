"""What a training prints: all of it to a file, and of it what its reader wants to see where it runs.

In JupyterLab that is one display, which is updated: the curves, the last line and the last readings. In a batch run it
is a line of progress every minute, and in a terminal everything.
"""

import io
import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from html import escape
from pathlib import Path
from typing import Any, TextIO

BATCH_SECONDS = 60.0  # between two lines of progress
LIVE_SECONDS = 5.0  # between two updates of the display
_PROGRESS = re.compile(r"step \d+/|.*\d+%\|")  # a line of TextProgress, or of tqdm


class TrainingStopped(KeyboardInterrupt):
    """An interrupt of a training that goes on where it was; notebooks show its message without a traceback."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


class TrainingDisplay(io.TextIOBase):
    """Stands in for standard output while models are trained.

    Attributes:
        last: the last line of progress.
        readings: the last validation and what it read, a line each.

    Args:
        log: receives every line.
        out: receives what is to be seen where there is no display.
        draw: makes the figure of the training so far, or None while there is nothing to draw.
        live: whether there is a display that can be updated, JupyterLab's.
        batch: whether nobody watches, as under papermill.
    """

    def __init__(self, log: TextIO, out: TextIO, draw: Callable[[], Any], live: bool, batch: bool) -> None:
        self._log, self._out, self._draw, self._live = log, out, draw, live
        self._pause = LIVE_SECONDS if live else BATCH_SECONDS if batch else 0.0
        self._begun = ""  # a line that is not complete yet
        self._shown = -float("inf")
        self._handle: Any = None
        self.last, self.readings = "", [""]

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        *lines, self._begun = re.split(r"[\r\n]+", self._begun + text)
        for line in lines:
            self._log.write(line + "\n")
            self._log.flush()
            self._line(line)
        return len(text)

    def _line(self, line: str) -> None:
        progress = _PROGRESS.match(line)
        now = time.monotonic()
        if progress:
            self.last = line
        elif line.startswith("validation on"):
            self.readings = [line]
        elif self.readings[0] and line.startswith("    "):
            self.readings.append(line)
        if progress and now - self._shown < self._pause:
            return
        if progress or self._live:
            self._shown = now
        if self._live:
            self.update()
        else:
            print(line, file=self._out, flush=True)

    def update(self) -> None:
        """Show the training as it is now, in the place of what was shown before."""
        from IPython.display import HTML, display  # not at the top: without a notebook, it may be missing

        figure, image = self._draw(), io.StringIO()
        if figure is not None:
            figure.savefig(image, format="svg")
        _, svg, drawing = image.getvalue().partition("<svg")  # without the XML declaration before it
        lines = "\n".join(filter(None, [self.last, *self.readings]))
        html = HTML(f"{svg}{drawing}<pre>{escape(lines)}</pre>")
        if self._handle is None:
            self._handle = display(html, display_id=True)
        else:
            self._handle.update(html)


@contextmanager
def displayed(log: Path, draw: Callable[[], Any]) -> Iterator[None]:
    """Let what a training prints in this block be seen as it suits the place; the file `log` gets all of it.

    Raises:
        TrainingStopped: the block was interrupted in a notebook.
    """
    kernel = "IPython" in sys.modules and sys.modules["IPython"].get_ipython() is not None
    live = kernel and "JPY_SESSION_NAME" in os.environ  # Jupyter's server sets it; papermill starts kernels without
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a", encoding="utf-8") as file:
        display = TrainingDisplay(file, sys.stdout, draw, live, batch=kernel)
        try:
            with redirect_stdout(display):
                yield
        except KeyboardInterrupt:
            if not kernel:
                raise
            step = re.match(r"step (\d+)", display.last)
            where = f"at step {step[1]}" if step else "before its first line of progress"
            raise TrainingStopped(f"stopped {where}; run this cell again to go on from the last checkpoint") from None
        finally:
            if live and display.last:
                display.update()
