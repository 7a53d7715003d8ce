"""`scratchnet classify`: the probabilities, what cannot be read, the arguments.

Most tests put a small network of the same kind in the place of ResNet-18.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from classify_examples import CAT, MEAN, STD, Small, by_hand, pictures, prepared, saved, state_of
from PIL import Image

from scratchnet import models
from scratchnet.cli import main
from scratchnet.cli.classify import networks
from scratchnet.models import ResNet18_Weights
from scratchnet.models.weights import imagenet_categories

ATTACKS = Path(__file__).parent.parent / "attacks" / "images"

pytestmark = pytest.mark.usefixtures("small")


# --- probabilities


@pytest.mark.parametrize("resize", [None, 300])
def test_probabilities_are_the_softmax_of_the_logits_after_the_preprocessing(
    resize, weights, classify, tmp_path
):
    paths = [CAT, *pictures(tmp_path, 9)]  # more than one batch, the last one not full
    more = [] if resize is None else ["--resize", resize]
    found = classify(*paths, "--weights", weights, "--top", 1000, *more)
    assert [image["file"] for image in found["images"]] == paths
    for image in found["images"]:
        expected = by_hand(image["file"], state_of(), resize or 256)
        classes = [one["class"] for one in image["top"]]
        p = [one["probability"] for one in image["top"]]
        assert sorted(classes) == list(range(1000))
        assert p == sorted(p, reverse=True)
        assert sum(p) == pytest.approx(1, abs=1e-12)  # float64
        # The fused network rounds otherwise: logits up to 10 by 1e-6 of that, and p in proportion.
        np.testing.assert_allclose(p, expected[classes], rtol=1e-4)
        names = imagenet_categories()
        assert [one["name"] for one in image["top"]] == [names[k] for k in classes]


def test_preprocessing_and_weights_are_told(weights, classify):
    found = classify(CAT, "--weights", weights)
    assert found["model"] == "resnet18"
    assert found["n_classes"] == 1000
    assert found["parameters"] == sum(p.data.size for p in Small().parameters())
    assert found["weights"] == {"file": weights, "format": "safetensors", "prefix": ""}
    preset = ResNet18_Weights.DEFAULT.transforms()
    told = found["preprocessing"]
    assert told["weights"] == "ResNet18_Weights.IMAGENET1K_V1"
    assert told["description"] == preset.describe()
    assert (told["resize_size"], told["crop_size"]) == (256, [224, 224])
    assert (told["mean"], told["std"]) == (MEAN.tolist(), STD.tolist())
    assert found["picture"] is None
    assert [image["explained"] for image in found["images"]] == [None]
    assert len(found["images"][0]["top"]) == 5
    other = classify(CAT, "--weights", weights, "--resize", 300)["preprocessing"]
    assert (other["resize_size"], other["weights"]) == (300, None)


def test_text_says_what_json_says(weights, classify, capsys):
    found = classify(CAT, "--weights", weights, "--top", 3)
    assert main(["classify", CAT, "--weights", weights, "--top", "3"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    header, image = out.split("\n\n")
    lines = header.splitlines()
    assert lines[0] == f"model: resnet18, {found['parameters']:,} parameters"
    assert lines[1] == f"weights: {weights} (safetensors)"
    assert found["preprocessing"]["description"] in lines[3]
    rows = image.splitlines()
    assert rows[0] == CAT
    for row, one in zip(rows[1:], found["images"][0]["top"], strict=True):
        percent, rest = row.split("%")
        assert float(percent) == pytest.approx(100 * one["probability"], abs=0.005)  # two decimals
        assert rest.split(None, 1) == [str(one["class"]), one["name"]]


def test_the_real_resnet18_gives_the_probabilities_of_its_plain_form(
    monkeypatch, tmp_path, classify
):
    monkeypatch.setitem(networks.MODELS, "resnet18", (models.resnet18, ResNet18_Weights))
    model = models.resnet18().eval()
    path, out = saved(tmp_path / "resnet18.safetensors", model.state_dict()), tmp_path / "seen.png"
    found = classify(CAT, "--weights", path, "--explain", out)
    assert found["parameters"] == 11_689_512
    logits = model(prepared(CAT)[None])[0].astype(np.float64)
    p = np.exp(logits) / np.exp(logits).sum()
    best = found["images"][0]["top"]
    assert [one["class"] for one in best] == np.argsort(-p)[:5].tolist()
    np.testing.assert_allclose([one["probability"] for one in best], np.sort(p)[:-6:-1], rtol=1e-4)
    with Image.open(out) as picture:
        assert picture.format == "PNG"


# --- images that cannot be read


def test_what_cannot_be_read_is_named_and_the_others_are_classified(
    weights, classify, capsys, tmp_path
):
    good = pictures(tmp_path, 2)
    cut = tmp_path / "cut.png"
    cut.write_bytes((tmp_path / "image 0.png").read_bytes()[:2000])
    Image.new("L", (1, 20_000)).save(tmp_path / "strip.png")  # too long once its side is 256
    bad = [str(tmp_path / "missing.png"), str(cut), weights, str(tmp_path)]
    bad += [str(tmp_path / "strip.png")]
    files = [bad[0], good[0], *bad[1:], good[1]]
    assert main(["classify", *files, "--weights", weights, "--json"]) == 1
    out, err = capsys.readouterr()
    lines = err.splitlines()
    assert len(lines) == len(bad)
    for line, path in zip(lines, bad, strict=True):
        assert line.startswith(f"scratchnet classify: {path}")
    images = json.loads(out)["images"]
    assert [image["file"] for image in images] == files
    for image, expected in zip(
        (images[1], images[-1]), classify(*good, "--weights", weights)["images"], strict=True
    ):
        assert image == expected
    for image, line in zip((images[0], *images[2:-1]), lines, strict=True):
        assert image["top"] == []
        assert line.endswith(image["error"])
    assert main(["classify", *files, "--weights", weights]) == 1
    out, err = capsys.readouterr()
    assert err.splitlines() == lines
    assert [line for line in out.splitlines() if line in files] == good


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with names, on Unix only")
def test_an_image_that_is_a_pipe_is_refused_at_once(weights, capsys, tmp_path):
    path = tmp_path / "p.png"
    os.mkfifo(path)
    assert main(["classify", str(path), "--weights", weights, "--json"]) == 1
    assert capsys.readouterr().err == f"scratchnet classify: {path} is not a regular file\n"


def test_too_many_pixels_are_one_line_without_pillows_warning(weights, capsys):
    path = ATTACKS / "larger.png"  # Pillow warns, and in tests a warning is an error
    assert main(["classify", str(path), "--weights", weights, "--json"]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "the image has 10000 × 10000 pixels, max_pixels is" in error


# --- arguments


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        [CAT, "--top", "0"],
        [CAT, "--top", "x"],
        [CAT, "--resize", "-3"],
        [CAT, "--explain", "seen.jpg"],
    ],
)
def test_wrong_arguments_exit_with_2(arguments, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["classify", *arguments])
    assert "usage: scratchnet classify" in capsys.readouterr().err


def test_download_and_a_file_contradict_each_other(weights, failure):
    assert failure(CAT, "--weights", weights, "--download")[1] == 2


def test_without_pillow_one_line_names_the_extra(monkeypatch, weights, failure):
    monkeypatch.setitem(sys.modules, "PIL", None)
    error, code = failure(CAT, "--weights", weights)
    assert code == 1
    assert "pip install 'scratchnet[image]'" in error


def test_the_help_documents_every_key_of_the_json(weights, classify, capsys):
    found = classify(CAT, "--weights", weights)
    keys = {*found, *found["weights"], *found["preprocessing"], *found["images"][0]}
    keys |= set(found["images"][0]["top"][0])
    with pytest.raises(SystemExit, match="0"):
        main(["classify", "--help"])
    text = capsys.readouterr().out
    documented = text[text.index("--json prints") :]
    assert all(key in documented for key in keys)


def test_help_loads_neither_networks_nor_pillow():
    program = (
        "import sys; from scratchnet.cli import main\n"
        "try: main(['classify', '--help'])\n"
        "except SystemExit: pass\n"
        "loaded = {'PIL', 'scratchnet.models', 'scratchnet.serialization', 'scratchnet.transforms'}\n"
        "assert not loaded & set(sys.modules), loaded & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
