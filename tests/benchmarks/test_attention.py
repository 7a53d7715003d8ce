"""The attention group: both forms whose memory is compared give the same figures."""

import numpy as np

from benchmarks import attention


def test_the_plain_form_gives_what_blocks_give():
    shape = 2, 3, 20, 8
    blocks = attention.scratchnet_both(*shape, is_causal=False)()
    plain = attention.plain_both(*attention.inputs(*shape))
    for a, b in zip(blocks, plain, strict=True):
        # Sums over 20 keys in float32, of terms of size about 1.
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


def test_the_peak_counts_what_a_call_holds_at_once():
    assert 1 << 20 <= attention.peak_bytes(lambda: np.empty(1 << 20, np.uint8)) < 2 << 20
