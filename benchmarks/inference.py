"""Residual networks in eval mode, float32, 224×224: plain, and optimised for inference, beside torch.

The weights and the running statistics are drawn from seeds, the same on both sides, and logits are
compared. `optimised` is `nn.optimize_for_inference(model, inplace=True)`; torch runs eagerly under
`inference_mode`. Peak memory counts from before the network is built.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.harness import Case

Call = Callable[[], Any]


def images(n: int) -> npt.NDArray[np.float32]:
    return np.random.default_rng(0).standard_normal((n, 3, 224, 224), np.float32)


def fill(state: Mapping[str, npt.NDArray[Any]]) -> None:
    """Write the same seeded numbers into the arrays of either side, by name, one after the other."""
    for seed, (name, array) in enumerate(state.items()):
        rng = np.random.default_rng(seed)
        if array.ndim > 1:  # weights whose outputs are of the size of their inputs
            fan_in = array[0].size
            array[...] = rng.standard_normal(array.shape, np.float32) * (2.0 / fan_in) ** 0.5
        elif name.endswith(("running_var", "weight")):
            array[...] = rng.uniform(0.5, 1.0, array.shape)
        elif array.ndim:
            array[...] = rng.standard_normal(array.shape, np.float32) * 0.1


def scratchnet_plain(name: str, n: int) -> Call:
    from scratchnet import models

    model = getattr(models, name)().eval()
    fill(model.state_dict())
    x = images(n)
    return lambda: model(x)


def scratchnet_optimised(name: str, n: int) -> Call:
    from scratchnet import models, nn

    model = getattr(models, name)().eval()
    fill(model.state_dict())
    model = nn.optimize_for_inference(model, inplace=True)
    x = images(n)
    return lambda: model(x)


def torch_eager(name: str, n: int) -> Call:
    import torch

    from tests.models import torch_resnet

    model = getattr(torch_resnet, name)().eval()
    fill({key: tensor.numpy() for key, tensor in model.state_dict().items()})
    x = torch.from_numpy(images(n))

    def call() -> Any:
        with torch.inference_mode():
            return model(x)

    return call


FORMS = {"optimised": scratchnet_optimised, "plain": scratchnet_plain}

CASES = [
    Case(
        f"{name}, {n} image{'s' * (n > 1)}, {form}",
        {"scratchnet": side, "torch": torch_eager},
        (name, n),
        # Winograd's convolutions round at 5e-6 of their largest output, in some twenty layers.
        tolerance=1e-4,
        mean=form if name == "resnet18" else None,
    )
    for form, side in FORMS.items()
    for name, n in (("resnet18", 1), ("resnet18", 8), ("resnet50", 1), ("resnet50", 8))
]
