"""MNIST in its four IDX files: found under every usual name, and checked against one another."""

import numpy as np
import pytest

from scratchnet.data import load_mnist, write_idx

IMAGES, LABELS = "images-idx3-ubyte", "labels-idx1-ubyte"


def write_mnist(folder, mark="-", end=".gz", n_train=5, n_test=2):
    """Write a tiny MNIST; the pixels of every image are its own number."""
    for split, n in (("train", n_train), ("t10k", n_test)):
        images = np.broadcast_to(np.arange(n, dtype=np.uint8)[:, None, None], (n, 28, 28))
        write_idx(folder / f"{split}-images{mark}idx3-ubyte{end}", images)
        write_idx(folder / f"{split}-labels{mark}idx1-ubyte{end}", np.arange(n, dtype=np.uint8))


@pytest.mark.parametrize("mark", ["-", "."])
@pytest.mark.parametrize("end", ["", ".gz"])
def test_mnist_is_found_under_both_spellings_compressed_or_not(tmp_path, mark, end):
    write_mnist(tmp_path, mark, end)
    (x_train, y_train), (x_test, y_test) = load_mnist(tmp_path)
    for x, y, n in ((x_train, y_train, 5), (x_test, y_test, 2)):
        assert x.shape == (n, 28, 28)
        assert x.dtype == y.dtype == np.uint8
        np.testing.assert_array_equal(y, range(n))
        assert (x == y[:, None, None]).all()
    load_mnist(str(tmp_path))


@pytest.mark.parametrize("split", ["train", "t10k"])
@pytest.mark.parametrize("kind", [IMAGES, LABELS])
def test_a_missing_mnist_file_is_named_with_its_folder(tmp_path, split, kind):
    write_mnist(tmp_path)
    (tmp_path / f"{split}-{kind}.gz").unlink()
    with pytest.raises(FileNotFoundError, match=f"{tmp_path.name}.* {split}-{kind}, .*\\.gz"):
        load_mnist(tmp_path)


def test_mnist_counts_of_images_and_labels_must_agree(tmp_path):
    write_mnist(tmp_path)
    write_idx(tmp_path / f"t10k-{LABELS}.gz", np.zeros(3, np.uint8))
    with pytest.raises(ValueError, match=r"t10k-images.* has 2 images, .*t10k-labels.* 3 labels"):
        load_mnist(tmp_path)


@pytest.mark.parametrize(
    ("kind", "wrong", "message"),
    [
        (IMAGES, np.zeros(5, np.uint8), r"uint8 \(5,\)"),
        (IMAGES, np.zeros((5, 28, 27), np.uint8), r"uint8 \(5, 28, 27\)"),
        (IMAGES, np.zeros((5, 1, 28, 28), np.uint8), r"uint8 \(5, 1, 28, 28\)"),
        (IMAGES, np.zeros((5, 28, 28), np.float32), r"float32 \(5, 28, 28\)"),
        (LABELS, np.zeros((5, 1), np.uint8), r"uint8 \(5, 1\)"),
        (LABELS, np.zeros(5, np.int32), r"int32 \(5,\)"),
    ],
)
def test_mnist_files_of_another_shape_or_dtype_are_refused(tmp_path, kind, wrong, message):
    write_mnist(tmp_path)
    write_idx(tmp_path / f"train-{kind}.gz", wrong)
    with pytest.raises(ValueError, match=rf"train-{kind}\.gz must hold uint8 .*, got {message}"):
        load_mnist(tmp_path)


def test_a_damaged_mnist_file_is_named(tmp_path):
    write_mnist(tmp_path)
    path = tmp_path / f"train-{IMAGES}.gz"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(ValueError, match=rf"train-{IMAGES}\.gz is not a sound IDX file"):
        load_mnist(tmp_path)
