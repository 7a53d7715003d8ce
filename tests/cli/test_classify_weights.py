"""`scratchnet classify`: where the weights come from, what fits, the names of the classes."""

import os

import numpy as np
import pytest
from classify_examples import CAT, by_hand, saved, state_of
from hypothesis import example, given
from hypothesis import strategies as st

from scratchnet import models
from scratchnet.cli import main
from scratchnet.cli.classify import networks, states
from scratchnet.models import ResNet18_Weights, ResNet50_Weights, download
from scratchnet.nn import init

pytestmark = pytest.mark.usefixtures("small")


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
    labels = {None: "unknown", (1, 2): "both"}  # of which the keys are no names
    optimizer = {
        "state": {0: {"exp_avg": torch.zeros(4, 3, 7, 7)}},
        "param_groups": [{"lr": 0.1}],
    }
    checkpoint = {"epoch": 3, "labels": labels, "optimizer": [optimizer], "state_dict": tensors}
    torch.save(checkpoint, tmp_path / "run.ckpt")
    found = classify(CAT, "--weights", tmp_path / "run.ckpt")
    assert found["weights"]["format"] == "torch"
    assert found["weights"]["prefix"] == "state_dict.module."
    assert found["images"] == classify(CAT, "--weights", weights)["images"]


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


def test_a_network_with_one_output_is_refused(failure, tmp_path):
    path = saved(tmp_path / "one.npz", state_of(1))
    error, code = failure(CAT, "--weights", path)
    assert code == 1
    assert f"{path}: fc.weight has 1 rows, one for each class: between 2 and" in error


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with names, on Unix only")
@pytest.mark.parametrize("option", ["--categories", "--weights"])
def test_a_pipe_is_refused_at_once(option, weights, failure, tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    given = ["--weights", weights] if option != "--weights" else []
    error, code = failure(CAT, *given, option, path)
    assert (error, code) == (f"scratchnet classify: {path} is not a regular file\n", 1)


def test_the_last_layer_is_not_allocated_for_any_number_of_classes(failure, monkeypatch):
    wide = np.broadcast_to(np.float32(0), (1 << 40, 6))
    monkeypatch.setattr(states, "load", lambda path: {"fc.weight": wide})
    monkeypatch.setattr(states, "file_format", lambda path: "torch")
    error, code = failure(CAT, "--weights", "file.pt")
    assert code == 1
    assert str(1 << 40) in error
