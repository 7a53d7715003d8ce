"""What the tests of `scratchnet classify` share; `small` is for those that name it."""

import json

import pytest
from classify_examples import Small, saved, state_of

from scratchnet import serialization
from scratchnet.cli import main
from scratchnet.cli.classify import networks
from scratchnet.models import WeightsEnum, download


@pytest.fixture
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
