"""nn.Embedding: how the table starts, pretrained tables, the padding row in training, what is left out."""

import numpy as np
import pytest
from compare import normal
from scipy import stats

from scratchnet import Tensor, nn, optim


def test_the_table_starts_as_standard_normal_numbers_with_a_row_of_zeros_for_padding():
    layer = nn.Embedding(100, 50, padding_idx=3, rng=0)
    assert layer.weight.dtype == np.float32
    assert not layer.weight.data[3].any()
    others = np.delete(layer.weight.data, 3, axis=0)
    assert stats.kstest(others.ravel(), "norm").pvalue > 0.01  # one seed in a hundred is below
    layer.reset_parameters(rng=1)
    assert not layer.weight.data[3].any()
    assert (np.delete(layer.weight.data, 3, axis=0) != others).all()


def test_the_padding_row_stays_as_it_is_in_training():
    layer = nn.Embedding(4, 3, padding_idx=-4, rng=0)
    assert layer.padding_idx == 0
    layer.weight.data[0] = 7.0  # zero only at the start
    before = layer.weight.data.copy()
    optimizer = optim.SGD(layer.parameters(), lr=0.5)
    (layer(np.array([[0, 1], [0, 2]])) ** 2).sum().backward()
    optimizer.step()
    changed = (layer.weight.data != before).all(axis=1)
    np.testing.assert_array_equal(changed, [False, True, True, False])


@pytest.mark.parametrize("freeze", [True, False])
def test_a_pretrained_table_is_used_as_it_is(torch, freeze):
    table = normal((4, 3), 1)
    ours = nn.Embedding.from_pretrained(table, freeze, padding_idx=1)
    theirs = torch.nn.Embedding.from_pretrained(torch.from_numpy(table), freeze, padding_idx=1)
    assert repr(ours) == repr(theirs)
    assert ours.weight.requires_grad is theirs.weight.requires_grad is not freeze
    tokens = np.array([[0, 1], [3, 3]])
    found = ours(tokens)
    np.testing.assert_array_equal(found.data, theirs(torch.from_numpy(tokens)).detach().numpy())
    assert found.requires_grad is not freeze
    assert np.shares_memory(ours.weight.data, table)
    shared = nn.Embedding.from_pretrained(Tensor(table))
    assert np.shares_memory(shared.weight.data, table)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_a_pretrained_table_keeps_its_dtype_and_one_of_torch_is_asked_for_its_array(torch, dtype):
    table = normal((4, 3), 1, dtype)
    assert nn.Embedding.from_pretrained(table)(np.array([1])).dtype == dtype
    assert nn.Embedding.from_pretrained(table.tolist()).weight.dtype == np.float32
    with pytest.raises(TypeError, match=r"got torch.Tensor; its numpy\(\) is an array"):
        nn.Embedding.from_pretrained(torch.from_numpy(table))


@pytest.mark.parametrize(
    "option",
    [{"max_norm": 1.0}, {"norm_type": 1.0}, {"scale_grad_by_freq": True}, {"sparse": True}],
)
def test_options_of_torch_that_are_left_out_are_named(option):
    ((name, value),) = option.items()
    message = f"Embedding has no {name}, got {name}={value}: .*max_norm, norm_type, .* sparse"
    with pytest.raises(NotImplementedError, match=message):
        nn.Embedding(4, 3, **option)
    with pytest.raises(NotImplementedError, match=message):
        nn.Embedding.from_pretrained(np.ones((4, 3)), **option)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.Embedding(0, 3), "num_embeddings must be at least 1, got 0"),
        (lambda: nn.Embedding(4, 2.5), "embedding_dim is a whole number, got 2.5"),
        (lambda: nn.Embedding(4, 3, 4), "padding_idx 4 is none of the 4 tokens"),
        (lambda: nn.Embedding(4, 3, 1.0), "padding_idx is a whole number, got 1.0"),
        (lambda: nn.Embedding(4, 3, "a"), "padding_idx is a whole number, got 'a'"),
        (lambda: nn.Embedding(4, 3, True), "padding_idx is a whole number, got True"),
        (lambda: nn.Embedding(4, 3, -5), "padding_idx -5 is none of the 4 tokens"),
        (lambda: nn.Embedding.from_pretrained(np.ones(4)), r"takes a table .*, got \(4,\)"),
        (lambda: nn.Embedding(4, 3, _weight=np.ones((3, 4))), r"that shape, got \(3, 4\)"),
    ],
)
def test_a_layer_that_cannot_be_made_names_the_argument_and_its_value(make, message):
    with pytest.raises((ValueError, TypeError), match=message):
        make()


@pytest.mark.parametrize("training", [True, False])
def test_tokens_that_do_not_fit_are_named(training):
    layer = nn.Embedding(4, 3).train(training)
    with pytest.raises(IndexError, match=r"token 4 at position \(0, 1\) .* vocabulary of 4: 0 … 3"):
        layer(np.array([[0, 4]]))
    with pytest.raises(TypeError, match="tokens are integers, got float32"):
        layer(np.ones(2, np.float32))
    assert layer(np.zeros((0, 5), int)).shape == (0, 5, 3)
