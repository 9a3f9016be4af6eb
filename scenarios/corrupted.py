"""Corrupted: the same images, spoiled in another way or more strongly for every task."""

import hashlib
import math
from collections.abc import Callable
from typing import Annotated, Literal

import torch
from pydantic import Field, NonNegativeInt
from torch import Generator, Tensor
from torch.nn.functional import pad

from scenarios.errors import RequestError
from scenarios.images import Active, Standardise, Validation, padded, text_digest, transformed_tasks
from scenarios.options import suggestion
from scenarios.scenario import register, shuffled
from scenarios.sources.source import Source
from scenarios.task import Kind, Scenario

SEVERITIES = (1, 2, 3, 4, 5)

Formula = Callable[[Tensor, list[Generator], int], Tensor]
"""From images [B, channels, height, width] on [0, 1], random numbers for each, and a severity of 1 to 5."""


def clean(x: Tensor, generators: list[Generator], severity: int) -> Tensor:
    """x itself."""
    return x


def noise(x: Tensor, generators: list[Generator], severity: int) -> Tensor:
    """x + σ · n with n normal for every value, σ = 0.08, 0.12, 0.18, 0.26, 0.38."""
    sigma = (0.08, 0.12, 0.18, 0.26, 0.38)[severity - 1]
    return x + sigma * torch.stack([torch.randn(x.shape[1:], generator=each) for each in generators])


def impulse(x: Tensor, generators: list[Generator], severity: int) -> Tensor:
    """A share of 3, 6, 9, 17, 27 % of the pixels is black or white, each as likely, in all channels alike."""
    share = (0.03, 0.06, 0.09, 0.17, 0.27)[severity - 1]
    drawn = torch.stack([torch.rand(1, *x.shape[2:], generator=each) for each in generators])
    return torch.where(drawn < share, (drawn < share / 2).to(x.dtype), x)


def blur(x: Tensor, generators: list[Generator], severity: int) -> Tensor:
    """A normal blur of σ = 0.04, 0.06, 0.08, 0.1, 0.13 of the longer side, borders repeated."""
    sigma = (0.04, 0.06, 0.08, 0.1, 0.13)[severity - 1] * max(x.shape[2:])
    radius = int(3 * sigma) + 1
    weights = [math.exp(-((at / sigma) ** 2) / 2) for at in range(-radius, radius + 1)]
    wide = pad(x, [radius] * 4, mode="replicate")
    # One shifted image after another: a convolution's rounding would hang on how many images a batch has.
    for axis in (2, 3):
        sums = torch.zeros_like(wide.narrow(axis, 0, x.shape[axis]))
        for at, weight in enumerate(weights):
            sums += wide.narrow(axis, at, x.shape[axis]) * (weight / sum(weights))
        wide = sums
    return wide


def contrast(x: Tensor, generators: list[Generator], severity: int) -> Tensor:
    """m + c · (x − m), with m the image's mean and c = 0.75, 0.5, 0.4, 0.3, 0.15."""
    share = (0.75, 0.5, 0.4, 0.3, 0.15)[severity - 1]
    mean = x.double().flatten(1).mean(1).to(x.dtype).view(-1, 1, 1, 1)
    return mean + share * (x - mean)


def brightness(x: Tensor, generators: list[Generator], severity: int) -> Tensor:
    """x + b with b = 0.1, 0.2, 0.3, 0.4, 0.5."""
    return x + 0.1 * severity


def occlusion(x: Tensor, generators: list[Generator], severity: int) -> Tensor:
    """A grey rectangle, 0.2, 0.3, 0.4, 0.5, 0.6 of either side, anywhere within the image."""
    covered = torch.ones(len(x), 1, 1, 1, dtype=torch.bool)
    for axis, length in enumerate(x.shape[2:], start=2):
        side = max(1, round((0.1 + 0.1 * severity) * length))
        starts = torch.stack([torch.randint(length - side + 1, (1,), generator=each) for each in generators])
        places = torch.arange(length)
        shape = [-1, 1, length, 1] if axis == 2 else [-1, 1, 1, length]
        covered = covered & ((places >= starts) & (places < starts + side)).view(shape)
    return torch.where(covered, 0.5, x)


FORMULAS: dict[str, Formula] = {
    formula.__name__: formula for formula in (clean, noise, impulse, blur, contrast, brightness, occlusion)
}


class Corruption:
    """Spoils every image of a batch by one formula.

    What is random hangs on the seed and the image's own content alone, so that an image looks the same in every
    evaluation, whichever others share its batch. Bytes stay bytes: rounded, and kept within 0…255 as floats are
    within 0…1.
    """

    def __init__(self, name: str, severity: int, seed: int) -> None:
        self.name = name
        self.severity = severity
        self.seed = seed

    def __call__(self, x: Tensor) -> Tensor:
        if self.name == "clean" or not len(x):
            return x
        images = x.cpu()
        scale = 255 if x.dtype == torch.uint8 else 1
        spoiled = FORMULAS[self.name](images / scale, [self._generator(image) for image in images], self.severity)
        spoiled = (spoiled * scale).clamp(0, scale)
        return (spoiled.round() if x.dtype == torch.uint8 else spoiled).to(x)

    def _generator(self, image: Tensor) -> Generator:
        key = f"{self.name} {self.severity} {self.seed}".encode()
        content = hashlib.blake2b(image.contiguous().numpy().data, digest_size=6, key=key)
        return Generator().manual_seed(int.from_bytes(content.digest(), "big"))

    def digest(self) -> str:
        return text_digest("corruption", self.name, self.severity, self.seed)


@register("corrupted")
def corrupted(
    source: Source,
    seed: int | None,
    *,
    kind: Kind = "domain",
    corruptions: str = "clean+noise+blur+contrast+occlusion",
    severity: Annotated[int, Field(ge=1, le=5)] | Literal["rising"] = 3,
    active: Active = "seen",
    validation: Validation = 0.1,
    standardise: Standardise = False,
    padding: NonNegativeInt = 0,
) -> Scenario:
    """Each task sees all images spoiled in a way of its own, at graded severity (after Hendrycks & Dietterich 2019).

    The idea is theirs; the formulas are our own, fit for images of any size. On the scale [0, 1], clipped to it, at
    severity 1, 2, 3, 4, 5:

    - clean: the image itself.
    - noise: x + σ · n with n normal for every value, σ = 0.08, 0.12, 0.18, 0.26, 0.38.
    - impulse: 3, 6, 9, 17, 27 % of the pixels are black or white, each as likely, in all channels alike.
    - blur: a normal kernel of σ = 0.04, 0.06, 0.08, 0.1, 0.13 of the longer side, borders repeated.
    - contrast: m + c · (x − m), with m the image's mean and c = 0.75, 0.5, 0.4, 0.3, 0.15.
    - brightness: x + 0.1, 0.2, 0.3, 0.4, 0.5.
    - occlusion: a grey rectangle, 0.2, 0.3, 0.4, 0.5, 0.6 of either side, anywhere within the image.

    What is random is drawn for each image from the seed and its content: it looks the same whenever it is seen.

    Args:
        source: where the examples come from.
        seed: draws the order of corruptions, their random numbers and the validation examples; None keeps the order
            as given, and draws as seed 0.
        kind: what is known at test time; with "task" and "class" every task brings classes of its own.
        corruptions: one task each, as noise+blur; of clean, noise, impulse, blur, contrast, brightness, occlusion.
        severity: from 1 to 5; "rising" goes through all corruptions at severity 1, then at 2, … up to 5 (clean
            comes once, first).
        active: with kind "class", which classes compete: those seen so far, or all from the start.
        validation: share of each class's training examples held out; "training" validates on the training examples.
        standardise: subtract the mean and divide by the deviation of the source's training inputs, or of what else
            is given, as 0.1307/0.3081.
        padding: black pixels added on every side of the images first; 2 make 32×32 of 28×28, as some code does.
    """
    source = padded(source, padding)
    names = _names(f"corrupted-{source.name}", corruptions)
    if severity == "rising":
        parts = [(name, 1) for name in names if name == "clean"]
        spoiling = [name for name in names if name != "clean"]
        parts += [(name, level) for level in SEVERITIES for name in shuffled(spoiling, seed)]
    else:
        parts = [(name, severity) for name in shuffled(names, seed)]
    return transformed_tasks(
        source,
        seed,
        [Corruption(name, level, seed or 0) for name, level in parts],
        [name if name == "clean" else f"{name} {level}" for name, level in parts],
        kind=kind,
        active=active,
        validation=validation,
        standardise=standardise,
    )


def _names(what: str, corruptions: str) -> list[str]:
    """The corruptions of a text.

    Raises:
        RequestError: where there is none of that name, or one comes twice.
    """
    names = [name.strip() for name in corruptions.split("+")]
    for name in names:
        if name not in FORMULAS:
            raise RequestError(f"{what}: there is no corruption {name!r}{suggestion(name, FORMULAS)}")
    if len(set(names)) < len(names):
        raise RequestError(f"{what}: corruptions={corruptions} names one twice: a task each, as noise+blur")
    return names
