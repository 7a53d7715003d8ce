"""A data set of images in folders, one folder for each class."""

from __future__ import annotations

import operator
import os
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from scratchnet.data.dataset import Dataset
from scratchnet.transforms import read_image

__all__ = ["ImageFolder"]

Path = str | os.PathLike[str]

_EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")


class ImageFolder(Dataset):
    """Images in one folder per class, `root/cat/anything/photo.jpg`: sample i is (image, class).

        classes        the names of the folders directly in root, sorted
        class_to_idx   {name: its place in classes}
        samples, imgs  [(path, class index)], sorted by class, folder and file name
        targets        [class index], in the order of samples

    transform: applied to the image, target_transform: to the class index.
    loader: a function from a path to an image; `read_image` gives it upright and in RGB.
    is_valid_file: a function from a path to whether it is a sample. Without it, files with the
        usual endings of images are (`.jpg .jpeg .png .ppm .bmp .pgm .tif .tiff .webp`, in capitals
        too).
    allow_empty: let a class have no samples.

    Folders in a class are searched too, and symbolic links followed. A class has each folder once,
    however many links lead to it (torchvision takes it once for each link, and does not end where
    one leads back). Names that begin with a dot are left out, of files and of folders (torchvision
    keeps both, and fails on what a Mac or a notebook leaves there).

    Images are read when they are asked for. A damaged one raises a ValueError that names the file;
    an error from a transform carries the path as a note. A root without folders, and a class
    without samples unless `allow_empty`, raise FileNotFoundError.
    """

    def __init__(
        self,
        root: Path,
        transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[int], Any] | None = None,
        loader: Callable[[str], Any] = read_image,
        is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
    ) -> None:
        self.root = os.fspath(root)
        self.transform, self.target_transform, self.loader = transform, target_transform, loader
        with os.scandir(self.root) as entries:
            names = [entry.name for entry in entries if _is_visible(entry.name)]
        self.classes = sorted(n for n in names if os.path.isdir(os.path.join(self.root, n)))
        if not self.classes:
            raise FileNotFoundError(f"{self.root} has no folders: one for each class is needed")
        self.class_to_idx = {name: i for i, name in enumerate(self.classes)}

        is_sample = _has_extension if is_valid_file is None else is_valid_file
        self.samples: list[tuple[str, int]] = []
        for name, index in self.class_to_idx.items():
            # By folder and then by file: sorting whole paths would put a/b.png behind a/b-1/c.png.
            paths = sorted(_files(os.path.join(self.root, name)), key=os.path.split)
            self.samples += [(path, index) for path in paths if is_sample(path)]
        self.imgs = self.samples
        self.targets = [index for _, index in self.samples]

        empty = [self.classes[i] for i in sorted(set(range(len(self.classes))) - set(self.targets))]
        if empty and not allow_empty:
            looked_for = ", ".join(_EXTENSIONS) if is_valid_file is None else "is_valid_file"
            raise FileNotFoundError(
                f"no images in {self.root} for the classes {', '.join(empty)} "
                f"(looked for: {looked_for}); allow_empty=True lets that pass"
            )

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        try:
            path, target = self.samples[operator.index(index)]
        except TypeError as error:
            raise TypeError(
                f"an index of an ImageFolder is one integer, got {index!r}: Subset takes several"
            ) from error
        try:
            image = self.loader(path)
            if self.transform is not None:
                image = self.transform(image)
        except Exception as error:
            error.add_note(f"image: {path}")
            raise
        return image, target if self.target_transform is None else self.target_transform(target)

    def __repr__(self) -> str:
        return f"ImageFolder({self.root!r}): {len(self)} images, {len(self.classes)} classes"


def _is_visible(name: str) -> bool:
    return not name.startswith(".")


def _has_extension(path: str) -> bool:
    return path.lower().endswith(_EXTENSIONS)


def _files(folder: str) -> Iterator[str]:
    """Yield the files in a folder and below, each folder once.

    Links to folders come last: what can be reached without one has its own path.
    """
    seen, waiting = set(), deque([folder])
    while waiting:
        folder = waiting.popleft()
        status = os.stat(folder)
        if (status.st_dev, status.st_ino) in seen:
            continue
        seen.add((status.st_dev, status.st_ino))
        with os.scandir(folder) as found:
            entries = sorted((e for e in found if _is_visible(e.name)), key=lambda e: e.name)
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                waiting.appendleft(entry.path)
            elif entry.is_symlink() and os.path.isdir(entry.path):
                waiting.append(entry.path)
            else:  # a link to nothing and a pipe too: reading it then says what is wrong
                yield entry.path
