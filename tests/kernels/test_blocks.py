"""Blocks partition the rows of all images, and rows with padding are those of a padded image."""

import threading
from unittest import mock

import numpy as np
from compare import whole
from hypothesis import given
from hypothesis import strategies as st

from scratchnet.kernels import blocks
from scratchnet.kernels.blocks import cut, padded_rows, scratch


@given(st.integers(0, 20), st.integers(1, 30), st.integers(0, 500), st.integers(1, 3000))
def test_blocks_partition_the_rows_of_all_images(n_images, n_rows, bytes_per_row, block_bytes):
    seen = np.zeros((n_images, n_rows), int)
    with mock.patch.object(blocks, "BLOCK_BYTES", block_bytes):
        found = cut(n_images, n_rows, bytes_per_row)
    for block in found:
        part = seen[block]
        assert part.size
        # Written in one piece: whole rows of one image, or whole images.
        assert len(part) == 1 or part.shape[1] == n_rows
        assert part.size * bytes_per_row <= block_bytes or part.size == 1 or len(part) == 1
        part += 1
    assert (seen == 1).all()


@given(st.integers(1, 20), st.integers(1, 30), st.integers(0, 500))
def test_two_threads_have_work_wherever_there_are_two_rows(n_images, n_rows, bytes_per_row):
    assert len(cut(n_images, n_rows, bytes_per_row)) >= min(2, n_images * n_rows)


@given(
    st.tuples(st.integers(1, 3), st.integers(1, 6), st.integers(1, 6), st.integers(1, 2)),
    *[st.integers(0, 4)] * 4,
    st.data(),
)
def test_padded_rows_are_rows_of_the_padded_image(shape, top, bottom, left, right, data):
    x = whole(shape, 1) + 100.0
    padded = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)))
    first = data.draw(st.integers(0, padded.shape[1] - 1))
    stop = data.draw(st.integers(first + 1, padded.shape[1]))
    width = data.draw(st.integers(1, padded.shape[2]))
    scratch("padded", (1000,), x.dtype)[...] = np.nan  # whatever was there before
    found = padded_rows(x, slice(0, shape[0]), first - top, stop - top, left, width)
    np.testing.assert_array_equal(found, padded[:, first:stop, :width])


def test_rows_inside_the_image_are_not_copied():
    x = whole((2, 5, 4, 3))
    assert np.shares_memory(padded_rows(x, slice(0, 2), 1, 3, 0, 4), x)


def test_scratch_memory_is_reused_by_its_thread_and_not_shared_with_another():
    mine = scratch("a", (4, 5), np.dtype(np.float32))
    assert np.shares_memory(mine, scratch("a", (2, 3), np.dtype(np.float64)))
    assert not np.shares_memory(mine, scratch("b", (2, 3), np.dtype(np.float64)))
    others = []
    thread = threading.Thread(target=lambda: others.append(scratch("a", (4, 5), mine.dtype)))
    thread.start()
    thread.join()
    assert not np.shares_memory(mine, others[0])
