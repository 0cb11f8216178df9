"""Are a data set's points what they should be? What the extraction notices, and a report in words."""

import zlib

import numpy as np
import pandas as pd

from fingerspelling.landmarks import PARTS, SELECTED, WRISTS

LOOKED_AT = 500  # frames of a file, evenly spaced
ENOUGH = 30  # frames that are needed for a verdict
# Shares of frames above which a file's picture or hands are taken to be wrong. In simulated and recorded files as they
# should be, they are 0, below 0.05 and about 0.1: the palm mostly faces the camera.
MIRRORED, CROSSED, TURNED, UPSIDE_DOWN = 0.8, 0.8, 0.7, 0.8
WITHOUT_HAND = 0.1  # share of clips above which something may be wrong
_EYES = [SELECTED.index(f"face_{number}") for number in (33, 263)]  # outer corners of the right and the left one
_LIP = SELECTED.index("face_17")  # below the lower one
_ARMS = [SELECTED.index(f"pose_{number}") for number in (15, 16)]  # the left and the right wrist, as the arms see them
_PALMS = [PARTS[hand][[0, 5, 17]] for hand in ("left_hand", "right_hand")]  # wrist, index finger, little finger


def examine(frames: np.ndarray, starts: np.ndarray) -> dict:
    """Return what a file's points, float16 [frames, 130, 3], say about themselves, given where clips start.

    That is without_hand (clips); left and right (frames that show the hand); shares of some of the frames (None of too
    few): mirrored (the signer's right eye is at the right of the picture), crossed (a hand is nearer to the other arm's
    wrist), turned (a hand shows its back), upside_down (the mouth is above the eyes); prints, for each clip a checksum
    of its first, middle and last frame.
    """
    seen = np.isfinite(frames[:, WRISTS, 0])
    some = frames[np.linspace(0, len(frames) - 1, min(len(frames), LOOKED_AT)).astype(int), :, :2].astype(np.float32)
    right_eye, left_eye = some[:, _EYES].swapaxes(0, 1)
    crossed, turned = [], []
    for side, palm in enumerate(_PALMS):
        wrist, index, little = some[:, palm].swapaxes(0, 1)
        own, other = (np.hypot(*(wrist - some[:, _ARMS[arm]]).T) for arm in (side, 1 - side))
        crossed.append(own - other)
        (a, b), (c, d) = (index - wrist).T, (little - wrist).T
        turned.append((a * d - b * c) * (-1, 1)[side])  # below 0 for a palm that faces the camera, fingers up
    return {
        "without_hand": int((np.add.reduceat(seen.any(1), starts, dtype=int) == 0).sum()) if len(starts) else 0,
        "left": int(seen[:, 0].sum()),
        "right": int(seen[:, 1].sum()),
        "mirrored": _share_above_zero((right_eye - left_eye)[:, 0]),
        "upside_down": _share_above_zero((right_eye + left_eye)[:, 1] / 2 - some[:, _LIP, 1]),
        "crossed": _share_above_zero(np.concatenate(crossed)),
        "turned": _share_above_zero(np.concatenate(turned)),
        "prints": _prints(frames, starts),
    }


def _share_above_zero(values: np.ndarray) -> float | None:
    values = values[np.isfinite(values)]
    return round(float((values > 0).mean()), 4) if len(values) >= ENOUGH else None


def _prints(frames: np.ndarray, starts: np.ndarray) -> list[int | None]:
    stops = np.append(starts, len(frames))[1:]
    three = np.stack([frames[places] for places in (starts, (starts + stops) // 2, stops - 1)], 1)
    seen = np.isfinite(three[..., 0]).any((1, 2))
    prints = (zlib.crc32(clip, int(n)) for clip, n in zip(three, stops - starts, strict=True))
    return [checksum if there else None for checksum, there in zip(prints, seen, strict=True)]


def report(summary: pd.DataFrame) -> pd.DataFrame:
    """Put the summary of `extraction.extract` in words: found, fine (whether that is as it should be) and advice."""
    clips, frames, wanted = (max(int(summary[name].sum()), 1) for name in ("clips", "frames", "rows"))
    sums = summary[["clips", "without_hand", "sorted", "gaps", "left", "right", "doubled", "copies"]].sum()
    changed = summary["changed"][summary["changed"] != ""].value_counts()
    mirrored, crossed, turned = (summary[name].astype(float) for name in ("mirrored", "crossed", "turned"))
    swapped = (crossed > CROSSED) | (crossed.isna() & (turned > TURNED) & ~(mirrored > MIRRORED))
    upside_down = summary["upside_down"].astype(float) > UPSIDE_DOWN
    mirrored = (mirrored > MIRRORED) | (mirrored.isna() & (crossed <= CROSSED) & (turned > TURNED))
    found = {"mirror": mirrored, "upside_down": upside_down}
    turned_over = [f"{name}: true" for name, of_files in found.items() if of_files.any()]
    left_out, files = int(summary["rows"].sum() - sums["clips"]), len(summary)
    unreadable = int((summary["error"] != "").sum())
    rows = {
        "points": (
            "; ".join(f"{what} in {n} of {files} files, put right" for what, n in changed.items())
            or "shares of the picture, nothing where undetected",
            changed.empty,
            "picture_size sets the size of the picture" if changed.index.str.contains("pixels").any() else "",
        ),
        "picture": (
            f"mirrored in {mirrored.sum()}, upside down in {upside_down.sum()} of {files} files",
            not turned_over,
            f"extraction: {{{', '.join(turned_over)}}} puts it right" if turned_over else "",
        ),
        "hands": (
            f"right in {sums['right'] / frames:.0%}, left in {sums['left'] / frames:.0%} of the frames; "
            f"swapped in {swapped.sum()} of {files} files",
            not swapped.any(),
            "extraction: {swap_hands: true} puts it right" if swapped.any() else "",
        ),
        "clips without a hand": (
            f"{sums['without_hand']:.0f} of {sums['clips']:.0f}",
            sums["without_hand"] <= WITHOUT_HAND * clips,
            "",
        ),
        "order of frames": (
            f"{sums['sorted']:.0f} clips sorted, {sums['gaps']:.0f} frames missing or doubled",
            not sums["sorted"] and not sums["gaps"],
            "",
        ),
        "copies": (
            f"{sums['copies']:.0f} clips with the points of another, {sums['doubled']:.0f} rows of the table twice",
            not sums["copies"] and not sums["doubled"],
            "",
        ),
        "left out": (
            f"{left_out} of {wanted} clips ({left_out / wanted:.1%}), {unreadable} of {files} files",
            not left_out,
            "the summary's columns skipped and error say why" if left_out else "",
        ),
    }
    return pd.DataFrame.from_dict(rows, orient="index", columns=["found", "fine", "advice"])
