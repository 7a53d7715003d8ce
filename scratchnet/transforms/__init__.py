"""Image preprocessing on Pillow and NumPy: reading, resizing, cropping, augmenting, scaling.

A model must be fed values on the scale that it was trained with. `ImageClassification` is the preset that
ImageNet weights were evaluated with, bit for bit as torchvision's own:

    a file                    read_image           the picture upright, in 8-bit RGB
    Pillow, W × H             Resize(256)          the short side to 256, antialiased
    Pillow, 341 × 256         CenterCrop(224)
    Pillow, 224 × 224         ToArray              divided by 255, channels first
    float32 (3, 224, 224)     Normalize            (x − mean) / std, one pair for each channel
    float32 (3, 224, 224)

Images are Pillow images or uint8 arrays, (H, W), (H, W, 1) or (H, W, 3), and come out as the kind
that went in. What comes after `ToArray` works on float arrays, channels first. The transforms that
training sets of small images need also have `batch`, which takes all images at once.

Random transforms draw from the generator that `scratchnet.manual_seed` seeds, or take `rng` (a seed
or a generator) when they are made or when they are called.
"""

from scratchnet.transforms.arrays import Normalize, ToArray
from scratchnet.transforms.color import ColorJitter, Grayscale
from scratchnet.transforms.compose import Compose
from scratchnet.transforms.crop import CenterCrop, RandomCrop, RandomResizedCrop
from scratchnet.transforms.flip import RandomHorizontalFlip
from scratchnet.transforms.presets import ImageClassification
from scratchnet.transforms.reading import read_image, to_rgb
from scratchnet.transforms.resize import Resize

__all__ = [
    "CenterCrop",
    "ColorJitter",
    "Compose",
    "Grayscale",
    "ImageClassification",
    "Normalize",
    "RandomCrop",
    "RandomHorizontalFlip",
    "RandomResizedCrop",
    "Resize",
    "ToArray",
    "read_image",
    "to_rgb",
]
