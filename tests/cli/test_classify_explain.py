"""`scratchnet classify --explain`: what is drawn, for which class, and that nothing half-drawn is left."""

import json
import sys

import numpy as np
import pytest
from PIL import Image

from scratchnet import nn, serialization
from scratchnet.cli import main
from scratchnet.cli.classify import command, images, networks, picture
from scratchnet.datasets import sample_image_path
from scratchnet.models import ResNet18_Weights

CAT = str(sample_image_path())


class Red(nn.Module):
    """Three classes: much red, no red, and one that the image has no say in."""

    def __init__(self):
        self.layer4 = nn.Sequential(nn.AvgPool2d(32), nn.Conv2d(3, 2, 1), nn.ReLU())
        self.fc = nn.Linear(2, 1000)

    def forward(self, x):
        return self.fc(self.layer4(x).mean((2, 3)))


STATE = {
    "layer4.1.weight": np.array([[1, -1, -1], [-1, 1, 1]], np.float32).reshape(2, 3, 1, 1),
    "layer4.1.bias": np.array([-2, 2], np.float32),  # black, standardised, is (-2.1, -2.0, -1.8)
    "fc.weight": np.array([[5, 0], [0, 5], [0, 0]], np.float32),
    "fc.bias": np.zeros(3, np.float32),
}
NAMES = ["Red", "other", "$nothing"]


@pytest.fixture
def options(monkeypatch, tmp_path):
    """A network that looks for red, in place of ResNet-18; the options that give its weights."""
    monkeypatch.setitem(networks.MODELS, "resnet18", (Red, ResNet18_Weights))
    serialization.save(STATE, tmp_path / "red.npz")
    (tmp_path / "names.txt").write_text("\n".join(NAMES), "utf-8")
    return "--weights", str(tmp_path / "red.npz"), "--categories", str(tmp_path / "names.txt")


@pytest.fixture
def red_square(tmp_path):
    """The path of a black image of 256 × 256 with a red square; the crop begins at pixel 16."""
    pixels = np.zeros((256, 256, 3), np.uint8)
    pixels[48:112, 144:208] = 255, 0, 0
    Image.fromarray(pixels).save(tmp_path / "square.png")
    return str(tmp_path / "square.png")


@pytest.fixture
def drawn(monkeypatch, capsys):
    """Return a function from arguments to the images that are drawn, and the JSON that is printed."""

    def run(*arguments):
        given = []
        monkeypatch.setattr(
            picture, "write_picture", lambda file, network, images: given.extend(images)
        )
        assert main(["classify", *map(str, arguments), "--json"]) == 0
        return given, json.loads(capsys.readouterr().out)

    return run


def rows_of(path):
    with Image.open(path) as image:
        assert image.format == "PNG"
        return np.asarray(image.convert("RGB")).astype(int)


def test_the_map_is_where_the_evidence_is_on_the_very_crop_that_was_classified(
    options, red_square, drawn, tmp_path
):
    given, found = drawn(red_square, *options, "--explain", tmp_path / "out.png")
    seen = given[0].explanation
    with Image.open(red_square) as image:
        crop = np.asarray(image.crop((16, 16, 240, 240))) / 255
    np.testing.assert_allclose(seen.crop, crop, atol=1e-6)  # scaled and back in float32
    # A class for which only the red square speaks: one of the 7 × 7 positions is 32 pixels wide, and
    # the square covers positions 1 and 2 down, 4 and 5 across, bilinear in between.
    assert seen.map.shape == (224, 224)
    assert (seen.map.min(), seen.map.max()) == (0, pytest.approx(1))
    np.testing.assert_allclose(seen.map[48:80, 144:176], 1, rtol=1e-6)
    inside = np.zeros((224, 224), bool)
    inside[16:112, 112:208] = True
    assert not seen.map[~inside].any()
    best = found["images"][0]["top"][0]
    assert found["images"][0]["explained"] == best
    assert best["name"] == "Red"
    assert found["picture"] == str(tmp_path / "out.png")


@pytest.mark.parametrize("given", ["other", "OTHER", "1"])
def test_a_class_is_chosen_by_name_or_number(given, options, red_square, drawn, tmp_path):
    arguments = [red_square, *options, "--explain", tmp_path / "out.png", "--class", given]
    images, found = drawn(*arguments)
    one = found["images"][0]["explained"]
    assert (one["class"], one["name"]) == (1, "other")
    assert one in found["images"][0]["top"]
    assert images[0].explanation.map[64, 160] == 0  # in the square
    assert images[0].explanation.map[200, 20] == pytest.approx(1)


def test_nothing_is_drawn_where_nothing_speaks_for_the_class(options, red_square, drawn, tmp_path):
    arguments = [red_square, *options, "--explain", tmp_path / "out.png", "--class", "2"]
    assert not drawn(*arguments)[0][0].explanation.map.any()


def test_each_image_has_its_own_map(options, red_square, drawn, tmp_path):
    n = images.BATCH + 1
    files = [red_square, CAT] * (n // 2) + [red_square]
    given, found = drawn(*files, *options, "--explain", tmp_path / "out.png")
    assert [image.file for image in given] == files
    alone = [drawn(file, *options, "--explain", tmp_path / "out.png") for file in files[:2]]
    for i, image in enumerate(given):
        (expected,), single = alone[i % 2]
        np.testing.assert_array_equal(image.explanation.crop, expected.explanation.crop)
        np.testing.assert_allclose(image.explanation.map, expected.explanation.map, atol=1e-6)
        assert found["images"][i]["top"] == single["images"][0]["top"]


@pytest.mark.parametrize("n", [1, 2, 4])
def test_the_picture_shows_crop_and_map_of_every_image(n, options, red_square, tmp_path, capsys):
    out = tmp_path / "out.png"
    assert main(["classify", *[red_square] * n, *options, "--explain", str(out)]) == 0
    r, g, b = np.moveaxis(rows_of(out), -1, 0)
    red = ((r > 240) & (g < 15) & (b < 15)).sum()
    yellow = ((r > 180) & (g > 150) & (b < 170) & (r - b > 50)).sum()
    panel = (picture._SIDE * 110) ** 2  # pixels
    assert red == pytest.approx(n * panel * (64 / 224) ** 2, rel=0.05)  # in the crop; edges blur
    # Over the map's flat top and a little around it; the scale of colours has some as well.
    assert n * panel * (32 / 224) ** 2 < yellow < 1.2 * n * panel * (80 / 224) ** 2
    assert r.shape[1] == round(110 * (min(n, 3) * 2 * 2.7 + 0.1))


def test_names_are_drawn_as_they_are(options, red_square, tmp_path, recwarn):
    odd = tmp_path / "a $x_1$ \u7e3e \t image with a rather long name.png"
    odd.write_bytes((tmp_path / "square.png").read_bytes())
    out = tmp_path / "out.png"
    assert main(["classify", str(odd), *options, "--explain", str(out), "--class", "$nothing"]) == 0
    assert rows_of(out).size
    assert not recwarn.list


# --- files


def test_a_picture_takes_its_place_only_when_it_is_complete(
    options, red_square, monkeypatch, tmp_path, capsys
):
    out = tmp_path / "out.png"
    out.write_bytes(b"an earlier picture")
    before = sorted(tmp_path.iterdir())
    arguments = ["classify", red_square, *options, "--explain", str(out)]

    def broken(file, network, images):
        file.write(b"\x89PNG half")
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(picture, "write_picture", broken)
        assert main(arguments) == 1
        assert "disk full" in capsys.readouterr().err
    assert out.read_bytes() == b"an earlier picture"
    assert sorted(tmp_path.iterdir()) == before
    assert main(arguments) == 0
    assert rows_of(out).size
    assert sorted(tmp_path.iterdir()) == before


def test_without_any_image_to_draw_nothing_is_written(options, tmp_path, capsys):
    out = tmp_path / "out.png"
    missing = str(tmp_path / "missing.png")
    assert main(["classify", missing, *options, "--explain", str(out), "--json"]) == 1
    printed, err = capsys.readouterr()
    assert [line.partition(":")[0] for line in err.splitlines()] == ["scratchnet classify"] * 2
    assert missing in err.splitlines()[0]
    assert str(out) in err.splitlines()[1]
    document = json.loads(printed)
    assert document["images"][0]["error"].startswith(missing)
    assert document["picture"] is None
    assert not out.exists()


def test_images_that_cannot_be_read_are_left_out_of_the_picture(
    options, red_square, tmp_path, capsys
):
    out, one = tmp_path / "out.png", tmp_path / "one.png"
    files = [str(tmp_path / "missing.png"), red_square]
    assert main(["classify", *files, *options, "--explain", str(out)]) == 1
    assert main(["classify", red_square, *options, "--explain", str(one)]) == 0
    np.testing.assert_array_equal(rows_of(out), rows_of(one))


@pytest.mark.parametrize("place", ["below a file", "a folder"])
def test_a_picture_that_cannot_be_written_is_an_error_before_anything_is_computed(
    place, options, red_square, monkeypatch, tmp_path, capsys
):
    monkeypatch.setattr(networks, "load_network", lambda *_: pytest.fail("loaded"))
    (tmp_path / "folder.png").mkdir()
    out = {"below a file": f"{red_square}/out.png", "a folder": tmp_path / "folder.png"}[place]
    before = sorted(tmp_path.iterdir())
    assert main(["classify", red_square, *options, "--explain", str(out)]) == 1
    printed, err = capsys.readouterr()
    assert printed == ""
    assert err.count("\n") == 1
    assert str(out) in err
    assert sorted(tmp_path.iterdir()) == before


# --- arguments


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("3", "numbers go from 0 to 2"),
        ("-1", "numbers go from 0 to 2"),
        ("9" * 5000, "numbers go from 0 to 2"),
        ("٢", "numbers go from 0 to 2"),
        ("othr", "near it: other"),
        ("same", "several of this name: 0, 2"),
    ],
)
def test_a_class_that_is_not_there_is_an_error(given, said, options, red_square, tmp_path, capsys):
    if given == "same":
        (tmp_path / "names.txt").write_text("Same\nx\nsame\n", "utf-8")
        assert networks.class_number("same", ["Same", "x", "same"]) == 2  # as it is written
        given = "SAME"
    out = tmp_path / "out.png"
    arguments = ["classify", red_square, *options, "--explain", str(out), f"--class={given}"]
    assert main(arguments) == 2
    printed, err = capsys.readouterr()
    assert printed == ""
    assert said in err
    assert err.count("\n") == 1
    assert not out.exists()


def test_options_that_lead_nowhere_are_errors(options, red_square, tmp_path, capsys):
    assert main(["classify", red_square, *options, "--class", "Red"]) == 2
    assert "--explain" in capsys.readouterr().err
    many = [red_square] * (command._MAX_DRAWN + 1)
    assert main(["classify", *many, *options, "--explain", str(tmp_path / "out.png")]) == 2
    assert f"at most {command._MAX_DRAWN} images" in capsys.readouterr().err


def test_without_matplotlib_one_line_names_the_extra(
    options, red_square, monkeypatch, tmp_path, capsys
):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    out = tmp_path / "out.png"
    assert main(["classify", red_square, *options, "--explain", str(out)]) == 1
    err = capsys.readouterr().err
    assert "pip install 'scratchnet[plot]'" in err
    assert err.count("\n") == 1
    assert not out.exists()
    assert main(["classify", red_square, *options]) == 0  # needed for the picture only
