"""What the suite makes of rows: exponents, comparisons of runs, the README's table, the picture."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks import compare, growth, readme, report
from benchmarks.harness import Row
from benchmarks.report import Report
from benchmarks.side import CHECKOUT

FACTS = {
    "date": "2026-01-01",
    "machine": "a processor, 2 cores",
    "python": "3.13.0",
    "versions": {"numpy": "2.4.0", "torch": "2.13.0"},
    "threads": 2,
    "blas": ["openblas 0.3.31, Haswell kernels"],
    "environment": {},
}


def row(case: str, ratio: float | None = 1.0, group: str = "conv", **more) -> Row:
    """Return a row whose three turns have this ratio, within a percent."""
    ratios = [] if ratio is None else [0.99 * ratio, ratio, 1.01 * ratio]
    more = {"peer": "torch", "mean": "forward", "seconds": 0.002, "peer_seconds": 0.001} | more
    lower, upper = (ratios[0], ratios[2]) if ratios else (None, None)
    return Row(
        group, case, ratio=ratio, ratios=ratios, lower_quartile=lower, upper_quartile=upper, **more
    )


def run(*rows: Row, **facts) -> Report:
    titles = {row.group: f"what {row.group} measures" for row in rows}
    return Report(FACTS | facts, [2e11, 1e11], titles, list(rows), {"conv": {"bytes": 3}})


def test_a_report_is_read_as_it_was_written(tmp_path):
    written = run(row("a", sweep=("batch", 8)), row("b", ratio=None, error="failed"))
    report.write(tmp_path / "x.json", written)
    assert report.read(tmp_path / "x.json") == written
    assert [file.name for file in tmp_path.iterdir()] == ["x.json"]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"rows": [{"no": 1}]}'])
def test_another_file_is_no_report(tmp_path, text):
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(ValueError, match=r"x\.json is no report of this suite"):
        report.read(tmp_path / "x.json")


def test_the_exponent_is_the_slope_of_the_logarithms():
    values = np.array([10.0, 200.0, 3e4, 4e5])
    assert growth.exponent(values, 7e-9 * values**1.5) == pytest.approx(1.5, rel=1e-12)
    noise = np.array([1.1, 0.9, 1.05, 0.97])
    slope = np.polyfit(np.log(values), np.log(noise * values), 1)[0]
    assert growth.exponent(values, noise * values) == pytest.approx(slope, rel=1e-12)


def test_a_sweep_is_fitted_for_each_side_and_each_part():
    rows = [
        row(str(n), part=part, sweep=("batch", n), seconds=n**2, peer_seconds=n)
        for n in (4, 1, 2)
        for part in ("forward", "backward")
    ]
    rows += [row("alone", peer=None, peer_seconds=None, sweep=("size", n)) for n in (1, 2)]
    found = growth.sweeps(rows)
    assert [(s.part, s.side, round(s.exponent, 9)) for s in found] == [
        ("forward", "scratchnet", 2),
        ("forward", "torch", 1),
        ("backward", "scratchnet", 2),
        ("backward", "torch", 1),
    ]  # two values of "size" are too few
    assert found[0].values == [1, 2, 4]
    assert found[0].seconds == [1, 4, 16]


def test_a_run_has_not_changed_beside_itself(capsys):
    a_run = run(row("a"), row("b", ratio=None, error="failed"), row("c", None, turns=[1.0]))
    assert not compare.print_comparison(a_run, a_run)
    assert "0 slower, 0 faster, of 2 rows" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("old", "new", "slower", "faster"),
    [
        ([1.0, 1.1, 1.2], [1.3, 1.4, 1.5], True, False),
        ([1.3, 1.4, 1.5], [1.0, 1.1, 1.2], False, True),
        ([1.0, 1.1, 1.2], [1.2, 1.4, 1.5], False, False),  # the turns are not apart
        ([1.00, 1.01, 1.02], [1.03, 1.04, 1.05], False, False),  # apart by less than the margin
    ],
)
def test_a_change_is_one_beyond_the_noise_of_both_runs(old, new, slower, faster):
    a, b = (run(replace(row("a"), ratios=ratios)) for ratios in (old, new))
    (change,) = compare.compare(a, b)
    assert (change.is_slower, change.is_faster) == (slower, faster)
    assert change.factor == pytest.approx(new[1] / old[1])


def test_without_a_peer_times_are_compared_relative_to_the_roof():
    turns = [1.0, 1.01, 1.02]
    old = run(row("a", None, peer=None, turns=turns))
    slow_machine = run(row("a", None, peer=None, turns=[2 * t for t in turns]))
    slow_machine.roofs = [1e11, 0.5e11]
    (change,) = compare.compare(old, slow_machine)
    assert change.factor == 1
    slow_machine.roofs = old.roofs
    (change,) = compare.compare(old, slow_machine)
    assert change.is_slower


def test_a_comparison_tells_what_else_differs(capsys):
    old = run(row("a"), row("b"), row("x", group="pools"))
    versions = {"numpy": "2.5.0", "sklearn": "1.9"}
    new = run(row("a", 2.0), row("c", None, error="no"), threads=1, versions=versions)
    assert compare.print_comparison(old, new)
    printed = capsys.readouterr().out
    assert "DIFFERENT threads: was 2, is 1" in printed
    assert "DIFFERENT versions, numpy: was 2.4.0, is 2.5.0" in printed
    assert "sklearn" not in printed  # which the old run had no case beside
    assert "slower: 2.00 times as long · conv · a · beside torch" in printed
    assert "an error now: conv · c · beside torch" in printed
    assert "only in the old run: conv · b · beside torch\n" in printed  # pools was not asked for
    assert compare.print_comparison(run(row("c")), run(row("c", None, error="no")))


def test_the_table_is_written_between_its_marks(tmp_path):
    file = tmp_path / "README.md"
    file.write_text(f"# Title\n\n{readme.MARKERS[0]}\nold\n{readme.MARKERS[1]}\n\n## Licence\n")
    rows = row("small", 0.5), row("large", 2.0), row("chain", 0.25, group="tape", peak_bytes=10**7)
    for _ in range(2):  # a second time changes nothing
        readme.write(file, run(*rows))
        text = file.read_text(encoding="utf-8")
        assert text.startswith(f"# Title\n\n{readme.MARKERS[0]}\n2026-01-01, a processor, 2 cores")
        assert text.endswith(f"{readme.MARKERS[1]}\n\n## Licence\n")
        assert text.count("| conv | forward | torch | 1.00 | 2 |") == 1
        assert "| tape: chain | 2.00 ms | 1.00 ms | torch | 0.25 | 0.25 … 0.25 | 10.0 MB |" in text
        assert "Haswell kernels" in text
        assert "old" not in text
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("text", ["", readme.MARKERS[0], readme.MARKERS[1] + readme.MARKERS[0]])
def test_a_readme_without_the_marks_stays_as_it_is(tmp_path, text):
    file = tmp_path / "README.md"
    file.write_text(text)
    with pytest.raises(ValueError, match=r"README\.md has no place for the table"):
        readme.write(file, run(row("a")))
    assert file.read_text() == text


def test_our_readme_has_a_place_for_the_table():
    before, after = readme.parts(CHECKOUT / "README.md")
    assert before.rstrip().rpartition("\n## ")[2].startswith("Benchmarks\n")
    assert "## Licence" in after


@pytest.mark.parametrize("n_sweeps", [0, 1, 5])
def test_the_picture_shows_ratios_and_sweeps(tmp_path, n_sweeps):
    pytest.importorskip("matplotlib")
    from benchmarks.plot import plot

    rows = [row("a", 0.5), row("b", 3.0, peer="sklearn.metrics"), row("c", None, error="no")]
    for i in range(n_sweeps):
        rows += [row(f"{i} {n}", sweep=(f"size {i}", n), seconds=n, mean=None) for n in (1, 2, 4)]
    file = tmp_path / "x.svg"
    plot(file, run(*rows))
    drawn = file.read_text(encoding="utf-8")
    assert drawn.count("<!-- size ") == n_sweeps  # text is drawn as shapes, named in comments
    assert ("<!-- scratchnet, exponent 1.00 -->" in drawn) == (n_sweeps > 0)
    assert "<!-- sklearn -->" in drawn
