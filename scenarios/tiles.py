"""Inputs drawn small: images, signals as lines, features as cells."""

import math

import torch
from PIL import Image, ImageDraw
from torch import Tensor

SIDE = 64
"""Pixels that an image or the height of a signal takes up at most."""

WIDE = 90
"""Pixels that a signal or a strip of cells is wide."""

Colour = tuple[int, int, int]
BLACK, BLUE, RED = (20, 20, 20), (31, 90, 160), (178, 40, 40)


def tiles_of(inputs: list[Tensor]) -> list[Image.Image]:
    """The inputs of one task drawn, on one scale, so that they can be compared."""
    if not inputs:
        return []
    values = torch.cat([x.flatten() for x in inputs]).float()
    low, high = float(values.min()), float(values.max())
    if inputs[0].ndim == 1:
        # What has two signs is centred; a few extreme values do not make all others pale.
        limit = 1.0 if low >= 0 and high <= 1 else float(values.abs().quantile(0.99)) or 1.0
        return [_cells(x.float() / limit, signed=low < 0) for x in inputs]
    if inputs[0].ndim == 2:
        return [_plot((x.float() - low) / (high - low or 1)) for x in inputs]
    if inputs[0].dtype == torch.uint8:
        low, high = 0, 255
    return [_image((x.float() - low) / (high - low or 1)) for x in inputs]


def _image(x: Tensor) -> Image.Image:
    """Pixels on [0, 1], enlarged by a whole factor, or reduced where they are too many; grey or, of three, colour."""
    colour = x if len(x) == 3 else x.mean(0, keepdim=True).expand(3, -1, -1)
    pixels = Image.fromarray((255 * colour).round().byte().permute(1, 2, 0).contiguous().numpy())
    longest = max(pixels.size)
    if longest > SIDE:
        size = [max(1, round(side * SIDE / longest)) for side in pixels.size]
        return pixels.resize((size[0], size[1]), Image.Resampling.BOX)
    factor = SIDE // longest
    return pixels.resize((pixels.width * factor, pixels.height * factor), Image.Resampling.NEAREST)


def _plot(x: Tensor) -> Image.Image:
    """Lines [channels, length] on [0, 1], drawn large and reduced, which smooths them."""
    times = 4
    large = Image.new("RGB", (WIDE * times, SIDE * times), (246, 246, 246))
    pen = ImageDraw.Draw(large)
    step = (WIDE - 4) / max(1, x.shape[1] - 1)
    for channel, colour in zip(x.tolist(), (BLUE, RED, BLACK) * len(x), strict=False):
        points = [((2 + at * step) * times, (2 + (1 - y) * (SIDE - 4)) * times) for at, y in enumerate(channel)]
        pen.line(points, fill=colour, width=6, joint="curve")
    return large.resize((WIDE, SIDE), Image.Resampling.LANCZOS)


def _cells(x: Tensor, signed: bool) -> Image.Image:
    """Numbers as cells in one row, or, where they are many, in several: white is nothing, dark is much.

    Args:
        x: the numbers, [features], 1 the most that is told apart.
        signed: whether there are negative ones: then blue is positive and red negative.
    """
    columns = len(x) if len(x) <= 40 else math.ceil(math.sqrt(2 * len(x)))
    side = max(2, WIDE // columns)
    tall = max(side, 16) if len(x) <= columns else side
    rows = math.ceil(len(x) / columns)
    line = 1 if side > 2 else 0  # between cells
    edge = 2 - line
    image = Image.new("RGB", (columns * side + edge, rows * tall + edge), (200, 200, 200))
    pen = ImageDraw.Draw(image)
    for number, value in enumerate(x.clamp(-1, 1).tolist()):
        full = (BLUE if value > 0 else RED) if signed else BLACK
        red, green, blue = (round(255 + (part - 255) * abs(value)) for part in full)
        row, column = divmod(number, columns)
        corner = (1 + column * side, 1 + row * tall)
        end = ((column + 1) * side - line, (row + 1) * tall - line)
        pen.rectangle((*corner, *end), fill=(red, green, blue))
    return image
