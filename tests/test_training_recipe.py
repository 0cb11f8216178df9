import pytest

from fingerspelling.parameters import ParameterError, build
from fingerspelling.training.recipe import Recipe


def test_what_is_not_said_is_the_winners_second_round() -> None:
    recipe = build(Recipe, {})
    assert (recipe.model.d_model, recipe.model.encoder_layers, recipe.training.epochs) == (208, 14, 400)
    recipe = build(Recipe, {"model": {"d_model": 144}, "training": {"epochs": 30}})
    assert (recipe.model.d_model, recipe.model.encoder_layers, recipe.training.epochs) == (144, 14, 30)


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"model": {"d_modle": 32, "x": 1}}, r"model\.d_modle: .* did you mean d_model\?; model\.x: no such parameter"),
        ({"model": {"model_type": "other"}}, r"model\.model_type: no such parameter"),
        ({"model": {"frame_stride": 3}}, r"model: frame_stride 3 must be 1 or 2"),
        ({"model": {"d_model": True}}, r"model\.d_model: expected a number, got True"),
        ({"training": {"epochs": 0}}, r"training\.epochs: .*got 0"),
    ],
)
def test_what_cannot_be_is_named(values: dict, named: str) -> None:
    with pytest.raises(ParameterError, match=named):
        build(Recipe, values)
