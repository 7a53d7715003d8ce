"""The CSV of `scratchnet evaluate`: what is read, and errors that name file, line and column."""

import contextlib
import io
import json
import sys
import tempfile
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scratchnet.cli import main
from scratchnet.cli.error import CommandError
from scratchnet.cli.evaluate import table


def read(content, **kinds):
    """Return the columns of a file with these bytes, as lists."""
    kinds = kinds or {"y_true": "either", "y_pred": "either"}
    found = table.read_table(io.BytesIO(content), "f.csv", lambda names: kinds)
    return {
        name: column.values.tolist()
        if column.texts is None
        else [column.texts[code] for code in column.values]
        for name, column in found.items()
    }


def message(content, **kinds):
    with pytest.raises(CommandError) as caught:
        read(content, **kinds)
    return str(caught.value)


PLAIN = b"y_true,y_pred\n0,1\n1,1\n"


@pytest.mark.parametrize(
    "content",
    [
        PLAIN,
        b"\xef\xbb\xbf" + PLAIN,
        PLAIN.replace(b"\n", b"\r\n"),
        PLAIN.replace(b"\n", b"\r"),
        PLAIN.replace(b",", b";"),
        PLAIN.replace(b",", b"\t"),
        PLAIN.rstrip(),
        b"\n\n" + PLAIN.replace(b"\n", b"\n\n"),
        b" \n" + PLAIN.replace(b"\n", b"\n  \n") + b"\t ",
        "y_true,y_pred\n0\xa0,1\n1,\u20071\u202f\n".encode(),
        b'"y_true", y_pred \n "0","1" \n1.0e0, +1\n'.replace(b' "0"', b'"0"').replace(
            b'" \n', b'"\n'
        ),
        b"other,y_true,,y_pred,\nx,0,\xff,1,\n\x00,1,,1,\n",
    ],
)
def test_the_usual_forms_of_a_csv_are_read_alike(content):
    assert read(content) == {"y_true": [0, 1], "y_pred": [1, 1]}


@pytest.mark.parametrize(
    ("content", "where", "what"),
    [
        (b"", "", "empty"),
        (b"\n\r\n", "", "empty"),
        (b'""\n', "", "empty"),
        (b"y_true,y_pred\n", "", "no rows"),
        (b"y_true,y_pred\n  \n", "", "no rows"),
        (b"y_true,y_pred\n\n", "", "no rows"),
        (b"0,1\n1,1\n", "line 1", "name the columns"),
        (b"y_true,y_pred,y_pred\n0,1,1\n", "line 1", "'y_pred'"),
        (b"y_true,y_pred,\xff\n0,1,1\n", "line 1", "UTF-8"),
        (PLAIN.decode().encode("utf-16"), "line 1", "UTF-16"),
        (b"y_true,y_pred\n0,1\n1\n", "line 3", "1 cell, the header has 2"),
        (b"y_true,y_pred\n0,1\n1,1,1\n", "line 3", "3 cells, the header has 2"),
        (b"y_true,y_pred\n0,1\nx,1\n", "line 3, column 'y_true'", "'x' is not a number"),
        (b"y_true,y_pred\nx,1\ny,1\n0,1\n", "line 4, column 'y_true'", "line 2 has the text 'x'"),
        (b"y_true,y_pred\n0,1\n0,\n", "line 3, column 'y_pred'", "missing ('')"),
        (b"y_true,y_pred\n0,1\n0,NaN\n", "line 3, column 'y_pred'", "missing ('NaN')"),
        (b"y_true,y_pred\n,1\n0,1\n", "line 2, column 'y_true'", "missing ('')"),
        (b"y_true,y_pred\na,b\na, \n", "line 3, column 'y_pred'", "missing ('')"),
        (b"y_true,y_pred\n0,inf\n", "line 2, column 'y_pred'", "'inf' is not finite"),
        (b"y_true,y_pred\n0,-1e999\n", "line 2, column 'y_pred'", "'-1e999' is not finite"),
        (b"y_true,y_pred\n0,1\n0,1_000\n", "line 3, column 'y_pred'", "'1_000' is not a number"),
        ("y_true,y_pred\n0,1\n0,٣\n".encode(), "line 3, column 'y_pred'", "'٣' is not a number"),
        (b"y_true;y_pred\n0;1\n0;0,5\n", "line 3, column 'y_pred'", "'0,5' is not a number"),
        (b"y_true;y_pred\n0;1\n0;-0,5e3\n", "line 3, column 'y_pred'", "write '-0.5e3'"),
        (b"y_true\ty_pred\n1,5\t1\n", "line 2, column 'y_true'", "decimal commas"),
        ("y_true,y_pred\n0,1\n0,1\xa01\n".encode(), "line 3, column 'y_pred'", "is not a number"),
        (b"y_true,y_pred\na,b\na,\xe9\n", "line 3, column 'y_pred'", "is not UTF-8"),
        (b'y_true,y_pred\n0,1\n0,"1\n', "line 3", "unexpected end of data"),
        (b'y_true,y_pred\n0,1\n0,"1"2\n', "line 3", "expected"),
        # the first of two errors, though the second one is found at once
        (b"y_true,y_pred\n0,1\nx,1\n1\n", "line 3, column 'y_true'", "'x'"),
        # empty lines and line ends within quotes count
        (b'a,y_true,y_pred\n\n"1\n2",0,1\n\n3,0,x\n', "line 6, column 'y_pred'", "'x'"),
    ],
)
def test_an_error_names_file_line_column_and_what_is_there(content, where, what):
    said = message(content)
    assert said.startswith(f"f.csv: {where}")
    assert what in said
    assert "\n" not in said


def test_lines_are_counted_beyond_a_block(monkeypatch):
    monkeypatch.setattr(table, "BLOCK", 3)
    rows = b"0,1\n" * 10
    assert len(read(b"y_true,y_pred\n" + rows)["y_true"]) == 10
    for bad, what in ((b"x,1\n", "column 'y_true': 'x'"), (b"1\n", "has 1 cell")):
        for before in range(1, 8):
            content = b"y_true,y_pred\n" + b"0,1\n" * before + bad + rows
            said = message(content)
            assert said.startswith(f"f.csv: line {before + 2}")
            assert what in said


def test_classes_said_to_be_such_may_mix_numbers_and_text():
    content = b"y_true,y_pred\n1,1\n2,3a\n3a,2\n"
    assert read(content, y_true="label", y_pred="label") == {
        "y_true": ["1", "2", "3a"],
        "y_pred": ["1", "3a", "2"],
    }
    assert "--task classification" in message(content)


def test_too_many_classes_are_refused_at_the_line_of_the_first_one_too_many(monkeypatch):
    monkeypatch.setattr(table, "MAX_CLASSES", 4)
    lines = [f"c{i % 4},x" for i in range(8)] + ["new,x"]
    said = message("\n".join(["y_true,y_pred", *lines]).encode())
    assert said.startswith("f.csv: line 10, column 'y_true': 'new'")


class Endless(io.RawIOBase):
    """A few lines, and then one that does not end."""

    def __init__(self, start):
        self.start, self.n_read = io.BytesIO(start), 0

    def readable(self):
        return True

    def readinto(self, buffer):
        n = self.start.readinto(buffer)
        if n == 0:
            n = len(buffer)
            buffer[:] = b"a" * n
        self.n_read += n
        return n


@pytest.mark.parametrize("start", [b"", b"y_true,y_pred\n0,1\n"])
def test_an_endless_line_is_refused_and_not_read_to_its_end(start):
    endless = Endless(start)
    with pytest.raises(CommandError, match="longer than"):
        table.read_table(endless, "f.csv", lambda names: {"y_true": "either"})
    assert endless.n_read < 2 * table.MAX_LINE


def test_memory_is_that_of_the_columns_and_of_one_block(monkeypatch):
    n = 40_000
    monkeypatch.setattr(table, "BLOCK", 1000)
    text = "y_true,y_pred,other\n" + "".join(f"{i},{i / 7},{'x' * 50}\n" for i in range(n))
    file = io.BytesIO(text.encode())
    tracemalloc.start()
    try:
        table.read_table(file, "f.csv", lambda names: {"y_true": "either", "y_pred": "either"})
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # two columns of 8 bytes, once in blocks and once joined, and a block of cells as text, which for
    # all rows would be 100 bytes for each cell
    assert peak < 2 * 2 * 8 * n + 1000 * 3 * 300


# --- through the command


def run(content, *options):
    """Return the exit code, what was printed, and the error."""
    out, err = io.StringIO(), io.StringIO()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "f.csv"
        path.write_bytes(content)
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main(["evaluate", str(path), "--json", "--resamples", "9", *options])
    return code, out.getvalue(), err.getvalue()


@pytest.mark.parametrize(
    ("header", "options", "what"),
    [
        ("a,b", [], "--truth"),
        ("y_true,b", [], "--prediction or --score"),
        ("y_true,label,y_pred", [], "'y_true', 'label' could each be the truth"),
        ("y_true,y_pred,predicted", [], "'y_pred', 'predicted' could each be the prediction"),
        (
            "y_true,y_pred",
            ["--truth", "Y_true"],
            "no column 'Y_true', there are 'y_true', 'y_pred'",
        ),
        ("y_true,y_pred", ["--score", "s"], "no column 's'"),
        ("y_true,p_0,p_2", [], "'p_2'"),
    ],
)
def test_a_column_that_is_missing_or_ambiguous_is_an_error_of_line_1(header, options, what):
    width = header.count(",") + 1
    content = "\n".join([header, ",".join("0" * width), ",".join("1" * width)]).encode()
    code, out, err = run(content, *options)
    assert (code, out) == (1, "")
    assert what in err
    assert "f.csv: line 1: " in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("content", "options", "what"),
    [
        (b"y_true,y_pred\n0,a\n1,b\n", [], "column 'y_true' holds numbers, column 'y_pred' text"),
        (b"y_true,score\n0,1\n1,2\n2,3\n", [], "3 classes need a column of scores each"),
        (b"y_true,p_0,p_1\n0,1,0\n2,0,1\n", [], "class '2' has no column of scores"),
        (b"y_true,score\na,1\na,2\n", [], "the class 'a' only"),
        (b"y_true,y_pred\n0,1\n1,1\n", ["--positive", "2"], "no class '2', there are '0', '1'"),
        (b"y_true,y_pred\n0,1\n2,1\n", ["--positive", "2"], "two classes"),
        (b"y_true,score\n0.5,1\n0.7,1\n", [], "--prediction"),
        (b"y_true,pred\n0,1\n1,0.5\n", ["--task", "classification"], "--score pred"),
        (b"y_true,score,y_pred\n0,x,1\n", [], "line 2, column 'score': 'x' is not a number"),
    ],
)
def test_what_cannot_be_evaluated_is_an_error_of_one_line(content, options, what):
    code, out, err = run(content, *options)
    assert (code, out) == (1, "")
    assert what in err
    assert "f.csv" in err
    assert err.count("\n") == 1


def test_a_file_that_is_not_there_is_an_error_that_names_it(tmp_path, capsys):
    for path in (tmp_path / "absent.csv", tmp_path):
        assert main(["evaluate", str(path)]) == 1
        err = capsys.readouterr().err
        assert str(path) in err
        assert err.count("\n") == 1


def test_a_dash_is_standard_input(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(PLAIN)))
    assert main(["evaluate", "-", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["n_samples"] == 2
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"y_true,y_pred\n0,x\n1,1\n")))
    assert main(["evaluate", "-"]) == 1
    assert "standard input: line 3, column 'y_pred'" in capsys.readouterr().err
    monkeypatch.setattr(sys, "stdin", None)
    assert main(["evaluate", "-"]) == 1
    assert "standard input: it is closed" in capsys.readouterr().err


CELLS = st.sampled_from(
    [
        "0",
        "1",
        "2",
        "-1",
        "0.5",
        "1e308",
        "-1e308",
        "1e-320",
        "a",
        "b",
        "nan",
        "",
        "inf",
        " 1 ",
        '"',
        "\r",
    ]
)
NAMES = st.lists(
    st.sampled_from(["y_true", "y_pred", "score", "p_0", "p_1", "p_2", "proba_a", "x", ""]),
    min_size=1,
    max_size=5,
)


@st.composite
def tables(draw):
    names = draw(NAMES)
    few = st.lists(CELLS, min_size=1, max_size=3).flatmap(st.sampled_from)
    cells = draw(
        st.sampled_from([CELLS, few, st.sampled_from("01"), st.sampled_from(["0.2", "0.8"])])
    )
    rows = draw(st.lists(st.lists(cells, min_size=len(names), max_size=len(names)), max_size=6))
    return "\n".join(",".join(row) for row in [names, *rows]).encode()


@settings(max_examples=150, deadline=None)
@given(
    content=st.one_of(tables(), tables(), st.binary(max_size=60)),
    options=st.sampled_from(
        [
            [],
            ["--task", "classification"],
            ["--task", "regression"],
            ["--positive", "1"],
            ["--threshold", "0.5"],
            ["--score", "p_0"],
            ["--truth", "y_true", "--prediction", "y_pred"],
        ]
    ),
)
@example(content=b"y_true,y_pred\n1e308,-1e308\n-1e308,1e308\n0.5,1e-320\n", options=[])
@example(content=b"y_true,y_pred,score\n1,1,1e308\n0,0,-1e308\n", options=[])
@example(content=b"y_true,y_pred\n1e-320,1e-320\n1e-320,2\n", options=["--task", "regression"])
def test_any_bytes_give_a_report_or_an_error_of_one_line(content, options):
    code, out, err = run(content, *options)
    if code == 0:
        assert err == ""
        found = json.loads(out, parse_constant=lambda constant: pytest.fail(constant))
        for measure in found["metrics"].values():
            assert (measure["value"] is None) <= bool(measure["reason"])
            assert (measure["low"] is None) == (measure["high"] is None)
    else:
        assert code in (1, 2)
        assert out == ""
        assert err.startswith("scratchnet evaluate: ")
        assert err.count("\n") == 1
