"""A picture of a scenario's tasks: a row a task, a few of its training examples beside each other."""

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from scenarios.examples import Examples, TensorExamples
from scenarios.task import Scenario, Task
from scenarios.tiles import SIDE, Colour, tiles_of

MOST_TASKS, MOST_EXAMPLES = 10, 8

LOOKED_AT = 512
"""Examples whose labels are looked at to choose among, where reading a label means reading its input."""

MARGIN, GAP, LEFT = 12, 8, 180
LINE = 15
"""Height of a line of text."""

INK, PALE, FALSE = (20, 20, 20), (110, 110, 110), (180, 30, 30)

FONTS = ("DejaVuSans.ttf", "Arial.ttf")
"""Looked for in this order; Pillow's own, which has little more than ASCII, where there are none."""


@dataclass(frozen=True)
class Example:
    """One example as it is shown: its inputs as a training step sees them, its class, and its true class if another."""

    x: Tensor
    label: str
    truth: str | None


@dataclass(frozen=True)
class Row:
    task: Task
    examples: list[Example]


def picture(scenario: Scenario) -> Image.Image:
    """At most ten tasks, evenly chosen, with at most eight training examples each."""
    rows = [_row(scenario, scenario.tasks[index]) for index in even(len(scenario.tasks), MOST_TASKS)]
    tiles = [tiles_of([example.x for example in row.examples]) for row in rows]
    width = max([SIDE, *(tile.width for line in tiles for tile in line)])
    texts = [[_label(example, width) for example in row.examples] for row in rows]
    about = [_about(row.task) for row in rows]
    heights = [_height(*parts) + GAP for parts in zip(about, tiles, texts, strict=True)]
    top = MARGIN + 3 * LINE
    canvas = Image.new(
        "RGB", (2 * MARGIN + LEFT + MOST_EXAMPLES * (width + GAP), top + sum(heights) + MARGIN - GAP), "white"
    )
    pen = ImageDraw.Draw(canvas)
    _title(pen, scenario, len(rows), canvas.width - 2 * MARGIN)
    for told, line, labels, height in zip(about, tiles, texts, heights, strict=True):
        for number, (text, colour, size) in enumerate(told):
            pen.text((MARGIN, top + number * LINE), text, colour, _font(size))
        tallest = max((tile.height for tile in line), default=0)
        for column, (tile, label) in enumerate(zip(line, labels, strict=True)):
            left = MARGIN + LEFT + column * (width + GAP)
            canvas.paste(tile, (left + (width - tile.width) // 2, top + (tallest - tile.height) // 2))
            for number, (text, colour) in enumerate(label):
                place = (left + width / 2, top + tallest + number * (LINE - 2) + 1)
                pen.text(place, text, colour, _font(11), anchor="ma")
        top += height
    return canvas


def even(count: int, most: int) -> list[int]:
    """At most so many of the numbers 0 … count − 1, evenly spread, the first and the last among them."""
    if count <= most:
        return list(range(count))
    return [round(place * (count - 1) / (most - 1)) for place in range(most)]


def _row(scenario: Scenario, task: Task) -> Row:
    examples = task.training
    indices = torch.tensor(choose(examples, scenario.boundaries), dtype=torch.long)
    if not len(indices):
        return Row(task, [])
    x, y = examples.batch(indices)
    truth = y if examples.truth is None else examples.truth[indices]
    called = dict(zip(task.classes, map(str, task.original_classes), strict=True))
    shown = []
    for inputs, label, true in zip(x.cpu(), y.tolist(), truth.tolist(), strict=True):
        other = None if label == true else called.get(true, str(true))
        shown.append(Example(own_numbers(scenario, inputs), called.get(label, str(label)), other))
    return Row(task, shown)


def choose(examples: Examples, boundaries: bool = True) -> list[int]:
    """Numbers of the examples to show: as many of each class, class by class; of a stream, evenly from its course."""
    count = len(examples)
    if examples.ordered or not boundaries:
        return even(count, MOST_EXAMPLES)
    if isinstance(examples, TensorExamples):
        numbers, labels = torch.arange(count), examples.labels().cpu()
    else:
        numbers = torch.tensor(even(count, LOOKED_AT), dtype=torch.long)
        labels = examples.batch(numbers)[1].cpu() if count else numbers
    members = {label: numbers[labels == label][:MOST_EXAMPLES].tolist() for label in labels.unique().tolist()}
    # The first of each class, then the second of each, until there are enough.
    turns = [(turn, label, number) for label, found in members.items() for turn, number in enumerate(found)]
    return [number for _, label, number in sorted(sorted(turns)[:MOST_EXAMPLES], key=lambda found: found[1:])]


def own_numbers(scenario: Scenario, x: Tensor) -> Tensor:
    """An input in the shape of its own modality: [channels, height, width], [channels, length] or [features]."""
    if not scenario.modalities:
        return x
    modality = scenario.modalities[int(x[0])]
    values = x[1 : 1 + modality.size]
    side = math.isqrt(modality.size)
    if modality.name == "images" and side**2 == modality.size:
        return values.reshape(1, side, side)
    return values.reshape(1, -1) if modality.name == "signals" else values


def _title(pen: ImageDraw.ImageDraw, scenario: Scenario, shown: int, width: int) -> None:
    count = len(scenario.tasks)
    tasks = f"{count} task{'s' if count > 1 else ''}"
    about = [
        f"kind {scenario.kind}",
        tasks + (f", {shown} shown" if shown < count else ""),
        f"{scenario.classes} classes",
    ]
    pen.text((MARGIN, MARGIN - 2), fitted(scenario.name, _font(15), width), INK, _font(15))
    pen.text((MARGIN, MARGIN + LINE + 4), " · ".join(about), PALE, _font(12))


def _about(task: Task) -> list[tuple[str, Colour, int]]:
    """What is written at the left, by lines: number, name and classes of a task, and how much it has to train on."""
    classes = [str(original) for original in task.original_classes]
    lines = [(text, INK, 13) for text in _wrapped(f"Task {task.index + 1}: {task.name}", LEFT - GAP, 13)]
    if not all(each in task.name for each in classes):
        named = f"classes {', '.join(classes)}"
        fits = _font(11).getlength(named) <= LEFT - GAP
        lines.append((named if fits else f"{len(classes)} classes", PALE, 11))
    return [*lines, (f"{len(task.training):,} training examples", PALE, 11)]


def _label(example: Example, width: int) -> list[tuple[str, Colour]]:
    """What is written under an example, by lines: its class on one or two, and the true one where that is another."""
    lines = [(text, INK if example.truth is None else FALSE) for text in _wrapped(example.label, width + GAP - 2)]
    if example.truth is not None:
        lines += [(text, PALE) for text in _wrapped(f"truly {example.truth}", width + GAP - 2)]
    return lines


def _height(
    about: list[tuple[str, Colour, int]], tiles: list[Image.Image], labels: list[list[tuple[str, Colour]]]
) -> int:
    """Of a row: what its tiles and their labels take, and no less than the text at the left."""
    tallest = max((tile.height for tile in tiles), default=0)
    return max(len(about) * LINE, tallest + 2 + (LINE - 2) * max(map(len, labels), default=0))


def _wrapped(text: str, width: int, size: int = 11) -> list[str]:
    """A text on one line or, where it is too long, on two that part between words."""
    words = text.split()
    font = _font(size)
    for count in range(len(words), 0, -1):
        first, rest = " ".join(words[:count]), " ".join(words[count:])
        if font.getlength(first) <= width:
            return [first, fitted(rest, font, width)] if rest else [first]
    return [fitted(text, font, width)]


def fitted(text: str, font: ImageFont.FreeTypeFont, width: int) -> str:
    """A text of one line, cut where it would be wider."""
    text = " ".join(text.split())
    if font.getlength(text) <= width:
        return text
    cut = (text[:end] + "..." for end in range(min(len(text), 200), 0, -1))
    return next((shorter for shorter in cut if font.getlength(shorter) <= width), "")


@lru_cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    for name in FONTS:
        try:
            return ImageFont.truetype(name, size)
        except OSError:
            continue
    return ImageFont.load_default(size)  # type: ignore[return-value]
