"""Hostile and damaged image files: an error that names the file, in little time and memory."""

import importlib.util
import io
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from image_examples import encoded, palette_image, pixels, smooth, with_orientation

from scratchnet.transforms import read_image

FOLDER = Path(__file__).parent.parent / "attacks" / "images"
FILES = sorted(path for path in FOLDER.iterdir() if path.suffix not in (".py", ".pyc", ""))


def test_the_folder_holds_what_its_script_makes():
    spec = importlib.util.spec_from_file_location("make_images", FOLDER / "make.py")
    make = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make)
    assert {path.name for path in FILES} == set(make.attacks())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_an_attack_is_a_value_error_that_names_the_file(path):
    with pytest.raises(ValueError, match=r"cannot be read as an image: .") as caught:
        read_image(path)
    assert str(caught.value).startswith(str(path))


@pytest.mark.parametrize("name", ["large.png", "larger.png", "bomb.png", "large.webp"])
def test_too_many_pixels_is_what_the_error_says(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's own warning is no condition of the error
        with pytest.raises(ValueError, match=r"pixels.* (max_pixels is 67108864|exceeds limit)"):
            read_image(FOLDER / name)


def test_all_attacks_together_take_little_memory_and_time():
    pytest.importorskip("resource", reason="it measures memory, on Unix only")
    program = f"""
import resource, sys, warnings
from PIL import Image
from scratchnet.transforms import read_image
warnings.simplefilter("ignore")
Image.init()
before = resource.getrusage(resource.RUSAGE_SELF)
for path in {[str(path) for path in FILES]!r}:
    try:
        read_image(path)
    except ValueError:
        continue
    raise SystemExit(f"{{path}} was read")
after = resource.getrusage(resource.RUSAGE_SELF)
print((after.ru_maxrss - before.ru_maxrss) * (1 if sys.platform == "darwin" else 1024))
print(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    memory, seconds = map(float, done.stdout.split())
    # The largest image that is let through to its decoder is the 2²⁵ grey pixels of
    # bomb-strip.tif; everything else is refused by its header.
    assert memory < 2**25 + 2**24
    assert seconds < 5  # 0.2 on a laptop


SOUND = {
    "jpeg": encoded(smooth(20, 30), "JPEG"),
    "progressive jpeg": encoded(smooth(20, 30), "JPEG", progressive=True),
    "turned jpeg": with_orientation(smooth(9, 12), 6),
    "png": encoded(pixels(9, 12), "PNG"),
    "palette png": encoded(palette_image(), "PNG", transparency=bytes([0, 255])),
    "gif": encoded(palette_image(), "GIF"),
    "bmp": encoded(pixels(9, 12), "BMP"),
    "webp": encoded(pixels(9, 12), "WEBP"),
    "lossless webp": encoded(pixels(9, 12), "WEBP", lossless=True),
    "tiff": encoded(pixels(9, 12), "TIFF"),
    "ppm": encoded(pixels(9, 12), "PPM"),
}


@pytest.mark.parametrize("kind", SOUND)
def test_a_file_cut_off_anywhere_is_an_error_or_still_whole(kind):
    data = SOUND[kind]
    whole = np.asarray(read_image(io.BytesIO(data)))
    refused = 0
    for n in range(0, len(data), 1 if len(data) < 2000 else 7):
        try:
            found = read_image(io.BytesIO(data[:n]))
        except ValueError:
            refused += 1
        else:
            np.testing.assert_array_equal(np.asarray(found), whole)
            assert n > len(data) - 16  # what was cut off held no pixels
    assert refused > 100


@pytest.mark.parametrize("kind", SOUND)
def test_changed_bytes_give_an_image_or_a_value_error(kind):
    rng = np.random.default_rng(list(kind.encode()))
    sound = np.frombuffer(SOUND[kind], np.uint8)
    outcomes, messages = [], []
    for _ in range(150):
        data = sound.copy()
        reach = len(data) if rng.random() < 0.5 else 60  # headers hold what decides
        places = rng.integers(reach, size=rng.integers(1, 4))
        data[places] = rng.choice([0, 1, 127, 128, 255, int(rng.integers(256))], size=len(places))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                image = read_image(io.BytesIO(data.tobytes()), max_pixels=2**20)
        except ValueError as error:
            outcomes.append("error")
            messages.append(str(error))
        else:
            outcomes.append("image")
            assert image.mode == "RGB"
            assert 0 < image.width * image.height <= 2**20
    assert {"error", "image"} == set(outcomes)
    assert all(m.startswith("the file cannot be read as an image: ") for m in messages)
    if kind == "png":  # nearly every byte of a PNG is under a checksum
        assert outcomes.count("error") > 140
