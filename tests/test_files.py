"""Files written beside and renamed: the old content or the new, never a part."""

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from scratchnet.files import open_regular, replacing


def test_the_new_content_takes_the_place_of_the_old(tmp_path):
    path = tmp_path / "name.bin"
    for content in (b"first", b"second"):
        with replacing(path) as file:
            file.write(content)
        assert path.read_bytes() == content
    assert os.listdir(tmp_path) == ["name.bin"]


def test_until_the_block_ends_the_old_content_is_there(tmp_path):
    path = tmp_path / "name.bin"
    path.write_bytes(b"old")
    with replacing(str(path)) as file:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_in_the_block_leaves_the_old_content_and_no_part(tmp_path, error):
    path = tmp_path / "name.bin"
    path.write_bytes(b"old")

    def write():
        with replacing(path) as file:
            file.write(b"half of the ne")
            raise error

    with pytest.raises(error):
        write()
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["name.bin"]


def test_a_failed_rename_leaves_the_old_content_and_no_part(tmp_path, monkeypatch):
    path = tmp_path / "name.bin"
    path.write_bytes(b"old")

    def fail(*_):
        raise PermissionError("in use")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(PermissionError, match="in use"), replacing(path) as file:
        file.write(b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["name.bin"]


def test_a_missing_folder_is_the_systems_error_with_the_name_that_was_given(tmp_path):
    path = tmp_path / "none" / "name.bin"
    with pytest.raises(FileNotFoundError) as error, replacing(path):
        pass
    assert error.value.filename == str(path)
    assert "part" not in str(error.value)


def test_a_name_may_be_as_long_as_the_system_allows(tmp_path):
    path = tmp_path / ("x" * 255)
    with replacing(path) as file:
        file.write(b"new")
    assert path.read_bytes() == b"new"


def test_a_path_may_be_bytes(tmp_path):
    path = tmp_path / "name.bin"
    with replacing(os.fsencode(path)) as file:
        file.write(b"new")
    with open_regular(os.fsencode(path)) as file:
        assert file.read() == b"new"


@pytest.mark.skipif(os.name != "posix", reason="links need rights on Windows")
def test_what_lies_under_the_name_of_the_part_is_not_written_to(tmp_path, monkeypatch):
    path, victim = tmp_path / "name.bin", tmp_path / "victim"
    victim.write_bytes(b"kept")
    monkeypatch.setattr(os, "urandom", bytes)
    (tmp_path / f"name.bin.{bytes(8).hex()}.part").symlink_to(victim)
    with pytest.raises(FileExistsError), replacing(path) as file:
        file.write(b"new")
    assert victim.read_bytes() == b"kept"
    assert not path.exists()


@pytest.mark.skipif(os.name != "posix", reason="permissions are those of POSIX")
def test_a_private_file_is_private_from_the_beginning(tmp_path, monkeypatch):
    path = tmp_path / "name.bin"
    path.write_bytes(b"old")
    path.chmod(0o600)
    monkeypatch.setattr(os, "chmod", lambda path, mode: None)  # what comes later does not count
    with replacing(path):
        (part,) = tmp_path.glob("*.part")
        assert part.stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_only_a_file_is_opened_and_a_pipe_is_not_waited_for(tmp_path):
    pipe, file = tmp_path / "pipe", tmp_path / "file"
    os.mkfifo(pipe)
    file.write_bytes(b"content")
    for path in (pipe, "/dev/null"):
        with pytest.raises(ValueError, match=f"{path} is not a regular file"):
            open_regular(path)
    with pytest.raises(IsADirectoryError):
        open_regular(tmp_path)
    with open_regular(file) as opened:
        assert opened.read() == b"content"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_what_is_no_file_is_not_replaced(tmp_path):
    pipe, folder = tmp_path / "pipe", tmp_path / "folder"
    os.mkfifo(pipe)
    folder.mkdir()
    for path in (pipe, folder):
        with pytest.raises(OSError, match="is not a file that can be replaced"), replacing(path):
            pass
    assert sorted(os.listdir(tmp_path)) == ["folder", "pipe"]
    assert pipe.is_fifo()


@pytest.mark.skipif(os.name != "posix", reason="permissions are those of POSIX")
def test_the_permissions_stay_those_of_the_old_file(tmp_path):
    path = tmp_path / "name.bin"
    path.write_bytes(b"old")
    path.chmod(0o600)
    with replacing(path) as file:
        file.write(b"new")
    assert path.stat().st_mode & 0o777 == 0o600


def test_threads_that_write_the_same_file_leave_the_whole_content_of_one(tmp_path):
    path = tmp_path / "name.bin"

    def write(i):
        for _ in range(5):
            with replacing(path) as file:
                file.write(bytes([i]) * 10_000)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    content = path.read_bytes()
    assert (len(content), len(set(content))) == (10_000, 1)


def test_a_symbolic_link_stays_and_its_target_is_replaced(tmp_path):
    target, link = tmp_path / "run3", tmp_path / "latest"
    target.write_bytes(b"old")
    link.symlink_to(target)
    with replacing(link) as file:
        file.write(b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"
