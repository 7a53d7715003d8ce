"""`scratchnet evaluate`: the library's figures, what is guessed, what is undefined, the picture."""

import contextlib
import csv
import io
import json
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scratchnet import metrics
from scratchnet.cli import main
from scratchnet.datasets import load_breast_cancer

FAST = ("--resamples", "50")


def written(path, header, *columns):
    """Write columns as a CSV file; return its path."""
    with open(path, "w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(zip(*columns, strict=True))
    return path


@pytest.fixture
def report(tmp_path, capsys):
    """Return a function from a header, columns and options to the JSON that is printed."""

    def evaluated(header, *columns, options=FAST):
        path = written(tmp_path / "file.csv", header, *(np.asarray(c).tolist() for c in columns))
        code = main(["evaluate", str(path), "--json", *options])
        out, err = capsys.readouterr()
        assert code == 0, err
        return strict_json(out)

    return evaluated


@pytest.fixture
def error(tmp_path, capsys):
    """Return a function from a header, columns and options to the one line of the error, and the code."""

    def failed(header, *columns, options=()):
        path = written(tmp_path / "file.csv", header, *(np.asarray(c).tolist() for c in columns))
        code = main(["evaluate", str(path), *options])
        out, err = capsys.readouterr()
        assert out == ""
        assert err.count("\n") == 1
        return err, code

    return failed


def strict_json(text):
    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(text, parse_constant=refuse)


def values(found):
    return {name: measure["value"] for name, measure in found["metrics"].items()}


def breast_cancer():
    """Return the truth and a probability that overlaps, from one column of the data."""
    data = load_breast_cancer()
    x = data.data[:, 0]
    return data.target, 1 / (1 + np.exp(x - 15))


def test_binary_figures_are_those_of_the_metrics(report):
    y, p = breast_cancer()
    predicted = (p >= 0.4).astype(int)
    found = report(["y_true", "y_pred", "y_score"], y, predicted, p)
    assert found["task"] == "classification"
    assert found["positive"] == 1
    expected = {
        "accuracy": metrics.accuracy_score(y, predicted),
        "balanced_accuracy": metrics.balanced_accuracy_score(y, predicted),
        "f1_macro": metrics.f1_score(y, predicted, average="macro"),
        "matthews_corrcoef": metrics.matthews_corrcoef(y, predicted),
        "cohen_kappa": metrics.cohen_kappa_score(y, predicted),
        "precision": metrics.precision_score(y, predicted),
        "recall": metrics.recall_score(y, predicted),
        "specificity": metrics.recall_score(y, predicted, pos_label=0),
        "f1": metrics.f1_score(y, predicted),
        "roc_auc": metrics.roc_auc_score(y, p),
        "average_precision": metrics.average_precision_score(y, p),
        "brier_score": metrics.brier_score_loss(y, p),
        "log_loss": metrics.log_loss(y, p),
        "d2_brier_score": metrics.d2_brier_score(y, p),
        "d2_log_loss_score": metrics.d2_log_loss_score(y, p),
        "expected_calibration_error": metrics.expected_calibration_error(y, p),
    }
    assert values(found) == pytest.approx(expected, rel=1e-12)  # the sums' order may differ
    assert found["confusion_matrix"] == metrics.confusion_matrix(y, predicted).tolist()
    wilson = metrics.wilson_interval((y == predicted).sum(), len(y))
    delong = metrics.roc_auc_interval(y, p)
    for name, interval in (("accuracy", wilson), ("roc_auc", delong)):
        measure = found["metrics"][name]
        assert (measure["low"], measure["high"]) == (interval.low, interval.high)
    best = metrics.threshold_for_youden(y, p)
    assert found["youden"]["threshold"] == best.threshold
    assert found["youden"]["confusion_matrix"] == best.confusion_matrix.tolist()


def test_bootstrap_intervals_are_those_of_bootstrap_interval(report):
    y, p = breast_cancer()
    found = report(["truth", "score"], y, p)["metrics"]["average_precision"]
    expected = metrics.bootstrap_interval(
        metrics.average_precision_score, y == 1, p, n_resamples=50, stratify=y, random_state=0
    )
    assert (found["low"], found["high"]) == (expected.low, expected.high)
    assert found["method"] == "bootstrap, BCa"


def test_regression_figures_are_those_of_the_metrics(report):
    rng = np.random.default_rng(0)
    y = rng.gamma(2, size=60)
    predicted = y * rng.uniform(0.5, 1.5, size=60)
    found = report(["target", "prediction"], y, predicted)
    assert found["task"] == "regression"
    names = {
        "r2": metrics.r2_score,
        "explained_variance": metrics.explained_variance_score,
        "mean_absolute_error": metrics.mean_absolute_error,
        "median_absolute_error": metrics.median_absolute_error,
        "root_mean_squared_error": metrics.root_mean_squared_error,
        "mean_squared_error": metrics.mean_squared_error,
        "mean_error": lambda y, p: np.mean(p - y),
        "d2_absolute_error": metrics.d2_absolute_error_score,
        "max_error": metrics.max_error,
        "mean_absolute_percentage_error": metrics.mean_absolute_percentage_error,
        "root_mean_squared_log_error": metrics.root_mean_squared_log_error,
        "mean_poisson_deviance": metrics.mean_poisson_deviance,
        "mean_gamma_deviance": metrics.mean_gamma_deviance,
    }
    expected = {name: metric(y, predicted) for name, metric in names.items()}
    assert values(found) == pytest.approx(expected, rel=1e-12)
    r2 = found["metrics"]["r2"]
    assert r2["low"] < r2["value"] < r2["high"]
    # what is for amounts alone is left out where something is negative
    assert "mean_poisson_deviance" not in report(["target", "prediction"], -y, predicted)["metrics"]


def test_multiclass_scores_are_matched_by_the_names_of_their_columns(report):
    rng = np.random.default_rng(1)
    names = np.array(["ant", "bee", "cat"])
    y = rng.integers(3, size=90)
    p = rng.dirichlet((1, 1, 1), size=90) / 2 + np.eye(3)[y] / 2
    found = report(
        ["proba_cat", "label", "proba_ant", "proba_bee"], p[:, 2], names[y], p[:, 0], p[:, 1]
    )
    assert [one["label"] for one in found["classes"]] == names.tolist()
    expected = {
        "roc_auc_ovr_macro": metrics.roc_auc_score(y, p, multi_class="ovr"),
        "log_loss": metrics.log_loss(y, p),
        "brier_score": metrics.brier_score_loss(y, p),
        "accuracy": metrics.accuracy_score(y, p.argmax(axis=1)),
        "expected_calibration_error": metrics.expected_calibration_error(y, p),
    }
    assert {name: values(found)[name] for name in expected} == pytest.approx(expected, rel=1e-12)
    for k, one in enumerate(found["classes"]):
        area = metrics.roc_auc_interval(y == k, p[:, k])
        assert one["roc_auc"]["low"] == area.low


def test_probabilities_that_were_rounded_are_still_probabilities(report):
    y = [0, 1, 2, 0]
    thirds = [0.33] * 4  # sum to 0.99
    found = report(["y", "p_0", "p_1", "p_2"], y, thirds, thirds, thirds)
    assert values(found)["log_loss"] == pytest.approx(np.log(3))
    tenths = [0.3] * 4
    assert (
        "log_loss" not in report(["y", "p_0", "p_1", "p_2"], y, tenths, tenths, tenths)["metrics"]
    )


@settings(max_examples=30, deadline=None)
@given(
    rows=st.lists(
        st.tuples(*[st.text(st.characters(codec="utf-8"), max_size=3).map("l{}l".format)] * 2),
        min_size=1,
        max_size=20,
    )
)
@example(rows=[('l"\r\nl', "l,l"), ("l;l", "l\x00l"), ("l\tl", "l\nl")])
def test_labels_of_any_text_are_counted_as_they_are(rows):
    with tempfile.TemporaryDirectory() as folder:
        path = written(Path(folder) / "file.csv", ["y_true", "y_pred"], *zip(*rows, strict=True))
        for options in ([], ["--json"]):
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                assert main(["evaluate", str(path), *options, "--resamples", "0"]) == 0
    found = strict_json(out.getvalue())
    support = {one["label"]: one["support"] for one in found["classes"]}
    truths = Counter(truth for truth, _ in rows)
    assert support == {label: truths[label] for label in {text for row in rows for text in row}}
    hits = sum(truth == predicted for truth, predicted in rows)
    assert values(found)["accuracy"] == hits / len(rows)


def test_one_and_one_point_zero_are_the_same_class(report):
    found = report(["y_true", "y_pred"], ["0", "1", "1"], ["0.0", "1.0", "+1"])
    assert [one["label"] for one in found["classes"]] == [0, 1]
    assert values(found)["accuracy"] == 1


# --- what is guessed, and what options say


@pytest.mark.parametrize("header", ["y_true", "Label", "TARGET", "Ground Truth", "true-label"])
def test_the_truth_is_found_by_its_name_in_any_case(header, report):
    assert report([header, "id", "Y_Pred"], [0, 1], [7, 8], [0, 1])["columns"] == {
        "truth": header,
        "prediction": "Y_Pred",
        "score": [],
    }


def test_options_name_columns_against_their_names(report):
    found = report(
        ["y_pred", "a", "b"],
        ["n", "p", "p"],
        ["p", "p", "n"],
        [1, 2, 0.5],
        options=[
            "--truth",
            "y_pred",
            "--prediction",
            "a",
            "--score",
            "b",
            "--positive",
            "p",
            *FAST,
        ],
    )
    assert found["columns"] == {"truth": "y_pred", "prediction": "a", "score": ["b"]}
    assert found["positive"] == "p"
    assert values(found)["roc_auc"] == 0.5  # the scores of p are 2 and 0.5, that of n is 1


@pytest.mark.parametrize(
    ("truth", "prediction", "task"),
    [
        ([1, 2, 3], [1, 2, 2], "classification"),
        (["a", "b", "b"], ["a", "a", "b"], "classification"),
        ([1.5, 2, 3], [1, 2, 3], "regression"),
        ([1, 2, 3], [1.5, 2, 3], "regression"),
        (range(21), range(21), "regression"),
        (range(20), range(20), "classification"),
    ],
)
def test_few_whole_numbers_and_text_are_classes(truth, prediction, task, report):
    assert report(["y_true", "y_pred"], truth, prediction)["task"] == task


def test_the_task_can_be_said(report):
    columns = [0, 1, 1], [0, 1, 0]
    for task in ("classification", "regression"):
        found = report(["y_true", "y_pred"], *columns, options=["--task", task, *FAST])
        assert found["task"] == task
        assert found["notes"] == []


def test_a_prediction_between_0_and_1_of_two_classes_is_a_score(report):
    found = report(["y_true", "prediction"], [0, 1, 1, 0], [0.1, 0.9, 0.4, 0.2])
    assert found["columns"]["score"] == ["prediction"]
    assert values(found)["roc_auc"] == 1
    assert found["notes"]


def test_the_threshold_makes_predictions_and_is_itself_positive(report):
    columns = ["truth", "score"], [0, 0, 1, 1], [1, 2, 2, 3]
    assert report(*columns)["confusion_matrix"] is None  # no probabilities
    found = report(*columns, options=["--threshold", "2", *FAST])
    assert found["confusion_matrix"] == [[1, 1], [0, 2]]


def test_of_two_classes_with_a_column_each_the_positive_one_is_taken(report):
    y, p = ["no", "yes", "yes", "no"], np.array([0.1, 0.8, 0.3, 0.4])
    header = ["y_true", "proba_no", "proba_yes"]
    assert report(header, y, 1 - p, p)["positive"] == "yes"
    for positive in ("yes", "no"):  # AUC is the same seen from either side
        found = report(header, y, 1 - p, p, options=["--positive", positive, *FAST])
        assert found["positive"] == positive
        assert values(found)["roc_auc"] == 0.75


@pytest.mark.parametrize("scale", [1, 0.01])  # at 0.01 some differences are all in [0, 1]
def test_two_scores_that_are_no_probabilities_count_by_their_difference(scale, report):
    y = ["no", "yes", "yes", "no", "no"]
    scores = scale * np.array([[9, 10], [2, 5], [1, 7], [20, 20.5], [30, 38]])
    header = ["y_true", "logit_no", "logit_yes"]
    options = ["--score", "logit_no", "logit_yes", *FAST]
    found = report(header, y, *scores.T, options=options)
    is_yes = np.array(y) == "yes"
    difference = scores[:, 1] - scores[:, 0]
    assert values(found)["roc_auc"] == metrics.roc_auc_score(is_yes, difference)
    assert values(found)["roc_auc"] != metrics.roc_auc_score(is_yes, scores[:, 1])
    assert values(found)["accuracy"] == (is_yes == (scores.argmax(axis=1) == 1)).mean()
    assert "log_loss" not in found["metrics"]
    assert any("'logit_yes' minus column 'logit_no'" in note for note in found["notes"])
    half = scale * 3
    told = report(header, y, *scores.T, options=[*options, "--threshold", repr(half)])
    assert values(told)["accuracy"] == (is_yes == (difference >= half)).mean()


def test_long_whole_numbers_are_classes_of_their_own(report, error):
    truth = [2**53, 2**53 + 1, 2**53, 2**53 + 1]
    predicted = [2**53, 2**53, 2**53 + 1, 2**53 + 1]
    header = ["y_true", "y_pred"]
    found = report(header, truth, predicted, options=["--task", "classification", *FAST])
    assert values(found)["accuracy"] == 0.5
    assert found["confusion_matrix"] == [[1, 1], [1, 1]]
    err, code = error(header, truth, predicted)
    assert code == 1
    assert "'y_true' holds numbers of 2**53 or more" in err
    assert "--task classification" in err
    assert report(header, truth, predicted, options=["--task", "regression", *FAST])
    named = [f"proba_{2**53}", f"proba_{2**53 + 1}"]
    p = [0.9, 0.2, 0.8, 0.4]
    options = ["--task", "classification", "--positive", str(2**53), *FAST]
    found = report(["y_true", *named], truth, p, [0.1, 0.8, 0.2, 0.6], options=options)
    assert values(found)["roc_auc"] == 1


def test_which_class_is_positive_is_asked_where_it_cannot_be_known(error):
    message, code = error(["y_true", "score"], ["cat", "dog"], [0.1, 0.9])
    assert code == 1
    assert "'cat', 'dog'" in message
    assert "--positive" in message


def test_the_same_seed_gives_the_same_intervals(report):
    columns = ["y_true", "y_pred"], [0, 1, 1, 0] * 9, [0, 1, 0, 0] * 9
    one, two, other = (
        report(*columns, options=["--resamples", "40", "--seed", seed]) for seed in "001"
    )
    assert one == two
    assert one["metrics"]["cohen_kappa"]["low"] != other["metrics"]["cohen_kappa"]["low"]


def test_a_higher_level_gives_a_wider_interval_around_the_same_value(report):
    y, p = breast_cancer()
    narrow, wide = (
        report(["y_true", "y_score"], y, p, options=["--confidence", level, *FAST])["metrics"]
        for level in ("0.5", "0.99")
    )
    for name in ("accuracy", "roc_auc", "average_precision", "cohen_kappa", "log_loss"):
        assert wide[name]["low"] < narrow[name]["low"] <= narrow[name]["high"] < wide[name]["high"]
        assert wide[name]["value"] == narrow[name]["value"]


# --- what is undefined


def test_what_is_undefined_is_null_with_a_reason(report):
    found = report(["y_true", "y_pred", "score"], [1, 1, 1], [1, 1, 1], [0.2, 0.9, 0.7])
    for name in ("roc_auc", "matthews_corrcoef", "cohen_kappa", "specificity"):
        assert found["metrics"][name]["value"] is None
        assert found["metrics"][name]["reason"]
    assert found["youden"] is None
    assert values(found)["accuracy"] == 1
    never = report(["y_true", "y_pred"], ["a", "b", "b"], ["b", "b", "b"])["classes"][0]
    assert never["precision"]["value"] is None
    assert "never predicted" in never["precision"]["reason"]
    constant = report(["target", "prediction"], [0.5, 0.5, 0.5], [0.4, 0.5, 0.6])["metrics"]
    one = report(["target", "prediction"], [0.5], [0.25])["metrics"]
    for found in (constant, one):
        for name in ("r2", "explained_variance", "d2_absolute_error"):
            assert found[name] == {
                "value": None,
                "low": None,
                "high": None,
                "method": None,
                "reason": "the truth does not vary",
            }


def test_the_highest_level_below_1_is_a_level(report):
    options = ["--confidence", "0.9999999999999999", *FAST]
    x = np.arange(100) + 0.5
    found = report(["target", "prediction"], x, x[::-1], options=options)["metrics"]
    median = found["median_absolute_error"]
    assert median["low"] < median["value"] < median["high"]


def test_one_sample_and_huge_numbers_give_reasons_and_no_nan(report):
    one = report(["target", "prediction"], [0.5], [0.25])["metrics"]
    assert one["mean_absolute_error"]["value"] == 0.25
    assert one["mean_absolute_error"]["low"] is None
    huge = report(["target", "prediction"], [1e300, 2.5, -1e308], [-1e308, 1, 1e308])["metrics"]
    assert huge["mean_squared_error"]["value"] is None
    assert "too large" in huge["mean_squared_error"]["reason"]


def test_no_threshold_better_than_chance_is_null_in_json_and_said_in_text(report, tmp_path, capsys):
    found = report(["y_true", "score"], [0, 1], [2, 1])
    assert found["youden"]["threshold"] is None
    assert main(["evaluate", str(tmp_path / "file.csv"), *FAST]) == 0
    assert "No threshold" in capsys.readouterr().out


# --- text


def test_the_text_aligns_and_says_every_metric_of_the_json(report, tmp_path, capsys):
    y, p = breast_cancer()
    names = values(report(["y_true", "y_pred", "y_score"], y, (p > 0.5).astype(int), p))
    assert main(["evaluate", str(tmp_path / "file.csv"), *FAST]) == 0
    out = capsys.readouterr().out
    assert out.isascii()
    lines = out.splitlines()
    rows = [line for line in lines if line.split(" ")[0] in names]
    assert len(rows) == len(names)
    assert (
        len({row.index(f"{value:.4f}") for row, value in zip(rows, names.values(), strict=True)})
        == 1
    )
    assert not [line for line in lines if line != line.rstrip()]


def test_a_label_cannot_write_to_the_terminal(tmp_path, capsys):
    path = written(tmp_path / "file.csv", ["y_true", "y_pred"], ["\x1b[2Ja", "b\nc"], ["b\nc"] * 2)
    assert main(["evaluate", str(path), *FAST]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert r"b\nc" in out


def test_a_terminal_without_the_letters_gets_them_escaped(tmp_path):
    path = written(tmp_path / "file.csv", ["y_true", "y_pred"], ["ж", "ü"], ["ж", "ü"])
    result = subprocess.run(
        [sys.executable, "-m", "scratchnet", "evaluate", str(path), "--resamples", "0"],
        capture_output=True,
        env={"PYTHONIOENCODING": "ascii", "PATH": ""},
        check=True,
    )
    assert rb"\u0436" in result.stdout


# --- arguments


@pytest.mark.parametrize(
    "options",
    [
        ["--confidence", "95"],
        ["--confidence", "0"],
        ["--confidence", "nan"],
        ["--seed", "-1"],
        ["--resamples", "1"],
        ["--resamples", "x"],
        ["--threshold", "inf"],
        ["--task", "ranking"],
        ["--plot", "picture.jpeg"],
        ["--score"],
    ],
)
def test_wrong_arguments_exit_with_2(options, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["evaluate", "file.csv", *options])
    assert "usage: scratchnet evaluate" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "what"),
    [
        (["--task", "regression", "--score", "s"], "--score"),
        (["--task", "regression", "--positive", "1"], "--positive"),
        (["--threshold", "1", "--prediction", "p"], "--threshold"),
        (["--threshold", "1"], "'p'"),
        (["--truth", "s", "--score", "s"], "'s'"),
    ],
)
def test_options_that_contradict_each_other_exit_with_2(options, what, error):
    header = ["truth", "p", "s"]
    header = ["truth", "pred", "s"] if options == ["--threshold", "1"] else header
    message, code = error(header, [0, 1], [0, 1], [0.5, 0.6], options=options)
    assert code == 2
    assert what.replace("'p'", "'pred'") in message


# --- the picture


@pytest.mark.parametrize(
    ("kind", "suffix"),
    [
        ("binary", "png"),
        ("binary", "svg"),
        ("binary", "PDF"),
        ("multiclass", "png"),
        ("many", "png"),
        ("regression", "png"),
        ("no prediction", "png"),
    ],
)
def test_the_picture_is_written_in_its_format(kind, suffix, tmp_path, capsys):
    y, p = breast_cancer()
    header, *columns = {
        "binary": (["y_true", "score"], y, p),
        "multiclass": (["y_true", "y_pred"], ["$a$", "$b_", "ж\x07"], ["$a$", "$a$", "語"]),
        "many": (["y_true", "y_pred"], range(40), range(40)),
        "regression": (["y_true", "y_pred"], p, p**2),
        "no prediction": (["y_true", "score"], [1, 1], [3, 4]),
    }[kind]
    path = written(tmp_path / "file.csv", header, *columns)
    picture = tmp_path / f"picture.{suffix}"
    task = "regression" if kind == "regression" else "classification"
    assert main(["evaluate", str(path), "--plot", str(picture), "--task", task, *FAST]) == 0
    start = {"png": b"\x89PNG\r\n", "svg": b"<?xml", "PDF": b"%PDF-"}[suffix]
    assert picture.read_bytes().startswith(start)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file.csv", f"picture.{suffix}"]


def test_numbers_too_large_for_a_picture_are_an_error_of_one_line(error, tmp_path):
    columns = ["y_true", "y_pred"], [1e308, -1e308, 0.5], [-1e308, 1e308, 2]
    message, code = error(*columns, options=["--plot", str(tmp_path / "picture.png"), *FAST])
    assert code == 1
    assert "cannot be drawn" in message
    assert not (tmp_path / "picture.png").exists()


def test_an_error_leaves_the_earlier_picture_as_it_was(error, tmp_path):
    picture = tmp_path / "picture.png"
    picture.write_bytes(b"earlier")
    error(["y_true", "y_pred"], [0, "x"], [0, 1], options=["--plot", str(picture)])
    assert picture.read_bytes() == b"earlier"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file.csv", "picture.png"]


def test_a_picture_that_cannot_be_written_is_an_error_before_the_file_is_read(tmp_path, capsys):
    out = tmp_path / "nowhere" / "picture.png"
    assert main(["evaluate", str(tmp_path / "absent.csv"), "--plot", str(out)]) == 1
    err = capsys.readouterr().err
    assert str(out) in err
    assert err.count("\n") == 1


def test_without_matplotlib_one_line_names_the_extra(error, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    options = ["--plot", str(tmp_path / "picture.png")]
    message, code = error(["y_true", "y_pred"], [0, 1], [0, 1], options=options)
    assert code == 1
    assert "pip install 'scratchnet[plot]'" in message


def test_help_loads_nothing_that_reads_or_measures_and_a_report_no_matplotlib(tmp_path):
    path = written(tmp_path / "file.csv", ["y_true", "y_pred"], [0, 1], [0, 1])
    program = f"""if True:
        import sys
        from scratchnet.cli import main
        for arguments in (["--help"], ["evaluate", "--help"]):
            try: main(arguments)
            except SystemExit: pass
        assert "scratchnet.cli.evaluate.evaluation" not in sys.modules
        assert main(["evaluate", {str(path)!r}]) == 0
        loaded = {{"matplotlib", "scipy", "PIL", "sklearn"}} & set(sys.modules)
        assert not loaded, loaded
    """
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
