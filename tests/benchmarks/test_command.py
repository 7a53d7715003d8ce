"""The command line of the suite: what it lists, refuses, runs, writes and compares."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

from benchmarks import __main__ as command
from benchmarks import harness, machine, readme, report, startup

CHECKOUT = Path(command.__file__).parents[1]


def test_list_names_every_group_and_case_and_measures_nothing(capsys, monkeypatch):
    monkeypatch.setattr(command, "measure", None)
    assert command.main(["--list"]) == 0
    printed = capsys.readouterr().out
    for name in command.GROUPS:
        assert f"{name}: " in printed
        for case in importlib.import_module(f"benchmarks.{name}").CASES:
            assert case.name in printed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["convolution"], "there is no group 'convolution': choose from conv, "),
        (["--threads", "0"], "--threads takes a positive number, got 0"),
        (["--rounds", "-1"], "--rounds takes a positive number, got -1"),
        (["--json", "no/such/folder/x.json"], "no folder no/such/folder"),
        (["--plot", "no/such/folder/x.png"], "no folder no/such/folder"),
        (["--compare", "no-such-file.json"], "no-such-file.json"),
        (["--from-json", "LICENSE"], "LICENSE is no report of this suite"),
        (["--readme", "LICENSE"], "LICENSE has no place for the table"),
    ],
)
def test_a_wrong_option_is_refused_before_anything_runs(arguments, message, capsys, monkeypatch):
    monkeypatch.chdir(CHECKOUT)
    with pytest.raises(SystemExit) as exit_:
        command.main(arguments)
    assert exit_.value.code == 2
    assert message in capsys.readouterr().err


@pytest.fixture
def quick(monkeypatch):
    """One import beside NumPy's is all there is to measure, without the roof."""
    cases = [case for case in startup.CASES if "numpy" in case.sides]
    monkeypatch.setattr(startup, "CASES", cases)
    monkeypatch.setattr(command, "roof", lambda threads: 1e11 * threads)
    return ["startup", "--rounds", "1", "--threads", "1"]


def test_a_group_is_printed_and_written(tmp_path, capsys, quick):
    file = tmp_path / "figures.json"
    assert command.main([*quick, "--json", str(file)]) == 0
    assert "geometric" not in capsys.readouterr().out  # one row needs no mean
    written = json.loads(file.read_text(encoding="utf-8"))
    (row,) = written["rows"]
    assert row["case"] == "import scratchnet"
    assert row["seconds"] > 0
    assert row["ratio"] == pytest.approx(row["seconds"] / row["peer_seconds"])  # of the one round
    assert written["facts"]["threads"] == 1
    assert written["roofs"] == [1e11, 1e11]
    assert written["remarks"]["startup"]["loaded of scipy, PIL, matplotlib"] == "none"
    assert list(tmp_path.iterdir()) == [file]


def test_a_report_is_shown_without_measuring(tmp_path, capsys, monkeypatch):
    file, table, picture = (tmp_path / name for name in ("x.json", "README.md", "x.png"))
    row = harness.Row("tape", "chain", mean="m", peer="torch", seconds=1.0, peer_seconds=2.0)
    row.ratio = row.lower_quartile = row.upper_quartile = 0.5
    row.ratios = [0.5]
    facts = machine.facts(1, ["scratchnet"])
    report.write(file, report.Report(facts, [1e11], {"tape": "the tape"}, [row], {"tape": {}}))
    table.write_text("\n".join(readme.MARKERS))
    monkeypatch.setattr(command, "measure", None)
    show = ["--from-json", str(file), "--readme", str(table), "--compare", str(file)]
    if importlib.util.find_spec("matplotlib") is not None:
        show += ["--plot", str(picture)]
    assert command.main(show) == 0
    assert "0 slower, 0 faster, of 1 rows" in capsys.readouterr().out
    assert "| tape: chain | 1.00 s | 2.00 s | torch | 0.50 |" in table.read_text(encoding="utf-8")
    assert ("--plot" in show) == picture.is_file()


def test_a_failing_case_is_the_exit_status(monkeypatch, capsys, quick):
    row = harness.Row("startup", "import", error="scratchnet: ImportError: no module")
    monkeypatch.setattr(command, "measure", lambda *_: iter([row]))
    monkeypatch.setattr(startup, "remarks", lambda rows: {})
    assert command.main(quick) == 1
    assert "ImportError: no module" in capsys.readouterr().out


def test_what_seems_slower_is_measured_again_before_it_is_said(
    tmp_path, monkeypatch, quick, capsys
):
    def rows_of(*factors):
        """Measure the group's case as so many times as long as NumPy's import, one after the other."""
        found = iter(factors)

        def measure(group, cases, *_):
            for case in cases:
                row = harness.Row("startup", case.name, peer="numpy", ratio=next(found))
                row.lower_quartile = row.upper_quartile = row.ratio
                row.ratios = [row.ratio]
                yield row

        monkeypatch.setattr(command, "measure", measure)
        monkeypatch.setattr(startup, "remarks", lambda rows: {})

    file = str(tmp_path / "old.json")
    rows_of(1.0)
    assert command.main([*quick, "--json", file]) == 0
    rows_of(2.0, 1.0)  # bad luck
    assert command.main([*quick, "--compare", file]) == 0
    assert "0 slower, 0 faster, of 1 rows" in capsys.readouterr().out
    rows_of(2.0, 2.1)
    assert command.main([*quick, "--compare", file]) == 1
    assert "slower: 2.10 times as long · startup · import scratchnet" in capsys.readouterr().out
