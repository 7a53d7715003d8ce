"""A small network in the place of ResNet-18, its weights, images, and what is to come out by hand."""

import numpy as np
from PIL import Image

from scratchnet import nn, serialization
from scratchnet.datasets import sample_image_path

CAT = str(sample_image_path())
MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


class Small(nn.Module):
    """As a ResNet: layer4 gives the last maps, fc the logits."""

    def __init__(self):
        self.conv1 = nn.Conv2d(3, 4, 7, stride=8, bias=False)
        self.bn1 = nn.BatchNorm2d(4)
        self.layer4 = nn.Sequential(nn.Conv2d(4, 6, 3, stride=4), nn.ReLU())
        self.fc = nn.Linear(6, 1000)

    def forward(self, x):
        return self.fc(self.layer4(self.bn1(self.conv1(x))).mean((2, 3)))


def state_of(n_classes=1000, seed=0):
    """Return random weights with logits some units apart."""
    rng = np.random.default_rng(seed)
    state = {k: rng.normal(size=v.shape).astype(v.dtype) for k, v in Small().state_dict().items()}
    state["bn1.running_var"] = rng.uniform(0.5, 2, 4).astype(np.float32)
    state["fc.weight"] = rng.normal(size=(n_classes, 6)).astype(np.float32)
    state["fc.bias"] = rng.normal(size=n_classes).astype(np.float32)
    return state


def saved(path, state):
    serialization.save(state, path)
    return str(path)


def prepared(path, short=256):
    """Return an image as ResNets are fed, by Pillow and NumPy: (3, 224, 224)."""
    with Image.open(path) as opened:
        image = opened.convert("RGB")
    size = [short * side // min(image.size) for side in image.size]
    image = image.resize(size, Image.Resampling.BILINEAR)
    left, top = round((image.width - 224) / 2), round((image.height - 224) / 2)
    pixels = np.asarray(image.crop((left, top, left + 224, top + 224))) / 255
    return ((pixels - MEAN) / STD).transpose(2, 0, 1).astype(np.float32)


def by_hand(path, state, short=256):
    """Return the probabilities of the plain network."""
    model = Small().eval()
    model.fc = nn.Linear(6, len(state["fc.bias"])).eval()
    model.load_state_dict(state)
    logits = model(prepared(path, short)[None])[0].astype(np.float64)
    odds = np.exp(logits - logits.max())
    return odds / odds.sum()


def pictures(folder, n):
    """Write n images of several sizes and modes; return their paths."""
    paths = []
    for i in range(n):
        rng = np.random.default_rng(i)
        pixels = rng.integers(0, 256, (200 + 37 * (i % 4), 230 + 20 * i, 3), np.uint8)
        paths.append(str(folder / f"image {i}.png"))
        Image.fromarray(pixels).convert("L" if i % 3 == 2 else "RGB").save(paths[-1])
    return paths
