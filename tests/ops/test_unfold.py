"""unfold and fold: the stated entries, each the other's transpose, their use in a convolution, torch."""

import re

import naive
import numpy as np
import pytest
from compare import assert_adjoint, assert_agrees_with_torch, normal, whole
from convolution_cases import each
from convolution_cases import fold as fold_cases
from convolution_cases import unfold as unfold_cases
from hypothesis import given, settings

from scratchnet import check_pullback
from scratchnet.ops import conv2d, fold, unfold


def with_options(function, options):
    return lambda x: function(x, **options)


@given(unfold_cases())
def test_every_column_holds_the_entries_of_its_window(case):
    options, (x,) = case
    x = whole(x.shape, 1)
    names = "kernel_size", "stride", "padding", "dilation"
    expected = naive.unfold(x, *[each(options[name], 2) for name in names])
    np.testing.assert_array_equal(unfold(x, **options)[0], expected, strict=True)


@given(unfold_cases())
def test_fold_is_the_transpose_of_unfold_and_each_the_gradient_of_the_other(case):
    options, (x,) = case
    x = whole(x.shape, 1)
    columns, pullback = unfold(x, **options)
    z = whole(columns.shape, 2)
    added, fold_pullback = fold(z, x.shape[2:], **options)
    assert np.vdot(columns, z) == np.vdot(x, added)
    np.testing.assert_array_equal(pullback(z)[0], added, strict=True)
    np.testing.assert_array_equal(fold_pullback(x)[0], columns, strict=True)


@given(unfold_cases(), fold_cases())
def test_the_pullbacks_are_the_exact_adjoints(unfolded, folded):
    for op, (options, (x,)) in ((unfold, unfolded), (fold, folded)):
        assert_adjoint(with_options(op, options), whole(x.shape, 1))


@settings(max_examples=20)
@given(unfold_cases(), fold_cases())
def test_the_pullbacks_are_the_derivatives(unfolded, folded):
    for op, (options, (x,)) in ((unfold, unfolded), (fold, folded)):
        check_pullback(op, normal(x.shape, 1), **options)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@settings(max_examples=40)
@given(unfold_cases(), fold_cases())
def test_values_and_gradients_are_those_of_torch(torch, dtype, unfolded, folded):
    for op, (options, (x,)) in ((unfold, unfolded), (fold, folded)):
        reference = getattr(torch.nn.functional, op.__name__)
        assert_agrees_with_torch(
            torch,
            with_options(op, options),
            with_options(reference, options),
            normal(x.shape, 1, dtype),
        )


def test_a_convolution_is_the_product_of_its_weight_with_the_columns():
    x, weight = whole((2, 3, 6, 5)), whole((4, 3, 2, 3), 2)
    columns, _ = unfold(x, (2, 3), (2, 1), (1, 0), (1, 2))
    y, _ = conv2d(x, weight, None, (1, 2), (1, 0), (2, 1))
    np.testing.assert_array_equal((weight.reshape(4, -1) @ columns).reshape(y.shape), y)


def test_folding_what_was_unfolded_counts_every_entry_once_for_each_window_that_holds_it():
    x = whole((2, 3, 6, 5))
    counts = fold(unfold(np.ones_like(x), 3, padding=1)[0], (6, 5), 3, padding=1)[0]
    assert counts[0, 0, 0, 0] == 4
    assert counts[0, 0, 1, 1] == 9
    np.testing.assert_array_equal(
        fold(unfold(x, 3, padding=1)[0], (6, 5), 3, padding=1)[0], counts * x
    )


def test_neither_writes_to_its_input_and_windows_of_one_entry_are_a_view():
    x = whole((2, 3, 4, 4))
    columns, pullback = unfold(x, 1)
    assert np.shares_memory(columns, x)
    dx = pullback(columns)[0]
    assert not np.shares_memory(dx, x)
    np.testing.assert_array_equal(dx, x)


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((4, 5, 5), {"kernel_size": 3}, "unfold takes x of shape (N, C, H, W), got 3 dimensions"),
        ((2, 4, 0, 5), {"kernel_size": 1}, "at least one pixel, got x (2, 4, 0, 5)"),
        ((2, 4, 5, 5), {"kernel_size": 7}, "extends over (7, 7), the padded x has (5, 5): x (2, 4"),
        ((2, 4, 5, 5), {"kernel_size": (3,)}, "kernel_size takes an int or a pair of ints"),
        ((2, 4, 5, 5), {"kernel_size": 0}, "kernel_size must be at least 1, got 0"),
        ((2, 4, 5, 5), {"kernel_size": 3, "stride": 0}, "stride must be at least 1, got 0"),
        ((2, 4, 5, 5), {"kernel_size": 3, "padding": -1}, "padding must be at least 0, got -1"),
        ((2, 4, 5, 5), {"kernel_size": 3, "dilation": 0}, "dilation must be at least 1, got 0"),
    ],
)
def test_unfold_refuses_and_shows_what_does_not_fit(shape, options, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        unfold(np.zeros(shape), **options)


@pytest.mark.parametrize(
    ("shape", "size", "message"),
    [
        ((2, 36), 5, "(N, C·9, 9) for output_size (5, 5) and kernel_size (3, 3), got (2, 36)"),
        (
            (2, 35, 9),
            5,
            "(N, C·9, 9) for output_size (5, 5) and kernel_size (3, 3), got (2, 35, 9)",
        ),
        ((2, 36, 8), 5, "got (2, 36, 8)"),
        ((2, 36, 1), 1, "extends over (3, 3), the padded x has (1, 1): output_size (1, 1)"),
        ((2, 36, 9), (5, 5, 5), "output_size takes an int or a pair of ints, got (5, 5, 5)"),
        ((2, 36, 9), 0, "output_size must be at least 1, got 0"),
    ],
)
def test_fold_refuses_and_shows_what_does_not_fit(shape, size, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        fold(np.zeros(shape), size, 3)


@pytest.mark.parametrize("op", [lambda x: unfold(x, 1), lambda x: fold(x[:, :, 0], (1, 1), 1)])
def test_integers_are_refused(op):
    with pytest.raises(TypeError, match="takes floating arrays"):
        op(np.zeros((1, 1, 1, 1), int))
