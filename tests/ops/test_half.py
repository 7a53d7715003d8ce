"""float16: what adds many values up is computed in float32, and rounded to halves at the end."""

import numpy as np
import pytest
from compare import normal

from scratchnet import functional, nn, ops

HALF = np.float16
IMAGES = normal((4, 4, 40, 40), 1, HALF)
PER_CHANNEL = normal(4, 2, HALF)
KEPT = np.stack([PER_CHANNEL, PER_CHANNEL**2])  # a mean and a variance

# Each with sums, of squares or of entries, that are beyond 65504, the largest half.
CASES = {
    "batch_norm": (ops.batch_norm, (IMAGES * 10, PER_CHANNEL, PER_CHANNEL)),
    "batch_norm_inference": (
        lambda x, w, b: ops.batch_norm_inference(x, *KEPT.astype(x.dtype), w, b),
        (IMAGES + 20, PER_CHANNEL, PER_CHANNEL),
    ),
    "instance_norm": (ops.instance_norm, (IMAGES * 10, PER_CHANNEL, PER_CHANNEL)),
    "group_norm": (
        lambda x, w, b: ops.group_norm(x, 2, w, b),
        (IMAGES + 20, PER_CHANNEL, PER_CHANNEL),
    ),
    "layer_norm": (
        lambda x, w, b: ops.layer_norm(x, 768, w, b),
        (normal((3, 768), 3, HALF) * 20, normal(768, 4, HALF), normal(768, 5, HALF)),
    ),
    "avg_pool1d": (lambda x: ops.avg_pool1d(x, 40), (IMAGES[0] + 2000,)),
    "avg_pool2d": (lambda x: ops.avg_pool2d(x, 20), (IMAGES + 300,)),
    "adaptive_avg_pool1d": (lambda x: ops.adaptive_avg_pool1d(x, 1), (IMAGES[0] + 2000,)),
    "adaptive_avg_pool2d": (lambda x: ops.adaptive_avg_pool2d(x, (1, 3)), (IMAGES + 300,)),
    "area": (lambda x: ops.interpolate(x, (2, 1), mode="area"), (IMAGES + 300,)),
    "sum": (lambda x: ops.sum(x, (1, 2, 3)), (IMAGES,)),
    "mean": (ops.mean, (IMAGES + 300,)),
    "mean of a line": (lambda x: ops.mean(x, 0, True), (np.ones((70_000, 1), HALF),)),
    "var": (lambda x: ops.var(x, (0, 2)), (IMAGES * 100,)),
}


@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients_are_those_of_float32_rounded_to_halves(name):
    op, arrays = CASES[name]
    y, pullback = op(*arrays)
    wide, pullback_wide = op(*[a.astype(np.float32) for a in arrays])
    several = isinstance(y, tuple)
    dys = [
        None if i else normal(np.shape(part), 9, HALF)
        for i, part in enumerate(y if several else (y,))
    ]
    grads = pullback(tuple(dys) if several else dys[0])
    dy32 = dys[0].astype(np.float32)
    grads_wide = pullback_wide((dy32, *dys[1:]) if several else dy32)
    outputs = zip(y if several else [y], wide if several else [wide], strict=True)
    for found, expected in [*outputs, *zip(grads, grads_wide, strict=True)]:
        assert np.isfinite(expected).all()
        np.testing.assert_array_equal(found, np.asarray(expected).astype(HALF), strict=True)


def test_sums_of_halves_are_as_exact_as_torchs(torch):
    x = normal((8, 4, 56, 56), 1, HALF) * 3 + 5
    t = torch.from_numpy(x)
    row, row_t = x.reshape(-1, 56), t.reshape(-1, 56)
    F = torch.nn.functional
    pairs = [
        (functional.layer_norm(row, 56), F.layer_norm(row_t, (56,))),
        (functional.group_norm(x, 2), F.group_norm(t, 2)),
        (
            functional.batch_norm(x, None, None, training=True),
            F.batch_norm(t, None, None, training=True),
        ),
        (functional.avg_pool2d(x, 50, 1), F.avg_pool2d(t, 50, 1)),
        (functional.mean(x, (0, 2, 3)), t.mean((0, 2, 3))),
        (functional.var(x, (0, 2, 3)), t.var((0, 2, 3))),
        (functional.sum(row, 1), row_t.sum(1)),
    ]
    for found, expected in pairs:
        # Values below 8 that are rounded to halves; torch's group_norm rounds μ/σ, below 2, as well.
        np.testing.assert_allclose(found, expected.numpy(), rtol=2.0**-10, atol=2.0**-10)


def test_a_layer_of_halves_keeps_the_statistics_of_large_maps():
    layer = nn.BatchNorm2d(4).to(HALF)
    x = normal((33, 4, 56, 56), 1, HALF)  # 103 488 values in each channel
    y = layer(x).data
    assert y.dtype == layer.running_var.dtype == HALF
    # 0.9 · 1 + 0.1 · var, var of standard normal numbers within a hundredth of 1
    np.testing.assert_allclose(layer.running_var, 1.0, atol=2e-3)
    np.testing.assert_allclose(y.astype(np.float64).std(axis=(0, 2, 3)), 1.0, atol=1e-3)


def test_eps_below_the_smallest_half_counts():
    np.testing.assert_array_equal(ops.layer_norm(np.zeros((1, 4), HALF), 4, eps=1e-8)[0], 0.0)
