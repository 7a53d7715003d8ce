"""The photograph that ships with the package."""

import sys

import numpy as np
import pytest

from scratchnet.datasets import load_sample_image, sample_image_path


def test_the_photograph_is_an_array_of_height_width_and_colours():
    image = load_sample_image()
    assert image.shape == (300, 451, 3)
    assert image.dtype == np.uint8
    # Means of red, green, blue of the original; JPEG and its decoders move them by less than one.
    np.testing.assert_allclose(image.mean(axis=(0, 1)), [147.67, 111.44, 86.80], atol=1)


def test_what_is_returned_belongs_to_the_caller():
    first = load_sample_image()
    expected = first.copy()
    first.fill(0)
    np.testing.assert_array_equal(load_sample_image(), expected)


def test_the_path_is_a_jpeg_with_its_licence_beside_it():
    path = sample_image_path()
    assert path.read_bytes()[:3] == b"\xff\xd8\xff"
    assert "CC0" in path.with_suffix(".md").read_text(encoding="utf-8")
    assert sample_image_path("chelsea.jpg") == path


@pytest.mark.parametrize("name", ["china.jpg", "../chelsea.jpg", "chelsea.md", ""])
def test_another_name_is_an_error_that_says_what_there_is(name):
    for function in (load_sample_image, sample_image_path):
        with pytest.raises(ValueError, match=f"{name!r}, only chelsea.jpg"):
            function(name)


def test_without_pillow_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ImportError, match=r"Pillow is needed .* 'scratchnet\[image\]'"):
        load_sample_image()
    assert sample_image_path().is_file()
