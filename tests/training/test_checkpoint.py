"""Checkpoints: a stopped run goes on bit for bit, and a bad file changes nothing."""

import itertools
import json
import os
import pickle
import zipfile

import numpy as np
import pytest
from compare import normal
from hypothesis import given
from hypothesis import strategies as st

import scratchnet
from scratchnet import functional, nn, optim
from scratchnet.data import DataLoader, Dataset
from scratchnet.optim import lr_scheduler
from scratchnet.random import get_rng_state
from scratchnet.training import NonFiniteError, fit
from scratchnet.training.checkpoint import _generators_in, read_state, write_state

EPOCHS = 4
X, Y = normal((20, 3), 0, np.float32), np.arange(20) % 2
X_VALID, Y_VALID = normal((8, 3), 1, np.float32), np.arange(8) % 2


class Run:
    """A model and all that goes with it, made anew as a new process would make it."""

    def __init__(self, own_generators=False, optimizer="adam", scheduler=None):
        scratchnet.manual_seed(11)
        rng = 5 if own_generators else None
        self.model = nn.Sequential(
            nn.Linear(3, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Dropout(0.4, rng=rng), nn.Linear(6, 2)
        )
        params = list(self.model.parameters())
        groups = [{"params": params[:2], "lr": 0.02}, {"params": params[2:]}]
        self.optimizer = {
            "adam": lambda: optim.AdamW(groups, lr=0.05, amsgrad=True),
            "sgd": lambda: optim.SGD(groups, lr=0.1, momentum=0.9),
            "rmsprop": lambda: optim.RMSprop(groups, lr=0.01, momentum=0.5, centered=True),
        }[optimizer]()
        self.options = {"optimizer": self.optimizer}
        if scheduler == "batch":
            self.options["scheduler"] = lr_scheduler.OneCycleLR(
                self.optimizer, 0.1, epochs=EPOCHS, steps_per_epoch=3
            )
            self.options["scheduler_per_batch"] = True
        elif scheduler == "epoch":
            schedules = [
                lr_scheduler.LinearLR(self.optimizer, total_iters=2),
                lr_scheduler.StepLR(self.optimizer, 1),
            ]
            self.options["scheduler"] = lr_scheduler.SequentialLR(self.optimizer, schedules, [2])
        self.data = (X, Y)
        if own_generators:
            self.data = DataLoader(
                (X, Y), 7, shuffle=True, rng=np.random.Generator(np.random.MT19937(3))
            )
        else:
            self.options["batch_size"] = 7

    def fit(self, epochs=EPOCHS, **options):
        options = {"validation": (X_VALID, Y_VALID), "progress": False, **self.options, **options}
        if not isinstance(self.data, tuple):
            options["validation"] = DataLoader(options["validation"], 7)
        return fit(self.model, self.data, epochs=epochs, **options)

    def arrays(self):
        found = {k: np.array(v) for k, v in self.model.state_dict().items()}
        for i, entries in self.optimizer.state_dict()["state"].items():
            found |= {f"{i}.{name}": np.array(value) for name, value in entries.items()}
        return found


def untimed(history):
    return [{k: v for k, v in row.items() if k != "seconds"} for row in history]


def assert_same(a, b):
    assert a.keys() == b.keys()
    for name in a:
        assert a[name].dtype == b[name].dtype
        np.testing.assert_array_equal(a[name], b[name])


CASES = [
    {},
    {"own_generators": True, "scheduler": "batch"},
    {"optimizer": "sgd", "scheduler": "batch"},
    {"optimizer": "rmsprop", "scheduler": "epoch"},
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_run_stopped_after_any_epoch_and_resumed_ends_bit_for_bit_the_same(tmp_path, case):
    whole = Run(**case)
    expected = whole.fit(restore_best=True)
    for stop in range(1, EPOCHS):
        path = tmp_path / f"{stop}.npz"
        Run(**case).fit(stop, checkpoint=path, restore_best=True)
        resumed = Run(**case)
        scratchnet.manual_seed(999)  # the state of the generator comes from the file
        history = resumed.fit(checkpoint=path, resume=True, restore_best=True)
        assert untimed(history) == untimed(expected)
        assert_same(resumed.arrays(), whole.arrays())
        assert (
            resumed.optimizer.state_dict()["param_groups"]
            == whole.optimizer.state_dict()["param_groups"]
        )


@pytest.mark.parametrize("at", [2, 4, 5, 9])
def test_a_run_interrupted_within_an_epoch_goes_on_from_the_last_whole_one(tmp_path, at):
    path = tmp_path / "run.npz"
    whole = Run(scheduler="batch")
    expected = whole.fit()
    calls = itertools.count(1)

    def loss_fn(output, target):
        if isinstance(output, scratchnet.Tensor) and next(calls) == at:
            raise KeyboardInterrupt
        return functional.cross_entropy(output, target)

    with pytest.raises(KeyboardInterrupt):
        Run(scheduler="batch").fit(checkpoint=path, loss_fn=loss_fn)
    assert path.exists() == (at > 3)  # three batches an epoch
    resumed = Run(scheduler="batch")
    assert untimed(resumed.fit(checkpoint=path, resume=True)) == untimed(expected)
    assert_same(resumed.arrays(), whole.arrays())
    assert os.listdir(tmp_path) == ["run.npz"]


def test_a_finished_run_is_not_trained_further_and_keeps_its_best_weights(tmp_path):
    path = tmp_path / "run.npz"
    first, second = Run(), Run()
    history = first.fit(checkpoint=path, restore_best=True)
    assert second.fit(checkpoint=path, restore_best=True, resume=True) == history
    assert_same(second.arrays(), first.arrays())
    assert not second.model.training


def test_early_stopping_counts_on_over_a_resume(tmp_path):
    path = tmp_path / "run.npz"
    options = {"patience": 3, "min_delta": 100.0}
    assert len(Run().fit(2, checkpoint=path, **options)) == 2
    assert len(Run().fit(20, checkpoint=path, resume=True, **options)) == 4
    assert len(Run().fit(20, checkpoint=path, resume=True, **options)) == 4


def test_without_resume_a_run_begins_anew_and_replaces_the_file(tmp_path):
    path = tmp_path / "run.npz"
    Run().fit(2, checkpoint=path)
    assert len(Run().fit(1, checkpoint=path)) == 1
    assert len(read_state(path)["history"]) == 1


def test_numpy_reads_the_file_without_pickle(tmp_path):
    run = Run()
    run.fit(1, checkpoint=tmp_path / "run.npz")
    with np.load(tmp_path / "run.npz", allow_pickle=False) as arrays:
        np.testing.assert_array_equal(arrays["model.0.weight"], run.model[0].weight.data)
        assert json.loads(arrays["state"].tobytes())["format"] == "scratchnet checkpoint 1"


def test_a_diverged_run_leaves_the_last_checkpoint(tmp_path):
    path = tmp_path / "run.npz"
    Run(optimizer="sgd").fit(1, checkpoint=path)
    content = path.read_bytes()
    run = Run(optimizer="sgd")
    with pytest.raises(NonFiniteError):
        run.fit(
            checkpoint=path,
            resume=True,
            loss_fn=lambda x, y: functional.cross_entropy(x, y) * np.nan,
        )
    assert path.read_bytes() == content
    assert os.listdir(tmp_path) == ["run.npz"]


def test_a_failed_write_leaves_the_last_checkpoint(tmp_path, monkeypatch):
    path = tmp_path / "run.npz"
    Run().fit(1, checkpoint=path)
    content = path.read_bytes()

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        Run().fit(checkpoint=path, resume=True)
    assert path.read_bytes() == content
    assert os.listdir(tmp_path) == ["run.npz"]


def test_a_folder_that_is_missing_or_a_folder_as_file_is_an_error_before_training(tmp_path):
    run = Run()
    before = run.arrays()
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        run.fit(checkpoint=tmp_path / "none" / "run.npz")
    with pytest.raises(PermissionError, match="cannot be written"):
        run.fit(checkpoint=tmp_path)
    assert_same(run.arrays(), before)


# --- files that do not fit


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    path = tmp_path_factory.mktemp("sound") / "run.npz"
    Run(own_generators=True, scheduler="batch").fit(2, checkpoint=path, restore_best=True)
    return path


def assert_refused(path, match, run=None, **options):
    run = Run(own_generators=True, scheduler="batch") if run is None else run
    run.fit(1)  # the optimiser has a state of its own
    run.model.train()
    scratchnet.manual_seed(4)
    before, shared = run.arrays(), get_rng_state()
    schedule = (
        json.dumps(run.options["scheduler"].state_dict()) if "scheduler" in run.options else ""
    )
    orders = run.data.rng.bit_generator.state if isinstance(run.data, DataLoader) else None
    with pytest.raises(ValueError, match=match) as caught:
        run.fit(**{"checkpoint": path, "resume": True, "restore_best": True, **options})
    assert str(path) in str(caught.value)
    assert_same(run.arrays(), before)
    assert get_rng_state() == shared
    if schedule:
        assert json.dumps(run.options["scheduler"].state_dict()) == schedule
    if orders is not None:
        np.testing.assert_equal(run.data.rng.bit_generator.state, orders)
    assert run.model.training


def test_what_is_no_checkpoint_is_refused(tmp_path):
    path = tmp_path / "run.npz"

    def write(content):
        path.write_bytes(content)

    write(b"")
    assert_refused(path, "is not a sound checkpoint")
    write(b"epoch,loss\n1,0.5\n")
    assert_refused(path, "is not a sound checkpoint")
    write(pickle.dumps({"state": np.ones(3)}))
    assert_refused(path, "is not a sound checkpoint")
    np.savez(path, weight=np.ones(3))
    assert_refused(path, "is not a sound checkpoint.*'state'")
    np.savez(path, state=np.array([{"format": 1}], dtype=object))
    assert_refused(path, "is not a sound checkpoint.*bytes for object")
    np.savez(path, state=np.frombuffer(b'{"format": "other", "state": {}}', np.uint8))
    assert_refused(path, "its format is 'other'")
    np.savez(path, state=np.frombuffer(b"[" * 100_000, np.uint8))
    assert_refused(path, "is not a sound checkpoint")
    write_state(path, {"model": {}})
    assert_refused(path, "does not fit this run")


def test_a_file_that_would_inflate_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "run.npz"
    np.savez_compressed(path, state=np.zeros(10**6, np.uint8))
    assert_refused(path, "promises more than its")
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive,
        archive.open("state.npy", "w") as f,
    ):
        np.lib.format.write_array_header_1_0(
            f, {"descr": "<f8", "fortran_order": False, "shape": (10**12,)}
        )
    assert_refused(path, r"0 bytes for float64 \(1000000000000,\)")


@given(st.data())
def test_a_file_cut_off_or_with_one_byte_changed_is_refused_or_read_as_it_was(sound, data):
    content = sound.read_bytes()
    path = sound.with_name("damaged.npz")
    at = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        path.write_bytes(content[:at])
    else:
        byte = content[at] ^ data.draw(st.integers(1, 255))
        path.write_bytes(content[:at] + bytes([byte]) + content[at + 1 :])
    try:
        found = read_state(path)
    except ValueError as error:
        found = str(error)
    if isinstance(found, str):
        assert found.startswith(f"{path} is not a sound checkpoint: ")
    else:  # a byte of the zip's own bookkeeping, such as a date
        np.testing.assert_equal(found, read_state(sound))


def edited(sound, tmp_path, edit):
    state = read_state(sound)
    edit(state)
    path = tmp_path / "edited.npz"
    write_state(path, state)
    return path


def put(*keys, value):
    def edit(state):
        for key in keys[:-1]:
            state = state[key]
        state[keys[-1]] = value

    return edit


@pytest.mark.parametrize(
    ("edit", "match"),
    [
        (lambda s: s["model"].pop("0.bias"), "missing: 0.bias"),
        (put("model", "0.weight", value=np.ones((6, 4))), "misshapen: 0.weight"),
        (put("model", value=3), "does not fit this run"),
        (put("best_weights", "0.weight", value=np.ones((6, 4))), "misshapen: 0.weight"),
        (put("best_weights", value=None), "does not fit this run"),
        (lambda s: s["optimizer"]["state"]["0"].pop("exp_avg"), "exp_avg"),
        (put("optimizer", "state", "0", "exp_avg", value=np.ones(3)), "exp_avg must be numbers"),
        (put("optimizer", "state", "0", "step", value="x"), "does not fit this run"),
        (put("optimizer", "param_groups", 0, "lr", value=-1.0), "lr must be a number of 0 or more"),
        (put("optimizer", "param_groups", 0, "betas", value=["a", "b"]), "does not fit this run"),
        (lambda s: s["scheduler"].pop("total_steps"), "it lacks total_steps"),
        (put("scheduler", value=None), "does not fit this run"),
        (put("shared generator", "bit_generator", value="MT19937"), "does not fit this run"),
        (
            lambda s: s["generators"].clear(),
            r"its generators are \[\], this run's \[train loader rng",
        ),
        (put("generators", "train loader rng", value={}), "does not fit this run"),
        (put("history", value=[{"loss": 1.0}]), "its history has loss, this run's epoch"),
        (put("history", 0, "loss", value="low"), "holds what is no number"),
        (put("history", 0, "epoch", value=2), r"its history has the epochs \[2"),
        (put("history", 0, value=3), "does not fit this run"),
    ],
)
def test_a_part_that_does_not_fit_is_refused_and_nothing_is_changed(sound, tmp_path, edit, match):
    assert_refused(edited(sound, tmp_path, edit), match)


def test_the_checkpoint_of_another_set_up_is_refused(sound):
    generators = {"own_generators": True}
    assert_refused(
        sound, "its optimizer is AdamW, this run's is SGD", Run(**generators, optimizer="sgd")
    )
    assert_refused(sound, "its scheduler is OneCycleLR, this run's is NoneType", Run(**generators))
    assert_refused(sound, r"its generators are \[train loader", Run(scheduler="batch"))
    assert_refused(
        sound, "this run would have kept epoch", monitor="grad_norm", maximize=True, min_delta=1e3
    )
    assert_refused(sound, "its history has", metrics={"mean": lambda y, o: o.mean()})


def test_best_weights_cannot_come_from_a_run_that_did_not_keep_them(tmp_path):
    path = tmp_path / "run.npz"
    Run().fit(1, checkpoint=path)
    assert_refused(path, "its best weights are those of epoch None", Run())


def test_plain_values_come_back_as_they_were(tmp_path):
    state = {
        "numbers": [1, -0.1, 1e-310, float("inf"), 2**200, True, None, "ä"],
        "arrays": {"a.b": np.array(3.5, np.float32), "c": np.zeros((0, 2), np.uint8)},
        "order": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "scalar": np.float32(0.1),
    }
    write_state(tmp_path / "s.npz", state)
    found = read_state(tmp_path / "s.npz")
    np.testing.assert_equal(found, {**state, "scalar": float(np.float32(0.1))})
    assert found["arrays"]["a.b"].dtype == np.float32
    np.testing.assert_equal(read_state(tmp_path / "s.npz"), found)


def test_what_a_checkpoint_cannot_hold_is_refused(tmp_path):
    with pytest.raises(TypeError, match=r"b\.c has dtype object"):
        write_state(tmp_path / "s.npz", {"b": {"c": np.array([print])}})
    with pytest.raises(TypeError, match="not JSON serializable"):
        write_state(tmp_path / "s.npz", {"b": print})
    assert os.listdir(tmp_path) == []


def test_generators_inside_a_data_set_and_a_wrapped_loader_are_resumed(tmp_path):
    class Noisy(Dataset):
        def __init__(self):
            self.rng = np.random.default_rng(1)

        def __len__(self):
            return len(X)

        def __getitem__(self, i):
            return X[i] + self.rng.normal(size=3).astype(np.float32), Y[i]

    class Wrapped:
        def __init__(self):
            self.inner = DataLoader(Noisy(), 8, shuffle=True, rng=3)

        def __iter__(self):
            return iter(self.inner)

    def run(path, *epochs):
        for n in epochs:
            scratchnet.manual_seed(0)
            model = nn.Linear(3, 2)
            optimizer = optim.SGD(model.parameters(), lr=0.1)
            fit(
                model,
                Wrapped(),
                epochs=n,
                optimizer=optimizer,
                checkpoint=path,
                resume=True,
                progress=False,
            )
        return model.weight.data

    whole, stopped = run(tmp_path / "a.npz", 4), run(tmp_path / "b.npz", 2, 4)
    np.testing.assert_array_equal(whole, stopped)


def test_names_that_would_collide_are_refused_and_nothing_is_written(tmp_path):
    for state in ({"a.b": X, "a": {"b": Y}}, {"state": X}):
        with pytest.raises(ValueError, match="share the name"):
            write_state(tmp_path / "state.npz", state)
    assert list(tmp_path.iterdir()) == []


def test_the_generator_of_a_transform_that_is_called_is_found():
    class Augment:
        def __init__(self):
            self.rng = np.random.default_rng(0)

        def __call__(self, x):
            return x

    class Augmented(Dataset):
        def __init__(self):
            self.transform = Augment()

    found = [place for place, _ in _generators_in(Augmented(), "loader", set())]
    assert found == ["loader transform rng"]
