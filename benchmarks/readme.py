"""The table at the end of the README, written by the suite."""

from __future__ import annotations

from pathlib import Path

from benchmarks.harness import OURS
from benchmarks.report import Mean, Report, disturbed, replace_text
from benchmarks.table import duration, label, megabytes

MARKERS = ("<!-- benchmarks: from here on python -m benchmarks writes -->", "<!-- to here -->")
SINGLE = ("training", "inference", "tape")  # groups whose rows are shown one by one


def write(file: Path, report: Report) -> None:
    """Replace what stands between the markers."""
    before, after = parts(file)
    replace_text(file, f"{before}{MARKERS[0]}\n{table(report)}{MARKERS[1]}{after}")


def parts(file: Path) -> tuple[str, str]:
    """Return what stands before and after the markers; ValueError if they are not there, in order."""
    text = file.read_text(encoding="utf-8")
    before, start, rest = text.partition(MARKERS[0])
    _, end, after = rest.partition(MARKERS[1])
    if not start or not end:
        raise ValueError(f"{file} has no place for the table: {MARKERS[0]} … {MARKERS[1]}")
    return before, after


def table(report: Report) -> str:
    """Return conditions, the mean of every group and the single figures, in Markdown."""
    facts = report.facts
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    kernels = "; ".join(facts["blas"])
    roof = " and ".join(f"{rate / 1e9:.0f}" for rate in report.roofs)
    lines = [
        f"{facts['date']}, {facts['machine']}, {facts['threads']} threads on each side. Python"
        f" {facts['python']}, {versions}. BLAS of NumPy: {kernels}; float32 products of matrices reach"
        f" {roof} GFLOP/s at the start and at the end. Ratios are {OURS} / peer: below 1, {OURS} is"
        " faster.",
        "",
        "| group | geometric mean over | peer | ratio | rows |",
        "|---|---|---|--:|--:|",
        *(mean_line(mean) for mean in report.means() if mean.group not in SINGLE or mean.rows > 1),
        "",
    ]
    singles = [row for row in report.rows if row.group in SINGLE and row.mean and row.ratio]
    if singles:
        lines += [
            f"| | {OURS} | peer | | ratio | quartiles | peak memory | the peer's |",
            "|---|--:|--:|---|--:|---|--:|--:|",
            *(
                f"| {row.group}: {label(row)} | {duration(row.seconds)} | {duration(row.peer_seconds)}"
                f" | {row.peer} | {row.ratio:.2f} | {row.lower_quartile:.2f} … {row.upper_quartile:.2f}"
                f" | {megabytes(row.peak_bytes)} | {megabytes(row.peer_peak_bytes)} |"
                for row in singles
            ),
            "",
        ]
    if found := disturbed(report.rows):
        lines += [f"Other programs disturbed {len(found)} of {len(report.rows)} rows.", ""]
    return "\n".join(lines)


def mean_line(mean: Mean) -> str:
    return f"| {mean.group} | {mean.over} | {mean.peer} | {mean.ratio:.2f} | {mean.rows} |"
