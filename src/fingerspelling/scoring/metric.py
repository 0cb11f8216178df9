"""The competition's score, (N - D) / N, and the edit operations behind it.

N counts the characters of all labels, D sums the Levenshtein distances from prediction to label. The winner
validated with Damerau-Levenshtein, which forgives swapped neighbours; the competition does not.
"""

from collections import Counter
from collections.abc import Sequence

from fingerspelling.text import align, edit_distance


def score(predictions: Sequence[str], phrases: Sequence[str]) -> float:
    """Return (N - D) / N over all phrases; 1 is perfect, it may be below 0.

    Raises:
        ValueError: the lengths differ, or the phrases have no character at all.
    """
    if len(predictions) != len(phrases):
        raise ValueError(f"{len(predictions)} predictions for {len(phrases)} phrases")
    characters = sum(len(phrase) for phrase in phrases)
    if characters == 0:
        raise ValueError("the score is undefined: the phrases have no characters")
    distance = sum(map(edit_distance, predictions, phrases))
    return (characters - distance) / characters


def clip_scores(predictions: Sequence[str], phrases: Sequence[str]) -> list[float]:
    """Return each clip's own (N - D) / N, clipped to 0..1 as the confidence head's target."""
    pairs = zip(predictions, phrases, strict=True)
    return [max(0.0, 1 - edit_distance(p, t) / max(len(t), 1)) for p, t in pairs]


def edit_operations(predictions: Sequence[str], phrases: Sequence[str]) -> Counter[tuple[str, str]]:
    """Count (true character, predicted character) over a cheapest alignment of every pair.

    A missed character counts as (character, ""), an invented one as ("", character), a right one as
    (character, character).
    """
    return Counter(
        pair for predicted, true in zip(predictions, phrases, strict=True) for pair in align(true, predicted)
    )
