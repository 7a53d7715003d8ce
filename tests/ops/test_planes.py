"""Groups of few channels on planes: long runs, which the small cases of `test_products.py` do not have.

Whole numbers are added and multiplied without rounding, so that all ways agree to the last bit.
"""

from unittest import mock

import numpy as np
import pytest
from compare import whole

from scratchnet import get_num_threads, set_num_threads
from scratchnet.ops import _fourier, _planes
from scratchnet.ops._products import filter_windows, spread_windows, weight_sums
from scratchnet.ops._window import Window

CASES = [
    (Window((3, 3), (1, 1), (1, 1), (1, 1), (40, 40), (40, 40)), (2, 6, 1, 1)),
    (Window((3, 3), (2, 2), (1, 1), (1, 1), (70, 71), (35, 36)), (2, 6, 1, 2)),
    (Window((5, 3), (1, 1), (2, 1), (4, 1), (40, 44), (40, 44)), (1, 5, 1, 1)),
    (Window((3, 5), (3, 2), (2, 3), (2, 0), (99, 83), (33, 36)), (1, 5, 1, 1)),
    (Window((3, 3), (1, 1), (1, 1), (1, 1), (14, 14), (14, 14)), (9, 20, 1, 1)),
    (Window((3, 3), (1, 1), (1, 1), (0, 0), (30, 9), (28, 7)), (7, 4, 3, 2)),
]


def products(case, on_planes):
    window, (n, groups, depth, filters) = case
    x = whole((n, groups * depth, *window.image), 1, np.float32)
    weight = whole((groups * filters, depth, *window.kernel), 2, np.float32)
    y = whole((n, groups * filters, *window.out), 3, np.float32)
    choices = {
        name: mock.Mock(return_value=on_planes)
        for name in ("filtering_pays", "spreading_pays", "summing_pays")
    }
    with (
        mock.patch.multiple(_planes, **choices),
        mock.patch.object(_fourier, "pays", return_value=False),
    ):
        return (
            filter_windows(x, weight, window, groups),
            spread_windows(y, weight, window, groups),
            weight_sums(x, y, window, groups),
        )


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("long", [0, _planes.LONG, 10**9])
def test_single_terms_and_columns_of_long_runs_agree(case, long):
    with mock.patch.object(_planes, "LONG", long):
        found = products(case, on_planes=True)
    for a, b in zip(found, products(case, on_planes=False), strict=True):
        np.testing.assert_array_equal(a, b, strict=True)


@pytest.mark.parametrize("case", CASES)
def test_blocks_on_threads_agree_with_one_block(case):
    before = get_num_threads()
    try:
        with (
            mock.patch.object(_planes, "SHARED_TERMS", 0),
            mock.patch.object(_planes, "BLOCK_BYTES", 1 << 16),
        ):
            set_num_threads(3)
            shared = products(case, on_planes=True)
    finally:
        set_num_threads(before)
    for a, b in zip(shared, products(case, on_planes=True), strict=True):
        np.testing.assert_array_equal(a, b, strict=True)
