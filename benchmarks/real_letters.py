"""Still letters and digits of real people, and plain classifiers that show how near simulated hands come to them.

The sets are public, but not part of this project: the command line names a folder with one subfolder per set. A hand is
x and y of its 21 joints relative to the wrist, of unit size, as a right hand. z, which MediaPipe only guesses, makes
every reader worse (5 nearest: 0.53 instead of 0.66 of the letters). J and Z are movements, of which the sets show
some moment or nothing, so they are left out.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch

LETTERS = "abcdefghiklmnopqrstuvwxy"
DIGITS = "0123456789"
RIGHT, MIRRORED, EITHER = 1, -1, 0  # a right hand as the camera sees it, as a mirror shows it, or unknown


@dataclass(frozen=True)
class Hands:
    """Hands and the characters they show: points float [n, 21, 3], x and y in the same unit; labels str [n]."""

    name: str
    points: np.ndarray
    labels: np.ndarray
    either: bool = False  # left and right hands, without a note which is which

    def of(self, characters: str) -> "Hands":
        """Return those that show one of the characters."""
        chosen = np.isin(self.labels, list(characters))
        return Hands(self.name, self.points[chosen], self.labels[chosen], self.either)


# Frame width over height. If a set's author does not say, it is the one that makes the palm (the knuckles' breadth over
# their distance from the wrist) as broad as in the sets with square pictures, 0.6.
SETS = {
    "borisgraudt": (16 / 9, MIRRORED),
    "massey": (1, RIGHT),
    "bisonhacks": (4 / 3, MIRRORED),
    "nejohnson2": (4 / 3, MIRRORED),
    "dancsomarci": (16 / 9, EITHER),
    "ardamavi": (1, RIGHT),
}


def read_sets(folder: Path) -> Iterator[Hands]:
    """Read all sets: right hands as the camera sees them, x and y in one unit."""
    for name, (aspect, side) in SETS.items():
        (place,) = folder.glob(f"*-{name}")
        points, labels = _READERS.get(name, _numbered)(place)
        labels = np.char.lower(labels.astype(str))
        yield Hands(name, points * [aspect * (side or RIGHT), 1, aspect], labels, side == EITHER)


def _numbered(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read tables with the columns label, x0, y0, z0 ... z20 (or from x1 to z21)."""
    tables = pd.concat(map(pd.read_csv, sorted(folder.glob("*.csv"))))
    first = 0 if "x0" in tables else 1
    columns = [f"{axis}{joint}" for joint in range(first, first + 21) for axis in "xyz"]
    return tables[columns].to_numpy().reshape(-1, 21, 3), tables["label"].to_numpy()


def _borisgraudt(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    with np.load(folder / "landmarks.npz") as arrays:
        return arrays["X"], arrays["y"]


def _dancsomarci(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    table = pd.read_csv(folder / "shuffled_dataset_train.csv")
    return table.iloc[:, :63].to_numpy().reshape(-1, 21, 3), table.iloc[:, 63].to_numpy()


_READERS = {"borisgraudt": _borisgraudt, "dancsomarci": _dancsomarci}


def features(points: np.ndarray) -> torch.Tensor:
    """Return hands [n, 21, 3] relative to the wrist and of unit size: float32 [n, 40]."""
    points = (points - points[:, :1])[:, 1:, :2]
    size = np.sqrt((points**2).sum(-1).mean(1))[:, None, None]
    return torch.from_numpy((points / size).reshape(len(points), -1).astype(np.float32))


def as_right_hands(hands: Hands, training: Hands) -> Hands:
    """Mirror those of a set of left and right hands that then come nearer to a hand of the training's."""
    if not hands.either:
        return hands
    inputs, mirror = features(training.points), np.array([-1, 1, 1])
    near, mirrored = (
        torch.cat([torch.cdist(part, inputs).amin(1) for part in features(points).split(500)]).numpy()
        for points in (hands.points, hands.points * mirror)
    )
    turned = np.where((mirrored < near)[:, None, None], hands.points * mirror, hands.points)
    return Hands(hands.name, turned, hands.labels)


class NearestNeighbours:
    """A classifier: the five nearest training hands vote."""

    def __init__(self, inputs: torch.Tensor, classes: torch.Tensor) -> None:
        self.inputs, self.classes = inputs, classes

    def __call__(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the most frequent class, the lowest of several; int64 [n]."""
        nearest = [torch.cdist(part, self.inputs).topk(5, largest=False).indices for part in inputs.split(500)]
        return self.classes[torch.cat(nearest)].mode(1).values


class Perceptron:
    """A classifier with two hidden layers."""

    def __init__(self, inputs: torch.Tensor, classes: torch.Tensor, steps: int = 1000, width: int = 128) -> None:
        torch.manual_seed(0)
        layers = [torch.nn.Linear(inputs.shape[1], width), torch.nn.ReLU(), torch.nn.Dropout(0.2)]
        layers += [torch.nn.Linear(width, width), torch.nn.ReLU(), torch.nn.Linear(width, int(classes.max()) + 1)]
        self.network = torch.nn.Sequential(*layers)
        optimizer = torch.optim.AdamW(self.network.parameters(), 3e-3, weight_decay=1e-2)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, steps)
        for _ in range(steps):
            rows = torch.randint(len(inputs), (256,))
            loss = torch.nn.functional.cross_entropy(self.network(inputs[rows]), classes[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        self.network.eval()

    @torch.no_grad()
    def __call__(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the likeliest class, int64 [n]."""
        return self.network(inputs).argmax(1)


READERS = {"5 nearest": NearestNeighbours, "perceptron": Perceptron}


def readings(training: Hands, tests: list[Hands], characters: str) -> pd.DataFrame:
    """Read the tests' hands with classifiers that have seen only the training's.

    Returns:
        One row per hand and classifier: reader, set, label (what it shows) and read (what it is taken for).
    """
    training = training.of(characters)
    classes = torch.tensor([characters.index(label) for label in training.labels])
    tests = [as_right_hands(test.of(characters), training) for test in tests]
    tables = []
    for name, reader in READERS.items():
        classify = reader(features(training.points), classes)
        for test in (test for test in tests if len(test.labels)):
            predicted = np.array(list(characters))[classify(features(test.points)).numpy()]
            tables.append(pd.DataFrame({"reader": name, "set": test.name, "label": test.labels, "read": predicted}))
    return pd.concat(tables, ignore_index=True)


def accuracies(results: pd.DataFrame) -> pd.DataFrame:
    """Return the share of `readings` that is right: one row per reader, one column per set, and their mean."""
    right = results.assign(right=(results["label"] == results["read"]).astype(float))
    shares = right.pivot_table(values="right", index="reader", columns="set", sort=False)
    return shares.assign(mean=shares.mean(axis=1))


def weakest(results: pd.DataFrame, most: int = 12) -> str:
    """Return the worst characters of `readings`, one per line: the share that is right, and what they are taken for."""
    shares = pd.crosstab(results["label"], results["read"], normalize="index")
    right = (results["label"] == results["read"]).groupby(results["label"]).mean()
    lines = []
    for label, own in right.nsmallest(most).items():
        others = shares.loc[label].drop(label, errors="ignore").nlargest(3)
        lines.append(f"  {label} {own:.2f}   " + ", ".join(f"{other} {share:.2f}" for other, share in others.items()))
    return "\n".join(lines)


# The joints in hmm-letters, whose x is that of a left hand.
FLOW_JOINTS = [1, 4, 5, 8, 9, 12, 13, 16, 17, 20]
FLOW_ASPECT = 9 / 16
FLOW_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def nearest_in_flow(hands: Hands, folder: Path) -> dict[str, str]:
    """Return, for each letter, the one whose mean shape in real continuous spelling is nearest to its mean of hands."""
    models = json.loads((folder / "hmm-letters/monophones_5state.json").read_text())
    means = {}
    for letter in FLOW_LETTERS:
        states = [np.average(state["mean"], axis=0, weights=state["w"]) for state in models[letter]["states"]]
        stay = np.array([row[place + 1] for place, row in enumerate(models[letter]["trans"][1:-1])])
        shape = np.average(states, axis=0, weights=1 / (1 - stay)).reshape(10, 2)
        means[letter] = _of_unit_size(shape * [-FLOW_ASPECT, 1])
    nearest = {}
    for letter in FLOW_LETTERS:
        joints = hands.of(letter).points.mean(0)
        shape = _of_unit_size((joints - joints[0])[FLOW_JOINTS, :2])
        distances = {other: np.linalg.norm(shape - mean) for other, mean in means.items()}
        nearest[letter] = min(distances, key=distances.get)
    return nearest


def _of_unit_size(shape: np.ndarray) -> np.ndarray:
    return shape / np.sqrt((shape**2).sum(-1).mean())
