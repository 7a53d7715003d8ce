"""Files of weights in PyTorch's cache folder: used if they are there, else downloaded.

A file is written beside its place, hashed while it arrives, compared in size and hash with what was
announced, and only then renamed. So a file that has its own name is complete: after a crash, with two
programs fetching the same file at once, and whatever a server sends.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from scratchnet.files import replacing
from scratchnet.serialization.errors import printable

__all__ = ["DownloadError", "cache_dir", "cached_file"]

_CHUNK = 1 << 18
_MAX_BYTES = 1 << 32  # for a server that never stops; the largest file of weights here has 276 MB
_LOCAL = {"localhost", "127.0.0.1", "::1"}


class DownloadError(OSError):
    """A file could not be had: the message says why, and how to get it by hand."""


def cache_dir() -> Path:
    """Return the folder in which PyTorch keeps downloaded weights; it need not exist.

    $TORCH_HOME/hub/checkpoints; without it $XDG_CACHE_HOME/torch/hub/checkpoints; without that too
    ~/.cache/torch/hub/checkpoints.
    """
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    home = os.environ.get("TORCH_HOME") or os.path.join(cache, "torch")
    return Path(os.path.expanduser(home)) / "hub" / "checkpoints"


def cached_file(
    url: str,
    sha256: str | None = None,
    model_dir: str | os.PathLike[str] | None = None,
    *,
    progress: bool = True,
    timeout: float = 30.0,
) -> Path:
    """Return the path of the file that the URL names, downloaded first if it is not there.

    sha256: hexadecimal digits with which the file's SHA-256 must begin; None compares nothing. What
    is in the folder already is compared too (PyTorch does not): 0.1 s for 45 MB, and a file that was
    cut off or replaced is an error that names it; it is not deleted.
    model_dir: the folder; `cache_dir()` if None. It is made if needed.
    progress: a bar of tqdm on stderr, or without tqdm a line for each tenth; nothing where stderr is
    no terminal.
    timeout: seconds without a byte after which the download is given up.

    Only https is fetched, also after a redirect, and http from this machine itself; the variables
    https_proxy and no_proxy are obeyed. ValueError: another kind of URL, or a file in the folder with
    another hash. DownloadError: everything that can go wrong on the way; the folder is then as before.
    """
    name = _checked(url).path.rpartition("/")[2]
    # Windows also divides at a backslash, and takes what stands before a colon for a drive.
    if name in ("", ".", "..") or set(name) & set("\\:\0"):
        raise ValueError(f"{printable(url, 300)} names no file")
    path = Path(cache_dir() if model_dir is None else model_dir) / name
    try:
        is_there = path.is_file()
        if not is_there:
            path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(path) as file:
                _download(url, file, sha256, progress, timeout)
    # An OSError may be the network's or the disk's: urllib's errors, timeouts and ssl's are among them.
    except (OSError, http.client.HTTPException) as error:
        if isinstance(error, HTTPError):
            error.close()  # it holds the connection
        reason = printable(f"{error}" or type(error).__name__, 300)  # a server may have written it
        raise DownloadError(
            f"{url} could not be downloaded into {path.parent}: {reason}. To do it by hand, save it "
            f"with a browser as {path}, or in another folder, hub/checkpoints/{name} below the one "
            "that the environment variable TORCH_HOME names"
        ) from error
    if is_there and sha256 is not None:
        found = _sha256_of(path)
        if not found.startswith(sha256.lower()):
            raise ValueError(
                f"{path} is damaged or another file: its SHA-256 begins with {found[:8]}, not with "
                f"{sha256}. Delete it, and it can be downloaded again"
            )
    return path


def _checked(url: str) -> Any:
    """Return the URL's parts, if it may be fetched."""
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOCAL):
        raise ValueError(f"only https is downloaded (and http from localhost), got {url}")
    return parts


class _CheckedRedirects(HTTPRedirectHandler):
    """Follows a redirect only to where a download may start; urllib ends circles after ten."""

    def redirect_request(
        self, req: Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> Any:
        try:
            _checked(newurl)
        except ValueError as error:
            fp.close()
            raise OSError(f"redirected: {error}") from error
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _download(url: str, file: BinaryIO, sha256: str | None, progress: bool, timeout: float) -> None:
    """Write what the URL gives into the file; raise OSError if it is not what was announced."""
    request = Request(url, headers={"User-Agent": "scratchnet"})
    with build_opener(_CheckedRedirects).open(request, timeout=timeout) as response:
        kind = response.headers.get_content_type()
        if kind == "text/html":  # a login page of a hotel's network, an error page with status 200
            raise OSError("a web page came instead of a file (Content-Type: text/html)")
        size = response.length  # None if the server does not say
        if size is not None and size > _MAX_BYTES:
            raise OSError(f"the server announces {size} bytes, above the limit of {_MAX_BYTES}")
        digest, received = hashlib.sha256(), 0
        with _shown(Path(urlsplit(url).path).name, size, progress) as show:
            while chunk := response.read(_CHUNK):
                received += len(chunk)
                if received > _MAX_BYTES:
                    raise OSError(f"more than {_MAX_BYTES} bytes came")
                digest.update(chunk)
                file.write(chunk)
                show(len(chunk))
    if size is not None and received != size:
        raise OSError(f"the connection ended after {received} of {size} bytes")
    if sha256 is not None and not digest.hexdigest().startswith(sha256.lower()):
        raise OSError(
            f"{received} bytes came whose SHA-256 begins with {digest.hexdigest()[:8]}, not with {sha256}"
        )


def _sha256_of(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _shown(name: str, size: int | None, progress: bool) -> Iterator[Callable[[int], Any]]:
    """Give a function that is told of each number of bytes that came."""
    if not (progress and sys.stderr is not None and sys.stderr.isatty()):
        yield lambda n_bytes: None
        return
    try:
        from tqdm import tqdm
    except ImportError:
        yield _lines(name, size)
        return
    with tqdm(total=size, desc=name, unit="B", unit_scale=True) as bar:
        yield bar.update


def _lines(name: str, size: int | None) -> Callable[[int], None]:
    """Return a function that prints a line for each tenth of the file; for each 10 MB of unknown size."""
    step = 10_000_000 if size is None else max(size / 10, 1)
    received = 0.0

    def show(n_bytes: int) -> None:
        nonlocal received
        before, received = received, received + n_bytes
        if received // step > before // step:
            of = "" if size is None else f" of {size / 1e6:.1f}"
            print(f"{name}: {received / 1e6:.1f}{of} MB", file=sys.stderr, flush=True)

    return show
