"""The steps of a pipeline: by name and place, with their parameters."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any, Self

__all__ = ["Step", "StepsMixin", "is_passthrough"]

Step = tuple[str, Any]


def is_passthrough(step: Any) -> bool:
    """Return whether a step leaves the data as it is; None is an older word for "passthrough"."""
    return step is None or (isinstance(step, str) and step == "passthrough")


class StepsMixin:
    """Taking steps out, `get_params` and `set_params` through them. Stands left of `BaseEstimator`."""

    steps: list[Step]

    @property
    def named_steps(self) -> Any:
        """The steps by name, as a dictionary whose entries are attributes too."""
        from scratchnet.datasets.bunch import Bunch  # here: the data sets' readers come with it

        return Bunch(**dict(self.steps))

    def _step(self, place: int) -> Any:
        """Return the step at a place. In an empty pipeline that is an AttributeError, as `hasattr` needs."""
        if not self.steps:
            raise AttributeError("the pipeline is empty")
        step = self.steps[place][1]
        return "passthrough" if step is None else step

    def _active(self, *, with_last: bool = True) -> Iterator[tuple[int, str, Any]]:
        """Yield (number, name, step) for the steps that are not "passthrough"."""
        for i, (name, step) in enumerate(self.steps[: None if with_last else -1]):
            if not is_passthrough(step):
                yield i, name, step

    def __len__(self) -> int:
        """Return the number of steps."""
        return len(self.steps)

    def __getitem__(self, index: int | str | slice) -> Any:
        """Return the step at a place or of a name; of a slice a pipeline that shares its steps."""
        if isinstance(index, slice):
            if index.step not in (1, None):
                raise ValueError("Pipeline slicing only supports a step of 1")
            part = copy.copy(self)
            part.steps = self.steps[index]
            return part
        return self.named_steps[index] if isinstance(index, str) else self.steps[index][1]

    def _named(self) -> dict[str, Any]:
        """Return the steps by name; none if `steps` is something that `fit` will refuse."""
        try:
            return dict(self.steps)
        except (TypeError, ValueError):
            return {}

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters by name; `deep` adds the steps by name, and theirs as `name__parameter`."""
        params: dict[str, Any] = super().get_params(deep=False)  # type: ignore[misc]
        if deep:
            for name, step in self._named().items():
                params[name] = step
                if hasattr(step, "get_params") and not isinstance(step, type):
                    params |= {f"{name}__{inner}": v for inner, v in step.get_params().items()}
        return params

    def set_params(self, **params: Any) -> Self:
        """Set parameters by name, a step by its name, those of a step as `name__parameter`."""
        if "steps" in params:  # first: the other names are those of the new steps
            self.steps = params.pop("steps")
        own, named = super().get_params(deep=False), self._named()  # type: ignore[misc]
        nested: dict[str, dict[str, Any]] = {}
        for key, value in params.items():
            name, is_nested, inner = key.partition("__")
            if name in named and is_nested:
                nested.setdefault(name, {})[inner] = value
            elif name in named:
                self.steps = [(n, value if n == name else step) for n, step in self.steps]
            elif key in own:
                setattr(self, key, value)
            else:
                raise ValueError(
                    f"Invalid parameter {name!r} for {self!r}; it has {', '.join([*own, *named])}"
                )
        for name, inner_params in nested.items():
            self._named()[name].set_params(**inner_params)
        return self

    def _check_steps(self) -> None:
        """Raise an error unless the steps are a list of (name, estimator) that can be fitted in turn."""
        if not self.steps:
            raise ValueError("The pipeline is empty. Please add steps.")
        own = super().get_params(deep=False)  # type: ignore[misc]
        names = [name for name, _ in self.steps]
        if len(set(names)) < len(names):
            raise ValueError(f"Names provided are not unique: {names}")
        taken = [name for name in names if name in own or "__" in name]
        if taken:
            raise ValueError(
                f"{taken}: the name of a step must not be that of a parameter of the pipeline, and "
                "must not contain __"
            )
        for i, (name, step) in enumerate(self.steps):
            if isinstance(step, type):
                raise TypeError(f"step {name!r} is the class {step.__name__}, not an instance")
            if is_passthrough(step):
                continue
            is_last = i == len(self.steps) - 1
            has_fit = hasattr(step, "fit") or (not is_last and hasattr(step, "fit_transform"))
            if not has_fit or not (is_last or hasattr(step, "transform")):
                raise TypeError(
                    f"step {name!r} should implement fit{'' if is_last else ' and transform'}, or be "
                    f"'passthrough'; {step!r} (type {type(step)}) doesn't"
                )
