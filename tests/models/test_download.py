"""Downloads from a server on this machine: what arrives is used, what does not leaves nothing."""

import hashlib
import io
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from scratchnet.models import download
from scratchnet.models.download import DownloadError, cache_dir, cached_file

CONTENT = np.random.default_rng(0).bytes(700_000)  # three chunks
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """Each path is a kind of server that one meets."""

    def do_GET(self):
        self.server.requests.append(self.path)
        getattr(self, self.path.strip("/").partition(".")[0])()

    def head(self, status=200, kind="application/octet-stream", **headers):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()

    def good(self):
        self.head(Content_Length=len(CONTENT))
        self.wfile.write(CONTENT)

    def unsized(self):
        self.head()
        self.wfile.write(CONTENT)

    def cut(self):
        self.head(Content_Length=len(CONTENT))
        self.wfile.write(CONTENT[: len(CONTENT) // 2])

    def other(self):
        self.head(Content_Length=len(CONTENT))
        self.wfile.write(CONTENT[::-1])

    def missing(self):
        self.head(404, "text/plain", Content_Length=0)

    def rude(self):
        self.wfile.write(b"HTTP/1.1 404 \x1b]0;title\x07\r\nContent-Length: 0\r\n\r\n")

    def stalled(self):
        self.head(Content_Length=len(CONTENT))
        self.wfile.write(CONTENT[:1000])
        self.wfile.flush()
        self.server.released.wait(20)  # until the test is over

    def moved(self):
        self.head(302, Location="/good.bin", Content_Length=0)

    def elsewhere(self):
        self.head(302, Location="http://203.0.113.1/good.bin", Content_Length=0)

    def local(self):
        self.head(302, Location="file:///etc/hostname", Content_Length=0)

    def circle(self):
        self.head(302, Location="/circle.bin", Content_Length=0)

    def login(self):
        self.head(302, Location="/page.html", Content_Length=0)

    def page(self):
        self.head(kind="text/html; charset=utf-8", Content_Length=6)
        self.wfile.write(b"<html>")

    def huge(self):
        self.head(Content_Length=1 << 40)

    def endless(self):
        self.head()
        for _ in range(40):
            self.wfile.write(CONTENT)

    def log_message(self, *args):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        server.handle_error = lambda *args: None  # the client that leaves early is the test's
        server.requests, server.released = [], threading.Event()
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.released.set()
            server.shutdown()
            thread.join()


@pytest.fixture
def url(server):
    return f"http://127.0.0.1:{server.server_port}/"


@contextmanager
def nothing_is_left(folder):
    yield
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("name", ["good.bin", "unsized.bin", "moved.bin"])
@pytest.mark.parametrize("sha256", [None, SHA256[:8], SHA256.upper()])
def test_what_the_server_has_is_in_the_folder_under_its_name(url, tmp_path, name, sha256):
    folder = tmp_path / "not" / "there" / "yet"
    path = cached_file(url + name, sha256, folder)
    assert path == folder / name
    assert path.read_bytes() == CONTENT
    assert list(folder.iterdir()) == [path]


def test_a_file_that_is_there_is_not_asked_for(server, url, tmp_path):
    (tmp_path / "good.bin").write_bytes(CONTENT)
    assert cached_file(url + "good.bin?version=2", SHA256[:8], tmp_path).name == "good.bin"
    assert server.requests == []


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("cut.bin", "350000"),
        ("other.bin", f"SHA-256 begins with [0-9a-f]{{8}}, not with {SHA256[:8]}"),
        ("missing.bin", "404"),
        ("login.bin", "web page"),
        ("huge.bin", "announces 1099511627776 bytes"),
        ("elsewhere.bin", "only https"),
        ("local.bin", "not allowed"),
        ("circle.bin", "redirect"),
    ],
)
def test_a_download_that_fails_leaves_nothing_and_says_how_to_do_it_by_hand(
    url, tmp_path, name, said
):
    with nothing_is_left(tmp_path), pytest.raises(DownloadError, match=said) as raised:
        cached_file(url + name, SHA256[:8], tmp_path)
    for part in (url + name, f"save it with a browser as {tmp_path / name}", "TORCH_HOME"):
        assert part in str(raised.value)


@pytest.mark.parametrize("name", ["cut.bin", "login.bin"])
def test_without_a_hash_a_part_or_a_page_is_refused_too(url, tmp_path, name):
    with nothing_is_left(tmp_path), pytest.raises(DownloadError):
        cached_file(url + name, None, tmp_path)


def test_a_server_that_falls_silent_is_given_up_after_the_timeout(url, tmp_path):
    with nothing_is_left(tmp_path), pytest.raises(DownloadError, match="timed out"):
        cached_file(url + "stalled.bin", None, tmp_path, timeout=0.1)


def test_a_server_that_never_stops_is_stopped(monkeypatch, url, tmp_path):
    monkeypatch.setattr(download, "_MAX_BYTES", 10**6)
    with nothing_is_left(tmp_path), pytest.raises(DownloadError, match="more than 1000000 bytes"):
        cached_file(url + "endless.bin", None, tmp_path)


def test_nobody_at_the_other_end(monkeypatch, tmp_path):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        port = server.server_port  # free again when the block ends
    with nothing_is_left(tmp_path), pytest.raises(DownloadError, match="by hand"):
        cached_file(f"http://127.0.0.1:{port}/good.bin", None, tmp_path)


def test_an_interrupted_download_leaves_nothing(monkeypatch, url, tmp_path):
    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(download, "_shown", interrupt)
    with nothing_is_left(tmp_path), pytest.raises(KeyboardInterrupt):
        cached_file(url + "good.bin", None, tmp_path)


def test_several_who_fetch_the_same_file_all_get_it(url, tmp_path):
    barrier, found = threading.Barrier(4), []

    def run():
        barrier.wait()
        found.append(cached_file(url + "good.bin", SHA256, tmp_path).read_bytes() == CONTENT)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert found == [True] * 4
    assert [path.name for path in tmp_path.iterdir()] == ["good.bin"]


def test_a_damaged_file_in_the_folder_is_named_and_kept(server, url, tmp_path):
    path = tmp_path / "good.bin"
    path.write_bytes(CONTENT[:-1])
    with pytest.raises(ValueError, match=r"good\.bin is damaged .* Delete it"):
        cached_file(url + "good.bin", SHA256[:8], tmp_path)
    assert path.read_bytes() == CONTENT[:-1]
    assert cached_file(url + "good.bin", None, tmp_path) == path  # not asked, not compared
    assert server.requests == []


def test_a_folder_that_cannot_be_written_is_an_error_that_names_it(server, url, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DownloadError, match="file") as raised:
        cached_file(url + "good.bin", None, tmp_path / "file")
    assert str(tmp_path / "file") in str(raised.value)
    (tmp_path / "good.bin").mkdir()
    with pytest.raises(DownloadError, match="not a file"):
        cached_file(url + "good.bin", None, tmp_path)
    assert server.requests == []


def test_a_read_only_folder_is_an_error_before_anything_is_asked_for(
    monkeypatch, server, url, tmp_path
):
    def read_only(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(download, "replacing", read_only)  # root may write anywhere
    with (
        nothing_is_left(tmp_path),
        pytest.raises(DownloadError, match=r"Permission denied.*TORCH_HOME"),
    ):
        cached_file(url + "good.bin", None, tmp_path)
    assert server.requests == []


@pytest.mark.parametrize(
    "bad",
    [
        "http://download.pytorch.org/models/a.pth",
        "http://localhost.example.org/a.pth",
        "ftp://127.0.0.1/a.pth",
        "file:///etc/hostname",
        "a.pth",
    ],
)
def test_only_https_is_fetched(tmp_path, bad):
    with pytest.raises(ValueError, match="only https"):
        cached_file(bad, None, tmp_path)


@pytest.mark.parametrize(
    "name", ["", ".", "..", "..\\..\\evil.pt", "C:evil.pt", "a.pt:stream", "a\0b.pt", "\x1b[2J\\"]
)
def test_a_url_without_a_file_name_is_refused(tmp_path, name):
    with pytest.raises(ValueError, match="names no file") as error:
        cached_file(f"https://download.pytorch.org/models/{name}", None, tmp_path)
    assert str(error.value).isprintable()
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_is_too_long_for_the_system_is_an_error_of_the_download(url, tmp_path):
    with nothing_is_left(tmp_path), pytest.raises(DownloadError, match=r"too long|No such|Invalid"):
        cached_file(url + "x" * 300 + ".bin", None, tmp_path)


def test_what_a_server_says_is_shown_without_its_control_characters(url, tmp_path):
    with nothing_is_left(tmp_path), pytest.raises(DownloadError, match=r"\\x1b\]0;title") as error:
        cached_file(url + "rude.bin", None, tmp_path)
    assert str(error.value).isprintable()


def test_the_cache_folder_is_pytorchs(monkeypatch, torch):
    home = torch.hub._get_torch_home
    for name in ("TORCH_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    folders = [(cache_dir(), home())]
    monkeypatch.setenv("XDG_CACHE_HOME", "~/elsewhere")
    folders.append((cache_dir(), home()))
    monkeypatch.setenv("TORCH_HOME", "/torch")
    folders.append((cache_dir(), home()))
    for ours, theirs in folders:
        assert str(ours) == f"{theirs}/hub/checkpoints"
    assert len({ours for ours, _ in folders}) == 3


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("name", ["good", "unsized"])
def test_progress_is_a_bar_with_tqdm_and_lines_without(monkeypatch, url, tmp_path, name):
    monkeypatch.setattr(sys, "stderr", Terminal())
    cached_file(f"{url}{name}.bin", None, tmp_path)
    assert f"{name}.bin" in sys.stderr.getvalue()
    assert "\r" in sys.stderr.getvalue()

    (tmp_path / f"{name}.bin").unlink()
    monkeypatch.setitem(sys.modules, "tqdm", None)  # as if it were not installed
    monkeypatch.setattr(sys, "stderr", Terminal())
    cached_file(f"{url}{name}.bin", None, tmp_path)
    lines = sys.stderr.getvalue().splitlines()
    assert lines == ([] if name == "unsized" else [*_lines_of_three_chunks()])


def _lines_of_three_chunks():
    done = [min((i + 1) * download._CHUNK, len(CONTENT)) for i in range(3)]
    return [f"good.bin: {n / 1e6:.1f} of 0.7 MB" for n in done]


def test_a_file_of_unknown_size_shows_a_line_for_each_ten_megabytes(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    show = download._lines("file", None)
    for _ in range(25):
        show(1_000_000)
    assert sys.stderr.getvalue() == "file: 10.0 MB\nfile: 20.0 MB\n"


@pytest.mark.parametrize(("terminal", "progress"), [(False, True), (True, False)])
def test_no_progress_without_a_terminal_or_when_not_wanted(
    monkeypatch, url, tmp_path, terminal, progress
):
    monkeypatch.setattr(sys, "stderr", Terminal() if terminal else io.StringIO())
    cached_file(url + "good.bin", None, tmp_path, progress=progress)
    assert sys.stderr.getvalue() == ""
