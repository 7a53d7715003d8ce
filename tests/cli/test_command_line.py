"""The command line: exit codes, errors of one line, nothing left behind."""

import dataclasses
import os
import subprocess
import sys

import numpy as np
import pytest
import threadpoolctl

import scratchnet
from scratchnet.cli import main
from scratchnet.cli.tour import sections
from scratchnet.cli.tour.section import Section
from scratchnet.serialization import save


def tiny_section(compute=lambda seed, say: seed, title="A tiny section"):
    return Section(
        name="tiny",
        title=title,
        about="it computes nothing",
        files=("scratchnet/autograd.py",),
        code="1 + 1",
        compute=compute,
        write=lambda found: [f"<p>{found}</p>"],
        learned=lambda found: [f"the seed is {found}"],
    )


@pytest.fixture
def tiny(monkeypatch):
    """A tour of one section that takes no time."""

    def install(*args, **kwargs):
        monkeypatch.setattr(sections, "SECTIONS", (tiny_section(*args, **kwargs),))

    install()
    return install


def test_list_names_every_section_and_computes_nothing(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)  # not needed for a list
    assert main(["tour", "--list"]) == 0
    names = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert names == [section.name for section in sections.SECTIONS]


def test_an_unknown_section_is_an_error_that_lists_the_choices(tmp_path, capsys):
    out = tmp_path / "page"
    assert main(["tour", "--only", "perceptron", "perceptrn", "--out", str(out)]) == 2
    error = capsys.readouterr().err
    assert "'perceptrn'" in error
    assert error.count("\n") == 1
    assert all(section.name in error for section in sections.SECTIONS)
    assert not out.exists()


def test_without_matplotlib_one_line_names_the_extra(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)  # importing it raises ImportError
    out = tmp_path / "page"
    assert main(["tour", "--out", str(out)]) == 1
    error = capsys.readouterr().err
    assert "pip install 'scratchnet[plot]'" in error
    assert error.count("\n") == 1
    assert not out.exists()


@pytest.mark.parametrize("kind", ["below a file", "a file", "index.html is a folder"])
def test_a_folder_that_cannot_be_written_is_an_error_before_anything_is_computed(
    kind, tmp_path, capsys, tiny
):
    tiny(compute=lambda seed, say: pytest.fail("computed"))
    (tmp_path / "file").write_text("kept")
    (tmp_path / "page" / "index.html").mkdir(parents=True)
    out = {
        "below a file": tmp_path / "file" / "page",
        "a file": tmp_path / "file",
        "index.html is a folder": tmp_path / "page",
    }[kind]
    before = sorted(tmp_path.rglob("*"))
    assert main(["tour", "--out", str(out)]) == 1
    error = capsys.readouterr().err
    assert str(out) in error
    assert error.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before
    assert (tmp_path / "file").read_text() == "kept"


def test_the_page_is_written_into_folders_that_did_not_exist(tmp_path, capsys, tiny):
    out = tmp_path / "a" / "b"
    assert main(["tour", "--out", str(out), "--seed", "7"]) == 0
    assert "<p>7</p>" in (out / "index.html").read_text(encoding="utf-8")
    assert [path.name for path in out.iterdir()] == ["index.html"]
    printed = capsys.readouterr().out
    assert "the seed is 7" in printed
    assert str(out / "index.html") in printed


@pytest.mark.parametrize(("error", "code"), [(KeyboardInterrupt, 130), (OSError("disk full"), 1)])
def test_a_run_that_breaks_off_leaves_nothing_half_written(error, code, tmp_path, capsys, tiny):
    def compute(seed, say):
        raise error

    tiny(compute=compute)
    new, old = tmp_path / "a" / "new", tmp_path / "old"
    old.mkdir()
    (old / "index.html").write_text("an earlier page")
    for out in (new, old):
        assert main(["tour", "--out", str(out)]) == code
        assert "Traceback" not in capsys.readouterr().err
    assert not new.parent.exists()
    assert [path.name for path in old.iterdir()] == ["index.html"]
    assert (old / "index.html").read_text() == "an earlier page"


def test_an_error_of_ours_is_not_hidden(tmp_path, tiny):
    tiny(compute=lambda seed, say: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        main(["tour", "--out", str(tmp_path / "page")])
    assert not (tmp_path / "page").exists()


def test_only_runs_the_chosen_sections_in_the_order_of_the_tour(tmp_path, capsys, monkeypatch):
    ran = []
    three = tuple(
        dataclasses.replace(tiny_section(compute=lambda seed, say, n=n: ran.append(n)), name=n)
        for n in ("one", "two", "three")
    )
    monkeypatch.setattr(sections, "SECTIONS", three)
    assert main(["tour", "--only", "three", "one", "three", "--out", str(tmp_path)]) == 0
    assert ran == ["one", "three"]
    assert "[2/2]" in capsys.readouterr().out


def test_the_tour_needs_no_threadpoolctl_and_uses_one_blas_thread_where_it_is(
    tmp_path, monkeypatch, tiny
):
    def threads():
        return {
            p["num_threads"] for p in threadpoolctl.threadpool_info() if p["user_api"] == "blas"
        }

    seen = []
    tiny(compute=lambda seed, say: seen.append(threads()))
    before = threads()
    assert main(["tour", "--out", str(tmp_path)]) == 0
    assert seen == [{1}]
    assert threads() == before
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    assert main(["tour", "--out", str(tmp_path)]) == 0
    assert seen == [{1}, before]


@pytest.mark.parametrize("seed", ["-1", "1.5", "x", "", str(2**32), "٣"])
def test_a_seed_is_a_whole_number_of_32_bits(seed, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["tour", "--seed", seed])
    assert "whole number" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["fly"], ["tour", "--only"], ["tour", "--fast"]])
def test_wrong_arguments_exit_with_2(arguments, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert "usage: scratchnet" in capsys.readouterr().err


@pytest.mark.skipif(os.name == "nt", reason="no such names on Windows")
def test_what_a_terminal_would_obey_is_escaped_in_all_that_is_printed(tmp_path, capsys):
    path = tmp_path / "\x1b]0;title\x07\n.npz"
    shown = r"\x1b]0;title\x07\n.npz"
    save({"w": np.zeros(1)}, path)
    plain = str(tmp_path / "in.npz")
    save({"w": np.zeros(1)}, plain)
    missing = str(path).replace("title", "none")
    for arguments, code in (
        (["inspect", str(path)], 0),
        (["inspect", missing], 1),
        (["convert", plain, str(path)], 0),
        (["convert", str(path), str(path)], 1),
        (["evaluate", missing], 1),
        (["tour", "--only", "perceptron", "--out", f"{plain}/{path.name}"], 1),
    ):
        assert main(arguments) == code
        out, err = capsys.readouterr()
        assert shown.replace("title", "none" if missing in arguments else "title") in out + err
        assert (out + err).replace("\n", "").isprintable()
        assert (out + err).count("\n") == (4 if arguments == ["inspect", str(path)] else 1)
    with pytest.raises(SystemExit, match="2"):
        main(["inspect", plain, str(path)])
    assert shown in capsys.readouterr().err


@pytest.mark.skipif(os.name == "nt", reason="a closed pipe is another error on Windows")
@pytest.mark.parametrize("n_arrays", [1, 20_000])  # less than the buffer holds, and more
def test_when_nobody_reads_any_more_it_ends_quietly(n_arrays, tmp_path):
    path = tmp_path / "a.safetensors"
    save({f"w{i}": np.zeros(0) for i in range(n_arrays)}, path)
    read_end, write_end = os.pipe()
    os.close(read_end)
    with os.fdopen(write_end, "wb") as closed:
        done = subprocess.run(
            [sys.executable, "-m", "scratchnet", "inspect", path], stdout=closed, stderr=-1
        )
    assert (done.returncode, done.stderr) == (141, b"")


def test_version_is_that_of_the_package(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out == f"scratchnet {scratchnet.__version__}\n"


def test_the_sections_are_not_imported_before_the_tour_starts():
    program = (
        "import sys; from scratchnet.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "loaded = {'matplotlib', 'PIL', 'scratchnet.cli.tour.sections', 'scratchnet.training'}\n"
        "assert not loaded & set(sys.modules), loaded & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)


def test_python_m_scratchnet_is_the_same_command():
    result = subprocess.run(
        [sys.executable, "-m", "scratchnet", "tour", "--list"], capture_output=True, text=True
    )
    assert result.returncode == 0
    assert result.stdout.startswith("perceptron")
