"""`scratchnet classify`: photographs in, classes with probabilities out."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import Any, BinaryIO

from scratchnet.cli.error import CommandError

__all__ = ["add_command", "run"]

_MAX_DRAWN = 24  # images in one picture

_DESCRIPTION = """\
Name what is in photographs, by a residual network: the most probable classes, best first. Images are
JPEG, PNG, GIF, BMP, WEBP, TIFF or PPM. One that cannot be read is said on stderr, and the others are
classified."""

_EPILOG = """\
Without --weights, the published ImageNet weights are taken from PyTorch's cache folder. Nothing is
downloaded unless --download asks for it.

--json prints one document:
  model, parameters, n_classes
  weights        file, format, prefix (what stood before the names, or "")
  preprocessing  weights (the published ones that it is for, null with --resize), description,
                 resize_size, crop_size, interpolation, mean, std
  picture        the file of --explain, or null
  images         for each: file, error (null if there is none), top and explained (null without
                 --explain); top lists class, name and probability, best first, explained is one such

Exit codes: 0 all were classified, 1 some or all were not, 2 wrong arguments."""


def add_command(commands: Any) -> None:
    """Add the parser of `scratchnet classify` to the sub-commands."""
    parser = commands.add_parser(
        "classify",
        help="name what is in photographs, by a ResNet and its weights",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("images", nargs="+", metavar="IMAGE", help="a file")
    add(
        "--model",
        default="resnet18",
        metavar="NAME",
        help="resnet18 (default), resnet34, resnet50, resnet101, resnet152, resnext50_32x4d or "
        "wide_resnet50_2",
    )
    add(
        "--weights",
        metavar="FILE",
        help="safetensors, npz or a PyTorch checkpoint, recognised by its content",
    )
    add(
        "--download",
        action="store_true",
        help="fetch the published weights if none are in the cache folder",
    )
    add(
        "--categories",
        metavar="FILE",
        help="names of the classes, one a line (default: ImageNet's if there are 1000)",
    )
    add(
        "--resize",
        type=_at_least_1,
        metavar="PIXELS",
        help="the short side before the middle is cut out (default: as the weights were trained; 256 "
        "if their file's name does not tell)",
    )
    add(
        "--top",
        type=_at_least_1,
        default=5,
        metavar="K",
        help="how many classes are printed (default: %(default)s)",
    )
    add("--json", action="store_true", help="write JSON")
    add(
        "--explain",
        type=_png,
        metavar="OUT.png",
        help="draw what the network saw and where it looked (Grad-CAM), all images in one picture",
    )
    add(
        "--class",
        dest="label",
        metavar="NAME|NUMBER",
        help="draw what speaks for this class (default: for the most probable one)",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Do what the arguments say; return the exit code, 1 if an image could not be read.

    Raises CommandError for weights that are not there or do not fit, and without a package that is
    needed; that and a picture that cannot be written before anything is computed.
    """
    _check_options(arguments)
    out = arguments.explain
    with nullcontext() if out is None else _new_picture(out) as picture:
        return _classify(arguments, picture)


def _classify(arguments: argparse.Namespace, picture: BinaryIO | None) -> int:
    from scratchnet.cli.classify.images import classify
    from scratchnet.cli.classify.networks import class_number, load_network
    from scratchnet.cli.classify.report import as_json, header, image_lines
    from scratchnet.cli.evaluate.report import show

    network = load_network(
        arguments.model,
        arguments.weights,
        arguments.categories,
        arguments.resize,
        arguments.download,
    )
    label = arguments.label
    label = None if label is None else class_number(label, network.categories)
    if not arguments.json:
        show(header(network))
    done = []
    for image in classify(network, arguments.images, arguments.top, picture is not None, label):
        done.append(image)
        if image.error is not None:
            print(f"scratchnet classify: {image.error}", file=sys.stderr)
        elif not arguments.json:
            show(f"\n{image_lines(image, network)}")
    read = [image for image in done if image.error is None]
    if arguments.json:
        drawn = str(arguments.explain) if picture is not None and read else None
        show(as_json(network, done, drawn))
    if picture is not None:
        if not read:
            raise CommandError(f"{arguments.explain} is not written: there is nothing to draw")
        from scratchnet.cli.classify.picture import write_picture

        write_picture(picture, network, read)
    return 0 if len(read) == len(done) else 1


def _check_options(arguments: argparse.Namespace) -> None:
    if arguments.download and arguments.weights is not None:
        raise CommandError("--download fetches the published weights: leave --weights out", 2)
    if arguments.label is not None and arguments.explain is None:
        raise CommandError("--class chooses what --explain draws: it is missing", 2)
    if arguments.explain is not None and len(arguments.images) > _MAX_DRAWN:
        n = len(arguments.images)
        raise CommandError(f"--explain draws at most {_MAX_DRAWN} images, got {n}", 2)
    try:
        import PIL  # noqa: F401
    except ImportError as error:
        message = "Pillow is needed for images: pip install 'scratchnet[image]'"
        raise CommandError(message) from error
    if arguments.explain is not None:
        try:
            import matplotlib  # noqa: F401
        except ImportError as error:
            raise CommandError(
                "matplotlib is needed for --explain: pip install 'scratchnet[plot]'"
            ) from error


@contextmanager
def _new_picture(path: Path) -> Iterator[BinaryIO]:
    """Give the file for the picture, opened before anything is computed; see `files.replacing`."""
    from scratchnet.files import replacing

    with ExitStack() as stack:
        try:
            file = stack.enter_context(replacing(path))
        except OSError as error:
            raise CommandError(f"cannot write to {path}: {error.strerror or error}") from error
        yield file


def _at_least_1(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 10**6:
        raise argparse.ArgumentTypeError(f"a whole number, at least 1, got {text!r}")
    return int(text)


def _png(text: str) -> Path:
    if not text.lower().endswith(".png"):
        raise argparse.ArgumentTypeError(f"{text!r} must end in .png")
    return Path(text)
