"""The harness on cases of its own: what it compares, pairs, counts and refuses. No time is asserted."""

from __future__ import annotations

import doctest
import json
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from benchmarks import growth, harness, machine, plot, report, table
from benchmarks.harness import Case, Row, Timed

# Runs in the workers: each case states what the harness must make of it. NumPy stands in for a peer.
CASES = """
import os
import sys
import numpy as np
from benchmarks.harness import Case, Timed

def side(call):
    return lambda *args: lambda: call(*args)

def pair(name, ours, theirs, args=(), tolerance=0.0, **more):
    return Case(name, {"scratchnet": side(ours), "numpy": side(theirs)}, args, tolerance, **more)

def fail():
    raise ValueError("no such shape (3, 4)")

def threads():
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    return Timed({name: float(os.environ[name]) for name in names})

CASES = [
    pair("same", np.arange, np.arange, (4,)),
    pair("near", lambda: np.float32([1, 4.1]), lambda: np.float32([1, 4]), tolerance=0.03),
    pair("far", lambda: np.float32([1, 4.1]), lambda: np.float32([1, 4]), tolerance=0.02),
    pair("nan", lambda: np.float32([1, np.nan]), lambda: np.float32([1, 4]), tolerance=1e9),
    pair("dtype", lambda: np.zeros(3), lambda: np.zeros(3, np.float32)),
    pair("shape", lambda: np.zeros((3, 1)), lambda: np.zeros(3)),
    pair("number", lambda: (np.zeros(3), np.zeros(3)), lambda: np.zeros(3)),
    pair("parts", lambda: Timed({"forward": 2.0, "backward": 3.0}),
         lambda: Timed({"forward": 1.0, "backward": 6.0}), mean="passes"),
    pair("ours fails", fail, lambda: np.zeros(3)),
    pair("theirs fails", lambda: np.zeros(3), fail),
    pair("ours dies", lambda: os._exit(3), lambda: np.zeros(3)),
    pair("prints", lambda: [print("{}"), os.write(1, b"more")][1], lambda: 4),
    pair("threads", threads, threads),
    pair("memory", lambda: np.ones(8_000_000), lambda: np.ones(8_000_000)),
    pair("memory elsewhere", lambda: np.ones(3), lambda: np.ones(3), memory=False),
    pair("grows", np.arange, np.arange, (4,), sweep=("entries", 4), flops=8.0),
    Case("no peer", {"scratchnet": side(lambda: np.ones(3)), "no_such_package.x": None}, (), 0.0),
]
"""


@pytest.fixture
def measure(tmp_path, monkeypatch):
    """Return a function from a case's name to its rows, with one turn on each side."""
    (tmp_path / "cases_of_the_test.py").write_text(textwrap.dedent(CASES))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "cases_of_the_test", raising=False)
    monkeypatch.setattr(harness, "PAUSE", 0.0)
    import cases_of_the_test as group

    def rows(name: str, threads: int = 1) -> list[Row]:
        case = next(case for case in group.CASES if case.name == name)
        return list(harness.measure("cases_of_the_test", [case], threads, rounds=1))

    return rows


def test_cases_that_start_together_give_their_rows_in_order(measure, monkeypatch):
    import cases_of_the_test as group

    monkeypatch.setattr(harness, "cores", lambda: 2)
    names = ["same", "ours dies", "near"]
    cases = [next(case for case in group.CASES if case.name == name) for name in names]
    rows = list(harness.measure("cases_of_the_test", cases, threads=1, rounds=2))
    assert [row.case for row in rows] == names
    assert [row.error is None for row in rows] == [True, False, True]
    assert len(rows[0].turns) == len(rows[0].ratios) == 2


def test_a_row_tells_what_grows_and_what_it_computes(measure):
    (row,) = measure("grows")
    assert (row.sweep, row.flops) == (("entries", 4), 8.0)
    assert table.roof_fraction(row, roof=8 / row.seconds) == 1


def test_equal_results_are_timed_on_both_sides(measure):
    (row,) = measure("same")
    assert (row.group, row.case, row.peer, row.error) == (
        "cases_of_the_test",
        "same",
        "numpy",
        None,
    )
    assert row.seconds > 0
    assert row.peer_seconds > 0
    assert row.ratio == row.seconds / row.peer_seconds  # of the only round
    assert row.difference == 0


def test_the_difference_is_a_fraction_of_the_peers_largest_entry(measure):
    (row,) = measure("near")
    assert row.error is None
    np.testing.assert_allclose(row.difference, 0.1 / 4, rtol=1e-6)  # float32 holds 4.1 to 1e-7


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ("far", "2.5e-02 of the largest entry, more than 2.0e-02"),
        ("nan", "nan"),
        ("dtype", "float64 (3,)"),
        ("shape", "float64 (3, 1)"),
        ("number", "another form"),
        ("theirs fails", "numpy: ValueError: no such shape (3, 4)"),
    ],
)
def test_a_peer_with_another_result_is_not_timed(measure, case, message):
    (row,) = measure(case)
    assert row.peer == "numpy"
    assert message in row.error
    assert row.seconds is row.ratio is None


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ("ours fails", "scratchnet: ValueError: no such shape (3, 4)"),
        ("ours dies", "scratchnet: its process ended with status 3"),
    ],
)
def test_a_failure_of_ours_is_a_row_with_the_reason(measure, case, message):
    (row,) = measure(case)
    assert row.error == message


def test_a_case_that_times_itself_gives_a_row_per_part(measure):
    forward, backward = measure("parts")
    assert (forward.part, forward.seconds, forward.peer_seconds, forward.ratio) == (
        "forward",
        2,
        1,
        2,
    )
    assert (backward.part, backward.ratio) == ("backward", 0.5)
    (mean,) = report.means([forward, backward])
    assert str(mean) == "passes, scratchnet / numpy, 2 rows: 1.00"


def test_what_a_library_prints_is_no_answer(measure):
    (row,) = measure("prints")
    assert row.error is None


def test_every_side_is_told_the_number_of_threads(measure):
    for row in measure("threads", threads=3):
        assert row.seconds == row.peer_seconds == 3


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the peak is Linux's")
def test_the_peak_counts_the_case_and_not_the_imports(measure):
    (row,) = measure("memory")
    size = 8 * 8_000_000
    for peak in (row.peak_bytes, row.peer_peak_bytes):
        assert size <= peak < size + 8e6  # NumPy alone is 25 MB: the imports are not in it


def test_memory_of_another_process_is_not_shown(measure):
    (row,) = measure("memory elsewhere")
    assert row.peak_bytes is row.peer_peak_bytes is None


def test_without_its_peer_a_case_is_timed_alone(measure):
    (row,) = measure("no peer")
    assert row.error is row.peer is row.ratio is None
    assert row.seconds > 0


def recorded(order):
    """Return turns of A and B that write down when they were taken, and count."""
    return {name: (lambda name=name: order.append(name) or len(order)) for name in "AB"}


def test_the_sides_take_turns_and_rest_before_the_other_one():
    order: list[str] = []
    taken = harness.alternate(recorded(order), rounds=3, rest=lambda: order.append("-"))
    assert "".join(order) == "-A-BB-AA-B"
    assert taken == {"A": [2, 7, 8], "B": [4, 5, 10]}


def test_long_turns_have_fewer_rounds_but_some(monkeypatch):
    monkeypatch.setattr(harness, "ROUND", 0.0)  # the time is over at once
    taken = harness.alternate(recorded([]), rounds=9, rest=lambda: None)
    assert len(taken["A"]) == len(taken["B"]) == harness.LEAST


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="Linux tells which threads run")
def test_a_rest_ends_when_all_sleep_and_is_long_where_that_is_not_known(monkeypatch):
    asked: list[int] = []

    class Spinning:
        def is_running(self) -> bool:
            asked.append(1)
            return len(asked) < 3

    harness.rest([Spinning()])
    assert len(asked) == 3
    monkeypatch.setattr(Spinning, "is_running", lambda self: True)
    monkeypatch.setattr(harness, "PAUSE", 0.01)
    harness.rest([Spinning()])  # ends nevertheless


def test_a_slow_minute_does_not_change_a_paired_ratio():
    quick, slow = [1.0, 1.0, 10.0, 10.0], [2.0, 2.0, 20.0, 20.0]
    assert harness.quartiles(np.divide(quick, slow).tolist()) == (0.5, 0.5, 0.5)


def test_the_geometric_mean_of_inverse_ratios_is_the_inverse():
    ratios = [0.5, 3.0, 1.7]
    inverse = harness.geometric_mean([1 / r for r in ratios])
    np.testing.assert_allclose(harness.geometric_mean(ratios) * inverse, 1, rtol=1e-15)


def test_rows_without_a_ratio_or_a_mean_do_not_enter_the_means():
    rows = [
        Row("g", "a", mean="m", peer="numpy", ratio=3.0),
        Row("g", "b", mean="m", peer="numpy", error="failed"),
        Row("g", "c", mean=None, peer="numpy", ratio=100.0),
    ]
    (mean,) = report.means(rows)
    assert (mean.group, mean.over, mean.peer, mean.rows) == ("g", "m", "numpy", 1)
    assert mean.ratio == pytest.approx(3.0, rel=1e-15)


def test_the_facts_can_be_written_and_name_the_blas(monkeypatch):
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    facts = json.loads(json.dumps(machine.facts(2, ["scratchnet", "no_such_package"])))
    assert facts["threads"] == 2
    assert facts["environment"]["OPENBLAS_CORETYPE"] == "Haswell"
    assert facts["versions"]["numpy"] == np.__version__
    assert facts["versions"]["no_such_package"] == "not installed"
    assert facts["blas"]


def test_a_package_with_several_sides_has_one_version():
    sides = ["scratchnet", "sklearn.metrics", "sklearn.svm", "numpy"]
    assert machine.packages(sides) == ["numpy", "scratchnet", "sklearn"]


def test_durations_have_three_digits_and_a_unit():
    texts = [table.duration(s) for s in (9.994e-6, 0.00123, 0.0456, 0.789, 1.5, 600.0, None)]
    assert texts == ["9.99 µs", "1.23 ms", "45.6 ms", "789 ms", "1.50 s", "600 s", "–"]


@pytest.mark.parametrize("module", [growth, harness, plot, table])
def test_the_examples_in_the_docstrings_hold(module):
    outcome = doctest.testmod(module)
    assert outcome.failed == 0 < outcome.attempted


def test_cases_and_timed_results_cannot_be_changed():
    for frozen in (Case("a", {}, (), 0.0), Timed({})):
        with pytest.raises(AttributeError):
            frozen.name = "b"


def test_what_neither_side_used_was_used_by_others():
    before, after = (100.0, 40.0, 10.0), (120.0, 54.0, 19.0)
    assert harness.share_of_others(before, after) == (14 - 9) / 20
    assert harness.share_of_others(before, (120.0, 49.0, 19.5)) == 0  # clocks of different grain
    assert harness.share_of_others(None, None) is None


def test_rows_measured_beside_other_work_are_named():
    rows = [Row("g", "a", others=0.02), Row("g", "b", others=0.4), Row("g", "c", others=None)]
    assert [row.case for row in report.disturbed(rows)] == ["b"]
