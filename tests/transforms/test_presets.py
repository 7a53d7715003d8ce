"""The preset gives, bit for bit, what torchvision's gives: the reference is written out here."""

import io
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from image_examples import awkward, pixels, png16
from PIL import Image, ImageOps

from scratchnet.transforms import ImageClassification

AWKWARD = awkward()
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def reference(torch, image, crop, resize, filter):
    """What torchvision does with a Pillow image, once that is upright and in RGB."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of palettes with alpha
        image = ImageOps.exif_transpose(image).convert("RGB")

    width, height = image.size
    short, long = (width, height) if width <= height else (height, width)
    new_short, new_long = resize, int(resize * long / short)
    new = (new_short, new_long) if width <= height else (new_long, new_short)
    if new != image.size:
        image = image.resize(new, filter)

    width, height = image.size
    if crop > width or crop > height:
        left = (crop - width) // 2 if crop > width else 0
        top = (crop - height) // 2 if crop > height else 0
        right = (crop - width + 1) // 2 if crop > width else 0
        bottom = (crop - height + 1) // 2 if crop > height else 0
        image = ImageOps.expand(image, (left, top, right, bottom), fill=0)
    width, height = image.size
    if (width, height) != (crop, crop):
        top = round((height - crop) / 2.0)
        left = round((width - crop) / 2.0)
        image = image.crop((left, top, left + crop, top + crop))

    x = torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous()
    x = x.to(torch.float32).div(255)
    mean = torch.as_tensor(MEAN, dtype=torch.float32).view(-1, 1, 1)
    std = torch.as_tensor(STD, dtype=torch.float32).view(-1, 1, 1)
    return x.sub_(mean).div_(std).numpy()


def assert_same_bits(found, expected):
    assert found.dtype == expected.dtype == np.float32
    assert found.shape == expected.shape
    assert found.flags.c_contiguous
    np.testing.assert_array_equal(found.view(np.uint32), expected.view(np.uint32))


@pytest.mark.parametrize("name", AWKWARD)
def test_an_awkward_file_gives_the_reference_bit_for_bit(torch, tmp_path, name):
    (tmp_path / "image").write_bytes(AWKWARD[name])
    with Image.open(io.BytesIO(AWKWARD[name])) as image:
        expected = reference(torch, image, 224, 256, Image.Resampling.BILINEAR)
    assert_same_bits(ImageClassification(224)(tmp_path / "image"), expected)


@given(
    height=st.integers(1, 90),
    width=st.integers(1, 90),
    resize=st.integers(1, 60),
    crop=st.integers(1, 70),
    filter=st.sampled_from(["nearest", "bilinear", "bicubic", "lanczos"]),
)
@settings(max_examples=80)
def test_any_size_gives_the_reference_bit_for_bit(torch, height, width, resize, crop, filter):
    array = pixels(height, width, seed=height)
    preset = ImageClassification(crop, resize_size=resize, interpolation=filter)
    expected = reference(
        torch, Image.fromarray(array), crop, resize, Image.Resampling[filter.upper()]
    )
    assert_same_bits(preset(array), expected)


def test_16_bit_grey_gives_the_reference_of_its_high_byte(torch, tmp_path):
    values = np.random.default_rng(0).integers(0, 65536, (40, 61, 1), dtype=np.uint16)
    (tmp_path / "image").write_bytes(png16(values, 0))
    high = Image.fromarray((values[..., 0] >> 8).astype(np.uint8))
    expected = reference(torch, high, 224, 256, Image.Resampling.BILINEAR)
    assert_same_bits(ImageClassification(224)(str(tmp_path / "image")), expected)


@pytest.mark.parametrize("name", ["orientation 6.jpg", "palette alpha.png", "grey alpha.png"])
def test_a_path_and_what_pillow_opens_give_the_same(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(AWKWARD[name])
    preset = ImageClassification(224)
    with Image.open(path) as image:
        assert_same_bits(preset(image), preset(path))


def test_the_description_and_the_repr_say_what_is_done():
    preset = ImageClassification(224, resize_size=232, interpolation="bicubic")
    text = preset.describe()
    assert "\n" not in text
    for part in ("232", "bicubic", "224 × 224", "0.485, 0.456, 0.406", "0.229, 0.224, 0.225"):
        assert part in text
    # The repr makes the preset again.
    again = eval(repr(preset), {"ImageClassification": ImageClassification})
    array = pixels(50, 60)
    assert_same_bits(again(array), preset(array))


def test_mean_and_std_of_ones_own_are_used():
    array = np.full((5, 5, 3), 255, np.uint8)
    x = ImageClassification(4, resize_size=5, mean=(0.0, 0.5, 1.0), std=(1.0, 0.5, 2.0))(array)
    np.testing.assert_array_equal(x[:, 0, 0], np.array([1, 1, 0], np.float32))


def test_what_is_no_image_is_refused():
    for value in (np.zeros((3, 8, 8), np.float32), np.zeros((8, 8, 4), np.uint8)):
        with pytest.raises(TypeError, match=r"uint8 and \(H, W\).*got"):
            ImageClassification(4)(value)
    with pytest.raises(TypeError, match="got list"):
        ImageClassification(4)([[0, 1]])


def test_a_strip_that_would_grow_beyond_the_limit_is_refused():
    with pytest.raises(ValueError, match=r"gives 256 × 5120000 pixels"):
        ImageClassification(224)(np.zeros((20000, 1, 3), np.uint8))
