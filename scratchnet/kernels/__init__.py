"""Kernels for trained networks: forward only, weights laid out beforehand, several steps in one pass.

`ops` holds each operation with its derivative, for networks that learn. Once weights no longer change,
more can be done in advance and together:

    convolution.py   the kernel for a convolution's weights: as a matrix product, or tap by tap
    winograd.py      3×3 convolutions with a quarter of the multiplications
    linear.py        the affine map
    pooling.py       the largest entry of each window
    blocks.py        how the work is cut, so that every step finds the last one's result in the cache

Arrays here are channels-last, (N, H, W, C): what a window sees of one row then lies side by side in
memory, so gathering windows copies long runs, and bias, residual and ReLU work along the filters.

`nn.optimize_for_inference` puts them in the place of layers.
"""

from scratchnet.kernels.convolution import (
    Convolution,
    DepthwiseConvolution,
    DirectConvolution,
    prepare_convolution,
)
from scratchnet.kernels.linear import LinearKernel
from scratchnet.kernels.pooling import max_pool
from scratchnet.kernels.winograd import WinogradConvolution

__all__ = [
    "Convolution",
    "DepthwiseConvolution",
    "DirectConvolution",
    "LinearKernel",
    "WinogradConvolution",
    "max_pool",
    "prepare_convolution",
]
