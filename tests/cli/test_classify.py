"""`scratchnet classify`: the probabilities, where weights come from, what fits, what cannot be read.

Most tests put a small network of the same kind in the place of ResNet-18.
"""

import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from scratchnet import models, nn, serialization
from scratchnet.cli import main
from scratchnet.cli.classify import networks, states
from scratchnet.datasets import sample_image_path
from scratchnet.models import ResNet18_Weights, ResNet50_Weights, WeightsEnum, download
from scratchnet.models.weights import imagenet_categories
from scratchnet.nn import init

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


@pytest.fixture(autouse=True)
def small(monkeypatch, tmp_path):
    """Small in place of ResNet-18 and 50, an empty cache folder, and a network that is never asked."""
    for name in ("resnet18", "resnet50"):
        monkeypatch.setitem(networks.MODELS, name, (Small, networks.MODELS[name][1]))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr(download, "_download", lambda *_: pytest.fail("downloaded"))


@pytest.fixture
def weights(tmp_path):
    return saved(tmp_path / "weights.safetensors", state_of())


@pytest.fixture
def classify(capsys):
    """Return a function from arguments to the parsed JSON; it asserts exit code 0 and a quiet stderr."""

    def run(*arguments):
        code = main(["classify", *map(str, arguments), "--json"])
        out, err = capsys.readouterr()
        assert (code, err) == (0, "")
        return json.loads(out)

    return run


@pytest.fixture
def failure(capsys):
    """Return a function from arguments to the one line of the error, and the code."""

    def run(*arguments):
        code = main(["classify", *map(str, arguments)])
        out, err = capsys.readouterr()
        assert out == ""
        assert err.count("\n") == 1
        assert err.startswith("scratchnet classify: ")
        return err, code

    return run


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


# --- which weights


@pytest.mark.parametrize(
    "prefix", ["", "module.", "state_dict.", "model_state_dict.module.", "state_dict.net."]
)
def test_what_stands_before_the_names_is_found_by_itself(prefix, weights, classify, tmp_path):
    state = {prefix + name: value for name, value in state_of().items()}
    if prefix:  # what stands beside the weights, under names that look like theirs
        state["optimizer.fc.weight"] = np.zeros(3, np.float32)
    path = saved(tmp_path / "wrapped.npz", state)
    found, plain = (classify(CAT, "--weights", p) for p in (path, weights))
    assert found["weights"] == {"file": path, "format": "npz", "prefix": prefix}
    assert found["images"] == plain["images"]


PART = st.sampled_from(["model", "module", "fc", "layer1", "0", "weight", "x"])


@given(
    before=st.lists(PART, max_size=4),
    others=st.lists(st.lists(PART, min_size=1, max_size=6), max_size=3),
    place=st.integers(0, 4),
)
@example(before=["fc"], others=[["fc", "weight"]], place=0)
def test_whatever_stands_before_most_of_the_keys_is_the_prefix(before, others, place):
    keys = ["conv1.weight", "layer1.0.conv1.weight", "layer1.0.bn1.bias", "fc.weight", "fc.bias"]
    prefix = "".join(f"{part}." for part in before)
    names = [prefix + key for key in keys]
    names[place:place] = [".".join(parts) for parts in others]  # fewer than the keys
    assert states.common_prefix(names, set(keys)) == prefix


def test_of_two_copies_of_the_weights_the_first_is_taken():
    keys = {"conv1.weight", "layer1.0.conv1.weight"}
    names = ["model.conv1.weight", "model.layer1.0.conv1.weight"]
    names += [name.replace("model", "ema") for name in names]
    assert states.common_prefix(names, keys) == "model."
    assert states.common_prefix(names[::-1], keys) == "ema."
    assert states.common_prefix(["other"], keys) == ""


def test_a_checkpoint_of_torch_is_read_with_all_that_stands_beside_the_weights(
    torch, weights, classify, tmp_path
):
    tensors = {f"module.{k}": torch.from_numpy(np.array(v)) for k, v in state_of().items()}
    optimizer = {
        "state": {0: {"exp_avg": torch.zeros(4, 3, 7, 7)}},
        "param_groups": [{"lr": 0.1}],
    }
    checkpoint = {"epoch": 3, "optimizer": optimizer, "state_dict": tensors}
    torch.save(checkpoint, tmp_path / "run.ckpt")
    found = classify(CAT, "--weights", tmp_path / "run.ckpt")
    assert found["weights"]["format"] == "torch"
    assert found["weights"]["prefix"] == "state_dict.module."
    assert found["images"] == classify(CAT, "--weights", weights)["images"]


@pytest.fixture
def cached(monkeypatch, tmp_path):
    """Return a function that puts weights into the cache folder as those of a member."""

    def put(member, state):
        path = tmp_path / "cached.npz"
        serialization.save(state, path)
        digest = download._sha256_of(path)
        monkeypatch.setattr(WeightsEnum, "sha256", property(lambda self: digest[:8]))
        place = download.cache_dir() / member.value.file_name
        place.parent.mkdir(parents=True, exist_ok=True)
        path.rename(place)
        return place

    return put


def test_without_a_file_the_weights_come_from_pytorchs_cache(weights, cached, classify):
    place = cached(ResNet18_Weights.DEFAULT, state_of())
    found = classify(CAT)
    assert found["weights"]["file"] == str(place)
    assert found["images"] == classify(CAT, "--weights", weights)["images"]
    assert classify(CAT, "--download")["weights"]["file"] == str(place)  # nothing is fetched


@pytest.mark.parametrize("member", ResNet50_Weights)
def test_of_several_published_weights_those_that_are_there_are_prepared_for(
    member, cached, classify
):
    place = cached(member, state_of())
    found = classify(CAT, "--model", "resnet50")
    assert found["weights"]["file"] == str(place)
    assert found["preprocessing"]["weights"] == repr(member)
    assert found["preprocessing"]["resize_size"] == member.value.resize_size


@pytest.mark.parametrize("member", ResNet50_Weights)
def test_a_given_file_is_prepared_for_as_the_hash_in_its_name_says(member, classify, tmp_path):
    path = saved(tmp_path / f"my-resnet50-{member.sha256}.safetensors", state_of())
    found = classify(CAT, "--weights", path, "--model", "resnet50")
    assert found["preprocessing"]["weights"] == repr(member)
    assert found["preprocessing"]["resize_size"] == member.value.resize_size


def test_without_weights_one_line_says_how_to_get_them(failure):
    error, code = failure(CAT)
    assert code == 1
    assert ResNet18_Weights.DEFAULT.url in error
    assert str(download.cache_dir()) in error
    assert "--download" in error
    assert not download.cache_dir().exists()


def test_download_fetches_them_into_the_cache(monkeypatch, cached, classify, failure):
    place = cached(ResNet18_Weights.DEFAULT, state_of())
    content = place.read_bytes()
    place.unlink()
    urls = []

    def fetched(url, file, sha256, progress, timeout):
        urls.append(url)
        file.write(content)

    monkeypatch.setattr(download, "_download", fetched)
    assert classify(CAT, "--download")["weights"]["file"] == str(place)
    assert urls == [ResNet18_Weights.DEFAULT.url]
    assert place.read_bytes() == content

    def broken(*_):
        raise OSError("no route")

    place.unlink()
    monkeypatch.setattr(download, "_download", broken)
    error, code = failure(CAT, "--download")
    assert code == 1
    assert "no route" in error
    assert str(place) in error


def test_a_damaged_file_in_the_cache_is_an_error_that_names_it(cached, failure):
    place = cached(ResNet18_Weights.DEFAULT, state_of())
    place.write_bytes(place.read_bytes()[:-1])
    error, code = failure(CAT)
    assert code == 1
    assert str(place) in error


# --- what fits


def test_every_network_for_photographs_can_be_named(capsys):
    names = set(models.resnet.__all__) - {"ResNet"}
    assert set(networks.MODELS) == names == set(states._STRUCTURES.values())
    for name, (_, kind) in networks.MODELS.items():
        assert kind.DEFAULT.value.file_name.startswith(f"{name}-")
    with pytest.raises(SystemExit, match="0"):
        main(["classify", "--help"])
    text = capsys.readouterr().out
    assert all(name in text for name in names)


def test_an_unknown_model_is_an_error_that_lists_the_names(failure):
    error, code = failure(CAT, "--model", "resnet19")
    assert code == 2
    assert "'resnet19'" in error
    assert all(name in error for name in networks.MODELS)


def undrawn(name, monkeypatch):
    """Return the state of a network whose weights were not drawn, which takes most of the time."""
    monkeypatch.setattr(init, "uniform_", lambda tensor, *args, **options: tensor)
    monkeypatch.setattr(init, "normal_", lambda tensor, *args, **options: tensor)
    return getattr(models, name)().state_dict()


@pytest.mark.parametrize("name", sorted(set(models.resnet.__all__) - {"ResNet"}))
def test_a_state_is_recognised_by_its_blocks(name, monkeypatch):
    state = undrawn(name, monkeypatch)
    states.check_fit("file", name, state, state)
    other = "resnet34" if name != "resnet34" else "resnet18"
    with pytest.raises(states.CommandError) as error:
        states.check_fit("file", other, state, undrawn(other, monkeypatch))
    assert f"it is a {name}: --model {name}" in str(error.value)
    assert len(str(error.value)) < 1000


def test_what_does_not_fit_is_named(failure, tmp_path):
    state = state_of()
    state["bn1.weight"] = np.zeros(5, np.float32)
    state["extra"] = np.zeros(5, np.float32)
    del state["fc.bias"]
    path = saved(tmp_path / "other.npz", state)
    error, code = failure(CAT, "--weights", path)
    assert code == 1
    for part in (path, "missing: fc.bias", "unexpected: extra", "bn1.weight (5,) instead of (4,)"):
        assert part in error
    path = saved(tmp_path / "foreign.npz", {f"w{i}": np.zeros(1) for i in range(9)})
    assert "w0, w1, w2, w3 and 5 more" in failure(CAT, "--weights", path)[0]


def test_counters_of_batches_may_be_missing(weights, classify, tmp_path):
    state = state_of()
    del state["bn1.num_batches_tracked"]
    path = saved(tmp_path / "old.npz", state)
    found, plain = (classify(CAT, "--weights", p)["images"] for p in (path, weights))
    assert found == plain


@pytest.mark.parametrize("key", ["fc.bias", "bn1.running_var"])
def test_weights_that_give_no_numbers_are_an_error(key, failure, tmp_path):
    state = state_of()
    state[key] = np.full_like(state[key], np.nan if key == "fc.bias" else -1)
    path = saved(tmp_path / "nan.npz", state)
    error, code = failure(CAT, "--weights", path, "--json")
    assert code == 1
    assert path in error
    assert "NaN" in error


@pytest.mark.parametrize("content", [None, b"", b"no weights at all"])
def test_a_file_of_weights_that_cannot_be_read_is_named(content, failure, tmp_path):
    path = tmp_path / "weights.pt"
    if content is not None:
        path.write_bytes(content)
    error, code = failure(CAT, "--weights", path)
    assert code == 1
    assert str(path) in error


# --- names of the classes


def test_another_number_of_classes_is_taken_from_the_file(classify, tmp_path, capsys):
    path = saved(tmp_path / "seventeen.npz", state_of(17))
    expected = by_hand(CAT, state_of(17))
    found = classify(CAT, "--weights", path, "--top", 100)
    top = found["images"][0]["top"]
    assert found["n_classes"] == len(top) == 17
    assert [one["name"] for one in top] == [f"class {one['class']}" for one in top]
    np.testing.assert_allclose(
        [one["probability"] for one in top], np.sort(expected)[::-1], rtol=1e-4
    )
    names = tmp_path / "names.txt"
    names.write_text("".join(f"naïve {i}\r\n" for i in range(17)), "utf-8-sig", newline="")
    named = classify(CAT, "--weights", path, "--categories", names)["images"][0]["top"]
    assert [one["name"] for one in named] == [f"naïve {one['class']}" for one in named]
    assert [one["class"] for one in named] == [one["class"] for one in top[:5]]
    assert main(["classify", CAT, "--weights", path]) == 0
    assert "classes: 17, without names (--categories)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a\nb\n", "2 names"),
        (b"a\n\nc\n", "line 2 has no name"),
        (b"", "line 1 has no name"),
        (b"\xff\xfea\0", "UTF-8"),
        (None, "No such file"),
    ],
)
def test_names_that_do_not_fit_are_an_error(content, said, failure, tmp_path):
    path = saved(tmp_path / "three.npz", state_of(3))
    names = tmp_path / "names.txt"
    if content is not None:
        names.write_bytes(content)
    error, code = failure(CAT, "--weights", path, "--categories", names)
    assert code == 1
    assert str(names) in error
    assert said in error


def test_the_last_layer_is_not_allocated_for_any_number_of_classes(failure, monkeypatch):
    wide = np.broadcast_to(np.float32(0), (1 << 40, 6))
    monkeypatch.setattr(states, "load", lambda path: {"fc.weight": wide})
    monkeypatch.setattr(states, "file_format", lambda path: "torch")
    error, code = failure(CAT, "--weights", "file.pt")
    assert code == 1
    assert str(1 << 40) in error


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
