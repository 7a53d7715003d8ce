"""Networks by name: torchvision's functions, and that the list is complete."""

import fnmatch

import pytest

from scratchnet import models, nn
from scratchnet.models import resnet

NAMES = sorted(set(resnet.__all__) - {"ResNet"})


def test_every_builder_with_weights_is_listed():
    assert models.list_models() == NAMES
    assert models.list_models(module=models) == NAMES
    assert models.list_models(module=nn) == []


def test_patterns_choose_and_then_take_away():
    assert models.list_models(include="resnet?") == []
    assert models.list_models(include="resnet?0") == ["resnet50"]
    several = models.list_models(include=["resnet1*", "wide*"], exclude="*2")
    assert several == ["resnet101", "resnet18"]
    assert models.list_models(exclude=["resnet*", "resnext*"]) == ["wide_resnet50_2"]
    assert models.list_models(include="*50*") == fnmatch.filter(NAMES, "*50*")


@pytest.mark.parametrize("name", NAMES)
def test_name_function_and_weights_belong_together(name):
    builder, weights = getattr(models, name), models.get_model_weights(name)
    assert models.get_model_builder(name.upper()) is builder
    assert models.get_model_weights(builder) is weights
    assert weights.DEFAULT.value.file_name.startswith(f"{name}-")
    with pytest.raises(TypeError, match=f"expected {weights.__name__}"):
        models.get_model(name, weights=3)


def test_get_model_hands_its_options_on(undrawn):
    model = models.get_model("resnet18", num_classes=7)
    assert isinstance(model, models.ResNet)
    assert model.fc.out_features == 7


def test_an_unknown_name_is_an_error_that_lists_the_names():
    for function in (models.get_model, models.get_model_builder, models.get_model_weights):
        with pytest.raises(ValueError, match=r"no model 'resnet19': choose from resnet18, .*_2"):
            function("resnet19")
    with pytest.raises(ValueError, match="makes no network with published weights"):
        models.get_model_weights(models.LeNet)
