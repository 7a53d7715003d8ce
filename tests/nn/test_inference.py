"""The inference form: the same function of x, fewer layers, and nothing left that could be trained."""

import copy
import pickle
import re

import numpy as np
import pytest
from compare import normal
from hypothesis import given
from hypothesis import strategies as st

from scratchnet import Tensor, functional, manual_seed, models, nn, no_grad, set_fast_convolution
from scratchnet.nn._fused import Absorbed, FusedConv2d, FusedLinear, FusedMaxPool2d
from scratchnet.nn.inference import fold_batch_norm


def trained(model, seed=0):
    """Give batch norms statistics, scales and shifts that training could have left; eval, float64."""
    rng = np.random.default_rng(seed)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d) and module.running_mean is not None:
            n = module.num_features
            module.running_mean[:] = rng.normal(0, 0.5, n)
            module.running_var[:] = rng.uniform(0.3, 2.0, n)
            if module.weight is not None:
                module.weight.data[:] = rng.normal(1, 0.5, n)
                module.bias.data[:] = rng.normal(0, 0.5, n)
    return model.eval().double()


def assert_same(model, x):
    form = nn.optimize_for_inference(model)
    expected = model(x)
    # float64: what differs is the order of sums, and Winograd's cancelling ones.
    np.testing.assert_allclose(form(x), expected, rtol=0, atol=1e-11 * np.abs(expected).max())
    return form


def test_winograds_rounding_is_what_is_stated_and_it_can_be_turned_off():
    manual_seed(0)
    model = trained(models.resnet18(num_classes=10))
    x = normal((2, 3, 64, 64), 1)
    expected = model(x)
    model.float()
    for winograd in (True, False):
        form = nn.optimize_for_inference(model, winograd=winograd)
        kinds = {type(m.kernel).__name__ for m in form.modules() if isinstance(m, FusedConv2d)}
        assert ("WinogradConvolution" in kinds) == winograd
        error = np.abs(form(x.astype(np.float32)) - expected).max()
        assert error <= 2e-6 * np.abs(expected).max()
    layer = nn.Conv2d(32, 32, 3).eval()
    assert "Direct" in repr(nn.fuse(layer, winograd=False))
    assert "Winograd" in repr(nn.fuse(layer))  # what optimize_for_inference was told is forgotten


def test_folding_a_batch_norm_is_the_stated_equation():
    norm = trained(nn.BatchNorm2d(3))
    weight, bias, x = normal((3, 2, 3, 3), 1), normal(3, 2), normal((2, 2, 6, 6), 3)
    for b in (bias, None):
        scale, shift = fold_batch_norm(norm, b)
        folded = functional.conv2d(x, scale[:, None, None, None] * weight, shift)
        np.testing.assert_allclose(folded, norm(functional.conv2d(x, weight, b)), atol=1e-12)


LAYERS = st.lists(
    st.sampled_from(["conv", "depthwise", "3x3", "norm", "relu", "relu6", "tanh", "pool", "flat"]),
    min_size=1,
    max_size=7,
)


@given(LAYERS)
def test_any_sequence_of_layers_keeps_its_function_and_its_names(kinds):
    make = {
        "conv": lambda: nn.Conv2d(4, 4, (1, 3), padding=(0, 1), groups=2),
        "depthwise": lambda: nn.Conv2d(4, 4, 3, padding="same", groups=4, bias=False),
        "3x3": lambda: nn.Conv2d(4, 4, 3, padding=1),
        "norm": lambda: nn.BatchNorm2d(4),
        "relu": nn.ReLU,
        "relu6": nn.ReLU6,
        "tanh": nn.Tanh,
        "pool": lambda: nn.MaxPool2d(2, 1),
        "flat": nn.Identity,
    }
    model = trained(nn.Sequential(*[make[kind]() for kind in kinds]))
    form = assert_same(model, normal((2, 4, 9, 10), 5))
    assert [name for name, _ in form._slots()] == [name for name, _ in model._slots()]
    for before, (_, layer) in zip(["", *kinds], form._slots(), strict=False):
        # A batch norm is left over only where no convolution stands in front of it.
        assert not (isinstance(layer, nn.BatchNorm2d) and before in ("conv", "depthwise", "3x3"))


def test_layers_that_follow_each_other_become_one():
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU6(), nn.MaxPool2d(2))
    form = nn.optimize_for_inference(model.eval())
    kinds = [type(layer) for layer in form.children()]
    assert kinds == [FusedConv2d, Absorbed, Absorbed, FusedMaxPool2d]
    kernel = "DirectConvolution(kernel=(3, 3), stride=(1, 1))"
    assert repr(form.get_submodule("0")) == f"FusedConv2d(3, 8, {kernel}, ReLU6)"


def test_what_cannot_be_fused_stays_and_still_computes_the_same():
    class Doubling(nn.Conv2d):
        def forward(self, x):
            return 2 * super().forward(x)

    model = trained(
        nn.Sequential(
            nn.Conv2d(2, 3, 3, padding=1, padding_mode="reflect"),
            nn.BatchNorm2d(3),
            Doubling(3, 3, 3),
            nn.BatchNorm2d(3, track_running_stats=False),
            nn.ReLU(),
        )
    )
    form = assert_same(model, normal((2, 2, 8, 8)))
    assert not any(isinstance(layer, FusedConv2d) for layer in form)


class Block(nn.Module):
    """The example of the module's docstring."""

    def __init__(self):
        self.conv, self.bn, self.relu = nn.Conv2d(2, 2, 3, padding=1), nn.BatchNorm2d(2), nn.ReLU()

    def forward(self, x):
        return self.relu(self.bn(self.conv(x)))

    def fuse_layers(self):
        self.conv = nn.fuse(self.conv, self.bn, self.relu)
        self.bn = self.relu = nn.Identity()
        return self


def test_a_module_of_ones_own_says_what_follows_what():
    form = assert_same(trained(nn.Sequential(Block(), Block())), normal((1, 2, 5, 5)))
    assert isinstance(form[1].conv, FusedConv2d)
    assert isinstance(form[1].bn, nn.Identity)


def test_a_module_that_does_not_say_so_keeps_its_batch_norm():
    class Silent(nn.Module):
        __init__, forward = Block.__init__, Block.forward

    form = assert_same(trained(Silent()), normal((1, 2, 5, 5)))
    assert isinstance(form.conv, FusedConv2d)
    assert isinstance(form.bn, nn.BatchNorm2d)


def test_the_residual_is_added_between_batch_norm_and_relu():
    conv, norm = nn.Conv2d(2, 3, 3, padding=1), nn.BatchNorm2d(3)
    trained(nn.Sequential(conv, norm))
    x, residual = normal((2, 2, 5, 5), 1), normal((2, 3, 5, 5), 2)
    expected = np.maximum(norm(conv(x)) + residual, 0)
    np.testing.assert_allclose(nn.fuse(conv, norm, nn.ReLU())(x, residual), expected, atol=1e-12)


@pytest.mark.parametrize("override", ["derived class", "derived __call__", "object"])
def test_a_forward_of_its_own_keeps_a_module_as_it_is(override):
    class Swapped(Block):
        def forward(self, x):
            return self.bn(self.relu(self.conv(x)))

    class Doubled(Block):
        def __call__(self, x):
            return 2 * super().__call__(x)

    block = {"derived class": Swapped, "derived __call__": Doubled, "object": Block}[override]()
    if override == "object":
        block.forward = lambda x: block.bn(block.relu(block.conv(x)))
    model = trained(nn.Sequential(block))
    x = normal((1, 2, 5, 5))
    expected = model(x)
    np.testing.assert_allclose(
        nn.optimize_for_inference(model, inplace=True)(x), expected, atol=1e-12
    )


def test_layers_with_a_forward_of_their_own_are_not_fused():
    model = trained(nn.Sequential(nn.Conv2d(2, 2, 3), nn.ReLU(), nn.Linear(3, 2), nn.ReLU()))
    for layer, offset in ((model[0], 1.0), (model[1], 2.0), (model[2], 3.0)):
        layer.forward = lambda x, f=layer.forward, offset=offset: f(x) + offset
    x = normal((1, 2, 5, 5))
    expected = model(x)
    np.testing.assert_allclose(
        nn.optimize_for_inference(model, inplace=True)(x), expected, atol=1e-12
    )


def test_entries_of_a_fused_sequence_cannot_be_picked_out():
    form = nn.optimize_for_inference(nn.Sequential(nn.Conv2d(1, 1, 3), nn.ReLU()).eval())
    for use in (list, lambda f: f[0], lambda f: f[1:]):
        with pytest.raises(RuntimeError, match="call it as a whole"):
            use(form)
    kept = nn.Sequential(nn.Conv2d(1, 1, 3), nn.Tanh()).eval()
    assert len(list(nn.optimize_for_inference(kept))) == 2  # nothing was fused


def test_a_class_derived_from_sequential_is_fused_like_one():
    class Layers(nn.Sequential):
        def __init__(self):
            super().__init__(nn.Conv2d(2, 2, 3), nn.BatchNorm2d(2), nn.ReLU())

    form = assert_same(trained(Layers()), normal((1, 2, 5, 5)))
    assert not any(isinstance(m, nn.BatchNorm2d) for m in form.modules())


def test_an_affine_map_takes_up_the_relu_after_it():
    form = assert_same(trained(nn.Sequential(nn.Linear(4, 3), nn.ReLU6())), 9 * normal((5, 4)))
    assert [type(m) for m in form.children()] == [FusedLinear, Absorbed]


def test_a_form_is_its_own_form():
    model = trained(nn.Sequential(Block(), nn.Conv2d(2, 2, 3), nn.ReLU(), nn.Flatten()))
    x = normal((1, 2, 5, 5))
    form = nn.optimize_for_inference(model)
    assert not any(m.training for m in form.modules())
    np.testing.assert_array_equal(nn.optimize_for_inference(form)(x), form(x))


def test_what_reads_the_weights_of_a_fused_layer_is_told_why_it_cannot():
    class Tied(nn.Module):
        def __init__(self):
            self.inner = nn.Linear(3, 3)

        def forward(self, x):
            return functional.linear(self.inner(x), self.inner.weight)

    form = nn.optimize_for_inference(Tied().eval())
    with pytest.raises(RuntimeError, match="keep the model"):
        form(np.ones((1, 3), np.float32))


def test_fuse_layers_must_return_a_module():
    class Forgetful(Block):
        def forward(self, x):
            return x

        def fuse_layers(self):
            pass

    with pytest.raises(TypeError, match=r"Forgetful\.fuse_layers returned None"):
        nn.optimize_for_inference(Forgetful().eval())


def test_a_residual_is_added_as_in_the_plain_network():
    fused = nn.fuse(nn.Conv2d(1, 2, 1).eval())
    x = normal((1, 1, 4, 4), 0, np.float32)
    plain = fused(x)
    np.testing.assert_allclose(fused(x, np.ones((1, 2, 1, 1), np.float32)), plain + 1, rtol=1e-6)
    with pytest.raises(ValueError, match="cannot be added"):
        fused(x, np.ones((1, 2, 6, 4), np.float32))


def test_a_layer_used_twice_stays_one_layer():
    conv = nn.Conv2d(2, 2, 1)

    class Twice(nn.Module):
        def __init__(self):
            self.first = self.second = conv

        def forward(self, x):
            return self.second(self.first(x))

    form = assert_same(trained(Twice()), normal((1, 2, 3, 3)))
    assert form.first is form.second


def test_the_model_is_left_as_it_was_unless_inplace():
    model = trained(
        nn.Sequential(nn.Conv2d(2, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(18, 2))
    )
    x = normal((1, 2, 5, 5))
    before = model(x)
    form = nn.optimize_for_inference(model)
    for p in model.parameters():
        p.data += 1.0  # and the form shares nothing with it
    np.testing.assert_allclose(form(x), before, rtol=1e-12)
    outer = nn.Sequential(model).eval()
    assert nn.optimize_for_inference(outer, inplace=True) is outer
    np.testing.assert_allclose(outer(x), model(x), rtol=1e-12)


def test_the_form_is_copied_and_pickled():
    form = nn.optimize_for_inference(trained(nn.Sequential(nn.Conv2d(2, 2, 3), nn.MaxPool2d(2))))
    x = normal((1, 2, 6, 6))
    for other in (copy.deepcopy(form), pickle.loads(pickle.dumps(form))):
        np.testing.assert_array_equal(other(x), form(x))


def test_a_network_in_training_mode_is_refused():
    model = nn.Sequential(nn.Conv2d(1, 1, 3), nn.Dropout())
    with pytest.raises(ValueError, match=r"model\.eval\(\)"):
        nn.optimize_for_inference(model)
    model.eval()
    model[1].train()
    with pytest.raises(ValueError, match=r"model\.eval\(\)"):
        nn.optimize_for_inference(model)


@pytest.mark.parametrize(
    "use",
    [
        lambda form: list(form.parameters()),
        lambda form: form.state_dict(),
        lambda form: form.load_state_dict({}),
        lambda form: form.double(),
        lambda form: form.train()(normal((1, 1, 5, 5), 0, np.float32)),
        lambda form: form(Tensor(normal((1, 1, 5, 5), 0, np.float32), requires_grad=True)),
    ],
)
def test_the_form_cannot_be_trained_saved_or_converted(use):
    form = nn.optimize_for_inference(nn.Sequential(nn.Conv2d(1, 1, 3)).eval())
    with pytest.raises(RuntimeError, match=r"the model that it was made from"):
        use(form)


def test_tensors_go_in_where_no_gradient_is_asked_for():
    form = nn.optimize_for_inference(nn.Sequential(nn.Conv2d(1, 1, 3)).eval())
    x = normal((1, 1, 5, 5), 0, np.float32)
    with no_grad():
        found = form(Tensor(x, requires_grad=True))
    np.testing.assert_array_equal(found.data, form(x))


def test_an_input_that_does_not_fit_is_refused_with_the_shapes():
    form = nn.optimize_for_inference(nn.Sequential(nn.Conv2d(2, 3, 3), nn.MaxPool2d(2)).eval())
    for x in (normal((1, 3, 5, 5), 0, np.float32), np.ones((2, 5, 5), np.float32)):
        with pytest.raises(ValueError, match=re.escape(str(x.shape))):
            form(x)
    with pytest.raises(TypeError, match=r"holds float32 .* x is float64"):
        form(normal((1, 2, 5, 5)))
    with pytest.raises(TypeError, match="takes an array or a Tensor, got list"):
        form([[1.0]])
    linear = nn.optimize_for_inference(nn.Sequential(nn.Linear(2, 3)).eval())
    with pytest.raises(ValueError, match=r"2 features, got x \(4, 3\)"):
        linear(np.ones((4, 3), np.float32))
    with pytest.raises(ValueError, match="extends beyond"):
        form(np.ones((1, 2, 2, 5), np.float32))


def test_what_is_no_convolution_batch_norm_or_relu_is_not_fused():
    conv, norm = nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)
    for layers in ((norm,), (conv, nn.ReLU()), (conv, norm, nn.Tanh()), (conv, nn.GroupNorm(1, 2))):
        with pytest.raises(TypeError, match="fuse"):
            nn.fuse(*layers)
    with pytest.raises(ValueError, match=r"2 filters.* 3 channels"):
        nn.fuse(conv, nn.BatchNorm2d(3))


def test_an_empty_batch_gives_an_empty_result():
    form = nn.optimize_for_inference(
        nn.Sequential(nn.Conv2d(32, 32, 3), nn.MaxPool2d(2), nn.Conv2d(32, 1, 1)).eval()
    )
    assert form(np.zeros((0, 32, 8, 8), np.float32)).shape == (0, 1, 3, 3)


def test_by_default_the_setting_for_all_convolutions_decides_about_winograd():
    layer = nn.Conv2d(32, 32, 3).eval()
    with_it = repr(nn.optimize_for_inference(layer).kernel)
    set_fast_convolution(False)
    try:
        without = repr(nn.optimize_for_inference(layer).kernel)
        assert repr(nn.optimize_for_inference(layer, winograd=True).kernel) == with_it
    finally:
        set_fast_convolution(True)
    assert "Winograd" in with_it
    assert "Winograd" not in without
