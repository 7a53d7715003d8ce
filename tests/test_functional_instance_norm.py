"""functional.instance_norm: the statistics that it keeps in the arrays that were passed."""

import numpy as np
import pytest
from compare import normal

from scratchnet import Tensor, ops
from scratchnet import functional as F


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("shape", [(6, 3, 5), (4, 3, 2, 2)])
@pytest.mark.parametrize("momentum", [0.1, 0.0, 1.0])
def test_the_running_arrays_become_what_torch_makes_of_them_over_several_steps(
    torch, dtype, shape, momentum
):
    mean, var = np.zeros(3, dtype), np.ones(3, dtype)
    their_mean, their_var = torch.from_numpy(mean.copy()), torch.from_numpy(var.copy())
    weight, bias = normal(3, 1, dtype), normal(3, 2, dtype)
    error = 32 * np.finfo(dtype).eps  # five steps, each with sums of up to 30 terms
    for step in range(5):
        x = normal(shape, 10 + step, dtype) * dtype(step + 1) + dtype(step)
        by_sample = step != 3  # one step in between only reads them
        y = F.instance_norm(x, mean, var, weight, bias, by_sample, momentum)
        parameters = torch.from_numpy(weight), torch.from_numpy(bias)
        expected = torch.nn.functional.instance_norm(
            torch.from_numpy(x), their_mean, their_var, *parameters, by_sample, momentum
        )
        largest = float(expected.abs().max())
        np.testing.assert_allclose(y, expected.numpy(), rtol=error, atol=error * (1 + largest))
        np.testing.assert_allclose(mean, their_mean.numpy(), rtol=error, atol=error)
        np.testing.assert_allclose(var, their_var.numpy(), rtol=error, atol=error)
    assert (mean.dtype, var.dtype) == (dtype, dtype)


def test_the_averages_over_the_samples_are_kept_of_the_unbiased_variance():
    x = np.array([[[1.0, 3.0]], [[5.0, 9.0]]])  # means 2 and 7, unbiased variances 2 and 8
    mean, var = np.array([10.0]), np.array([10.0])
    F.instance_norm(x, mean, var, momentum=0.25)
    np.testing.assert_array_equal(mean, [0.75 * 10 + 0.25 * 4.5])
    np.testing.assert_array_equal(var, [0.75 * 10 + 0.25 * 5])


def test_gradients_go_through_the_samples_statistics_and_not_through_the_running_ones():
    x, dy = normal((4, 3, 5)), normal((4, 3, 5), 1)
    mean, var = Tensor(np.zeros(3)), Tensor(np.ones(3))
    leaf = Tensor(x, requires_grad=True)
    F.instance_norm(leaf, mean, var).backward(dy)
    np.testing.assert_array_equal(leaf.grad, ops.instance_norm(x)[1]((dy, None, None))[0])
    assert mean.data.any()  # a Tensor's array is written as well
    leaf.grad = None
    F.instance_norm(leaf, mean, var, use_input_stats=False).backward(dy)
    expected = ops.batch_norm_inference(x, mean.data, var.data)[1](dy)[0]
    np.testing.assert_array_equal(leaf.grad, expected)


def test_an_empty_batch_leaves_the_running_statistics_where_torch_makes_them_nan(torch):
    mean, var = normal(3), np.ones(3)
    kept = mean.copy(), var.copy()
    for shape in ((0, 3, 4), (2, 3, 0)):
        assert F.instance_norm(np.zeros(shape), mean, var).shape == shape
        np.testing.assert_array_equal((mean, var), kept)
    theirs = torch.zeros(3)
    torch.nn.functional.instance_norm(torch.zeros(0, 3, 4), theirs, torch.ones(3))
    assert theirs.isnan().all()


@pytest.mark.parametrize(
    ("x", "mean", "var", "options", "error", "message"),
    [
        ((2, 3, 4), np.zeros(3), None, {}, ValueError, "running_mean and running_var both"),
        ((2, 3, 4), np.zeros(1), np.ones(3), {}, ValueError, r"running_mean \(1,\)"),
        ((2, 3, 4), np.zeros(3), np.ones(3, "f4"), {}, TypeError, r"running_var float32 \(3,\)"),
        ((2, 3, 1), np.zeros(3), np.ones(3), {}, ValueError, "one value in each channel"),
        (
            (2, 3, 4),
            None,
            None,
            {"use_input_stats": False},
            ValueError,
            "takes running statistics or use_input_stats=True",
        ),
    ],
)
def test_statistics_that_do_not_fit_are_refused_and_nothing_is_written(
    x, mean, var, options, error, message
):
    kept = None if mean is None else mean.copy()
    with pytest.raises(error, match=message):
        F.instance_norm(np.ones(x), mean, var, **options)
    if mean is not None:
        np.testing.assert_array_equal(mean, kept)
