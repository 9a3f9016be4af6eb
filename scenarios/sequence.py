"""Sequence: a task a data set, all of one size."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Literal

import torch
from pydantic import PositiveInt
from torch import Tensor
from torch.nn.functional import interpolate, pad

from scenarios.errors import RequestError
from scenarios.images import Active, Standardise, Validation, source_tasks, stated, text_digest
from scenarios.scenario import register, shuffled
from scenarios.sources.source import Source, load_source
from scenarios.task import Kind, Scenario

PART = 4096
"""Images scaled at once."""


class Standardisation:
    """Subtracts a mean and divides by a deviation, one for each channel, on the scale [0, 1]."""

    def __init__(self, mean: list[float], deviation: list[float]) -> None:
        self.mean = mean
        self.deviation = deviation

    def __call__(self, x: Tensor) -> Tensor:
        mean, deviation = (torch.tensor(each, device=x.device).view(-1, 1, 1) for each in (self.mean, self.deviation))
        return (x.float() / 255 - mean) / deviation

    def digest(self) -> str:
        return text_digest("standardisation", self.mean, self.deviation)


@register("sequence")
def sequence(
    seed: int | None,
    root: Path | None = None,
    *,
    kind: Kind = "task",
    sources: str = "digits+fashion",
    size: PositiveInt | None = None,
    fit: Literal["scale", "pad"] = "scale",
    active: Active = "seen",
    validation: Validation = 0.1,
    standardise: Standardise = False,
) -> Scenario:
    """Each task is a data set of its own: digits, then clothes, …

    All images are brought to one size, bilinearly (and smoothed before they shrink), and stay bytes. Where any data
    set has colours, the grey ones have three equal channels.

    Args:
        seed: draws the order of data sets and the validation examples; None keeps the order as given.
        root: a folder where each data set is looked for.
        kind: what is known at test time; with "domain" all data sets share outputs, and must have equally many
            classes.
        sources: the data sets, as digits+fashion.
        size: height and width of the images; None is the largest that a data set has.
        fit: what is done with smaller images: "scale" makes them as large, "pad" puts them in the middle of black.
        active: with kind "class", which classes compete: those seen so far, or all from the start.
        validation: share of each class's training examples held out; "training" validates on the training examples.
        standardise: true has each data set's mean subtracted and divides by its deviation, for each channel, as it
            is read: inputs are floats then, four times as large. 0.1307/0.3081 does it with these for all.
    """
    names = [name.strip() for name in sources.split("+")]
    if len(set(names)) < len(names):
        raise RequestError(f"sequence: sources={sources} names one twice: a task each, as digits+fashion")
    loaded = _of_one_size(load_all(names, root), size, fit)
    counts = [len(source.labels) for source in loaded]
    if kind == "domain" and len(set(counts)) > 1:
        shown = ", ".join(f"{source.name} {count}" for source, count in zip(loaded, counts, strict=True))
        raise RequestError(
            f"sequence: with kind domain all data sets share outputs, and these have different numbers of classes "
            f"({shown}): ask for kind task or class"
        )
    ordered = shuffled(loaded, seed)
    transforms = [_standardisation(source.x) for source in ordered] if standardise is True else None
    scenario = source_tasks(ordered, seed, transforms, kind=kind, active=active, validation=validation)
    return replace(scenario, standardise=stated(standardise) if isinstance(standardise, str) else None)


def load_all(names: list[str], root: Path | None) -> list[Source]:
    """The data sets of these names.

    Raises:
        RequestError: where some cannot be had; it says which, and why.
    """
    found, missing = [], []
    for name in names:
        try:
            found.append(load_source(name, root))
        except RequestError as error:
            missing.append(f"{name}: {error}")
    if missing:
        raise RequestError(f"{len(missing)} of {len(names)} data sets cannot be had: {'; '.join(missing)}")
    for source in found:
        if len(source.input_shape) != 3 or source.x.dtype != torch.uint8 or source.x.shape[1] not in (1, 3):
            raise RequestError(
                f"{source.name} cannot be in a sequence of data sets: its inputs are "
                f"{'×'.join(map(str, source.input_shape))}, no grey or coloured images of bytes"
            )
    return found


def _of_one_size(sources: list[Source], size: int | None, fit: str) -> list[Source]:
    """The sources with images of one height and width."""
    size = size or max(side for source in sources for side in source.input_shape[1:])
    return [source.with_inputs(lambda x: _fitted(x, size, fit)) for source in sources]


def _fitted(x: Tensor, size: int, fit: str) -> Tensor:
    """Images [N, channels, size, size]."""
    height, width = x.shape[2:]
    if fit == "pad" and max(height, width) <= size:
        above, left = (size - height) // 2, (size - width) // 2
        return pad(x, [left, size - width - left, above, size - height - above])
    if height == width == size:
        return x
    parts = [_scaled(part, size) for part in x.split(PART)]
    return torch.cat(parts)


def _scaled(x: Tensor, size: int) -> Tensor:
    scaled = interpolate(x.float(), (size, size), mode="bilinear", antialias=True)
    return scaled.round().clamp(0, 255).byte()


def _standardisation(x: Tensor) -> Standardisation:
    """Of bytes, by the mean and the deviation of each channel."""
    levels = torch.arange(256, dtype=torch.float64) / 255
    means, deviations = [], []
    for channel in x.unbind(1):
        shares = torch.bincount(channel.flatten(), minlength=256).double() / channel.numel()
        mean = float((shares * levels).sum())
        means.append(round(mean, 4))
        deviations.append(round(math.sqrt(float((shares * (levels - mean) ** 2).sum())), 4) or 1.0)
    return Standardisation(means, deviations)
