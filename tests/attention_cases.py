"""Masks and inputs for the attention layers, and their comparison with torch."""

import numpy as np
from compare import normal
from hypothesis import strategies as st

from scratchnet import Tensor

bools = st.booleans()

# Both work in one dtype and differ by rounding: 2e-16, or 1e-7, through three layers of products of some
# ten terms, divisions by a standard deviation that may be small, and a softmax.
TOLERANCE = {"float64": 1e-9, "float32": 5e-4}


@st.composite
def masks(draw, shape, kinds=("none", "bool", "float")):
    """None, a bool mask, or floats with −∞ in some places; key 0 is never ignored."""
    kind, rng = draw(st.sampled_from(kinds)), np.random.default_rng(draw(st.integers(0, 99)))
    if kind == "none":
        return None
    ignored = rng.random(shape) < 0.4
    ignored[..., 0] = False
    if kind == "bool":
        return ignored
    return np.where(ignored & draw(bools), -np.inf, rng.standard_normal(shape))


@st.composite
def attention(draw):
    """Three sequences without masks; test_attention.py has all else."""
    heads = draw(st.integers(1, 2))
    e = heads * draw(st.integers(2, 3))
    options = {"embed_dim": e, "num_heads": heads, "dropout": draw(st.sampled_from([0.0, 1.0]))}
    options |= {"kdim": draw(st.sampled_from([None, 3])), "bias": draw(bools)}
    return options, [
        normal((2, 3, e), 0),
        normal((4, 3, options["kdim"] or e), 1),
        normal((4, 3, e), 2),
    ]


@st.composite
def transformer_layer(draw, n_sequences):
    """A source, or a target and a memory; test_transformer_layer.py has the masks."""
    heads = draw(st.integers(1, 2))
    options = {
        "d_model": heads * draw(st.integers(2, 3)),  # one feature is always normalised to 0
        "nhead": heads,
        "dim_feedforward": 5,
        "dropout": draw(st.sampled_from([0.0, 1.0])),
        "norm_first": draw(bools),
    }
    return options, [normal((3, 2, options["d_model"]), i) for i in range(n_sequences)]


CASES = {
    "MultiheadAttention": attention(),
    "TransformerDecoderLayer": transformer_layer(2),
    "TransformerEncoderLayer": transformer_layer(1),
}
# Those of torch are made of layers, or print in another way; the others are not torch's.
TESTED_BY_THEMSELVES = (
    *("Transformer", "TransformerDecoder", "TransformerEncoder"),
    *("AdditiveAttention", "CausalSelfAttention", "KeyValueCache"),
    *("LearnedPositions", "RotaryPositions", "SinusoidalPositions"),
)


def converted(value, dtype):
    """Return floating arrays in this dtype."""
    is_float = isinstance(value, np.ndarray) and value.dtype.kind == "f"
    return value.astype(dtype) if is_float else value


def assert_modules_agree(torch, ours, theirs, arguments, dtype="float64", fixed=()):
    """Assert that two modules agree in state, values and all gradients.

    arguments: by name; one array under two names is one Tensor, so its gradients are added. fixed:
    names that get no gradient.
    """
    names = {id(a): name for name, a in arguments.items() if isinstance(a, np.ndarray)}
    arrays = {names[id(a)]: a for a in arguments.values() if isinstance(a, np.ndarray)}
    arrays = {name: converted(a, dtype) for name, a in arrays.items()}
    needs = {n: a.dtype.kind == "f" and n not in fixed for n, a in arrays.items()}
    tensors = {n: Tensor(a, requires_grad=needs[n]) for n, a in arrays.items()}
    leaves = {n: torch.tensor(a, requires_grad=needs[n]) for n, a in arrays.items()}

    ours.to(dtype), theirs.to(getattr(torch, dtype))
    share_random_state(torch, ours, theirs)
    found = ours(**{k: tensors.get(names.get(id(a)), a) for k, a in arguments.items()})
    expected = theirs(**{k: leaves.get(names.get(id(a)), a) for k, a in arguments.items()})

    several = isinstance(expected, tuple)
    founds, expecteds = (found, expected) if several else ((found,), (expected,))
    pairs = [(f, e) for f, e in zip(founds, expecteds, strict=True) if e is not None]
    assert [f is None for f in founds] == [e is None for e in expecteds]
    loss, their_loss = 0.0, 0.0
    for i, (f, e) in enumerate(pairs):
        assert_near(f.data, e, dtype, "output")
        dy = normal(e.shape, 1000 + i, dtype)
        loss, their_loss = loss + (f * dy).sum(), their_loss + (e * torch.tensor(dy)).sum()
    loss.backward()
    their_loss.backward()
    for name, leaf in leaves.items():
        if leaf.requires_grad:
            assert_near(tensors[name].grad, leaf.grad, dtype, name)
    for (name, p), q in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        assert_near(p.grad, q.grad, dtype, name)


def share_random_state(torch, ours, theirs):
    """Load a state dict from torch with random numbers in it, and ours back into torch."""
    state = {
        k: torch.tensor(normal(t.shape, i)) / 2
        for i, (k, t) in enumerate(theirs.state_dict().items())
    }
    assert list(ours.state_dict()) == list(state)
    assert ours.load_state_dict(state) == ([], [])
    theirs.load_state_dict({k: torch.tensor(v) for k, v in ours.state_dict().items()})


def assert_near(found, expected, dtype, name):
    expected = expected.detach().numpy()
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype), name
    scale = max(1.0, np.abs(expected).max(initial=0.0))
    np.testing.assert_allclose(found, expected, 0, TOLERANCE[dtype] * scale, err_msg=name)
