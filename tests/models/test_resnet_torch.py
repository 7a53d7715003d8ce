"""ResNets against torch: keys, logits through a saved file, gradients."""

import numpy as np
import pytest
from compare import normal

from scratchnet import models, nn, serialization

NAMES = {18: (True, (2, 2, 2, 2)), 50: (False, (3, 4, 6, 3))}


def pair(torch_resnet, depth, **options):
    """Return our ResNet and torch's with random weights and running statistics."""
    basic, layers = NAMES[depth]
    ours = getattr(models, f"resnet{depth}")(**options)
    if dilate := options.pop("replace_stride_with_dilation", None):
        options["dilate"] = dilate
    return ours, torch_resnet.randomise(torch_resnet.ResNet(basic, layers, **options))


@pytest.mark.parametrize("depth", NAMES)
def test_a_state_dict_saved_by_torch_gives_torchs_logits(
    torch, torch_resnet, undrawn, tmp_path, depth
):
    ours, theirs = pair(torch_resnet, depth)
    expected_state = theirs.state_dict()
    shapes = {key: tuple(value.shape) for key, value in expected_state.items()}
    found_shapes = {key: value.shape for key, value in ours.state_dict().items()}
    assert list(found_shapes.items()) == list(shapes.items())  # the order too

    torch.save(expected_state, tmp_path / "weights.pth")
    # What this writes is, byte for byte, what the safetensors library writes (test_safetensors.py).
    serialization.save(expected_state, tmp_path / "weights.safetensors")
    for name in ("weights.pth", "weights.safetensors"):
        state = serialization.load(tmp_path / name)
        assert set(state) == set(shapes)
        for value in ours.state_dict().values():
            value[...] = 0
        assert ours.load_state_dict(state) == ([], [])
        for key, value in ours.state_dict().items():
            np.testing.assert_array_equal(value, expected_state[key].numpy())

    x = normal((2, 3, 96, 80), 1, np.float32)
    with torch.no_grad():
        expected = theirs.eval()(torch.from_numpy(x)).numpy()
    # Two orders of summation in float32 (6e-8) through up to 53 convolutions: about 1e-6; Winograd's
    # convolutions round at 5e-6.
    for network in (ours.eval(), nn.optimize_for_inference(ours, inplace=True)):
        found = network(x)
        assert type(found) is np.ndarray
        assert found.dtype == np.float32
        assert np.abs(found - expected).max() <= 1e-4 * np.abs(expected).max()


@pytest.mark.parametrize("depth", NAMES)
def test_gradients_in_training_are_torchs(torch_resnet, undrawn, assert_trains_alike, depth):
    ours, theirs = pair(torch_resnet, depth, num_classes=10)
    assert_trains_alike(ours, theirs, (2, 3, 64, 64))


@pytest.mark.parametrize(
    "options",
    [
        {"groups": 4, "width_per_group": 4},
        {"width_per_group": 16},
        {"width_per_group": 8, "replace_stride_with_dilation": (False, True, True)},
    ],
    ids=["groups", "width", "dilation"],
)
def test_groups_width_and_dilation_are_torchvisions(torch, torch_resnet, options):
    ours = models.ResNet(models.Bottleneck, (1, 2, 2, 2), num_classes=5, **options)
    if dilate := options.get("replace_stride_with_dilation"):
        options = {"width_per_group": options["width_per_group"], "dilate": dilate}
    theirs = torch_resnet.ResNet(False, (1, 2, 2, 2), num_classes=5, **options)
    torch_resnet.randomise(theirs)
    ours.load_state_dict(theirs.state_dict())
    x = normal((2, 3, 64, 48), 1, np.float32)
    with torch.no_grad():
        expected = theirs.eval()(torch.from_numpy(x)).numpy()
    error = np.abs(ours.eval()(x) - expected).max()
    assert error <= 1e-4 * np.abs(expected).max()  # float32, as above


@pytest.mark.parametrize("name", ["resnext50_32x4d", "wide_resnet50_2"])
def test_the_keys_and_shapes_of_its_relatives_are_torchvisions(torch_resnet, undrawn, name):
    options = {
        "resnext50_32x4d": {"groups": 32, "width_per_group": 4},
        "wide_resnet50_2": {"width_per_group": 128},
    }[name]
    theirs = torch_resnet.ResNet(False, (3, 4, 6, 3), **options).state_dict()
    ours = getattr(models, name)().state_dict()
    assert [(k, v.shape) for k, v in ours.items()] == [
        (k, tuple(v.shape)) for k, v in theirs.items()
    ]
