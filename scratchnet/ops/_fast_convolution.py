"""Whether convolutions may take ways that round more than columns do."""

from __future__ import annotations

import numpy as np

__all__ = ["get_fast_convolution", "set_fast_convolution"]

_enabled = True


def get_fast_convolution() -> bool:
    """Return whether convolutions may be worked out through Winograd's and Fourier's transforms."""
    return _enabled


def set_fast_convolution(enabled: bool) -> None:
    """Let convolutions and their gradients go through transforms of tiles or images, or not.

    At first they may. Winograd's (3×3 kernels, float32) saves up to three quarters of the multiplications,
    Fourier's (kernels of 25 taps and more) more. But the error of an output is then measured by what the
    transform took in: up to 1e-5 of the largest output that the tile (Winograd) or the image (Fourier,
    2e-6) would give. So it may exceed an output that is small beside its neighbours, and what is exactly 0
    otherwise need not be. Without them an error is about 1e-6 of Σ |w|·|x| over the output's own window.

    For all threads; `nn.optimize_for_inference` asks when it makes a network. TypeError unless it is a bool.
    """
    global _enabled
    if not isinstance(enabled, bool | np.bool_):
        raise TypeError(f"set_fast_convolution takes True or False, got {enabled!r}")
    _enabled = bool(enabled)
