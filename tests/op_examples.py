"""A call of every operation on small arrays: the table on which the contract is tested.

An operation that is not listed here fails `tests/ops/test_contract.py` by name.
"""

import itertools

import numpy as np
from compare import normal

# No other axis has a length that 7 divides, so the batch axis can be told from the others.
BATCH = 7


class Draw:
    """Makes the arrays of an example: seeded, of one dtype."""

    def __init__(self, dtype):
        self.dtype = np.dtype(dtype)
        self.seeds = itertools.count()

    def __call__(self, *shape):
        return normal(shape, next(self.seeds), self.dtype)

    def positive(self, *shape):
        return (self(*shape) ** 2 + 0.5).astype(self.dtype)

    def bools(self, *shape):
        return self(*shape) > 0

    def labels(self, n_classes, *shape):
        return np.random.default_rng(next(self.seeds)).integers(0, n_classes, shape)

    def probabilities(self, *shape):
        p = self.positive(*shape)
        return p / p.sum(axis=1, keepdims=True)


def call(*arguments, **options):
    return arguments, options


# name: functions of (draw, n) that give the arguments of a call; n is the length of the batch axis.
# Points lie where the operation is smooth. `n or 1` stands where an empty input is an error.
EXAMPLES = {
    "absolute": [lambda f, n: call(f(n, 3))],
    "adaptive_avg_pool1d": [
        lambda f, n: call(f(n, 2, 5), 3),
        lambda f, n: call(f(n, 2, 4), 6),
        lambda f, n: call(f(n, 2, 5), 1),
    ],
    "adaptive_avg_pool2d": [
        lambda f, n: call(f(n, 2, 5, 6), (3, 4)),
        lambda f, n: call(f(n, 2, 4, 3), (2, None)),
        lambda f, n: call(f(n, 2, 3, 2), 5),
        lambda f, n: call(f(n, 2, 3, 4), 1),
    ],
    "adaptive_max_pool1d": [
        lambda f, n: call(f(n, 2, 5), 3),
        lambda f, n: call(f(n, 2, 4), 6, return_indices=True),
        lambda f, n: call(f(n, 2, 5), 1),
    ],
    "adaptive_max_pool2d": [
        lambda f, n: call(f(n, 2, 5, 6), (3, 4)),
        lambda f, n: call(f(n, 2, 4, 3), (2, None), True),
        lambda f, n: call(f(n, 2, 3, 2), 5),
        lambda f, n: call(f(n, 2, 3, 4), 1, return_indices=True),
    ],
    "add": [
        lambda f, n: call(f(n, 3), f(n, 3)),
        lambda f, n: call(f(n, 1, 3), f(2, 1)),
        lambda f, n: call(f(n, 3), 2.0),
        lambda f, n: call(2, f(n, 3)),
        lambda f, n: call(f(n, 3), f.labels(5, n, 1)),
    ],
    "additive_attention": [
        lambda f, n: call(f(n, 3, 2), f(n, 4, 5), f(n, 4, 2), f(3, 2), f(3, 5), f(3)),
        lambda f, n: call(f(n, 2), f(4, 3), f(4, 5), f(3, 2), None, f(3), f.bools(n, 4)),
        lambda f, n: call(f(3, 2), f(n, 2), f(n, 2), f(4, 2), f(4, 2), f(4), attn_mask=f(1, n)),
    ],
    "amax": [
        lambda f, n: call(f(n, 3, 4), dim=(1, 2)),
        lambda f, n: call(f(n, 3), dim=-1, keepdim=True),
        lambda f, n: call(f(n or 1, 3)),
    ],
    "amin": [
        lambda f, n: call(f(n, 3, 4), dim=(1, 2)),
        lambda f, n: call(f(n, 3), dim=-1, keepdim=True),
        lambda f, n: call(f(n or 1, 3)),
    ],
    "astype": [lambda f, n: call(f(n, 3), f.dtype)],
    "avg_pool1d": [
        lambda f, n: call(f(n, 2, 5), 2),
        lambda f, n: call(f(n, 2, 6), 3, 2, 1, True, False),
    ],
    "avg_pool2d": [
        lambda f, n: call(f(n, 2, 5, 4), 2),
        lambda f, n: call(f(n, 2, 5, 6), (3, 2), (2, 1), (1, 0), True, False),
        lambda f, n: call(f(n, 1, 4, 4), 2, divisor_override=3),
    ],
    "batch_norm": [
        lambda f, n: call(f(n, 3), f(3), f(3)),
        lambda f, n: call(f(n, 2, 3, 2), weight=f(2)),
        lambda f, n: call(f(n, 2, 3), bias=f(2), eps=0.1),
        lambda f, n: call(f(n, 3)),
    ],
    "batch_norm_inference": [
        lambda f, n: call(f(n, 3), f(3), f.positive(3), f(3), f(3)),
        lambda f, n: call(f(n, 2, 3, 2), f(2), f.positive(2), weight=f(2)),
        lambda f, n: call(f(n, 2, 3), f(2), f.positive(2), bias=f(2), eps=0.1),
        lambda f, n: call(f(n, 3), f(3), f.positive(3)),
    ],
    "binary_cross_entropy_with_logits": [
        lambda f, n: call(f(n, 3), f.positive(n, 3), reduction="none"),
        lambda f, n: call(f(n, 3), f.positive(n, 3), f.positive(3), "sum", f.positive(3)),
        lambda f, n: call(f(n or 1, 3), f.positive(n or 1, 3), weight=f.positive(n or 1, 1)),
    ],
    "broadcast_to": [
        lambda f, n: call(f(n, 1, 3), (2, n, 4, 3)),
        lambda f, n: call(f(3), (n, 3)),
    ],
    "clip": [
        lambda f, n: call(f(n, 3), -0.5, 0.5),
        lambda f, n: call(f(n, 3), min=-0.5),
        lambda f, n: call(f(n, 3), max=f(n, 1)),
        lambda f, n: call(f(n, 3), f(n, 3), f(3)),
    ],
    "concatenate": [
        lambda f, n: call([f(n, 3), f(n, 2)], 1),
        lambda f, n: call((f(n, 3), f.labels(5, n, 2), f(n, 1)), dim=-1),
        lambda f, n: call([f(n, 3), f(n, 3)]),
    ],
    "conv1d": [
        lambda f, n: call(f(n, 2, 6), f(3, 2, 3), f(3)),
        lambda f, n: call(f(n, 2, 6), f(4, 1, 2), None, 2, [(2, 1)], 2, 2),
        lambda f, n: call(f(n, 2, 5), f(2, 2, 4), padding="same"),
    ],
    "conv2d": [
        lambda f, n: call(f(n, 2, 5, 4), f(3, 2, 2, 3), f(3)),
        lambda f, n: call(f(n, 2, 5, 4), f(4, 1, 3, 2), None, (2, 1), ((1, 0), (2, 1)), 2, 2),
        lambda f, n: call(f(n, 2, 4, 5), f(2, 2, 2, 2), padding="same"),
        lambda f, n: call(f(n, 2, 3, 3), f(3, 2, 1, 1), f(3)),
        lambda f, n: call(f(n, 3, 4, 5), f(6, 1, 3, 2), f(6), (2, 1), 1, (1, 2), 3),
    ],
    "conv_transpose1d": [
        lambda f, n: call(f(n, 2, 4), f(2, 3, 3), f(3)),
        lambda f, n: call(f(n, 2, 4), f(2, 2, 2), None, 2, 1, 1, 2, 3),
    ],
    "conv_transpose2d": [
        lambda f, n: call(f(n, 2, 3, 4), f(2, 3, 2, 3), f(3)),
        lambda f, n: call(f(n, 2, 3, 2), f(2, 1, 3, 2), f(2), (2, 1), (1, 0), (1, 1), 2, (1, 2)),
        lambda f, n: call(f(n, 2, 3, 3), f(2, 3, 1, 1), None),
    ],
    "cross_entropy": [
        lambda f, n: call(f(n, 4), f.labels(4, n), reduction="none"),
        lambda f, n: call(f(n, 4, 2), f.labels(4, n, 2), f.positive(4), 1, "sum", 0.2),
        lambda f, n: call(f(n, 4), f.probabilities(n, 4), f.positive(4), -100, "sum", 0.2),
        lambda f, n: call(f(n or 1, 4), f.labels(4, n or 1)),
    ],
    "ctc_loss": [
        lambda f, n: call(
            f(5, n, 4), f.labels(3, n, 2), np.arange(n) % 3 + 3, np.arange(n) % 2 + 1, 3, "none"
        ),
        lambda f, n: call(f(4, n, 3), f.labels(2, n, 4) + 1, [4] * n, [2] * n, reduction="sum"),
        lambda f, n: call(f(6, n or 1, 3), f.labels(2, n or 1) + 1, [6] * (n or 1), [1] * (n or 1)),
        lambda f, n: call(f(5, 3), np.array([1, 1]), 4, 2),
    ],
    "divide": [
        lambda f, n: call(f(n, 3), f.positive(n, 3)),
        lambda f, n: call(f(n, 1, 3), f.positive(2, 1)),
        lambda f, n: call(2.0, f.positive(n, 3)),
    ],
    "dropout": [
        lambda f, n: call(f(n, 3), 0.4, seed=1),
        lambda f, n: call(f(n, 3), 0.4, mask=f.bools(n, 3)),
        lambda f, n: call(f(n, 3), 1.0, seed=1),
        lambda f, n: call(f(n, 3, 2), 0.4, mask=f.bools(n, 3, 1)),
    ],
    "elu": [lambda f, n: call(f(n, 3)), lambda f, n: call(f(n, 3), 0.7)],
    "embedding": [
        # Without the padding token itself, which is read and yet gets no gradient.
        lambda f, n: call(f.labels(5, n, 4), f(5, 3)),
        lambda f, n: call(f.labels(4, 2, n) + 1, f(5, 3), -5),
        lambda f, n: call(f.labels(3, 4), f(4, n), padding_idx=3),
    ],
    "exp": [lambda f, n: call(f(n, 3))],
    "fold": [
        lambda f, n: call(f(n, 8, 6), (3, 4), 2),
        lambda f, n: call(f(n, 12, 6), (4, 5), (3, 2), (1, 2), (1, 0), (2, 1)),
    ],
    "gelu": [lambda f, n: call(f(n, 3)), lambda f, n: call(f(n, 3), "tanh")],
    "getitem": [
        lambda f, n: call(f(n, 3), (slice(None), 1)),
        lambda f, n: call(f(n, 3), (..., np.array([0, 2, 0]))),
        lambda f, n: call(f(n, 3), (slice(None), f.bools(3))),
        lambda f, n: call(f(n, 3), (slice(None, None, -1), None)),
    ],
    "group_norm": [
        lambda f, n: call(f(n, 4, 3), 2, f(4), f(4)),
        lambda f, n: call(f(n, 4, 3, 2), 4, weight=f(4)),
        lambda f, n: call(f(n, 4), 1, bias=f(4), eps=0.1),
        lambda f, n: call(f(n, 4, 3), 2),
    ],
    "gru": [
        lambda f, n: call(f(4, n, 3), f(n, 2), f(6, 3), f(6, 2), f(6), f(6)),
        lambda f, n: call(f(4, n, 3), None, f(6, 3), f(6, 2), None, f(6), reverse=True),
        lambda f, n: call(
            f(4, n, 3), f(n, 2), f(6, 3), f(6, 2), lengths=np.arange(n) % 4 + 1, reverse=True
        ),
    ],
    "gru_cell": [
        lambda f, n: call(f(n, 3), f(n, 2), f(6, 3), f(6, 2), f(6), f(6)),
        lambda f, n: call(f(n, 3), f(n, 2), f(6, 3), f(6, 2)),
        lambda f, n: call(f(n), f(2), f(6, n), f(6, 2), f(6)),
    ],
    "hardsigmoid": [lambda f, n: call(f(n, 3)), lambda f, n: call(f(n, 3) * 4.0)],
    "hardswish": [lambda f, n: call(f(n, 3)), lambda f, n: call(f(n, 3) * 4.0)],
    "hardtanh": [lambda f, n: call(f(n, 3)), lambda f, n: call(f(n, 3), -0.5, 0.75)],
    "huber_loss": [
        lambda f, n: call(f(n, 3), f(n, 3), "none"),
        lambda f, n: call(f(n, 3), f(n, 3), "sum", 0.5),
        lambda f, n: call(f(n or 1, 3), f(n or 1, 3)),
    ],
    "instance_norm": [
        lambda f, n: call(f(n, 2, 3), f(2), f(2)),
        lambda f, n: call(f(n, 2, 3, 2), weight=f(2)),
        lambda f, n: call(f(n, 2, 3), bias=f(2), eps=0.1),
        lambda f, n: call(f(n, 2, 3)),
    ],
    "interpolate": [
        lambda f, n: call(f(n, 2, 3, 4), (5, 6)),
        lambda f, n: call(f(n, 2, 5), scale_factor=0.6, mode="nearest-exact"),
        lambda f, n: call(f(n, 2, 5), 3, mode="area"),
        lambda f, n: call(f(n, 2, 4), scale_factor=1.6, mode="linear"),
        lambda f, n: call(f(n, 2, 3, 5), (5, 3), None, "bilinear", True),
    ],
    "l1_loss": [
        lambda f, n: call(f(n, 3), f(n, 3), "none"),
        lambda f, n: call(f(n, 3), f.labels(5, n, 3), "sum"),
        lambda f, n: call(f(n or 1, 3), f(n or 1, 3)),
    ],
    "layer_norm": [
        lambda f, n: call(f(n, 3), 3, f(3), f(3)),
        lambda f, n: call(f(n, 2, 3), (2, 3), weight=f(2, 3)),
        lambda f, n: call(f(n, 2, 3), [3], bias=f(3), eps=0.1),
        lambda f, n: call(f(n, 3), (3,)),
    ],
    "leaky_relu": [lambda f, n: call(f(n, 3)), lambda f, n: call(f(n, 3), 0.3)],
    "linear": [
        lambda f, n: call(f(n, 3), f(4, 3), f(4)),
        lambda f, n: call(f(n, 3), f(4, 3)),
        lambda f, n: call(f(n, 2, 3), f(4, 3), f(4)),
    ],
    "log": [lambda f, n: call(f.positive(n, 3))],
    "log_softmax": [lambda f, n: call(f(n, 3)), lambda f, n: call(f(n, 3, 2), dim=1)],
    "logsumexp": [
        lambda f, n: call(f(n, 3), dim=1),
        lambda f, n: call(f(n, 3), dim=0, keepdim=True),
        lambda f, n: call(f(n, 3)),
    ],
    "lstm": [
        lambda f, n: call(f(4, n, 3), f(n, 2), f(n, 2), f(8, 3), f(8, 2), f(8), f(8)),
        lambda f, n: call(f(4, n, 3), None, None, f(8, 3), f(8, 2), f(8), reverse=True),
        lambda f, n: call(
            f(4, n, 3),
            f(n, 3),
            f(n, 2),
            f(8, 3),
            f(8, 3),
            None,
            f(8),
            f(3, 2),
            np.arange(n) % 4 + 1,
        ),
    ],
    "lstm_cell": [
        lambda f, n: call(f(n, 3), f(n, 2), f(n, 2), f(8, 3), f(8, 2), f(8), f(8)),
        lambda f, n: call(f(n, 3), f(n, 2), f(n, 2), f(8, 3), f(8, 2)),
        lambda f, n: call(f(n), f(2), f(2), f(8, n), f(8, 2), None, f(8)),
    ],
    "matmul": [
        lambda f, n: call(f(n, 3), f(3, 4)),
        lambda f, n: call(f(n, 2, 3), f(n, 3, 4)),
        lambda f, n: call(f(n, 1, 2, 3), f(2, 3, 4)),
        lambda f, n: call(f(2, n, 3), f(3, 4)),
        lambda f, n: call(f(n, 3), f(3)),
        lambda f, n: call(f(3), f(n, 3, 4)),
        lambda f, n: call(f(n), f(n)),
    ],
    "max": [lambda f, n: call(f(n or 1, 3)), lambda f, n: call(f(n, 3), 1, True)],
    "max_pool1d": [
        lambda f, n: call(f(n, 2, 5), 2),
        lambda f, n: call(f(n, 2, 6), 3, 2, 1, 2, True),
        lambda f, n: call(f(n, 1, 4), 3, 1, 1, return_indices=True),
    ],
    "max_pool2d": [
        lambda f, n: call(f(n, 2, 5, 4), 2),
        lambda f, n: call(f(n, 2, 6, 5), (3, 2), (2, 1), (1, 0), (1, 2), True),
        lambda f, n: call(f(n, 1, 4, 4), 3, 1, 1, return_indices=True),
    ],
    "maximum": [
        lambda f, n: call(f(n, 3), f(n, 3)),
        lambda f, n: call(f(n, 1, 3), f(2, 1)),
        lambda f, n: call(0.5, f(n, 3)),
    ],
    "mean": [
        lambda f, n: call(f(n, 3), dim=1),
        lambda f, n: call(f(n, 3, 2), dim=(1, -1), keepdim=True),
        lambda f, n: call(f(n or 1, 3)),
    ],
    "min": [lambda f, n: call(f(n or 1, 3)), lambda f, n: call(f(n, 3), 1, True)],
    "minimum": [
        lambda f, n: call(f(n, 3), f(n, 3)),
        lambda f, n: call(f(n, 1, 3), f(2, 1)),
        lambda f, n: call(f(n, 3), 0.5),
    ],
    "mse_loss": [
        lambda f, n: call(f(n, 3), f(n, 3), "none"),
        lambda f, n: call(f(n, 3), f.labels(5, n, 3), "sum"),
        lambda f, n: call(f(n or 1, 3), f(n or 1, 3)),
    ],
    "multiply": [
        lambda f, n: call(f(n, 3), f(n, 3)),
        lambda f, n: call(f(n, 1, 3), f(2, 1)),
        lambda f, n: call(2.0, f(n, 3)),
        lambda f, n: call(f(n, 3), f.bools(n, 3)),
    ],
    "negative": [lambda f, n: call(f(n, 3))],
    "nll_loss": [
        lambda f, n: call(f(n, 4), f.labels(4, n), reduction="none"),
        lambda f, n: call(f(n, 4, 2), f.labels(4, n, 2), f.positive(4), 1, "sum"),
        lambda f, n: call(f(n or 1, 4), f.labels(4, n or 1)),
    ],
    "pad": [
        lambda f, n: call(f(n, 3), (1, 2), value=1.5),
        lambda f, n: call(f(n, 3, 4), (1, -1, -1, 2)),
        lambda f, n: call(f(n, 3, 4), (2, 0, 0, 2), "reflect"),
        lambda f, n: call(f(n, 3, 4), (1, 5), "replicate"),
        lambda f, n: call(f(n, 3, 4), (3, 1, 2, 0), "circular"),
    ],
    "permute": [lambda f, n: call(f(n, 3, 2), (2, 0, -2))],
    "pow": [
        lambda f, n: call(f(n, 3), 3),
        lambda f, n: call(f.positive(n, 1, 3), f(2, 1)),
        lambda f, n: call(2.0, f(n, 3)),
    ],
    "relu": [lambda f, n: call(f(n, 3))],
    "relu6": [lambda f, n: call(f(n, 3)), lambda f, n: call(f(n, 3) * 6.0)],
    "reshape": [lambda f, n: call(f(n, 3, 2), (n, 6)), lambda f, n: call(f(n, 3), (3 * n,))],
    "rnn": [
        lambda f, n: call(f(4, n, 3), f(n, 2), f(2, 3), f(2, 2), f(2), f(2)),
        lambda f, n: call(f(4, n, 3), None, f(2, 3), f(2, 2), nonlinearity="relu"),
        lambda f, n: call(
            f(4, n, 3), f(n, 2), f(2, 3), f(2, 2), f(2), lengths=np.arange(n) % 4 + 1, reverse=True
        ),
    ],
    "rnn_cell": [
        lambda f, n: call(f(n, 3), f(n, 2), f(2, 3), f(2, 2), f(2), f(2)),
        lambda f, n: call(f(n, 3), f(n, 2), f(2, 3), f(2, 2), nonlinearity="relu"),
        lambda f, n: call(f(n), f(2), f(2, n), f(2, 2), f(2)),
    ],
    "rotary_embedding": [
        lambda f, n: call(f(n, 3, 4)),
        lambda f, n: call(f(2, n, 6), 5, 100.0, True),
        lambda f, n: call(f(n, 3, 4), positions=f.labels(9, n, 1)),
    ],
    "scaled_dot_product_attention": [
        lambda f, n: call(f(n, 2, 3, 4), f(n, 2, 5, 4), f(n, 2, 5, 2)),
        lambda f, n: call(f(2, n, 3), f(2, 4, 3), f(1, 4, 3), is_causal=True, block_size=2),
        lambda f, n: call(
            f(n, 4, 3, 2), f(n, 2, 5, 2), f(n, 1, 5, 2), f(n, 1, 1, 5), 0.0, False, 0.3, True
        ),
        lambda f, n: call(f(n, 2, 3), f(n, 4, 3), f(4, 2), f.bools(n, 1, 4), 0.4, rng=1),
    ],
    "sigmoid": [lambda f, n: call(f(n, 3))],
    "silu": [lambda f, n: call(f(n, 3))],
    "softmax": [lambda f, n: call(f(n, 3)), lambda f, n: call(f(n, 3, 2), dim=1)],
    "softplus": [lambda f, n: call(f(n, 3)), lambda f, n: call(f(n, 3), 2.0, 1.0)],
    "split": [
        lambda f, n: call(f(n, 5), 2, 1),
        lambda f, n: call(f(n, 5), [1, 0, 4], dim=-1),
    ],
    "sqrt": [lambda f, n: call(f.positive(n, 3))],
    "stack": [
        lambda f, n: call([f(n, 3), f(n, 3)]),
        lambda f, n: call((f(n, 3), f.labels(5, n, 3), f(n, 3)), dim=-1),
    ],
    "subtract": [
        lambda f, n: call(f(n, 3), f(n, 3)),
        lambda f, n: call(f(n, 1, 3), f(2, 1)),
        lambda f, n: call(2.0, f(n, 3)),
    ],
    "sum": [
        lambda f, n: call(f(n, 3), dim=0),
        lambda f, n: call(f(n, 3, 2), dim=(1, -1), keepdim=True),
        lambda f, n: call(f(n, 3)),
    ],
    "tanh": [lambda f, n: call(f(n, 3))],
    "transpose": [lambda f, n: call(f(n, 3, 2), 0, -1)],
    "unfold": [
        lambda f, n: call(f(n, 2, 3, 4), 2),
        lambda f, n: call(f(n, 2, 4, 5), (3, 2), (1, 2), (1, 0), (2, 1)),
        lambda f, n: call(f(n, 2, 3, 4), 1),
    ],
    "var": [
        lambda f, n: call(f(n, 3), dim=1),
        lambda f, n: call(f(n, 3, 2), dim=(1, -1), correction=0, keepdim=True),
        lambda f, n: call(f(n or 2, 3)),
    ],
    "where": [
        lambda f, n: call(f.bools(n, 3), f(n, 3), f(n, 3)),
        lambda f, n: call(f.bools(n, 1, 3), f(2, 1), f(3)),
        lambda f, n: call(f.bools(n, 3), f(n, 3), 0.0),
    ],
}

# Floating arguments that the operation's docstring declares to be without gradient.
CONSTANT = {
    "batch_norm_inference": ("running_mean", "running_var"),
    "binary_cross_entropy_with_logits": ("weight", "pos_weight"),
    "cross_entropy": ("weight",),
    "nll_loss": ("weight",),
}

# Operations that are one product: the gradient of a factor needs the other factor, a bias needs none.
PRODUCTS = {"conv1d", "conv2d", "conv_transpose1d", "conv_transpose2d", "linear", "matmul"}

# Operations whose derivative needs the values of no floating input: at most those of the output.
FREES_ITS_INPUTS = {
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_max_pool1d",
    "adaptive_max_pool2d",
    "add",
    "astype",
    "avg_pool1d",
    "avg_pool2d",
    "broadcast_to",
    "concatenate",
    "ctc_loss",
    "dropout",
    "embedding",
    "exp",
    "fold",
    "getitem",
    "hardsigmoid",
    "hardtanh",
    "huber_loss",
    "interpolate",
    "l1_loss",
    "leaky_relu",
    "log_softmax",
    "mean",
    "mse_loss",
    "negative",
    "nll_loss",
    "pad",
    "permute",
    "relu",
    "relu6",
    "reshape",
    "rotary_embedding",
    "sigmoid",
    "softmax",
    "split",
    "sqrt",
    "stack",
    "subtract",
    "sum",
    "tanh",
    "transpose",
    "unfold",
    "where",
}
