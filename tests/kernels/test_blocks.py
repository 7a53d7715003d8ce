"""Blocks partition the rows of all images, and rows with padding are those of a padded image."""

from unittest import mock

import numpy as np
import pytest
from compare import whole
from hypothesis import given
from hypothesis import strategies as st

from scratchnet.kernels.blocks import Workspace, cut, padded_rows, residual_like, run
from scratchnet.ops import _blocks
from scratchnet.ops._workspace import KEPT_BYTES

SIZES = st.integers(0, 20), st.integers(1, 30), st.integers(0, 500)


@given(*SIZES, st.integers(1, 3000), st.sampled_from([0, 1 << 30]))
def test_blocks_partition_the_rows_of_all_images(
    n_images, n_rows, bytes_per_row, block_bytes, products
):
    seen = np.zeros((n_images, n_rows), int)
    with mock.patch.object(_blocks, "BLOCK_BYTES", block_bytes):
        found = cut(n_images, n_rows, bytes_per_row, products)
    for block in found:
        part = seen[block]
        assert part.size
        # Written in one piece: whole rows of one image, or whole images.
        assert len(part) == 1 or part.shape[1] == n_rows
        assert part.size * bytes_per_row <= block_bytes or part.size == 1 or len(part) == 1
        part += 1
    assert (seen == 1).all()


def test_blocks_have_as_many_bytes_as_the_weights_that_each_of_them_reads():
    assert len(cut(8, 7, 100_000, 1 << 30)) == 4
    assert len(cut(8, 7, 100_000, 1 << 30, weight_bytes=3_000_000)) == 2
    assert len(cut(8, 7, 100_000, 1 << 30, weight_bytes=100_000_000)) == 2  # for two threads


@given(*SIZES)
def test_two_threads_have_work_wherever_it_is_worth_sharing(n_images, n_rows, bytes_per_row):
    much = cut(n_images, n_rows, bytes_per_row, _blocks.SHARED_PRODUCTS + 1)
    assert len(much) >= min(2, n_images * n_rows)
    assert len(cut(n_images, n_rows, bytes_per_row, _blocks.SHARED_PRODUCTS)) == (n_images > 0)


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
    workspace = Workspace()
    workspace("padded", (5000,), x.dtype)[...] = np.nan  # whatever was there before
    found = padded_rows(x, slice(0, shape[0]), first - top, stop - top, left, width, workspace)
    np.testing.assert_array_equal(found, padded[:, first:stop, :width])


def test_rows_inside_the_image_are_not_copied():
    x = whole((2, 5, 4, 3))
    assert np.shares_memory(padded_rows(x, slice(0, 2), 1, 3, 0, 4, Workspace()), x)


def test_a_workspace_reuses_the_memory_of_a_name():
    workspace = Workspace()
    first = workspace("a", (4, 5), np.dtype(np.float32))
    assert np.shares_memory(first, workspace("a", (2, 3), np.dtype(np.float64)))
    assert not np.shares_memory(first, workspace("b", (2, 3), np.dtype(np.float64)))


def test_work_within_work_has_another_workspace():
    seen = []

    def work(depth, workspace):
        seen.append(workspace)
        if depth:
            run(work, [depth - 1])

    run(work, [2])
    assert len({id(workspace) for workspace in seen}) == 3
    run(work, [0])
    assert seen[3] in seen[:3]  # and it is used again


def test_a_workspace_that_has_grown_too_large_is_not_kept():
    seen = []

    def work(n_bytes, workspace):
        workspace("a", (n_bytes,), np.dtype(np.uint8))
        seen.append(workspace)

    for n_bytes in (1, KEPT_BYTES + 1, 1):
        run(work, [n_bytes])
    assert seen[1] is seen[0]
    assert seen[2] is not seen[1]


def test_floating_point_warnings_are_not_raised():
    run(lambda block, workspace: np.float32(1e30) * np.array([1e30], np.float32), range(4))


def test_a_residual_is_spread_as_an_addition_would():
    y = np.empty((2, 3, 4, 5))
    assert residual_like(None, y) is None
    assert residual_like(np.ones((2, 1, 1, 5)), y).shape == y.shape
    for shape in ((2, 3, 9, 5), (4, 3, 4, 5), (2, 3, 4, 1, 1)):
        with pytest.raises(ValueError, match="cannot be added"):
            residual_like(np.ones(shape), y)
