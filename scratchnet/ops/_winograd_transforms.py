"""The matrices of Winograd's convolution F(m, r), worked out from their interpolation points.

m outputs of a kernel g of r entries that slides over t = m + r − 1 inputs d

    y[k] = Σ_j g[j] d[k + j],   k < m

take m·r products of numbers. Polynomials do it with t. Let g(z) have r coefficients and p(z) have m: their
product s(z) has t. It is known from its values at t − 1 points aᵢ and its highest coefficient, its value
"at ∞", and each of these t values is one product: s(aᵢ) = g(aᵢ) p(aᵢ), s(∞) = g[r−1] p[m−1]. Back from
the values to the coefficients (Lagrange):

    s(z) = Σᵢ s(aᵢ) Nᵢ(z) / Nᵢ(aᵢ) + s(∞) N(z),    N(z) = Πⱼ (z − aⱼ),   Nᵢ(z) = N(z) / (z − aᵢ)

N takes care of the highest coefficient and is 0 at every point; Nᵢ is 0 at every point but aᵢ. As
matrices, with the 1 / Nᵢ(aᵢ) given to g, which is transformed only once:

    s = B [ (G g) ⊙ (A p) ]     A: row i is 1, aᵢ, …, aᵢᵐ⁻¹;               the last one 0, …, 0, 1
                                G: row i is (1, aᵢ, …, aᵢʳ⁻¹) / Nᵢ(aᵢ);    the last one 0, …, 0, 1
                                B: column i is the coefficients of Nᵢ;     the last one those of N

For a fixed g the map from p to s is the matrix S with S[j, k] = g[j − k]. A kernel that slides is its
transpose, y[k] = Σⱼ S[j, k] d[j], and the transpose of B diag(G g) A is

    y = Aᵀ [ (G g) ⊙ (Bᵀ d) ]

Source: Toom 1963, Cook 1966; Winograd 1980; Lavin & Gray 2015, whose matrices these are for m = 2 up to
signs.
"""

from __future__ import annotations

from fractions import Fraction
from functools import reduce

import numpy as np

from scratchnet.ops._array import Array

__all__ = ["POINTS", "transforms"]

# Small numbers, whose powers stay near 1, and which halve and double exactly. With 1/2 and −2 in F(4, 3)
# half the rounding error of ±2 is left (Barabasz et al. 2020). ∞ comes after them.
POINTS = tuple(map(Fraction, ("0", "1", "-1", "1/2", "-2", "2", "-1/2", "1/4", "-4", "4", "-1/4")))


def transforms(m: int, r: int = 3) -> tuple[Array, Array, Array]:
    """Return Bᵀ (t, t), G (t, r) and Aᵀ (m, t) of F(m, r), exact up to the rounding to float64.

    m: outputs of a tile · r: entries of the kernel · t = m + r − 1, at most 12

    >>> BT, G, AT = transforms(2)
    >>> AT @ ((BT @ [1.0, 2.0, 4.0, 8.0]) * (G @ [1.0, 10.0, 100.0]))
    array([421., 842.])
    """
    if min(m, r) < 1 or m + r - 2 > len(POINTS):
        raise ValueError(f"F(m, r) takes m, r ≥ 1 and m + r ≤ {len(POINTS) + 2}, got F({m}, {r})")
    points = POINTS[: m + r - 2]
    BT, G, AT = [], [], []
    for a in points:
        N_a = _with_zeros(tuple(point for point in points if point != a))
        at_a = sum(coefficient * a**k for k, coefficient in enumerate(N_a))
        BT.append([*N_a, Fraction(0)])  # of a degree less than N
        G.append([a**k / at_a for k in range(r)])
        AT.append([a**k for k in range(m)])
    BT.append(_with_zeros(points))
    G.append([Fraction(k == r - 1) for k in range(r)])
    AT.append([Fraction(k == m - 1) for k in range(m)])
    return np.array(BT, float), np.array(G, float), np.array(AT, float).T


def _with_zeros(zeros: tuple[Fraction, ...]) -> list[Fraction]:
    """Return the coefficients of Π (z − a) over the zeros a, the constant first."""

    def times(p: list[Fraction], a: Fraction) -> list[Fraction]:
        shifted, scaled = [Fraction(0), *p], [*(a * c for c in p), Fraction(0)]
        return [high - low for high, low in zip(shifted, scaled, strict=True)]

    return reduce(times, zeros, [Fraction(1)])
