"""Image folders: torchvision's classes and samples, order, links, batches, errors."""

import inspect
import os
import sys

import numpy as np
import pytest
from image_examples import encoded, pixels, with_orientation
from PIL import Image

from scratchnet.data import DataLoader, ImageFolder, Subset, random_split
from scratchnet.transforms import CenterCrop, Compose, RandomHorizontalFlip, ToArray


def fill(root, *names):
    """Write an image under each name; a name that ends in / is an empty folder."""
    for seed, name in enumerate(names):
        path = root / name
        if name.endswith("/"):
            path.mkdir(parents=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(pixels(6, 7, seed=seed), "PNG"))
    return root


@pytest.fixture
def pets(tmp_path):
    return fill(tmp_path, "dog/b.png", "dog/a.png", "cat/c.png", "bird/sub/d.png", "bird/e.png")


def names(dataset):
    return [os.path.relpath(path, dataset.root).replace(os.sep, "/") for path, _ in dataset.samples]


def test_classes_are_the_sorted_folders_and_samples_their_sorted_files(pets):
    dataset = ImageFolder(pets)
    assert dataset.classes == ["bird", "cat", "dog"]
    assert dataset.class_to_idx == {"bird": 0, "cat": 1, "dog": 2}
    assert names(dataset) == ["bird/e.png", "bird/sub/d.png", "cat/c.png", "dog/a.png", "dog/b.png"]
    assert dataset.targets == [0, 0, 1, 2, 2]
    assert [target for _, target in dataset.samples] == dataset.targets
    assert dataset.imgs is dataset.samples
    assert len(dataset) == 5
    assert repr(dataset).endswith("5 images, 3 classes")


def test_a_sample_is_the_image_and_the_number_of_its_class(pets):
    image, target = ImageFolder(pets)[2]
    assert isinstance(image, Image.Image)
    np.testing.assert_array_equal(np.asarray(image), pixels(6, 7, seed=2))
    assert target == 1
    assert ImageFolder(str(pets))[-1][1] == 2
    assert ImageFolder(pets)[np.int64(2)][1] == 1
    with pytest.raises(IndexError):
        ImageFolder(pets)[5]
    for index in (slice(0, 2), [0, 1], 1.0, None):
        with pytest.raises(TypeError, match=r"one integer, got .*: Subset takes several"):
            ImageFolder(pets)[index]


def test_the_order_within_a_class_is_by_folder_and_then_by_file(tmp_path):
    # The order of torchvision, whose folders are sorted as whole paths: "a/b" after "a-1".
    dataset = ImageFolder(fill(tmp_path, "x/b/1.png", "x/b-1/1.png", "x/z.png", "x/b/0/1.png"))
    assert names(dataset) == ["x/z.png", "x/b/1.png", "x/b-1/1.png", "x/b/0/1.png"]
    walked = sorted(os.walk(tmp_path / "x", followlinks=True))
    expected = [os.path.join(folder, f) for folder, _, files in walked for f in sorted(files)]
    assert [path for path, _ in dataset.samples] == expected


def test_only_images_count_whatever_the_case_of_their_ending(tmp_path):
    fill(tmp_path, "x/a.PNG", "x/b.jpeg", "x/c.txt", "x/d", "x/e.webp", "x/f.gif", "x/g.TIFF")
    fill(tmp_path, "not_a_class.png")
    assert names(ImageFolder(tmp_path)) == ["x/a.PNG", "x/b.jpeg", "x/e.webp", "x/g.TIFF"]
    chosen = ImageFolder(tmp_path, is_valid_file=lambda path: path.endswith((".txt", ".gif")))
    assert names(chosen) == ["x/c.txt", "x/f.gif"]


def test_hidden_files_and_folders_are_left_out(tmp_path):
    fill(tmp_path, "x/a.png", "x/._a.png", "x/.cache/b.png", ".ipynb_checkpoints/c.png")
    dataset = ImageFolder(tmp_path)
    assert dataset.classes == ["x"]
    assert names(dataset) == ["x/a.png"]


# ---------------------------------------------------------------- links


def test_links_to_files_and_folders_are_followed(tmp_path):
    store = fill(tmp_path / "store", "p.png", "more/q.png")
    root = tmp_path / "root"
    (root / "x").mkdir(parents=True)
    (root / "x" / "p.png").symlink_to(store / "p.png")
    (root / "x" / "more").symlink_to(store / "more", target_is_directory=True)
    (root / "y").symlink_to(store / "more", target_is_directory=True)
    dataset = ImageFolder(root)
    assert names(dataset) == ["x/p.png", "x/more/q.png", "y/q.png"]
    assert [target for _, target in dataset] == [0, 0, 1]


def test_a_link_back_into_a_folder_around_it_is_not_followed(tmp_path):
    fill(tmp_path, "x/a.png", "y/b.png")
    (tmp_path / "x" / "again").symlink_to(tmp_path / "x", target_is_directory=True)
    (tmp_path / "x" / "other").symlink_to(tmp_path / "y", target_is_directory=True)
    (tmp_path / "y" / "back").symlink_to(tmp_path / "x", target_is_directory=True)
    assert names(ImageFolder(tmp_path)) == ["x/a.png", "x/other/b.png", "y/b.png", "y/back/a.png"]


def test_a_link_to_nothing_is_a_sample_that_cannot_be_read(tmp_path):
    fill(tmp_path, "x/a.png")
    (tmp_path / "x" / "b.png").symlink_to(tmp_path / "gone.png")
    with pytest.raises(FileNotFoundError, match=r"b\.png"):
        ImageFolder(tmp_path)[1]


def test_folders_that_link_to_each_other_are_each_searched_once(tmp_path):
    root, n = tmp_path / "x", 12  # 12! ways through them
    for i in range(n):
        fill(root, f"{i:02}/a.png")
        for j in range(n):
            (root / f"{i:02}" / f"to {j}").symlink_to(root / f"{j:02}", target_is_directory=True)
    assert names(ImageFolder(tmp_path)) == [f"x/{i:02}/a.png" for i in range(n)]


def test_a_file_has_the_path_without_links_where_there_is_one(tmp_path):
    fill(tmp_path, "x/b/c/i.png")
    (tmp_path / "x" / "a").symlink_to(tmp_path / "x" / "b", target_is_directory=True)
    (tmp_path / "x" / "z").symlink_to(tmp_path / "x" / "b" / "c", target_is_directory=True)
    assert names(ImageFolder(tmp_path)) == ["x/b/c/i.png"]


@pytest.mark.skipif(os.name == "nt", reason="paths are short on Windows")
def test_how_deep_folders_are_is_not_limited_by_recursion(tmp_path):
    deep = "x/" + "d/" * 200 + "i.png"
    fill(tmp_path, deep)
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack()) + 100)
    try:
        dataset = ImageFolder(tmp_path)
    finally:
        sys.setrecursionlimit(limit)
    assert names(dataset) == [deep]


def test_a_link_to_itself_is_no_folder(tmp_path):
    fill(tmp_path, "x/a.png")
    for place in (tmp_path, tmp_path / "x"):
        (place / "self").symlink_to(place / "self")
    dataset = ImageFolder(tmp_path)
    assert dataset.classes == ["x"]
    assert names(dataset) == ["x/a.png"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with names, on Unix only")
def test_a_pipe_is_a_sample_that_cannot_be_read(tmp_path):
    (tmp_path / "x").mkdir()
    os.mkfifo(tmp_path / "x" / "a.png")
    with pytest.raises(ValueError, match=r"a\.png is not a regular file"):
        ImageFolder(tmp_path)[0]


# ---------------------------------------------------------------- empty ones


def test_a_class_without_images_is_an_error_that_names_it(tmp_path):
    fill(tmp_path, "x/a.png", "y/", "z/only.txt")
    with pytest.raises(FileNotFoundError, match=r"classes y, z .*\.jpg.*allow_empty=True"):
        ImageFolder(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"classes x, y .*is_valid_file"):
        ImageFolder(tmp_path, is_valid_file=lambda path: path.endswith(".txt"))
    dataset = ImageFolder(tmp_path, allow_empty=True)
    assert dataset.classes == ["x", "y", "z"]
    assert dataset.targets == [0]


def test_a_root_without_folders_or_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="has no folders: one for each class"):
        ImageFolder(tmp_path)
    with pytest.raises(FileNotFoundError, match="gone"):
        ImageFolder(tmp_path / "gone")


# ---------------------------------------------------------------- at work


def test_transforms_are_applied_to_image_and_target(pets):
    dataset = ImageFolder(pets, Compose([CenterCrop(4), ToArray()]), lambda target: 10 * target)
    x, y = dataset[3]
    expected = pixels(6, 7, seed=1)[1:5, 2:6].transpose(2, 0, 1)  # (7 − 4) / 2 = 1.5 → 2
    np.testing.assert_array_equal(x, expected.astype(np.float32) / 255)
    assert y == 20


def test_batches_of_a_loader_and_of_subsets(pets):
    dataset = ImageFolder(pets, Compose([RandomHorizontalFlip(rng=0), ToArray()]))
    batches = list(DataLoader(dataset, batch_size=2, shuffle=True, rng=0))
    assert [x.shape for x, _ in batches] == [(2, 3, 6, 7), (2, 3, 6, 7), (1, 3, 6, 7)]
    assert batches[0][0].dtype == np.float32
    assert sorted(np.concatenate([y for _, y in batches])) == [0, 0, 1, 2, 2]
    assert Subset(dataset, [4, 0]).batch(np.array([0, 1]))[1].tolist() == [2, 0]
    assert [len(part) for part in random_split(dataset, [3, 2], rng=0)] == [3, 2]
    # Without transforms the batch holds the pixels.
    x, _ = next(iter(DataLoader(ImageFolder(pets), batch_size=5)))
    assert (x.shape, x.dtype) == ((5, 6, 7, 3), np.uint8)


def test_the_loader_turns_photographs_upright_and_another_may_be_given(tmp_path):
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "a.jpg").write_bytes(with_orientation(pixels(6, 9), 6))
    assert ImageFolder(tmp_path)[0][0].size == (6, 9)
    assert ImageFolder(tmp_path, loader=os.path.basename)[0][0] == "a.jpg"


def test_a_damaged_image_is_an_error_that_names_the_file(pets):
    path = pets / "cat" / "c.png"
    path.write_bytes(path.read_bytes()[:-30])
    dataset = ImageFolder(pets, ToArray())
    with pytest.raises(ValueError, match=r"cat.c\.png cannot be read as an image"):
        list(DataLoader(dataset, batch_size=2))


def test_an_error_in_a_transform_carries_the_path(pets):
    def fail(image):
        raise RuntimeError("too dark")

    with pytest.raises(RuntimeError, match="too dark") as caught:
        ImageFolder(pets, fail)[0]
    assert caught.value.__notes__ == [f"image: {pets / 'bird' / 'e.png'}"]
