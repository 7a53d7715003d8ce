"""The lists of weights: what they say, and how they get into a network."""

import copy
import pickle

import numpy as np
import pytest

from scratchnet import models, serialization
from scratchnet.models import (
    BasicBlock,
    ResNet,
    ResNet18_Weights,
    ResNet50_Weights,
    WeightsEnum,
    download,
    get_weight,
    resnet,
    weights,
)

ENUMS = WeightsEnum.__subclasses__()
MEMBERS = [member for kind in ENUMS for member in kind]


def test_each_network_has_the_files_that_torchvision_has():
    files = {repr(m): m.url.removeprefix("https://download.pytorch.org/models/") for m in MEMBERS}
    assert files == {
        "ResNet18_Weights.IMAGENET1K_V1": "resnet18-f37072fd.pth",
        "ResNet34_Weights.IMAGENET1K_V1": "resnet34-b627a593.pth",
        "ResNet50_Weights.IMAGENET1K_V1": "resnet50-0676ba61.pth",
        "ResNet50_Weights.IMAGENET1K_V2": "resnet50-11ad3fa6.pth",
        "ResNet101_Weights.IMAGENET1K_V1": "resnet101-63fe2227.pth",
        "ResNet101_Weights.IMAGENET1K_V2": "resnet101-cd907fc2.pth",
        "ResNet152_Weights.IMAGENET1K_V1": "resnet152-394f9c45.pth",
        "ResNet152_Weights.IMAGENET1K_V2": "resnet152-f82ba261.pth",
        "ResNeXt50_32X4D_Weights.IMAGENET1K_V1": "resnext50_32x4d-7cdf4587.pth",
        "ResNeXt50_32X4D_Weights.IMAGENET1K_V2": "resnext50_32x4d-1a0047aa.pth",
        "Wide_ResNet50_2_Weights.IMAGENET1K_V1": "wide_resnet50_2-95faca4d.pth",
        "Wide_ResNet50_2_Weights.IMAGENET1K_V2": "wide_resnet50_2-9ba9bcbe.pth",
    }


@pytest.mark.parametrize("member", MEMBERS, ids=repr)
def test_what_a_member_says_of_itself_fits_together(undrawn, member):
    builder = member.url.rpartition("/")[2].rpartition("-")[0]
    model = getattr(models, builder)()
    meta = member.meta
    assert meta["num_params"] == sum(p.data.size for p in model.parameters())
    assert len(meta["categories"]) == model.fc.out_features
    # Four bytes for each parameter and a little for the rest, in units of 2²⁰. One figure of
    # torchvision's is of an older file that kept float16.
    half = member.url.endswith("wide_resnet50_2-95faca4d.pth")
    size = meta["num_params"] * (2 if half else 4) / 2**20
    assert size < meta["_file_size"] < 1.01 * size
    accuracy = meta["_metrics"]["ImageNet-1K"]
    assert 50 < accuracy["acc@1"] < accuracy["acc@5"] < 100
    assert len(member.sha256) == 8
    int(member.sha256, 16)
    best = max(type(member), key=lambda m: m.meta["_metrics"]["ImageNet-1K"]["acc@1"])
    assert type(member).DEFAULT is best


def test_the_categories_are_torchvisions():
    names = ResNet18_Weights.DEFAULT.meta["categories"]
    assert len(names) == len(set(names)) == 1000
    known = {
        0: "tench",
        134: "crane bird",  # not the crane of 517
        207: "golden retriever",
        264: "Cardigan",  # the dog; the garment is 474
        285: "Egyptian cat",
        388: "giant panda",
        417: "balloon",
        474: "cardigan",
        477: "carpenter's kit",
        517: "crane",
        607: "jack-o'-lantern",
        639: "maillot tank suit",
        817: "sports car",
        986: "yellow lady's slipper",
        999: "toilet tissue",
    }
    assert {i: names[i] for i in known} == known
    assert all(name == name.strip() and "_" not in name for name in names)
    names.clear()
    assert len(ResNet18_Weights.DEFAULT.meta["categories"]) == 1000  # each call its own list


def test_the_preprocessing_is_that_of_the_member():
    transforms = ResNet18_Weights.DEFAULT.transforms
    assert transforms.keywords == {"crop_size": 224, "resize_size": 256}
    assert ResNet50_Weights.IMAGENET1K_V1.transforms.keywords["resize_size"] == 256
    assert ResNet50_Weights.DEFAULT.transforms.keywords["resize_size"] == 232
    image = np.full((300, 400, 3), 128, np.uint8)
    x = transforms()(image)
    assert (x.shape, x.dtype) == ((3, 224, 224), np.float32)
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    np.testing.assert_allclose(x[:, 100, 100], (128 / 255 - mean) / std, rtol=1e-5)


def test_names_and_members_are_verified():
    default = ResNet50_Weights.IMAGENET1K_V2
    for given in (default, "DEFAULT", "IMAGENET1K_V2", "ResNet50_Weights.DEFAULT"):
        assert ResNet50_Weights.verify(given) is default
    assert ResNet50_Weights.verify(None) is None
    assert get_weight("ResNet50_Weights.DEFAULT") is default
    with pytest.raises(
        ValueError, match="'IMAGENET1K_V2' is none of ResNet18_Weights: IMAGENET1K_V1"
    ):
        ResNet18_Weights.verify("IMAGENET1K_V2")
    with pytest.raises(
        TypeError, match=r"expected ResNet18_Weights.*ResNet50_Weights\.IMAGENET1K_V2"
    ):
        ResNet18_Weights.verify(default)
    for name in ("ResNet50_Weights", "ResNet7_Weights.DEFAULT", "ResNet50_Weights.V3", ""):
        with pytest.raises(ValueError, match=repr(name)):
            get_weight(name)


def test_members_survive_copy_and_pickle():
    for member in MEMBERS:
        assert copy.deepcopy(member) is member
        assert pickle.loads(pickle.dumps(member)) is member


def test_weights_are_loaded_from_the_cache_folder(monkeypatch, tmp_path):
    """The whole way for a small network: a file in the cache, its hash, the state, the network."""
    saved = ResNet(BasicBlock, (1, 1, 1, 1)).state_dict()
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    path = folder / "resnet18-00000000.npz"
    serialization.save(saved, path)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    renamed = folder / f"resnet18-{download._sha256_of(path)[:8]}.npz"
    path.rename(renamed)

    class Small_Weights(WeightsEnum):
        DEFAULT = weights.Weights(renamed.name, 0, 0, 0, 0, 0)

    chosen = Small_Weights.verify("DEFAULT")
    model = resnet._resnet(BasicBlock, (1, 1, 1, 1), chosen, True)
    for key, value in model.state_dict().items():
        np.testing.assert_array_equal(value, saved[key])
    with pytest.raises(ValueError, match="num_classes=1000, got 10"):
        resnet._resnet(BasicBlock, (1, 1, 1, 1), chosen, True, num_classes=10)
    renamed.write_bytes(renamed.read_bytes()[:-1])
    with pytest.raises(ValueError, match=renamed.name):
        chosen.get_state_dict()


@pytest.mark.parametrize("given", ["DEFAULT", ResNet18_Weights.DEFAULT])
def test_a_builder_asks_the_weights_for_their_state(monkeypatch, undrawn, given):
    asked = []
    state = {k: np.full_like(v, 2) for k, v in models.resnet18().state_dict().items()}

    def get_state_dict(self, **options):
        asked.append((self, options))
        return state

    monkeypatch.setattr(WeightsEnum, "get_state_dict", get_state_dict)
    model = models.resnet18(weights=given, progress=False)
    assert asked == [(ResNet18_Weights.IMAGENET1K_V1, {"progress": False})]
    assert all((value == 2).all() for value in model.state_dict().values())
    with pytest.raises(ValueError, match="num_classes=1000, got 10"):
        models.resnet18(weights=given, num_classes=10)
    with pytest.raises(TypeError, match="ResNet18_Weights"):
        models.resnet18(weights=ResNet50_Weights.DEFAULT)
