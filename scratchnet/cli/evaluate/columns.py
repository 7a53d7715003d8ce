"""Which column is the truth, which the prediction, which the score: as told, or by their names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from scratchnet.cli.error import CommandError
from scratchnet.cli.evaluate.table import quoted

__all__ = ["Roles", "class_in_name", "find_roles"]

# As compared: lower case, with "_" for whatever is between the words.
# fmt: off
TRUTH = (
    "y_true", "truth", "true", "y", "label", "labels", "target", "targets", "actual", "ground_truth",
    "gt", "class", "expected", "observed", "true_label", "true_class", "true_value", "y_test",
)
PREDICTION = (
    "y_pred", "prediction", "predictions", "predicted", "pred", "preds", "y_hat", "yhat",
    "predicted_label", "predicted_class", "predicted_value", "pred_label", "pred_class", "forecast",
)
SCORE = (
    "y_score", "score", "scores", "y_prob", "y_proba", "y_probability", "prob", "proba", "probability",
    "probabilities", "predicted_probability", "predicted_proba", "pred_prob", "pred_proba",
    "decision", "decision_function", "logit",
)
# fmt: on

# y_score_cat, proba_1, P(cat): the score of one class
_OF_CLASS = re.compile(
    r"(?:y[_ .-])?(?P<prefix>score|prob|proba|probability|logit|decision|p)"
    r"(?:[_ .:-](?P<name>.+)|\((?P<inner>.+)\))",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True)
class Roles:
    """The names of the columns; `guessed` names the options that found their column by its name."""

    truth: str
    prediction: str | None
    scores: tuple[str, ...]
    guessed: frozenset[str]


def find_roles(
    names: Sequence[str],
    where: str,
    truth: str | None = None,
    prediction: str | None = None,
    scores: Sequence[str] | None = None,
) -> Roles:
    """Return the role of the columns in the header `names`.

    where: the file, for errors. truth, prediction, scores: the columns that were named by options.
    Raises CommandError if one of those is not there, if nothing or several things look like the
    truth, or if there is neither a prediction nor a score.
    """
    told = [name for name in (truth, prediction, *(scores or ())) if name is not None]
    for name in told:
        if name not in names:
            raise CommandError(
                f"{where}: line 1: there is no column {quoted(name)}, there are {_listed(names)}"
            )
        if told.count(name) > 1:
            raise CommandError(f"column {quoted(name)} cannot be two things at once", 2)
    free = [name for name in names if name and name not in told]
    guessed = set()
    if truth is None:
        truth = _guess(free, TRUTH, "truth", where)
        if truth is None:
            raise CommandError(
                f"{where}: line 1: none of {_listed(names)} looks like the truth "
                f"({', '.join(TRUTH[:6])}, ...): name it by --truth"
            )
        guessed.add("truth")
    free = [name for name in free if name != truth]
    if prediction is None:
        prediction = _guess(free, PREDICTION, "prediction", where)
        guessed.add("prediction")
    if scores is None:
        free = [name for name in free if name != prediction]
        one = _guess(free, SCORE, "score", where)
        scores = _of_classes(free) if one is None else (one,)
        guessed.add("score")
    if prediction is None and not scores:
        raise CommandError(
            f"{where}: line 1: none of {_listed(names)} looks like a prediction "
            f"({', '.join(PREDICTION[:4])}, ...) or a score ({', '.join(SCORE[:3])}, ...): name it by "
            "--prediction or --score"
        )
    return Roles(truth, prediction, tuple(scores), frozenset(guessed))


def class_in_name(name: str) -> str:
    """Return the class in the name of a score column: cat for proba_cat, P(cat) or cat."""
    match = _OF_CLASS.fullmatch(name)
    return name if match is None else match["name"] or match["inner"]


def _guess(names: Sequence[str], known: Sequence[str], option: str, where: str) -> str | None:
    found = [name for name in names if re.sub(r"[\s.-]+", "_", name.lower()) in known]
    if len(found) > 1:
        raise CommandError(
            f"{where}: line 1: {_listed(found)} could each be the {option}: name it by --{option}"
        )
    return found[0] if found else None


def _of_classes(names: Sequence[str]) -> tuple[str, ...]:
    """Return the columns of two or more classes with one prefix; none if two prefixes have such."""
    groups: dict[str, list[str]] = {}
    for name in names:
        if match := _OF_CLASS.fullmatch(name):
            groups.setdefault(match["prefix"].lower(), []).append(name)
    several = [group for group in groups.values() if len(group) > 1]
    return tuple(several[0]) if len(several) == 1 else ()


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(quoted(name) for name in names[:20])
    return shown if len(names) <= 20 else f"{shown} and {len(names) - 20} more"
