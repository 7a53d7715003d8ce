"""Groups of few channels on planes: long runs, which the small cases of `test_products.py` do not have.

Whole numbers are added and multiplied without rounding, so that all ways agree to the last bit.
"""

from unittest import mock

import numpy as np
import pytest
from compare import whole

from scratchnet import get_num_threads, set_num_threads
from scratchnet.ops import _planes, _products
from scratchnet.ops._window import Window

CASES = [
    (Window((3, 3), (1, 1), (1, 1), (1, 1), (40, 40), (40, 40)), (2, 6, 1, 1)),
    (Window((3, 3), (2, 2), (1, 1), (1, 1), (70, 71), (35, 36)), (2, 6, 1, 2)),
    (Window((5, 3), (1, 1), (2, 1), (4, 1), (40, 44), (40, 44)), (1, 5, 1, 1)),
    (Window((3, 5), (3, 2), (2, 3), (2, 0), (99, 83), (33, 36)), (1, 5, 1, 1)),
    (Window((3, 3), (1, 1), (1, 1), (1, 1), (14, 14), (14, 14)), (9, 20, 1, 1)),
    (Window((3, 3), (1, 1), (1, 1), (0, 0), (30, 9), (28, 7)), (7, 4, 3, 2)),
]


def products(case, way):
    window, (n, groups, depth, filters) = case
    x = whole((n, groups * depth, *window.image), 1, np.float32)
    weight = whole((groups * filters, depth, *window.kernel), 2, np.float32)
    y = whole((n, groups * filters, *window.out), 3, np.float32)
    return (
        way.filter_windows(x, weight, window, groups),
        way.spread_windows(y, weight, window, groups),
        way.weight_sums(x, y, window, groups),
    )


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("long", [0, _planes.LONG, 10**9])
def test_single_terms_and_columns_of_long_runs_agree(case, long):
    with mock.patch.object(_planes, "LONG", long):
        found = products(case, _planes)
    for a, b in zip(found, products(case, _products), strict=True):
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
            shared = products(case, _planes)
    finally:
        set_num_threads(before)
    for a, b in zip(shared, products(case, _planes), strict=True):
        np.testing.assert_array_equal(a, b, strict=True)
