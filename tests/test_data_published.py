import pytest

from fingerspelling.data.published import CHARACTER_SHARES, KNOWN, SUPPLEMENTAL, WORDS, quantiles
from fingerspelling.text import CHARACTERS

VALUES = {row.name: row.value for row in KNOWN}


def total(*names: str) -> float:
    return sum(VALUES[name] for name in names)


def test_figures_agree_with_each_other() -> None:
    assert total("phrases: address or name", "phrases: url", "phrases: phone") == pytest.approx(1)
    assert total(*(f"characters: {kind}" for kind in ("letters", "digits", "space", "symbols"))) == pytest.approx(1)
    hands = total("frames with the left hand", "frames with the right hand") - VALUES["frames with both hands"]
    assert hands == pytest.approx(VALUES["frames with a hand"], abs=0.001)
    assert VALUES["frames with a hand per clip mean"] == pytest.approx(
        VALUES["frames with a hand"] * VALUES["frames mean"], rel=0.002
    )


def test_quantiles_rise_and_lie_about_the_mean() -> None:
    for sample in {row.sample for row in KNOWN}:
        values = quantiles(sample)
        assert list(values) == sorted(values)
        assert list(values.values()) == sorted(values.values()), sample
        if values and f"{sample} mean" in VALUES:
            assert values[25] < VALUES[f"{sample} mean"] < values[75]


def test_every_figure_has_a_name_of_its_own_and_a_source() -> None:
    rows = [*KNOWN, *WORDS]
    assert len({row.name for row in rows}) == len(rows)
    assert all(row.source and 0 < row.allowed < 1 for row in [*rows, *SUPPLEMENTAL])
    assert {"frames median", "frames per character 25 %", "palm length least"} < VALUES.keys()


def test_shares_of_characters_are_of_the_59() -> None:
    assert CHARACTER_SHARES.keys() < set(CHARACTERS)
    assert 0.5 < sum(CHARACTER_SHARES.values()) < 0.7
    assert CHARACTER_SHARES[" "] == pytest.approx(VALUES["characters: space"], abs=0.0002)
