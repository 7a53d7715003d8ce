"""In-place changes between forward and backward, frozen leaves, and where recording is switched."""

import threading

import numpy as np
import pytest
from compare import normal

from scratchnet import Tensor, enable_grad, functional, is_grad_enabled, nn, no_grad, optim
from scratchnet.autograd import mark_changed


def leaf(shape=(3,), seed=0):
    return Tensor(normal(shape, seed), requires_grad=True)


def test_a_frozen_leaf_that_was_changed_since_its_use_makes_backward_raise():
    x, w = leaf(), nn.Parameter(normal((3,), 1), requires_grad=False)
    loss = (x * w).sum()
    with no_grad():
        w *= 5.0
    with pytest.raises(RuntimeError, match="changed in place since it was used in multiply"):
        loss.backward()
    assert x.grad is None


def test_a_detached_leaf_shares_its_version():
    x, w = leaf(), leaf((3,), 1)
    loss = (x * w.detach()).sum()
    mark_changed(w)
    with pytest.raises(RuntimeError, match="changed in place"):
        loss.backward()


def test_a_change_is_noticed_however_many_threads_change_leaves_at_the_same_time():
    # A walk asks first whether any leaf was changed since: no thread may hide the change of another.
    start = threading.Barrier(4)

    def work(found):
        w, v = leaf(), leaf((3,), 1)
        start.wait(timeout=30)
        for _ in range(300):
            loss = (w * v).sum()
            mark_changed(v)
            try:
                loss.backward()
            except RuntimeError as error:
                found.append("changed in place" in str(error))

    seen = [[] for _ in range(4)]
    threads = [threading.Thread(target=work, args=(found,)) for found in seen]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert seen == [[True] * 300] * 4


def test_a_change_of_another_leaf_does_not_hide_that_the_graph_is_unchanged():
    x, w, other = leaf(), leaf((3,), 1), leaf((3,), 2)
    for use in (x * w, x * w.detach(), x * 2.0, x + w.data):
        mark_changed(other)
        use.sum().backward()
    assert other.grad is None


def test_a_state_that_is_loaded_between_forward_and_backward_is_noticed_in_a_frozen_layer():
    layer = nn.Linear(3, 3).double().requires_grad_(False)
    x = leaf((2, 3))
    loss = layer(x).sum()
    layer.load_state_dict({k: np.zeros_like(v) for k, v in layer.state_dict().items()})
    with pytest.raises(RuntimeError, match="changed in place since it was used in linear"):
        loss.backward()


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU", "LSTMCell"])
def test_an_operation_of_several_outputs_is_named_as_well(name, dtype):
    layer = getattr(nn, name)(2, 3).to(dtype)
    loss = layer(np.ones((4, 2), dtype))[0].sum()  # one sequence, or a batch
    mark_changed(next(layer.parameters()))
    op = name.lower().replace("cell", "_cell")
    with pytest.raises(RuntimeError, match=f"used in {op}: .* detach a state that is carried over"):
        loss.backward()


def test_a_leaf_that_was_frozen_after_its_use_gets_no_gradient():
    p = nn.Parameter(np.ones(2))
    loss = (p * 2.0).sum()
    p.requires_grad_(False)
    loss.backward()
    assert p.grad is None


def test_the_gradient_of_a_number_stays_an_array():
    p = nn.Parameter(np.array(1.0))
    for _ in range(2):
        (p * 100.0).backward()
    assert type(p.grad) is np.ndarray
    nn.utils.clip_grad_norm_([p], 1.0)
    assert p.grad == pytest.approx(1.0, rel=1e-6)  # the norm has 1e-6 added, as in torch
    optim.SGD([p], lr=0.1).zero_grad(set_to_none=False)
    assert p.grad == 0.0


def test_a_part_of_many_outputs_costs_no_more_than_itself():
    # Gradients of N outputs are gathered one by one; tuples of N entries would be N² in all.
    x = leaf((3000,))
    functional.stack([p * 2.0 for p in x.split(1)[::2]]).sum().backward()
    np.testing.assert_array_equal(x.grad, np.arange(3000) % 2 * -2.0 + 2.0)


def test_recording_can_be_switched_on_inside_no_grad():
    x = leaf()
    with no_grad():
        assert not (x * 2.0).requires_grad
        with enable_grad():
            assert (x * 2.0).requires_grad
        assert not is_grad_enabled()
    assert is_grad_enabled()


def test_no_grad_does_not_decorate_what_runs_after_it_has_ended():
    def generator():
        yield 1

    with pytest.raises(TypeError, match="between two yields"):
        no_grad()(generator)


def test_recording_in_one_thread_does_not_depend_on_the_contexts_of_others():
    x, w = leaf(), leaf((3,), 1)
    inside, done = threading.Event(), threading.Event()

    def silent():
        with no_grad():
            inside.set()
            assert done.wait(timeout=30)
            found.append((x * w).requires_grad)

    found = []
    thread = threading.Thread(target=silent)
    thread.start()
    assert inside.wait(timeout=30)
    assert (x * w).requires_grad
    with no_grad():
        assert not (x * w).requires_grad
    assert (x * w).requires_grad
    done.set()
    thread.join(timeout=30)
    assert found == [False]


def test_numpys_numbers_are_numbers_and_no_operands():
    x = Tensor(normal((3,), 0, np.float32), requires_grad=True)
    half = np.float64(0.5)
    for y in (
        x * half,
        half * x,
        functional.leaky_relu(x, half),
        functional.elu(x, alpha=half),
        functional.dropout(x, half, rng=0),
        functional.pad(x, (1, 1), value=half),
    ):
        y.sum().backward()
        assert y.dtype == x.grad.dtype == np.float32


def test_torchs_name_of_the_first_argument_is_taken():
    x = leaf((2, 3))
    np.testing.assert_array_equal(functional.relu(input=x).data, functional.relu(x).data)
    weight = leaf((4, 3), 1)
    functional.linear(weight=weight, input=x).sum().backward()
    assert x.grad.shape == (2, 3)
    assert weight.grad.shape == (4, 3)


def test_infinite_gradients_do_not_leak_through_a_mask(torch):
    ours, theirs = Tensor(np.array([-1.0, 4.0]), True), torch.tensor([-1.0, 4.0]).double()
    theirs.requires_grad_()
    with np.errstate(divide="ignore"):  # the slope of √ at 0
        functional.sqrt(functional.relu(ours)).sum().backward()
    torch.sqrt(torch.relu(theirs)).sum().backward()
    np.testing.assert_array_equal(ours.grad, theirs.grad.numpy())


def test_what_a_thread_records_does_not_depend_on_contexts_of_other_threads():
    def suspended():
        with no_grad():
            yield
            yield

    found = []

    def interleaved():
        first, second = suspended(), suspended()
        next(first), next(second)
        first.close(), second.close()  # in the wrong order: as in torch, this thread stays off
        found.append(is_grad_enabled())
        inside.set()
        left.wait(10)
        found.append(is_grad_enabled())

    inside, left = threading.Event(), threading.Event()
    thread = threading.Thread(target=interleaved)
    with no_grad():
        thread.start()
        inside.wait(10)
    left.set()
    thread.join()
    assert found == [False, False]
    assert is_grad_enabled()
