"""Every figure of the notebooks. Each function returns a closed Figure, which a cell shows by ending with it."""

from collections import Counter
from collections.abc import Mapping, Sequence

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from fingerspelling.landmarks import HAND_BONES, MIRROR, PARTS, SELECTED
from fingerspelling.text import CHARACTERS

BLUE, ORANGE, GREEN, RED, GREY = "#3b6fb6", "#e07b39", "#4a9d6e", "#c0504d", "#8c8c8c"
FINGERS = ["#c0504d", "#e07b39", "#b59a2c", "#4a9d6e", "#3b6fb6"]  # thumb to little finger
# Height of the frame over its width: the recordings are portrait pictures of a phone's selfie camera.
ASPECT = 4 / 3

mpl.rcParams.update(
    {
        "figure.dpi": 100,
        "savefig.dpi": 120,
        "figure.constrained_layout.use": True,
        "font.size": 10,
        "axes.titlesize": 11,
        "axes.titlelocation": "left",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": "#e6e6e6",
        "axes.prop_cycle": mpl.cycler(color=[BLUE, ORANGE, GREEN, RED, GREY]),
    }
)


def _places(part: str, numbers: Sequence[int]) -> list[int]:
    return [SELECTED.index(f"{part}_{number}") for number in numbers]


_ARMS = [_places("pose", [11, 13, 15]), _places("pose", [12, 14, 16]), _places("pose", [11, 12])]
_EYES = [_places("face", [33, 160, 158, 133, 153, 144, 33]), _places("face", [263, 387, 385, 362, 380, 373, 263])]
_LIPS = [_places("face", [61, 39, 0, 269, 291, 405, 17, 181, 61])]
_NOSE = [_places("face", [98, 2, 327]), _places("face", [1, 2])]


def _finished(figure: Figure) -> Figure:
    plt.close(figure)  # or Jupyter's inline backend shows it a second time
    return figure


def _draw_hand(axes: Axes, points: np.ndarray, width: float) -> None:
    """Draw a hand, float [21, >= 2], each finger in its colour."""
    colours = [FINGERS[max(first, last) // 4 - (max(first, last) % 4 == 0)] for first, last in HAND_BONES]
    lines = [points[list(bone), :2] for bone in HAND_BONES]
    axes.add_collection(LineCollection(lines, colors=colours, linewidths=width, capstyle="round"))


def _picture(axes: Axes, title: str = "") -> None:
    axes.set(xticks=[], yticks=[])
    axes.set_title(title, fontsize=9, loc="center")
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set(visible=True, color="#d0d0d0")


def _draw_body(axes: Axes, frame: np.ndarray) -> None:
    """Draw one frame, float [130, 3], as the camera saw it."""
    for chain in (*_ARMS, *_EYES, *_LIPS, *_NOSE):
        axes.plot(*frame[chain, :2].T, color=GREY, linewidth=1.2)
    for hand in ("left_hand", "right_hand"):
        _draw_hand(axes, frame[PARTS[hand]], 1.6)
    axes.set(xlim=(0, 1), ylim=(1, 0), aspect=ASPECT)


def clip_strip(frames: np.ndarray, phrase: str, n_frames: int = 10) -> Figure:
    """Draw a clip over time: the whole picture above, the spelling hand close up below.

    Args:
        frames: float [frames, 130, 3], raw landmarks.
        phrase: what is spelled, for the title.
        n_frames: how many frames, evenly spaced.
    """
    frames = np.asarray(frames, np.float32)
    hand = PARTS[_spelling_hand(frames)]
    chosen = np.linspace(0, len(frames) - 1, min(n_frames, len(frames))).round().astype(int)
    figure, axes = plt.subplots(2, len(chosen), figsize=(1.15 * len(chosen), 3.1), squeeze=False)
    figure.suptitle(f"{phrase!r}, {len(frames)} frames", x=0.01, ha="left", fontsize=11)
    for column, i in enumerate(chosen):
        _draw_body(axes[0, column], frames[i])
        _picture(axes[0, column], f"frame {i}")
        _draw_hand(axes[1, column], frames[i, hand], 2.2)
        _close_up(axes[1, column], frames[i, hand])
        _picture(axes[1, column])
    return _finished(figure)


def _spelling_hand(frames: np.ndarray) -> str:
    return max(("left_hand", "right_hand"), key=lambda hand: np.isfinite(frames[:, PARTS[hand], 0]).sum())


def _close_up(axes: Axes, points: np.ndarray) -> None:
    if np.isnan(points).any():
        axes.text(0.5, 0.5, "no hand", ha="center", va="center", color=GREY, fontsize=8, transform=axes.transAxes)
        axes.set_aspect("equal", adjustable="box")
        return
    low, high = points[:, :2].min(0), points[:, :2].max(0)
    centre, reach = (low + high) / 2, max((high - low) * [1, ASPECT]) * 0.6
    axes.set(
        xlim=(centre[0] - reach, centre[0] + reach),
        ylim=(centre[1] + reach / ASPECT, centre[1] - reach / ASPECT),
        aspect=ASPECT,
    )


def selected_points(frame: np.ndarray) -> Figure:
    """Draw the 130 points of one frame and, beside them, the frame mirrored; a point keeps its colour."""
    mirrored = frame[MIRROR] * [-1, 1, 1] + [1, 0, 0]
    figure, axes = plt.subplots(1, 2, figsize=(8, 4.6))
    for axis, points, name in ((axes[0], frame, "as recorded"), (axes[1], mirrored, "mirrored")):
        for (part, places), colour in zip(PARTS.items(), (ORANGE, BLUE, GREY, GREEN), strict=True):
            axis.scatter(*points[places, :2].T, s=8, color=colour, label=f"{part.replace('_', ' ')}, {len(places)}")
        axis.set(xlim=(0, 1), ylim=(1, 0), aspect=ASPECT)
        _picture(axis, name)
    axes[0].legend(frameon=False, fontsize=8, loc="upper left")
    return _finished(figure)


def histograms(columns: Mapping[str, Sequence[float]], references: Mapping[str, float] | None = None) -> Figure:
    """Draw histograms side by side, each with its median and, where there is one, a reference.

    Args:
        columns: axis label -> values.
        references: axis label -> the competition's median.
    """
    figure, axes = plt.subplots(1, len(columns), figsize=(4.2 * len(columns), 2.8), squeeze=False)
    for axis, (label, values) in zip(axes[0], columns.items(), strict=True):
        values = np.asarray(values, float)
        axis.hist(values, bins=40, color=BLUE, alpha=0.85)
        axis.axvline(np.median(values), color=ORANGE, linewidth=2, label=f"median {np.median(values):.3g}")
        if references and label in references:
            reference = references[label]
            axis.axvline(reference, color="black", linestyle="--", label=f"competition {reference:.3g}")
        axis.set(xlabel=label, ylabel="clips")
        axis.legend(frameon=False, fontsize=8)
    return _finished(figure)


def characters(phrases: Sequence[str]) -> Figure:
    """Draw how often each of the 59 characters occurs."""
    counts = Counter("".join(phrases))
    order = sorted(CHARACTERS, key=lambda character: -counts[character])
    shares = np.array([counts[character] for character in order]) / max(sum(counts.values()), 1)
    kinds = [GREEN if c.isdigit() else BLUE if c.isalpha() else ORANGE for c in order]
    figure, axes = plt.subplots(figsize=(12, 2.8))
    axes.bar(range(len(order)), 100 * shares, color=kinds)
    axes.set_xticks(range(len(order)), ["␣" if c == " " else c for c in order], family="monospace")
    axes.set(ylabel="% of all characters", xlim=(-0.7, len(order) - 0.3))
    axes.grid(axis="x", visible=False)
    for label, colour in (("letter", BLUE), ("digit", GREEN), ("space and symbols", ORANGE)):
        axes.bar(0, 0, color=colour, label=label)
    axes.legend(frameon=False)
    return _finished(figure)


def visibility(store_frames: Sequence[np.ndarray], labels: Sequence[str]) -> Figure:
    """Draw when each hand was detected: a row a clip, time to the right."""
    longest = max(map(len, store_frames))
    seen = np.zeros((len(store_frames), longest, 3))
    for row, frames in zip(seen, store_frames, strict=True):
        left, right = (np.isfinite(frames[:, PARTS[hand][0], 0]) for hand in ("left_hand", "right_hand"))
        row[:] = 1.0
        row[: len(frames)] = mpl.colors.to_rgb("#dddddd")
        row[: len(frames)][right] = mpl.colors.to_rgb(BLUE)
        row[: len(frames)][left] = mpl.colors.to_rgb(ORANGE)
    figure, axes = plt.subplots(figsize=(11, 0.26 * len(store_frames) + 0.8))
    axes.imshow(seen, aspect="auto", interpolation="nearest")
    axes.set_yticks(range(len(labels)), labels, fontsize=7, family="monospace")
    axes.set(xlabel="frame")
    axes.set_title("right hand seen (blue), left hand seen (orange), no hand (grey)")
    axes.grid(False)
    return _finished(figure)


def bars(values: pd.Series, label: str, reference: float | None = None) -> Figure:
    """Draw one bar a row, its name at the left; a dashed line marks a reference, such as the overall score."""
    figure, axes = plt.subplots(figsize=(7, 0.28 * len(values) + 0.7))
    axes.barh(range(len(values)), values, color=BLUE)
    axes.set_yticks(range(len(values)), values.index.astype(str))
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    for place, value in enumerate(values):
        axes.text(max(value, 0), place, f" {value:.3g}", va="center", fontsize=8)
    if reference is not None:
        axes.axvline(reference, color="black", linestyle="--")
        axes.set_title(f"dashed: all clips, {reference:.3f}", fontsize=9)
    axes.set(xlabel=label)
    return _finished(figure)


def augmented(before: np.ndarray, versions: Mapping[str, np.ndarray], frame: int) -> Figure:
    """Draw one normalised frame before and after augmentations; what was dropped is missing from the picture.

    Args:
        before: float [frames, 130, 3].
        versions: name of an augmentation -> float [frames, 130, 3].
        frame: which frame of them.
    """
    pictures = {"as recorded": before, **versions}
    figure, axes = plt.subplots(1, len(pictures), figsize=(2 * len(pictures), 2.9))
    for axis, (name, frames) in zip(axes, pictures.items(), strict=True):
        axis.scatter(*before[frame, :, :2].T, s=2, color="#d8d8d8")
        axis.scatter(*frames[frame, :, :2].T, s=3, color=GREY)
        for hand in ("left_hand", "right_hand"):
            _draw_hand(axis, frames[frame, PARTS[hand]], 1.4)
        axis.set(xlim=(-2.4, 2.4), ylim=(3, -1.8))
        _picture(axis, name)
    return _finished(figure)


def lengths_in_batches(batches: Sequence[Sequence[int]]) -> Figure:
    """Draw the clip lengths in batches: real frames, and the padding that their longest clip costs the others."""
    real = np.array([sum(lengths) for lengths in batches])
    padded = np.array([max(lengths) * len(lengths) for lengths in batches])
    order = np.argsort(padded)
    figure, axes = plt.subplots(figsize=(9, 2.6))
    axes.bar(range(len(order)), padded[order], color=ORANGE, width=1, label="padding")
    axes.bar(range(len(order)), real[order], color=BLUE, width=1, label="real frames")
    waste = 1 - real.sum() / padded.sum()
    axes.set(xlabel="batch, sorted by size", ylabel="frames", title=f"{100 * waste:.1f} % of the frames are padding")
    axes.legend(frameon=False)
    return _finished(figure)


def training_curves(history: pd.DataFrame) -> Figure:
    """Draw losses, the score on unseen signers and the learning rate over epochs, from metrics.jsonl."""
    figure, (losses, score, rate) = plt.subplots(1, 3, figsize=(13, 3))
    names = [name for name in history if name.startswith("loss_")]
    for name in names if len(names) > 1 else ["loss"]:
        rows = history.dropna(subset=[name])
        losses.plot(rows["epoch"], rows[name], label=f"training, {name.removeprefix('loss_')}")
    validated = history.dropna(subset=["eval_loss"])
    losses.plot(validated["epoch"], validated["eval_loss"], "o-", color="black", markersize=3, label="unseen signers")
    losses.set(xlabel="epoch", title="loss", yscale="log")
    losses.legend(frameon=False, fontsize=8)
    score.plot(validated["epoch"], validated["eval_score"], "o-", color=GREEN, markersize=4)
    score.axhline(0.16, color=GREY, linestyle="--", linewidth=1, label="a constant answer")
    score.set(xlabel="epoch", title="score on unseen signers", ylim=(min(0, validated["eval_score"].min()), 1))
    score.legend(frameon=False, fontsize=8)
    rows = history.dropna(subset=["learning_rate"])
    rate.plot(rows["epoch"], rows["learning_rate"], color=ORANGE)
    rate.set(xlabel="epoch", title="learning rate")
    rate.ticklabel_format(axis="y", scilimits=(-2, 2))
    return _finished(figure)


def confusions(counts: Mapping[tuple[str, str], int], most: int = 24) -> Figure:
    """Draw which characters are taken for which: a row a true character, shares of that row.

    Args:
        counts: what `metric.edit_operations` gives.
        most: how many characters, those with the most errors.
    """
    errors = Counter()
    for (true, predicted), count in counts.items():
        if true and true != predicted:
            errors[true] += count
    shown = sorted(character for character, _ in errors.most_common(most))
    columns = [*shown, ""]
    totals = Counter()
    for (true, _), count in counts.items():
        totals[true] += count
    shares = [
        [np.nan if row == column else counts.get((row, column), 0) / totals[row] for column in columns] for row in shown
    ]
    figure, axes = plt.subplots(figsize=(0.33 * len(columns) + 2, 0.33 * len(shown) + 1))
    image = axes.imshow(100 * np.array(shares).reshape(len(shown), len(columns)), cmap="Blues", vmin=0)
    axes.set_facecolor("#e6e6e6")  # of the diagonal, which is no error
    names = ["␣" if character == " " else character for character in shown]
    axes.set_xticks(range(len(columns)), [*names, "missed"], family="monospace")
    axes.get_xticklabels()[-1].set_rotation(90)
    axes.set_yticks(range(len(shown)), names, family="monospace")
    axes.set(xlabel="read as", ylabel="true character")
    axes.grid(False)
    figure.colorbar(image, label="% of the true character's occurrences", shrink=0.8)
    return _finished(figure)


def scatter(x: Sequence[float], y: Sequence[float], x_label: str, y_label: str) -> Figure:
    """Draw one dot a clip, and the mean of y in ten equally filled bins of x."""
    x, y = np.asarray(x, float), np.asarray(y, float)
    figure, axes = plt.subplots(figsize=(7, 3.2))
    axes.scatter(x, y, s=8, alpha=0.35, color=BLUE, linewidths=0)
    groups = np.array_split(np.argsort(x, kind="stable"), min(10, len(x)))
    means = [(x[group].mean(), y[group].mean()) for group in groups]
    axes.plot(*zip(*means, strict=True), "o-", color=ORANGE, label="mean of a tenth of the clips")
    axes.set(xlabel=x_label, ylabel=y_label)
    axes.legend(frameon=False)
    return _finished(figure)


def compared(predictions: Sequence[str], phrases: Sequence[str], scores: Sequence[float]) -> Figure:
    """Draw true phrases above what was read, wrong characters in red."""
    from rapidfuzz.distance import Levenshtein

    figure, axes = plt.subplots(figsize=(7.2, 0.5 * len(phrases) + 0.3))
    for place, (predicted, true, score) in enumerate(zip(predictions, phrases, scores, strict=True)):
        operations = Levenshtein.opcodes(true, predicted)
        axes.text(0, place, f"{score:.2f}", va="center", color=GREY, family="monospace")
        for row, text, start, end in ((-0.2, true, "src_start", "src_end"), (0.2, predicted, "dest_start", "dest_end")):
            for operation in operations:
                for i in range(getattr(operation, start), getattr(operation, end)):
                    colour = "black" if operation.tag == "equal" else RED
                    character = "␣" if text[i] == " " else text[i]
                    axes.text(0.09 + 0.0235 * i, place + row, character, va="center", color=colour, family="monospace")
    axes.set(xlim=(0, 1), ylim=(len(phrases) - 0.4, -0.6))
    axes.axis("off")
    axes.set_title("score, true phrase above, what was read below; differences in red", fontsize=9)
    return _finished(figure)


def latency(
    frames: Sequence[float], seconds: Sequence[float], published: Mapping[str, Mapping[int, float]] | None = None
) -> Figure:
    """Draw the time that the scorer took for each clip over the clip's length.

    Args:
        frames: of each clip.
        seconds: of each clip.
        published: name -> {frames: milliseconds}, other submissions' figures to compare with.
    """
    figure, axes = plt.subplots(figsize=(7, 3.2))
    axes.scatter(frames, 1000 * np.asarray(seconds), s=10, alpha=0.5, linewidths=0, label="a clip")
    for (name, points), colour in zip((published or {}).items(), (ORANGE, RED, GREY), strict=False):
        axes.plot(list(points), list(points.values()), "s--", color=colour, label=name)
    axes.set(xlabel="frames", ylabel="milliseconds", yscale="log")
    axes.legend(frameon=False)
    return _finished(figure)
