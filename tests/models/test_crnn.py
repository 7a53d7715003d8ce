"""CRNN: its shapes, lines of unequal width, the form for inference, and that it learns to read."""

import numpy as np
import pytest
from compare import normal
from hypothesis import given, settings
from hypothesis import strategies as st

from scratchnet import Tensor, manual_seed, nn, optim
from scratchnet.ctc_decoding import ctc_greedy_decode
from scratchnet.models import CRNN


def small(**options):
    manual_seed(0)
    return CRNN(5, **{"height": 9, "channels": (3, 4, 6), "hidden_size": 4} | options)


def with_statistics(model):
    """Give batch norms the statistics that training could have left, and shifts above 0."""
    rng = np.random.default_rng(0)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean[:] = rng.normal(0, 0.3, module.num_features)
            module.bias.data[:] = rng.uniform(0.2, 0.5, module.num_features)
    return model.eval()


@given(st.integers(4, 30), st.integers(2, 4), st.integers(0, 3), st.integers(1, 2))
@settings(max_examples=15)
def test_every_column_of_four_pixels_has_a_distribution_over_the_classes(width, stages, n, colours):
    height = 2**stages + 1
    model = CRNN(7, height, colours, [2, 3, 4, 5][:stages], 3, 1).eval()
    log_probs = model(normal((n, colours, height, width), 0, np.float32))
    assert log_probs.shape == (width // 4, n, 7)
    assert log_probs.dtype == np.float32
    np.testing.assert_allclose(np.exp(log_probs).sum(axis=2), 1.0, rtol=1e-5)  # float32
    assert model.output_lengths([width, 4]).tolist() == [width // 4, 1]


def test_the_layers_are_those_of_the_paper_made_small():
    model = CRNN(11)
    shapes = {name: p.shape for name, p in model.named_parameters()}
    assert [shapes[f"features.{i}.0.weight"] for i in range(3)] == [
        (32, 1, 3, 3),
        (64, 32, 3, 3),
        (128, 64, 3, 3),
    ]
    assert shapes["recurrent.weight_ih_l0"] == (4 * 128, 128 * 32 // 8)  # channels times rows
    assert shapes["recurrent.weight_ih_l1_reverse"] == (4 * 128, 2 * 128)
    assert shapes["classifier.weight"] == (11, 2 * 128)


def test_a_line_in_a_batch_is_read_as_if_it_were_alone_whatever_stands_behind_it():
    model, widths = with_statistics(small()), [23, 8, 30, 4, 17]
    x = normal((5, 1, 9, 30), 1, np.float32)
    behind = np.arange(30) >= np.array(widths)[:, None]
    together = model(np.where(behind[:, None, None], np.float32(np.nan), x), widths)
    for i, (width, steps) in enumerate(zip(widths, model.output_lengths(widths), strict=True)):
        alone = model(x[i : i + 1, :, :, :width])
        assert alone.shape == (steps, 1, 5)
        # Products of other sizes are summed in another order: some roundings of float32.
        np.testing.assert_allclose(together[:steps, i], alone[:, 0], rtol=1e-5, atol=1e-5)
    without = model(x)
    assert np.abs(without[:5, 0] - together[:5, 0]).max() > 1e-3  # the widths do matter


def test_the_gradient_of_what_stands_behind_the_width_is_zero():
    model, x = with_statistics(small()), Tensor(normal((2, 1, 9, 20), 1, np.float32), True)
    log_probs = model(x, np.array([20, 11]))
    criterion = nn.CTCLoss(reduction="sum")
    criterion(log_probs, np.array([1, 2, 3]), model.output_lengths([20, 11]), [2, 1]).backward()
    assert np.abs(x.grad[0]).max() > 0
    assert np.abs(x.grad[1, :, :, :8]).max() > 0
    np.testing.assert_array_equal(x.grad[1, :, :, 11:], 0.0)
    assert all(np.abs(p.grad).max() > 0 for p in model.parameters())


def test_the_form_for_inference_gives_the_same_log_probabilities():
    model = with_statistics(small())
    x, widths = normal((3, 1, 9, 30), 1, np.float32), [30, 22, 9]
    form = nn.optimize_for_inference(model)
    assert any(isinstance(m, nn.FusedConv2d) for m in form.modules())
    for arguments in ((x,), (x, widths)):
        np.testing.assert_allclose(form(*arguments), model(*arguments), rtol=1e-4, atol=1e-5)


GLYPHS = np.array(
    [
        [[1, 1, 1], [1, 0, 1], [1, 0, 1], [1, 1, 1]],
        [[0, 1, 0], [0, 1, 0], [0, 1, 0], [0, 1, 0]],
        [[1, 0, 0], [1, 0, 0], [1, 0, 0], [1, 1, 1]],
    ],
    np.float32,
)


def lines_of_glyphs(rng, n):
    """Return n lines of one to four glyphs, 4 × 3 pixels large, doubled, with random gaps."""
    x, widths, labels = np.zeros((n, 1, 8, 48), np.float32), np.full(n, 2), []
    for i in range(n):
        labels.append(rng.integers(0, 3, rng.integers(1, 5)))
        for k in labels[-1]:
            x[i, 0, :, widths[i] : widths[i] + 6] = GLYPHS[k].repeat(2, 0).repeat(2, 1)
            widths[i] += 6 + rng.integers(2, 6)
    return x, widths, [line + 1 for line in labels]


def test_it_learns_to_read_lines_from_their_labels_alone():
    rng = np.random.default_rng(0)
    manual_seed(0)
    model = CRNN(4, 8, channels=(8, 16), hidden_size=16, num_layers=1)
    optimizer, criterion = optim.Adam(model.parameters(), 0.02), nn.CTCLoss()
    for _ in range(100):
        x, widths, labels = lines_of_glyphs(rng, 16)
        optimizer.zero_grad()
        loss = criterion(
            model(x, widths),
            np.concatenate(labels),
            model.output_lengths(widths),
            [len(line) for line in labels],
        )
        loss.backward()
        optimizer.step()
    x, widths, labels = lines_of_glyphs(rng, 100)
    found = ctc_greedy_decode(model.eval()(x, widths), model.output_lengths(widths))
    right = [np.array_equal(a, b) for a, b in zip(found, labels, strict=True)]
    assert np.mean(right) >= 0.95  # three glyphs that are always the same: nearly all


BAD = [
    ((normal((2, 1, 8, 20), 0, np.float32),), r"x \(N, 1, 9, W ≥ 4\), got \(2, 1, 8, 20\)"),
    ((normal((2, 3, 9, 20), 0, np.float32),), r"got \(2, 3, 9, 20\)"),
    ((normal((1, 9, 20), 0, np.float32),), r"got \(1, 9, 20\)"),
    ((normal((2, 1, 9, 3), 0, np.float32),), r"W ≥ 4\), got \(2, 1, 9, 3\)"),
    ((normal((2, 1, 9, 20), 0, np.float32), [20]), r"each of 2 lines, got \(1,\)"),
    (
        (normal((2, 1, 9, 20), 0, np.float32), [20.0, 9.0]),
        r"widths are integers, got float64 \(2,\)",
    ),
    ((normal((2, 1, 9, 20), 0, np.float32), [20, 21]), r"from 4 to 20, got 21 for line 1"),
    ((normal((2, 1, 9, 20), 0, np.float32), [3, 20]), r"from 4 to 20, got 3 for line 0"),
    ((np.zeros((2, 1, 9, 20), np.uint8),), "CRNN holds float32 arrays, x is uint8"),
    ((np.zeros((2, 1, 9, 20), np.uint8), [20, 8]), "CRNN holds float32 arrays, x is uint8"),
    ((normal((2, 1, 9, 20)).tolist(),), "CRNN takes an array or a Tensor, got list"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD)
def test_lines_that_do_not_fit_are_an_error_with_the_values_in_hand(arguments, message):
    with pytest.raises((ValueError, TypeError), match=message):
        small()(*arguments)


@pytest.mark.parametrize(
    "options", [{"channels": (4,)}, {"height": 7}, {"channels": (2, 2, 2, 2, 2), "height": 31}]
)
def test_a_height_that_is_halved_to_nothing_is_refused(options):
    with pytest.raises(ValueError, match=r"channels names at least 2 stages.*height"):
        small(**options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"height": 16.0}, "height is a whole number, got 16.0"),
        ({"in_channels": "a"}, "in_channels is a whole number, got 'a'"),
    ],
)
def test_a_size_that_is_no_whole_number_is_named(options, message):
    with pytest.raises(TypeError, match=message):
        small(**options)


def test_the_channels_may_be_any_sequence_of_numbers():
    assert len(small(channels=iter([3, 4, 6])).features) == 3


@pytest.mark.parametrize(
    ("widths", "error", "message"),
    [
        ([7.5], TypeError, r"widths are integers, got float64 \(1,\)"),
        ("a", TypeError, "widths are integers"),
        ([8, -5], ValueError, "widths are at least 0, got -5"),
        ([[8], [4, 4]], ValueError, "widths are integers in one array, got"),
    ],
)
def test_widths_that_are_none_have_no_lengths(widths, error, message):
    with pytest.raises(error, match=message):
        small().output_lengths(widths)


def test_lengths_are_integers_of_a_width_that_holds_them():
    found = small().output_lengths(np.array([255, 3, 0], np.uint8))
    np.testing.assert_array_equal(found, np.array([63, 0, 0], np.int64), strict=True)
