"""What layers return, by name."""

import gc
import pickle
import threading
import weakref

import numpy as np
import pytest
from compare import normal

from scratchnet import Tensor, nn
from scratchnet.models import cifar_resnet, create_feature_extractor

X = normal((2, 3, 8, 8), 0, np.float32)


@pytest.fixture
def model():
    return cifar_resnet(8, width=4).eval()


class Twice(nn.Module):
    """One ReLU that is called twice, and a layer that is never called."""

    def __init__(self):
        self.relu, self.never = nn.ReLU(), nn.ReLU()

    def forward(self, x):
        return self.relu(self.relu(x) - 1)


def test_the_maps_are_what_the_layers_return_one_after_another(model):
    names = ["conv1", "layer1", "layer2.0", "layer2.0.conv1", "avgpool", "fc"]
    found = create_feature_extractor(model, names)(X)
    assert list(found) == names
    assert all(type(m) is np.ndarray for m in found.values())
    stem = model.conv1(X)
    layer1 = model.layer1(model.relu(model.bn1(stem)))
    np.testing.assert_array_equal(found["conv1"], stem)
    np.testing.assert_array_equal(found["layer1"], layer1)
    np.testing.assert_array_equal(found["layer2.0.conv1"], model.layer2[0].conv1(layer1))
    np.testing.assert_array_equal(found["layer2.0"], model.layer2[0](layer1))
    np.testing.assert_array_equal(found["fc"], model(X))


def test_a_dictionary_names_the_results_in_its_own_order(model):
    found = create_feature_extractor(model, {"layer3": "deep", "conv1": "edges"})(X)
    assert {k: m.shape for k, m in found.items()} == {"deep": (2, 16, 2, 2), "edges": (2, 4, 8, 8)}
    assert list(found) == ["deep", "edges"]


def test_gradients_flow_from_the_maps_to_image_and_parameters(model):
    x = Tensor(X, requires_grad=True)
    found = create_feature_extractor(model.train(), ["layer1"])(x)["layer1"]
    dy = normal(found.shape, 1, np.float32)
    found.backward(dy)
    grads = {name: p.grad for name, p in model.named_parameters()}
    assert {name for name, g in grads.items() if g is None} == {
        n for n in grads if n.startswith(("layer2", "layer3", "fc"))
    }
    again = Tensor(X, requires_grad=True)
    model.zero_grad()
    model.layer1(model.relu(model.bn1(model.conv1(again)))).backward(dy)
    np.testing.assert_array_equal(x.grad, again.grad)
    np.testing.assert_array_equal(grads["conv1.weight"], model.conv1.weight.grad)


def test_a_layer_called_twice_is_told_apart_by_its_number():
    x = np.array([-1.0, 0.5, 3.0], np.float32)
    found = create_feature_extractor(Twice().eval(), ["relu", "relu_1"])(x)
    np.testing.assert_array_equal(found["relu"], [0, 0.5, 3])
    np.testing.assert_array_equal(found["relu_1"], [0, 0, 2])


def test_a_name_that_ends_in_a_number_is_that_module():
    net = nn.Sequential({"conv_1": nn.ReLU(), "conv": nn.Tanh()}).eval()
    found = create_feature_extractor(net, ["conv_1"])(np.array([-1.0, 2.0], np.float32))
    np.testing.assert_array_equal(found["conv_1"], [0, 2])


def test_a_module_shared_under_two_names_answers_to_both():
    shared = nn.ReLU()
    net = nn.Sequential(shared, nn.Tanh(), shared).eval()
    found = create_feature_extractor(net, ["0", "2", "2_1"])(np.array([-1.0, 1.0], np.float32))
    np.testing.assert_array_equal(found["0"], [0, 1])
    np.testing.assert_array_equal(found["2"], [0, 1])  # the first call of the same module
    np.testing.assert_allclose(found["2_1"], [0, np.tanh(1)], rtol=1e-6)


def test_what_lies_behind_the_last_layer_does_not_run(model):
    ran = []
    model.layer3.forward = lambda x: ran.append(x)
    create_feature_extractor(model, ["layer2"])(X)
    assert not ran


def test_the_model_is_as_before_also_after_an_error(model):
    before = {path: dict(vars(m)) for path, m in model.named_modules()}
    kinds = [type(m) for m in model.modules()]
    create_feature_extractor(model, ["layer1", "fc"])(X)
    with pytest.raises(ValueError, match="channels"):
        create_feature_extractor(model, ["layer1", "fc"])(X[:, :2])
    after = {path: dict(vars(m)) for path, m in model.named_modules()}
    assert {p: list(v) for p, v in after.items()} == {p: list(v) for p, v in before.items()}
    assert all(after[p][n] is v for p, attributes in before.items() for n, v in attributes.items())
    assert [type(m) for m in model.modules()] == kinds


def test_mode_and_dtype_of_both_are_one(model):
    extractor = create_feature_extractor(model, ["layer1"])
    assert not extractor.training
    extractor.train()
    assert model.layer1[0].bn1.training
    mean = model.bn1.running_mean.copy()
    assert isinstance(extractor(X)["layer1"], Tensor)
    assert not np.array_equal(model.bn1.running_mean, mean)
    assert not model.layer3[0].bn1.running_mean.any()  # not reached
    model.double().eval()
    extractor.eval()
    assert extractor(X.astype(np.float64))["layer1"].dtype == np.float64


def test_an_extractor_within_an_extractor(model):
    inner = create_feature_extractor(model, ["layer1", "layer2"])
    outer = create_feature_extractor(inner, {"model.layer1": "a", "model.conv1": "b"})
    expected = create_feature_extractor(model, {"layer1": "a", "conv1": "b"})(X)
    for _ in range(2):
        found = outer(X)
        assert list(found) == ["a", "b"]
        for key, m in expected.items():
            np.testing.assert_array_equal(found[key], m)
    assert list(inner(X)) == ["layer1", "layer2"]


def test_threads_get_their_own_maps(model):
    extractor = create_feature_extractor(model, ["layer1", "fc"])
    images = [normal((1, 3, 8, 8), seed, np.float32) for seed in range(8)]
    expected = [extractor(x) for x in images]
    found, logits, kinds = {}, {}, [type(m) for m in model.modules()]

    def run(i):
        for _ in range(5):
            found[i] = extractor(images[i])
            logits[i] = model(images[i])  # plain calls beside extractions

    threads = [threading.Thread(target=run, args=(i,)) for i in range(len(images))]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for i, maps in enumerate(expected):
        for key, m in maps.items():
            np.testing.assert_array_equal(found[i][key], m)
        np.testing.assert_array_equal(logits[i], maps["fc"])
    assert [type(m) for m in model.modules()] == kinds


@pytest.mark.parametrize(
    ("name", "near"), [("layer2.0.conv3", "layer2.0.conv"), ("layr1", "layer1"), ("", "conv1")]
)
def test_an_unknown_name_raises_with_the_near_ones(model, name, near):
    with pytest.raises(ValueError, match=f"no module '{name}'; near it: .*{near}"):
        create_feature_extractor(model, [name])


@pytest.mark.parametrize(("name", "calls"), [("relu_2", 2), ("never", 0)])
def test_a_call_that_does_not_happen_is_an_error(name, calls):
    with pytest.raises(ValueError, match=rf"without reaching {name} \({calls} calls\)"):
        create_feature_extractor(Twice().eval(), ["relu", name])(np.zeros(3, np.float32))


@pytest.mark.parametrize("nodes", [[], {}])
def test_no_names_are_refused(model, nodes):
    with pytest.raises(ValueError, match="names no layer"):
        create_feature_extractor(model, nodes)


def test_one_name_alone_and_one_key_twice_are_refused(model):
    with pytest.raises(TypeError, match="'layer1'"):
        create_feature_extractor(model, "layer1")
    with pytest.raises(ValueError, match="one key"):
        create_feature_extractor(model, {"layer1": "a", "layer2": "a"})


def test_maps_are_freed_without_the_cycle_collector():
    class Map(np.ndarray):
        pass

    class Marking(nn.Module):
        def forward(self, x):
            found.append(weakref.ref(x))
            return x

    found = []
    net = nn.Sequential(nn.ReLU(), Marking(), nn.ReLU()).eval()
    extractor = create_feature_extractor(net, ["1"])
    gc.collect()
    gc.disable()
    try:
        result = extractor(np.ones((2, 3), np.float32))
        del result
        assert [ref() for ref in found] == [None]
    finally:
        gc.enable()


def test_copies_taken_while_an_extractor_runs_are_ordinary_networks():
    class Copying(nn.Module):
        def forward(self, x):
            copies.append(pickle.loads(pickle.dumps(net[0])))
            return x

    copies = []
    net = nn.Sequential(nn.ReLU(), Copying(), nn.ReLU()).eval()
    create_feature_extractor(net, ["0", "2"])(np.ones((2, 3), np.float32))
    assert [type(c) for c in copies] == [nn.ReLU]


def test_an_extractor_within_an_extractor_records_its_own():
    inner = create_feature_extractor(nn.Sequential(nn.ReLU(), nn.Flatten()), ["0"])

    class Outer(nn.Module):
        def __init__(self):
            self.inner = inner
            self.last = nn.Identity()

        def forward(self, x):
            return self.last(self.inner(x)["0"] + 1)

    x = -np.ones((1, 2), np.float32)
    outer = Outer().eval()
    for name in ("inner.model.0", "last"):
        found = create_feature_extractor(outer, [name])(x)
        np.testing.assert_array_equal(found[name], x * 0 + (name == "last"))


def test_what_was_fused_for_inference_has_no_map_of_its_own():
    layers = nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Conv2d(2, 1, 1)
    model = nn.Sequential(nn.Sequential(*layers[:3]), layers[3]).eval()
    form = nn.optimize_for_inference(model)
    x = np.random.default_rng(0).standard_normal((1, 1, 5, 5)).astype(np.float32)
    found = create_feature_extractor(form, ["0", "1"])(x)
    expected = create_feature_extractor(model, ["0", "1"])(x)
    for name in ("0", "1"):
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-5, atol=1e-6)
    for name in ("0.0", "0.1", "0.2"):
        with pytest.raises(ValueError, match=f"'{name}' was fused"):
            create_feature_extractor(form, [name])
    with pytest.raises(TypeError, match="first, then create the feature extractor"):
        nn.optimize_for_inference(create_feature_extractor(model, ["0"]))
