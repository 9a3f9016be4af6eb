"""Where the tuner looks for hyper-parameters: read from their signatures, or said with `--space`."""

import math
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scenarios.errors import RequestError
from scenarios.options import Option, spelled, suggestion

if TYPE_CHECKING:
    from optuna import Trial

REACH = 100.0
"""A real number with no bounds of its own is looked for between its default divided by this and times this."""

LR = "lr"
"""The learning rate is looked for like a hyper-parameter."""


@dataclass(frozen=True)
class Range:
    """Where one hyper-parameter is looked for: between two numbers, or among some values.

    Attributes:
        low, high: both included.
        log: whether every order of magnitude is as likely.
        whole: whether only whole numbers are possible.
        values: in place of numbers.
    """

    low: float = 0.0
    high: float = 0.0
    log: bool = False
    whole: bool = False
    values: tuple[Any, ...] = ()

    def __str__(self) -> str:
        if self.values:
            return "|".join(spelled(value) for value in self.values)
        return f"{spelled(self.low)}..{spelled(self.high)}{' log' if self.log else ''}"

    def suggest(self, trial: "Trial", name: str) -> Any:
        if self.values:
            return trial.suggest_categorical(name, self.values)
        if self.whole:
            return trial.suggest_int(name, int(self.low), int(self.high), log=self.log)
        return trial.suggest_float(name, self.low, self.high, log=self.log)

    def holds(self, value: Any) -> bool:
        return value in self.values if self.values else value is not None and self.low <= value <= self.high


def space_of(options: Mapping[str, Option], lr: float, given: Sequence[str], fixed: Sequence[str]) -> dict[str, Range]:
    """Where to look for the hyper-parameters of a strategy, by name, the learning rate among them.

    Real numbers are looked for within their bounds, or around their default; switches and named choices among all
    their values. Whole numbers are sizes (of a memory, of a sample) that a comparison fixes: they stay as they are
    unless they are given.

    Args:
        options: of the strategy.
        lr: the learning rate around which to look.
        given: `name=low..high`, `name=low..high log` or `name=a|b|c`, instead.
        fixed: what is not looked for.

    Raises:
        RequestError: for a name that is no hyper-parameter, or a range that says something else.
    """
    space = {name: found for name, option in options.items() if (found := _read(option))}
    space[LR] = Range(lr / REACH, lr * REACH / 10, log=True)
    for text in given:
        name, equals, place = (part.strip() for part in text.partition("="))
        if not equals or (name not in options and name != LR):
            raise RequestError(f"--space {text}: {name!r} is no hyper-parameter{suggestion(name, [*options, LR])}")
        if name in fixed:
            raise RequestError(f"--space {text}: {name} has a value already")
        space[name] = _parse(text, place, options.get(name))
    return {name: found for name, found in space.items() if name not in fixed}


def _read(option: Option) -> Range | None:
    kind, limits = _number(option.annotation)
    if option.choices or kind is bool:
        return Range(values=option.choices or (False, True))
    if kind is not float or not isinstance(option.default, float):
        return None
    low, high = limits
    if low is not None and high is not None:
        return Range(low, high)
    if option.default <= 0:
        return None
    top = option.default * REACH
    return Range(option.default / REACH, top if high is None else min(high, top), log=True)


def _number(annotation: Any) -> tuple[Any, tuple[float | None, float | None]]:
    """The type that an annotation means, and its bounds."""
    if typing.get_origin(annotation) is not typing.Annotated:
        return annotation, (None, None)
    kind, *marks = typing.get_args(annotation)
    low = high = None
    for mark in (each for one in marks for each in (one, *getattr(one, "metadata", ()))):
        low = next((found for name in ("ge", "gt") if (found := getattr(mark, name, None)) is not None), low)
        high = next((found for name in ("le", "lt") if (found := getattr(mark, name, None)) is not None), high)
    return kind, (low, high)


def _parse(text: str, place: str, option: Option | None) -> Range:
    kind = float if option is None else _number(option.annotation)[0]
    if "|" in place or (option is not None and option.choices):
        values = tuple(part.strip() for part in place.split("|"))
        if kind in (int, float):
            return Range(values=tuple(_figure(text, value) for value in values))
        return Range(values=values)
    log = place.endswith(" log")
    low, dots, high = place.removesuffix(" log").partition("..")
    bounds = (_figure(text, low), _figure(text, high)) if dots else (0.0, 0.0)
    if not dots or bounds[0] >= bounds[1] or (log and bounds[0] <= 0):
        raise RequestError(f"--space {text}: write it as name=low..high, name=low..high log (from above 0) or name=a|b")
    return Range(*bounds, log=log, whole=kind is int)


def _figure(text: str, part: str) -> float:
    try:
        value = float(part)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise RequestError(f"--space {text}: {part!r} is no number")
    return value
