"""Grad-CAM: at which places of an image a network found what speaks for a class.

Letters: N batch, C channels of the layer, k one of them, h w its height and width, (i, j) a position,
K classes, c one of them.

Source: Selvaraju et al. 2017, "Grad-CAM: visual explanations from deep networks via gradient-based
localization", eq. 1 and 2.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock
from typing import Any

import numpy as np
import numpy.typing as npt

from scratchnet.autograd import Tensor, enable_grad
from scratchnet.models.feature_extraction import module_of
from scratchnet.nn import Module
from scratchnet.nn._fused import Frozen
from scratchnet.nn._listening import listening

__all__ = ["grad_cam"]

_turns = (
    RLock()
)  # while one call has frozen a model, another must not take that for its usual state


def grad_cam(
    model: Module,
    x: npt.NDArray[Any] | Tensor,
    layer: str | Module,
    class_index: int | npt.ArrayLike | None = None,
) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
    """Return a map for each image of where the layer found evidence for a class, and the classes.

        w_k = 1/(h·w) Σ_ij ∂logit_c / ∂A_k[i, j]          (eq. 1)
        map = max(0, Σ_k w_k A_k)                          (eq. 2)

    A: what the layer returns, (N, C, h, w); of a layer that is called more than once, the last time.
    For a ResNet "layer4" is usual: the last maps before global average pooling.

    model: in eval mode, since in training an image changes what batch norm does to the others; it
    returns logits (N, K). x: images (N, …), prepared as for the model. layer: a dotted name or the
    module itself. class_index: one class for all images or one for each; the most probable if None.

    Returns (maps (N, h, w) in the dtype of A, classes (N,)). The maps are not scaled: divide by the
    maximum for a picture, which is 0 where nothing speaks for the class. Gradients of parameters are
    neither computed nor changed; another thread must not train the model meanwhile.

    >>> from scratchnet import nn
    >>> net = nn.Sequential(nn.Identity(), nn.Flatten(), nn.Linear(2, 1)).eval()
    >>> net[2].weight.data[:] = [[1.0, 3.0]]  # so the one map counts with w = (1 + 3)/2
    >>> grad_cam(net, np.array([[[[5.0, -1.0]]]], np.float32), "0")
    (array([[[10.,  0.]]], dtype=float32), array([0]))
    """
    if model.training:
        raise ValueError("grad_cam takes a model in eval mode: call model.eval() first")
    if any(isinstance(module, Frozen) for module in model.modules()):
        raise ValueError("grad_cam takes the plain model: its form for inference has no gradients")
    target = module_of(model, layer) if isinstance(layer, str) else layer
    seen: list[Tensor] = []

    def start_here(module: Module, out: Any) -> Any:
        """Cut the tape: the gradient is wanted of what the layer returned, not of what made it."""
        if module is not target:
            return out
        if not isinstance(out, Tensor) or out.ndim != 4:
            raise ValueError(f"grad_cam: {layer!r} must return maps (N, C, h, w), got {_told(out)}")
        seen.append(out.detach().requires_grad_())
        return seen[-1]

    with enable_grad(), _turns, _frozen(model), listening(start_here):
        logits = model(x if isinstance(x, Tensor) else Tensor(x))
    if not seen:
        raise ValueError(f"grad_cam: the forward pass did not call {layer!r}")
    if not isinstance(logits, Tensor) or logits.ndim != 2:
        raise ValueError(f"grad_cam: the model must return logits (N, K), got {_told(logits)}")
    maps = seen[-1]  # A, (N, C, h, w)
    classes = _classes(logits.data, class_index)
    # An image's logits depend on its own maps only, so one pass serves the whole batch.
    one_hot = np.zeros_like(logits.data)
    one_hot[np.arange(len(classes)), classes] = 1.0
    if logits.requires_grad:
        logits.backward(one_hot)
    if maps.grad is None:
        raise ValueError(f"grad_cam: the logits do not depend on what {layer!r} returns")
    weights = maps.grad.mean(axis=(2, 3), keepdims=True)  # (N, C, 1, 1)
    return np.maximum((weights * maps.data).sum(axis=1), 0), classes


@contextmanager
def _frozen(model: Module) -> Iterator[None]:
    """Within this context no parameter requires a gradient, so that `backward` computes none."""
    trained = [p for p in model.parameters() if p.requires_grad]
    try:
        for p in trained:
            p.requires_grad_(False)
        yield
    finally:
        for p in trained:
            p.requires_grad_(True)


def _classes(
    logits: npt.NDArray[Any], class_index: int | npt.ArrayLike | None
) -> npt.NDArray[np.int64]:
    """Return the class of each image, checked."""
    n, n_classes = logits.shape
    if class_index is None:
        return logits.argmax(axis=1).astype(np.int64)
    given = np.asarray(class_index)
    if given.dtype.kind not in "iu" or given.shape not in ((), (n,)):
        raise ValueError(
            f"class_index is a class or one for each of {n} images, got {class_index!r}"
        )
    if given.size and not (given.min() >= 0 and given.max() < n_classes):
        raise ValueError(f"class_index={class_index!r} is not within 0 … {n_classes - 1}")
    return np.broadcast_to(given, (n,)).astype(np.int64)


def _told(value: Any) -> str:
    shape = getattr(value, "shape", None)
    return type(value).__name__ if shape is None else f"shape {shape}"
