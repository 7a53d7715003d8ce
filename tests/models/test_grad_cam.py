"""Grad-CAM: by hand, and against torch's autograd."""

import threading

import numpy as np
import pytest
from compare import normal

from scratchnet import Tensor, nn
from scratchnet.models import cifar_resnet, grad_cam


class Worked(nn.Module):
    """Maps A = relu(x), mean over the positions, affine map: w_k = W[c, k] / (h·w)."""

    def __init__(self, weight):
        self.maps = nn.ReLU()
        self.fc = nn.Linear(weight.shape[1], weight.shape[0], bias=False)
        self.fc.weight.data = weight

    def forward(self, x):
        return self.fc(self.maps(x).mean((2, 3)))


WEIGHT = np.array([[4.0, -8.0], [-4.0, 12.0]], np.float32)
X = np.array([[[[1, 0], [2, -3]], [[0, 1], [1, 2]]]], np.float32)  # (1, 2, 2, 2)


def test_a_network_that_can_be_worked_out_by_hand():
    model = Worked(WEIGHT).eval()
    # Class 0: w = (1, −2), Σ w A = [[1, −2], [0, −4]]; class 1: w = (−1, 3), [[−1, 3], [1, 6]].
    maps, classes = grad_cam(model, X, "maps", 0)
    np.testing.assert_array_equal(maps, [[[1, 0], [0, 0]]])
    np.testing.assert_array_equal(classes, [0])
    maps, classes = grad_cam(model, X, "maps", 1)
    np.testing.assert_array_equal(maps, [[[0, 3], [1, 6]]])
    assert (maps.dtype, classes.dtype) == (np.float32, np.int64)


def test_without_a_class_the_most_probable_is_explained():
    model = Worked(WEIGHT).eval()
    images = np.concatenate([X, X * [[[1]], [[0]]], X[:, ::-1]], dtype=np.float32)
    logits = model(images)
    maps, classes = grad_cam(model, images, "maps")
    np.testing.assert_array_equal(classes, logits.argmax(1))
    assert len(set(classes)) == 2
    for i, c in enumerate(classes):  # an image by itself gives what it gives in the batch
        np.testing.assert_array_equal(grad_cam(model, images[i : i + 1], "maps", c)[0][0], maps[i])
    by_class = grad_cam(model, images, "maps", classes)[0]
    np.testing.assert_array_equal(by_class, maps)


@pytest.mark.parametrize("layer", ["layer2", "layer1.0.conv2", "layer3.0"])
def test_it_is_the_stated_equation_with_torchs_gradients(torch, torch_resnet, layer):
    theirs = torch_resnet.randomise(torch_resnet.CifarResNet(8, width=4)).double().eval()
    ours = cifar_resnet(8, width=4).double().eval()
    ours.load_state_dict(theirs.state_dict())
    x, kept = normal((3, 3, 12, 12)), []
    theirs.get_submodule(layer).register_forward_hook(lambda module, args, out: kept.append(out))
    logits = theirs(torch.from_numpy(x))
    c = np.array([1, 4, 9])
    chosen = logits[range(3), c].sum()
    gradient = torch.autograd.grad(chosen, kept[0])[0].numpy()
    expected = np.maximum(np.einsum("nk,nkij->nij", gradient.mean((2, 3)), kept[0].detach()), 0)
    assert (expected > 0).any()
    found, _ = grad_cam(ours, x, layer, c)
    assert found.shape == expected.shape
    # float64 through ten layers: some 1e-15 of the largest value
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12 * expected.max())


def test_the_model_and_its_gradients_are_left_as_they_were():
    model = cifar_resnet(8, width=4).eval()
    model.fc.weight.requires_grad_(False)
    model.conv1.weight.grad = np.ones_like(model.conv1.weight.data)
    state = {k: v.copy() for k, v in model.state_dict().items()}
    x = normal((2, 3, 8, 8), 0, np.float32)
    logits = model(x)
    given = Tensor(x, requires_grad=True)
    grad_cam(model, given, model.layer2)  # the module itself
    assert given.grad is None
    assert [n for n, p in model.named_parameters() if p.grad is not None] == ["conv1.weight"]
    np.testing.assert_array_equal(model.conv1.weight.grad, 1)
    frozen = [n for n, p in model.named_parameters() if not p.requires_grad]
    assert frozen == ["fc.weight"]
    for key, value in model.state_dict().items():
        np.testing.assert_array_equal(value, state[key])
    np.testing.assert_array_equal(model(x), logits)


def test_an_empty_batch_has_no_maps():
    maps, classes = grad_cam(Worked(WEIGHT).eval(), X[:0], "maps")
    assert (maps.shape, classes.shape) == ((0, 2, 2), (0,))


@pytest.mark.parametrize(
    ("layer", "class_index", "said"),
    [
        ("maps", 2, "0 … 1"),
        ("maps", -1, "0 … 1"),
        ("maps", [0, 1], "one for each of 1 images"),
        ("maps", 0.5, "one for each of 1 images"),
        ("fc", 0, "'fc' must return maps"),
        ("map", 0, "near it: maps"),
        (nn.ReLU(), 0, "did not call"),
    ],
)
def test_what_cannot_be_explained_is_refused(layer, class_index, said):
    with pytest.raises(ValueError, match=said):
        grad_cam(Worked(WEIGHT).eval(), X, layer, class_index)


def test_a_model_in_training_mode_is_refused():
    with pytest.raises(ValueError, match="eval mode"):
        grad_cam(Worked(WEIGHT), X, "maps")


def test_logits_that_do_not_depend_on_the_layer_are_refused():
    class Aside(Worked):
        def forward(self, x):
            self.maps(x)
            return self.fc(x.mean((2, 3)))

    with pytest.raises(ValueError, match="do not depend"):
        grad_cam(Aside(WEIGHT).eval(), X, "maps")


def test_threads_explain_the_same_model_at_once():
    model = cifar_resnet(8, width=4).eval()
    images = normal((6, 1, 3, 8, 8), 0, np.float32)
    expected = [grad_cam(model, x, "layer2")[0] for x in images]
    found = {}

    def run(i):
        for _ in range(5):
            found[i] = grad_cam(model, images[i], "layer2")[0]

    threads = [threading.Thread(target=run, args=(i,)) for i in range(len(images))]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for i, maps in enumerate(expected):
        np.testing.assert_array_equal(found[i], maps)
    assert all(p.requires_grad and p.grad is None for p in model.parameters())


def test_the_form_for_inference_is_refused():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(2, 2)).eval()
    form = nn.optimize_for_inference(model)
    with pytest.raises(ValueError, match="takes the plain model"):
        grad_cam(form, np.ones((1, 1, 3, 3), np.float32), "0")
