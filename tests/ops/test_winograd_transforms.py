"""Winograd's matrices: F(m, r) for every size, against the sliding kernel and against published ones."""

from fractions import Fraction

import numpy as np
import pytest
from compare import whole

from scratchnet.ops._winograd_transforms import POINTS, transforms

SIZES = [(m, r) for m in range(1, 9) for r in range(1, 6) if m + r - 2 <= len(POINTS)]


@pytest.mark.parametrize(("m", "r"), SIZES)
def test_the_matrices_slide_a_kernel_over_one_row(m, r):
    BT, G, AT = transforms(m, r)
    t = m + r - 1
    assert (BT.shape, G.shape, AT.shape) == ((t, t), (t, r), (m, t))
    d, g = whole(t, 1), whole(r, 2)
    found = AT @ ((BT @ d) * (G @ g))
    # Powers of 4 up to the 7th in A and products of nine differences in B cancel: seven digits.
    np.testing.assert_allclose(found, np.correlate(d, g, "valid"), rtol=0, atol=1e-7)


def test_f23_is_lavin_and_grays_up_to_signs():
    BT, G, AT = transforms(2)
    published = [[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]]
    signs = np.array([-1, 1, 1, -1])  # of the points 0, 1, −1 and ∞
    np.testing.assert_array_equal(BT * signs[:, None], published)
    half = 1 / 2
    published = [[1, 0, 0], [half, half, half], [half, -half, half], [0, 0, 1]]
    np.testing.assert_array_equal(G * [[-1], [1], [1], [1]], published)
    np.testing.assert_array_equal(AT * [1, 1, 1, -1], [[1, 1, 1, 0], [0, 1, -1, -1]])


def test_the_rows_are_the_polynomials_of_the_docstring():
    BT, G, AT = transforms(4)
    points = [float(point) for point in POINTS[:5]]
    z = 0.375  # a power of two in the denominator: nothing is rounded
    N = np.prod([z - a for a in points])
    powers = z ** np.arange(6)
    assert BT[5] @ powers == N
    for i, a in enumerate(points):
        assert BT[i] @ powers == N / (z - a)
        N_a = Fraction(1)
        for b in POINTS[:5]:
            N_a *= 1 if b == POINTS[i] else POINTS[i] - b
        assert G[i].tolist() == [float(POINTS[i] ** k / N_a) for k in range(3)]
        assert AT[:, i].tolist() == [a**k for k in range(4)]


@pytest.mark.parametrize(("m", "r"), [(0, 3), (3, 0), (len(POINTS), 3)])
def test_sizes_for_which_there_are_no_points_are_refused(m, r):
    with pytest.raises(ValueError, match=rf"F\({m}, {r}\)"):
        transforms(m, r)
